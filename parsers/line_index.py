"""Where a line of a file begins, found by reading on from the nearest line known."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from parsers.byte_source import WINDOW_BYTES

if TYPE_CHECKING:
    from parsers.byte_source import ByteSource

__all__ = ["LineIndex"]


class LineIndex:
    """Byte offsets of lines; a file is read once, however many of its lines are asked for."""

    def __init__(self, source: ByteSource, window_bytes: int = WINDOW_BYTES) -> None:
        """Look into `source`, `window_bytes` at a time."""
        self._source = source
        self._window_bytes = window_bytes
        self._breaks_before = [0]

    def offset_of(self, line: int) -> int | None:
        """Offset of the first byte of `line` (counted from 1); None where there is no such line."""
        wanted = line - 1
        if wanted <= 0:
            return 0 if line == 1 else None
        known = self._breaks_before
        while known[-1] < wanted:
            start = (len(known) - 1) * self._window_bytes
            if start >= self._source.size:
                return None
            window = self._source.read(start, start + self._window_bytes)
            known.append(known[-1] + window.count(b"\n"))
        at = bisect_left(known, wanted)
        start = (at - 1) * self._window_bytes
        window = self._source.read(start, start + self._window_bytes)
        place = -1
        for _ in range(wanted - known[at - 1]):
            place = window.find(b"\n", place + 1)
        return start + place + 1

    def line_at(self, offset: int) -> int:
        """The line, counted from 1, in which the byte at `offset` stands."""
        line = 1
        for start in range(0, offset, self._window_bytes):
            window = self._source.read(start, min(start + self._window_bytes, offset))
            line += window.count(b"\n")
        return line
