"""Subset sums, exactly: which sets of a few signed amounts add up to a target.

The kernel of the subset-sum strategy and of mixed discounts. Problems of the same size are solved
together: all sums of two halves, joined by sorting. Every solution is found (up to a bound that is
reported), so a count of one is a proof. Source: Horowitz & Sahni 1974, single target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.limits import SUBSET_COMBINATIONS_MAX
from engine.segments import expand_ranges, mix64, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SOLUTIONS_MAX", "Solutions", "subset_solutions"]

SOLUTIONS_MAX: Final = 256
"""Solutions kept per problem; a problem with more is ambiguous whatever the rest. Three of twelve
equal rents are 220 solutions, all of the same amounts."""


class Solutions(msgspec.Struct, frozen=True):
    """Every solution: its problem and the set as a bit mask over the problem's amounts.

    `overflow` marks problems (shape: problems) with more than `SOLUTIONS_MAX` solutions, of which
    only some are given.
    """

    problem: NDArray[np.int64]
    mask: NDArray[np.int64]
    overflow: NDArray[np.bool_]


def subset_solutions(amounts: NDArray[np.int64], targets: NDArray[np.int64]) -> Solutions:
    """Non-empty subsets of each row of `amounts` (problems × size) that sum to its target.

    Sizes up to 24. Zero amounts would make every solution ambiguous: leave them out or pad with
    them only where the caller drops masks that use a pad.
    """
    problems, size = amounts.shape
    overflow = np.zeros(problems, dtype=np.bool_)
    left_size = size // 2
    chunk = max(1, SUBSET_COMBINATIONS_MAX >> (size - left_size))
    found_problem, found_mask = [], []
    for begin in range(0, problems, chunk):
        part = amounts[begin : begin + chunk]
        problem, mask, many = _solve(part, targets[begin : begin + chunk], left_size)
        overflow[begin + many.nonzero()[0]] = True
        found_problem.append(problem + begin)
        found_mask.append(mask)
    empty = np.empty(0, dtype=np.int64)
    problem = np.concatenate(found_problem) if found_problem else empty
    mask = np.concatenate(found_mask) if found_mask else empty
    order = np.lexsort((mask, problem))
    return Solutions(problem[order], mask[order], overflow)


def _all_sums(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums of all subsets per row (problems × 2^size); column = mask."""
    sums = np.zeros((len(amounts), 1), dtype=np.int64)
    for column in range(amounts.shape[1]):
        sums = np.concatenate([sums, sums + amounts[:, column : column + 1]], axis=1)
    return sums


def _solve(
    amounts: NDArray[np.int64], targets: NDArray[np.int64], left_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    problems = len(amounts)
    left = _all_sums(amounts[:, :left_size])
    wanted = targets[:, None] - _all_sums(amounts[:, left_size:])
    row = np.arange(problems, dtype=np.int64)[:, None]
    left_key = mix64(np.broadcast_to(row, left.shape).ravel(), left.ravel())
    order = np.argsort(left_key, kind="stable")
    left_key = left_key[order]
    wanted_key = mix64(np.broadcast_to(row, wanted.shape).ravel(), wanted.ravel())
    low = left_key.searchsorted(wanted_key, side="left")
    high = left_key.searchsorted(wanted_key, side="right")
    hit = (high > low).nonzero()[0]
    problem_of_hit = hit // wanted.shape[1]
    found = (high - low)[hit]
    counts = segment_sum(found, problem_of_hit, problems)
    many = counts > SOLUTIONS_MAX
    # Of too many solutions the first ones are kept, as examples.
    before = found.cumsum() - found
    before -= before[problem_of_hit.searchsorted(problem_of_hit, side="left")]
    hit = hit[before < SOLUTIONS_MAX]
    owner, position = expand_ranges(low[hit], high[hit])
    right = hit[owner]
    left_at = order[position]
    same = (left_at // left.shape[1] == right // wanted.shape[1]) & (
        left.ravel()[left_at] == wanted.ravel()[right]
    )
    left_at, right = left_at[same], right[same]
    mask = left_at % left.shape[1] + ((right % wanted.shape[1]) << left_size)
    some = mask > 0
    return (right // wanted.shape[1])[some], mask[some], many
