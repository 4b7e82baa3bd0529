"""Approvals: what somebody else has prepared, to let it come true or to send it back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from tieout.v1 import cases_pb2, exception_service_pb2
from web.calls import CallError, ask
from web.frame import frame_of, go_to
from web.given import given, sent
from web.problems import refusal_words, status_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES"]

_PAGE_ROWS: Final = 20


async def _list(request: Request) -> Response:
    return await _page(request, "", 200)


async def _page(request: Request, problem: str, status: int) -> Response:
    said = given(request)
    page = await ask(
        request,
        "exceptions",
        "ListCases",
        exception_service_pb2.ListCasesRequest(
            filter=cases_pb2.CaseFilter(
                states=[cases_pb2.CASE_STATE_PROPOSED, cases_pb2.CASE_STATE_PENDING_APPROVAL]
            ),
            order_by="raised",
            page_size=_PAGE_ROWS,
            page_token=said.text("after"),
        ),
    )
    found = await asyncio.gather(*(_whole(request, one.case_id) for one in page.cases))
    return frame_of(request).page(
        request,
        "approvals.html",
        status=status,
        said=said,
        cases=found,
        next_token=page.next_page_token,
        problem=problem,
        own=request.state.identity.name,
        kinds=_KINDS,
        done=said.text("done"),
    )


async def _whole(request: Request, case_id: str) -> Any:
    wanted = exception_service_pb2.GetCaseRequest(exception_id=case_id)
    return await ask(request, "exceptions", "GetCase", wanted)


async def _approve(request: Request) -> Response:
    form = await sent(request)
    wanted = exception_service_pb2.ApproveExceptionRequest(
        exception_id=request.path_params["case_id"], etag=form.text("etag")
    )
    return await _decided(request, "ApproveException", wanted, "approved")


async def _reject(request: Request) -> Response:
    form = await sent(request)
    wanted = exception_service_pb2.RejectExceptionRequest(
        exception_id=request.path_params["case_id"],
        etag=form.text("etag"),
        reason=form.text("reason"),
    )
    return await _decided(request, "RejectException", wanted, "rejected")


async def _decided(request: Request, call: str, wanted: Any, done: str) -> Response:
    try:
        await ask(request, "exceptions", call, wanted)
    except CallError as error:
        return await _page(request, refusal_words(request, error), status_of(error))
    return go_to(f"/approvals?done={done}")


_KINDS: Final = {
    number: name.removeprefix("ENTRY_KIND_").lower() for name, number in cases_pb2.EntryKind.items()
}

ROUTES: Final = [
    Route("/approvals", _list, methods=["GET"]),
    Route("/approvals/{case_id}/approve", _approve, methods=["POST"]),
    Route("/approvals/{case_id}/reject", _reject, methods=["POST"]),
]
"""What answers."""
