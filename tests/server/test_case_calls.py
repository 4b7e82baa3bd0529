"""Calls about cases, on both stores: what people do to exceptions, and what is kept of it."""

import asyncio

import msgspec
import pytest

from desk.authority import DEFAULT_AUTHORITY
from desk.refusals import REFUSALS
from rpc.application_service import ApplicationService
from rpc.caller import Caller, Role, set_caller
from rpc.desk_acts import DeskActs
from rpc.desk_work import DeskWork
from rpc.errors import (
    CaseNotFoundError,
    CompanyNotPermittedError,
    FieldError,
    PageTokenError,
    RefusedError,
)
from rpc.exception_service import ExceptionService
from rpc.pasted_job import read_references_job
from rpc.reading import StoreReader
from rpc.status import CODES
from rpc.workers import Lane
from store import open_repository
from store.case_facts import facts_of
from store.errors import (
    PostingHaltedError,
    PostingRejectedError,
    RequestIdReusedError,
    StaleRowError,
)
from store.events import EventCursor
from tests.store.item_rows import items_of
from tests.store.stored_files import file_id_of, file_result
from tieout.v1 import application_service_pb2 as application_contract
from tieout.v1 import cases_pb2
from tieout.v1 import exception_service_pb2 as contract

NOW = 1_774_915_200_000
ANN = Caller(name="ann", roles=frozenset({Role.CLERK}))
BOB = Caller(name="bob", roles=frozenset({Role.APPROVER}))
ITEM = cases_pb2.ENTRY_KIND_ITEM
REFUND = cases_pb2.ENTRY_KIND_REFUND


class Desk:
    """The service over a store, called as whoever a test says."""

    def __init__(self, url):
        self.store = open_repository(url, busy_seconds=0.05)
        self.now = NOW
        self._readers = [StoreReader({"default": open_repository(url)}) for _ in range(2)]
        self.posted, self.decided, self.conflicts = [], [], []
        desk = DeskWork(DEFAULT_AUTHORITY, lambda: self.now)
        acts = DeskActs(
            reader=self._readers[0],
            writer=self._readers[1],
            desk=desk,
            on_posted=self.posted.append,
            on_decided=self.decided.append,
            on_conflict=lambda: self.conflicts.append(1),
        )
        given = {"reader": self._readers[0], "acts": acts, "desk": desk}
        self.service = ExceptionService(
            workers=self, now_ms=lambda: self.now, snapshot_path=lambda _: "", **given
        )
        self.applications = ApplicationService(results=None, now_ms=lambda: self.now, **given)

    async def run(self, job, lane):
        """A worker, here and now."""
        assert lane is Lane.INTERACTIVE
        return read_references_job(self.store, job)

    def call(self, caller, name, **fields):
        """One call, as `caller`."""
        application = hasattr(application_contract, f"{name}Request")
        messages = application_contract if application else contract
        request = getattr(messages, f"{name}Request")(**fields)
        service = self.applications if application else self.service

        async def answer():
            set_caller(caller)
            return await getattr(service, name)(request, None)

        return asyncio.run(answer())

    def act(self, caller, name, case="monday-0", **fields):
        """One act on a case; gives the case after it."""
        return self.call(caller, name, exception_id=case, **fields).case

    def keep(self, name, **more):
        with self.store.booking() as booking:
            booking.bank_files.keep(file_result(name, **more))
            booking.cases.open_for_file(file_id_of(name), NOW)

    def open_minor(self, item="I"):
        rows = self.store.open_items.find([("K", item)]).rows
        return rows.int64("open_minor")[0]

    def close(self):
        for reader in self._readers:
            reader.close()
        self.store.close()


@pytest.fixture
def desk(store_url):
    opened = Desk(store_url)
    opened.keep("monday", payments=3, amount=800, bucket="unapplied_minor", applied=0)
    with opened.store.booking() as booking:
        booking.open_items.upsert(items_of("K", {"I": 800, "J": 500}, customer_id="C-0"))
        booking.open_items.upsert(items_of("K", {"OTHER": 800}, customer_id="C-9"))
    yield opened
    opened.close()


def on(item, cash, **more):
    return cases_pb2.CaseEntry(
        kind=ITEM, company_id="K", customer_id="C-0", open_item_id=item, cash_minor=cash, **more
    )


def refund(cash):
    return cases_pb2.CaseEntry(kind=REFUND, company_id="K", cash_minor=cash)


def state(case):
    return cases_pb2.CaseState.Name(case.summary.state).removeprefix("CASE_STATE_").lower()


