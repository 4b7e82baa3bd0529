"""Texts laid one after the other without their line breaks, and strings put together of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets

__all__ = ["FlatTexts", "one_line_column"]

_TAIL: Final = b"\n " + b"\0" * 62
_BREAK_AT, _BLANK_AT = -64, -63


class FlatTexts:
    """The bytes of some texts: text `row` is from `begins[row]` to `ends[row]`."""

    def __init__(
        self,
        text: ByteText,
        owner: Offsets,
        starts: Offsets,
        stops: Offsets,
        blank_behind: NDArray[np.bool_],
        row_count: int,
    ) -> None:
        """Join the lines of each text; a blank follows those marked `blank_behind`."""
        stops = stops + blank_behind
        lengths = stops - starts
        ends = np.cumsum(lengths)
        index = np.arange(int(ends[-1]) if len(ends) else 0)
        index += np.repeat(starts - (ends - lengths), lengths)
        data = text.at(index)
        data[(data == 10) | (data == 13)] = 32
        self.data = np.concatenate([data, np.frombuffer(_TAIL, np.uint8)])
        self.row_count = row_count
        sizes = np.bincount(owner, lengths, row_count).astype(np.int64)
        self.ends = np.cumsum(sizes)
        self.begins = self.ends - sizes
        self._break = len(self.data) + _BREAK_AT
        self._blank = len(self.data) + _BLANK_AT

    def row_of(self, at: Offsets) -> Offsets:
        """The text each offset is in."""
        return np.searchsorted(self.ends, at, side="right")

    def positions(self, byte: int) -> Offsets:
        """Where `byte` stands in the texts."""
        return np.flatnonzero(self.data[:_BREAK_AT] == byte)

    def is_digit(self, at: Offsets) -> NDArray[np.bool_]:
        """Whether a digit stands at each offset."""
        found: NDArray[np.bool_] = (self.data[at] >= 48) & (self.data[at] <= 57)
        return found

    def words(self, at: Offsets, length: int) -> NDArray[np.int64]:
        """The bytes from each offset on as one number."""
        value = np.zeros(len(at), np.int64)
        for place in range(length):
            value = value << 8 | self.data[at + place]
        return value

    def strings(
        self,
        row: Offsets,
        starts: Offsets,
        stops: Offsets,
        joints: NDArray[np.int64] | None = None,
    ) -> pa.StringArray:
        """One string per text, of ranges in ascending order of `row`.

        `joints` says what stands before each range: 0 nothing, 1 a blank, 2 a line break.
        """
        if joints is not None and joints.any():
            order = np.argsort(
                np.concatenate([np.arange(len(row)) * 2 + 1, np.flatnonzero(joints) * 2])
            )
            between = np.where(joints[joints > 0] == 1, self._blank, self._break)
            row = np.concatenate([row, row[joints > 0]])[order]
            starts = np.concatenate([starts, between])[order]
            stops = np.concatenate([stops, between + 1])[order]
        lengths = np.maximum(stops - starts, 0)
        ends = np.cumsum(lengths)
        index = np.arange(int(ends[-1]) if len(ends) else 0)
        index += np.repeat(starts - (ends - lengths), lengths)
        sizes = np.bincount(row, lengths, self.row_count).astype(np.int64)
        offsets = np.zeros(self.row_count + 1, np.int32)
        np.cumsum(sizes, out=offsets[1:])
        return pa.StringArray.from_buffers(
            self.row_count, pa.py_buffer(offsets), pa.py_buffer(self.data[index])
        )

    def trimmed(self, starts: Offsets, stops: Offsets, letters: bytes) -> tuple[Offsets, Offsets]:
        """The ranges without any of `letters` at either end."""
        unwanted = np.zeros(256, np.bool_)
        unwanted[list(letters)] = True
        starts, stops = starts.copy(), stops.copy()
        rows = np.flatnonzero(starts < stops)
        while len(rows):
            rows = rows[unwanted[self.data[starts[rows]]]]
            starts[rows] += 1
            rows = rows[starts[rows] < stops[rows]]
        rows = np.flatnonzero(starts < stops)
        while len(rows):
            rows = rows[unwanted[self.data[stops[rows] - 1]]]
            stops[rows] -= 1
            rows = rows[starts[rows] < stops[rows]]
        return starts, stops


def one_line_column(column: pa.Array) -> pa.Array:
    """Each text on one line, one blank between its words."""
    if pc.any(pc.match_substring_regex(column, "  |\n")).as_py():
        column = pc.replace_substring_regex(column, "[ \n]+", " ")
    return pc.utf8_trim(column, " ")
