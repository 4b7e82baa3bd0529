"""Reports, facts, audit trail and team over both stores, after people have done some work."""

import asyncio
import datetime

import msgspec
import pytest

from engine.batches import ApplicationBatch
from engine.policy import PolicyBook
from rpc.audit_service import AuditService
from rpc.caller import Caller, Role, leave_call, set_caller
from rpc.errors import (
    CompanyNotPermittedError,
    FactNotFoundError,
    FieldError,
    PageTokenError,
)
from rpc.fact_service import FactService
from rpc.jobs import QuestionJob
from rpc.question_job import run_question
from rpc.report_service import ReportService
from rpc.team_service import TeamService
from rpc.workers import Lane
from store.errors import StaleRowError
from tests.server.test_case_calls import ANN, BOB, ITEM, NOW, Desk
from tests.store.item_rows import items_of
from tests.store.stored_files import file_id_of, file_result
from tieout.v1 import (
    audit_service_pb2,
    bank_file_service_pb2,
    cases_pb2,
    fact_service_pb2,
    report_service_pb2,
    team_service_pb2,
)

DAY = 86_400_000
ADA = Caller(name="ada", roles=frozenset({Role.ADMIN}))
ELSEWHERE = Caller(name="eve", roles=frozenset({Role.VIEWER}), companies=frozenset({"X"}))
FACT = cases_pb2.ENTRY_KIND_FACT


class Office:
    """A desk with the services around it; its workers are this very thread."""

    def __init__(self, url):
        self.desk = Desk(url)
        reader, writer = self.desk._readers
        now = lambda: self.desk.now  # noqa: E731 - as the services want it
        policies = {"default": PolicyBook()}
        self.services = {
            report_service_pb2: ReportService(reader, self, now),
            audit_service_pb2: AuditService(reader),
            team_service_pb2: TeamService(reader, writer, now),
            fact_service_pb2: FactService(
                reader=reader, writer=writer, workers=self, policies=policies, now_ms=now
            ),
        }

    async def run(self, job, lane):
        assert lane is Lane.INTERACTIVE
        assert isinstance(job, QuestionJob)
        return run_question(self.desk.store, PolicyBook(), job)

    def call(self, caller, name, /, **fields):
        module, service = next(
            (module, service)
            for module, service in self.services.items()
            if hasattr(module, f"{name}Request")
        )
        request = getattr(module, f"{name}Request")(**fields)

        async def answer():
            set_caller(caller)
            return await getattr(service, name)(request, None)

        return asyncio.run(answer())


@pytest.fixture
def office(store_url):
    """Three payments of 800; two were decided by people, one of these was taken back."""
    opened = Office(store_url)
    desk = opened.desk
    desk.keep("monday", payments=3, amount=800, bucket="unapplied_minor", applied=0)
    due = datetime.date(2026, 3, 1)
    with desk.store.booking() as booking:
        booking.open_items.upsert(items_of("K", {"I": 800}, customer_id="C-0", due_date=due))
        booking.open_items.upsert(items_of("K", {"J": 900}, customer_id="C-1", due_date=due))
        booking.open_items.upsert(items_of("X", {"I": 5_000}, customer_id="C-0"))
    desk.now = NOW + 2 * DAY
    desk.act(ANN, "AssignException", assignee="ann", backup="bob")
    desk.act(ANN, "DecideException", entries=[entry("I", 800)])
    desk.act(ANN, "NoteException", "monday-1", text="asked the customer")
    written = entry("J", 800, write_off_minor=100, write_off_reason="rounding")
    desk.act(ANN, "DecideException", "monday-1", entries=[written])
    yield opened
    desk.close()


def entry(item, cash, **more):
    customer = {"I": "C-0", "J": "C-1"}[item]
    return cases_pb2.CaseEntry(
        kind=ITEM, company_id="K", open_item_id=item, customer_id=customer, cash_minor=cash, **more
    )


