"""What people decide is under audit, told as events and to matches; it waits while halted."""

import pytest

from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.errors import PostingHaltedError
from store.events import START
from tests.server.test_case_calls import ANN, NOW, Desk, items_of, on
from tests.store.stored_files import file_id_of
from tests.store.test_audit_log import tamper
from tieout.v1 import exception_service_pb2 as contract


@pytest.fixture
def desk(store_url):
    opened = Desk(store_url)
    opened.keep("monday", payments=3, amount=800, bucket="unapplied_minor", applied=0)
    with opened.store.booking() as booking:
        booking.open_items.upsert(items_of("K", {"I": 800, "J": 500}, customer_id="C-0"))
    yield opened
    opened.close()


def findings(desk):
    """What verification finds; the file of this desk was kept without a leaf of its own."""
    found = verify_audit(StoredAudit(desk.store.database)).findings
    return [one for one in found if one.table in ("posting", "cash_move", "case_act", "case_line")]


def test_acts_and_what_they_post_are_under_audit(desk, store_url):
    desk.act(ANN, "ClaimException")
    desk.act(ANN, "DecideException", entries=[on("I", 500)])
    assert findings(desk) == []
    events, _ = desk.store.events.after(START, 10)
    assert [(event.kind, event.subject) for event in events] == [
        ("exception.changed", "monday-0"),
        ("exception.changed", "monday-0"),
        ("posting.posted", "monday-0"),
    ]
    tamper(store_url, "UPDATE posting_line SET applied_minor = 501, taken_minor = 501")
    (found,) = findings(desk)
    assert (found.kind, found.table, found.row_values["applied_minor"]) == (
        "row_changed",
        "posting",
        501,
    )


def test_nothing_is_decided_while_posting_is_halted(desk):
    with desk.store.booking() as booking:
        booking.halts.halt("money does not add up", "clearing proof", NOW)
    desk.act(ANN, "ClaimException")
    with pytest.raises(PostingHaltedError):
        desk.act(ANN, "DecideException", entries=[on("I", 500)])
    assert desk.open_minor() == 800


def test_acts_that_change_what_is_open_are_heard_of_and_no_others(desk):
    desk.act(ANN, "ClaimException")
    desk.act(ANN, "PrepareException", entries=[on("I", 300)])
    desk.act(ANN, "DecideException", entries=[on("I", 800)], validate_only=True)
    assert desk.posted == []
    number = desk.act(ANN, "DecideException", entries=[on("I", 800)]).lines[-1].line_number
    assert desk.posted == ["default"]
    desk.call(ANN, "ReverseApplication", payment_id="monday-0", line_number=number, reason="wrong")
    assert desk.posted == ["default"] * 2
    item = contract.BatchItem(
        decide=contract.DecideExceptionRequest(exception_id="monday-2", entries=[on("J", 500)])
    )
    desk.call(ANN, "BatchExceptions", items=[item])
    assert desk.posted == ["default"] * 3
    desk.call(ANN, "ReverseFile", file_id=file_id_of("monday"), reason="wrong")
    assert desk.posted == ["default"] * 4
    assert desk.open_minor("J") == 500