def test_a_clerk_claims_picks_and_decides(desk):
    case = desk.act(ANN, "ClaimException")
    assert (state(case), case.summary.lease_holder, case.summary.etag) == ("in_work", "ann", "1")
    case = desk.act(ANN, "PrepareException", entries=[on("I", 300)])
    assert case.draft.entries[0].cash_minor == 300
    case = desk.act(ANN, "DecideException", entries=[on("I", 800)])
    assert (state(case), case.buckets.applied_minor) == ("approved", 800)
    assert case.lines[-1].prepared_by == ["ann"]
    assert desk.open_minor() == 0


def test_two_clerks_cannot_take_one_cent_twice(desk):
    desk.act(ANN, "DecideException", entries=[on("I", 500)])
    with pytest.raises(RefusedError) as caught:
        desk.act(ANN, "DecideException", case="monday-2", entries=[on("I", 400)])
    assert caught.value.reason == "ITEM_OVERAPPLIED"
    assert desk.open_minor() == 300
    assert desk.store.cases.acts("monday-2", 0, 9) == []


def test_how_old_an_exception_was_is_told_by_the_act_that_ends_it_once(desk):
    desk.now = NOW + 90_000
    desk.act(ANN, "NoteException", text="called")
    desk.act(ANN, "DecideException", entries=[on("I", 300)])
    assert desk.decided == []
    for _ in range(2):
        desk.act(ANN, "DecideException", entries=[on("J", 500)], request_id="R")
    desk.act(ANN, "NoteException", text="done")
    assert (desk.decided, desk.conflicts) == ([90.0], [])
    with pytest.raises(StaleRowError):
        desk.act(ANN, "DecideException", "monday-1", entries=[on("I", 500)], etag="1")
    assert (desk.decided, desk.conflicts) == ([90.0], [1])


def test_an_item_taken_behind_the_desks_back_is_not_taken_again(desk, monkeypatch):
    monkeypatch.setattr("rpc.desk_work.facts_of", _facts_of_yesterday)
    with pytest.raises(PostingRejectedError):
        desk.act(ANN, "DecideException", case="monday-0", entries=[on("J", 800)])
    assert desk.open_minor("J") == 500
    assert desk.store.cases.acts("monday-0", 0, 9) == []


def _facts_of_yesterday(*arguments):
    facts = facts_of(*arguments)
    items = {
        key: msgspec.structs.replace(item, open_minor=900, original_minor=1_000)
        for key, item in facts.items.items()
    }
    return msgspec.structs.replace(facts, items=items)


def test_undo_opens_the_item_again_and_says_so(desk):
    desk.act(ANN, "DecideException", entries=[on("I", 800)])
    case = desk.act(ANN, "UndoException", act_number=1)
    assert (state(case), case.summary.undecided_minor) == ("open", 800)
    assert desk.open_minor() == 800
    assert [line.entry.reverses for line in case.lines] == [0, 1]
    detail = desk.call(ANN, "GetCase", exception_id="monday-0")
    assert [act.name for act in detail.acts] == ["decide", "undo"]
    assert [act.actor for act in detail.acts] == ["ann", "ann"]


def test_a_refund_needs_two_people(desk):
    case = desk.act(ANN, "DecideException", entries=[refund(800)])
    assert (state(case), case.draft.demands[0].power) == ("pending_approval", "refund")
    with pytest.raises(RefusedError) as caught:
        desk.act(ANN, "ApproveException")
    assert caught.value.reason == "FOUR_EYES"
    case = desk.act(BOB, "ApproveException", comment="called them")
    assert (state(case), case.lines[-1].approved_by) == ("approved", "bob")


def test_items_of_another_customer_need_two_people(desk):
    entry = on("OTHER", 800)
    entry.customer_id = "C-9"
    case = desk.act(ANN, "DecideException", entries=[entry])
    assert [one.power for one in case.draft.demands] == ["cross_customer"]
    assert desk.open_minor("OTHER") == 800
    desk.act(BOB, "ApproveException")
    assert desk.open_minor("OTHER") == 0


def test_who_is_late_is_told_and_changes_nothing(desk):
    etag = desk.act(ANN, "NoteException", text="first").summary.etag
    desk.act(BOB, "NoteException", text="second")
    with pytest.raises(StaleRowError):
        desk.act(ANN, "ClaimException", etag=etag)
    assert len(desk.store.cases.acts("monday-0", 0, 9)) == 2


