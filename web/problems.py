"""Pages that say what went wrong, and with which status."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import grpc
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from web.calls import CallError
from web.errors import WebError
from web.frame import frame_of
from web.languages import marked as _

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["PROBLEM_HANDLERS", "REFUSALS", "refusal_words", "status_of"]

_STATUSES: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}

_WORDS: Final = {
    HTTPStatus.UNPROCESSABLE_ENTITY: (_("That cannot be"), ""),
    HTTPStatus.NOT_FOUND: (_("There is nothing here"), _("It may never have been, or is gone.")),
    HTTPStatus.CONFLICT: (_("Not now"), ""),
    HTTPStatus.FORBIDDEN: (_("You may not do that"), _("Ask somebody who may.")),
    HTTPStatus.UNAUTHORIZED: (_("Please sign in"), ""),
    HTTPStatus.TOO_MANY_REQUESTS: (_("Too much at once"), _("Wait a moment and try again.")),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        _("The service does not answer"),
        _("Nothing is lost. Wait a moment and load the page again."),
    ),
    HTTPStatus.GATEWAY_TIMEOUT: (
        _("The service took too long"),
        _("Load the page again to see whether it was done."),
    ),
}
_OTHERWISE: Final = (_("Something went wrong"), _("Nothing was changed. Load the page again."))

_STALE: Final = _(
    "Somebody else changed this while you looked at it. Nothing of yours was kept; go back and "
    "load the page again."
)

REFUSALS: Final = {
    "STALE_ROW": _(
        "Somebody else changed this while you looked at it. Nothing of yours was kept; this is "
        "how it is now."
    ),
    "LEASED": _("Somebody else works on it. You can take it over."),
    "FOUR_EYES": _("You had a hand in it; somebody else must approve."),
    "AUTHORITY_EXCEEDED": _("That is beyond your authority."),
    "NOTHING_TO_DECIDE": _("Nothing is picked. Choose a suggestion or pick items."),
    "OVERSPENT": _("More is picked than the payment has left."),
    "ITEM_OVERAPPLIED": _("More is picked than is open on the item."),
    "REASON_MISSING": _("A reason is missing."),
    "CUSTOMER_MISSING": _("Say first whose account it is."),
    "CURRENCY_MISMATCH": _("The item is in another currency than the payment."),
    "ITEM_CLOSED": _("The item is closed."),
    "DRAFT_IN_PROGRESS": _("Picks would be lost. Decide, or drop them first."),
    "ACT_NOT_ALLOWED": _("Its state does not allow that."),
    "LINE_UNDER_WAY": _("It is on its way to the ledger. Wait for the answer."),
    "ALREADY_REVERSED": _("It was taken back before."),
    "UNDECIDED_MONEY": _("There is still money to decide."),
    "POSTING_REJECTED": _("An open item changed in the meantime. Look again."),
    "POSTING_HALTED": _("Posting is halted; an operator looks into it."),
    "UNTIL_INVALID": _("Say a day in the future, or what to wait for."),
    "PROPOSAL_UNKNOWN": _("There is no such suggestion."),
    "COMPANY_OUT_OF_SCOPE": _("You do not work for that company."),
    "ENTRY_MALFORMED": _("That says too little, too much, or twice the same."),
    "ITEM_UNKNOWN": _("There is no such open item."),
    "REASON_UNKNOWN": _("There is no such reason."),
    "NOTHING_TO_UNDO": _("That act has nothing that could be taken back."),
}
"""Refusals in the reader's language; the service's own sentence stands beside them."""


def status_of(error: CallError) -> HTTPStatus:
    """The status of a page about `error`."""
    return _STATUSES.get(error.code, HTTPStatus.BAD_GATEWAY)


def refusal_words(request: Request, error: CallError) -> str:
    """What `error` means to a person."""
    text = REFUSALS.get(error.reason)
    return frame_of(request).say(request, text) if text else str(error)


async def _called(request: Request, error: Exception) -> Response:
    assert isinstance(error, CallError)  # noqa: S101 - registered for it
    status = status_of(error)
    if status is HTTPStatus.UNAUTHORIZED and request.method == "GET":
        where = f"{request.url.path}{'?' if request.url.query else ''}{request.url.query}"
        return RedirectResponse(f"/sign-in?then={quote(where, safe='')}", 303)
    title, advice = _WORDS.get(status, _OTHERWISE)
    said = _STALE if error.reason == "STALE_ROW" else REFUSALS.get(error.reason, advice)
    return _page(request, status, title, said, str(error))


async def _mistaken(request: Request, error: Exception) -> Response:
    assert isinstance(error, WebError)  # noqa: S101 - registered for it
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return _page(request, status, _WORDS[status][0], "", str(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = HTTPStatus(error.status_code)
    title, advice = _WORDS.get(status, _OTHERWISE)
    return _page(request, status, title, advice, "")


def _page(request: Request, status: HTTPStatus, title: str, advice: str, reason: str) -> Response:
    frame = frame_of(request)
    said = {"title": frame.say(request, title), "advice": advice and frame.say(request, advice)}
    return frame.page(request, "problem.html", status=status, reason=reason, **said)


PROBLEM_HANDLERS: Final[dict[Any, Callable[..., Any]]] = {
    CallError: _called,
    WebError: _mistaken,
    HTTPException: _http,
}
"""Error → page, for the application."""
