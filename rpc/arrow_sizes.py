"""How large an Arrow IPC stream becomes, read from its headers before anything is expanded.

A record batch may be compressed buffer by buffer; each such buffer begins with its expanded size.
Four mebibytes of zstd can ask for gigabytes, so the sizes are added up first. Everything read here
is untrusted: an offset outside of the bytes at hand is an `ArrowError`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from rpc.errors import ArrowError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["expanded_bytes"]

_I32: Final = struct.Struct("<i")
_U16: Final = struct.Struct("<H")
_U32: Final = struct.Struct("<I")
_I64: Final = struct.Struct("<q")

_HEADER_TYPE, _HEADER = 1, 2
"""Fields of a Message."""
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
"""Kinds of a Message's header."""
_BATCH_BUFFERS, _BATCH_COMPRESSION = 2, 3
"""Fields of a RecordBatch."""
_DICTIONARY_DATA: Final = 1
"""Field of a DictionaryBatch that holds its RecordBatch."""
_BUFFER_BYTES: Final = 16


def expanded_bytes(message: pa.Message) -> int:
    """Bytes of the body of `message` once expanded; raises `ArrowError`."""
    body = message.body
    if body is None:
        return 0
    try:
        return _batch_bytes(memoryview(message.metadata), memoryview(body))
    except struct.error as error:
        text = "an Arrow message's header points outside of it"
        raise ArrowError(text) from error


def _batch_bytes(metadata: memoryview, body: memoryview) -> int:
    root = _U32.unpack_from(metadata, 0)[0]
    kind_at = _field(metadata, root, _HEADER_TYPE)
    table_at = _field(metadata, root, _HEADER)
    if not kind_at or not table_at:
        return len(body)
    kind = metadata[kind_at]
    batch = _table(metadata, table_at)
    if kind == _DICTIONARY_BATCH:
        data_at = _field(metadata, batch, _DICTIONARY_DATA)
        if not data_at:
            return len(body)
        batch = _table(metadata, data_at)
    elif kind != _RECORD_BATCH:
        return len(body)
    buffers_at = _field(metadata, batch, _BATCH_BUFFERS)
    if not buffers_at or not _field(metadata, batch, _BATCH_COMPRESSION):
        return len(body)
    return _compressed_bytes(metadata, _table(metadata, buffers_at), body)


def _compressed_bytes(metadata: memoryview, vector: int, body: memoryview) -> int:
    """The sum of what each buffer says it becomes; -1 says it is as it is."""
    total = 0
    for index in range(_U32.unpack_from(metadata, vector)[0]):
        at = vector + _U32.size + index * _BUFFER_BYTES
        offset = _I64.unpack_from(metadata, at)[0]
        length = _I64.unpack_from(metadata, at + _I64.size)[0]
        if offset < 0 or length < 0 or offset + length > len(body):
            text = "a buffer of an Arrow batch lies outside of it"
            raise ArrowError(text)
        if length >= _I64.size:
            expanded = _I64.unpack_from(body, offset)[0]
            total += expanded if expanded >= 0 else length
    return total


def _field(metadata: memoryview, table: int, number: int) -> int:
    """Where field `number` of the table at `table` stands, 0 where it is absent."""
    vtable = table - _I32.unpack_from(metadata, table)[0]
    at = 4 + 2 * number
    if vtable < 0:
        text = "an Arrow message's header points outside of it"
        raise ArrowError(text)
    if at + _U16.size > _U16.unpack_from(metadata, vtable)[0]:
        return 0
    offset = _U16.unpack_from(metadata, vtable + at)[0]
    return table + offset if offset else 0


def _table(metadata: memoryview, at: int) -> int:
    """The place that the offset at `at` points to."""
    place: int = at + _U32.unpack_from(metadata, at)[0]
    return place
