"""The queue: what there is to work on, by facets, search and order. The home of the workbench."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams
from starlette.routing import Route

from tieout.v1 import exception_service_pb2, person_service_pb2, view_service_pb2
from web.calls import CallError, ask
from web.frame import frame_of, go_to, own_name
from web.given import sent
from web.pages.case_data import page_of
from web.pages.queue_query import FACET_FIELDS, ORDERS, query_of, state_name

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from web.pages.queue_query import QueueQuery

__all__ = ["ROUTES"]

_FACET_VALUES: Final = 12
_MENTIONS: Final = 50


async def _show(request: Request) -> Response:
    query = query_of(request.query_params)
    done = request.query_params.get("done", "")
    page, counts, views, mentions, was = await asyncio.gather(
        page_of(request, query),
        ask(request, "exceptions", "CountCases", _count(query)),
        ask(request, "views", "ListViews", view_service_pb2.ListViewsRequest()),
        _mentions(request, query),
        _done(request, done),
    )
    return frame_of(request).page(
        request,
        "queue.html",
        query=query,
        cases=page.cases,
        total=page.total_count,
        next_token=page.next_page_token,
        facets=_facets(counts),
        views=[(one, _address_of_view(one.query)) for one in views.views],
        mentions=mentions.mentions if query.is_mentioned else (),
        mention_count=mentions.unread_count,
        state_name=state_name,
        orders=ORDERS,
        done=was,
        own_name=own_name(request),
    )


async def _mentions(request: Request, query: QueueQuery) -> person_service_pb2.ListMentionsResponse:
    """What the reader was asked to read; but for its view the number alone is shown."""
    wanted = person_service_pb2.ListMentionsRequest(
        page_size=_MENTIONS if query.is_mentioned else 1
    )
    answer: person_service_pb2.ListMentionsResponse = await ask(
        request, "persons", "ListMentions", wanted
    )
    return answer


async def _read_mentions(request: Request) -> Response:
    """They were read: those of one exception, or all."""
    form = await request.form()
    cases = [str(one) for one in form.getlist("case")]
    message = person_service_pb2.ReadMentionsRequest(case_ids=cases)
    await ask(request, "persons", "ReadMentions", message)
    return go_to("/?mentioned=1")


def _count(query: QueueQuery) -> exception_service_pb2.CountCasesRequest:
    return exception_service_pb2.CountCasesRequest(
        filter=query.filter(), facets=FACET_FIELDS, values_max=_FACET_VALUES
    )


def _facets(counts: exception_service_pb2.CountCasesResponse) -> dict[str, list[Any]]:
    """Facet → its values, in the order they are shown."""
    found: dict[str, list[Any]] = {facet: [] for facet in FACET_FIELDS}
    for one in counts.counts:
        found[one.facet].append(one)
    return found


async def _done(request: Request, identity: str) -> exception_service_pb2.GetCaseResponse | None:
    """What was done last, for the line that says so."""
    if not identity:
        return None
    message = exception_service_pb2.GetCaseRequest(exception_id=identity)
    try:
        answer: exception_service_pb2.GetCaseResponse = await ask(
            request, "exceptions", "GetCase", message
        )
    except CallError:
        return None
    return answer


def _address_of_view(text: str) -> str:
    """A kept view as an address; what it says wrongly is left out."""
    return query_of(QueryParams(parse_qsl(text, keep_blank_values=True))).address()


async def _save_view(request: Request) -> Response:
    form = await request.form()
    query = query_of(QueryParams(parse_qsl(str(form.get("query", "")), keep_blank_values=True)))
    address = query.address()
    message = view_service_pb2.SaveViewRequest(
        name=str(form.get("name", "")),
        query=address.partition("?")[2],
        is_team="is_team" in form,
    )
    await ask(request, "views", "SaveView", message)
    return go_to(address)


async def _delete_view(request: Request) -> Response:
    form = await sent(request)
    message = view_service_pb2.DeleteViewRequest(
        view_id=request.path_params["view_id"], etag=form.text("etag")
    )
    await ask(request, "views", "DeleteView", message)
    return go_to("/")


ROUTES: Final = [
    Route("/", _show, methods=["GET"]),
    Route("/mentions/read", _read_mentions, methods=["POST"]),
    Route("/views", _save_view, methods=["POST"]),
    Route("/views/{view_id}/delete", _delete_view, methods=["POST"]),
]
"""What answers."""
