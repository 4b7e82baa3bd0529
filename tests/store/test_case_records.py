"""Cases in the store: opened with their file, changed under their version, never forgotten."""

import msgspec
import pytest

from desk.acts import Assign, Claim, Note
from desk.cases import Entry, Lease, Line, Parking, buckets
from store import open_repository
from store.case_records import ActRecord, CaseFilter
from store.errors import StaleRowError, StoreIntegrityError
from tests.store.stored_files import file_id_of, file_result

NOW = 1_774_915_200_000


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url, busy_seconds=0.05)
    yield opened
    opened.close()


def keep(repository, name, **more):
    with repository.booking() as booking:
        booking.bank_files.keep(file_result(name, **more))
        booking.cases.open_for_file(file_id_of(name), NOW)


def record(case_id, number, act):
    return ActRecord(
        case_id=case_id,
        act_number=number,
        actor="ann",
        performed_at_ms=NOW,
        batch_id="B",
        act=act,
        events=(),
        assignee_before="",
        backup_before="",
        due_at_ms_before=0,
        customer_before="",
    )


def save(repository, identity, act, added=(), **changes):
    with repository.booking() as booking:
        summary = booking.cases.find(identity, NOW)
        case = booking.cases.load(summary)
        after = msgspec.structs.replace(case, version=case.version + 1, **changes)
        booking.cases.save(summary, after, added, record(case.case_id, after.version, act))
    return after


def test_every_payment_with_an_exception_gets_a_case_with_its_file(repository):
    keep(repository, "monday", payments=3, bucket="unapplied_minor", applied=0)
    page = repository.cases.list_cases(CaseFilter(), "raised", None, 10, NOW)
    assert [one.case_id for one in page.cases] == ["monday-0", "monday-1", "monday-2"]
    first = page.cases[0]
    assert (first.state, first.undecided_minor, first.file_id) == (
        "new",
        10_000,
        file_id_of("monday"),
    )
    assert first.due_at_ms > first.raised_at_ms == NOW
    assert page.after is None


def test_a_case_starts_with_what_the_engine_decided(repository):
    keep(repository, "monday")
    case = repository.cases.load(repository.cases.find("monday-0", NOW))
    (line,) = case.lines
    assert (line.act_number, line.open_item_id, line.cash_minor) == (0, "I-1", 10_000)
    assert buckets(case).applied_minor == case.amount_minor == 10_000


def test_a_payment_without_exceptions_has_a_case_when_somebody_wants_one(repository):
    with repository.booking() as booking:
        booking.bank_files.keep(file_result("monday"))
    assert repository.cases.list_cases(CaseFilter(), "raised", None, 10, NOW).cases == ()
    save(repository, "monday-0", Note(text="look"))
    assert repository.cases.find("monday-0", NOW).version == 1
    assert repository.cases.find("nobody", NOW) is None


def test_an_exception_leads_to_the_case_of_its_payment(repository):
    keep(repository, "monday")
    rows = repository.database.rows("SELECT exception_id FROM exception_item")
    assert repository.cases.find(rows[0][0], NOW).case_id == "monday-0"


def test_what_was_saved_comes_back_after_a_restart(store_url, repository):
    keep(repository, "monday")
    line = Line(**msgspec.structs.asdict(Entry(kind="refund")), number=2, act_number=1)
    before = repository.cases.load(repository.cases.find("monday-0", NOW))
    lease = Lease("ann", NOW + 1)
    after = save(
        repository,
        "monday-0",
        Claim(),
        (line,),
        state="in_work",
        lease=lease,
        lines=(*before.lines, line),
    )
    repository.close()
    again = open_repository(store_url)
    summary = again.cases.find("monday-0", NOW)
    assert again.cases.load(summary) == after
    assert (summary.state, summary.lease_holder, summary.version) == ("in_work", "ann", 1)
    assert again.cases.find("monday-0", NOW + 1).state == "open"
    (act,) = again.cases.acts("monday-0", 0, 10)
    assert act == record("monday-0", 1, Claim())
    assert again.cases.act("monday-0", 1) == act
    assert again.cases.act("monday-0", 2) is None
    assert again.cases.acts_of_batch("B") == [act]
    again.close()


