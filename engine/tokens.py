"""Text to atoms: maximal runs of digits or letters, found by array scans over the UTF-8 bytes.

Everything that reads references (document numbers of open items, remittance lines, free text) goes
through here, so that both sides of a comparison are read alike. No string object is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "Atoms",
    "Words",
    "confusable_digits",
    "run_values",
    "scan_atoms",
    "scan_words",
    "text_bytes",
]

_OTHER, _DIGIT, _LETTER = 0, 1, 2

_CLASS: Final = np.zeros(256, dtype=np.uint8)
_CLASS[ord("0") : ord("9") + 1] = _DIGIT
_CLASS[ord("A") : ord("Z") + 1] = _LETTER
_CLASS[128:] = _LETTER  # every byte of a non-ASCII character belongs to a word

_UPPER: Final = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32

_LOOKALIKE: Final = np.zeros(256, dtype=np.uint8)
for _letter, _digit in zip("OQILSB", "001158", strict=True):
    _LOOKALIKE[ord(_letter)] = ord(_digit)

_DIGITS_MAX = 19
_LETTERS_MAX = 24


class Atoms(msgspec.Struct, frozen=True):
    """Digit and letter runs of many texts, in reading order (one array entry per run).

    row: the text it stands in; start, end: bytes in the joined buffer; is_digit; value: the number
    (digits, leading zeros gone, modulo 2^64) or a hash (letters); length: bytes.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    is_digit: NDArray[np.bool_]
    value: NDArray[np.uint64]


class Words(msgspec.Struct, frozen=True):
    """Alphanumeric words: what stands between blanks and list separators, punctuation dropped."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    value: NDArray[np.uint64]
    digit_count: NDArray[np.int64]


def text_bytes(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Upper-cased UTF-8 bytes of all texts joined, and the offset of each (shape: rows + 1)."""
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ].astype(np.int64)
    data = texts.buffers()[2]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    return _UPPER[raw[offsets[0] : offsets[-1]]], offsets - offsets[0]


def confusable_digits(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`content` with O, Q, I, L, S, B read as 0, 0, 1, 1, 5, 8 where they touch a digit.

    Two passes, so that two such letters in a row ("2OO6") are read as well.
    """
    changed = content.copy()
    for _ in range(2):
        digit = _CLASS[changed] == _DIGIT
        touches = np.zeros(len(changed), dtype=np.bool_)
        touches[1:] |= digit[:-1]
        touches[:-1] |= digit[1:]
        swap = touches & (_LOOKALIKE[changed] > 0)
        changed[swap] = _LOOKALIKE[changed[swap]]
    return changed


def scan_atoms(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Atoms:
    """Digit and letter runs of the texts in `content` (see `text_bytes`)."""
    kinds = _CLASS[content]
    start, end = _runs(kinds, offsets)
    kind = kinds[start] if len(start) else kinds[:0]
    is_digit = kind == _DIGIT
    value = np.zeros(len(start), dtype=np.uint64)
    value[is_digit] = run_values(content, start[is_digit], end[is_digit])
    value[~is_digit] = _polynomial(
        content, start[~is_digit], end[~is_digit], base=257, shift=0, length_max=_LETTERS_MAX
    )
    row = np.searchsorted(offsets, start, side="right") - 1
    return Atoms(row, start, end, is_digit, value)


def run_values(
    content: NDArray[np.uint8], start: NDArray[np.int64], end: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The number each run of digits writes (modulo 2^64 beyond 19 digits)."""
    return _polynomial(content, start, end, base=10, shift=48, length_max=_DIGITS_MAX)


def scan_words(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Words:
    """Words of letters and digits, ignoring `-/._` inside them ("INV-2026/7" is INV20267)."""
    inside = _CLASS[content] != _OTHER
    glue = np.isin(content, np.frombuffer(b"-/._#:", dtype=np.uint8))
    kinds = np.where(inside | glue, 1, 0).astype(np.uint8)
    start, end = _runs(kinds, offsets)
    packed = np.cumsum(inside)
    position = np.concatenate([[0], packed])
    kept = content[inside]
    packed_start, packed_end = position[start], position[end]
    some = packed_end > packed_start
    start, end = start[some], end[some]
    packed_start, packed_end = packed_start[some], packed_end[some]
    value = _polynomial(kept, packed_start, packed_end, base=257, shift=0, length_max=40)
    digits = np.concatenate([[0], np.cumsum(_CLASS[kept] == _DIGIT)])
    row = np.searchsorted(offsets, start, side="right") - 1
    return Words(row, start, end, value, digits[packed_end] - digits[packed_start])


def _runs(
    kinds: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end of each maximal run of one non-zero kind; runs never cross a text's end."""
    if not len(kinds):
        empty = np.empty(0, dtype=np.int64)
        return empty, empty
    boundary = np.zeros(len(kinds) + 1, dtype=np.bool_)
    boundary[1:-1] = kinds[1:] != kinds[:-1]
    boundary[offsets[offsets <= len(kinds)]] = True
    boundary[0] = boundary[-1] = True
    edges = np.flatnonzero(boundary)
    start, end = edges[:-1], edges[1:]
    some = kinds[start] != 0
    return start[some], end[some]


def _polynomial(
    content: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    *,
    base: int,
    shift: int,
    length_max: int,
) -> NDArray[np.uint64]:
    """Horner's rule over each run's bytes modulo 2^64; bytes beyond `length_max` are left out."""
    value = np.zeros(len(start), dtype=np.uint64)
    if not len(start):
        return value
    length = end - start
    with np.errstate(over="ignore"):
        for position in range(int(min(length.max(), length_max))):
            live = np.flatnonzero(length > position)
            byte = content[start[live] + position].astype(np.uint64) - np.uint64(shift)
            value[live] = value[live] * np.uint64(base) + byte
    return value
