"""Bytes of a lockbox file to its records: ASCII or EBCDIC, with or without line breaks.

A file is read in windows that begin with a record and end before a check or a control record, so
that what belongs to a check is always whole. Decoding is one byte for one letter: offsets within a
window are those of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from parsers.byte_source import WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.byte_slices import Offsets
    from parsers.byte_source import ByteSource

__all__ = [
    "Framing",
    "LinePlace",
    "RecordSpans",
    "RecordWindow",
    "framing_of",
    "record_windows",
    "split_records",
    "window_records",
]

_RECORD_LENGTHS: Final = (80, 85, 94, 96, 100, 102, 104, 105, 120, 132, 160, 200, 256, 264, 269)
_RECORD_LENGTH_MIN: Final = 40
_TYPED_SHARE_MIN: Final = 0.9
"""Share of records that must begin with a record type; the others are damaged."""

_RECORD_TYPES: Final = b"123456789"
_ENDINGS: Final = b"\r\x1a\x00\x0c"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NEWLINE: Final = 10
_HEAD_BYTES: Final = 1 << 18
_CHECK_BYTES_MAX: Final = 1 << 26
"""A check with more overflow is cut: 64 MiB are half a million invoices."""

_EBCDIC_BLANK_AND_DIGITS: Final = bytes([0x40, *range(0xF0, 0xFA)])
_EBCDIC_TYPES: Final = bytes(range(0xF1, 0xFA))
_EBCDIC_BREAKS: Final = (0x0A, 0x15, 0x25)
"""Line feed and the two new lines of EBCDIC."""

_SWAPPED_1047: Final = ((0x5F, 0xB0), (0xAD, 0xBA), (0xBD, 0xBB))
"""Code page 1047 is 037 with circumflex and not sign, and both brackets, in each other's places."""


class LinePlace(NamedTuple):
    """Where a record stands: line number from 1, byte offset, and its text."""

    number: int
    offset: int
    text: str


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """How the records of a file lie in its bytes, between the offsets `start` and `end`.

    Records are `length` bytes long, or end with `separator` where that is 0.
    `table` turns a byte into Latin-1 where the file is EBCDIC in the code page `code_page`.
    """

    start: int
    end: int
    separator: int
    length: int
    table: bytes = b""
    code_page: str = ""

    def decoded(self, content: bytes) -> bytes:
        """`content` as Latin-1, every record ended by a line feed where records have ends."""
        if self.table:
            return content.translate(self.table)
        if self.separator == _NEWLINE:
            return content
        return content.replace(bytes([self.separator]), b"\n")


class RecordWindow(msgspec.Struct, frozen=True):
    """Whole records, decoded, and the byte offset of the first."""

    offset: int
    text: bytes


class RecordSpans(NamedTuple):
    """Where the records of a window begin and end in it; empty lines are left out of `lines`.

    `lines` counts from 0; `line_count` is the number of lines, empty ones too.
    """

    starts: Offsets
    stops: Offsets
    lines: Offsets
    line_count: int


def framing_of(source: ByteSource, widths: tuple[int, ...] = ()) -> Framing:
    """How the records of `source` lie, told by its beginning; `widths` are usual lengths."""
    head = source.read(0, _HEAD_BYTES)
    start = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
    code_page, table = _code_page(head)
    end = _end_of(source, table)
    text = head[start:end].translate(table) if table else head[start:end]
    for separator in b"\n\r":
        if separator in text:
            return Framing(
                start=start,
                end=end,
                separator=separator,
                length=0,
                table=table.replace(b"\r", b"\n") if separator != _NEWLINE else table,
                code_page=code_page,
            )
    length = _record_length(text, widths) if end - start > _RECORD_LENGTH_MIN else 0
    return Framing(
        start=start,
        end=end,
        separator=_NEWLINE,
        length=length,
        table=table,
        code_page=code_page,
    )


def _code_page(head: bytes) -> tuple[str, bytes]:
    """Name and table of the EBCDIC code page of `head`; empty where it is none.

    The pages differ in signs alone: the one that gives the fewest letters outside ASCII is taken.
    """
    sample = head.strip(b"\x00")
    if sample[:1] not in {bytes([digit]) for digit in _EBCDIC_TYPES}:
        return "", b""
    rest = sample.translate(None, _EBCDIC_BLANK_AND_DIGITS)
    if 2 * len(rest) > len(sample):
        return "", b""
    tables = {name: _table(name) for name in ("cp037", "cp1047", "cp500")}
    strange = {
        name: sum(letter > 0x7E for letter in rest.translate(table))
        for name, table in tables.items()
    }
    name = min(strange, key=lambda name: strange[name])
    return name, tables[name]


def _table(name: str) -> bytes:
    page = "cp037" if name == "cp1047" else name
    table = bytearray(bytes(range(256)).decode(page).encode("latin-1"))
    if name == "cp1047":
        for one, other in _SWAPPED_1047:
            table[one], table[other] = table[other], table[one]
    for code in _EBCDIC_BREAKS:
        table[code] = _NEWLINE
    return bytes(table)


