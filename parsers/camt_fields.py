"""Fields of many camt elements at once: amounts, dates, texts, each with whether it was plain.

What is not plain here (a sign, an unusual blank, a reference to a character) is nothing wrong: its
entry is read by the careful reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets

__all__ = ["FieldReader"]

_AMOUNT_LENGTH_MAX: Final = 13
_DIGITS_MAX: Final = 12
_POINT: Final = 46
_ZERO: Final = 48
_HYPHEN: Final = 45
_BLANK: Final = 32
_NEWLINES: Final = (b"\n", b"\r")
_DATE_LENGTH: Final = 10
_DATE_DIGITS: Final = (0, 1, 2, 3, 5, 6, 8, 9)
_WIDE_FIRST: Final = (0xC2, 0xE1, 0xE2, 0xE3)
"""First bytes of the characters that count as blanks beside ASCII's."""

_ENTITIES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class FieldReader:
    """Reads fields given as ranges of one stretch of bytes."""

    def __init__(self, raw: NDArray[np.uint8], text: ByteText) -> None:
        """Read in `text`, whose bytes are `raw`."""
        self._raw, self._text = raw, text

    def amounts(
        self, starts: Offsets, stops: Offsets, exponents: Offsets
    ) -> tuple[Offsets, NDArray[np.bool_]]:
        """Minor units of each range and whether it is plain decimal text within bounds."""
        raw, lengths = self._raw, stops - starts
        value = np.zeros(len(starts), np.int64)
        places = np.full(len(starts), -1)
        is_good = (lengths > 0) & (lengths <= _AMOUNT_LENGTH_MAX)
        for column in range(int(np.minimum(lengths, _AMOUNT_LENGTH_MAX).max(initial=0))):
            byte = raw[starts + column]
            within = column < lengths
            digit = byte.astype(np.int64) - _ZERO
            is_digit = within & (digit >= 0) & (digit <= 9)
            value = np.where(is_digit, value * 10 + digit, value)
            places += is_digit & (places >= 0)
            is_point = within & (byte == _POINT) & (places < 0)
            places[is_point] = 0
            is_good &= ~within | is_digit | is_point
        fraction = np.maximum(places, 0)
        is_good &= (fraction <= exponents) & (lengths > (places >= 0))
        missing = np.clip(exponents - fraction, 0, None)
        value *= 10**missing
        is_good &= lengths - (places >= 0) + missing <= _DIGITS_MAX
        return value, is_good

    def dates(self, starts: Offsets, stops: Offsets) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Days since 1970 of each range that begins with a date, and whether it does."""
        raw = self._raw
        is_good = stops - starts >= _DATE_LENGTH
        is_good &= (raw[starts + 4] == _HYPHEN) & (raw[starts + 7] == _HYPHEN)
        digits = {at: raw[starts + at].astype(np.int64) - _ZERO for at in _DATE_DIGITS}
        for digit in digits.values():
            is_good &= (digit >= 0) & (digit <= 9)
        year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3]
        month, day = digits[5] * 10 + digits[6], digits[8] * 10 + digits[9]
        is_good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
        months = np.where(is_good, (year - 1970) * 12 + month - 1, 0)
        first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
        after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
        is_good &= day <= after - first
        return np.where(is_good, first + day - 1, 0).astype(np.int32), is_good

    def clean(
        self, starts: Offsets, stops: Offsets, *, no_blanks: bool
    ) -> tuple[Offsets, Offsets, NDArray[np.bool_]]:
        """The ranges without blanks at either end, and whether they are plain and not empty.

        With `no_blanks` a blank inside is not plain either.
        """
        starts, stops = self._text.trimmed(starts, stops)
        is_good = starts < stops
        first, last = self._raw[starts], self._raw[np.maximum(stops - 1, 0)]
        is_good &= (first > _BLANK) & (last > _BLANK)
        rows = np.flatnonzero((first >= 0x80) | (last >= 0x80))
        if len(rows):
            is_good[rows] &= ~np.isin(first[rows], _WIDE_FIRST)
            is_wide = last[rows] >= 0x80
            is_good[rows] &= ~(is_wide & (self._raw[stops[rows] - 2] == _WIDE_FIRST[0]))
            third = self._raw[np.maximum(stops[rows] - 3, 0)]
            is_good[rows] &= ~(is_wide & np.isin(third, _WIDE_FIRST[1:]))
        if no_blanks:
            blanks = self._text.positions(b" ")
            is_good &= blanks[self._text.next_index(b" ", starts)] >= stops
        return starts, stops, is_good

    def strings(self, starts: Offsets, stops: Offsets) -> tuple[pa.StringArray, Offsets]:
        """The text of each range, and the rows whose text is not plain.

        Ranges may repeat, as those of an entry do for each of its details.
        """
        rows = np.flatnonzero(starts < stops)
        if (starts[rows[1:]] >= stops[rows[:-1]]).all():
            return _checked(self._text.strings(starts, stops))
        order = rows[np.argsort(starts[rows], kind="stable")]
        is_new = np.append(True, starts[order[1:]] != starts[order[:-1]])
        texts = self._text.strings(starts[order[is_new]], stops[order[is_new]])
        number = np.full(len(starts), len(texts))
        number[order] = np.cumsum(is_new) - 1
        every = pa.concat_arrays([texts, pa.array([""], pa.string())])
        return _checked(every.take(pa.array(number)))

    def joined(
        self, rows: Offsets, starts: Offsets, stops: Offsets, count: int
    ) -> tuple[pa.StringArray, Offsets]:
        """The texts of each of `count` rows, one line per range; `rows` ascend."""
        lines, bad = self.strings(starts, stops)
        bounds = np.searchsorted(rows, np.arange(count + 1)).astype(np.int32)
        return pc.binary_join(pa.ListArray.from_arrays(bounds, lines), "\n"), rows[bad]


def _checked(texts: pa.StringArray) -> tuple[pa.StringArray, Offsets]:
    """`texts` with the five named characters in place, and rows with anything beyond them."""
    written = texts.buffers()[2]
    content = b"" if written is None else written.to_pybytes()
    bad = np.zeros(len(texts), np.bool_)
    for newline in _NEWLINES:
        if newline in content:
            bad |= pc.match_substring(texts, newline.decode()).to_numpy(zero_copy_only=False)
    if b"&" in content:
        odd = pc.match_substring_regex(texts, "&(?:[^lgqa]|l[^t]|g[^t]|q[^u]|a[^mp]|$)")
        named = pc.count_substring_regex(texts, "&(?:lt|gt|quot|apos|amp);")
        every = pc.count_substring(texts, "&")
        bad |= pc.or_(odd, pc.not_equal(named, every)).to_numpy(zero_copy_only=False)
        for name, letter in _ENTITIES:
            if name.encode() in content:
                texts = pc.replace_substring(texts, name, letter)
    return texts, np.flatnonzero(bad)
