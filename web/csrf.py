"""What a form must carry, so that no page of somebody else can send it: a token of the session.

It is an HMAC under the session's own token, which only this site's cookie holds. It needs no store
and no key of the process, and ends with the session.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from starlette.requests import Request

from web.limits import FORM_BYTES_MAX, FORM_FIELDS_MAX

if TYPE_CHECKING:
    from starlette.types import Message, Receive

__all__ = ["CSRF_FIELD", "CSRF_HEADER", "READS", "Body", "csrf_token_of"]

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf_token"
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Requests that change nothing."""

_PURPOSE: Final = b"tieout form"


def csrf_token_of(session_token: str) -> str:
    """The token that forms of the session carry; empty where there is no session."""
    if not session_token:
        return ""
    return hmac.new(session_token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


class Body:
    """The body of a request, read once and given on as if it had not been."""

    def __init__(self, request: Request) -> None:
        """Nothing is read yet."""
        self._request = request
        self._content: bytes | None = None

    async def is_ours(self, wanted: str) -> bool:
        """Whether the header or the form carries `wanted`."""
        given = self._request.headers.get(CSRF_HEADER)
        if given is None:
            given = dict(await self.fields()).get(CSRF_FIELD, "")
        return hmac.compare_digest(given.encode(), wanted.encode())

    async def fields(self) -> list[tuple[str, str]]:
        """Texts of the form; none where it is too large or is no form."""
        content = await self._read()
        if content is None:
            return []

        async def once() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        form = await Request(self._request.scope, once).form(max_fields=FORM_FIELDS_MAX)
        try:
            return [(name, text) for name, text in form.multi_items() if isinstance(text, str)]
        finally:
            await form.close()

    def receive(self) -> Receive:
        """What an application reads the body from."""
        if self._content is None:
            return self._request.receive
        content, inner = self._content, self._request.receive
        given = False

        async def receive() -> Message:
            nonlocal given
            if given:
                return await inner()
            given = True
            return {"type": "http.request", "body": content, "more_body": False}

        return receive

    async def _read(self) -> bytes | None:
        """The body, None where it is larger than any form."""
        if self._content is None:
            parts = []
            size = 0
            async for part in self._request.stream():
                size += len(part)
                if size > FORM_BYTES_MAX:
                    return None
                parts.append(part)
            self._content = b"".join(parts)
        return self._content
