"""Rows of a table as CSV: one row of the message per line, columns by the names of its fields.

Amounts are minor units, as in the contract; several values of one field are separated by `;`. A
column `etag` says which version a row replaces. A file of an ERP with its own columns and decimal
amounts is read by `tieout open-items import`, which knows them.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from typing import TYPE_CHECKING, Any, Final

from web.json_door.bodies import chunks
from web.json_door.contract import field_named, message_in
from web.json_door.problems import DoorError, Refusal, refused
from web.json_door.reading import message_of
from web.limits import ROW_FILE_BYTES_MAX, ROWS_OF_A_CHUNK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import BinaryIO

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message
    from starlette.requests import Request

    from web.json_door.contract import Rpc

__all__ = ["CSV", "row_messages"]

CSV: Final = "text/csv"
_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_ETAG: Final = "etag"


async def row_messages(
    rpc: Rpc, header: dict[str, Any], request: Request
) -> AsyncIterator[Message]:
    """The messages that the request's rows are; raises `DoorError` that names the line."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
        size = 0
        async for chunk in chunks(request):
            size += len(chunk)
            if size > ROW_FILE_BYTES_MAX:
                sentence = f"the rows are larger than {ROW_FILE_BYTES_MAX} bytes, the limit"
                raise refused(Refusal.BODY_TOO_LARGE, sentence)
            await asyncio.to_thread(file.write, chunk)
        file.seek(0)
        yield message_of(rpc.request, {"header": header})
        waiting = _messages(rpc, file)  # type: ignore[arg-type]  # it is a file like others
        while (message := await asyncio.to_thread(next, waiting, None)) is not None:
            yield message


def _messages(rpc: Rpc, file: BinaryIO) -> Iterator[Message]:
    """A message per chunk of rows."""
    rows_field = _rows_field(rpc.request.DESCRIPTOR)
    upserts = message_in(rows_field)
    table_field = upserts.fields[0]
    list_field = message_in(message_in(table_field).fields_by_name["messages"]).fields[0]
    kind = message_in(list_field)
    has_etags = "etags" in upserts.fields_by_name

    def message(rows: list[dict[str, Any]], etags: list[str]) -> Message:
        table = {"rowCount": len(rows), "messages": {list_field.json_name: rows}}
        content = {table_field.json_name: table} | ({"etags": etags} if any(etags) else {})
        return message_of(rpc.request, {rows_field.json_name: content})

    rows: list[dict[str, Any]] = []
    etags: list[str] = []
    for row, etag in _rows(file, kind, has_etags=has_etags):
        rows.append(row)
        etags.append(etag)
        if len(rows) == ROWS_OF_A_CHUNK:
            yield message(rows, etags)
            rows, etags = [], []
    if rows:
        yield message(rows, etags)


def _rows_field(descriptor: Descriptor) -> FieldDescriptor:
    """The field of the request that carries rows which are new or changed."""
    return next(
        field
        for field in descriptor.fields
        if field.name != "header" and message_in(field).name.endswith("Upserts")
    )


def _rows(
    file: BinaryIO, kind: Descriptor, *, has_etags: bool
) -> Iterator[tuple[dict[str, Any], str]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        fields = [_column(kind, name, has_etags=has_etags) for name in columns]
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(columns):
                sentence = (
                    f"line {reader.line_num} has {len(cells)} cells, the first has {len(columns)}"
                )
                raise refused(Refusal.MESSAGE_MALFORMED, sentence)
            yield _row(fields, cells, reader.line_num)
    except (csv.Error, UnicodeDecodeError) as error:
        sentence = f"line {reader.line_num}: no CSV in UTF-8: {error}"
        raise refused(Refusal.MESSAGE_MALFORMED, sentence) from None
    finally:
        text.detach()


def _column(kind: Descriptor, name: str, *, has_etags: bool) -> FieldDescriptor | None:
    """The field of the column; None for the etag."""
    if name == _ETAG and has_etags:
        return None
    field = field_named(kind, name)
    if field is None:
        known = ", ".join(one.name for one in kind.fields)
        sentence = f"column {name[:100]!r} is no field; {kind.name} has {known}"
        raise refused(Refusal.UNKNOWN_FIELD, sentence, field=name[:100])
    return field


def _row(
    fields: list[FieldDescriptor | None], cells: list[str], line: int
) -> tuple[dict[str, Any], str]:
    row: dict[str, Any] = {}
    etag = ""
    for field, cell in zip(fields, cells, strict=True):
        if field is None:
            etag = cell
        elif not cell:
            continue
        elif field.json_name in row:
            sentence = f"line {line}: two columns are {field.name}"
            raise DoorError(Refusal.AMBIGUOUS_FIELD, sentence)
        else:
            row[field.json_name] = cell.split(";") if field.is_repeated else cell
    return row, etag
