"""The queue in columns and its words, beside a slow and obvious reading of the rows."""

from itertools import product

import msgspec
import pyarrow as pa
import pytest

from desk.acts import Assign
from engine.batches import PaymentBatch
from store.case_records import AGE_BANDS, AMOUNT_BANDS, FACETS, CaseFilter
from store.case_words import terms_of
from store.views import SavedView
from tests.store.item_rows import customers
from tests.store.stored_files import file_id_of, file_result
from tests.store.test_case_records import NOW, keep, repository, save

DAY_MS = 86_400_000
FIELDS = {
    "state": "states",
    "code": "codes",
    "company_id": "company_ids",
    "currency": "currencies",
    "assignee": "assignees",
    "customer_id": "customer_ids",
    "file_id": "file_ids",
    "bank_account": "bank_accounts",
    "age": "ages",
    "amount": "amount_bands",
}
COLUMNS = (
    "row_number, state, code, company_id, currency, assignee, customer_id, file_id, "
    "amount_minor, undecided_minor, raised_at_ms, due_at_ms, lease_until_ms, parked_until_ms"
)
__all__ = ["repository"]

STATES = ("new", "open", "in_work", "parked", "confirmed")


class _Spread:
    """Values spread over what there is, the same every time."""

    def __init__(self):
        self.at = 0

    def randrange(self, bound):
        self.at += 1
        return self.at * 7_368_787 % 1_000_003 % bound

    def choice(self, values):
        return values[self.randrange(len(values))]


def band(bands, value):
    return [name for name, start in bands.items() if value >= start][-1]


