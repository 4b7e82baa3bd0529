"""What a diagnostic shows of a file: the place of a value, and the part of its line around it.

A place is found in the bytes themselves, so that every reader, whatever it works on, names the same
line, column and offset. Columns count characters from 1, offsets count bytes from 0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from parsers.byte_source import ByteSource

__all__ = [
    "EXCERPT_LENGTH",
    "Place",
    "caret_index",
    "cut_excerpt",
    "decoded",
    "find_below",
    "find_place",
    "quoted_value",
]

EXCERPT_LENGTH: Final = 120
"""Characters of a line that are worth showing."""

_LEAD: Final = EXCERPT_LENGTH // 2
_CUT: Final = "…"
_NEAR_BYTES: Final = 1 << 10
_LINE_BYTES_MAX: Final = 1 << 20
"""Bytes searched for the beginning of a line; a column beyond them is not told."""

_ELEMENT_BYTES: Final = 1 << 12
_RECORD_BYTES_MAX: Final = 1 << 16
_SHORTEST_PART: Final = 3
_FIRST_OF_SEVERAL: Final = 0xC0
"""Least byte that begins a UTF-8 letter of several bytes."""

_QUOTED: Final = re.compile(r"'([^']+)'")
_SEPARATORS: Final = frozenset(b",/><*:+~|;=\\'\"^{}()[]& \t\r\n")


class Place(msgspec.Struct, frozen=True):
    """Where a value stands: lines after the one asked about, column, byte offset, its line's text.

    `column` is None where the line is too long to count.
    """

    lines_below: int
    column: int | None
    offset: int
    excerpt: str
    is_found: bool


def decoded(content: bytes) -> str:
    """Text of a file's bytes: UTF-8 where they are, else Latin-1."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def find_place(source: ByteSource, offset: int, length: int, value: str) -> Place:
    """The place of `value` within `length` bytes from `offset` on, or of `offset` itself."""
    record = source.read(offset, offset + min(length, _RECORD_BYTES_MAX)) if length > 0 else b""
    found = _find(record, value)
    at = max(found, 0)
    lines_below = max(record.count(b"\n", 0, at), record.count(b"\r", 0, at))
    offset += at
    rest = _rest_of_line(source.read(offset, offset + _NEAR_BYTES))
    before = _line_before(source, offset)
    if before is None:
        lead = decoded(source.read(offset - _LEAD, offset))[1 - _LEAD :]
        excerpt = f"{_CUT}{lead}{rest[:_LEAD]}"
        return Place(lines_below, None, offset, excerpt, is_found=found >= 0)
    lead = decoded(before)
    column = len(lead) + 1
    excerpt = cut_excerpt(lead + rest, column)
    return Place(lines_below, column, offset, excerpt, is_found=found >= 0)


def find_below(source: ByteSource, offset: int, value: str) -> Place:
    """The place of `value` in the line that begins at `offset`; in XML also some way below it."""
    content = source.read(offset, offset + _ELEMENT_BYTES)
    if not content.lstrip().startswith(b"<"):
        content = content.split(b"\n", 1)[0]
    place = find_place(source, offset, len(content), value)
    blanks = len(content) - len(content.lstrip(b" \t"))
    return place if place.is_found else find_place(source, offset + blanks, 0, "")


def quoted_value(message: str) -> str:
    """The first value a sentence quotes: what it is about, where nothing else says so."""
    found = _QUOTED.search(message)
    return found[1] if found else ""


def _find(record: bytes, value: str) -> int:
    """Where `value` stands in `record`: as a whole field if it does anywhere; else -1.

    A short value that is part of others only is not looked for: any digit is part of many.
    """
    for wanted in dict.fromkeys((value.encode(), value.encode("latin-1", "replace"))):
        at = record.find(wanted) if wanted else -1
        first = at
        while at >= 0:
            end = at + len(wanted)
            begins = at == 0 or record[at - 1] in _SEPARATORS
            if begins and (end >= len(record) or record[end] in _SEPARATORS):
                return at
            at = record.find(wanted, at + 1)
        if first >= 0 and len(wanted) >= _SHORTEST_PART:
            return first
    return -1


def _line_before(source: ByteSource, offset: int) -> bytes | None:
    """The bytes of the line before `offset`; None where it begins too far away."""
    for reach in (_NEAR_BYTES, _LINE_BYTES_MAX):
        start = max(0, offset - reach)
        window = source.read(start, offset)
        begin = max(window.rfind(b"\n"), window.rfind(b"\r")) + 1
        if begin or not start:
            return window[begin:].removeprefix(b"\xef\xbb\xbf" if start + begin == 0 else b"")
    return None


def _rest_of_line(content: bytes) -> str:
    """The text of `content` up to its first line break; a letter cut at its end is left out."""
    found = [at for at in (content.find(b"\n"), content.find(b"\r")) if at >= 0]
    if found:
        return decoded(content[: min(found)])
    for cut in range(1, 4):
        if len(content) == _NEAR_BYTES and content[-cut] >= _FIRST_OF_SEVERAL:
            return decoded(content[:-cut])
    return decoded(content)


def cut_excerpt(line: str, column: int | None) -> str:
    """At most `EXCERPT_LENGTH` characters of `line` around `column`; `…` where it was cut."""
    if line.startswith(_CUT):
        line = "." + line[1:]
    if len(line) <= EXCERPT_LENGTH:
        return line
    if column is None or column <= _LEAD:
        return line[: EXCERPT_LENGTH - 1] + _CUT
    begin = column - _LEAD
    shown = _CUT + line[begin : begin + EXCERPT_LENGTH - 2]
    return shown + _CUT if begin + EXCERPT_LENGTH - 2 < len(line) else shown


def caret_index(excerpt: str, column: int) -> int:
    """Where in `excerpt`, as `cut_excerpt` made it, the column stands."""
    return _LEAD if excerpt.startswith(_CUT) else column - 1
