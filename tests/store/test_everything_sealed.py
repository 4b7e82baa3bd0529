"""With a key file no table holds a name, an account or a note readably, whoever writes it."""

from pathlib import Path

import msgspec
import pytest

from desk.acts import Approve, Decide, Note, Park, Prepare
from desk.cases import Case, Draft, Entry, Line, Parking
from desk.outcomes import Event
from engine.batches import CustomerBatch
from store.audit_leaves import RowSelection
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.audited_tables import CASE_TABLES
from store.case_records import ActRecord
from store.case_texts import PERSONAL_FIELDS, opened_json, sealed_json
from store.cases import effect_of
from store.erasure import erase_customer
from store.errors import AnswerErasedError
from store.key_scopes import customer_scope
from store.requests import request_key
from store.retention import Retention, purge
from store.runs import RunRecord
from store.sealed_text import ERASED, SEAL_MARK
from tests.store.raw_rows import raw_rows

IN_2026, IN_2028 = 1_774_915_200_000, 1_837_987_200_000
NAME, ACCOUNT, SAID = "Zwirnfeld Quarz AG", "CH9300762011623852957", "Frau Zwirnfeld rief an"
SECRETS = ("Zwirnfeld", ACCOUNT)


def customers(*rows):
    names = ("customer_id", "name", "aliases", "bank_accounts")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    more = dict.fromkeys(("parent_customer_id", "policy"), [""] * len(rows))
    fixed = {"company_id": ["K"] * len(rows), "status": ["active"] * len(rows)}
    return CustomerBatch.from_columns(columns | more | fixed)


ZWIRN = ("C-1", NAME, "Zwirnfeld;ZQ", ACCOUNT)
OTHER = ("C-2", "Ember Vertex", "", "DE89370400440532013000")


def note(repository, act_number=1, text=SAID, customer="C-1", at_ms=IN_2026):
    """Somebody says something about a case and teaches a fact, as the desk keeps it."""
    with repository.booking() as booking:
        found = repository.cases.find("P-1", at_ms)
        if found is None:
            raw = "INSERT INTO exception_case (case_id, payment_id, file_id, company_id, "
            raw += "customer_id, currency, amount_minor, undecided_minor, code, raised_at_ms, "
            raw += "due_at_ms) VALUES ('P-1', 'P-1', '', 'K', ?, 'EUR', 100, 100, 'X', 1, 1)"
            booking.database.rows(raw, customer)
            found = booking.cases.find("P-1", at_ms)
        line = Line(
            kind="fact",
            company_id="K",
            customer_id="C-1",
            fact_kind="account",
            value=ACCOUNT,
            number=act_number,
            act_number=act_number,
        )
        case = Case(
            case_id="P-1",
            payment_id="P-1",
            company_id="K",
            currency="EUR",
            amount_minor=100,
            customer_id=customer,
            version=act_number,
            parking=Parking(until_ms=1, reason=text),
            draft=Draft(entries=(Entry(kind="fact", fact_kind="name", value=NAME),)),
            lines=(line,),
        )
        record = ActRecord(
            case_id="P-1",
            act_number=act_number,
            actor="ann",
            performed_at_ms=at_ms,
            batch_id="",
            act=Note(text=text, mentions=("bob",)),
            events=(Event(kind="case.noted", detail=text),),
            assignee_before="",
            backup_before="",
            due_at_ms_before=0,
            customer_before="",
        )
        booking.cases.save(found, case, (line,), record)
        booking.facts.learn(case, (line,), 20_000, now_ms=at_ms)
        effect = effect_of("P-1", act_number)
        selections = [RowSelection(table.name, table.column, effect) for table in CASE_TABLES]
        booking.audit.record(
            "case", "P-1", actor="ann", recorded_at_ms=at_ms, selections=selections
        )
    return case, record


def run(run_id):
    return RunRecord(
        run_id=run_id,
        kind="bank_file",
        state="waiting",
        file_name="monday.bai",
        size_bytes=1,
        content_sha256="0" * 64,
        request_id="",
        started_by="ann",
        created_at_ms=IN_2026,
    )


def fill(repository):
    """Something personal in every table that is not of bank files."""
    with repository.booking() as booking:
        booking.customers.upsert(customers(ZWIRN, OTHER), now_ms=IN_2026)
    note(repository)
    owner = customer_scope("K", "C-1", IN_2026)
    with repository.booking() as booking:
        booking.requests.keep(request_key("R-1", "Do", b""), SAID.encode(), IN_2026, owner)
        booking.requests.keep(request_key("R-2", "Do", b""), SAID.encode(), IN_2026)
        for run_id in ("run-1", "run-2"):
            booking.runs.accept(run(run_id))
            assert booking.runs.start(run_id, IN_2026)
        booking.runs.finish("run-1", SAID.encode(), IN_2026)
        booking.runs.fail("run-2", msgspec.json.encode({"message": SAID}).decode(), IN_2026)


