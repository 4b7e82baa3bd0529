"""Bytes of a BAI2 window to records, whatever the physical lines look like.

A well-formed file has one record per line and is split at C speed. Everything else that banks and
gateways do to files is undone here: several records on one line, records wrapped without an `88`,
padding to a fixed length, fixed-length files without line breaks, byte order marks, leading
blanks. Text is decoded byte for byte (Latin-1), so a position in the text is the byte offset in the
file; `readable` turns a finished value into what its bytes say in UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

import msgspec
import numpy as np

from parsers.bai2_windows import BLANKS, GLUED, RECORD_TAGS, LineShape, cut_line, line_shape
from parsers.byte_slices import ByteText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parsers.bai2_windows import RecordWindow
    from parsers.byte_slices import Offsets

__all__ = ["RecordTable", "readable", "record_table"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TAG_BYTES: Final = 3
_FILE_HEADER: Final = 1
_TAG_MASK: Final = np.uint64(0xFFFFFF)
_CODE_MASK: Final = np.uint64(0xFFFF)
_LETTER_MASK: Final = np.uint64(0xFF)
_BLANK: Final = np.uint64(ord(" "))
_COMMA: Final = np.uint64(ord(","))
_MAY_BEGIN_TAG: Final = np.isin(np.arange(256), [tag[0] for tag in RECORD_TAGS])
_TAGS: Final = {tag.decode(): int(tag[:2]) for tag in RECORD_TAGS}
_TAG_NUMBERS: Final = np.array(
    sorted(int.from_bytes(tag, "little") for tag in RECORD_TAGS), np.uint64
)
_UNKNOWN_RECORD: Final = re.compile(r"\d\d,")
_UNKNOWN_DETAIL: Final = re.compile(r"\d\d,\d{3},\d+,")
_WRAPPED_LENGTH_MAX: Final = 4096


def _code_table() -> NDArray[np.int8]:
    """The first two letters of a line, as a number of 16 bits → its record code, else -1."""
    table = np.full(1 << 16, -1, np.int8)
    for tag in RECORD_TAGS:
        table[int.from_bytes(tag[:2], "little")] = int(tag[:2])
    return table


_CODE_OF_LETTERS: Final = _code_table()


class RecordTable(msgspec.Struct, frozen=True):
    """The physical records of a window, in order; columns of equal length.

    `lines` have no padding and no line break; `codes` are record codes (-1: unknown), `numbers`
    count lines from the window's first (0) of `line_count`. `starts` and `stops` are byte offsets
    (half-open) of the records in the window, which begins at `offset` of the file. `oddities` are
    (code, record index, message) for what had to be repaired. `text` is the window for cutting
    columns, where every record is one line of valid UTF-8; else None.
    """

    lines: Sequence[str]
    codes: NDArray[np.int8]
    numbers: Offsets
    line_count: int
    starts: Offsets
    stops: Offsets
    offset: int
    oddities: list[tuple[str, int, str]]
    text: ByteText | None = None


def readable(text: str) -> str:
    """`text`, decoded byte for byte, as what its bytes say: UTF-8 where they are, else Latin-1."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def record_table(window: RecordWindow) -> RecordTable:
    """Split a window into physical records; never fails."""
    return _regular(window) or _irregular(window)


class _Lines(Sequence[str]):
    """Lines of a window by their offsets, each cut when it is asked for."""

    def __init__(self, content: bytes, starts: Offsets, stops: Offsets) -> None:
        self._content, self._starts, self._stops = content, starts, stops

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            spans = zip(self._starts[at].tolist(), self._stops[at].tolist(), strict=True)
            return [self._content[start:stop].decode("latin-1") for start, stop in spans]
        return self._content[self._starts[at] : self._stops[at]].decode("latin-1")


def _regular(window: RecordWindow) -> RecordTable | None:
    """One record on each line, or None."""
    if window.shape is not None:
        return None
    content = window.content
    text = ByteText(content)
    breaks = text.positions(b"\n")
    breaks = breaks[breaks < len(content)]
    starts = np.concatenate([[0], breaks + 1])
    stops = text.trimmed_right(starts, np.concatenate([breaks, [len(content)]]), BLANKS)
    numbers = np.arange(len(starts))
    if (starts == stops).any():
        kept = np.flatnonzero(starts < stops)
        starts, stops, numbers = starts[kept], stops[kept], numbers[kept]
    letters = text.words(starts)
    codes = _CODE_OF_LETTERS.take((letters & _CODE_MASK).astype(np.int64))
    good = (letters & _TAG_MASK) >> np.uint64(16) == _COMMA
    good &= (codes >= 0) & (stops - starts >= _TAG_BYTES)
    if not good.all() or _has_glued(content, text):
        return None
    headers = np.flatnonzero(codes == _FILE_HEADER)
    if any(line_shape(content[starts[at] : stops[at]]) != LineShape() for at in headers.tolist()):
        return None
    return RecordTable(
        lines=_Lines(content, starts, stops),
        codes=codes,
        numbers=numbers,
        line_count=len(breaks),
        starts=starts,
        stops=stops,
        offset=window.offset,
        oddities=[],
        text=text if _is_utf8(content) else None,
    )