def test_validate_only_keeps_nothing(desk):
    case = desk.act(ANN, "DecideException", entries=[on("I", 800)], validate_only=True)
    assert state(case) == "approved"
    assert desk.open_minor() == 800
    assert desk.store.cases.acts("monday-0", 0, 9) == []
    with pytest.raises(RefusedError):
        desk.act(ANN, "DecideException", entries=[on("I", 900)], validate_only=True)


def test_a_batch_is_previewed_performed_and_undone_one_by_one(desk):
    items = [
        contract.BatchItem(
            decide=contract.DecideExceptionRequest(exception_id=case, entries=[on("I", cash)])
        )
        for case, cash in (("monday-0", 400), ("monday-2", 500), ("nobody", 1))
    ]
    preview = desk.call(BOB, "BatchExceptions", items=items, validate_only=True)
    assert (preview.performed_count, preview.refused_count) == (1, 2)
    assert [one.reason for one in preview.results] == ["", "ITEM_OVERAPPLIED", "CASE_NOT_FOUND"]
    assert preview.totals[0].cash_minor == 400
    assert desk.open_minor() == 800
    done = desk.call(BOB, "BatchExceptions", items=items)
    assert [one.reason for one in done.results] == [one.reason for one in preview.results]
    assert desk.open_minor() == 400
    assert len(desk.store.cases.acts_of_batch(done.batch_id)) == 1
    assert state(desk.act(BOB, "UndoException", act_number=1)) == "open"
    assert desk.open_minor() == 800


def test_the_queue_is_filtered_counted_and_paged(desk):
    desk.act(BOB, "AssignException", assignee="ann", backup="cat")
    wanted = cases_pb2.CaseFilter(states=[cases_pb2.CASE_STATE_NEW])
    first = desk.call(ANN, "ListCases", filter=wanted, page_size=1)
    assert [one.case_id for one in first.cases] == ["monday-1"]
    second = desk.call(
        ANN, "ListCases", filter=wanted, page_size=1, page_token=first.next_page_token
    )
    assert [one.case_id for one in second.cases] == ["monday-2"]
    assert second.next_page_token == ""
    with pytest.raises(PageTokenError):
        desk.call(ANN, "ListCases", page_token=first.next_page_token)
    with pytest.raises(FieldError):
        desk.call(ANN, "ListCases", order_by="beauty")
    counts = desk.call(ANN, "CountCases", facets=["state", "assignee"]).counts
    assert [(one.value, one.case_count) for one in counts] == [
        ("new", 2),
        ("open", 1),
        ("", 2),
        ("ann", 1),
    ]
    with pytest.raises(FieldError):
        desk.call(ANN, "CountCases", facets=["mood"])


def test_a_case_comes_with_everything_beside_it(desk):
    desk.act(ANN, "PrepareException", entries=[on("I", 800)])
    detail = desk.call(ANN, "GetCase", exception_id="X-monday-0")
    assert detail.payment.payment_id == "monday-0"
    assert [one.exception_id for one in detail.exceptions] == ["X-monday-0"]
    assert [one.reference for one in detail.remittance_lines] == ["INV-1"]
    assert [one.open_item_id for one in detail.open_items] == ["I"]
    with pytest.raises(CaseNotFoundError):
        desk.call(ANN, "GetCase", exception_id="nobody")


def test_other_companies_are_out_of_reach(desk):
    eve = Caller(name="eve", roles=frozenset({Role.CLERK}), companies=frozenset({"Z"}))
    assert not desk.call(eve, "ListCases").cases
    assert not desk.call(eve, "CountCases").counts
    for name in ("GetCase", "ExplainItem"):
        with pytest.raises(CompanyNotPermittedError):
            desk.call(eve, name, exception_id="monday-0")
    with pytest.raises(RefusedError) as caught:
        desk.act(eve, "ClaimException")
    assert caught.value.reason == "COMPANY_OUT_OF_SCOPE"


