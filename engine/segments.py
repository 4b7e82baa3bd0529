"""Exact integer arithmetic over segments: the few array idioms every stage shares.

A segment id says which payment, slot or item a row belongs to; ids are 0 … count-1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "expand_ranges",
    "first_of_runs",
    "insertion_points",
    "inverse",
    "is_among",
    "is_one_of",
    "mix64",
    "order_of",
    "pick",
    "segment_count",
    "segment_sum",
    "segment_sum_of_rows",
    "with_changes",
]

_MIX_A, _MIX_B, _MIX_C, _MIX_FIRST, _MIX_LAST = (
    # Arrays without dimensions: numpy takes them as they are, a scalar it makes one of each time.
    np.array(number, dtype=np.uint64)
    for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 27, 31)
)


def segment_sum(
    values: NDArray[np.int64], segments: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Sum of `values` per segment (shape: count); exact, in any order of rows."""
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, segments, values)
    return sums


def segment_sum_of_rows(
    values: NDArray[np.int64], segments: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Like `segment_sum`, given back to every row of the segment (shape of `values`)."""
    return segment_sum(values, segments, count)[segments]


def segment_count(segments: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Rows per segment (shape: count)."""
    return np.bincount(segments, minlength=count)


def first_of_runs(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a run of equal rows begins; the columns are sorted together."""
    leading, *others = columns
    first = np.empty(len(leading), dtype=np.bool_)
    first[:1] = True
    if len(first) > 1:
        differs = first[1:]
        np.not_equal(leading[1:], leading[:-1], out=differs)
        for column in others:
            differs |= column[1:] != column[:-1]
    return first


def expand_ranges(
    starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every position of every half-open range, beside the number of its range.

    `expand_ranges([3, 7], [5, 8])` → owners `[0, 0, 1]`, positions `[3, 4, 7]`.
    """
    lengths = np.maximum(ends - starts, 0)
    owners = np.arange(len(starts), dtype=np.int64).repeat(lengths)
    if not len(owners):
        return owners, owners
    shift = starts - lengths.cumsum() + lengths
    return owners, np.arange(len(owners), dtype=np.int64) + shift[owners]


def pick(values: NDArray[Any], rows: NDArray[np.int64], *, none: int = 0) -> NDArray[Any]:
    """`values[rows]`, and `none` where a row is below 0, however few values there are."""
    if not len(values):
        return np.full(len(rows), none, dtype=values.dtype)
    picked = values.take(rows, mode="clip")
    below = rows < 0
    if np.count_nonzero(below):
        picked[below] = none
    return picked


def is_among(values: NDArray[Any], known: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of `values` are among the sorted `known` (shape of `values`)."""
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(known.searchsorted(values), len(known) - 1)
    among: NDArray[np.bool_] = known[place] == values
    return among


def is_one_of(values: NDArray[np.int64], few: Sequence[int]) -> NDArray[np.bool_]:
    """Which of `values` are one of a `few` numbers, at least one (shape of `values`)."""
    first, *others = few
    found: NDArray[np.bool_] = values == first
    for number in others:
        found |= values == number
    return found


def order_of(keys: NDArray[np.int64] | NDArray[np.uint64]) -> NDArray[np.int64]:
    """The order in which non-negative `keys` ascend; equal ones stay as they stand.

    Keys small enough carry their place in their last bits: numbers are sorted twice as fast as
    places by numbers.
    """
    count = len(keys)
    shift = count.bit_length()
    if count and int(keys.max()).bit_length() + shift <= 63:  # bits of a place
        packed = (keys.astype(np.int64) << shift) | np.arange(count)
        packed.sort()
        packed &= (1 << shift) - 1
        return packed
    return keys.argsort(kind="stable")


def insertion_points(
    rows: tuple[NDArray[Any], NDArray[Any]], added: tuple[NDArray[Any], NDArray[Any]]
) -> NDArray[np.int64]:
    """Where each of a few `added` rows of two columns belongs among many sorted `rows`."""
    low = rows[0].searchsorted(added[0], side="left")
    high = rows[0].searchsorted(added[0], side="right")
    for place, (start, end) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if start < end:
            low[place] += rows[1][start:end].searchsorted(added[1][place], side="right")
    return low


def with_changes(known: NDArray[Any], gone: NDArray[Any], added: NDArray[Any]) -> NDArray[Any]:
    """The sorted numbers `known` after some went, which are among them, and some came; all sorted,
    none of them distinct.
    """
    if not len(gone) and not len(added):
        return known
    at = known.searchsorted(gone)
    if len(at):
        begin = np.maximum.accumulate(np.where(first_of_runs(gone), np.arange(len(at)), 0))
        at += np.arange(len(at)) - begin
    kept = np.delete(known, at)
    return np.insert(kept, kept.searchsorted(added), added)


def inverse(permutation: NDArray[np.int64]) -> NDArray[np.int64]:
    """The permutation that undoes `permutation`."""
    undone = np.empty_like(permutation)
    undone[permutation] = np.arange(len(permutation), dtype=permutation.dtype)
    return undone


def mix64(*columns: NDArray[np.uint64] | NDArray[np.int64]) -> NDArray[np.uint64]:
    """One 64-bit hash per row over the columns (splitmix64 finaliser, chained).

    A hash only narrows a search: whoever uses it compares the values behind it.
    """
    state: Any = _MIX_A
    for column in columns:
        # Arrays of whole numbers wrap around by themselves.
        state = state ^ column.astype(np.uint64, copy=False)
        state *= _MIX_B
        state += _MIX_A
        state ^= state >> _MIX_FIRST
        state *= _MIX_C
        state ^= state >> _MIX_LAST
    mixed: NDArray[np.uint64] = state
    return mixed
