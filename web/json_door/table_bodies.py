"""Bodies that are tables in Arrow: one stream, or a form with a stream for each table.

What else the request says stands in the query, or as JSON in the part `message` of the form.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from web.json_door.arrow_streams import ARROW, pieces
from web.json_door.bodies import chunks, content_type
from web.json_door.contract import field_named, message_in
from web.json_door.parameters import fields_of_query
from web.json_door.problems import Refusal, refused
from web.json_door.reading import message_of, parsed
from web.json_door.table_fields import tables_of, takes_tables
from web.limits import CHUNK_BYTES_MAX, MESSAGE_BYTES_MAX, ROW_FILE_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from typing import BinaryIO

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message
    from starlette.requests import Request

    from web.json_door.contract import Rpc

__all__ = [
    "FORM",
    "GivenTables",
    "are_tables",
    "chunk_messages",
    "given_tables",
    "message_of_tables",
    "rows_messages",
    "with_query",
]

FORM: Final = "multipart/form-data"

_MESSAGE: Final = "message"
_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_AROUND_BYTES: Final = 4_096
"""What the message around an Arrow stream takes at most."""


class _Form(MultiPartParser):
    """Reads a form, and knows whether its end came."""

    has_ended = False

    def on_end(self) -> None:
        """The last boundary was read."""
        self.has_ended = True


class GivenTables(NamedTuple):
    """The tables that came, by name of their field, and the other fields as JSON has them."""

    fields: dict[str, Any]
    files: dict[str, BinaryIO]


def are_tables(rpc: Rpc, request: Request) -> bool:
    """Whether the body is tables in Arrow, which the call takes; raises `DoorError`."""
    return takes_tables(rpc) and content_type(request) in (ARROW, FORM)


@asynccontextmanager
async def given_tables(rpc: Rpc, request: Request) -> AsyncGenerator[GivenTables, None]:
    """The tables of the request's body, kept on disk while they are used; raises `DoorError`."""
    tables = tables_of(rpc.request.DESCRIPTOR)
    if content_type(request) == ARROW:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            async for chunk in _bounded(request):
                await asyncio.to_thread(file.write, chunk)
            file.seek(0)
            # The first table is what the call is about: a match of payments takes payments.
            yield GivenTables({}, {tables[0]: file})  # type: ignore[dict-item]  # it is a file
        return
    parser = _Form(request.headers, _bounded(request), max_files=len(tables), max_fields=1)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        sentence = f"the form cannot be read: {error.message}"
        raise refused(Refusal.MESSAGE_MALFORMED, sentence) from None
    try:
        if not parser.has_ended:
            sentence = "the form ends before its last part does"
            raise refused(Refusal.MESSAGE_MALFORMED, sentence)
        yield _given(rpc.request.DESCRIPTOR, form.multi_items())
    finally:
        await form.close()


async def message_of_tables(
    rpc: Rpc, request: Request, finish: Callable[[dict[str, Any]], None]
) -> Message:
    """The one message of a call whose body is tables; `finish` adds what else is known of it.

    Raises `DoorError`.
    """
    descriptor = rpc.request.DESCRIPTOR
    query = fields_of_query(descriptor, request.url.query)
    async with given_tables(rpc, request) as given:
        fields = with_query(given.fields, query)
        finish(fields)
        message = message_of(rpc.request, fields)
        await asyncio.to_thread(_put_tables, message, given.files)
        return message


def with_query(fields: dict[str, Any], query: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form's message and of the query; raises `DoorError` for one in both."""
    for name in query:
        if name in fields:
            sentence = f"{name} stands in the query and in the part {_MESSAGE}"
            raise refused(Refusal.AMBIGUOUS_FIELD, sentence, field=name)
    return query | fields


def _put_tables(message: Message, files: dict[str, BinaryIO]) -> None:
    """Put the tables into the message; raises `DoorError` where they do not fit."""
    for name, file in files.items():
        found = list(pieces(file, MESSAGE_BYTES_MAX - _AROUND_BYTES))
        if len(found) > 1:
            sentence = (
                f"{name} is larger than the {MESSAGE_BYTES_MAX} bytes of a message, or its "
                "dictionaries change; use the streamed call"
            )
            raise refused(Refusal.BODY_TOO_LARGE, sentence, bytes_max=str(MESSAGE_BYTES_MAX))
        table = getattr(message, name)
        table.row_count = found[0].rows
        table.arrow.ipc_stream = found[0].content


async def chunk_messages(rpc: Rpc, files: dict[str, BinaryIO]) -> AsyncIterator[Message]:
    """The chunks of the tables, each a message of the stream."""
    for name, file in files.items():
        waiting = pieces(file, CHUNK_BYTES_MAX - _AROUND_BYTES)
        while (piece := await asyncio.to_thread(next, waiting, None)) is not None:
            message = rpc.request()
            table = getattr(message, name)
            table.row_count = piece.rows
            table.arrow.ipc_stream = piece.content
            yield message


async def rows_messages(
    rpc: Rpc, header: dict[str, Any], request: Request
) -> AsyncIterator[Message]:
    """An import of the rows that the body is: its header, then chunks of what is new or changed."""
    rows = next(
        field
        for field in rpc.request.DESCRIPTOR.fields
        if field.name != "header" and message_in(field).name.endswith("Upserts")
    )
    (name,) = tables_of(message_in(rows))
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
        async for chunk in _bounded(request):
            await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        yield message_of(rpc.request, {"header": header})
        waiting = pieces(file, CHUNK_BYTES_MAX - _AROUND_BYTES)  # type: ignore[arg-type]  # a file
        while (piece := await asyncio.to_thread(next, waiting, None)) is not None:
            message = rpc.request()
            table = getattr(getattr(message, rows.name), name)
            table.row_count = piece.rows
            table.arrow.ipc_stream = piece.content
            yield message


def _given(descriptor: Descriptor, items: list[tuple[str, Any]]) -> GivenTables:
    fields: Any = {}
    files: dict[str, BinaryIO] = {}
    tables = tables_of(descriptor)
    for name, value in items:
        field = field_named(descriptor, name)
        if name == _MESSAGE and isinstance(value, str):
            fields = parsed(value.encode())
        elif field is None or field.name not in tables:
            known = ", ".join([*tables, _MESSAGE])
            sentence = f"the form's part {name[:100]!r} is no table of this call; it has {known}"
            raise refused(Refusal.UNKNOWN_FIELD, sentence, field=name[:100])
        elif not isinstance(value, UploadFile):
            sentence = f"the form's part {name} has no file name: a table comes as a file"
            raise refused(Refusal.MESSAGE_MALFORMED, sentence, field=name)
        elif field.name in files:
            sentence = f"the form's part {name} comes twice"
            raise refused(Refusal.AMBIGUOUS_FIELD, sentence, field=name)
        else:
            files[field.name] = value.file
    if not isinstance(fields, dict):
        sentence = f"the form's part {_MESSAGE} is no JSON object"
        raise refused(Refusal.MESSAGE_MALFORMED, sentence)
    return GivenTables(fields, files)


async def _bounded(request: Request) -> AsyncGenerator[bytes, None]:
    """The body, up to its limit."""
    size = 0
    async for chunk in chunks(request):
        size += len(chunk)
        if size > ROW_FILE_BYTES_MAX:
            sentence = f"the tables are larger than {ROW_FILE_BYTES_MAX} bytes, the limit"
            raise refused(Refusal.BODY_TOO_LARGE, sentence, bytes_max=str(ROW_FILE_BYTES_MAX))
        yield chunk
