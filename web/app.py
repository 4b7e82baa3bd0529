"""The application: every route of the web, composed in one place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, NoMatchFound

from web.foreign_pages import ForeignPages
from web.json_door.door import JsonDoor
from web.status_routes import status_routes
from web.surroundings import Surroundings
from web.workbench import add_workbench

if TYPE_CHECKING:
    import grpc.aio
    from starlette.datastructures import URLPath
    from starlette.types import ASGIApp, Receive, Scope, Send

    from web.settings import WebSettings

__all__ = ["build_app"]


def build_app(settings: WebSettings, front: grpc.aio.Channel) -> Starlette:
    """Answers requests by calling `front`.

    Each part brings its own list of routes; the first that fits answers. `app.state.draining` is
    an event that ends answers which would never end by themselves.
    """
    draining = asyncio.Event()
    door = JsonDoor(front, draining, nobody_signs_in=settings.nobody_signs_in)
    app = Starlette(
        routes=[*status_routes(front), _Below("/v1", door)],
        middleware=[
            Middleware(Surroundings, is_encrypted=settings.is_encrypted),
            Middleware(ForeignPages, own_names_only=settings.nobody_signs_in),
        ],
    )
    app.state.draining = draining
    add_workbench(app, settings, front)
    return app


class _Below(BaseRoute):
    """Everything below a path, whatever stands there: patterns end where an id holds a line end."""

    def __init__(self, path: str, app: ASGIApp) -> None:
        self._path = path
        self._app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_below = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{self._path}/")
        return (Match.FULL if is_below else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, path_params)
