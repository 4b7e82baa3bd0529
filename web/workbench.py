"""The workbench: every page and what all of them need, for the application to take in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from web.calls import Services
from web.frame import Frame
from web.openid import OpenId
from web.pages import (
    approvals,
    audit,
    bulk,
    case_acts,
    customers,
    exception,
    expected,
    figures,
    files,
    people,
    postings,
    queue,
    rules,
    runs,
    sign_in,
    team,
    webhooks,
)
from web.pages import settings as settings_page
from web.problems import PROBLEM_HANDLERS
from web.sessions import SignInDoor, WithSession

if TYPE_CHECKING:
    import grpc.aio
    from starlette.applications import Starlette

    from web.settings import WebSettings

__all__ = ["PAGES", "add_workbench"]

PAGES: Final = (
    *settings_page.ROUTES,
    *approvals.ROUTES,
    *audit.ROUTES,
    *customers.ROUTES,
    *expected.ROUTES,
    *figures.ROUTES,
    *files.ROUTES,
    *people.ROUTES,
    *postings.ROUTES,
    *rules.ROUTES,
    *runs.ROUTES,
    *webhooks.ROUTES,
    *team.ROUTES,
    *queue.ROUTES,
    *bulk.ROUTES,
    *exception.ROUTES,
    *case_acts.ROUTES,
)
"""What answers whoever may see it, screen by screen."""


def add_workbench(app: Starlette, settings: WebSettings, front: grpc.aio.Channel) -> None:
    """Have `app` show the workbench, which calls `front`, to whoever may see it."""
    app.state.frame = Frame()
    app.state.services = Services(front)
    app.state.door = SignInDoor(settings)
    app.state.openid = OpenId(settings.openid) if settings.openid else None
    app.router.routes += [
        *app.state.frame.static.routes(),
        *sign_in.ROUTES,
        *(_guarded(route) for route in (*sign_in.OWN_ROUTES, *PAGES)),
    ]
    for error, handler in PROBLEM_HANDLERS.items():
        app.add_exception_handler(error, handler)


def _guarded(route: Route) -> Route:
    """`route`, answered only to whoever may look, and to forms that are ours."""
    made = Route(route.path, route.endpoint, methods=list(route.methods or ()))
    made.app = WithSession(made.app)
    return made