def tables(store_url):
    if store_url.startswith("sqlite"):
        question = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        question = (
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
        )
    return [row[0] for row in raw_rows(store_url, question)]


def everything_stored(store_url):
    """Every row of every table and, of SQLite, the bytes of its files."""
    found = [
        f"{name}: {row!r}"
        for name in tables(store_url)
        for row in raw_rows(store_url, f'SELECT * FROM "{name}"')
    ]
    if store_url.startswith("sqlite"):
        path = Path(store_url.removeprefix("sqlite:///"))
        files = path.parent.glob(f"{path.name}*")
        found += [f"{one.name}: {one.read_bytes()!r}" for one in files]
    return found


def test_no_table_holds_what_is_personal(opened, store_url):
    repository = opened()
    fill(repository)
    stored = everything_stored(store_url)
    assert len(stored) > 20
    assert not [one for one in stored for secret in SECRETS if secret in one]
    again = opened()
    assert again.customers.read().changed.rows == customers(ZWIRN, OTHER)
    case, record = again.cases.load(again.cases.find("P-1", 1)), again.cases.act("P-1", 1)
    assert case.parking.reason == SAID
    assert (case.draft.entries[0].value, case.lines[0].value) == (NAME, ACCOUNT)
    assert (record.act.text, record.events[0].detail) == (SAID, SAID)
    assert again.facts.read().strings("value") == [ACCOUNT]
    assert again.requests.find(request_key("R-1", "Do", b"")) == SAID.encode()
    assert again.requests.find(request_key("R-2", "Do", b"")) == SAID.encode()
    assert again.runs.find("run-1").result == SAID.encode()
    assert SAID in again.runs.find("run-2").error
    assert verify_audit(StoredAudit(again.database)).findings == ()


def test_without_a_key_file_everything_lies_there_as_it_is(opened, store_url):
    fill(opened(path=None))
    stored = " ".join(everything_stored(store_url))
    assert all(secret in stored for secret in SECRETS)


def test_an_erased_customer_is_gone_everywhere_and_the_audit_stands(opened):
    repository = opened()
    fill(repository)
    before = repository.customers.last_number()
    with repository.booking() as booking:
        assert len(erase_customer(booking, "K", "C-1", IN_2026, "dpo")) == 2
    for reader in (repository, opened()):
        case, record = reader.cases.load(reader.cases.find("P-1", 1)), reader.cases.act("P-1", 1)
        assert case.parking.reason == record.act.text == record.events[0].detail == ERASED
        assert case.draft.entries[0].value == case.lines[0].value == ERASED
        assert (case.lines[0].kind, record.act.mentions) == ("fact", ("bob",))
        rows = reader.customers.read().changed.rows
        assert rows.strings("name") == ["", "Ember Vertex"]
        assert rows.strings("bank_accounts") == ["", OTHER[3]]
        assert len(reader.facts.read()) == 0, "an erased fact would hold for whoever is erased"
        with pytest.raises(AnswerErasedError):
            reader.requests.find(request_key("R-1", "Do", b""))
        feed = reader.customers.changes_after(before)
        assert feed.changed.rows.strings("customer_id") == ["C-1"], "who has him in memory hears"
        assert verify_audit(StoredAudit(reader.database)).findings == ()
    case, _ = note(repository, act_number=2, text="new")
    assert repository.cases.load(repository.cases.find("P-1", 1)) == case, "work goes on"


def test_what_did_not_change_is_not_written_again(opened):
    repository = opened()
    with repository.booking() as booking:
        booking.customers.upsert(customers(ZWIRN, OTHER), now_ms=IN_2026)
    with repository.booking() as booking:
        assert booking.customers.upsert(customers(ZWIRN, OTHER), now_ms=IN_2028) == (0, 0, 2)
    with repository.booking() as booking:
        renamed = ("C-2", "Ember Vertex II", *OTHER[2:])
        assert booking.customers.upsert(customers(ZWIRN, renamed), now_ms=IN_2028) == (0, 1, 1)