def test_postings_are_listed_and_one_is_taken_back(desk):
    desk.act(ANN, "DecideException", entries=[on("I", 300), on("J", 500)])
    listed = desk.call(ANN, "ListPostings", payment_id="monday-0", page_size=1)
    assert [(one.open_item_id, one.applied_minor) for one in listed.postings] == [("I", 300)]
    more = desk.call(
        ANN,
        "ListPostings",
        payment_id="monday-0",
        page_size=9,
        page_token=listed.next_page_token,
    )
    assert [one.open_item_id for one in more.postings] == ["J"]
    assert more.postings[0].decided_by == "ann"
    fields = {"payment_id": "monday-0", "line_number": 2, "reason": "wrong one"}
    dry = desk.call(ANN, "ReverseApplication", **fields, validate_only=True).case
    assert dry.summary.undecided_minor == 500
    assert desk.open_minor("J") == 0
    case = desk.call(ANN, "ReverseApplication", **fields).case
    assert (case.summary.undecided_minor, desk.open_minor("J"), desk.open_minor()) == (
        500,
        500,
        500,
    )
    listed = desk.call(ANN, "ListPostings", company_id="K", open_item_id="J")
    assert [one.kind for one in listed.postings] == ["application", "reversal"]
    assert [one.is_reversed for one in listed.postings] == [True, False]
    with pytest.raises(FieldError):
        desk.call(ANN, "ListPostings")


def test_what_the_ledger_has_taken_is_taken_back_by_a_reversal_to_be_sent(desk):
    admin = Caller(name="erp", roles=frozenset({Role.SUBMITTER}))
    desk.act(ANN, "DecideException", entries=[on("I", 800)])
    fields = {"payment_id": "monday-0", "line_numbers": [1]}
    for delivery in (cases_pb2.DELIVERY_POSTING, cases_pb2.DELIVERY_POSTED):
        case = desk.call(admin, "ReportDelivery", **fields, delivery=delivery).case
    assert state(case) == "posted"
    with pytest.raises(RefusedError):
        desk.call(ANN, "ReportDelivery", **fields, delivery=cases_pb2.DELIVERY_CONFIRMED)
    case = desk.act(ANN, "UndoException", act_number=1)
    assert case.lines[-1].delivery == cases_pb2.DELIVERY_NONE
    assert desk.open_minor() == 800


def test_a_whole_file_is_taken_back_with_a_preview(desk):
    desk.act(ANN, "DecideException", entries=[on("I", 400)])
    desk.act(ANN, "DecideException", case="monday-2", entries=[on("I", 300)])
    fields = {"file_id": file_id_of("monday"), "reason": "the wrong file"}
    preview = desk.call(ANN, "ReverseFile", **fields, validate_only=True)
    assert preview.totals[0].cash_minor == 700
    assert desk.open_minor() == 100
    done = desk.call(ANN, "ReverseFile", **fields)
    assert (done.totals[0].cash_minor, desk.open_minor()) == (700, 800)
    assert done.batch_id
    again = desk.call(ANN, "ReverseFile", **fields)
    assert again.reversed_count == 0


def test_a_request_sent_again_gets_its_first_answer_and_does_nothing(desk):
    fields = {"entries": [on("I", 500)], "request_id": "r-1"}
    first = desk.act(ANN, "DecideException", **fields)
    assert desk.act(ANN, "DecideException", **fields) == first
    assert desk.open_minor() == 300
    with pytest.raises(RequestIdReusedError):
        desk.act(ANN, "DecideException", entries=[on("I", 100)], request_id="r-1")
    with pytest.raises(RequestIdReusedError):
        desk.act(BOB, "DecideException", **fields)
    items = [
        contract.BatchItem(
            decide=contract.DecideExceptionRequest(exception_id="monday-2", entries=[on("I", 300)])
        )
    ]
    batch = desk.call(ANN, "BatchExceptions", items=items, request_id="r-2")
    assert desk.call(ANN, "BatchExceptions", items=items, request_id="r-2") == batch
    gone = desk.call(ANN, "ReverseFile", file_id=file_id_of("monday"), request_id="r-3")
    again = desk.call(ANN, "ReverseFile", file_id=file_id_of("monday"), request_id="r-3")
    assert (again, desk.open_minor()) == (gone, 800)


def test_every_act_leaves_an_event_and_an_audit_leaf(desk):
    desk.act(ANN, "NoteException", text="Mr Miller called")
    desk.act(ANN, "DecideException", entries=[on("I", 800)])
    desk.act(ANN, "UndoException", act_number=2)
    events, _ = desk.store.events.after(EventCursor.of(""), 10)
    assert [event.kind for event in events] == [
        "exception.changed",
        "exception.changed",
        "posting.posted",
        "exception.changed",
        "posting.reversed",
    ]
    assert "Miller" not in "".join(event.payload for event in events)
    assert desk.store.audit.unsealed_count() == 3


def test_nothing_is_posted_while_posting_is_halted(desk):
    with desk.store.booking() as booking:
        booking.halts.halt("does not add up", "verifier", NOW)
    desk.act(ANN, "NoteException", text="waiting")
    with pytest.raises(PostingHaltedError):
        desk.act(ANN, "DecideException", entries=[on("I", 800)])