def _end_of(source: ByteSource, table: bytes) -> int:
    """Where the last record ends: end marks after it are no record, its own blanks are."""
    end = source.size
    while end:
        begin = max(0, end - WINDOW_BYTES)
        tail = source.read(begin, end)
        kept = len((tail.translate(table) if table else tail).rstrip(b" \n" + _ENDINGS))
        end = begin + kept
        if kept:
            break
    while end:
        rest = source.read(end, end + WINDOW_BYTES)
        text = rest.translate(table) if table else rest
        blanks = len(text) - len(text.lstrip(b" "))
        end += blanks
        if blanks < len(text) or not text:
            break
    return end


def _record_length(text: bytes, widths: tuple[int, ...]) -> int:
    """The length that makes (nearly) every record of `text` begin with a record type; 0: none."""
    letters = np.frombuffer(text.rstrip(b" "), np.uint8)
    types = np.isin(letters, np.frombuffer(_RECORD_TYPES, np.uint8))
    shares = {
        length: float(types[::length].mean())
        for length in sorted({*widths, *_RECORD_LENGTHS})
        if length >= _RECORD_LENGTH_MIN and len(types) > 2 * length
    }
    best = max(shares.values(), default=0.0)
    fitting = [length for length, share in shares.items() if share >= _TYPED_SHARE_MIN]
    for length in fitting:
        if shares[length] == best or any(
            other > length and other % length == 0 for other in fitting
        ):
            return length
    return 0


def record_windows(
    source: ByteSource,
    framing: Framing,
    is_continued: Callable[[bytes], bool],
    start: int | None = None,
) -> Iterator[RecordWindow]:
    """Windows over the records of a file from the offset `start` on.

    `is_continued` says of a record whether it belongs to the one before it; no window begins with
    such a one.
    """
    at = framing.start if start is None else start
    while at < framing.end:
        size = WINDOW_BYTES
        while True:
            stop = min(at + size, framing.end)
            text = framing.decoded(source.read(at, stop))
            kept = len(text)
            if stop < framing.end:
                kept = _last_boundary(text, framing, is_continued)
                if not kept and size < _CHECK_BYTES_MAX:
                    size *= 2
                    continue
                kept = kept or _last_boundary(text, framing, lambda _record: False) or len(text)
            yield RecordWindow(at, text[:kept])
            at += kept
            break


def _last_boundary(text: bytes, framing: Framing, is_continued: Callable[[bytes], bool]) -> int:
    """Where the last record begins that belongs to none before it; 0 where there is none."""
    if framing.length:
        at = (len(text) - 1) // framing.length * framing.length
        while at > 0 and is_continued(text[at : at + framing.length]):
            at -= framing.length
        return max(at, 0)
    stop = len(text) - text.endswith(b"\n")
    at = text.rfind(b"\n", 0, stop) + 1
    while at > 0 and is_continued(text[at:stop]):
        stop = at - 1
        at = text.rfind(b"\n", 0, stop) + 1
    return at


def window_records(window: RecordWindow, framing: Framing) -> RecordSpans:
    """The records of a window: without line ends, end marks and empty lines."""
    text = window.text
    if framing.length:
        starts = np.arange(0, len(text), framing.length)
        stops = np.minimum(starts + framing.length, len(text))
        return RecordSpans(starts, stops, np.arange(len(starts)), len(starts))
    breaks = np.flatnonzero(np.frombuffer(text, np.uint8) == _NEWLINE)
    if not text.endswith(b"\n"):
        breaks = np.append(breaks, len(text))
    starts = np.append(0, breaks[:-1] + 1)
    stops = breaks
    line_count = len(starts)
    if any(ending in text for ending in _ENDINGS):
        stops = _without_endings(text, starts, stops)
    lines = np.arange(line_count)
    filled = stops > starts
    if not filled.all():
        starts, stops, lines = starts[filled], stops[filled], lines[filled]
    return RecordSpans(starts, stops, lines, line_count)


def _without_endings(text: bytes, starts: Offsets, stops: Offsets) -> Offsets:
    letters = np.frombuffer(text, np.uint8)
    unwanted = np.zeros(256, np.bool_)
    unwanted[list(_ENDINGS)] = True
    stops = stops.copy()
    rows = np.flatnonzero(stops > starts)
    while len(rows):
        rows = rows[unwanted[letters[stops[rows] - 1]]]
        stops[rows] -= 1
        rows = rows[stops[rows] > starts[rows]]
    return stops


def split_records(source: ByteSource, framing: Framing, records_max: int) -> list[str]:
    """The first records of a file, at most `records_max`."""
    records: list[str] = []
    for window in record_windows(source, framing, lambda _record: False):
        spans = window_records(window, framing)
        text = window.text.decode("latin-1")
        wanted = records_max - len(records)
        starts, stops = spans.starts[:wanted].tolist(), spans.stops[:wanted].tolist()
        records += [text[start:stop] for start, stop in zip(starts, stops, strict=True)]
        if len(records) == records_max:
            break
    return records
