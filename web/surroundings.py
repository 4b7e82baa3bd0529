"""What surrounds every request: an id, headers that tell browsers what they may do, one log line.

The content security policy lets a page use what comes from here and nothing else: no inline
script or style, no frame around it, no form to elsewhere.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from rpc.request_ids import REQUEST_ID_KEY, begin_request

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_SECURITY_POLICY", "Surroundings"]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": browsers would send forms of our own pages with the origin `null`.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cache-control": "no-store",
}
"""Set on every answer that does not set them itself; answers hold money and names, so no cache
keeps them."""

_TRANSPORT_SECURITY: Final = "max-age=31536000"

_log = logging.getLogger("tieout.web")


class Surroundings:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, is_encrypted: bool) -> None:
        """Surround `app`; `is_encrypted` tells browsers to come back encrypted only."""
        self._app = app
        self._headers = dict(_HEADERS)
        if is_encrypted:
            self._headers["strict-transport-security"] = _TRANSPORT_SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = begin_request(Headers(scope=scope))
        begun = time.perf_counter()
        status = 500

        async def surrounded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers[REQUEST_ID_KEY] = request_id
            await send(message)

        try:
            await self._app(scope, receive, surrounded)
        finally:
            _log.debug(
                "%s %s %d in %.0f ms",
                scope["method"],
                scope["path"],
                status,
                (time.perf_counter() - begun) * 1000,
            )
