"""The queue: what there is to work on. The home of the workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from web.calls import ask
from web.frame import frame_of
from web.pages.queue_query import query_of, state_name

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES"]


async def _show(request: Request) -> Response:
    query = query_of(request.query_params)
    page = await ask(request, "exceptions", "ListCases", query.request())
    return frame_of(request).page(
        request,
        "queue.html",
        query=query,
        cases=page.cases,
        next_token=page.next_page_token,
        state_name=state_name,
    )


ROUTES: Final = [Route("/", _show, methods=["GET"])]
"""What answers."""
