"""Arrow strings of ranges of bytes, and what is seldom to be changed about them.

The usual case is that nothing is: each function looks first, at the bytes of the whole column, and
gives the column as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.mt94x_dialects import PLACEHOLDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = [
    "BLANK_JOINT",
    "BREAK_JOINT",
    "NO_JOINT",
    "are_placeholders",
    "character_widths",
    "continued_letters",
    "cut_strings",
    "either_string",
    "empty_strings",
    "is_empty",
    "joined_strings",
    "letters_table",
    "one_line_strings",
    "reference_strings",
    "string_bytes",
    "text_strings",
    "word_of",
    "words_of",
]

_WORD_BYTES: Final = 8
_LOWER: Final = np.uint64(0x2020202020202020)
_BLANK, _BREAK = b" \n"
_CONTINUED: Final = (0x80, 0xBF)

NO_JOINT, BLANK_JOINT, BREAK_JOINT = range(3)
_JOINTS: Final = np.frombuffer(b"\0 \n", np.uint8)


def word_of(name: str) -> np.uint64:
    """Up to eight letters as one number, the first one lowest."""
    return np.uint64(int.from_bytes(name.encode(), "little"))


def letters_table(letters: bytes) -> NDArray[np.bool_]:
    """For each byte, whether it is one of `letters`."""
    table = np.zeros(256, np.bool_)
    table[list(letters)] = True
    return table


def continued_letters(data: NDArray[np.uint8]) -> Offsets:
    """Where bytes of UTF-8 stand that begin no letter."""
    is_high = data >= _CONTINUED[0]
    if not is_high.any():
        return np.empty(0, np.int64)
    return np.flatnonzero(is_high & (data <= _CONTINUED[1]))


def character_widths(continued: Offsets, starts: Offsets, stops: Offsets) -> Offsets:
    """Letters of each range of bytes, those of `continued_letters` left out."""
    widths = stops - starts
    if len(continued):
        widths -= np.searchsorted(continued, stops) - np.searchsorted(continued, starts)
    return widths


def empty_strings(count: int) -> pa.StringArray:
    """A column without any text."""
    offsets = np.zeros(count + 1, np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(b""))


def cut_strings(data: NDArray[np.uint8], starts: Offsets, stops: Offsets) -> pa.StringArray:
    """The text of each range; ranges ascend and do not overlap, empty ones may lie anywhere.

    Every second string of an array that also holds what lies between the ranges.
    """
    count = len(starts)
    is_none = stops <= starts
    bounds = np.zeros(2 * count + 1, np.int32)
    if is_none.any():
        if is_none.all():
            return empty_strings(count)
        before = np.maximum.accumulate(np.where(is_none, 0, stops))
        bounds[1::2] = np.where(is_none, before, starts)
        bounds[2::2] = before
    else:
        bounds[1::2] = starts
        bounds[2::2] = stops
    pieces = pa.StringArray.from_buffers(2 * count, pa.py_buffer(bounds), pa.py_buffer(data))
    return pieces.take(pa.array(np.arange(1, 2 * count, 2, dtype=np.int32)))


def joined_strings(
    data: NDArray[np.uint8],
    owner: tuple[Offsets, int],
    ranges: tuple[Offsets, Offsets],
    joints: NDArray[np.int64],
) -> pa.StringArray:
    """One string per row, of ranges in ascending order; `owner` are their rows and how many are.

    `joints` says what stands before each range: 0 nothing, 1 a blank, 2 a line break. It is written
    over the byte before the range, of which nobody may need to know any more.
    """
    row, row_count = owner
    between = joints > NO_JOINT
    starts = ranges[0] - between
    stops = np.maximum(starts, ranges[1])
    data[starts[between]] = _JOINTS[joints[between]]
    pieces = cut_strings(data, starts, stops)
    counts = np.bincount(row, minlength=row_count)
    if len(row) == row_count and (counts == 1).all():
        return pieces
    bounds, _ = string_bytes(pieces)
    offsets = np.zeros(row_count + 1, np.int32)
    offsets[1:] = bounds[np.cumsum(counts)]
    return pa.StringArray.from_buffers(row_count, pa.py_buffer(offsets), pieces.buffers()[2])


def string_bytes(column: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Where the strings of `column` begin and end, and their bytes."""
    _, bounds, held = column.buffers()
    low = column.offset
    offsets = np.frombuffer(bounds, np.int32)[low : low + len(column) + 1]
    data = np.frombuffer(b"" if held is None else held, np.uint8)
    return offsets, data


