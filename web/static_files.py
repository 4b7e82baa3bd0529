"""Style, script and pictures: read once, named by their content, kept by browsers for ever."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["StaticFiles"]

_FOLDER: Final = Path(__file__).with_name("static")
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class _Asset(msgspec.Struct, frozen=True):
    """One file, as it is and compressed."""

    media_type: str
    plain: bytes
    compressed: bytes


class StaticFiles:
    """Every file of a folder under a name that changes with its content."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Read the files of `folder` whose kind browsers are served."""
        self._assets: dict[str, _Asset] = {}
        self._served_as: dict[str, str] = {}
        for path in sorted(folder.iterdir()):
            media_type = _MEDIA_TYPES.get(path.suffix)
            if media_type:
                content = path.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:16]
                name = f"{path.stem}-{digest}{path.suffix}"
                # No time in the header: the same content makes the same bytes.
                packed = gzip.compress(content, mtime=0)
                self._assets[name] = _Asset(media_type, content, packed)
                self._served_as[path.name] = f"/static/{name}"

    def address(self, name: str) -> str:
        """The path a browser asks for to get the file `name`."""
        return self._served_as[name]

    def compressed_bytes(self, suffix: str) -> int:
        """Size of all files with `suffix` as they travel."""
        assets = self._assets.items()
        return sum(len(one.compressed) for name, one in assets if name.endswith(suffix))

    def routes(self) -> list[Route]:
        """What answers for the files."""
        return [Route("/static/{name}", self._answer, methods=["GET"])]

    async def _answer(self, request: Request) -> Response:
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return PlainTextResponse("no such file", status_code=404)
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.compressed, media_type=asset.media_type, headers=headers)
        return Response(asset.plain, media_type=asset.media_type, headers=headers)
