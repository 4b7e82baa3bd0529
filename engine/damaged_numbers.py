"""How far apart two numbers are as they are written: keying errors, clipped ends.

Distances are those of optimal string alignment: digits changed, left out, put in, or swapped with a
neighbour. Measuring one takes a string of each number; so pairs that cannot be near are sorted out
before, by how often each digit occurs in either: an error changes few of those counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from rapidfuzz import process
from rapidfuzz.distance import OSA

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAR", "begins_with", "clipped", "digit_counts", "distances"]

FAR: Final = 99
"""Distance of what is not near."""

_ENDING_DIGITS_MIN, _BEGINNING_DIGITS_MIN = 3, 5
_DIGITS_MAX = 20
_LANE: Final = np.uint64(6)
_GUARDS: Final = np.uint64(sum(32 << (6 * digit) for digit in range(10)))
_LANES: Final = np.uint64(63)


def digit_counts(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How often each digit occurs in each number: ten counts of six bits."""
    counts = np.zeros(len(numbers), dtype=np.uint64)
    left = numbers.copy()
    live = left.nonzero()[0]
    ten, one = np.uint64(10), np.uint64(1)
    while len(live):
        value = left[live]
        rest = value // ten
        counts[live] += one << ((value - rest * ten) * _LANE)
        left[live] = rest
        live = live[rest > 0]
    return counts


def distances(one: NDArray[np.uint64], two: NDArray[np.uint64], at_most: int) -> NDArray[np.int64]:
    """Distance of each pair of numbers as digit strings; `FAR` where it is more than `at_most`."""
    counts_one, counts_two = digit_counts(one), digit_counts(two)
    more, fewer = _surplus(counts_one, counts_two), _surplus(counts_two, counts_one)
    # An error changes one digit into another, adds one, drops one, or moves two.
    near = (np.maximum(more, fewer) <= at_most).nonzero()[0]
    left = pa.array(one[near]).cast(pa.string()).to_pylist()
    right = pa.array(two[near]).cast(pa.string()).to_pylist()
    measured = process.cpdist(
        left, right, scorer=OSA.distance, dtype=np.int32, score_cutoff=at_most
    )
    found = np.full(len(one), FAR, dtype=np.int64)
    found[near] = np.where(measured <= at_most, measured, FAR)
    return found


def _surplus(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How many digits `one` has beyond those of `two`, over all ten digits."""
    lanes = (one | _GUARDS) - two
    positive = lanes & _GUARDS
    kept = lanes & (positive - (positive >> np.uint64(5)))
    return kept % _LANES  # the sum of its lanes: 64 is 1 modulo 63


def clipped(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether `one` is the end or the beginning of the longer `two`."""
    size, whole = _digits(one), _digits(two)
    scale = np.power(np.uint64(10), np.clip(size, 0, 18).astype(np.uint64))
    ends = (two % scale == one) & (size >= _ENDING_DIGITS_MIN) & (whole > size)
    begins = begins_with(one, two) & (size >= _BEGINNING_DIGITS_MIN)
    found: NDArray[np.bool_] = ends | begins
    return found


def begins_with(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether `one` is the beginning of the longer `two`."""
    missing = np.clip(_digits(two) - _digits(one), 0, 18)
    cut = two // np.power(np.uint64(10), missing.astype(np.uint64))
    found: NDArray[np.bool_] = (missing > 0) & (cut == one)
    return found


_POWERS: Final = np.array([10**exponent for exponent in range(_DIGITS_MAX)], dtype=np.uint64)


def _digits(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Digits of each number; 0 has one."""
    return np.maximum(_POWERS.searchsorted(numbers, side="right"), 1)
