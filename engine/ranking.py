"""What tilts one set of items against another that has the same amount: it ranks, never permits.

What payers pay together is mostly due together; they pay items of the ages they usually pay
(`engine.due_habits`); and a number that nothing has, near the number of one item of the set, is
most likely that item's, mistyped or cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.batches import NO_DATE
from engine.damaged_numbers import clipped, distances
from engine.limits import NEAR_NUMBERS_MAX
from engine.segments import expand_ranges, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.due_habits import DueHabits
    from engine.situation import Situation

__all__ = ["tilts"]

_SAME_DAY, _PER_DAY, _APART, _ANYHOW = 0.66, 0.57, 0.03, 0.05
"""Share of pairs due on one day that are paid together, how it falls per day, the least it falls
to, and the share of pairs of a ledger whatever their dates: on a real ledger of 40,000 cleared
invoices two due on one day were paid together in 66 % of cases, three days apart in 12 %. Taken at
its square root, for payers differ."""

_GAP_DAYS_MAX: Final = 1_000
_TILT_MAX: Final = 20.0
_NEAR_MAX: Final = 2
_NEAR_TILT: Final = 4.6
"""A hundred times: a number one or two errors away is rarely so by chance within one ledger."""

_DIGITS_MIN: Final = 100


def tilts(situation: Situation, candidates: Candidates, due: DueHabits) -> NDArray[np.float64]:
    """Logarithm of the factor by which each candidate's weight changes beside those of the same
    payment; 0 where it is the only one.
    """
    several = np.bincount(candidates.payment, minlength=len(situation))[candidates.payment] > 1
    tilt = np.zeros(len(candidates), dtype=np.float64)
    if not several.any():
        return tilt
    of = candidates.at(several)
    rows = of.rows
    payment = of.payment[rows.candidate]
    index = situation.index
    usual = due.tilt(
        index.due_day[rows.item], situation.pay_day[payment], index.customer[rows.item]
    )
    mean = np.zeros(len(of), dtype=np.float64)
    np.add.at(mean, rows.candidate, usual)
    mean /= of.item_count().astype(np.float64)
    near = rows.candidate[_near_numbers(situation, payment, rows.item)]
    named = _NEAR_TILT * np.bincount(near, minlength=len(of)).astype(np.float64)
    every = _due_together(situation, of) + mean + named
    tilt[several] = np.clip(every, -_TILT_MAX, _TILT_MAX)
    return tilt


def _due_together(situation: Situation, candidates: Candidates) -> NDArray[np.float64]:
    rows = candidates.rows
    due = situation.index.due_day[rows.item]
    order = np.lexsort((due, rows.candidate))
    owner, due = rows.candidate[order], due[order]
    gap = np.minimum(np.diff(due), _GAP_DAYS_MAX)
    known = (due[1:] != NO_DATE) & (due[:-1] != NO_DATE) & (owner[1:] == owner[:-1])
    together = np.maximum(_SAME_DAY * np.exp(-_PER_DAY * gap), _APART) / _ANYHOW
    pairs = 0.5 * np.log(together[known])
    tilt = np.zeros(len(candidates), dtype=np.float64)
    np.add.at(tilt, owner[1:][known], pairs)
    return tilt


def _near_numbers(
    situation: Situation, payment: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows (payment, item) where the payment writes a number that leads nowhere and is near the
    item's; looked at as far as there are few to compare.
    """
    slots = situation.slots
    usable = (slots.item >= 0) & (slots.family | slots.amount)
    unread = (~usable & (slots.digits >= _DIGITS_MIN)).nonzero()[0]
    unread = unread[np.argsort(slots.payment[unread], kind="stable")]
    first = slots.payment[unread].searchsorted(payment, side="left")
    last = slots.payment[unread].searchsorted(payment, side="right")
    near = np.zeros(len(payment), dtype=np.bool_)
    if not (last > first).any():
        return near
    asked = segment_sum(last - first, payment, len(situation))
    few = asked[payment] <= NEAR_NUMBERS_MAX
    row, place = expand_ranges(first, np.where(few, last, first))
    read = slots.digits[unread[place]]
    number = situation.index.joined_digits[item[row]]
    alike = (distances(read, number, _NEAR_MAX) <= _NEAR_MAX) | clipped(read, number)
    near[row[alike]] = True
    return near
