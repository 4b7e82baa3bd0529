"""Which of several items a payer is likely to pay: by when it is due, and what he paid before.

How many days after its due date an item is paid is seen in this batch, wherever a reference has
decided, and in what earlier runs settled. A habit is how much more often payments meet items of an
age than items of that age are open; a customer's own outcomes count beside those of all. It ranks
what is proposed and never permits anything: habits are no evidence about one payment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np
import pyarrow.compute as pc

from engine.batches import NO_DATE
from engine.segments import first_of_runs, inverse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import SettledBatch
    from engine.open_item_index import OpenItemIndex

__all__ = [
    "AGE_EDGES",
    "DueDays",
    "DueHabits",
    "PaidAges",
    "SettledBefore",
    "ages_of_due",
    "ages_of_paid",
]

AGE_EDGES: Final = np.array([-45, -30, -20, -14, -10, -7, -4, -1, 2, 5, 8, 11, 15, 21, 31, 46, 91])
"""First day of each age but the youngest: days from due date to payment, negative before it."""

_OF_ALL: Final = 6.0
"""Outcomes of a customer's own that weigh as much as the habit of all together."""

_UNKNOWN: Final = 20.0
"""Outcomes of all that weigh as much as knowing nothing."""

_SMOOTHING: Final = 1.0
_TILT_MAX: Final = 3.0
"""A habit makes a set at most twenty times as likely as another, or as unlikely."""

_AGES: Final = len(AGE_EDGES) + 1


class SettledBefore(msgspec.Struct, frozen=True, kw_only=True):
    """Items that payments of earlier runs settled, and the days they were paid."""

    item: NDArray[np.int64]
    pay_day: NDArray[np.int64]

    @classmethod
    def of(cls, earlier: SettledBatch, index: OpenItemIndex) -> Self:
        """Those of `earlier` that are still among the items of `index`."""
        none = np.empty(0, dtype=np.int64)
        if not len(earlier) or not len(index):
            return cls(item=none, pay_day=none)
        keys = pc.binary_join_element_wise(
            earlier.text("company_id"), earlier.text("open_item_id"), "\x1f"
        )
        row = pc.fill_null(pc.index_in(keys, value_set=index.source.key_strings()), -1)
        found = row.to_numpy(zero_copy_only=False).astype(np.int64)
        known = found >= 0
        return cls(
            item=inverse(index.order)[found[known]], pay_day=earlier.days("value_date")[known]
        )


class DueDays(msgspec.Struct, frozen=True):
    """When what customers owe is due: the distinct days, and how many items are due before each
    (one entry more than days).
    """

    day: NDArray[np.int64]
    before: NDArray[np.int64]

    @classmethod
    def of(cls, index: OpenItemIndex) -> Self:
        """Of the positive open items with a due date."""
        owed = np.sort(index.due_day[(index.open_minor > 0) & (index.due_day != NO_DATE)])
        first = first_of_runs(owed).nonzero()[0] if len(owed) else np.empty(0, dtype=np.int64)
        return cls(owed[first], np.append(first, len(owed)))

    def changed(self, gone: Self, added: Self) -> Self:
        """After items went and others came."""
        day = np.concatenate([self.day, gone.day, added.day])
        sign = np.repeat([1, -1, 1], [len(one.day) for one in (self, gone, added)])
        counts = np.concatenate([np.diff(one.before) for one in (self, gone, added)]) * sign
        order = np.argsort(day, kind="stable")
        day, counts = day[order], counts[order]
        head = first_of_runs(day).nonzero()[0] if len(day) else day
        counts = np.add.reduceat(counts, head) if len(head) else counts
        some = counts > 0
        return type(self)(day[head][some], np.append(0, counts[some].cumsum()))

    def shares(self, day: int) -> NDArray[np.float64]:
        """Share of each age on `day`, none of them zero."""
        # Of an age or older are those that were due by so many days before.
        older = self.before[self.day.searchsorted(day - AGE_EDGES, side="right")]
        counts = np.empty(_AGES, dtype=np.float64)
        counts[0] = self.before[-1] - older[0]
        counts[1:-1] = older[:-1] - older[1:]
        counts[-1] = older[-1]
        counts += _SMOOTHING
        shares: NDArray[np.float64] = counts / counts.sum()
        return shares


class PaidAges(msgspec.Struct, frozen=True):
    """At which age all payments of a run met items, and the last day one was made."""

    counts: NDArray[np.int64]
    day: int


def ages_of_paid(
    index: OpenItemIndex, item: NDArray[np.int64], pay_day: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many of `item` (rows of the index), paid on `pay_day`, were of each age."""
    return ages_of_due(index.due_day[item], pay_day)


def ages_of_due(due: NDArray[np.int64], pay_day: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many items, due on the days `due` and paid on `pay_day`, were of each age."""
    known = (due != NO_DATE) & (pay_day != NO_DATE)
    return np.bincount(_ages(pay_day[known] - due[known]), minlength=_AGES)


class DueHabits(msgspec.Struct, frozen=True, kw_only=True):
    """paid: share of payments per age; owed: share of open items per age; own: outcomes per
    customer and age, without rows where there are none.
    """

    paid: NDArray[np.float64]
    owed: NDArray[np.float64]
    own: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        index: OpenItemIndex,
        owed: NDArray[np.float64],
        customers: int,
        item: NDArray[np.int64],
        pay_day: NDArray[np.int64],
        paid: NDArray[np.int64] | None = None,
    ) -> Self:
        """Of payments on `pay_day` that settled `item` (rows of the index); `owed` is the share of
        each age among all that is open (`DueDays`); `paid` are items by age of all payments, where
        these are some of them.
        """
        due = index.due_day[item]
        known = (due != NO_DATE) & (pay_day != NO_DATE)
        item, age = item[known], _ages(pay_day[known] - due[known])
        own = np.zeros((customers if len(item) else 0, _AGES), dtype=np.int32)
        np.add.at(own, (index.customer[item], age), 1)
        # As long as little is known, what is paid is taken to be of the ages that are open.
        of_all = np.bincount(age, minlength=_AGES) if paid is None else paid
        counts = of_all + _UNKNOWN * owed
        return cls(paid=counts / counts.sum(), owed=owed, own=own)

    def tilt(
        self, due: NDArray[np.int64], pay_day: NDArray[np.int64], customer: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Logarithm of how much more likely than chance each item is the one that is paid."""
        known = (due != NO_DATE) & (pay_day != NO_DATE)
        age = _ages(np.where(known, pay_day - due, 0))
        own = self.own[customer] if len(self.own) else np.zeros((len(age), _AGES), dtype=np.int32)
        seen = own[np.arange(len(age)), age] + _OF_ALL * self.paid[age]
        share = seen / (own.sum(axis=1) + _OF_ALL)
        tilt = np.clip(np.log(share / self.owed[age]), -_TILT_MAX, _TILT_MAX)
        return np.where(known, tilt, 0.0)


def _ages(days: NDArray[np.int64]) -> NDArray[np.int64]:
    ages: NDArray[np.int64] = AGE_EDGES.searchsorted(days, side="right")
    return ages
