"""X12 bytes to segments as columns: where each begins and ends, its name, and its elements.

A window of a file is cut at its terminators in one go; blanks, line breaks and stray backslashes
between segments belong to none. The elements of many segments are byte ranges, those of one segment
a list of text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.byte_slices import ByteText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.x12_delimiters import Delimiters

__all__ = [
    "SEGMENT_BYTES_MAX",
    "SEGMENT_NAMES",
    "UNKNOWN",
    "SegmentTable",
    "cut_segments",
    "element_text",
]

_NAMES: Final = (
    "ADX AMT ASI AVA BAT BPR BPS CTP CTT CUR DED DEP DTM DTP ENT FA1 FA2 GE GS HL IEA INV ISA IT1 "
    "IT3 LX MSG N1 N2 N3 N4 NM1 NTE PEN PER PID POP QTY REF RMR RYL SAC SDQ SE SLN ST TA1 TRN TX1 "
    "TXI TXP"
)

SEGMENT_NAMES: Final = tuple(_NAMES.split())
"""Segments of envelopes, of an 820 and of an 823, in alphabetical order."""

UNKNOWN: Final = len(SEGMENT_NAMES)
"""Number of a segment with another name."""

SEGMENT_BYTES_MAX: Final = 1 << 16
"""Bytes of a segment: the standard's longest have some thousand. What has more is no segment."""

_NAME_LENGTHS: Final = (2, 3)
_BLANK_BYTES: Final = b" \t\r\n\x00\x1a"
_STRAY_BYTES: Final = _BLANK_BYTES + b"\\"
_PRINTED: Final = slice(32, 127)
_TRIMMED: Final = " \t\r\n\x00"


def _packed(name: bytes) -> int:
    return int.from_bytes(name.ljust(3, b"\0"), "big")


_ORDER: Final = sorted(range(UNKNOWN), key=lambda at: _packed(SEGMENT_NAMES[at].encode()))
_PACKED: Final = np.array([_packed(SEGMENT_NAMES[at].encode()) for at in _ORDER])
_NUMBERS: Final = np.array(_ORDER)


class SegmentTable(msgspec.Struct, frozen=True):
    """Segments of a window, in order: `base` is the offset of its first byte in the file.

    `starts` and `stops` are trimmed ranges within the window, `ends` come after the terminators.
    `cuts` are all separators and terminators, `heads` the first of each segment, `kinds` indices
    into `SEGMENT_NAMES`, `unusual` bytes that are neither printed ASCII nor separators.
    """

    content: bytes
    text: ByteText
    base: int
    starts: Offsets
    stops: Offsets
    ends: Offsets
    cuts: Offsets
    heads: Offsets
    counts: Offsets
    kinds: Offsets
    unusual: Offsets
    element_byte: int
    element_length: int

    def __len__(self) -> int:
        """Number of segments."""
        return len(self.starts)

    def elements(self, row: int) -> list[str]:
        """Name and elements of a segment, without blanks around them."""
        piece = self.content[self.starts[row] : self.stops[row]]
        separator = bytes((self.element_byte,))
        return [element_text(one) for one in piece.split(separator)]

    def raw(self, row: int) -> str:
        """A segment as it stands in the file."""
        return element_text(self.content[self.starts[row] : self.stops[row]])

    def is_ordinary(self, rows: Offsets) -> NDArray[np.bool_]:
        """Whether segments hold printed ASCII alone."""
        odd = self.unusual
        first, last = (
            np.searchsorted(odd, self.starts[rows]),
            np.searchsorted(odd, self.stops[rows]),
        )
        ordinary: NDArray[np.bool_] = first == last
        return ordinary

    def ranges(self, rows: Offsets, number: int) -> tuple[Offsets, Offsets]:
        """Where element `number` of the segments `rows` stands; empty where it is absent."""
        last = self.stops[rows]
        there = number <= self.counts[rows]
        at = self.heads[rows] + np.where(there, number, 0)
        begin = np.where(there, self.cuts[at - 1] + self.element_length, last)
        after = np.where(there, self.cuts[at], last)
        begin = np.minimum(begin, last)
        return begin, np.maximum(np.minimum(after, last), begin)


