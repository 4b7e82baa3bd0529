"""Rules and aliases: what people taught about payers, what it told since, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.routing import Route

from tieout.v1 import exception_service_pb2, fact_service_pb2
from web.calls import ask
from web.frame import frame_of, go_to
from web.given import given, sent

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES"]


async def _list(request: Request) -> Response:
    said = given(request)
    page = await ask(
        request,
        "facts",
        "ListFacts",
        fact_service_pb2.ListFactsRequest(
            kind=said.text("kind"),
            customer_id=said.text("customer"),
            with_revoked=said.text("revoked") == "1",
            page_token=said.text("after"),
        ),
    )
    return frame_of(request).page(
        request, "rules.html", said=said, facts=page.facts, next_token=page.next_page_token
    )


async def _show(request: Request) -> Response:
    said = given(request)
    found = await _found(request, said.text("case"), said.number("line"))
    return frame_of(request).page(request, "rule.html", found=found, fact=found.fact)


async def _found(request: Request, case_id: str, line: int) -> fact_service_pb2.GetFactResponse:
    wanted = fact_service_pb2.GetFactRequest(case_id=case_id, line_number=line)
    answer: fact_service_pb2.GetFactResponse = await ask(request, "facts", "GetFact", wanted)
    return answer


async def _expire(request: Request) -> Response:
    """Until when it counts."""
    form = await sent(request)
    case_id, line = form.text("case"), form.number("line")
    message = fact_service_pb2.ChangeFactExpiryRequest(
        case_id=case_id, line_number=line, expire_date=form.text("until"), etag=form.text("etag")
    )
    await ask(request, "facts", "ChangeFactExpiry", message)
    return go_to(f"/rules/show?{urlencode({'case': case_id, 'line': line})}")


async def _revoke(request: Request) -> Response:
    """A fact is taken back by taking its line back: the act is in the history of its case."""
    form = await sent(request)
    case_id, line = form.text("case"), form.number("line")
    case = await ask(
        request,
        "exceptions",
        "GetCase",
        exception_service_pb2.GetCaseRequest(exception_id=case_id),
    )
    act = next((one.act_number for one in case.case.lines if one.line_number == line), 0)
    await ask(
        request,
        "exceptions",
        "UndoException",
        exception_service_pb2.UndoExceptionRequest(
            exception_id=case_id,
            act_number=act,
            line_numbers=[line],
            reason=form.text("reason"),
            etag=case.case.summary.etag,
        ),
    )
    return go_to("/rules")


ROUTES: Final = [
    Route("/rules", _list, methods=["GET"]),
    Route("/rules/show", _show, methods=["GET"]),
    Route("/rules/expiry", _expire, methods=["POST"]),
    Route("/rules/revoke", _revoke, methods=["POST"]),
]
"""What answers."""
