"""Cuts a BAI2 stream into windows of whole records, so that a file of any size is read in pieces.

A window begins where a record other than an `88` begins: at a line, or within a line that holds
several records. It is as long as was asked for, or longer where one record is; a record beyond
`RECORD_BYTES_MAX` is cut there, which is reported. What is read does not depend on where windows
end.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.byte_source import WINDOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsers.byte_source import ByteSource

__all__ = [
    "BLANKS",
    "GLUED",
    "RECORD_BYTES_MAX",
    "RECORD_TAGS",
    "LineShape",
    "RecordWindow",
    "WindowCutter",
    "cut_line",
    "line_shape",
]

RECORD_TAGS: Final = frozenset({b"01,", b"02,", b"03,", b"16,", b"49,", b"88,", b"98,", b"99,"})
"""The record codes of BAI2, each with its comma."""

RECORD_BYTES_MAX: Final = 8 << 20
"""The longest record that is read whole, its 88 lines included: what one payment may say is some
100,000 lines of text. It bounds memory, whatever a file holds."""

BLANKS: Final = b" \t\r\x1a\x00\x0c"
"""What may pad a record."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_RECORD_START: Final = (
    rb"(?:01,[^,/]*,[^,/]*,\d{6,8},"
    rb"|02,[^,/]*,[^,/]*,[0-9]?,\d{6,8},"
    rb"|03,[^,/]+,(?:[A-Z]{3})?,"
    rb"|16,(?:\d{3},[-+]?[\d.]+,(?:[Z012SVD]?,|/)|890,,)"
    rb"|49,[-+]?[\d.]*,\d+ */"
    rb"|9[89],[-+]?[\d.]*,\d+,\d+ */)"
)
GLUED: Final = re.compile(rb"/ *(?=" + _RECORD_START + rb")|/ +(?=88,)")
"""Where another record begins behind the `/` of one."""

_GLUED_PADDED: Final = re.compile(rb"(?:/ *|(?<! ) {2,})(?=" + _RECORD_START + rb"|88,)")
_RECORD_LENGTH: Final = re.compile(rb"01,(?:[^,/\n]{0,80},){5}(\d{2,4}),")
_HEAD: Final = re.compile(rb"[ \t\r\x1a\x00\x0c]{0,200}(?:01|02|03|16|49|98|99),")
_NEWLINE: Final = b"\n"
_LOOK_AHEAD_BYTES: Final = 1 << 16
_LOOK_BEHIND_BYTES: Final = 1 << 10
_NOMINAL_LENGTH: Final = 80
_RECORDS_OF_LONG_LINE: Final = 4


class LineShape(msgspec.Struct, frozen=True):
    """How a line that holds several records is cut: every `record_length` bytes (0: nowhere), else
    at their terminators, and with `is_padded` also where blanks fill a record up.
    """

    record_length: int = 0
    is_padded: bool = False


class RecordWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Whole records: `content` from byte `offset` of the stream on.

    `shape` is that of the line the window begins in, None where it begins with a line. `is_amid`:
    the window goes on with a record that was cut. `after` and `next_shape` say where the next one
    begins.
    """

    content: bytes
    offset: int
    shape: LineShape | None = None
    is_amid: bool = False
    after: int
    next_shape: LineShape | None


class WindowCutter:
    """Windows of one stream, from its beginning or from behind another window."""

    def __init__(
        self,
        source: ByteSource,
        window_bytes: int = WINDOW_BYTES,
        record_bytes_max: int = RECORD_BYTES_MAX,
    ) -> None:
        """Cut `source` into windows of about `window_bytes`."""
        self._source = source
        self._window_bytes = window_bytes
        self._record_bytes_max = record_bytes_max
        head = source.read(0, _LOOK_AHEAD_BYTES)
        self._begin = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
        self._has_bare_returns = _NEWLINE not in head and b"\r" in head

    def windows(self, behind: RecordWindow | None = None) -> Iterator[RecordWindow]:
        """The windows after `behind`, or all of them."""
        offset, shape, is_amid = self._begin, None, False
        if behind is not None:
            offset, shape = behind.after, behind.next_shape
        while offset < self._source.size:
            content, next_shape, is_cut = self._window(offset, shape)
            window = RecordWindow(
                content=content,
                offset=offset,
                shape=shape,
                is_amid=is_amid,
                after=offset + len(content),
                next_shape=next_shape,
            )
            yield window
            offset, shape, is_amid = window.after, next_shape, is_cut

    def _window(self, offset: int, shape: LineShape | None) -> tuple[bytes, LineShape | None, bool]:
        """(bytes, shape of the line that goes on behind them, whether a record is cut)."""
        wanted = self._window_bytes
        while True:
            content = self._source.read(offset, offset + wanted)
            if self._has_bare_returns:
                content = content.replace(b"\r", _NEWLINE)
            if offset + wanted >= self._source.size:
                return content, None, False
            cut = _last_line_start(content)
            if cut:
                return content[:cut], None, False
            if len(content) >= _LOOK_AHEAD_BYTES:
                cut, inner = _last_start_in_line(content, shape or line_shape(content))
                if cut:
                    return content[:cut], inner, False
            if wanted >= self._record_bytes_max:
                cut = content.rfind(_NEWLINE) + 1 or len(content)
                return content[:cut], None, True
            wanted = min(2 * wanted, self._record_bytes_max)


def _last_line_start(content: bytes) -> int:
    """Where the last line begins that is a record other than an 88, after the first byte; else 0.

    The record code has to be within `content`.
    """
    end = len(content)
    while True:
        at = content.rfind(_NEWLINE, 0, end)
        if at < 0:
            return 0
        if _HEAD.match(content, at + 1):
            return at + 1
        end = at


def _last_start_in_line(content: bytes, shape: LineShape) -> tuple[int, LineShape]:
    """(where the last record in the first line of `content` begins, the shape from there on).

    The last bytes are left alone: what is a record there is seen only with the bytes behind them.
    """
    end = content.find(_NEWLINE)
    line = content if end < 0 else content[:end]
    cut, inner = 0, shape
    limit = len(line) - _LOOK_BEHIND_BYTES
    for at, piece in cut_line(line, shape):
        if at > limit:
            break
        tag = piece[:3]
        if at and tag in RECORD_TAGS and tag != b"88,":
            cut = at
    if shape.record_length and cut % shape.record_length:
        inner = LineShape(is_padded=True)
    return cut, inner


def line_shape(line: bytes) -> LineShape:
    """The shape of a line by its beginning: a file header declares the length of its records."""
    declared = _RECORD_LENGTH.match(line)
    if declared is None:
        return LineShape()
    length = int(declared[1])
    end = line.find(_NEWLINE)
    size = len(line) if end < 0 else end
    if length and size > length and line[length : length + 3] in RECORD_TAGS:
        return LineShape(length, is_padded=True)
    return LineShape(is_padded=size > _RECORDS_OF_LONG_LINE * max(length, _NOMINAL_LENGTH))


def cut_line(line: bytes, shape: LineShape) -> Iterator[tuple[int, bytes]]:
    """Where one physical line holds several records: (offset in the line, record) of each."""
    begin, length = 0, shape.record_length
    while length and begin < len(line):
        chunk = line[begin : begin + length]
        if chunk[:3] not in RECORD_TAGS and chunk.strip(BLANKS):
            break
        yield begin, chunk
        begin += length
    if begin < len(line) or not line:
        pattern = _GLUED_PADDED if shape.is_padded else GLUED
        cuts = [begin, *(found.end() for found in pattern.finditer(line, begin)), len(line)]
        for start, stop in pairwise(cuts):
            yield start, line[start:stop]
