"""Arrow IPC streams taken apart at their messages and put together again; no value is looked at.

A stream is a schema, then dictionaries and record batches, each a message with a header of its own,
then its end. The front takes pieces of a bounded size, each a stream by itself, and gives such
pieces: a piece is the schema and some of the batches. Only the headers that say where a message
ends and how many rows it has are read here; the front reads, and doubts, all the rest.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from web.json_door.problems import Refusal, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["ARROW", "Piece", "SplicedStream", "pieces"]

ARROW: Final = "application/vnd.apache.arrow.stream"

_CONTINUATION: Final = b"\xff\xff\xff\xff"
_END: Final = _CONTINUATION + bytes(4)
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
"""Kinds of a message's header."""
_KIND, _HEADER, _BODY_BYTES = 1, 2, 3
"""Fields of a message."""
_LENGTH: Final = 0
"""Field of a record batch: its rows."""
_LENGTH_BYTES: Final = 8
_SIZE: Final = struct.Struct("<i")
_OFFSET: Final = struct.Struct("<I")
_SHORT: Final = struct.Struct("<H")
_LONG: Final = struct.Struct("<q")


class _Flaw(enum.StrEnum):
    """Why bytes are no stream."""

    ORDER = "a schema comes first, and once"
    EMPTY = "it is empty"
    NO_MESSAGE = "a message does not begin as one (Arrow files are none: write a stream)"
    HEADER_SIZE = "a header has an impossible size"
    HEADER = "a header points outside of itself"
    KIND = "a message is of a kind that no table has"
    CUT_OFF = "it ends within a message"


class Piece(NamedTuple):
    """A complete stream, and how many rows are in it."""

    rows: int
    content: bytes


class _Message(NamedTuple):
    kind: int
    rows: int
    content: bytes


def pieces(file: BinaryIO, bytes_max: int) -> Iterator[Piece]:
    """The stream in `file`, cut between its record batches; one piece at least.

    Raises `DoorError` for what is no stream, and where one batch is larger than a piece may be.
    """
    cut = _Cut(bytes_max)
    for message in _messages(file, bytes_max):
        if not cut.has_room(message) and cut.batches:
            yield cut.piece()
        if not cut.has_room(message):
            raise _too_large(bytes_max)
        cut.add(message)
    if cut.batches or not cut.has_given:
        yield cut.piece()


class _Cut:
    """What the next piece is made of: the schema and all dictionaries, and some batches."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._first: list[bytes] = []
        self._size = len(_END)
        self._rows = self._batch_bytes = 0
        self.batches: list[bytes] = []
        self.has_given = False

    def has_room(self, message: _Message) -> bool:
        """Whether the message fits in; a dictionary behind batches holds for those behind it."""
        if message.kind != _BATCH and self.batches:
            return False
        return self._size + self._batch_bytes + len(message.content) <= self._bytes_max

    def add(self, message: _Message) -> None:
        if message.kind == _BATCH:
            self.batches.append(message.content)
            self._batch_bytes += len(message.content)
            self._rows += message.rows
        else:
            self._first.append(message.content)
            self._size += len(message.content)

    def piece(self) -> Piece:
        """What has been added as a stream; the next one begins with its schema."""
        piece = Piece(self._rows, b"".join([*self._first, *self.batches, _END]))
        self.batches, self.has_given = [], True
        self._rows = self._batch_bytes = 0
        return piece


class SplicedStream:
    """Pieces of one table as one stream: the schema once, all batches, the end."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._schema = b""

    def part(self, content: bytes) -> bytes:
        """What the next piece adds; raises `ValueError` where it is of another schema."""
        schema, rest = _apart(content)
        if not self._schema:
            self._schema = schema
            return schema + rest
        if schema != self._schema:
            message = "two pieces of a table have different columns"
            raise ValueError(message)
        return rest

    def end(self) -> bytes:
        """What ends the stream."""
        return _END


def _apart(content: bytes) -> tuple[bytes, bytes]:
    """The schema of a piece, and what follows it without the end."""
    (size,) = _SIZE.unpack_from(content, 4)
    end = _LENGTH_BYTES + size
    return content[:end], content[end:].removesuffix(_END)


def _messages(file: BinaryIO, bytes_max: int) -> Iterator[_Message]:
    """The messages of the stream up to its end; the first is its schema."""
    kind = 0
    while head := file.read(_LENGTH_BYTES):
        if head == _END:
            break
        message = _message(file, head, bytes_max)
        if (message.kind == _SCHEMA) != (kind == 0):
            raise _malformed(_Flaw.ORDER)
        kind = message.kind
        yield message
    if not kind:
        raise _malformed(_Flaw.EMPTY)


def _message(file: BinaryIO, head: bytes, bytes_max: int) -> _Message:
    if len(head) < _LENGTH_BYTES or not head.startswith(_CONTINUATION):
        raise _malformed(_Flaw.NO_MESSAGE)
    (size,) = _SIZE.unpack_from(head, 4)
    if not 0 < size <= bytes_max:
        raise _malformed(_Flaw.HEADER_SIZE)
    metadata = file.read(size)
    try:
        kind, rows, body_bytes = _told(metadata)
    except struct.error:
        raise _malformed(_Flaw.HEADER) from None
    if kind not in (_SCHEMA, _DICTIONARY, _BATCH) or body_bytes < 0 or rows < 0:
        raise _malformed(_Flaw.KIND)
    if body_bytes > bytes_max:
        raise _too_large(bytes_max)
    body = file.read(body_bytes)
    if len(metadata) < size or len(body) < body_bytes:
        raise _malformed(_Flaw.CUT_OFF)
    return _Message(kind, rows, head + metadata + body)


def _told(metadata: bytes) -> tuple[int, int, int]:
    """Kind of the message, rows of its batch, and bytes that follow; raises `struct.error`."""
    (root,) = _OFFSET.unpack_from(metadata, 0)
    kind_at, header_at = _field(metadata, root, _KIND), _field(metadata, root, _HEADER)
    body_at = _field(metadata, root, _BODY_BYTES)
    kind = metadata[kind_at] if 0 < kind_at < len(metadata) else 0
    body_bytes = _LONG.unpack_from(metadata, body_at)[0] if body_at else 0
    rows = 0
    if kind == _BATCH and header_at:
        batch = header_at + _OFFSET.unpack_from(metadata, header_at)[0]
        length_at = _field(metadata, batch, _LENGTH)
        rows = _LONG.unpack_from(metadata, length_at)[0] if length_at else 0
    return kind, rows, body_bytes


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where field `number` of the flatbuffer table at `table` stands; 0 where it is left out."""
    vtable = table - _SIZE.unpack_from(metadata, table)[0]
    if vtable < 0:
        message = "a table is described outside of its bytes"
        raise struct.error(message)
    slot = 4 + 2 * number
    if slot >= _SHORT.unpack_from(metadata, vtable)[0]:
        return 0
    offset = _SHORT.unpack_from(metadata, vtable + slot)[0]
    return table + offset if offset else 0


def _malformed(what: _Flaw) -> Exception:
    sentence = f"no Arrow IPC stream: {what}"
    return refused(Refusal.MESSAGE_MALFORMED, sentence)


def _too_large(bytes_max: int) -> Exception:
    sentence = (
        f"a record batch, with its dictionaries, is larger than {bytes_max} bytes; write smaller "
        "batches, or use the streamed call where there is one"
    )
    return refused(Refusal.BODY_TOO_LARGE, sentence, bytes_max=str(bytes_max))
