"""Requests that a page of somebody else makes a browser send, turned away.

Browsers say where a request comes from. A request that changes something and comes from another
site is refused, with or without sign-in. Where nobody has to sign in, the name that the browser
thinks it talks to must be this machine's own: else a page elsewhere could have its name resolved
to this machine and read everything (DNS rebinding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response

from web.json_door.problems import Problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["ForeignPages"]

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FOREIGN: Final = frozenset({"cross-site", "same-site"})


class ForeignPages:
    """Refuses them before anything is looked at."""

    def __init__(self, app: ASGIApp, *, own_names_only: bool) -> None:
        """Guard `app`; with `own_names_only` no name but this machine's own is answered."""
        self._app = app
        self._own_names_only = own_names_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._own_names_only and _name_of(f"//{host}") not in _OWN_NAMES:
            sentence = f"nobody has to sign in here, so {host!r} is not answered: use localhost"
            return _refused(scope, 421, sentence)
        if scope["method"] in _READS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        # A form without a referrer has the origin "null"; the browser's own word is better.
        foreign = (
            site in _FOREIGN
            if site is not None
            else origin is not None and urlsplit(origin).netloc != host
        )
        if foreign:
            return _refused(scope, 403, "a page of another site may not change anything here")
        return None


def _refused(scope: Scope, status: int, sentence: str) -> Response:
    if not scope["path"].startswith("/v1/"):
        return PlainTextResponse(f"{sentence}\n", status)
    return Problem.of("FOREIGN_PAGE", status, "PERMISSION_DENIED", sentence).response()


def _name_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
