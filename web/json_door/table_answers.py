"""Answers whose tables come as Arrow: one table as a stream, or all of them one behind the other.

`Accept: application/vnd.apache.arrow.stream` is answered with one table, which `;table=exceptions`
names, `applications` where it names none; `Accept: multipart/mixed` with the summary as JSON and
every table as a part of its own. What is refused, and an answer that lists wrong rows, is JSON as
always.
"""

from __future__ import annotations

import json
import secrets
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.responses import Response, StreamingResponse

from tieout.v1 import rows_pb2
from web.json_door.arrow_streams import ARROW, SplicedStream
from web.json_door.problems import Refusal, refused
from web.json_door.table_fields import answers_in_tables, tables_of
from web.json_door.writing import json_of, plain_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message
    from starlette.requests import Request

    from web.json_door.contract import Rpc

__all__ = [
    "ALL_TABLES",
    "SUMMARY",
    "TableChoice",
    "header_in_arrow",
    "in_arrow",
    "parts_response",
    "table_choice",
]

ALL_TABLES: Final = "multipart/mixed"
SUMMARY: Final = "tieout-summary"
"""Header that holds the summary as JSON, where one table is all of the body."""

_FIRST_CHOICE: Final = "applications"
_JSON_TOO: Final = frozenset(
    {"application/json", "application/jsonl", "application/x-ndjson", "application/*", "*/*"}
)


class TableChoice(NamedTuple):
    """What the caller takes: one table, or all of them where `table` is empty."""

    table: str


def table_choice(rpc: Rpc, request: Request) -> TableChoice | None:
    """What the caller prefers for the tables of the answer; None for JSON.

    Raises `DoorError` for a table that the call does not answer with, and where the caller takes
    nothing but tables of a call that has none.
    """
    best, liked = None, 0.0
    takes_json = False
    for one in request.headers.get("accept", "").split(","):
        media, *parameters = (part.strip() for part in one.split(";"))
        media = media.lower()
        values = dict(_pair(parameter) for parameter in parameters)
        quality = _quality(values.get("q", "1"))
        if quality > liked and media in (ARROW, ALL_TABLES, *_JSON_TOO):
            best, liked = (media, values.get("table", "")), quality
        takes_json = takes_json or (media in _JSON_TOO and quality > 0)
    if best is None or best[0] in _JSON_TOO:
        return None
    if not answers_in_tables(rpc):
        if takes_json:
            return None
        sentence = f"{rpc.name} answers with JSON; its answer has no tables"
        raise refused(Refusal.NOT_ACCEPTABLE, sentence, accept=best[0])
    return TableChoice(_table(rpc, best[1]) if best[0] == ARROW else "")


def in_arrow(request: Message) -> None:
    """Ask for Arrow; raises `DoorError` where the request itself asks for messages."""
    if request.row_encoding == rows_pb2.ROW_ENCODING_MESSAGES:  # type: ignore[attr-defined]  # has it
        sentence = "rowEncoding asks for messages, the header Accept for Arrow"
        raise refused(Refusal.AMBIGUOUS_FIELD, sentence, field="rowEncoding")
    request.row_encoding = rows_pb2.ROW_ENCODING_ARROW  # type: ignore[attr-defined]  # it has it


async def header_in_arrow(messages: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """The messages of a request; its header asks for Arrow."""
    is_first = True
    async with aclosing(messages) as coming:  # type: ignore[type-var]  # a generator
        async for message in coming:
            if is_first:
                in_arrow(message.header)  # type: ignore[attr-defined]  # it has one
            is_first = False
            yield message


def parts_response(
    choice: TableChoice, first: Message, rest: AsyncIterator[Message] | None = None
) -> Response:
    """The answer: its one message, or `first` and the `rest` of a stream of them."""
    chunks = _tables_of_one(first) if rest is None else _tables_of_stream(first, rest)
    headers = {"vary": "accept"}
    summary = _summary(first)
    if choice.table:
        if summary is not None:
            headers[SUMMARY] = json.dumps(plain_of(summary))  # ASCII, as headers are
        return StreamingResponse(_one_table(chunks, choice.table), 200, headers, ARROW)
    boundary = secrets.token_hex(16)
    media = f"{ALL_TABLES}; boundary={boundary}"
    return StreamingResponse(_all_tables(summary, chunks, boundary), 200, headers, media)


async def _tables_of_one(answer: Message) -> AsyncIterator[tuple[str, bytes]]:
    for name in tables_of(answer.DESCRIPTOR):
        if answer.HasField(name):
            yield name, getattr(answer, name).arrow.ipc_stream


async def _tables_of_stream(
    first: Message, rest: AsyncIterator[Message]
) -> AsyncIterator[tuple[str, bytes]]:
    tables = tables_of(first.DESCRIPTOR)

    def table(message: Message) -> tuple[str, bytes] | None:
        name = message.WhichOneof("part")
        return (name, getattr(message, name).arrow.ipc_stream) if name in tables else None

    found = table(first)
    if found is not None:
        yield found
    async with aclosing(rest) as coming:  # type: ignore[type-var]  # a generator
        async for message in coming:
            found = table(message)
            if found is not None:
                yield found


async def _one_table(chunks: AsyncIterator[tuple[str, bytes]], wanted: str) -> AsyncIterator[bytes]:
    spliced = SplicedStream()
    async for name, content in chunks:
        if name == wanted:
            yield spliced.part(content)
    yield spliced.end()


async def _all_tables(
    summary: Any, chunks: AsyncIterator[tuple[str, bytes]], boundary: str
) -> AsyncIterator[bytes]:
    """Parts with a table each; the chunks of a table follow each other, as the front sends them."""
    if summary is not None:
        yield _head(boundary, "summary", "application/json", "json") + json_of(summary) + b"\r\n"
    now, spliced = "", SplicedStream()
    async for name, content in chunks:
        if name != now:
            if now:
                yield spliced.end() + b"\r\n"
            now, spliced = name, SplicedStream()
            yield _head(boundary, name, ARROW, "arrow")
        yield spliced.part(content)
    yield (spliced.end() + b"\r\n" if now else b"") + f"--{boundary}--\r\n".encode()


def _head(boundary: str, name: str, media: str, extension: str) -> bytes:
    return (
        f"--{boundary}\r\ncontent-type: {media}\r\n"
        f'content-disposition: attachment; name="{name}"; filename="{name}.{extension}"\r\n\r\n'
    ).encode()


def _summary(answer: Message) -> Any:
    """The summary of the answer, None where it has none."""
    field = answer.DESCRIPTOR.fields_by_name.get("summary")
    return getattr(answer, field.name) if field and answer.HasField(field.name) else None


def _table(rpc: Rpc, name: str) -> str:
    tables = tables_of(rpc.response.DESCRIPTOR)
    wanted = name.strip('"') or _FIRST_CHOICE
    if wanted not in tables:
        sentence = f"{wanted[:100]!r} is no table of this answer; it has {', '.join(tables)}"
        raise refused(Refusal.NOT_ACCEPTABLE, sentence, table=wanted[:100])
    return wanted


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.strip().lower(), value.strip()


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