def element_text(piece: bytes) -> str:
    """Bytes of an element as text: UTF-8 where they are, else Latin-1."""
    try:
        return piece.decode().strip(_TRIMMED)
    except UnicodeDecodeError:
        return piece.decode("latin-1").strip(_TRIMMED)


def cut_segments(content: bytes, base: int, delimiters: Delimiters) -> SegmentTable:
    """Cut `content`, whose last segment must have ended; `base` is its offset in the file."""
    content = delimiters.prepared(content)
    text = ByteText(content)
    letters = np.frombuffer(content, np.uint8)
    element = delimiters.element_byte
    cuts = np.flatnonzero((letters == element) | (letters == delimiters.segment))
    last = np.flatnonzero(letters[cuts] == delimiters.segment)
    stops = cuts[last]
    begins = np.concatenate([[0], stops[:-1] + 1]) if len(stops) else stops
    starts = _skip(text, begins, stops, delimiters)
    full = starts < stops
    heads = np.concatenate([[0], last[:-1] + 1])[full] if len(last) else last
    ends, starts, stops, last = stops[full] + 1, starts[full], stops[full], last[full]
    kinds = _kinds(text, starts, cuts[heads])
    kinds[stops - starts > SEGMENT_BYTES_MAX] = UNKNOWN
    return SegmentTable(
        content=content,
        text=text,
        base=base,
        starts=starts,
        stops=_trim(text, starts, stops),
        ends=ends,
        cuts=cuts,
        heads=heads,
        counts=last - heads,
        kinds=kinds,
        unusual=np.flatnonzero(_unusual(delimiters)[letters]),
        element_byte=element,
        element_length=len(delimiters.element),
    )


def _unusual(delimiters: Delimiters) -> NDArray[np.bool_]:
    table = np.ones(256, np.bool_)
    table[_PRINTED] = False
    table[list(delimiters.prepared(delimiters.element))] = False
    return table


def _among(letters: bytes, but: Sequence[int]) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(letters)] = True
    table[list(but)] = False
    return table


def _skip(text: ByteText, starts: Offsets, stops: Offsets, delimiters: Delimiters) -> Offsets:
    """Where the segments begin behind stray bytes between them."""
    stray = _among(_STRAY_BYTES, (delimiters.segment, delimiters.element_byte))
    starts = starts.copy()
    rows = np.flatnonzero(stray[text.at(starts)] & (starts < stops))
    while len(rows):
        starts[rows] += 1
        rows = rows[stray[text.at(starts[rows])] & (starts[rows] < stops[rows])]
    return starts


def _trim(text: ByteText, starts: Offsets, stops: Offsets) -> Offsets:
    """Where the segments end without blanks at their end."""
    blank = _among(_BLANK_BYTES, ())
    stops = stops.copy()
    rows = np.flatnonzero(blank[text.at(stops - 1)] & (starts < stops))
    while len(rows):
        stops[rows] -= 1
        rows = rows[blank[text.at(stops[rows] - 1)] & (starts[rows] < stops[rows])]
    return stops


def _kinds(text: ByteText, starts: Offsets, first_cuts: Offsets) -> Offsets:
    """Index of each segment's name, `UNKNOWN` where it has another."""
    length = first_cuts - starts
    packed = np.zeros(len(starts), np.int64)
    for at in range(max(_NAME_LENGTHS)):
        packed = (packed << 8) + np.where(at < length, text.at(starts + at), 0)
    place = np.minimum(np.searchsorted(_PACKED, packed), UNKNOWN - 1)
    known = (_PACKED[place] == packed) & np.isin(length, _NAME_LENGTHS)
    return np.where(known, _NUMBERS[place], UNKNOWN)
