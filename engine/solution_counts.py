"""How many subsets of a few amounts add up to a target: exact counts, without spelling them out.

The cheapest method for each size: all sums at once for up to eight amounts, sums of two halves
sorted beside each other for up to twenty, halves grown by stable merges and cut off at the target
for up to forty (Horowitz & Sahni 1974, one target). For any number of amounts two big integers,
whose bits are the sums that can be made at all and in two ways, tell none, one and several apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.limits import CERTIFICATE_WORK_MAX, COUNTED_ITEMS_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["count_solutions", "ways_to_sum"]

_DENSE_ITEMS_MAX: Final = 8
_ROW_ITEMS_MAX: Final = 20
_NARROW_MAX: Final = 1 << 29
_ELEMENTS_AT_ONCE: Final = 1 << 17
"""Partial sums held at once (1 MiB of int64): more leave the cache and cost three times as much."""


def count_solutions(amounts: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Non-empty subsets of each row of `amounts` (problems × size) that sum to its target.

    Sizes up to 40; larger ones raise `ValueError`. Amounts may be of both signs.
    """
    problems, size = amounts.shape
    if size > COUNTED_ITEMS_MAX:
        message = f"{size} amounts in one count; at most {COUNTED_ITEMS_MAX} can be counted"
        raise ValueError(message)
    if size > _ROW_ITEMS_MAX:
        rows = zip(amounts, targets.tolist(), strict=True)
        counts = np.array([_count_merged(row, target) for row, target in rows], dtype=np.int64)
    else:
        method = _count_dense if size <= _DENSE_ITEMS_MAX else _count_rows
        width = 1 << (size if size <= _DENSE_ITEMS_MAX else size - size // 2 + 1)
        chunk = max(1, _ELEMENTS_AT_ONCE // width)
        counts = np.empty(problems, dtype=np.int64)
        for begin in range(0, problems, chunk):
            part = slice(begin, begin + chunk)
            counts[part] = method(*_narrow(amounts[part], targets[part]))
    counts -= targets == 0
    return counts


def _narrow(
    amounts: NDArray[np.int64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same numbers in 32 bits where every doubled sum fits: they sort twice as fast."""
    reach = np.abs(amounts).sum(axis=1).max(initial=0) + np.abs(targets).max(initial=0)
    if reach >= _NARROW_MAX:
        return amounts, targets
    return amounts.astype(np.int32), targets.astype(np.int32)


def _count_dense(amounts: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """All 2^size sums of each problem, problems side by side (2^size × problems)."""
    problems, size = amounts.shape
    sums = np.empty((1 << size, problems), dtype=amounts.dtype)
    sums[0] = 0
    for column in range(size):
        half = 1 << column
        np.add(sums[:half], amounts[:, column], out=sums[half : 2 * half])
    counts: NDArray[np.int64] = (sums == targets).sum(axis=0, dtype=np.int64)
    return counts


def _row_sums(amounts: NDArray[np.int64], out: NDArray[np.int64]) -> None:
    """All sums of each row of `amounts` into `out` (problems × 2^size)."""
    out[:, 0] = 0
    for column in range(amounts.shape[1]):
        half = 1 << column
        np.add(out[:, :half], amounts[:, column : column + 1], out=out[:, half : 2 * half])


def _count_rows(amounts: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of the left half (even) and what they lack from the right half (odd), sorted together.

    A sum directly before what is wanted is a solution. Where one half makes a sum twice that
    counts too little: those rows are counted run by run.
    """
    problems, size = amounts.shape
    left = size // 2
    width = (1 << left) + (1 << (size - left))
    both = np.empty((problems, width), dtype=amounts.dtype)
    _row_sums(amounts[:, :left], both[:, : 1 << left])
    wanted = both[:, 1 << left :]
    _row_sums(amounts[:, left:], wanted)
    np.subtract(targets[:, None], wanted, out=wanted)
    both *= 2
    wanted += 1
    both.sort(axis=1)
    before, after = both[:, :-1], both[:, 1:]
    counts: NDArray[np.int64] = np.count_nonzero((before ^ 1) == after, axis=1)
    again = (before == after).any(axis=1).nonzero()[0]
    if len(again):
        counts[again] = _count_runs(both[again])
    return counts


def _count_runs(both: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per sorted row of sums (even) and wants (odd): pairs of equal ones, repeats multiplied."""
    problems, width = both.shape
    value = (both >> 1).ravel()
    fresh = np.ones(problems * width, dtype=np.bool_)
    fresh[1:] = value[1:] != value[:-1]
    fresh[::width] = True
    start = fresh.nonzero()[0]
    odd = (both & 1).ravel()
    wants = np.add.reduceat(odd, start)
    sums = np.diff(np.append(start, len(value))) - wants
    counts = np.zeros(problems, dtype=np.int64)
    np.add.at(counts, start // width, wants * sums)
    return counts


def _all_positive(amounts: NDArray[np.int64], target: int) -> tuple[NDArray[np.int64], int]:
    """The same problem without negative amounts: leaving out a credit instead of taking it."""
    return np.abs(amounts), target - int(np.minimum(amounts, 0).sum())


def _count_merged(amounts: NDArray[np.int64], target: int) -> int:
    """One problem: two sorted lists of sums, grown by merging, nothing kept beyond the target."""
    value, target = _all_positive(amounts, target)
    if target < 0:
        return 0
    zeros = int((value == 0).sum())
    value = np.sort(value[(value <= target) & (value > 0)])[::-1]
    if target < _NARROW_MAX:
        value = value.astype(np.int32)
    halves = [_sorted_sums(value[side::2], target) for side in (0, 1)]
    both = np.concatenate([halves[0] * 2, (target - halves[1][::-1]) * 2 + 1])
    both.sort(kind="stable")
    meets = both[:-1][(both[:-1] ^ 1) == both[1:]]
    sums = both.searchsorted(meets, side="right") - both.searchsorted(meets)
    wants = both.searchsorted(meets + 1, side="right") - both.searchsorted(meets + 1)
    return int((sums * wants).sum()) << zeros


def _sorted_sums(value: NDArray[np.int64], target: int) -> NDArray[np.int64]:
    """All sums of `value` (positive, largest first) up to `target`, sorted.

    Each step sorts two sorted runs, which a stable sort merges.
    """
    sums = np.zeros(1, dtype=value.dtype)
    for amount in value.tolist():
        reach = int(sums.searchsorted(target - amount, side="right"))
        sums = np.concatenate([sums, sums[:reach] + amount])
        sums.sort(kind="stable")
    return sums


def ways_to_sum(
    amounts: Sequence[int], target: int, *, work_max: int = CERTIFICATE_WORK_MAX
) -> int | None:
    """0, 1 or 2 (two or more): how many non-empty subsets of `amounts` sum to `target`.

    Two big integers have a bit per reachable sum: made at all, made in more than one way. None
    where that is more work than `work_max` allows. Any number of amounts of both signs;
    a target of zero, which the empty set makes too, raises `ValueError`.
    """
    if target == 0:
        message = "a target of zero is made by the empty set: it has no certificate"
        raise ValueError(message)
    goal = target - sum(min(amount, 0) for amount in amounts)
    if goal < 0:
        return 0
    value = [abs(amount) for amount in amounts if 0 < abs(amount) <= goal]
    zeros = sum(amount == 0 for amount in amounts)
    unit = math.gcd(*value) if value else 1
    if goal % unit:
        return 0
    goal //= unit
    if len(value) * (goal + 1) > work_max:
        return None
    mask = (1 << (goal + 1)) - 1
    once, twice = 1, 0
    for amount in sorted(value):
        step = amount // unit
        moved = (once << step) & mask
        twice |= ((twice << step) & mask) | (once & moved)
        once |= moved
    ways = 2 if twice >> goal & 1 else once >> goal & 1
    return min(ways << zeros, 2)
