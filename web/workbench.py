"""The workbench: every page and what all of them need, for the application to take in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.calls import Services
from web.frame import Frame
from web.pages import queue, settings
from web.problems import PROBLEM_HANDLERS

if TYPE_CHECKING:
    import grpc.aio
    from starlette.applications import Starlette

__all__ = ["add_workbench"]


def add_workbench(app: Starlette, front: grpc.aio.Channel) -> None:
    """Have `app` show the workbench, which calls `front`."""
    app.state.frame = Frame()
    app.state.services = Services(front)
    app.router.routes += [
        *app.state.frame.static.routes(),
        *settings.ROUTES,
        *queue.ROUTES,
    ]
    for error, handler in PROBLEM_HANDLERS.items():
        app.add_exception_handler(error, handler)
