"""Acts on many exceptions: first a preview of each, then each by itself, each with its own undo."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.routing import Route

from tieout.v1 import exception_service_pb2 as contract
from web.calls import CallError, ask
from web.frame import frame_of
from web.pages.queue_query import query_of, state_name
from web.problems import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["BULK_ITEMS_MAX", "ROUTES"]

BULK_ITEMS_MAX: Final = 500
"""As many as one batch of the contract may have."""


def _given(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()


_ITEM_OF: Final[dict[str, Callable[[str, FormData], dict[str, Any]]]] = {
    "accept": lambda case, _: {
        "decide": contract.DecideExceptionRequest(exception_id=case, proposal_rank=1)
    },
    "assign": lambda case, form: {
        "assign": contract.AssignExceptionRequest(
            exception_id=case, assignee=_given(form, "assignee")
        )
    },
    "park": lambda case, form: {
        "park": contract.ParkExceptionRequest(
            exception_id=case, event=_given(form, "event"), reason=_given(form, "reason")
        )
    },
    "approve": lambda case, _: {"approve": contract.ApproveExceptionRequest(exception_id=case)},
    "note": lambda case, form: {
        "note": contract.NoteExceptionRequest(exception_id=case, text=_given(form, "reason"))
    },
}
"""Act → one item of a batch."""


async def _preview(request: Request) -> Response:
    return await _batch(request, validate_only=True)


async def _perform(request: Request) -> Response:
    return await _batch(request, validate_only=False)


async def _batch(request: Request, *, validate_only: bool) -> Response:
    form = await request.form()
    act = _given(form, "act")
    item_of = _ITEM_OF.get(act)
    cases = [str(one) for one in form.getlist("case")][:BULK_ITEMS_MAX]
    if item_of is None or not cases:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY)
    message = contract.BatchExceptionsRequest(
        items=[contract.BatchItem(**item_of(case, form)) for case in cases],
        request_id="" if validate_only else _given(form, "request_id"),
        validate_only=validate_only,
    )
    answer = await ask(request, "exceptions", "BatchExceptions", message)
    query = query_of(request.query_params)
    return frame_of(request).page(
        request,
        "bulk.html",
        is_undone=False,
        is_preview=validate_only,
        act=act,
        answer=answer,
        results=list(zip(cases, answer.results, strict=True)),
        said={name: _given(form, name) for name in ("assignee", "event", "reason")},
        request_id=uuid.uuid4().hex,
        refusals=REFUSALS,
        query=query,
        state_name=state_name,
    )


async def _undo(request: Request) -> Response:
    """Take one act of a batch back; the list stays, with this row as it is now."""
    form = await request.form()
    case = _given(form, "case")
    number = _given(form, "act_number")
    message = contract.UndoExceptionRequest(
        exception_id=case,
        act_number=int(number) if number.isascii() and number.isdecimal() else 0,
        etag=_given(form, "etag"),
    )
    undone = contract.BatchResult(payer_name=_given(form, "payer"))
    try:
        answer = await ask(request, "exceptions", "UndoException", message)
        undone.case.CopyFrom(answer.case)
    except CallError as error:
        undone.reason, undone.message = error.reason, str(error)
    return frame_of(request).page(
        request,
        "bulk_undone.html",
        is_undone=True,
        is_preview=False,
        case_id=case,
        result=undone,
        refusals=REFUSALS,
        query=query_of(request.query_params),
        state_name=state_name,
    )


ROUTES: Final = [
    Route("/bulk/preview", _preview, methods=["POST"]),
    Route("/bulk", _perform, methods=["POST"]),
    Route("/bulk/undo", _undo, methods=["POST"]),
]
"""What answers."""
