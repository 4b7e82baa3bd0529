"""Contests: candidates tied together by items that not all of them can have.

A contest is solved twice: greedily, the earlier payment first, and exactly, by trying every choice.
The exact solution decides nothing. It guards: where some other choice explains clearly more than
the greedy one, that one was a guess, and all of the contest goes to a clerk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.limits import CONTEST_CHOICES_MAX, CONTEST_EXACT_MAX
from engine.segments import expand_ranges, first_of_runs, order_of

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
    order = order_of(item)
    start = first_of_runs(item[order]).nonzero()[0]
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
    member = (contest >= 0).nonzero()[0]
    if not len(member):
        return best
    order = member[order_of(contest[member])]
    head = first_of_runs(contest[order])
    number = head.cumsum() - 1
    size = np.bincount(number)
    place = np.arange(len(order)) - head.nonzero()[0][number]
    score = np.rint(-np.log(np.maximum(wrong[order], _SURE_WRONG)) * _UNIT).astype(np.int64)
    contest_of = np.full(len(wrong), -1, dtype=np.int64)
    contest_of[order] = number
    place_of = np.zeros(len(wrong), dtype=np.int64)
    place_of[order] = place
    rows = (contest_of[candidate] >= 0).nonzero()[0]
    # By contest, then item: an item is in dispute in one contest only.
    rows = rows[order_of(contest_of[candidate[rows]] * (int(item.max(initial=0)) + 1) + item[rows])]
    bounds = contest_of[candidate[rows]].searchsorted(np.arange(len(size) + 1))
    start = head.nonzero()[0]
    won = np.add.reduceat(np.where(chosen[order], score, 0), start)
    claims = _Claims(
        contest_of[candidate[rows]], place_of[candidate[rows]], item[rows], amount[rows], left
    )
    only, rivals = _one_at_a_time(claims, len(size))
    single = (size == 1) | (only & claims.of_one_item(size))
    passes = single & (np.maximum.reduceat(score, start) <= won + _CLEARLY)
    for width in range(2, CONTEST_EXACT_MAX + 1):
        for alike, weighed in ((only, True), (~only, False)):
            these = (alike & (size == width) & ~single).nonzero()[0]
            step = max(1, CONTEST_CHOICES_MAX >> width)
            for first in range(0, len(these), step):
                part = these[first : first + step]
                sums = _sums(score[start[part][:, None] + np.arange(width)])
                possible = (
                    _without_rivals(rivals[part, :width])
                    if weighed
                    else _possible(claims.of(bounds, part), len(part), width)
                )
                most = np.where(possible, sums, -1).max(axis=1)
                passes[part] = most <= won[part] + _CLEARLY
    best[order] = passes[number]
    return best


class _Claims(msgspec.Struct, frozen=True):
    """Claims of the candidates of contests on items in dispute, sorted by contest and item; `place`
    is the candidate within its contest, `left` what there is of each item.
    """

    contest: NDArray[np.int64]
    place: NDArray[np.int64]
    item: NDArray[np.int64]
    amount: NDArray[np.int64]
    left: NDArray[np.int64]

    def of(self, bounds: NDArray[np.int64], contests: NDArray[np.int64]) -> _Claims:
        """The claims of some contests, those numbered anew; `bounds` are those of each."""
        owner, at = expand_ranges(bounds[contests], bounds[contests + 1])
        return _Claims(owner, self.place[at], self.item[at], self.amount[at], self.left)

    def of_one_item(self, size: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Contests all of whose `size` candidates want one and the same item."""
        head = first_of_runs(self.contest, self.item)[: len(self.item)].nonzero()[0]
        claims = np.diff(np.append(head, len(self.item)))
        found = np.zeros(len(size), dtype=np.bool_)
        found[self.contest[head[claims == size[self.contest[head]]]]] = True
        return found


def _one_at_a_time(claims: _Claims, count: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Contests in which no item has enough for two; per contest and place the rivals it has there,
    one bit each (contests × `CONTEST_EXACT_MAX`; of larger ones not all).

    All claims on an item are of one sign: two are more than there is if the least two are.
    """
    only = np.ones(count, dtype=np.bool_)
    rivals = np.zeros((count, CONTEST_EXACT_MAX), dtype=np.int64)
    if not len(claims.item):
        return only, rivals
    head = first_of_runs(claims.contest, claims.item)
    line, start = head.cumsum() - 1, head.nonzero()[0]
    size, count_of = np.abs(claims.amount), np.diff(np.append(start, len(line)))
    both = np.add.reduceat(size, start)
    many = (count_of > 2)[line].nonzero()[0]
    if len(many):
        by_size = many[np.lexsort((size[many], line[many]))]
        least = first_of_runs(line[many]).nonzero()[0]
        both[line[many[least]]] = size[by_size[least]] + size[by_size[least + 1]]
    enough = (count_of > 1) & (both <= np.abs(claims.left[claims.item[start]]))
    only[claims.contest[start[enough]]] = False
    bit = np.int64(1) << np.minimum(claims.place, CONTEST_EXACT_MAX)
    beside = np.bitwise_or.reduceat(bit, start)[line] & ~bit
    inside = (claims.place < CONTEST_EXACT_MAX).nonzero()[0]
    np.bitwise_or.at(rivals, (claims.contest[inside], claims.place[inside]), beside[inside])
    return only, rivals


def _without_rivals(rivals: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the choices of each contest have no two rivals among them (contests × 2^width)."""
    contests, width = rivals.shape
    possible = np.ones((contests, 1 << width), dtype=np.bool_)
    choice = np.arange(1 << width, dtype=np.int32)
    rivals = rivals.astype(np.int32)
    for column in range(width):
        half = 1 << column
        free = (choice[:half] & rivals[:, column : column + 1]) == 0
        np.logical_and(possible[:, :half], free, out=possible[:, half : 2 * half])
    return possible


def _possible(claims: _Claims, contests: int, width: int) -> NDArray[np.bool_]:
    """Which of the 2^width choices of each contest leave enough of every item."""
    possible = np.ones((contests, 1 << width), dtype=np.bool_)
    owner, item, left = claims.contest, claims.item, claims.left
    if not len(owner):
        return possible
    head = first_of_runs(owner, item)
    line = head.cumsum() - 1
    amounts = np.zeros((int(line[-1]) + 1, width), dtype=np.int64)
    np.add.at(amounts, (line, claims.place), claims.amount)
    there, owner = left[item[head]][:, None], owner[head]
    step = max(1, CONTEST_CHOICES_MAX >> width)
    for first in range(0, len(amounts), step):
        part = slice(first, first + step)
        wanted = _sums(amounts[part])
        enough = np.abs(wanted) <= np.abs(there[part])
        enough &= wanted * np.sign(there[part]) >= 0
        begins = first_of_runs(owner[part]).nonzero()[0]
        possible[owner[part][begins]] &= np.logical_and.reduceat(enough, begins, axis=0)
    return possible


def _sums(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of every choice of each row's values (shape: rows × 2^columns), bit k for column k."""
    sums = np.empty((len(values), 1 << values.shape[1]), dtype=np.int64)
    sums[:, 0] = 0
    for column in range(values.shape[1]):
        half = 1 << column
        np.add(sums[:, :half], values[:, column : column + 1], out=sums[:, half : 2 * half])
    return sums
