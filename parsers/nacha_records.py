"""The records of a NACHA file, window by window: lines of 94 characters, or bytes in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.byte_source import WINDOW_BYTES
from parsers.excerpts import decoded
from parsers.nacha_layout import RECORD_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.byte_source import ByteSource

__all__ = ["Record", "record_windows"]

_HEAD_BYTES: Final = 4096
_LINE_BYTES_MAX: Final = 1 << 16
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Record(msgspec.Struct, frozen=True):
    """A line: its offset, its number from 1, its bytes, and its text filled up to 94 characters."""

    offset: int
    number: int
    length: int
    text: str


def record_windows(source: ByteSource, window_bytes: int = WINDOW_BYTES) -> Iterator[list[Record]]:
    """The records of `source` in order, blank lines left out."""
    head = source.read(0, _HEAD_BYTES)
    start = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    blank = len(head) - len(head[start:].lstrip(b" \t\r\n"))
    first = head[blank:]
    if b"\n" not in first and b"\r" not in first:
        yield from _glued(source, blank, window_bytes)
        return
    end = b"\n" if b"\n" in first else b"\r"
    number, offset, rest = 1, start, b""
    position = start
    while position < source.size:
        window = source.read(position, position + window_bytes)
        position += len(window)
        *lines, rest = (rest + window).split(end)
        if len(rest) > _LINE_BYTES_MAX:
            lines.append(rest[:_LINE_BYTES_MAX])
            rest = rest[_LINE_BYTES_MAX:]
        records = []
        for line in lines:
            if line.strip():
                records.append(_record(line, offset, number))
            length = len(line)
            cut = length == _LINE_BYTES_MAX
            offset += length + (not cut)
            number += not cut
        yield records
    if rest.strip():
        yield [_record(rest, offset, number)]


def _glued(source: ByteSource, start: int, window_bytes: int) -> Iterator[list[Record]]:
    """Records without line breaks."""
    step = max(window_bytes // RECORD_LENGTH, 1) * RECORD_LENGTH
    for position in range(start, source.size, step):
        window = source.read(position, position + step)
        yield [
            _record(window[at : at + RECORD_LENGTH], position + at, 1)
            for at in range(0, len(window), RECORD_LENGTH)
            if window[at : at + RECORD_LENGTH].strip()
        ]


def _record(line: bytes, offset: int, number: int) -> Record:
    text = decoded(line).rstrip("\r\n")
    return Record(offset, number, len(line), text.ljust(RECORD_LENGTH))
