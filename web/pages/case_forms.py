"""What the forms of an exception say, as requests of the contract."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import DecodeError, json

from tieout.v1 import cases_pb2
from tieout.v1 import exception_service_pb2 as contract
from web.errors import FormError
from web.pages.case_view import item_key, taken_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from starlette.datastructures import FormData

    from web.display import Display

__all__ = ["CASE_ACTS", "GOING_ON", "carried_entry", "entries_of_form", "picks_request"]

_MENTION: Final = re.compile(r"(?<![\w@])@([\w.-]+)")
_ENTRIES_MAX: Final = 5_000

GOING_ON: Final = frozenset({"decide", "park", "resolve", "escalate", "approve", "reject"})
"""Acts after which a clerk goes on to the next exception."""


def _note(form: FormData) -> dict[str, Any]:
    text = _text(form, "text")
    return {"text": text, "mentions": sorted(set(_MENTION.findall(text)))}


def _park(form: FormData) -> dict[str, Any]:
    given: dict[str, Any] = {"event": _text(form, "event"), "reason": _text(form, "reason")}
    day = _text(form, "until")
    if day:
        given["until_time"] = _morning(day)
    return given


def _assign(form: FormData) -> dict[str, Any]:
    given: dict[str, Any] = {
        "assignee": _text(form, "assignee"),
        "backup": _text(form, "backup"),
    }
    if _text(form, "due"):
        given["due_time"] = _morning(_text(form, "due"))
    return given


def _undo(form: FormData) -> dict[str, Any]:
    return {
        "act_number": _number(form, "act_number"),
        "line_numbers": sorted(int(str(one)) for one in form.getlist("line")),
        "reason": _text(form, "reason"),
    }


CASE_ACTS: Final[dict[str, tuple[str, Callable[[FormData], dict[str, Any]]]]] = {
    "claim": ("ClaimException", lambda _: {}),
    "release": ("ReleaseException", lambda _: {}),
    "take_over": ("TakeOverException", lambda _: {}),
    "assign": ("AssignException", _assign),
    "park": ("ParkException", _park),
    "wake": ("WakeException", lambda _: {}),
    "escalate": (
        "EscalateException",
        lambda form: {"to": _text(form, "to"), "reason": _text(form, "reason")},
    ),
    "note": ("NoteException", _note),
    "identify": ("IdentifyPayer", lambda form: {"customer_id": _text(form, "customer_id")}),
    "approve": ("ApproveException", lambda form: {"comment": _text(form, "comment")}),
    "reject": ("RejectException", lambda form: {"reason": _text(form, "reason")}),
    "withdraw": ("WithdrawException", lambda _: {}),
    "undo": ("UndoException", _undo),
    "resolve": (
        "ResolveException",
        lambda form: {"resolution": _text(form, "resolution"), "comment": _text(form, "comment")},
    ),
}
"""Act → its call, and the fields that its form gives."""


def picks_request(
    form: FormData, detail: contract.GetCaseResponse, display: Display
) -> contract.PrepareExceptionRequest:
    """The draft that the form of picks says."""
    return contract.PrepareExceptionRequest(
        exception_id=detail.case.summary.case_id, entries=entries_of_form(form, detail, display)
    )


def entries_of_form(
    form: FormData, detail: contract.GetCaseResponse, display: Display
) -> list[cases_pb2.CaseEntry]:
    """Picked items with their amounts, and the entries that the form carries along.

    An item that is picked without an amount takes what is open of it, as far as the cash goes.
    Raises `AmountTextError` or `FormError`.
    """
    currency = detail.case.summary.currency_code
    known = _known(detail)
    others = [_carried(str(text)) for text in form.getlist("other")]
    keys = [str(one) for one in form.getlist("pick")]
    if len(keys) + len(others) > _ENTRIES_MAX:
        message = f"{len(keys)} items are picked, at most {_ENTRIES_MAX} may be"
        raise FormError(message)
    entries = []
    for key in keys:
        company, _, item = key.partition("/")
        entry = cases_pb2.CaseEntry(
            kind=cases_pb2.ENTRY_KIND_ITEM,
            company_id=company,
            open_item_id=item,
            customer_id=_text(form, f"customer:{key}"),
        )
        old = known.get(key)
        if old is not None:
            entry.CopyFrom(old)
        for name in ("cash", "discount"):
            written = _text(form, f"{name}:{key}")
            if written:
                setattr(entry, f"{name}_minor", display.minor(written, currency))
        entries.append((entry, bool(_text(form, f"cash:{key}")), _number(form, f"open:{key}")))
    left = detail.case.summary.undecided_minor
    left -= sum(one.cash_minor for one in others)
    left -= sum(entry.cash_minor for entry, has_amount, _ in entries if has_amount)
    for entry, has_amount, open_minor in entries:
        if not has_amount:
            entry.cash_minor = open_minor if left <= 0 else min(open_minor, left)
            left -= entry.cash_minor
    return [*(entry for entry, _, _ in entries), *others]


def _known(detail: contract.GetCaseResponse) -> Mapping[str, cases_pb2.CaseEntry]:
    """What is picked already: differences that were given a reason are kept with their item."""
    ranks = {row.proposal_rank for row in detail.proposals}
    offered = [] if detail.case.draft.entries else [taken_entries(detail, one) for one in ranks]
    found: Sequence[cases_pb2.CaseEntry] = [
        *(entry for entries in offered for entry in entries),
        *detail.case.draft.entries,
    ]
    return {item_key(one.company_id, one.open_item_id): one for one in found if one.open_item_id}


def carried_entry(text: str) -> cases_pb2.CaseEntry:
    """An entry that a form carries as JSON; raises `FormError`."""
    return _carried(text)


def _carried(text: str) -> cases_pb2.CaseEntry:
    try:
        return ParseDict(json.decode(text), cases_pb2.CaseEntry())
    except (ParseError, DecodeError, AttributeError, TypeError, ValueError):
        message = f"{text[:80]!r} is no entry; load the page again"
        raise FormError(message) from None


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


def _number(form: FormData, name: str) -> int:
    text = _text(form, name)
    try:
        return int(text or "0")
    except ValueError:
        message = f"{name} is {text!r}, expected a whole number"
        raise FormError(message) from None


def _morning(day: str) -> Timestamp:
    """The beginning of a day, UTC; raises `FormError`."""
    try:
        at = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
    except ValueError:
        message = f"{day!r} is no day; write it like 2026-03-31"
        raise FormError(message) from None
    time = Timestamp()
    time.FromDatetime(at)
    return time