def test_work_that_was_done_is_reported(office):
    report = office.call(ANN, "GetWorkReport")
    assert report.human_payment_count == 2
    assert report.half_milliseconds >= 2 * DAY
    (difference,) = report.differences
    assert (difference.kind, difference.reason, difference.amount_minor) == (
        "write_off",
        "rounding",
        100,
    )
    office.desk.act(ANN, "UndoException", "monday-1", act_number=2, reason="wrong")
    assert list(office.call(ANN, "GetWorkReport").differences) == []
    assert office.call(ELSEWHERE, "GetWorkReport").human_payment_count == 0
    with pytest.raises(CompanyNotPermittedError):
        office.call(ELSEWHERE, "GetWorkReport", company_id="K")


def test_how_often_a_suggestion_was_right_and_what_people_took_back(office):
    desk = office.desk
    for customer, item in (("C-0", "A"), ("C-1", "B"), ("C-0", "C")):
        with desk.store.booking() as booking:
            booking.open_items.upsert(items_of("K", {item: 800}, customer_id=customer))
    # The first suggestion, the second one, and none of them is what people decide.
    suggested = {0: [("A", 1), ("B", 2)], 1: [("A", 1), ("B", 2)], 2: [("A", 1), ("C", 1)]}
    rows = [(f"tuesday-{at}", *one) for at, several in suggested.items() for one in several]
    proposals = ApplicationBatch.from_columns(
        {
            "payment_id": [row[0] for row in rows],
            "open_item_id": [row[1] for row in rows],
            "proposal_rank": [row[2] for row in rows],
            "decision": ["proposed"] * len(rows),
            "confidence": [0.9] * len(rows),
        }
    )
    kept = file_result("tuesday", payments=3, amount=800, bucket="unapplied_minor", applied=0)
    with desk.store.booking() as booking:
        booking.bank_files.keep(msgspec.structs.replace(kept, applications=proposals))
        booking.cases.open_for_file(file_id_of("tuesday"), NOW)
    for payment, customer, item in (("0", "C-0", "A"), ("1", "C-1", "B"), ("2", "C-0", "C")):
        decided = cases_pb2.CaseEntry(
            kind=ITEM, company_id="K", open_item_id=item, customer_id=customer, cash_minor=800
        )
        case = desk.act(ANN, "DecideException", f"tuesday-{payment}", entries=[decided])
    report = office.call(ANN, "GetWorkReport")
    assert (report.decided_payment_count, report.undone_payment_count) == (5, 0)
    counts = (report.suggested_payment_count, report.first_accepted_count)
    assert (*counts, report.first_three_accepted_count) == (3, 1, 2)
    act = case.lines[0].act_number
    desk.act(ANN, "UndoException", "tuesday-2", act_number=act, reason="wrong")
    report = office.call(ANN, "GetWorkReport")
    assert (report.decided_payment_count, report.undone_payment_count) == (5, 1)
    assert (report.suggested_payment_count, report.first_three_accepted_count) == (2, 2)


def test_receivables_are_what_is_open_and_what_was_settled_here(office):
    today = (NOW + 2 * DAY) // DAY
    day = (datetime.date(1970, 1, 1) + datetime.timedelta(days=today)).isoformat()
    report = office.call(ADA, "GetReceivablesReport", as_of=day, days=90)
    (aging,) = report.aging
    assert (aging.total_minor, aging.days_1_30_minor) == (5_000, 0)
    assert aging.total_minor == sum(
        getattr(aging, name)
        for name in (
            *("not_due_minor", "days_1_30_minor", "days_31_60_minor"),
            *("days_61_90_minor", "days_over_90_minor", "credits_minor"),
        )
    )
    collection = report.collection[0]
    assert collection.collected_minor == 1_700
    assert collection.closing_minor == 5_000
    booked = 20_543
    late = booked - (datetime.date(2026, 3, 1) - datetime.date(1970, 1, 1)).days
    assert [one.customer_id for one in report.lateness] == ["C-1", "C-0"]
    assert {one.days_late for one in report.lateness} == {late}
    before = office.call(ADA, "GetReceivablesReport", as_of="2026-03-28")
    assert before.aging[0].days_1_30_minor == 1_700
    with pytest.raises(FieldError, match="as_of"):
        office.call(ADA, "GetReceivablesReport", as_of="yesterday")
    with pytest.raises(CompanyNotPermittedError):
        office.call(ELSEWHERE, "GetReceivablesReport", company_id="K")
    (seen,) = office.call(ELSEWHERE, "GetReceivablesReport").aging
    assert seen.total_minor == 5_000


