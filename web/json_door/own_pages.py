"""What the door tells about itself: OpenAPI for programs, a page for people; generated files."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["own_page"]

_FOLDER: Final = Path(__file__).resolve().parent / "reference"
_FILES: Final = {
    "/v1/openapi.json": ("openapi.json", "application/json"),
    "/v1/reference": ("reference.html", "text/html; charset=utf-8"),
    "/v1/reference.css": ("reference.css", "text/css; charset=utf-8"),
}
_CACHED: Final = "public, max-age=300"


def own_page(request: Request, path: str) -> Response | None:
    """The file at `path`, None where there is none; `/v1/` leads to the page."""
    if request.method not in ("GET", "HEAD"):
        return None
    if path in ("/v1", "/v1/"):
        return RedirectResponse("/v1/reference")
    if path not in _FILES:
        return None
    name, media = _FILES[path]
    content, etag = _content(name)
    headers = {"etag": etag, "cache-control": _CACHED}
    if request.headers.get("if-none-match", "") == etag:
        return Response(None, 304, headers)
    return Response(content, 200, headers, media)


@functools.cache
def _content(name: str) -> tuple[bytes, str]:
    content = (_FOLDER / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"'
