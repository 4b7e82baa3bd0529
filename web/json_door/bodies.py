"""Bodies of requests: bounded, of a kind that is expected, and not waited for for ever."""

from __future__ import annotations

import asyncio
import codecs
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from web.json_door.problems import Refusal, refused
from web.json_door.reading import parsed
from web.limits import (
    APART_BYTES_MIN,
    BODY_BYTES_MAX,
    BODY_SECONDS_MAX,
    CHUNK_BYTES_MAX,
    LINE_BYTES_MAX,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

__all__ = ["JSON_LINES", "apart", "chunks", "content_type", "json_body", "lines", "raw_body"]

_Result = TypeVar("_Result")

JSON_LINES: Final = "application/jsonl"
_JSON_LINES_TOO: Final = frozenset({JSON_LINES, "application/x-ndjson", "application/x-jsonlines"})
_JSON: Final = "application/json"


def content_type(request: Request) -> str:
    """The media type of the body in lower case; `application/jsonl` for each of its names.

    Raises `DoorError` for a text that is not UTF-8, and for a body that is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        sentence = f"content-encoding {encoding!r} is not undone here; send the body as it is"
        raise refused(Refusal.CONTENT_TYPE_UNKNOWN, sentence, content_encoding=encoding[:100])
    media, *parameters = request.headers.get("content-type", "").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and not _is_utf8(value.strip('"')):
            sentence = f"charset {value!r} is not read here; send UTF-8"
            raise refused(Refusal.CONTENT_TYPE_UNKNOWN, sentence, charset=value[:100])
    media = media.strip()
    return JSON_LINES if media in _JSON_LINES_TOO else media


def _is_utf8(name: str) -> bool:
    try:
        return codecs.lookup(name).name == "utf-8"
    except (LookupError, ValueError):
        return False


async def apart(size: int, work: Callable[..., _Result], *arguments: Any) -> _Result:
    """What `work` gives: done beside the event loop where its `size` in bytes is no trifle."""
    if size < APART_BYTES_MIN:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)


async def json_body(request: Request) -> tuple[int, Any]:
    """Length and value of the body as JSON, an empty object where there is none.

    Raises `DoorError`.
    """
    content = await raw_body(request)
    if not content.strip():
        return 0, {}
    media = content_type(request)
    if media != _JSON and not (media.startswith("application/") and media.endswith("+json")):
        sentence = f"content-type is {media or 'missing'}, expected {_JSON}"
        raise refused(Refusal.CONTENT_TYPE_UNKNOWN, sentence, content_type=media[:100])
    return len(content), await apart(len(content), parsed, content)


async def raw_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body; raises `DoorError` beyond `bytes_max`."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > bytes_max:
        _refuse_size("the body", bytes_max)
    found = bytearray()
    async for chunk in _received(request):
        found += chunk
        if len(found) > bytes_max:
            _refuse_size("the body", bytes_max)
    return bytes(found)


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """The body in chunks of the size that the front takes, the last one smaller."""
    waiting = bytearray()
    async for chunk in _received(request):
        waiting += chunk
        while len(waiting) >= CHUNK_BYTES_MAX:
            yield bytes(waiting[:CHUNK_BYTES_MAX])
            del waiting[:CHUNK_BYTES_MAX]
    if waiting:
        yield bytes(waiting)


async def lines(request: Request) -> AsyncIterator[bytes]:
    """The lines of the body that are not blank; raises `DoorError` for one that is too long."""
    waiting = bytearray()
    searched = 0
    async for chunk in _received(request):
        waiting += chunk
        begin = 0
        while (end := waiting.find(b"\n", max(begin, searched))) >= 0:
            line = bytes(waiting[begin:end]).strip()
            begin = end + 1
            if line:
                yield line
        del waiting[:begin]
        searched = len(waiting)
        if len(waiting) > LINE_BYTES_MAX:
            _refuse_size("a line of the body", LINE_BYTES_MAX)
    if line := bytes(waiting).strip():
        yield line


async def _received(request: Request) -> AsyncIterator[bytes]:
    """What comes, as it comes; raises `DoorError` where nothing comes for too long."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            sentence = f"nothing of the body came for {BODY_SECONDS_MAX:.0f} seconds"
            raise refused(Refusal.BODY_TIMEOUT, sentence) from None
        yield chunk


def _refuse_size(what: str, bytes_max: int) -> NoReturn:
    sentence = f"{what} is larger than {bytes_max} bytes, the limit"
    raise refused(Refusal.BODY_TOO_LARGE, sentence, bytes_max=str(bytes_max))
