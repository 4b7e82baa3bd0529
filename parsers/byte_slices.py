"""Slices of a window's bytes as Arrow strings and numbers, without a Python object per slice.

A field is a half-open range of byte offsets; a column is two equally long arrays of them. Cutting,
trimming and gathering are numpy and Arrow operations over whole columns. The bytes are padded on
both sides, so that reading a few of them around a field never needs a look at the ends.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ByteText", "Offsets"]

if TYPE_CHECKING:
    Offsets = NDArray[np.int64]
    """Byte offsets of a window, one per row."""
else:
    Offsets = np.ndarray

_SENTINELS: Final = 8
_PADDING: Final = 32
_SPACE: Final = 32
_WORD: Final = np.dtype("<u8")
_WORD_DIGITS: Final = 8
_ZEROS: Final = np.uint64(0x3030303030303030)
_HIGH_NIBBLES: Final = np.uint64(0xF0F0F0F0F0F0F0F0)
_ABOVE_NINE: Final = np.uint64(0x0606060606060606)
_PAIRS: Final = np.uint64(0x00FF00FF00FF00FF)
_FOURS: Final = np.uint64(0x0000FFFF0000FFFF)
_LOW_HALF: Final = np.uint64(0x00000000FFFFFFFF)
_EMPTY_WORD_SHIFT: Final = 63


class ByteText:
    """The bytes of one window, valid UTF-8, and where its separators stand."""

    def __init__(self, content: bytes) -> None:
        """Look at `content`; blanks are assumed around it."""
        self.size = len(content)
        padded = b"".join((b" " * _PADDING, content, b" " * _PADDING))
        self._padded = padded
        self._bytes = np.frombuffer(padded, np.uint8)[_PADDING:]
        self._words = np.ndarray((len(padded) - 7,), _WORD, padded, strides=(1,))[_PADDING:]
        self._before = np.ndarray((len(padded) - 7,), _WORD, padded, strides=(1,))[
            _PADDING - _WORD_DIGITS :
        ]
        self._earlier = np.ndarray((len(padded) - 7,), _WORD, padded, strides=(1,))[
            _PADDING - 2 * _WORD_DIGITS :
        ]
        self._positions: dict[bytes, Offsets] = {}

    def at(self, offsets: Offsets) -> NDArray[np.uint8]:
        """The byte at each offset."""
        return self._bytes.take(offsets)

    def words(self, offsets: Offsets) -> NDArray[np.uint64]:
        """The eight bytes from each offset on, the first one lowest."""
        return self._words[offsets]

    def positions(self, letters: bytes) -> Offsets:
        """Where any of `letters` stands, followed by offsets beyond the end."""
        found = self._positions.get(letters)
        if found is None:
            size = len(self._bytes) - _PADDING
            written = [letter for letter in letters if letter in self._padded]
            masks = [self._bytes[:size] == letter for letter in written]
            places = np.flatnonzero(reduce(or_, masks)) if masks else np.empty(0, np.int64)
            found = np.concatenate([places, np.full(_SENTINELS, size + 1, np.int64)])
            self._positions[letters] = found
        return found

    def next_index(self, letters: bytes, starts: Offsets) -> Offsets:
        """For each offset, the index in `positions(letters)` of the first one not before it."""
        return np.searchsorted(self.positions(letters)[:-_SENTINELS], starts)

    def first_within(
        self, letters: bytes, starts: Offsets, stops: Offsets
    ) -> tuple[Offsets, Offsets]:
        """(rows, indices in `positions(letters)`): the first of the letters in each range with one.

        Ranges ascend and do not overlap.
        """
        return self.first_of(self.positions(letters)[:-_SENTINELS], starts, stops)

    def first_of(self, places: Offsets, starts: Offsets, stops: Offsets) -> tuple[Offsets, Offsets]:
        """(rows, indices in `places`): the first of the ascending `places` in each range."""
        if not len(places) or not len(starts):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        row = np.searchsorted(starts, places, side="right") - 1
        is_first = np.empty(len(row), np.bool_)
        is_first[0] = True
        np.not_equal(row[1:], row[:-1], out=is_first[1:])
        is_first &= row >= 0
        index = np.flatnonzero(is_first)
        row = row[index]
        inside = places[index] < stops[row]
        return row[inside], index[inside]

    def strings(self, starts: Offsets, stops: Offsets) -> pa.StringArray:
        """The text of each range; ranges ascend and do not overlap, empty ones may lie anywhere."""
        count = len(starts)
        is_empty = stops <= starts
        if is_empty.all():
            return pa.repeat(pa.scalar("", pa.string()), count)
        bounds = np.empty(2 * count + 1, np.int32)
        bounds[0] = 0
        if is_empty.any():
            begin = np.maximum.accumulate(np.where(is_empty, 0, stops))
            bounds[1::2] = np.where(is_empty, begin, starts)
            bounds[2::2] = begin
        else:
            bounds[1::2] = starts
            bounds[2::2] = stops
        bounds[1:] += _PADDING
        pieces = pa.StringArray.from_buffers(
            2 * count, pa.py_buffer(bounds), pa.py_buffer(self._padded)
        )
        return arrow.take(pieces, pa.array(np.arange(1, 2 * count, 2, dtype=np.int32)))

    def trimmed(self, starts: Offsets, stops: Offsets) -> tuple[Offsets, Offsets]:
        """The ranges without blanks and tabs at either end."""
        is_blank = (self.at(starts) <= _SPACE) & (starts < stops)
        if is_blank.any():
            starts, rows = starts.copy(), np.flatnonzero(is_blank)
            while len(rows):
                rows = rows[_blank(self.at(starts[rows]))]
                starts[rows] += 1
                rows = rows[starts[rows] < stops[rows]]
        is_blank = (self.at(stops - 1) <= _SPACE) & (starts < stops)
        if is_blank.any():
            stops, rows = stops.copy(), np.flatnonzero(is_blank)
            while len(rows):
                rows = rows[_blank(self.at(stops[rows] - 1))]
                stops[rows] -= 1
                rows = rows[starts[rows] < stops[rows]]
        return starts, stops

    def trimmed_right(self, starts: Offsets, stops: Offsets, letters: bytes) -> Offsets:
        """The ends of the ranges without any of the `letters` before them."""
        unwanted = np.zeros(256, np.bool_)
        unwanted[list(letters)] = True
        rows = np.flatnonzero(unwanted[self.at(stops - 1)] & (starts < stops))
        if len(rows):
            stops = stops.copy()
        while len(rows):
            stops[rows] -= 1
            rows = rows[(starts[rows] < stops[rows]) & unwanted[self.at(stops[rows] - 1)]]
        return stops

    def numbers(
        self, starts: Offsets, stops: Offsets, digits_max: int
    ) -> tuple[Offsets, NDArray[np.bool_]]:
        """The number in each range of 1 to `digits_max` (≤ 16) digits, and whether it is one."""
        lengths = stops - starts
        good = (lengths > 0) & (lengths <= digits_max)
        value, is_number = _digits(self._before[np.where(good, stops, 0)], lengths)
        if digits_max > _WORD_DIGITS and (lengths > _WORD_DIGITS).any():
            more, is_more = _digits(self._earlier[np.where(good, stops, 0)], lengths - _WORD_DIGITS)
            value += more * 10**_WORD_DIGITS
            is_number &= is_more
        good &= is_number
        return np.where(good, value, 0), good


def _blank(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    blank: NDArray[np.bool_] = (letters == _SPACE) | (letters == ord("\t"))
    return blank


def _digits(words: NDArray[np.uint64], lengths: Offsets) -> tuple[Offsets, NDArray[np.bool_]]:
    """The last `lengths` letters of each word as a number, and whether they are all digits.

    Eight digits are summed up in three steps: pairs, fours, all (each letter is a byte of a word).
    """
    kept = np.clip(lengths, 0, _WORD_DIGITS)
    unused = ((_WORD_DIGITS - kept) * 8).astype(np.uint64)
    shift = np.minimum(unused, np.uint64(_EMPTY_WORD_SHIFT))
    words = (words >> shift) << shift
    words = np.where(kept == 0, np.uint64(0), words)
    filler = ~(~np.uint64(0) << shift)
    filler = np.where(kept == 0, ~np.uint64(0), filler)
    words = words | (filler & _ZEROS)
    is_number = (words & _HIGH_NIBBLES) == _ZEROS
    is_number &= ((words + _ABOVE_NINE) & _HIGH_NIBBLES) == _ZEROS
    words = words - _ZEROS
    words = (words * np.uint64(10) + (words >> np.uint64(8))) & _PAIRS
    words = (words * np.uint64(100) + (words >> np.uint64(16))) & _FOURS
    words = (words * np.uint64(10_000) + (words >> np.uint64(32))) & _LOW_HALF
    return words.astype(np.int64), is_number