def is_empty(column: pa.Array) -> bool:
    """Whether no string of `column` has any text."""
    offsets, _ = string_bytes(column)
    return bool(offsets[0] == offsets[-1])


def either_string(column: pa.Array, other: pa.Array) -> pa.Array:
    """The strings of `column`, those of `other` where they are empty."""
    if is_empty(other):
        return column
    if is_empty(column):
        return other
    return pc.if_else(pc.equal(column, ""), other, column)


def one_line_strings(column: pa.Array) -> pa.Array:
    """Each text on one line, one blank between its words."""
    offsets, data = string_bytes(column)
    held = data[offsets[0] : offsets[-1]]
    blank = held == _BLANK
    if (blank[1:] & blank[:-1]).any() or (held == _BREAK).any():
        column = pc.replace_substring_regex(column, "[ \n]+", " ")
    return _trimmed(column)


def text_strings(column: pa.Array) -> pa.Array:
    """Lines without blanks at their ends, those that hold nothing left out."""
    offsets, data = string_bytes(column)
    held = data[offsets[0] : offsets[-1]]
    at = np.flatnonzero(held == _BREAK)
    if len(at):
        around = np.append(held[at[at > 0] - 1], held[at[at < len(held) - 1] + 1])
        if ((around == _BLANK) | (around == _BREAK)).any():
            column = pc.replace_substring_regex(column, "[ \n]*\n[ \n]*", "\n")
    return _trimmed(column)


def _trimmed(column: pa.Array) -> pa.Array:
    """Each text without blanks and line breaks around it."""
    offsets, data = string_bytes(column)
    has_text = offsets[1:] > offsets[:-1]
    ends = np.append(data[offsets[:-1][has_text]], data[offsets[1:][has_text] - 1])
    if not ((ends == _BLANK) | (ends == _BREAK)).any():
        return column
    return pc.utf8_trim(column, " \n")


def _placeholders() -> dict[int, NDArray[np.uint64]]:
    """Placeholders by their length, each as two words of small letters."""
    found: dict[int, list[list[np.uint64]]] = {}
    for name in sorted(PLACEHOLDERS):
        lower = name.lower()
        words = [word_of(lower[:_WORD_BYTES]), word_of(lower[_WORD_BYTES:])]
        found.setdefault(len(name), []).append(words)
    return {length: np.array(words, np.uint64) for length, words in found.items()}


_PLACEHOLDER_WORDS: Final = _placeholders()


def are_placeholders(
    words: Callable[[Offsets], NDArray[np.uint64]], starts: Offsets, stops: Offsets
) -> NDArray[np.bool_]:
    """Whether each range holds a placeholder and nothing else.

    `words` gives the eight bytes from each offset on. Bytes below a blank do not occur, so the bit
    that makes letters small makes no two other characters the same.
    """
    widths = stops - starts
    found = np.zeros(len(starts), np.bool_)
    for length, known in _PLACEHOLDER_WORDS.items():
        rows = np.flatnonzero(widths == length)
        if not len(rows):
            continue
        at = starts[rows]
        first, second = (
            _masked(words(at), length),
            _masked(words(at + _WORD_BYTES), length - _WORD_BYTES),
        )
        for one, other in known:
            found[rows[(first == one) & (second == other)]] = True
    return found


def reference_strings(column: pa.Array) -> pa.Array:
    """References without those that are only placeholders."""
    bounds, data = string_bytes(column)
    offsets = bounds.astype(np.int64)
    words = words_of(np.append(data, np.zeros(2 * _WORD_BYTES, np.uint8)))
    none = are_placeholders(words.take, offsets[:-1], offsets[1:])
    return pc.if_else(pa.array(none), "", column) if none.any() else column


def words_of(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight bytes from each place of `data` on as one number, the first one lowest."""
    count = max(len(data) - _WORD_BYTES + 1, 0)
    return np.ndarray((count,), np.dtype("<u8"), data.data, strides=(1,))


def _masked(words: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """The first `length` bytes of `words`, letters small."""
    kept = np.uint64((1 << 8 * min(max(length, 0), _WORD_BYTES)) - 1)
    found: NDArray[np.uint64] = (words | _LOWER) & kept
    return found