def test_open_items_are_told_when_they_will_be_paid(office):
    due = datetime.date(2026, 3, 1)
    with office.desk.store.booking() as booking:
        more = {f"O{at}": 100 + at for at in range(3)}
        booking.open_items.upsert(items_of("K", more, customer_id="C-0", due_date=due))
        booking.open_items.upsert(items_of("X", {"Q": 50}, customer_id="C-0", due_date=due))
        booking.open_items.upsert(
            items_of("K", {"L": 700}, customer_id="C-7", due_date=due + datetime.timedelta(days=20))
        )
    paid = datetime.date(1970, 1, 1) + datetime.timedelta(days=20_543)
    before = due.isoformat()

    def listed(caller=ADA, **wanted):
        return office.call(caller, "ListExpectedPayments", **({"as_of": before} | wanted))

    report = listed(company_id="K")
    found = {one.open_item_id: one for one in report.payments}
    assert set(found) == {"I", "J", "O0", "O1", "O2"}  # L is dated when it is due
    assert (found["O0"].customer_id, found["O0"].open_minor) == ("C-0", 100)
    assert found["O0"].due_date == due.isoformat()
    assert found["O0"].settled_count == 0
    later = listed(as_of=paid.isoformat(), company_id="K", customer_id="C-0")
    assert [one.open_item_id for one in later.payments] == ["O0", "O1", "O2"]
    assert {one.settled_count for one in later.payments} == {1}
    other = listed(as_of=paid.isoformat(), company_id="K", customer_id="C-7")
    late = (paid - due).days
    told = due + datetime.timedelta(days=20 + late)
    assert [(one.early_date, one.likely_date) for one in other.payments] == [(told.isoformat(), "")]
    assert report.record.coverage_meant == pytest.approx(0.8)
    assert {one.company_id for one in listed(ELSEWHERE, as_of="").payments} == {"X"}
    with pytest.raises(CompanyNotPermittedError):
        listed(ELSEWHERE, company_id="K")
    pages, token = [], ""
    while True:
        page = listed(company_id="K", page_size=2, page_token=token)
        assert page.HasField("record") is (not token)
        pages += page.payments
        token = page.next_page_token
        if not token:
            break
    assert [one.open_item_id for one in pages] == [one.open_item_id for one in report.payments]
    with pytest.raises(PageTokenError):
        listed(company_id="K", customer_id="C-0", page_token=page_of_two(listed))


def page_of_two(listed):
    return listed(company_id="K", page_size=2).next_page_token


def test_what_was_settled_here_stays_a_habit_when_the_erp_no_longer_sends_it(office):
    with office.desk.store.booking() as booking:
        booking.open_items.remove([("K", "I"), ("K", "J")])
    collection = office.call(ADA, "GetReceivablesReport", as_of="2026-04-30", days=90).collection
    assert sum(one.collected_minor for one in collection) == 1_700


def test_a_customer_is_known_by_company_and_id(office):
    report = office.call(ANN, "GetCustomerReport", company_id="K", customer_id="C-0")
    assert list(report.aging) == []
    (habits,) = report.habits
    assert (habits.payment_count, habits.item_count, habits.deduction_count) == (1, 1, 0)
    assert habits.late_count == habits.dated_count == 1
    (withheld,) = office.call(ANN, "GetCustomerReport", company_id="K", customer_id="C-1").habits
    assert (withheld.deduction_count, withheld.applied_minor) == (1, 800)
    other = office.call(ANN, "GetCustomerReport", company_id="X", customer_id="C-0")
    assert [one.total_minor for one in other.aging] == [5_000]
    assert list(other.habits) == []
    with pytest.raises(CompanyNotPermittedError):
        office.call(ELSEWHERE, "GetCustomerReport", company_id="K", customer_id="C-0")


