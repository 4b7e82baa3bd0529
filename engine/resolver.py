"""Who gets the item: candidates that want more of an item than there is.

No cent of an item is used twice. Two payments of one family that both name the item: the earlier
one settles it, the later one is a second payment. Everybody else who competes goes to a clerk, all
of them: a choice between them would be a guess. The order of input rows plays no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates

__all__ = ["Resolution", "resolve"]


class Resolution(msgspec.Struct, frozen=True):
    """Per candidate: accepted; lost to an earlier payment of the same family; contested.

    `remaining` is what is left of each item afterwards.
    """

    accepted: NDArray[np.bool_]
    second: NDArray[np.bool_]
    contested: NDArray[np.bool_]
    remaining: NDArray[np.int64]


def resolve(
    candidates: Candidates,
    remaining: NDArray[np.int64],
    family: NDArray[np.int64],
    precedence: NDArray[np.int64],
    *,
    named: bool,
) -> Resolution:
    """Accept the automatic candidates (one per payment) that do not compete.

    family: who pays, per candidate (-1 unknown); precedence: rank of the candidate's payment by
    date and bank reference; named: the candidates rest on references, so that an earlier one of a
    family may win.
    """
    count = len(candidates)
    rows, closes = candidates.rows, candidates.rows.closes()
    active = candidates.automatic.copy()
    accepted = np.zeros(count, dtype=np.bool_)
    second = np.zeros(count, dtype=np.bool_)
    contested = np.zeros(count, dtype=np.bool_)
    left = remaining.copy()
    while active.any():
        live = active[rows.candidate]
        wanted = segment_sum(np.where(live, closes, 0), rows.item, len(left))
        over = _exceeds(wanted, left)
        blocked = np.zeros(count, dtype=np.bool_)
        blocked[rows.candidate[live & over[rows.item]]] = True
        free = active & ~blocked
        taken = free[rows.candidate]
        left = left - segment_sum(np.where(taken, closes, 0), rows.item, len(left))
        accepted |= free
        active &= blocked
        # What an accepted candidate left may be too little for a blocked one: those are out.
        spent = active[rows.candidate] & _exceeds(closes, left[rows.item])
        gone = np.zeros(count, dtype=np.bool_)
        gone[rows.candidate[spent]] = True
        second |= gone & active
        active &= ~gone
        if not active.any():
            break
        winners = _winners(candidates, active, family, precedence, over) if named else None
        if winners is None or not winners.any():
            contested |= active
            break
        left = left - segment_sum(
            np.where(winners[rows.candidate], closes, 0), rows.item, len(left)
        )
        accepted |= winners
        active &= ~winners
        spent = active[rows.candidate] & _exceeds(closes, left[rows.item])
        gone = np.zeros(count, dtype=np.bool_)
        gone[rows.candidate[spent]] = True
        second |= gone
        active &= ~gone
    return Resolution(accepted, second, contested, left)


def _exceeds(wanted: NDArray[np.int64], left: NDArray[np.int64]) -> NDArray[np.bool_]:
    """More than there is, or of the other sign."""
    return (np.abs(wanted) > np.abs(left)) | (wanted * np.sign(left) < 0)


def _winners(
    candidates: Candidates,
    active: NDArray[np.bool_],
    family: NDArray[np.int64],
    precedence: NDArray[np.int64],
    over: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Active candidates that come first on all of their contested items, among rivals of one
    family only.
    """
    rows = candidates.rows
    at = np.flatnonzero(active[rows.candidate] & over[rows.item])
    item, candidate = rows.item[at], rows.candidate[at]
    order = np.lexsort((precedence[candidate], item))
    item, candidate = item[order], candidate[order]
    head = first_of_runs(item)
    group = np.cumsum(head) - 1
    low = np.full(group[-1] + 1, np.iinfo(np.int64).max)
    high = np.full(group[-1] + 1, np.iinfo(np.int64).min)
    np.minimum.at(low, group, family[candidate])
    np.maximum.at(high, group, family[candidate])
    one_family = (low == high) & (low >= 0)
    first = head & one_family[group]
    wins = np.bincount(candidate[first], minlength=len(active))
    claims = np.bincount(candidate, minlength=len(active))
    won: NDArray[np.bool_] = active & (wins == claims) & (claims > 0)
    return won
