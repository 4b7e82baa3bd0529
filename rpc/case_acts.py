"""Calls that act on a case: which act each request is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from desk.acts import (
    Approve,
    Assign,
    Claim,
    Decide,
    Escalate,
    Identify,
    Note,
    Park,
    Prepare,
    Reject,
    Release,
    Resolve,
    TakeOver,
    Undo,
    Wake,
    Withdraw,
)
from rpc.case_messages import entries_of, milliseconds, remainder_of
from rpc.errors import FieldError
from rpc.limits import NOTE_LENGTH_MAX, REQUEST_ID_LENGTH_MAX
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk.acts import Act

__all__ = ["ACT_OF_CALL", "CALL_OF_BATCH_ITEM", "act_of", "check_request"]

ACT_OF_CALL: Final[dict[str, Callable[[Any], Act]]] = {
    "ClaimException": lambda _: Claim(),
    "ReleaseException": lambda _: Release(),
    "TakeOverException": lambda _: TakeOver(),
    "AssignException": lambda one: Assign(
        assignee=one.assignee, backup=one.backup, due_ms=milliseconds(one, "due_time")
    ),
    "ParkException": lambda one: Park(
        until_ms=milliseconds(one, "until_time"), event=one.event, reason=one.reason
    ),
    "WakeException": lambda one: Wake(event=one.event, subject=one.subject),
    "EscalateException": lambda one: Escalate(to=one.to, reason=one.reason),
    "NoteException": lambda one: Note(text=one.text, mentions=tuple(one.mentions)),
    "IdentifyPayer": lambda one: Identify(customer_id=one.customer_id),
    "PrepareException": lambda one: Prepare(
        entries=entries_of(one.entries),
        rank=one.proposal_rank,
        remainder=remainder_of(one.remainder),
    ),
    "DecideException": lambda one: Decide(
        entries=entries_of(one.entries),
        rank=one.proposal_rank,
        remainder=remainder_of(one.remainder),
        hold=one.hold,
    ),
    "ApproveException": lambda one: Approve(comment=one.comment),
    "RejectException": lambda one: Reject(reason=one.reason),
    "WithdrawException": lambda _: Withdraw(),
    "UndoException": lambda one: Undo(
        act_number=one.act_number, line_numbers=tuple(one.line_numbers), reason=one.reason
    ),
    "ResolveException": lambda one: Resolve(resolution=one.resolution, comment=one.comment),
}
"""Call → the act its request is."""

CALL_OF_BATCH_ITEM: Final = {
    field.name: field.message_type.name.removesuffix("Request")
    for field in contract.BatchItem.DESCRIPTOR.fields
    if field.message_type is not None
}
"""Field of a batch item → the call whose request it holds."""

_TEXTS: Final = ("text", "reason", "comment", "assignee", "backup", "to", "subject", "customer_id")


def act_of(call: str, request: Any) -> Act:
    """The act of a request; raises `FieldError` where it cannot be one."""
    check_request(request)
    for name in _TEXTS:
        text = getattr(request, name, "")
        if len(text) > NOTE_LENGTH_MAX:
            message = f"{name} has {len(text)} characters, at most {NOTE_LENGTH_MAX} are kept"
            raise FieldError(message, field=name)
    return ACT_OF_CALL[call](request)


def check_request(request: Any) -> None:
    """Raise `FieldError` where a request names no case, or its id is too long."""
    if not request.exception_id:
        message = "exception_id is empty; give the case, its payment or one of its exceptions"
        raise FieldError(message, field="exception_id")
    if len(request.request_id) > REQUEST_ID_LENGTH_MAX:
        message = (
            f"request_id has {len(request.request_id)} characters, at most "
            f"{REQUEST_ID_LENGTH_MAX} are accepted"
        )
        raise FieldError(message, field="request_id")
