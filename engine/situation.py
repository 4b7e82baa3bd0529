"""What the strategies look at in one round: payments, payers, references, what is still open.

Arrays have one entry per payment unless their name says line or item; `claims` are keys of amounts
customers have claimed before (`engine.claims`). Between rounds only `remaining`,
`open_for_matching` and `slots` change. `declared` payers may pay for several customers; `fee_ppm`
and `fee_minor` are what a payment processor keeps of an item (`engine.relations`). `payer_family`
is who paid by evidence of the payer; `claimed_family` is that or, where nobody is identified, the
family of the items that reference and name together point to.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from engine.open_item_index import BLOCKED, DISPUTED, OPEN
from engine.reference_slots import NO_LINE
from engine.segments import first_of_runs, pick
from engine.settle import eligible_discount

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.policy_table import PolicyTable
    from engine.reference_slots import ReferenceSlots, SharedReferences
    from engine.remaining import Remaining

__all__ = ["Lines", "Referenced", "Situation"]


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """Remittance lines: payment row, cash (where `given`), discount, deduction, stated reasons."""

    payment: NDArray[np.int64]
    amount: NDArray[np.int64]
    given: NDArray[np.bool_]
    discount: NDArray[np.int64]
    deduction: NDArray[np.int64]
    fee: NDArray[np.bool_]
    tax: NDArray[np.bool_]
    reasoned: NDArray[np.bool_]

    @classmethod
    @cache
    def none(cls) -> Self:
        """No line: the same each time."""
        number, flag = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
        return cls(
            payment=number,
            amount=number,
            given=flag,
            discount=number,
            deduction=number,
            fee=flag,
            tax=flag,
            reasoned=flag,
        )


class Referenced(msgspec.Struct, frozen=True, kw_only=True):
    """Open items that payments refer to, one row per (payment, item), sorted so.

    family: the item is of the payer's family; strong: the whole number was read, not an ending;
    repaired: read with look-alikes or a typo mended; amount: an amount agrees.
    """

    payment: NDArray[np.int64]
    item: NDArray[np.int64]
    line: NDArray[np.int64]
    family: NDArray[np.bool_]
    strong: NDArray[np.bool_]
    repaired: NDArray[np.bool_]
    amount: NDArray[np.bool_]

    @classmethod
    @cache
    def none(cls) -> Self:
        """Nothing is referred to: the same each time."""
        number, flag = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
        return cls(
            payment=number,
            item=number,
            line=number,
            family=flag,
            strong=flag,
            repaired=flag,
            amount=flag,
        )

    def at(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Referenced:
        """The given rows."""
        if rows.dtype == np.bool_:
            if rows.all():
                return self
            if not np.count_nonzero(rows):
                return self.none()
        return Referenced(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """One round of matching; see the module."""

    cash: NDArray[np.int64]
    pay_day: NDArray[np.int64]
    currency: NDArray[np.int64]
    company: NDArray[np.int64]
    payer: NDArray[np.int64]
    payer_family: NDArray[np.int64]
    claimed_family: NDArray[np.int64]
    payer_doubt: NDArray[np.float64]
    nameless: NDArray[np.bool_]
    rule: NDArray[np.int64]
    declared: NDArray[np.bool_]
    fee_ppm: NDArray[np.int64]
    fee_minor: NDArray[np.int64]
    charges: NDArray[np.int64]
    fee_in_text: NDArray[np.bool_]
    tax_in_text: NDArray[np.bool_]
    reason_in_text: NDArray[np.bool_]
    cause_in_text: NDArray[np.bool_]
    open_for_matching: NDArray[np.bool_]
    rules: PolicyTable
    index: OpenItemIndex
    remaining: Remaining
    slots: ReferenceSlots
    shared: SharedReferences
    lines: Lines
    claims: NDArray[np.uint64]

    def __len__(self) -> int:
        """Number of payments."""
        return len(self.cash)

    def discount_of(self, item: NDArray[np.int64], payment: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cash discount each item still offers to the payment; none on a partly paid item."""
        offered = eligible_discount(
            self.index.discount_minor[item],
            self.index.discount_day[item],
            self.pay_day[payment],
            self.rules.grace_days[self.rule[payment]],
        )
        return np.where(self.unpaid(item), offered, 0)

    def unpaid(self, item: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Nothing of the item was paid yet, in this run or before: its discount is still whole."""
        opened = self.index.open_minor[item]
        unpaid: NDArray[np.bool_] = (self.remaining[item] == opened) & (
            self.index.original_minor[item] == opened
        )
        return unpaid

    def payable(self, item: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The item is open, undisputed, not blocked, and something of it remains."""
        payable: NDArray[np.bool_] = (pick(self.index.status, item) == OPEN) & (
            self.left_of(item) != 0
        )
        return payable

    def left_of(self, item: NDArray[np.int64]) -> NDArray[np.int64]:
        """What remains of each item, 0 where it is none (-1)."""
        if not len(self.index):
            return np.zeros(len(item), dtype=np.int64)
        return np.where(item < 0, 0, self.remaining[np.maximum(item, 0)])

    def credible(self) -> NDArray[np.bool_]:
        """Slots whose reading payer or amount supports, or that nothing could contradict: a number
        of somebody else's item, of another amount, is a misread or mistyped one.
        """
        slots = self.slots
        anybody = (self.payer_family[slots.payment] < 0) & self.nameless[slots.payment]
        supported: NDArray[np.bool_] = slots.family | slots.amount
        return supported | ((slots.strength > 1) & anybody)

    def reasoned(self) -> NDArray[np.bool_]:
        """Payments that say why they pay less, and mean no cash discount."""
        says = self.cause_in_text.copy()
        says[self.lines.payment[self.lines.reasoned]] = True
        return says

    def withheld(self, item: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Something of the item is open, but it is disputed or blocked."""
        status = pick(self.index.status, item)
        withheld: NDArray[np.bool_] = (status == DISPUTED) | (status == BLOCKED)
        withheld &= self.left_of(item) != 0
        return withheld

    def referenced(
        self, *, unknown_payers: bool = False, strangers: bool = False, withheld: bool = False
    ) -> Referenced:
        """Items the open payments refer to, as far as payer or amount (or nobody) contradicts;
        with `unknown_payers` also fully read ones of payers nobody could identify, with `strangers`
        also those of other customers than the payer, with `withheld` also disputed and blocked
        ones.
        """
        slots = self.slots
        some = (slots.item >= 0) & self.open_for_matching[slots.payment]
        if not np.count_nonzero(some):
            return Referenced.none()
        payable = self.payable(slots.item)
        some &= payable | self.withheld(slots.item) if withheld else payable
        credible = self.credible()
        if unknown_payers:
            credible |= (slots.strength > 1) & (self.payer_family[slots.payment] < 0)
        if strangers:
            credible |= (slots.strength > 1) & ~slots.repaired
        rows = (some & credible).nonzero()[0]
        if not len(rows):
            return Referenced.none()
        # Of several readings of one item a line beats free text, the stronger the weaker.
        order = np.lexsort(
            (
                slots.line[rows],
                -slots.strength[rows],
                slots.line[rows] == NO_LINE,
                slots.item[rows],
                slots.payment[rows],
            )
        )
        rows = rows[order]
        rows = rows[first_of_runs(slots.payment[rows], slots.item[rows])]
        return Referenced(
            payment=slots.payment[rows],
            item=slots.item[rows],
            line=slots.line[rows],
            family=slots.family[rows],
            strong=slots.strength[rows] > 1,
            repaired=slots.repaired[rows],
            amount=slots.amount[rows],
        )

    def with_shared(self, named: Referenced) -> Referenced:
        """`named`, and every open item that a reading of the same payment means alike; only of
        payments that have such readings.
        """
        shared = self.shared
        if not len(shared.payment):
            return Referenced.none()
        live = self.open_for_matching[shared.payment] & self.payable(shared.item)
        live &= shared.family | (self.payer_family[shared.payment] < 0)
        rows = live.nonzero()[0]
        has_shared = np.zeros(len(self), dtype=np.bool_)
        has_shared[shared.payment[rows]] = True
        named = named.at(has_shared[named.payment])
        no = np.zeros(len(rows), dtype=np.bool_)
        both = Referenced(
            payment=np.concatenate([named.payment, shared.payment[rows]]),
            item=np.concatenate([named.item, shared.item[rows]]),
            line=np.concatenate([named.line, shared.line[rows]]),
            family=np.concatenate([named.family, shared.family[rows]]),
            strong=np.concatenate([named.strong, shared.strong[rows]]),
            repaired=np.concatenate([named.repaired, no]),
            amount=np.concatenate([named.amount, no]),
        )
        order = np.lexsort((both.item, both.payment))
        both = both.at(order)
        return both.at(first_of_runs(both.payment, both.item)) if len(order) else both
