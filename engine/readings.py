"""Readings: the ways a stretch of text can be read as a reference number.

One to three neighbouring digit runs ("INV-2026-015910" is 2026 then 15910), whole words
("F26/54615"), and the pieces of numbers glued together. A *chain* is the longest stretch of runs
that belong to one written number; its digits, read as one number, are what damaged references are
compared by. All of it over one chunk of texts (see `engine.tokens`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np

from engine.segments import mix64
from engine.tokens import FIRST, LOOSE, Runs, eight_bytes, number_words, run_values, scan_digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.tokens import TextChunk

__all__ = [
    "ENDING_LENGTHS",
    "Chains",
    "NumberShape",
    "Numbers",
    "Windows",
    "chains_of",
    "glued_windows",
    "number_windows",
    "power_of_ten",
    "read_numbers",
    "word_windows",
]

ENDING_LENGTHS: Final = (6, 5)
"""Trailing digits by which a clipped number may be recognised, with amount or payer agreeing."""

_GAP_MAX = 3
_TIGHT_GAP_MAX = 6
_YEAR_LENGTH_MAX = 4
_GLUED_LENGTH_MIN = 8
_PIECES_MAX = 8
_SHORT_DIGITS_MAX = 4
_EVERY_FIRST, _EVERY_LOOSE = (np.uint64(0x0101010101010101 * bit) for bit in (FIRST, LOOSE))


class NumberShape(msgspec.Struct, frozen=True, order=True):
    """How many digit runs a document number has, and how long the first and the last are."""

    runs: int
    first: int
    last: int


class Windows(msgspec.Struct, frozen=True):
    """Readings to look up: byte bounds and key."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    key: NDArray[np.uint64]

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.key)

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The given rows."""
        return type(self)(self.start[rows], self.end[rows], self.key[rows])

    @classmethod
    def concat(cls, parts: list[Windows]) -> Self:
        """All rows of `parts`."""
        return cls(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__struct_fields__
            )
        )


class Chains(msgspec.Struct, frozen=True):
    """Written numbers: byte bounds, all digits as one number (modulo 2^64)."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    digits: NDArray[np.uint64]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Chains:
        """The given rows."""
        return Chains(self.start[rows], self.end[rows], self.digits[rows])


class Numbers(msgspec.Struct, frozen=True):
    """Digit runs of a chunk with their values, and how each stands to the one before it.

    gap: bytes since the run before; follows: may continue its number; tight: nothing loose among
    the bytes between.
    """

    run: Runs
    value: NDArray[np.uint64]
    gap: NDArray[np.int64]
    follows: NDArray[np.bool_]
    tight: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.value)


def read_numbers(chunk: TextChunk) -> Numbers:
    """Digit runs of the texts of `chunk`."""
    run = scan_digits(chunk)
    return _numbers(run, run_values(chunk.content, run.start, run.end), chunk.classes)


def _numbers(run: Runs, value: NDArray[np.uint64], classes: NDArray[np.uint8]) -> Numbers:
    gap = np.zeros(len(run), dtype=np.int64)
    np.subtract(run.start[1:], run.end[:-1], out=gap[1:])
    follows, tight = (np.zeros(len(run), dtype=np.bool_) for _ in range(2))
    near = (gap[1:] <= _TIGHT_GAP_MAX).nonzero()[0] + 1
    start, size = run.start[near], gap[near]
    drop = ((8 - size) << 3).astype(np.uint64)
    drop[size == 0] = 63  # nothing stands between: one bit, which no class has, is left
    between = eight_bytes(classes)[start] >> drop
    same_text = ((between & _EVERY_FIRST) == 0) & ((classes[start] & FIRST) == 0)
    tight[near] = same_text & ((between & _EVERY_LOOSE) == 0)
    follows[near] = same_text & ((size <= _GAP_MAX) | tight[near])
    return Numbers(run, value, gap, follows, tight)


def number_windows(numbers: Numbers) -> Windows:
    """One, two and three neighbouring runs: joined to one number, and as a sequence of numbers."""
    run, value = numbers.run, numbers.value
    length = run.end - run.start
    second = numbers.follows.nonzero()[0]
    if not len(second):
        return Windows(run.start, run.end, value)
    third = second[numbers.follows[second - 1]]
    two_joined = _joined(value[second - 1], value[second], length[second])
    three_joined = _joined(
        _joined(value[third - 2], value[third - 1], length[third - 1]), value[third], length[third]
    )
    two = mix64(value[second - 1], value[second])
    three = mix64(mix64(value[third - 2], value[third - 1]), value[third])
    first = np.concatenate([second - 1, second - 1, third - 2, third - 2])
    last = np.concatenate([second, second, third, third])
    return Windows(
        np.concatenate([run.start, run.start[first]]),
        np.concatenate([run.end, run.end[last]]),
        np.concatenate([value, two_joined, two, three_joined, three]),
    )