def test_the_audit_trail_says_who_when_and_why(office):
    office.desk.act(ANN, "UndoException", act_number=2, reason="wrong customer")

    def listed(**wanted):
        return office.call(ADA, "ListAuditEntries", **wanted)

    entries = listed().entries
    assert [one.act for one in entries] == ["undo", "decide", "note", "decide", "assign"]
    assert entries[0].reason == "wrong customer"
    assert entries[2].reason == "asked the customer"
    assert {one.actor for one in entries} == {"ann"}
    assert entries[1].row_counts["case_act"] == 1
    assert entries[0].block_number == 0
    office.desk.store.audit.seal(office.desk.now, None)
    assert {one.block_number for one in listed().entries} == {1}
    first = listed(page_size=2)
    second = listed(page_size=2, page_token=first.next_page_token)
    assert [*first.entries, *second.entries] == list(listed(page_size=4).entries)
    assert list(listed(actor="bob").entries) == []
    assert len(listed(subject="monday-1").entries) == 2
    assert list(listed(kind="bank_file").entries) == []
    assert list(listed().kinds) == ["case"]


def test_facts_are_listed_with_what_rests_on_them(office):
    desk = office.desk
    payer = desk.store.cases.payment_of("monday-0").record_batch["payer_name"][0].as_py()
    fact = cases_pb2.CaseEntry(
        kind=FACT, fact_kind="alias", value=payer or "Payer", customer_id="C-0", company_id="K"
    )
    case = desk.act(ANN, "DecideException", "monday-2", entries=[fact])
    (listed,) = office.call(ANN, "ListFacts").facts
    assert (listed.kind, listed.customer_id, listed.teacher) == ("alias", "C-0", "ann")
    assert listed.teach_time.ToMilliseconds() == desk.now
    found = office.call(ANN, "GetFact", case_id=listed.case_id, line_number=listed.line_number)
    assert found.fact == listed
    expected = 3 if payer else 0
    assert len(found.payments) == expected
    assert found.before_count + found.yield_count + found.false_count == expected
    assert list(office.call(ELSEWHERE, "ListFacts").facts) == []
    with pytest.raises(CompanyNotPermittedError):
        office.call(ELSEWHERE, "GetFact", case_id=listed.case_id, line_number=listed.line_number)
    with pytest.raises(FactNotFoundError):
        office.call(ANN, "GetFact", case_id="monday-0", line_number=1)
    act = case.lines[0].act_number
    desk.act(BOB, "UndoException", "monday-2", act_number=act, reason="not theirs")
    assert list(office.call(ANN, "ListFacts").facts) == []
    (revoked,) = office.call(ANN, "ListFacts", with_revoked=True).facts
    assert (revoked.revoker, revoked.revoke_time.ToMilliseconds()) == ("bob", desk.now)


def test_people_say_until_when_a_fact_counts(office):
    desk = office.desk
    fact = cases_pb2.CaseEntry(
        kind=FACT, fact_kind="alias", value="Payer", customer_id="C-0", company_id="K"
    )
    case = desk.act(ANN, "DecideException", "monday-2", entries=[fact])
    (taught,) = office.call(ANN, "ListFacts").facts
    key = {"case_id": taught.case_id, "line_number": taught.line_number}
    today = datetime.datetime.fromtimestamp(desk.now / 1000, datetime.UTC).date()
    first, last = today, today + datetime.timedelta(days=540)
    for day in (first, last, first + datetime.timedelta(days=30)):
        changed = office.call(ANN, "ChangeFactExpiry", **key, expire_date=day.isoformat()).fact
        assert (changed.expire_date, changed.expire_date_setter) == (day.isoformat(), "ann")
        assert office.call(ANN, "GetFact", **key).fact == changed
        assert list(office.call(ANN, "ListFacts").facts) == [changed]
        (row,) = desk.store.facts.read().record_batch.to_pylist()
        # A day set by somebody ends it, and confirms it until then.
        assert row["revoked_on"] == day + datetime.timedelta(days=1)
        assert row["confirmed_on"] == today
        assert (day - row["confirmed_on"]).days <= 540
    for day in (first - datetime.timedelta(days=1), last + datetime.timedelta(days=1), "soon", ""):
        with pytest.raises(FieldError):
            office.call(ANN, "ChangeFactExpiry", **key, expire_date=str(day))
    with pytest.raises(CompanyNotPermittedError):
        office.call(ELSEWHERE, "ChangeFactExpiry", **key, expire_date=last.isoformat())
    left = office.call(ANN, "ListAuditEntries", kind="fact_expiry").entries
    assert [(one.subject, one.actor) for one in left] == [(taught.case_id, "ann")] * 3
    desk.act(BOB, "UndoException", "monday-2", act_number=case.lines[0].act_number, reason="wrong")
    with pytest.raises(FactNotFoundError):
        office.call(ANN, "ChangeFactExpiry", **key, expire_date=last.isoformat())


