"""Bytes of a BAI2 file to records, whatever the physical lines look like.

A well-formed file has one record per line and is split at C speed. Everything else that banks and
gateways do to files is undone here: several records on one line, records wrapped without an `88`,
padding to a fixed length, fixed-length files without line breaks, byte order marks, leading
blanks. Text is decoded byte for byte (Latin-1), so a position in the text is the byte offset in the
file; `readable` turns a finished value into what its bytes say in UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, overload

import msgspec
import numpy as np

from parsers.byte_slices import ByteText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["RECORD_TAGS", "RecordTable", "readable", "record_table"]

RECORD_TAGS: Final = frozenset({"01,", "02,", "03,", "16,", "49,", "88,", "98,", "99,"})
"""The record codes of BAI2, each with its comma."""

_NEWLINE: Final = 10
_SLASH: Final = 47
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_BLANKS: Final = " \t\r\x1a\x00\x0c"
_RECORD_START: Final = (
    r"(?:01,[^,/]*,[^,/]*,\d{6,8},"
    r"|02,[^,/]*,[^,/]*,[0-9]?,\d{6,8},"
    r"|03,[^,/]+,(?:[A-Z]{3})?,"
    r"|16,(?:\d{3},[-+]?[\d.]+,(?:[Z012SVD]?,|/)|890,,)"
    r"|49,[-+]?[\d.]*,\d+ */"
    r"|9[89],[-+]?[\d.]*,\d+,\d+ */)"
)
_GLUED: Final = re.compile(rf"/ *(?={_RECORD_START})|/ +(?=88,)")
_GLUED_PADDED: Final = re.compile(rf"(?:/ *| {{2,}})(?={_RECORD_START}|88,)")
_UNKNOWN_RECORD: Final = re.compile(r"\d\d,")
_UNKNOWN_DETAIL: Final = re.compile(r"\d\d,\d{3},\d+,")
_WRAPPED_LENGTH_MAX: Final = 4096
_RECORD_LENGTH: Final = re.compile(r"01,(?:[^,/]*,){5}(\d{2,4}),")


class RecordTable(msgspec.Struct, frozen=True):
    """The physical records of a file, in order; columns of equal length.

    `lines` have no padding and no line break; `codes` are record codes (-1: unknown), `numbers`
    1-based line numbers, `starts` and `stops` byte offsets (half-open) of the record in the file.
    `oddities` are (code, record index, message) for what had to be repaired. `text` is the file
    for cutting columns, where every record is one line of valid UTF-8; else None.
    """

    lines: Sequence[str]
    codes: Offsets
    numbers: Sequence[int]
    starts: Offsets
    stops: Offsets
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


def record_table(content: bytes) -> RecordTable:
    """Split `content` into physical records; never fails."""
    skip = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    table = _regular(content, skip)
    if table is not None:
        return table
    lines = content.decode("latin-1")[skip:].split("\n")
    return _irregular(lines, skip)


class _Lines(Sequence[str]):
    """Lines of a text by their offsets, each cut when it is asked for."""

    def __init__(self, text: str, starts: Offsets, stops: Offsets) -> None:
        self._text, self._starts, self._stops = text, starts, stops

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            spans = zip(self._starts[at].tolist(), self._stops[at].tolist(), strict=True)
            return [self._text[start:stop] for start, stop in spans]
        return self._text[self._starts[at] : self._stops[at]]


def _regular(content: bytes, skip: int) -> RecordTable | None:
    """One record on each line, or None."""
    text = ByteText(content)
    breaks = text.positions(_NEWLINE)
    breaks = breaks[breaks < len(content)]
    starts = np.concatenate([[skip], breaks + 1])
    stops = text.trimmed_right(starts, np.concatenate([breaks, [len(content)]]), _BLANKS)
    if starts[-1] == stops[-1] and len(starts) > 1:
        starts, stops = starts[:-1], stops[:-1]
    codes = _codes(text, starts, stops)
    decoded = content.decode("latin-1")
    if (codes < 0).any() or _has_glued(decoded, text):
        return None
    return RecordTable(
        lines=_Lines(decoded, starts, stops),
        codes=codes,
        numbers=range(1, len(starts) + 1),
        starts=starts,
        stops=stops,
        oddities=[],
        text=text if _is_utf8(content) else None,
    )


def _codes(text: ByteText, starts: Offsets, stops: Offsets) -> Offsets:
    """The record code of each line; -1 where it begins with none."""
    tens = text.at(starts).astype(np.int64) - ord("0")
    ones = text.at(starts + 1).astype(np.int64) - ord("0")
    good = (stops - starts >= 3) & (text.at(starts + 2) == ord(","))
    good &= (tens >= 0) & (tens <= 9) & (ones >= 0) & (ones <= 9)
    codes = np.where(good, 10 * tens + ones, 0)
    known: NDArray[np.bool_] = np.isin(codes, [int(tag[:2]) for tag in RECORD_TAGS])
    return np.where(known, codes, -1)


def _has_glued(decoded: str, text: ByteText) -> bool:
    """Whether a record begins behind the `/` of another one, on its line."""
    slashes = text.positions(_SLASH)
    slashes = slashes[slashes < len(decoded)]
    follower = text.at(slashes + 1)
    likely = slashes[np.isin(follower, [ord(letter) for letter in " 0149"])]
    return any(_GLUED.match(decoded, at) for at in likely.tolist())


def _is_utf8(content: bytes) -> bool:
    if content.isascii():
        return True
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _irregular(raw: list[str], skip: int) -> RecordTable:
    """The long way: find the records within and across lines."""
    found = _Found([], [], [], [], [])
    for number, start, line in _pieces(raw, skip):
        _place(found, number, start, line)
    known = {tag: int(tag[:2]) for tag in RECORD_TAGS}
    return RecordTable(
        lines=found.lines,
        codes=np.array([known.get(line[:3], -1) for line in found.lines], np.int64),
        numbers=found.numbers,
        starts=np.array(found.starts, np.int64),
        stops=np.array(found.stops, np.int64),
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
    if line[:3] in RECORD_TAGS:
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


def _pieces(raw: list[str], skip: int) -> Iterator[tuple[int, int, str]]:
    """(line number, offset, text) of every piece that may be a record, without its padding."""
    start = skip
    for number, line in enumerate(raw, 1):
        for at, piece in _cut(line):
            left = piece.lstrip(_BLANKS)
            trimmed = left.rstrip(_BLANKS)
            if trimmed:
                yield number, start + at + len(piece) - len(left), trimmed
        start += len(line) + 1


def _cut(line: str) -> list[tuple[int, str]]:
    """Where one physical line holds several records: (offset in the line, record) of each."""
    declared = _RECORD_LENGTH.match(line)
    length = int(declared[1]) if declared else 0
    if length and len(line) > length:
        count = -(-len(line) // length)
        chunks = [(at * length, line[at * length : (at + 1) * length]) for at in range(count)]
        if all(chunk[:3] in RECORD_TAGS for _, chunk in chunks if chunk.strip(_BLANKS)):
            return chunks
    pattern = _GLUED_PADDED if declared and len(line) > 4 * max(length, 80) else _GLUED
    cuts = [0, *(found.end() for found in pattern.finditer(line)), len(line)]
    return [(begin, line[begin:end]) for begin, end in pairwise(cuts)]
