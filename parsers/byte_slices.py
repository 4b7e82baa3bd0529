"""Slices of a file's bytes as Arrow strings, without a Python object per slice.

A field is a half-open range of byte offsets; a column is two equally long arrays of them. Cutting,
trimming and gathering are numpy operations over whole columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ByteText", "Offsets"]

if TYPE_CHECKING:
    Offsets = NDArray[np.int64]
    """Byte offsets of a file, one per row."""
else:
    Offsets = np.ndarray

_SENTINELS: Final = 8
_PADDING: Final = 32
_SPACE: Final = 32
_TAB: Final = 9


class ByteText:
    """The bytes of one file, valid UTF-8, and where its separators stand."""

    def __init__(self, content: bytes) -> None:
        """Look at `content`; blanks are assumed beyond its end."""
        self._bytes = np.frombuffer(content + b" " * _PADDING, np.uint8)
        self._positions: dict[int, Offsets] = {}

    def at(self, offsets: Offsets) -> NDArray[np.uint8]:
        """The byte at each offset."""
        return self._bytes[offsets]

    def positions(self, byte: int) -> Offsets:
        """Where `byte` stands in the file, followed by offsets beyond its end."""
        found = self._positions.get(byte)
        if found is None:
            beyond = np.full(_SENTINELS, len(self._bytes) + 1, np.int64)
            found = np.concatenate([np.flatnonzero(self._bytes == byte), beyond])
            self._positions[byte] = found
        return found

    def next_index(self, byte: int, starts: Offsets) -> Offsets:
        """For each offset, the index in `positions(byte)` of the first one not before it."""
        return np.searchsorted(self.positions(byte)[:-_SENTINELS], starts)

    def strings(self, starts: Offsets, stops: Offsets) -> pa.StringArray:
        """The text of each range."""
        lengths = np.maximum(stops - starts, 0)
        offsets = np.zeros(len(starts) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1])
        index += np.repeat(starts - offsets[:-1], lengths)
        return pa.StringArray.from_buffers(
            len(starts),
            pa.py_buffer(offsets.astype(np.int32)),
            pa.py_buffer(self._bytes[index]),
        )

    def trimmed(self, starts: Offsets, stops: Offsets) -> tuple[Offsets, Offsets]:
        """The ranges without blanks and tabs at either end."""
        starts, stops = starts.copy(), stops.copy()
        rows = np.flatnonzero(starts < stops)
        while len(rows):
            rows = rows[self._blank(starts[rows])]
            starts[rows] += 1
            rows = rows[starts[rows] < stops[rows]]
        rows = np.flatnonzero(starts < stops)
        while len(rows):
            rows = rows[self._blank(stops[rows] - 1)]
            stops[rows] -= 1
            rows = rows[starts[rows] < stops[rows]]
        return starts, stops

    def trimmed_right(self, starts: Offsets, stops: Offsets, letters: str) -> Offsets:
        """The ends of the ranges without any of the ASCII `letters` before them."""
        unwanted = np.zeros(256, np.bool_)
        unwanted[[ord(letter) for letter in letters]] = True
        stops = stops.copy()
        rows = np.flatnonzero(starts < stops)
        while len(rows):
            rows = rows[unwanted[self._bytes[stops[rows] - 1]]]
            stops[rows] -= 1
            rows = rows[starts[rows] < stops[rows]]
        return stops

    def numbers(self, starts: Offsets, stops: Offsets, digits_max: int) -> tuple[Offsets, Offsets]:
        """The number in each range of 1 to `digits_max` digits, and 1 where it is one (else 0)."""
        lengths = stops - starts
        value = np.zeros(len(starts), np.int64)
        good = (lengths > 0) & (lengths <= digits_max)
        for column in range(min(digits_max, int(lengths.max(initial=0)))):
            rows = np.flatnonzero(column < lengths)
            digit = self._bytes[starts[rows] + column].astype(np.int64) - 48
            good[rows] &= (digit >= 0) & (digit <= 9)
            value[rows] = value[rows] * 10 + digit
        return value, good.astype(np.int64)

    def _blank(self, offsets: Offsets) -> NDArray[np.bool_]:
        found = self._bytes[offsets]
        blank: NDArray[np.bool_] = (found == _SPACE) | (found == _TAB)
        return blank