def test_who_acts_on_an_old_version_changes_nothing(repository):
    keep(repository, "monday")
    with repository.booking() as booking:
        stale = booking.cases.find("monday-0", NOW)
    save(repository, "monday-0", Note(text="first"))
    case = msgspec.structs.replace(repository.cases.load(stale), version=1)
    act = record("monday-0", 1, Note(text="second"))
    with repository.booking() as booking, pytest.raises(StaleRowError):
        booking.cases.save(stale, case, (), act)
    (act,) = repository.cases.acts("monday-0", 0, 10)
    assert act.act == Note(text="first")


def test_acts_and_lines_are_never_changed(repository):
    keep(repository, "monday")
    line = Line(**msgspec.structs.asdict(Entry(kind="refund")), number=2, act_number=1)
    save(repository, "monday-0", Claim(), (line,))
    for change in ("UPDATE case_act SET actor = 'eve'", "DELETE FROM case_line"):
        with pytest.raises(StoreIntegrityError, match="append-only"), repository.booking():
            repository.database.rows(change)


def test_a_line_is_taken_back_once(repository):
    keep(repository, "monday")
    entry = msgspec.structs.asdict(Entry(kind="refund", reverses=1))
    save(repository, "monday-0", Claim(), (Line(**entry, number=2, act_number=1),))
    with pytest.raises(StoreIntegrityError):
        save(repository, "monday-0", Claim(), (Line(**entry, number=3, act_number=2),))


def test_queues_are_filtered_sorted_and_paged(repository):
    keep(repository, "monday", payments=3, bucket="unapplied_minor", applied=0)
    keep(repository, "tuesday", amount=500, bucket="unidentified_minor", applied=0)
    save(repository, "monday-1", Assign(assignee="ann"), assignee="ann", state="open")
    cases = repository.cases

    def ids(order="raised", **wanted):
        page = cases.list_cases(CaseFilter(**wanted), order, None, 10, NOW)
        return [one.case_id for one in page.cases]

    assert ids(states=("new",)) == ["monday-0", "monday-2", "tuesday-0"]
    assert ids(assignees=("ann",)) == ["monday-1"]
    assert ids(file_ids=(file_id_of("tuesday"),)) == ["tuesday-0"]
    assert ids(amount_max_minor=500) == ["tuesday-0"]
    assert ids(amount_min_minor=501, states=("open",)) == ["monday-1"]
    assert ids(companies=()) == []
    assert ids(due_before_ms=NOW) == []
    assert ids("amount")[-1] == "tuesday-0"
    assert ids("due") == ids()
    for order in ("raised", "amount", "due"):
        seen, after = [], None
        while True:
            page = cases.list_cases(CaseFilter(), order, after, 2, NOW)
            seen += [one.case_id for one in page.cases]
            if page.after is None:
                break
            after = page.after
        assert seen == ids(order)


def test_facets_count_what_else_could_be_chosen(repository):
    keep(repository, "monday", payments=3, bucket="unapplied_minor", applied=0)
    save(repository, "monday-1", Assign(assignee="ann"), assignee="ann", state="open")
    wanted = CaseFilter(states=("open",))
    counts = repository.cases.count_cases(wanted, ("state", "assignee"), NOW, 10)
    assert [(one.facet, one.value, one.case_count) for one in counts] == [
        ("state", "new", 2),
        ("state", "open", 1),
        ("assignee", "ann", 1),
    ]


def test_who_waits_for_an_event(repository):
    keep(repository, "monday", payments=2)
    summary = repository.cases.find("monday-0", NOW)
    company, customer = summary.company_id, summary.customer_id
    parking = Parking(until_ms=NOW + 1, event="advice", reason="asked")
    save(repository, "monday-0", Claim(), state="parked", parking=parking)
    assert repository.cases.waiting_for("advice", company, customer) == ["monday-0"]
    assert repository.cases.waiting_for("bank", company, customer) == []
    assert repository.cases.waiting_for("advice", "elsewhere", customer) == []