def _joined(
    left: NDArray[np.uint64], right: NDArray[np.uint64], length: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """`right`, written with `length` digits, behind `left`."""
    return left * power_of_ten(length) + right


def power_of_ten(exponent: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Ten to each power, modulo 2^64 (0 from the 64th on)."""
    return _POWER[np.minimum(exponent, len(_POWER) - 1)]


_POWER: Final = np.array([10**exponent % 2**64 for exponent in range(65)], dtype=np.uint64)


def word_windows(chunk: TextChunk) -> Windows:
    """Words that are not read whole as a number: with letters, short, or with zeros in front."""
    word, value = number_words(chunk, _SHORT_DIGITS_MAX)
    return Windows(word.start, word.end, mix64(value))


def chains_of(numbers: Numbers) -> Chains:
    """Stretches of runs written as one number: nothing loose between them, or one blank after a
    short run such as a year.
    """
    run, count = numbers.run, len(numbers)
    if not np.count_nonzero(numbers.follows):
        return Chains(run.start, run.end, numbers.value)
    length = run.end - run.start
    goes_on = numbers.tight.copy()
    goes_on[1:] |= numbers.follows[1:] & (numbers.gap[1:] == 1) & (length[:-1] <= _YEAR_LENGTH_MAX)
    head = (~goes_on).nonzero()[0]
    tail = np.append(head[1:], count) - 1
    joined = numbers.value[head]
    live = (tail > head).nonzero()[0]
    place = head[live] + 1
    while len(live):
        joined[live] = _joined(joined[live], numbers.value[place], length[place])
        further = place < tail[live]
        live, place = live[further], place[further] + 1
    return Chains(run.start[head], run.end[tail], joined)


def glued_windows(chunk: TextChunk, shapes: tuple[NumberShape, ...]) -> Windows:
    """Readings of numbers written without anything between them, cut by each of the shapes the open
    items' numbers have; only readings that touch a cut number.
    """
    run = scan_digits(chunk)
    length = run.end - run.start
    found = [Windows(run.start[:0], run.end[:0], np.empty(0, dtype=np.uint64))]
    for step in sorted({_step(shape) for shape in shapes if _step(shape) > 0}):
        cut = _cuts(length, shapes, step)
        if np.count_nonzero(cut):
            found.append(_cut_windows(chunk, run, cut))
    return Windows.concat(found)


def _cut_windows(chunk: TextChunk, run: Runs, cut: NDArray[np.int64]) -> Windows:
    """Readings of the runs cut into pieces of `cut` digits, those left whole (0) among them."""
    glued = cut > 0
    pieces = np.where(glued, -(-(run.end - run.start) // np.maximum(cut, 1)), 1)
    owner = np.repeat(np.arange(len(run)), pieces)
    place = np.arange(len(owner)) - np.repeat(pieces.cumsum() - pieces, pieces)
    start = run.start[owner] + place * cut[owner]
    end = np.minimum(np.where(glued[owner], start + cut[owner], run.end[owner]), run.end[owner])
    parts = Runs(start, end)
    windows = number_windows(_numbers(parts, run_values(chunk.content, start, end), chunk.classes))
    inside = np.zeros(len(chunk.content) + 1, dtype=np.int64)
    inside[run.start[glued]] += 1
    inside[run.end[glued]] -= 1
    touched = np.concatenate([[0], (inside.cumsum()[:-1] > 0).cumsum()])
    return windows.at(touched[windows.end] > touched[windows.start])


def _step(shape: NumberShape) -> int:
    return shape.first if shape.runs == 1 else shape.last


def _cuts(
    length: NDArray[np.int64], shapes: tuple[NumberShape, ...], step: int
) -> NDArray[np.int64]:
    """Length of the pieces each run of digits is cut into by the shapes of `step`, 0 where it fits
    none of them.
    """
    fits = np.zeros(len(length), dtype=np.bool_)
    for shape in shapes:
        if _step(shape) != step:
            continue
        if shape.runs == 1:
            pieces = length // step
            # One piece is no cut.
            fits |= (length % step == 0) & (pieces >= 2) & (pieces <= _PIECES_MAX)
        else:
            fits |= length == step + shape.first
    return np.where(fits & (length >= _GLUED_LENGTH_MIN), step, 0)