def slow_rows(database, now):
    """Every case as its facets say it."""
    accounts = dict(database.rows("SELECT payment_id, bank_account FROM payment"))
    for number, *rest in database.rows(f"SELECT {COLUMNS} FROM exception_case"):
        row = dict(zip(COLUMNS.replace("\n", "").split(", ")[1:], rest, strict=True))
        until = {"in_work": row["lease_until_ms"], "parked": row["parked_until_ms"]}
        if until.get(row["state"], now + 1) <= now:
            row["state"] = "open"
        ((payment,),) = database.rows(
            "SELECT payment_id FROM exception_case WHERE row_number = ?", number
        )
        row |= {"number": number, "bank_account": accounts.get(payment, "")}
        row["age"] = band(AGE_BANDS, max(0, (now - row["raised_at_ms"]) // DAY_MS))
        unit = 1 if row["currency"] == "JPY" else 100
        row["amount"] = band(AMOUNT_BANDS, abs(row["amount_minor"]) // unit)
        yield row


def fits(row, wanted, but=""):
    return all(
        not getattr(wanted, field) or row[facet] in getattr(wanted, field)
        for facet, field in FIELDS.items()
        if facet != but
    )


@pytest.fixture
def busy(repository):
    """Cases of every kind, some of them changed after they were first counted."""
    keep(repository, "monday", payments=40, amount=123_456, bucket="unapplied_minor", applied=0)
    keep(repository, "tuesday", payments=30, amount=900, bucket="unidentified_minor", applied=0)
    chance = _Spread()
    with repository.booking() as booking:
        number = booking.number()
        for row in range(1, 71):
            booking.database.change(
                "UPDATE exception_case SET state = ?, code = ?, company_id = ?, currency = ?, "
                "assignee = ?, customer_id = ?, amount_minor = ?, undecided_minor = ?, "
                "raised_at_ms = ?, due_at_ms = ?, lease_until_ms = ?, parked_until_ms = ?, "
                "change_number = ? WHERE row_number = ?",
                chance.choice(STATES),
                chance.choice(("AMT-SHORT", "PAY-UNKNOWN", "REF-NONE")),
                chance.choice(("K", "L")),
                chance.choice(("EUR", "JPY")),
                chance.choice(("", "ann", "bob")),
                f"C-{chance.randrange(4)}",
                chance.choice((-1, 1)) * chance.randrange(10**8),
                chance.randrange(5) * 100,
                NOW - chance.randrange(50) * DAY_MS,
                NOW + chance.randrange(4),
                NOW + chance.choice((-1, 1)),
                NOW + chance.choice((-1, 1)),
                number,
                row,
            )
    return repository


def some_filters():
    values = {
        "states": ("open", "new"),
        "codes": ("AMT-SHORT", "NO-SUCH"),
        "company_ids": ("K", "M"),
        "currencies": ("JPY",),
        "assignees": ("", "ann"),
        "customer_ids": ("C-1", "C-2"),
        "ages": ("0-1", "8-30"),
        "amount_bands": ("0-99", "100000-"),
    }
    yield CaseFilter()
    for one, other in product(values, values):
        yield CaseFilter(**{name: values[name] for name in (one, other)})


def test_lists_and_counts_are_what_the_rows_say(busy):
    rows = list(slow_rows(busy.database, NOW))
    keys = {
        "raised": lambda row: row["number"],
        "amount": lambda row: (-abs(row["undecided_minor"]), row["number"]),
        "due": lambda row: (row["due_at_ms"], row["number"]),
    }
    for wanted in some_filters():
        chosen = [row for row in rows if fits(row, wanted)]
        for order, key in keys.items():
            seen, after = [], None
            while True:
                page = busy.cases.list_cases(wanted, order, after, 7, NOW)
                seen += [one.number for one in page.cases]
                assert page.total == len(chosen)
                if page.after is None:
                    break
                after = page.after
            assert seen == [row["number"] for row in sorted(chosen, key=key)], (wanted, order)
        counted = busy.cases.count_cases(wanted, FACETS, NOW, 100)
        for facet in FACETS:
            expected = {}
            for row in rows:
                if fits(row, wanted, facet):
                    expected[row[facet]] = expected.get(row[facet], 0) + 1
            found = {one.value: one.case_count for one in counted if one.facet == facet}
            assert found == expected, (wanted, facet)


def test_what_was_changed_since_is_counted_anew(repository):
    keep(repository, "monday", payments=2, bucket="unapplied_minor", applied=0)
    wanted = CaseFilter(assignees=("ann",))
    assert repository.cases.list_cases(wanted, "raised", None, 9, NOW).total == 0
    save(repository, "monday-1", Assign(assignee="ann"), assignee="ann", state="open")
    keep(repository, "tuesday", bucket="unapplied_minor", applied=0)
    page = repository.cases.list_cases(wanted, "raised", None, 9, NOW)
    assert [one.case_id for one in page.cases] == ["monday-1"]
    assert repository.cases.list_cases(CaseFilter(), "raised", None, 9, NOW).total == 3


def test_bands_come_in_their_order_and_files_with_their_names(busy):
    counts = busy.cases.count_cases(CaseFilter(), ("age", "file_id"), NOW, 100)
    ages = [one.value for one in counts if one.facet == "age"]
    assert ages == [one for one in AGE_BANDS if one in ages]
    labels = {one.label for one in counts if one.facet == "file_id"}
    assert labels == {"monday", "tuesday"}


def test_cases_are_found_by_what_was_written(repository):
    result = file_result("monday", payments=2, amount=7_710_966)
    rows = result.payments.record_batch
    at = rows.schema.get_field_index("payer_name")
    rows = rows.set_column(at, rows.schema.field(at), pa.array(["Müller & Söhne", "ACME Inc"]))
    with repository.booking() as booking:
        booking.bank_files.keep(
            msgspec.structs.replace(result, payments=PaymentBatch.of_distinct(rows))
        )
        booking.cases.open_for_file(file_id_of("monday"), NOW)
        booking.customers.upsert(customers(**{"C-0": "Globex"}))

    def ids(text):
        page = repository.cases.list_cases(CaseFilter(text=text), "raised", None, 9, NOW)
        return [one.case_id for one in page.cases]

    assert ids("MULLER") == ids("söh mül") == ["monday-0"]
    assert ids("acme") == ["monday-1"]
    assert ids("acme söhne") == ids("?") == []
    assert ids("77.109,66") == ids("77,109.66") == ids("7710966") == ["monday-0", "monday-1"]
    assert ids("monday-1") == ["monday-1"]
    assert ids("globex") == ["monday-0"]
    with repository.booking() as booking:
        booking.customers.upsert(customers(**{"C-0": "Köhler & Cie", "C-1": "Initech"}))
    assert ids("köhl") == ids("kohler mul") == ["monday-0"]
    assert ids("globex") == ids("kohler acme") == []
    assert ids("initech") == ids("initech acme") == ["monday-1"]
    keep(repository, "tuesday", payments=1, bucket="unapplied_minor", applied=0)
    assert ids("kohler") == ["monday-0", "tuesday-0"]


@pytest.mark.parametrize("few", [0, 1, 1_000])
def test_frequent_words_are_found_as_rare_ones_are(busy, monkeypatch, few):
    monkeypatch.setattr("store.case_search._FEW", few)
    cases = busy.cases
    for text in ("payer", "payer 2", "ref payer", "1", "p"):
        words = terms_of(text)
        rows = {
            number: set()
            for (number,) in busy.database.rows("SELECT row_number FROM exception_case")
        }
        for word, number in busy.database.rows("SELECT word, row_number FROM case_word"):
            rows[number].add(word)
        expected = [
            number
            for number, own in sorted(rows.items())
            if words and all(any(one.startswith(word) for one in own) for word in words)
        ]
        for _ in range(2):
            page = cases.list_cases(CaseFilter(text=text), "raised", None, 1_000, NOW)
            assert [one.number for one in page.cases] == expected, text


def test_words_are_folded_and_amounts_lose_their_signs():
    assert terms_of("Müller & Söhne GmbH") == ["muller", "sohne", "gmbh"]
    assert terms_of("STRASSE Straße") == ["strasse"]
    assert terms_of("1.234,50 x INV-12") == ["123450", "inv", "12"]


def test_views_are_ones_own_or_the_teams(repository):
    def view(key, owner, name, *, is_team=False):
        return SavedView(view_id=key, owner=owner, is_team=is_team, name=name, query="state=new")

    with repository.booking() as booking:
        for one in (
            view("1", "ann", "mine"),
            view("2", "bob", "big", is_team=True),
            view("3", "bob", "his"),
            view("4", "ann", "mine"),
        ):
            booking.views.save(one)
    # Replaced, it keeps its key.
    assert [one.view_id for one in repository.views.shown_to("ann")] == ["2", "1"]
    with repository.booking() as booking:
        booking.views.delete("2")
    assert repository.views.find("2") is None
    assert msgspec.structs.asdict(repository.views.find("1"))["name"] == "mine"
