"""Who gets the item: candidates that want more of an item than there is.

No cent of an item is used twice. Two payments of one family that both name the item: the earlier
one settles it, the later one is a second payment. Everybody else who competes goes to a clerk, all
of them: a choice between them would be a guess. The order of input rows plays no part.

Candidates compete only over items that are wanted beyond what is left of them. Those tie them into
*contests* (connected components); one contest has no say in another, so that contests may be
settled in any order, in any place, with the same result. A contest somebody else has a part in
(`others`) is left to whoever sees all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import msgspec
import numpy as np

from engine.contests import is_best, number_contests
from engine.segments import first_of_runs, order_of, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates

__all__ = ["ItemAmounts", "Left", "Resolution", "possible", "resolve"]


class Left(Protocol):
    """What is left of each item: an array of all items, or `engine.remaining.Remaining`."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.int64]:
        """What is left of the given items."""


class ItemAmounts(msgspec.Struct, frozen=True):
    """Amounts of some items: distinct items in ascending order, minor units beside each."""

    item: NDArray[np.int64]
    amount: NDArray[np.int64]

    @classmethod
    def none(cls) -> Self:
        """Of no item."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing)

    @classmethod
    def of(cls, candidates: Candidates, chosen: NDArray[np.bool_]) -> Self:
        """What the `chosen` candidates take off their items."""
        if not np.count_nonzero(chosen):
            return cls.none()
        rows = candidates.rows
        live = chosen[rows.candidate].nonzero()[0]
        item, place = _distinct(rows.item[live])
        return cls(item, segment_sum(rows.closes()[live], place, len(item)))

    def plus(self, other: Self) -> Self:
        """These and the other's amounts."""
        item, place = _distinct(np.concatenate([self.item, other.item]))
        amount = np.concatenate([self.amount, other.amount])
        return type(self)(item, segment_sum(amount, place, len(item)))

    def at(self, item: NDArray[np.int64]) -> NDArray[np.int64]:
        """Amount of each of `item`, 0 where it is none of these."""
        if not len(self.item):
            return np.zeros(len(item), dtype=np.int64)
        place = np.minimum(self.item.searchsorted(item), len(self.item) - 1)
        return np.where(self.item[place] == item, self.amount[place], 0)


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """Per candidate: accepted; lost to an earlier payment of the same family; contested; deferred,
    because others outside have a part in its contest.
    """

    accepted: NDArray[np.bool_]
    second: NDArray[np.bool_]
    contested: NDArray[np.bool_]
    deferred: NDArray[np.bool_]

    @classmethod
    def nothing(cls, deferred: NDArray[np.bool_]) -> Self:
        """Nothing decided yet, everything `deferred`."""
        no = np.zeros(len(deferred), dtype=np.bool_)
        return cls(accepted=no, second=no, contested=no, deferred=deferred)

    @classmethod
    def concat(cls, several: list[Self]) -> Self:
        """One after another."""
        if len(several) == 1:
            return several[0]
        names = cls.__struct_fields__
        flag = np.empty(0, dtype=np.bool_)
        return cls(
            **{name: np.concatenate([flag, *(getattr(r, name) for r in several)]) for name in names}
        )


