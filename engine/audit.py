"""The independent check of a result: two equations, recomputed from inputs and outputs alone.

Nothing of the matcher is imported here, on purpose: only batches. A violation raises
`ConservationError` that names the payment or item and the cents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.audit_exchange import audit_exchange, cash_of_payments
from engine.errors import ConservationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import (
        ApplicationBatch,
        OpenItemBatch,
        PaymentBatch,
        PaymentOutcomeBatch,
        ReversalBatch,
        SettledBatch,
    )
    from engine.policy import PolicyBook

__all__ = ["audit"]

_BUCKETS: Final = (
    "on_account_minor",
    "unapplied_minor",
    "unidentified_minor",
    "suspense_minor",
    "non_ar_minor",
    "refund_minor",
    "returned_minor",
)
_AUTO, _NOTHING = pa.scalar("auto"), pa.scalar("")
_ALL_AUTO: Final = pa.repeat(_AUTO, 1024)
_CLOSES: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def audit(
    payments: PaymentBatch,
    open_items: OpenItemBatch,
    outcomes: PaymentOutcomeBatch,
    applications: ApplicationBatch,
    reversals: ReversalBatch,
    earlier: SettledBatch,
    policy: PolicyBook,
) -> None:
    """Raise `ConservationError` unless every payment and every open item balances.

    `open_items` are at least those that applications and reversals name. `earlier` is what payments
    of earlier runs settled, which a return of today may re-open; of `policy` only what it declares
    counts: companies that collect for others, exchange rates.
    """
    if not outcomes.text("payment_id").equals(payments.text("payment_id")):
        message = "every payment must have exactly one outcome, in the payments' order"
        raise ConservationError(message)
    decided = _decided(applications)
    paid_by = pc.index_in(decided.column("payment_id"), value_set=payments.text("payment_id"))
    if paid_by.null_count:
        message = "an application names a payment that is not in the input"
        raise ConservationError(message)
    _audit_payments(payments, outcomes, decided, paid_by)
    _audit_companies(payments, outcomes, policy)
    audit_exchange(payments, decided, paid_by, policy.exchange)
    if decided.num_rows or len(reversals):
        _audit_items(payments, outcomes, open_items, decided, paid_by, reversals, earlier)


def _decided(applications: ApplicationBatch) -> pa.RecordBatch:
    """The rows that were decided; where nothing else is there, all of them as they stand."""
    decision = applications.text("decision")
    if len(decision) <= len(_ALL_AUTO) and decision.equals(_ALL_AUTO[: len(decision)]):
        return applications.record_batch
    return applications.record_batch.filter(pc.equal(decision, _AUTO))


def _audit_payments(
    payments: PaymentBatch,
    outcomes: PaymentOutcomeBatch,
    decided: pa.RecordBatch,
    paid_by: pa.Int32Array,
) -> None:
    ids, amount = payments.text("payment_id"), payments.int64("amount_minor")
    applied = np.zeros(len(payments), dtype=np.int64)
    np.add.at(applied, paid_by.to_numpy(zero_copy_only=False), cash_of_payments(decided))
    stated = outcomes.int64("applied_minor")
    _refuse(ids, applied != stated, "applied_amount is not the sum of rows")
    buckets = np.array([outcomes.int64(name) for name in _BUCKETS])
    total = applied + buckets.sum(axis=0)
    _refuse(ids, total != amount, "the buckets do not add up to the payment's amount")
    # Returned money is the last bucket, and the only one that may be below zero.
    below = np.array([*buckets[:-1], stated]) < 0
    below &= amount >= 0
    if np.count_nonzero(below):
        for name, wrong in zip((*_BUCKETS[:-1], "applied_minor"), below, strict=True):
            _refuse(ids, wrong, f"{name} is negative")


def _audit_companies(
    payments: PaymentBatch, outcomes: PaymentOutcomeBatch, policy: PolicyBook
) -> None:
    """A payment stays with the company it says, or goes to a declared sister."""
    stated, settled = payments.text("company_id"), outcomes.text("company_id")
    if stated.equals(settled):
        return
    moved = pc.and_(pc.not_equal(stated, _NOTHING), pc.not_equal(stated, settled))
    if not pc.any(moved).as_py():
        return
    both = _key(stated, settled)
    declared = pa.array(["\x1f".join(pair) for pair in sorted(policy.sisters())], pa.string())
    strange = pc.and_(moved, pc.invert(pc.is_in(both, value_set=declared)))
    wrong = strange.to_numpy(zero_copy_only=False)
    _refuse(payments.text("payment_id"), wrong, "a payment settles another company's items")


def _audit_items(
    payments: PaymentBatch,
    outcomes: PaymentOutcomeBatch,
    open_items: OpenItemBatch,
    decided: pa.RecordBatch,
    paid_by: pa.Int32Array,
    reversals: ReversalBatch,
    earlier: SettledBatch,
) -> None:
    company = outcomes.text("company_id").take(paid_by)
    found = _items_of(open_items, company, decided.column("open_item_id"))
    item = found.to_numpy(zero_copy_only=False)
    ids = open_items.text("open_item_id")
    currency, item_currency = decided.column("currency"), open_items.text("currency").take(found)
    if not currency.equals(item_currency):
        other = pc.not_equal(currency, item_currency).to_numpy(zero_copy_only=False)
        _refuse(ids.take(found), other, "application and item have different currencies")
    closed = np.zeros(len(open_items), dtype=np.int64)
    for name in _CLOSES:
        np.add.at(closed, item, decided.column(name).to_numpy())
    opened = open_items.int64("open_minor")
    _refuse(ids, closed * np.sign(opened) < 0, "an application changes the item's sign")
    _refuse(ids, (opened == 0) & (closed != 0), "something is applied to an item of nothing")
    if len(reversals):
        back = _reopened(payments, outcomes, open_items, decided, reversals, earlier)
        there = back >= 0
        np.add.at(closed, back[there], -reversals.int64("amount_minor")[there])
    _refuse(ids, closed * np.sign(opened) > np.abs(opened), "more is applied than is open")


def _items_of(
    open_items: OpenItemBatch, company: pa.StringArray, ids: pa.StringArray
) -> pa.Int32Array:
    """Row of the item of each (company, id); raises `ConservationError` where there is none."""
    found = pc.index_in(ids, value_set=open_items.text("open_item_id"))
    if found.null_count or not open_items.text("company_id").take(found).equals(company):
        # The id alone is another company's, or nobody's: look for both together.
        keys = _key(open_items.text("company_id"), open_items.text("open_item_id"))
        found = pc.index_in(_key(company, ids), value_set=keys)
    if found.null_count:
        place = pc.index(found.is_null(), pa.scalar(value=True)).as_py()
        message = f"open item {ids[place].as_py()!r} is not in the input, or is another company's"
        raise ConservationError(message)
    return found


def _reopened(
    payments: PaymentBatch,
    outcomes: PaymentOutcomeBatch,
    open_items: OpenItemBatch,
    decided: pa.RecordBatch,
    reversals: ReversalBatch,
    earlier: SettledBatch,
) -> NDArray[np.int64]:
    """Item of each reversal (-1: settled earlier, and in no list any more); each must undo what its
    original put on the item, once: all of it, or the part that was returned.
    """
    name, item = reversals.text("original_payment_id"), reversals.text("open_item_id")
    company = outcomes.text("company_id").take(
        pc.index_in(decided.column("payment_id"), payments.text("payment_id"))
    )
    pairs = pa.concat_arrays(
        [
            _key(decided.column("payment_id"), decided.column("open_item_id")),
            _key(earlier.text("payment_id"), earlier.text("open_item_id")),
        ]
    )
    companies = pa.concat_arrays([company, earlier.text("company_id")])
    now = sum(decided.column(name).to_numpy() for name in _CLOSES)
    closed_by = np.concatenate([now, earlier.int64("closed_minor")])
    undone = _key(name, item)
    row = pc.index_in(undone, value_set=pairs)
    if row.null_count or pc.count_distinct(undone).as_py() != len(undone):
        message = "a reversal undoes something that was not applied, or undoes it twice"
        raise ConservationError(message)
    at = row.to_numpy(zero_copy_only=False).astype(np.int64)
    closed, amount = closed_by[at], reversals.int64("amount_minor")
    owner = pc.index_in(reversals.text("payment_id"), payments.text("payment_id"))
    returned = -payments.int64("amount_minor")[owner.to_numpy(zero_copy_only=False)]
    amount_of = payments.int64("amount_minor")
    paid_now = amount_of[pc.index_in(decided.column("payment_id"), payments.text("payment_id"))]
    paid = np.concatenate([paid_now, earlier.int64("paid_minor")])[at]
    part = (amount == returned) & (amount > 0) & (amount < closed) & (returned < paid)
    _refuse(undone, (closed != amount) & ~part, "a reversal of another amount")
    named = np.flatnonzero(pc.is_in(open_items.text("open_item_id"), value_set=item))
    listed = open_items.take(named)
    keys = _key(listed.text("company_id"), listed.text("open_item_id"))
    place = pc.fill_null(pc.index_in(_key(companies.take(row), item), value_set=keys), -1)
    found = place.to_numpy(zero_copy_only=False).astype(np.int64)
    gone = (found < 0) & (at < decided.num_rows)
    _refuse(undone, gone, "a reversal of an item that is not there")
    rows: NDArray[np.int64] = np.append(named, -1)[found]
    return rows


def _key(companies: pa.StringArray, ids: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise(companies, ids, "\x1f")


def _refuse(ids: pa.StringArray, wrong: NDArray[np.bool_], rule: str) -> None:
    if np.count_nonzero(wrong):
        at = wrong.nonzero()[0]
        message = f"{rule}: {ids[int(at[0])].as_py()!r} and {len(at) - 1} more"
        raise ConservationError(message)