def test_customers_kept_before_there_was_a_key_are_sealed_later(opened, store_url):
    plain = opened(path=None)
    with plain.booking() as booking:
        booking.customers.upsert(customers(ZWIRN, OTHER))
    repository = opened()
    with repository.booking() as booking:
        assert booking.customers.seal_all(IN_2026) == 2
        assert booking.customers.seal_all(IN_2026) == 0
    stored = repr(raw_rows(store_url, "SELECT * FROM customer"))
    assert not [secret for secret in SECRETS if secret in stored]
    assert repository.customers.read().changed.rows == customers(ZWIRN, OTHER)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("zwirn", ["C-1"]),
        ("ZQ", ["C-1"]),
        ("c-2", ["C-2"]),
        ("CH93 0076 2011", ["C-1"]),
        ("ver", ["C-2"]),
        ("nobody", []),
        ("e", ["C-2", "C-1"]),
    ],
)
def test_customers_are_found_as_in_a_store_that_is_not_sealed(opened, asked, found):
    sealed = opened()
    with sealed.booking() as booking:
        booking.customers.upsert(customers(ZWIRN, OTHER), now_ms=IN_2026)
    answer = sealed.customers.matching(asked, "", None, 10)
    assert answer.strings("customer_id") == found
    assert sealed.customers.matching(asked, "other", None, 10).strings("customer_id") == []
    assert sealed.customers.matching(asked, "", {"other"}, 10).strings("customer_id") == []


def test_names_follow_a_change_of_another_connection(opened):
    sealed, other = opened(), opened()
    with other.booking() as booking:
        booking.customers.upsert(customers(ZWIRN), now_ms=IN_2026)
    assert sealed.customers.matching("zwirn", "", None, 10).strings("customer_id") == ["C-1"]
    with other.booking() as booking:
        booking.customers.upsert(customers(("C-1", "Quarz neu", "", "")), now_ms=IN_2026)
    assert sealed.customers.matching("zwirn", "", None, 10).strings("customer_id") == []
    assert [name for _, name in sealed.customers.names("", None, 10)] == ["quarz neu"]


def test_notes_of_years_gone_by_go_and_who_is_still_a_customer_stays(opened):
    repository = opened()
    fill(repository)
    with repository.booking() as booking:
        booking.customers.remove([("K", "C-2")])
    with repository.booking() as booking:
        counts = purge(booking, Retention(personal_days=366, runs_days=0), IN_2028, "ops")
        assert counts["personal"] == 2, "the notes of 2026, and who is gone"
    assert repository.cases.act("P-1", 1).act.text == ERASED
    assert repository.customers.read().changed.rows == customers(ZWIRN)
    assert repository.facts.read().strings("value") == [ACCOUNT]


def test_answers_and_runs_are_purged_with_the_keys_of_their_months(opened, store_url):
    repository = opened()
    fill(repository)
    with repository.booking() as booking:
        periods = Retention(answers_days=35, runs_days=90)
        counts = purge(booking, periods, IN_2028, "ops")
        assert (counts["answers"], counts["runs"]) == (2, 2)
    gone = "SELECT subject FROM data_key WHERE wrapped IS NULL ORDER BY subject"
    assert [row[0] for row in raw_rows(store_url, gone)] == ["answers", "runs"]


def test_text_that_looks_sealed_is_told_apart_without_a_key_file(opened):
    repository = opened(path=None)
    case, _ = note(repository, text=f"{SEAL_MARK}7:AAAA")
    assert repository.cases.load(repository.cases.find("P-1", 1)) == case
    assert repository.cases.act("P-1", 1).act.text == f"{SEAL_MARK}7:AAAA"


def test_whose_key_is_not_known_yet_goes_with_the_customer_he_turns_out_to_be(opened):
    repository = opened()
    note(repository, customer="")
    with repository.booking() as booking:
        booking.keys.attribute("P-1", "K", "C-1")
        erase_customer(booking, "K", "C-1", IN_2026, "dpo")
    assert repository.cases.act("P-1", 1).act.text == ERASED


def test_reasons_of_a_list_stay_readable_and_every_text_field_is_sealed(opened):
    """Fields of acts that may hold words: either they are sealed, or they are listed here."""
    from desk import acts  # noqa: PLC0415 - its annotations are read

    known = {"assignee", "backup", "event", "subject", "to", "mentions", "customer_id"}
    known |= {"remainder", "delivery", "remittance_id", "resolution", "because", "entries"}
    fields = {
        field.name
        for one in acts.__all__
        if isinstance(getattr(acts, one), type)
        and issubclass(getattr(acts, one), msgspec.Struct)
        and one != "Remainder"
        for field in msgspec.structs.fields(getattr(acts, one))
        if "str" in str(field.type) or field.name in PERSONAL_FIELDS
    }
    assert fields - known <= PERSONAL_FIELDS
    repository = opened()
    act = Decide(remainder=acts.Remainder(kind="write_off", reason="bank_fee"))
    with repository.booking() as booking:
        number = booking.personal.number(customer_scope("K", "C-1", IN_2026), IN_2026)
        for one in (act, Approve(comment=SAID), Park(reason=SAID), Prepare()):
            stored = sealed_json(one, "here", number, booking.personal)
            assert "Zwirnfeld" not in stored
            assert opened_json(stored, "here", acts.Act, booking.personal) == one
        assert "bank_fee" in sealed_json(act, "here", number, booking.personal)