class _Claims(msgspec.Struct, kw_only=True):
    """Rows of the candidates in question, items numbered densely, and what is left of each item.

    candidate: of each row; item: dense number; amount: what the row takes off the item.
    """

    candidate: NDArray[np.int64]
    item: NDArray[np.int64]
    amount: NDArray[np.int64]
    left: NDArray[np.int64]

    def at(self, rows: NDArray[np.bool_]) -> _Claims:
        """The given rows."""
        return _Claims(
            candidate=self.candidate[rows],
            item=self.item[rows],
            amount=self.amount[rows],
            left=self.left,
        )

    def alone(self, rows: NDArray[np.bool_]) -> _Claims:
        """The given rows and their items, those numbered anew."""
        item = self.item[rows]
        used = np.zeros(len(self.left), dtype=np.bool_)
        used[item] = True
        return _Claims(
            candidate=self.candidate[rows],
            item=(used.cumsum() - 1)[item],
            amount=self.amount[rows],
            left=self.left[used],
        )

    def wanted(self, active: NDArray[np.bool_]) -> NDArray[np.int64]:
        """What the active candidates want of each item, all together."""
        return segment_sum(
            np.where(active[self.candidate], self.amount, 0), self.item, len(self.left)
        )

    def without_enough(self, active: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Active candidates that want more of an item than there is."""
        short = active[self.candidate] & _exceeds(self.amount, self.left[self.item])
        found = np.zeros(len(active), dtype=np.bool_)
        found[self.candidate[short]] = True
        return found

    def take(self, chosen: NDArray[np.bool_]) -> None:
        """Take off the items what the chosen candidates want."""
        self.left = self.left - self.wanted(chosen)


def possible(candidates: Candidates, remaining: Left) -> NDArray[np.bool_]:
    """Candidates that each item leaves enough for, were they alone."""
    rows = candidates.rows
    enough = np.ones(len(candidates), dtype=np.bool_)
    enough[rows.candidate[_exceeds(rows.closes(), remaining[rows.item])]] = False
    return enough


def resolve(
    candidates: Candidates,
    remaining: Left,
    family: NDArray[np.int64],
    precedence: NDArray[np.int64],
    *,
    named: bool,
    others: ItemAmounts,
) -> Resolution:
    """Accept the automatic candidates (one per payment) that do not compete.

    remaining: what is left, per item of the index; family: who pays, per candidate (-1 unknown);
    precedence: rank of the candidate's payment by date and bank reference; named: the candidates
    rest on references, so that an earlier one of a family may win; others: what candidates outside
    of these want, as far as each of them is possible.
    """
    count = len(candidates)
    if not np.count_nonzero(candidates.automatic):
        return Resolution.nothing(candidates.automatic)
    rows, active = candidates.rows, candidates.automatic & possible(candidates, remaining)
    too_late = candidates.automatic & ~active
    live = active[rows.candidate].nonzero()[0]
    items, place = _distinct(rows.item[live])
    claims = _Claims(
        candidate=rows.candidate[live],
        item=place,
        amount=rows.closes()[live],
        left=remaining[items],
    )
    if len(items) == len(live) and not len(others.item):
        # Nobody wants what another one wants, and each was possible alone.
        return Resolution(
            accepted=active,
            second=too_late,
            contested=np.zeros(count, dtype=np.bool_),
            deferred=np.zeros(count, dtype=np.bool_),
        )
    outside = others.at(items)
    over = _exceeds(claims.wanted(active) + outside, claims.left)
    blocked = np.zeros(count, dtype=np.bool_)
    blocked[claims.candidate[over[claims.item]]] = True
    accepted = active & ~blocked
    deferred = np.zeros(count, dtype=np.bool_)
    second, contested = too_late, deferred.copy()
    if np.count_nonzero(blocked):
        claims.take(accepted)
        dispute = claims.at(blocked[claims.candidate] & over[claims.item])
        contest = number_contests(dispute.candidate, dispute.item, count)
        shared = contest[dispute.candidate[outside[dispute.item] != 0]]
        deferred = blocked & np.isin(contest, shared)
        mine = blocked & ~deferred
        won, late, contested = _settle_contests(claims, mine, family, precedence, named=named)
        lost = _guessed(candidates, dispute, contest, mine, won, contested)
        accepted |= won & ~lost
        second |= late & ~lost
        contested |= lost
    return Resolution(accepted=accepted, second=second, contested=contested, deferred=deferred)


def _settle_contests(
    claims: _Claims,
    mine: NDArray[np.bool_],
    family: NDArray[np.int64],
    precedence: NDArray[np.int64],
    *,
    named: bool,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Greedy by precedence, in rounds of candidates nobody earlier competes with: who wins, who is
    second, who cannot be told.
    """
    active = mine.copy()
    won = np.zeros(len(mine), dtype=np.bool_)
    second = won.copy()
    while np.count_nonzero(active):
        claims = claims.alone(active[claims.candidate])
        gone = claims.without_enough(active)
        second |= gone
        active &= ~gone
        over = _exceeds(claims.wanted(active), claims.left)
        blocked = np.zeros(len(mine), dtype=np.bool_)
        blocked[claims.candidate[active[claims.candidate] & over[claims.item]]] = True
        free = active & ~blocked
        if not np.count_nonzero(free):
            free = _winners(claims, active, family, precedence, over) if named else free
            if not np.count_nonzero(free):
                break
        claims.take(free)
        won |= free
        active &= ~free
    return won, second, active


def _guessed(
    candidates: Candidates,
    dispute: _Claims,
    contest: NDArray[np.int64],
    mine: NDArray[np.bool_],
    won: NDArray[np.bool_],
    contested: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Candidates of contests whose outcome is no more than a guess: somebody's part cannot be told,
    or another choice among them would explain clearly more.
    """
    doubtful = np.isin(contest, contest[contested])
    decided = mine & ~doubtful
    best = is_best(
        candidates.wrong,
        won,
        dispute.candidate,
        dispute.item,
        dispute.amount,
        dispute.left,
        np.where(decided, contest, -1),
    )
    return mine & (doubtful | ~best)


def _distinct(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values in order, and the place of each value among them."""
    if not len(values):
        return values, values
    order = order_of(values)
    values = values[order]
    first = first_of_runs(values)
    place = np.empty(len(values), dtype=np.int64)
    place[order] = first.cumsum() - 1
    return values[first], place


def _exceeds(wanted: NDArray[np.int64], left: NDArray[np.int64]) -> NDArray[np.bool_]:
    """More than there is, or of the other sign."""
    return (np.abs(wanted) > np.abs(left)) | (wanted * np.sign(left) < 0)


def _winners(
    claims: _Claims,
    active: NDArray[np.bool_],
    family: NDArray[np.int64],
    precedence: NDArray[np.int64],
    over: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Active candidates that come first on all of their contested items, among rivals of one
    family only.
    """
    at = (active[claims.candidate] & over[claims.item]).nonzero()[0]
    item, candidate = claims.item[at], claims.candidate[at]
    rank = precedence[candidate]
    order = order_of(item * (int(rank.max(initial=0)) + 1) + rank)
    item, candidate = item[order], candidate[order]
    head = first_of_runs(item)
    start = head.nonzero()[0]
    low = np.minimum.reduceat(family[candidate], start)
    high = np.maximum.reduceat(family[candidate], start)
    one_family = ((low == high) & (low >= 0))[head.cumsum() - 1]
    wins = np.bincount(candidate[head & one_family], minlength=len(active))
    claimed = np.bincount(candidate, minlength=len(active))
    won: NDArray[np.bool_] = active & (wins == claimed) & (claimed > 0)
    return won