def _has_glued(content: bytes, text: ByteText) -> bool:
    """Whether a record begins behind the `/` of another one, on its line."""
    slashes = text.positions(b"/")
    slashes = slashes[slashes < len(content)]
    words = text.words(slashes + 1)
    is_blank = words & _LETTER_MASK == _BLANK
    behind = np.where(is_blank, words >> np.uint64(8), words)
    letter = behind & _LETTER_MASK
    likely = is_blank & (letter == _BLANK)
    numbered = np.flatnonzero(_MAY_BEGIN_TAG.take(letter.astype(np.int64)))
    likely[numbered] = np.isin(behind[numbered] & _TAG_MASK, _TAG_NUMBERS)
    return any(GLUED.match(content, at) for at in slashes[np.flatnonzero(likely)].tolist())


def _is_utf8(content: bytes) -> bool:
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _irregular(window: RecordWindow) -> RecordTable:
    """The long way: find the records within and across lines."""
    found = _Found([], [], [], [], [])
    for number, start, line in _pieces(window):
        _place(found, number, start, line)
    return RecordTable(
        lines=found.lines,
        codes=np.array([_TAGS.get(line[:3], -1) for line in found.lines], np.int8),
        numbers=np.array(found.numbers, np.int64),
        line_count=window.content.count(b"\n"),
        starts=np.array(found.starts, np.int64),
        stops=np.array(found.stops, np.int64),
        offset=window.offset,
        oddities=found.oddities,
    )


class _Found(msgspec.Struct):
    """Records gathered piece by piece."""

    lines: list[str]
    numbers: list[int]
    starts: list[int]
    stops: list[int]
    oddities: list[tuple[str, int, str]]


def _place(found: _Found, number: int, start: int, line: str) -> None:
    """Add one trimmed piece: a record, the rest of the record before it, or something unknown."""
    lines = found.lines
    message = ""
    code = ""
    if line[:3] in _TAGS:
        record = line
    elif line[:2] == "88" and line[2:3] in ": ;.":
        record, code = "88," + line[3:], "BAI-TAG"
        message = f"record code 88 is followed by {line[2:3]!r}, read as a comma"
    elif not lines or _is_unknown_record(lines[-1], line):
        record = line
    elif lines[-1][:3] in {"16,", "88,"}:
        record, code = "88," + line, "BAI-WRAPPED"
        message = "a line without a record code is read as text of the record before it"
    else:
        lines[-1] += line
        found.stops[-1] = start + len(line)
        found.oddities.append(
            ("BAI-WRAPPED", len(lines) - 1, "a record goes on on the next line without an 88")
        )
        return
    if code:
        found.oddities.append((code, len(lines), message))
    lines.append(record)
    found.numbers.append(number)
    found.starts.append(start)
    found.stops.append(start + len(line))


def _is_unknown_record(before: str, line: str) -> bool:
    """Whether `line`, which has no known record code, is a record rather than the rest of one."""
    if len(before) > _WRAPPED_LENGTH_MAX or _UNKNOWN_DETAIL.match(line):
        return True
    return before.endswith("/") and _UNKNOWN_RECORD.match(line) is not None


def _pieces(window: RecordWindow) -> Iterator[tuple[int, int, str]]:
    """(line number, offset, text) of every piece that may be a record, without its padding."""
    start, shape = 0, window.shape
    for number, line in enumerate(window.content.split(b"\n")):
        for at, piece in cut_line(line, shape or line_shape(line)):
            left = piece.removeprefix(_BYTE_ORDER_MARK).lstrip(BLANKS)
            trimmed = left.rstrip(BLANKS)
            if trimmed:
                yield number, start + at + len(piece) - len(left), trimmed.decode("latin-1")
        start, shape = start + len(line) + 1, None
