"""An X12 file in windows that end with a segment, cut into columns one by one.

Where windows end is found in order; cutting them is pure and may run on several cores.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.byte_source import WINDOW_BYTES
from parsers.x12_lines import LineTable, cut_lines
from parsers.x12_segments import SEGMENT_BYTES_MAX, SegmentTable, cut_segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from parsers.byte_source import ByteSource
    from parsers.read_options import OrderedMap
    from parsers.x12_delimiters import Delimiters

__all__ = ["SegmentWindow", "count_breaks", "segment_windows"]

_LOOK_AHEAD: Final = 1 << 12


class SegmentWindow(msgspec.Struct, frozen=True):
    """Segments in columns, with their remittance lines and which of these hold (`plain`).

    Where `overlong` is set there is no segment but a stretch of so many bytes without an end.
    """

    table: SegmentTable
    lines: LineTable
    plain: NDArray[np.bool_]
    overlong: int = 0


def segment_windows(
    source: ByteSource,
    start: int,
    delimiters: Delimiters,
    map_ordered: OrderedMap,
    window_bytes: int = WINDOW_BYTES,
) -> Iterator[SegmentWindow]:
    """The windows of `source` from `start`, where a segment begins."""
    cut = partial(_cut, source, delimiters)
    yield from map_ordered(cut, _bounds(source, start, delimiters.segment, window_bytes))


def count_breaks(source: ByteSource, start: int, stop: int) -> int:
    """Line breaks between two offsets of `source`."""
    return sum(
        source.read(at, min(at + WINDOW_BYTES, stop)).count(b"\n")
        for at in range(start, stop, WINDOW_BYTES)
    )


def _cut(source: ByteSource, delimiters: Delimiters, bounds: tuple[int, int, int]) -> SegmentWindow:
    start, stop, overlong = bounds
    content = source.read(start, stop)
    terminator = bytes((delimiters.segment,))
    size = len(content)
    if content and not content.endswith(terminator):
        content += terminator
    table = cut_segments(content, start, delimiters)
    np.minimum(table.ends, size, out=table.ends)
    lines, plain = cut_lines(table)
    return SegmentWindow(table, lines, plain, overlong)


def _bounds(
    source: ByteSource, start: int, terminator: int, window_bytes: int
) -> Iterator[tuple[int, int, int]]:
    """(start, stop, 0) of windows, and (start, start, length) of what has no end in sight."""
    size = source.size
    while start < size:
        goal = start + window_bytes
        stop = _end_of_segment(source, goal - 1, min(goal + SEGMENT_BYTES_MAX, size), terminator)
        if stop or goal + SEGMENT_BYTES_MAX >= size:
            yield start, stop or size, 0
            start = stop or size
            continue
        last = source.read(start, goal).rfind(terminator)
        if last >= 0:
            yield start, start + last + 1, 0
            start += last + 1
        stop = _end_of_segment(source, goal, size, terminator) or size
        yield start, start, stop - start
        start = stop


def _end_of_segment(source: ByteSource, start: int, stop: int, terminator: int) -> int:
    """Offset behind the first terminator in the range, 0 where there is none."""
    step = _LOOK_AHEAD
    while start < stop:
        found = source.read(start, min(start + step, stop)).find(terminator)
        if found >= 0:
            return start + found + 1
        start += step
        step = WINDOW_BYTES
    return 0
