"""How many sets of a ledger's items have an amount by accident: the expected number, λ.

A search finds what was paid, and with it every set that happens to have the same sum. How many of
those to expect follows from how densely sums lie around the amount: counted in coarse bins, set by
set size, then spread evenly over the minor units of a few bins; where sets are few, over all bins
up to there. Round amounts meet more often: only multiples of their common divisor can be hit, so
each is hit that much more often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["expected_accidents"]

_BINS: Final = 512
_AROUND: Final = 6
"""Bins to each side of the amount's own that are counted: wide enough to be many sums, narrow
enough to be like the amount's neighbourhood."""
_BEYOND: Final = 1.1
_PROBLEMS_AT_ONCE: Final = 256
_STEPS: Final = (100, 1_000)
"""Round is a whole unit, or ten of them, of a currency with two decimals."""


def expected_accidents(
    values: NDArray[np.int64],
    targets: NDArray[np.int64],
    items_max: int | None,
    known: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """λ per problem: sets of each size up to `items_max` (columns), or of any size (one column).

    values: problems × items, 0 for none; known: sets of that size found already, which are no
    accident (same shape as the result). The greatest estimate counts: of all items, or, where the
    target is round, of the round ones alone.
    """
    found = []
    for begin in range(0, len(values), _PROBLEMS_AT_ONCE):
        part = slice(begin, begin + _PROBLEMS_AT_ONCE)
        less = None if known is None else known[part]
        rows, wanted = values[part], targets[part]
        expected = _spread(rows, wanted, items_max, less)
        for step in _STEPS:
            alike = wanted % step == 0
            for at, round_rows in (
                (alike.nonzero()[0], np.where(rows % step == 0, rows, 0)),
                ((~alike).nonzero()[0], rows[:, :0]),  # no value is taken: no need to look at any
            ):
                beside = None if less is None else less[at]
                others = _spread(round_rows[at], wanted[at], items_max, beside)
                expected[at] = np.maximum(expected[at], others)
        found.append(expected)
    width = 1 if items_max is None else items_max
    return np.concatenate(found) if found else np.empty((0, width), dtype=np.float64)


def _spread(
    values: NDArray[np.int64],
    targets: NDArray[np.int64],
    items_max: int | None,
    known: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Sets near the target over the places near it that a sum can take."""
    low = np.minimum(values, 0).sum(axis=1)
    reach = targets * _BEYOND - low
    width = np.maximum(reach / _BINS, 1.0)
    counts = _binned(values, low, width, items_max)
    unit = np.gcd(np.gcd.reduce(values, axis=1), targets)
    middle = ((targets - low) / width).astype(np.int64)
    first = np.maximum(middle - _AROUND, 0)
    last = np.minimum(middle + _AROUND + 1, _BINS)
    before = np.concatenate([np.zeros((*counts.shape[:2], 1)), np.cumsum(counts, axis=2)], axis=2)
    rows = np.arange(len(values))
    near = before[rows, :, last] - before[rows, :, first]
    everywhere = before[:, :, -1]
    if known is not None:
        near = np.maximum(near - known, 0.0)
        everywhere = np.maximum(everywhere - known, 0.0)
    # Of a handful of sets none may lie near, though any of them might: no fewer than on average.
    near = np.maximum(near, everywhere * ((last - first) / _BINS)[:, None])
    places = np.maximum((last - first) * width / unit, 1.0)
    expected: NDArray[np.float64] = near / places[:, None]
    return expected


def _binned(
    values: NDArray[np.int64],
    low: NDArray[np.int64],
    width: NDArray[np.float64],
    items_max: int | None,
) -> NDArray[np.float64]:
    """Numbers of sets per problem, size and bin; with no `items_max` sizes are not told apart.

    Bins stand between as many empty ones on both sides, so that what a value moves is a window of
    them, wherever it begins.
    """
    problems, size = values.shape
    planes = 1 if items_max is None else items_max + 1
    room = np.zeros((planes, problems, 3 * _BINS), dtype=np.float64)
    counts = room[:, :, _BINS : 2 * _BINS]
    windows = np.lib.stride_tricks.sliding_window_view(room, _BINS, axis=2)
    rows = np.arange(problems)
    counts[0, rows, np.minimum((-low / width).astype(np.int64), _BINS - 1)] = 1.0
    step = np.rint(values / width[:, None])
    begin = _BINS - np.clip(np.where(values == 0, _BINS, step), -_BINS, _BINS).astype(np.int64)
    for column in range(size):
        if items_max is None:
            counts[0] += windows[0, rows, begin[:, column]]
        for plane in range(planes - 1, 0, -1):
            counts[plane] += windows[plane - 1, rows, begin[:, column]]
    return (counts if items_max is None else counts[1:]).transpose(1, 0, 2)