def test_facts_are_learned_and_revoked_by_undo(desk):
    fact = cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_FACT,
        customer_id="C-0",
        fact_kind="alias",
        value="ACME HOLDING",
    )
    preview = desk.call(
        ANN, "PreviewFact", exception_id="monday-0", fact_kind="alias", value="ACME HOLDING"
    )
    assert (preview.day_count, preview.payment_count) == (90, 0)
    desk.act(ANN, "DecideException", entries=[fact])
    facts = desk.store.facts.read()
    assert facts.strings("value") == ["ACME HOLDING"]
    assert facts.strings("company_id") == ["K"]
    assert facts.strings("learned_by") == ["ann"]
    desk.act(ANN, "UndoException", act_number=1)
    assert len(desk.store.facts.read()) == 0


def test_new_evidence_brings_parked_cases_back(desk):
    for case, event in (("monday-0", "fact"), ("monday-2", "bank")):
        desk.act(ANN, "ParkException", case=case, event=event, reason="waiting")
    fact = cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_FACT, customer_id="C-0", fact_kind="alias", value="ACME"
    )
    desk.act(ANN, "DecideException", case="monday-1", entries=[fact])
    detail = desk.call(ANN, "GetCase", exception_id="monday-0")
    assert state(detail.case) == "open"
    assert [act.actor for act in detail.acts] == ["ann", "system"]
    assert state(desk.call(ANN, "GetCase", exception_id="monday-2").case) == "parked"


def test_balances_follow_what_people_say(desk):
    def balance():
        return desk.store.decisions.find_balances(["monday-0"])["monday-0"]

    assert balance().unapplied_minor == 800
    desk.act(ANN, "ParkException", event="advice", reason="asked")
    assert balance().suspense_minor == 800
    rest = cases_pb2.Remainder(kind=cases_pb2.REMAINDER_KIND_ON_ACCOUNT)
    desk.act(ANN, "DecideException", entries=[on("J", 500)], remainder=rest)
    assert (balance().applied_minor, balance().on_account_minor) == (500, 300)
    assert balance().pinned_by == "ann"
    desk.act(ANN, "UndoException", act_number=2)
    assert balance().unapplied_minor == 800


def test_why_not_this_item(desk):
    answer = desk.call(ANN, "ExplainItem", exception_id="monday-0", open_item_id="INV-OTHER")
    assert answer.open_item.open_item_id == "OTHER"
    assert "it is of customer C-9, the payer is C-0" in answer.obstacles
    assert "its open amount is exactly the undecided cash" in answer.supports
    answer = desk.call(ANN, "ExplainItem", exception_id="monday-0", open_item_id="NONE")
    assert answer.obstacles == ["no open item of that id or document number is known"]


def test_pasted_numbers_become_entries(desk):
    with desk.store.booking() as booking:
        rows = items_of("K", {"A": 500, "B": 400}, customer_id="C-0")
        columns = dict(zip(rows.SCHEMA.names, rows.record_batch.columns, strict=True))
        columns |= {"document_number": ["INV-20431", "INV-20544"]}
        booking.open_items.upsert(type(rows).from_columns(columns))
    answer = desk.call(
        ANN, "ReadReferences", exception_id="monday-0", text="inv 20544\nINV20431\nINV-99999\n"
    )
    assert [(one.open_item_id, one.cash_minor) for one in answer.entries] == [
        ("B", 400),
        ("A", 400),
    ]
    assert list(answer.unread) == ["INV-99999"]
    assert answer.remainder_minor == -100
    assert {one.open_item_id for one in answer.open_items} == {"A", "B"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("ClaimException", {}),
        ("NoteException", {"exception_id": "monday-0", "text": "x" * 4_001}),
        ("NoteException", {"exception_id": "monday-0", "text": "x", "request_id": "r" * 256}),
        (
            "DecideException",
            {"exception_id": "monday-0", "entries": [cases_pb2.CaseEntry(kind=99)]},
        ),
        (
            "DecideException",
            {"exception_id": "monday-0", "remainder": cases_pb2.Remainder(kind=99)},
        ),
    ],
)
def test_requests_that_cannot_be_are_refused(desk, name, fields):
    with pytest.raises(FieldError):
        desk.call(ANN, name, **fields)


def test_every_refusal_has_a_code():
    assert set(REFUSALS) <= set(CODES)
