"""Texts laid one after the other without their line breaks, and strings put together of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from parsers.mt94x_strings import (
    character_widths,
    continued_letters,
    cut_strings,
    joined_strings,
    letters_table,
    string_bytes,
    word_of,
    words_of,
)

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets

__all__ = ["FlatTexts"]

_PADDING: Final = 64
_WORD_BYTES: Final = 8
_BYTE_BITS: Final = 8
_DIGITS: Final = letters_table(b"0123456789")


class FlatTexts:
    """The bytes of some texts: text `row` is from `begins[row]` to `ends[row]`."""

    def __init__(
        self,
        text: ByteText,
        owner: Offsets,
        ranges: tuple[Offsets, Offsets],
        blank_behind: NDArray[np.bool_],
        row_count: int,
    ) -> None:
        """Join the lines of each text; a blank follows those marked `blank_behind`."""
        starts, stops = ranges
        has_blanks = bool(blank_behind.any())
        if has_blanks:
            stops = stops + blank_behind
        lines = text.strings(starts, stops)
        offsets, held = string_bytes(lines)
        bounds = offsets.astype(np.int64)
        self.size = int(bounds[-1])
        self.data = np.append(held[: self.size], np.zeros(_PADDING, np.uint8))
        if has_blanks:
            self.data[(self.data == ord("\n")) | (self.data == ord("\r"))] = ord(" ")
        self._words = words_of(self.data)
        self.row_count = row_count
        counts = np.bincount(owner, minlength=row_count)
        last = np.cumsum(counts)
        self.begins = bounds[last - counts]
        self.ends = bounds[last]
        self._continued = continued_letters(self.data)

    def rows_of(self, ascending: Offsets) -> Offsets:
        """The text each offset is in."""
        counts = np.diff(np.searchsorted(ascending, self.ends), prepend=0)
        found: Offsets = np.repeat(np.arange(self.row_count), counts)
        return found

    def positions(self, letters: bytes) -> Offsets:
        """Where one of `letters` stands in the texts."""
        data = self.data[: self.size]
        mask = data == letters[0]
        for letter in letters[1:]:
            mask |= data == letter
        return np.flatnonzero(mask)

    def places_of(self, word: bytes) -> Offsets:
        """Where `word` (of two letters or more) begins; its last letters are the seldom ones."""
        data = self.data[: self.size]
        ends = 1 + np.flatnonzero((data[1:] == word[-1]) & (data[:-1] == word[-2]))
        starts = ends[ends >= len(word) - 1] - (len(word) - 1)
        for place, letter in enumerate(word[:-2]):
            starts = starts[data[starts + place] == letter]
        return starts

    def widths(self, starts: Offsets, stops: Offsets) -> Offsets:
        """Characters of each range."""
        return character_widths(self._continued, starts, stops)

    def words(self, at: Offsets, length: int) -> NDArray[np.uint64]:
        """The `length` (≤ 8) bytes from each offset on as one number, see `word_of`."""
        words = self._words[at]
        if length < _WORD_BYTES:
            words &= np.uint64((1 << _BYTE_BITS * length) - 1)
        return words

    def are_digits(self, at: Offsets) -> NDArray[np.bool_]:
        """Whether a digit stands at each offset."""
        return _DIGITS[self.data[at]]

    def begin_with(self, starts: Offsets, stops: Offsets, word: str) -> NDArray[np.bool_]:
        """Whether each range begins with `word`."""
        found: NDArray[np.bool_] = self.words(starts, len(word)) == word_of(word)
        found &= starts + len(word) <= stops
        return found

    def strings(self, starts: Offsets, stops: Offsets) -> pa.StringArray:
        """The text of each range; ranges ascend and do not overlap, empty ones may lie anywhere."""
        return cut_strings(self.data, starts, stops)

    def joined(
        self, row: Offsets, starts: Offsets, stops: Offsets, joints: NDArray[np.int64]
    ) -> pa.StringArray:
        """One string per text, of ranges in ascending order of `row`.

        For `joints` see `joined_strings`: they overwrite the end of the tag or key before a range.
        """
        return joined_strings(self.data, (row, self.row_count), (starts, stops), joints)

    def trimmed(
        self, starts: Offsets, stops: Offsets, unwanted: NDArray[np.bool_]
    ) -> tuple[Offsets, Offsets]:
        """The ranges without any `unwanted` letter at either end."""
        rows = np.flatnonzero(unwanted[self.data[starts]] & (starts < stops))
        if len(rows):
            starts = starts.copy()
        while len(rows):
            starts[rows] += 1
            rows = rows[(starts[rows] < stops[rows]) & unwanted[self.data[starts[rows]]]]
        rows = np.flatnonzero(unwanted[self.data[stops - 1]] & (starts < stops))
        if len(rows):
            stops = stops.copy()
        while len(rows):
            stops[rows] -= 1
            rows = rows[(starts[rows] < stops[rows]) & unwanted[self.data[stops[rows] - 1]]]
        return starts, stops
