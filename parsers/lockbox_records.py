"""Bytes of a lockbox file to its records, with or without line breaks."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.bai2_records import readable

if TYPE_CHECKING:
    from parsers.collector import FileCollector

__all__ = ["LinePlace", "diagnose_line", "lockbox_lines"]

_RECORD_LENGTHS: Final = (80, 94, 96, 100, 102, 104, 105, 120, 160, 264)
_RECORD_TYPES: Final = "12456789"
_ENDINGS: Final = "\r\x1a\x00\x0c"
_BYTE_ORDER_MARK: Final = "\xef\xbb\xbf"


class LinePlace(NamedTuple):
    """Where a record stands: line number from 1, byte offset, and its text."""

    number: int
    offset: int
    text: str


def diagnose_line(
    collector: FileCollector,
    place: LinePlace,
    code: str,
    message: str,
    *,
    value: str = "",
    expected: str = "",
    columns_before: int = 0,
) -> None:
    """Add a diagnostic about the record at `place`, pointing at `value` where it stands in it.

    `columns_before` are columns of the record before those the value is read from.
    """
    collector.diagnose(
        code,
        readable(message),
        line=place.number,
        offset=place.offset + columns_before,
        within=len(place.text) - columns_before,
        value=readable(value),
        expected=expected,
    )


def lockbox_lines(content: bytes) -> tuple[list[str], list[int]]:
    """The records of `content` and the byte offset of each; decoded byte for byte.

    Files without line breaks are cut at the record length that makes every record begin with a
    record type.
    """
    text = content.decode("latin-1")
    skip = len(_BYTE_ORDER_MARK) if text.startswith(_BYTE_ORDER_MARK) else 0
    if "\n" not in text:
        end = len(text.rstrip(" " + _ENDINGS))
        for length in _RECORD_LENGTHS:
            starts = list(range(skip, end, length))
            if len(starts) > 2 and all(text[at] in _RECORD_TYPES for at in starts):
                return [text[at : at + length] for at in starts], starts
        text = text.replace("\r", "\n")
    lines = text[skip:].split("\n")
    starts = list(accumulate([len(line) + 1 for line in lines], initial=skip))[:-1]
    if "\r" in text or text.endswith(tuple(_ENDINGS)):
        lines = [line.rstrip(_ENDINGS) for line in lines]
    if len(lines) > 1 and not lines[-1].strip(" "):
        lines.pop()
        starts.pop()
    return lines, starts