def test_workload_and_activity_are_counted_per_person(office):
    office.desk.now += 1
    report = office.call(ANN, "GetTeamReport")
    assert [(one.assignee, one.case_count) for one in report.workloads] == [("", 1)]
    assert report.workloads[0].overdue_count == 1
    done = {(one.actor, one.act): one.act_count for one in report.activity}
    assert done == {("ann", "assign"): 1, ("ann", "decide"): 2, ("ann", "note"): 1}
    empty = office.call(ELSEWHERE, "GetTeamReport")
    assert (list(empty.workloads), list(empty.activity)) == ([], [])


def test_due_rules_give_new_cases_their_days(office):
    rules = [
        team_service_pb2.DueRule(amount_min=5, due_hours=24),
        team_service_pb2.DueRule(amount_min=1_000, due_hours=1),
    ]
    office.call(ADA, "ReplaceDueRules", rules=rules)
    assert list(office.call(ANN, "ListDueRules").rules) == rules
    store = office.desk.store

    def due_hours(name, amount):
        office.desk.keep(name, amount=amount, bucket="unapplied_minor", applied=0)
        with store.booking() as booking:
            booking.team.set_due_times(file_id_of(name))
        found = store.cases.find(f"{name}-0", NOW)
        return (found.due_at_ms - found.raised_at_ms) / 3_600_000

    assert due_hours("small", 499) == 48
    assert due_hours("middle", 500) == 24
    assert due_hours("large", 100_000) == 1
    with pytest.raises(FieldError, match="due_hours"):
        office.call(ADA, "ReplaceDueRules", rules=[team_service_pb2.DueRule()])
    entry = office.call(ADA, "ListAuditEntries", kind="due_rules").entries[0]
    assert "24 hours" in entry.facts["rule 1"]


def test_templates_are_kept_under_their_version(office):
    def save(**fields):
        template = team_service_pb2.NoteTemplate(**{"name": "reminder"} | fields)
        return office.call(ANN, "SaveNoteTemplate", template=template).template

    kept = save(subject="Payment {amount}", body="Which invoices?")
    assert (kept.etag, kept.changed_by) == ("1", "ann")
    with pytest.raises(StaleRowError):
        save(body="again")
    changed = save(body="again", etag=kept.etag)
    assert changed.etag == "2"
    assert list(office.call(BOB, "ListNoteTemplates").templates) == [changed]
    with pytest.raises(FieldError):
        save(name=" ")
    office.call(ANN, "DeleteNoteTemplate", name="reminder")
    assert list(office.call(BOB, "ListNoteTemplates").templates) == []


def test_bytes_of_a_file_are_shown_around_a_place(office):
    content = b"".join(b"line %d of the file\n" % number for number in range(1, 100))
    store = office.desk.store
    file_id = file_id_of("monday")

    class Opened:
        erased = ()

        def __init__(self):
            self.content = content

    store.contents.read = lambda wanted: Opened() if wanted == file_id else None

    def ask(caller=ANN, **fields):
        request = bank_file_service_pb2.GetBankFileBytesRequest(file_id=file_id, **fields)
        job = QuestionJob(question="file_bytes", request=request.SerializeToString(), now_ms=NOW)
        token = set_caller(caller)
        try:
            done = run_question(store, PolicyBook(), job)
        finally:
            leave_call(token)
        return bank_file_service_pb2.GetBankFileBytesResponse.FromString(done.response)

    part = ask(line=42, size_bytes=8)
    assert (part.content, part.line, part.size_bytes) == (b"line 42 ", 42, len(content))
    assert content[part.offset :].startswith(b"line 42")
    assert ask(offset=part.offset, size_bytes=8).content == b"line 42 "
    assert ask(line=10_000).content == b""
    assert ask(offset=-5).offset == 0
    with pytest.raises(FieldError):
        ask(size_bytes=1 << 20)
    with pytest.raises(CompanyNotPermittedError):
        ask(ELSEWHERE)
