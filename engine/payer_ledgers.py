"""The payer's open items as a payment sees them: one view per ledger, day and rules.

What a payer can pay depends on the day (items dated later, discounts still offered), not on the
payment: payments of one payer on one day share a view, and whatever is expanded from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.batches import NO_DATE
from engine.open_item_index import BLOCKED, DISPUTED, OPEN, ledger_rows
from engine.segments import expand_ranges, first_of_runs, is_one_of, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Situation

__all__ = ["PayerLedgers", "lay_out"]


class PayerLedgers(msgspec.Struct, frozen=True, kw_only=True):
    """Views and the payments that look at them.

    payment, view: one entry per problem, a payment and its view. bounds: where the rows of each
    view begin (views + 1); day: the day it is seen on. Per row, in order of view and of due date:
    owner (its view), item, value (what it takes to close it), discount (taken for that), usable
    (it may be paid: neither disputed nor blocked nor dated after the day).
    """

    payment: NDArray[np.int64]
    view: NDArray[np.int64]
    bounds: NDArray[np.int64]
    day: NDArray[np.int64]
    owner: NDArray[np.int64]
    item: NDArray[np.int64]
    value: NDArray[np.int64]
    discount: NDArray[np.int64]
    usable: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of problems."""
        return len(self.payment)

    def size(self) -> NDArray[np.int64]:
        """Rows per view."""
        return self.bounds[1:] - self.bounds[:-1]

    def total(self, member: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Sum of the `member` rows of each view."""
        return segment_sum(np.where(member, self.value, 0), self.owner, len(self.day))

    def rows_of(self, problems: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every row of the view of each of `problems`: its position in `problems`, and the row."""
        view = self.view[problems]
        return expand_ranges(self.bounds[view], self.bounds[view + 1])

    def only(self, kept: NDArray[np.bool_]) -> PayerLedgers:
        """The rows `kept`; views stay, though they may be empty now."""
        if kept.all():
            return self
        bounds = np.concatenate([np.zeros(1, dtype=np.int64), kept.cumsum()])[self.bounds]
        return msgspec.structs.replace(
            self,
            bounds=bounds,
            owner=self.owner[kept],
            item=self.item[kept],
            value=self.value[kept],
            discount=self.discount[kept],
            usable=self.usable[kept],
        )

    def gross(self) -> PayerLedgers:
        """Every row without its discount."""
        if not np.count_nonzero(self.discount):
            return self
        return msgspec.structs.replace(
            self, value=self.value + self.discount, discount=np.zeros_like(self.discount)
        )

    def of_problems(self, kept: NDArray[np.bool_]) -> PayerLedgers:
        """The problems `kept`, and only the views they look at."""
        if kept.all():
            return self
        used = np.zeros(len(self.day), dtype=np.bool_)
        used[self.view[kept]] = True
        number = used.cumsum() - 1
        rows = used[self.owner]
        size = self.size()[used]
        return PayerLedgers(
            payment=self.payment[kept],
            view=number[self.view[kept]],
            bounds=np.concatenate([np.zeros(1, dtype=np.int64), size.cumsum()]),
            day=self.day[used],
            owner=number[self.owner[rows]],
            item=self.item[rows],
            value=self.value[rows],
            discount=self.discount[rows],
            usable=self.usable[rows],
        )

    def views_with(self, mark: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Views that have a row where `mark`."""
        found: NDArray[np.bool_] = np.bincount(self.owner[mark], minlength=len(self.day)) > 0
        return found


def lay_out(situation: Situation, payment: NDArray[np.int64]) -> PayerLedgers:
    """Everything open in the payer's ledger in the payment's currency, discounts taken off.

    What is disputed, blocked or dated after the payment (unless policy takes future items) is
    there and not usable: it can make a sum ambiguous, not be paid.
    """
    index = situation.index
    ledger = index.ledger_of(situation.payer[payment], situation.currency[payment])
    day, rule = situation.pay_day[payment], situation.rule[payment]
    order = np.lexsort((payment, rule, day, ledger))
    fresh = first_of_runs(ledger[order], day[order], rule[order])
    view = np.empty(len(payment), dtype=np.int64)
    view[order] = fresh.cumsum() - 1
    first = payment[order[fresh]]
    owner, item = ledger_rows(index, ledger[order[fresh]])
    status, remaining = index.status[item], situation.remaining[item]
    kept = (remaining != 0) & is_one_of(status, (OPEN, DISPUTED, BLOCKED))
    owner, item = owner[kept], item[kept]
    of = first[owner]
    document_day = index.document_day[item]
    future = (document_day != NO_DATE) & (document_day > situation.pay_day[of])
    future &= ~situation.rules.future_items[situation.rule[of]]
    discount = situation.discount_of(item, of)
    size = np.bincount(owner, minlength=len(first))
    return PayerLedgers(
        payment=payment,
        view=view,
        bounds=np.concatenate([np.zeros(1, dtype=np.int64), size.cumsum()]).astype(np.int64),
        day=situation.pay_day[first],
        owner=owner,
        item=item,
        value=situation.remaining[item] - discount,
        discount=discount,
        usable=situation.payable(item) & ~future,
    )
