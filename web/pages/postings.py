"""Postings: decided lines on their way to the ledger, and what the ledger said to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.routing import Route

from tieout.v1 import application_service_pb2, cases_pb2, exception_service_pb2
from web.calls import ask
from web.display import NOTHING
from web.frame import frame_of, go_to
from web.given import given, sent
from web.pages.case_view import document_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "Lines"]

_PAGE_ROWS: Final = 30
_STATES: Final = ("post_failed", "approved", "posting", "posted", "confirmed")
"""States of the way to the ledger, what needs somebody first."""

_DELIVERIES: Final = {
    number: name.removeprefix("DELIVERY_").lower() for name, number in cases_pb2.Delivery.items()
}


class Lines(msgspec.Struct, frozen=True):
    """Lines of a case of one delivery: what they are on, their cash, what the ledger said last."""

    delivery: str
    numbers: tuple[int, ...]
    documents: tuple[str, ...]
    cash_minor: int
    said: str


async def _list(request: Request) -> Response:
    said = given(request)
    state = said.text("state") if said.text("state") in _STATES else ""
    wanted = [state] if state else list(_STATES[:3])
    page = await ask(
        request,
        "exceptions",
        "ListCases",
        exception_service_pb2.ListCasesRequest(
            filter=cases_pb2.CaseFilter(
                states=[cases_pb2.CaseState.Value(f"CASE_STATE_{one.upper()}") for one in wanted]
            ),
            order_by="raised",
            page_size=_PAGE_ROWS,
            page_token=said.text("after"),
        ),
    )
    counted = await ask(
        request,
        "exceptions",
        "CountCases",
        exception_service_pb2.CountCasesRequest(facets=["state"]),
    )
    whole = await asyncio.gather(*(_whole(request, one.case_id) for one in page.cases))
    return frame_of(request).page(
        request,
        "postings.html",
        said=said,
        state=state,
        states=_STATES,
        counts={one.value: one.case_count for one in counted.counts},
        cases=[(found, _lines(found)) for found in whole],
        next_token=page.next_page_token,
    )


async def _whole(request: Request, case_id: str) -> Any:
    wanted = exception_service_pb2.GetCaseRequest(exception_id=case_id)
    return await ask(request, "exceptions", "GetCase", wanted)


def _lines(found: exception_service_pb2.GetCaseResponse) -> list[Lines]:
    """The lines that go to the ledger, together where they are equally far."""
    documents = document_numbers(found)
    by_delivery: dict[str, list[cases_pb2.CaseLine]] = {}
    for line in found.case.lines:
        name = _DELIVERIES[line.delivery]
        if name not in ("unspecified", "local", "cancelled"):
            by_delivery.setdefault(name, []).append(line)
    return [
        Lines(
            name,
            tuple(line.line_number for line in lines),
            tuple(dict.fromkeys(_document(line, documents) for line in lines)),
            sum(line.entry.cash_minor for line in lines),
            _said(found.acts, {line.line_number for line in lines}, name),
        )
        for name, lines in by_delivery.items()
    ]


def _document(line: cases_pb2.CaseLine, documents: Mapping[str, str]) -> str:
    entry = line.entry
    return documents.get(entry.open_item_id) or entry.open_item_id or entry.customer_id or NOTHING


def _said(acts: Iterable[cases_pb2.CaseAct], numbers: set[int], delivery: str) -> str:
    """What the ledger said last about one of these lines."""
    words = [
        event.detail
        for act in acts
        for event in act.events
        if event.kind == f"lines.{delivery}" and numbers & set(event.line_numbers)
    ]
    return words[-1] if words else ""


async def _retry(request: Request) -> Response:
    """Refused lines are on their way again: whoever carries them to the ledger takes them up."""
    form = await sent(request)
    await ask(
        request,
        "applications",
        "ReportDelivery",
        application_service_pb2.ReportDeliveryRequest(
            payment_id=form.text("payment"),
            line_numbers=[int(one) for one in form.text("lines").split(",") if one.isdecimal()],
            delivery=cases_pb2.DELIVERY_POSTING,
            detail=form.text("detail"),
        ),
    )
    return go_to("/postings?state=posting")


ROUTES: Final = [
    Route("/postings", _list, methods=["GET"]),
    Route("/postings/retry", _retry, methods=["POST"]),
]
"""What answers."""
