"""Contests: candidates tied together by items that not all of them can have.

A contest is solved twice: greedily, the earlier payment first, and exactly, by trying every choice.
The exact solution decides nothing. It guards: where some other choice explains clearly more than
the greedy one, that one was a guess, and all of the contest goes to a clerk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.limits import CONTEST_CHOICES_MAX, CONTEST_EXACT_MAX
from engine.segments import expand_ranges, first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["is_best", "number_contests"]

_UNIT: Final = 1_000
"""Scores count thousandths of a natural logarithm of odds, so that sums are exact."""

_CLEARLY: Final = 694
"""Twice the odds: 1,000 ln 2, rounded up. A choice that is better by no more is no better."""

_SURE_WRONG: Final = 1e-12


def number_contests(
    candidate: NDArray[np.int64], item: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Contest of each of `count` candidates: its least member, over rows of (candidate, item wanted
    by too many). A candidate without rows is a contest of its own.
    """
    label = np.arange(count, dtype=np.int64)
    if not len(candidate):
        return label
    order = np.argsort(item, kind="stable")
    start = np.flatnonzero(first_of_runs(item[order]))
    run = np.repeat(np.arange(len(start)), np.diff(np.append(start, len(order))))
    member = candidate[order]
    while True:
        least = np.minimum.reduceat(label[member], start)[run]
        before = label.copy()
        np.minimum.at(label, member, least)
        # The old label's own label moves along, so that chains shorten by half each time.
        np.minimum.at(label, before[member], least)
        label = label[label]
        if np.array_equal(before, label):
            return label


def is_best(
    wrong: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    candidate: NDArray[np.int64],
    item: NDArray[np.int64],
    amount: NDArray[np.int64],
    left: NDArray[np.int64],
    contest: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Per candidate: of all choices its contest allows, none explains clearly more than `chosen`.

    wrong: doubt about each candidate; rows (candidate, item, amount) are the claims on items in
    dispute, `left` what there is of each item; contest: number per candidate, -1 where nobody asks.
    Where only one can have the item all of them want, that is told at once; other contests of more
    than `CONTEST_EXACT_MAX` candidates are not tried: false.
    """
    best = np.ones(len(wrong), dtype=np.bool_)
    member = np.flatnonzero(contest >= 0)
    if not len(member):
        return best
    order = member[np.argsort(contest[member], kind="stable")]
    head = first_of_runs(contest[order])
    number = np.cumsum(head) - 1
    size = np.bincount(number)
    place = np.arange(len(order)) - np.flatnonzero(head)[number]
    score = np.rint(-np.log(np.maximum(wrong[order], _SURE_WRONG)) * _UNIT).astype(np.int64)
    contest_of = np.full(len(wrong), -1, dtype=np.int64)
    contest_of[order] = number
    place_of = np.zeros(len(wrong), dtype=np.int64)
    place_of[order] = place
    rows = np.flatnonzero(contest_of[candidate] >= 0)
    rows = rows[np.lexsort((item[rows], contest_of[candidate[rows]]))]
    bounds = np.searchsorted(contest_of[candidate[rows]], np.arange(len(size) + 1))
    start = np.flatnonzero(head)
    won = np.add.reduceat(np.where(chosen[order], score, 0), start)
    single = _only_one_fits(contest_of[candidate[rows]], item[rows], amount[rows], left, size)
    passes = single & (np.maximum.reduceat(score, start) <= won + _CLEARLY)
    for width in range(2, CONTEST_EXACT_MAX + 1):
        alike = np.flatnonzero((size == width) & ~single)
        step = max(1, CONTEST_CHOICES_MAX >> width)
        for first in range(0, len(alike), step):
            part = alike[first : first + step]
            owner, at = expand_ranges(bounds[part], bounds[part + 1])
            table = score[start[part][:, None] + np.arange(width)]
            row = rows[at]
            possible = _possible(
                len(part), width, owner, place_of[candidate[row]], item[row], amount[row], left
            )
            most = np.where(possible, _sums(table), -1).max(axis=1)
            passes[part] = most <= won[part] + _CLEARLY
    best[order] = passes[number]
    return best


def _only_one_fits(
    contest: NDArray[np.int64],
    item: NDArray[np.int64],
    amount: NDArray[np.int64],
    left: NDArray[np.int64],
    size: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Contests in which all want one and the same item, and no two of them can have it.

    Rows are sorted by contest and item; `size` is the number of candidates of each contest.
    """
    single: NDArray[np.bool_] = size == 1
    if not len(contest):
        return single
    order = np.lexsort((np.abs(amount), item, contest))
    head = np.flatnonzero(first_of_runs(contest, item))
    claims = np.diff(np.append(head, len(contest)))
    least = np.abs(amount)[order]
    two = least[head] + np.append(least, 0)[head + 1]
    of = contest[head]
    single[of[(claims > 1) & (claims == size[of]) & (two > np.abs(left[item[head]]))]] = True
    return single


def _possible(
    contests: int,
    width: int,
    owner: NDArray[np.int64],
    place: NDArray[np.int64],
    item: NDArray[np.int64],
    amount: NDArray[np.int64],
    left: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Which of the 2^width choices of each contest leave enough of every item.

    Rows are sorted by contest (`owner`) and item; `place` is the candidate within its contest.
    """
    possible = np.ones((contests, 1 << width), dtype=np.bool_)
    if not len(owner):
        return possible
    head = first_of_runs(owner, item)
    line = np.cumsum(head) - 1
    amounts = np.zeros((int(line[-1]) + 1, width), dtype=np.int64)
    np.add.at(amounts, (line, place), amount)
    there, owner = left[item[head]][:, None], owner[head]
    step = max(1, CONTEST_CHOICES_MAX >> width)
    for first in range(0, len(amounts), step):
        part = slice(first, first + step)
        wanted = _sums(amounts[part])
        enough = np.abs(wanted) <= np.abs(there[part])
        enough &= wanted * np.sign(there[part]) >= 0
        begins = np.flatnonzero(first_of_runs(owner[part]))
        possible[owner[part][begins]] &= np.logical_and.reduceat(enough, begins, axis=0)
    return possible


def _sums(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of every choice of each row's values (shape: rows × 2^columns), bit k for column k."""
    sums = np.zeros((len(values), 1), dtype=np.int64)
    for column in range(values.shape[1]):
        sums = np.concatenate([sums, sums + values[:, column : column + 1]], axis=1)
    return sums
