"""The independent check of a result: two equations, recomputed from inputs and outputs alone.

Nothing of the matcher is imported here, on purpose: only batches. A violation raises
`ConservationError` that names the payment or item and the cents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import ConservationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import (
        ApplicationBatch,
        OpenItemBatch,
        PaymentBatch,
        PaymentOutcomeBatch,
        ReversalBatch,
    )

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
_CLOSES: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def audit(
    payments: PaymentBatch,
    open_items: OpenItemBatch,
    outcomes: PaymentOutcomeBatch,
    applications: ApplicationBatch,
    reversals: ReversalBatch,
) -> None:
    """Raise `ConservationError` unless every payment and every open item balances."""
    if not outcomes.text("payment_id").equals(payments.text("payment_id")):
        message = "every payment must have exactly one outcome, in the payments' order"
        raise ConservationError(message)
    decided = applications.record_batch.filter(
        pc.equal(applications.text("decision"), pa.scalar("auto"))
    )
    _audit_payments(payments, outcomes, decided)
    _audit_items(payments, outcomes, open_items, decided, reversals)


def _audit_payments(
    payments: PaymentBatch, outcomes: PaymentOutcomeBatch, decided: pa.RecordBatch
) -> None:
    ids = payments.text("payment_id")
    row = pc.index_in(decided.column("payment_id"), value_set=ids)
    if row.null_count:
        message = "an application names a payment that is not in the input"
        raise ConservationError(message)
    applied = np.zeros(len(payments), dtype=np.int64)
    np.add.at(
        applied, row.to_numpy(zero_copy_only=False), decided.column("applied_minor").to_numpy()
    )
    _refuse(
        ids, applied != outcomes.int64("applied_minor"), "applied_amount is not the sum of rows"
    )
    total = applied + sum(outcomes.int64(name) for name in _BUCKETS)
    amount = payments.int64("amount_minor")
    _refuse(ids, total != amount, "the buckets do not add up to the payment's amount")
    credit = amount >= 0
    for name in (*_BUCKETS[:-1], "applied_minor"):
        _refuse(ids, credit & (outcomes.int64(name) < 0), f"{name} is negative")


def _audit_items(
    payments: PaymentBatch,
    outcomes: PaymentOutcomeBatch,
    open_items: OpenItemBatch,
    decided: pa.RecordBatch,
    reversals: ReversalBatch,
) -> None:
    payment_row = pc.index_in(decided.column("payment_id"), value_set=payments.text("payment_id"))
    company = outcomes.text("company_id").take(payment_row)
    found = _items_of(open_items, company, decided.column("open_item_id"))
    item = found.to_numpy(zero_copy_only=False)
    ids = open_items.text("open_item_id")
    other = pc.not_equal(
        payments.text("currency").take(payment_row), open_items.text("currency").take(found)
    ).to_numpy(zero_copy_only=False)
    _refuse(ids.take(found), other, "payment and item have different currencies")
    closed = np.zeros(len(open_items), dtype=np.int64)
    for name in _CLOSES:
        np.add.at(closed, item, decided.column(name).to_numpy())
    opened = open_items.int64("open_minor")
    _refuse(ids, closed * np.sign(opened) < 0, "an application changes the item's sign")
    _refuse(ids, (opened == 0) & (closed != 0), "something is applied to an item of nothing")
    if len(reversals):
        back = _reopened(payments, outcomes, open_items, decided, reversals)
        np.add.at(closed, back, -reversals.int64("amount_minor"))
    _refuse(ids, closed * np.sign(opened) > np.abs(opened), "more is applied than is open")


def _items_of(
    open_items: OpenItemBatch, company: pa.StringArray, ids: pa.StringArray
) -> pa.Int32Array:
    """Row of the item of each (company, id); raises `ConservationError` where there is none."""
    found = pc.index_in(ids, value_set=open_items.text("open_item_id"))
    same = pc.equal(open_items.text("company_id").take(found), company)
    if found.null_count or not pc.all(same).as_py():
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
) -> NDArray[np.int64]:
    """Item of each reversal; each must undo exactly what its original put on the item, once."""
    original = pc.index_in(reversals.text("original_payment_id"), payments.text("payment_id"))
    company = outcomes.text("company_id").take(original)
    item = _items_of(open_items, company, reversals.text("open_item_id"))
    pairs = _key(decided.column("payment_id"), decided.column("open_item_id"))
    undone = _key(reversals.text("original_payment_id"), reversals.text("open_item_id"))
    row = pc.index_in(undone, value_set=pairs)
    if row.null_count or pc.count_distinct(undone).as_py() != len(undone):
        message = "a reversal undoes something that was not applied, or undoes it twice"
        raise ConservationError(message)
    at = row.to_numpy(zero_copy_only=False)
    closed = sum(decided.column(name).to_numpy()[at] for name in _CLOSES)
    _refuse(undone, closed != reversals.int64("amount_minor"), "a reversal of another amount")
    rows: NDArray[np.int64] = item.to_numpy(zero_copy_only=False).astype(np.int64)
    return rows


def _key(companies: pa.StringArray, ids: pa.StringArray) -> pa.StringArray:
    return pc.binary_join_element_wise(companies, ids, "\x1f")


def _refuse(ids: pa.StringArray, wrong: NDArray[np.bool_], rule: str) -> None:
    at = np.flatnonzero(wrong)
    if len(at):
        message = f"{rule}: {ids[int(at[0])].as_py()!r} and {len(at) - 1} more"
        raise ConservationError(message)
