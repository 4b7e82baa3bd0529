"""Remittance advice that arrived apart from the cash finds its payment.

Keys are tried from certain to likely: the payment's own id, UETR, trace number, end-to-end id,
check number with the amount, payer name with amount. A key that fits several payments, or a payment
that several advices claim by it, joins nothing: a wrong advice is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import ADVICE_SCALE, AdviceBatch, PaymentBatch, RemittanceBatch
from engine.money import exponents_of
from engine.names import normalise_names
from engine.owner_table import NOBODY, OwnerTable
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JoinedAdvices", "join_advices"]


class JoinedAdvices(msgspec.Struct, frozen=True, kw_only=True):
    """All remittance lines, those of joined advices included, and the advices no payment could use.

    orphan_id, orphan_minor, orphan_scale: id and total of each orphan advice (four decimals).
    """

    remittances: RemittanceBatch
    orphan_ids: list[str]
    orphan_totals: NDArray[np.int64]


def join_advices(
    payments: PaymentBatch, remittances: RemittanceBatch, advices: AdviceBatch
) -> JoinedAdvices:
    """Add the lines of advices that belong to exactly one payment without lines of its own."""
    if not len(advices):
        return JoinedAdvices(
            remittances=remittances, orphan_ids=[], orphan_totals=np.empty(0, dtype=np.int64)
        )
    advices = advices.take(_in_order(advices))
    code, ids = advices.codes("remittance_id")
    payment = _payment_of_lines(payments, advices)
    owner = _owner_of_advices(payment, code, len(ids))
    lined = np.zeros(len(payments), dtype=np.bool_)
    if len(remittances):
        found = pc.index_in(remittances.text("payment_id"), value_set=payments.text("payment_id"))
        lined[found.drop_null().to_numpy(zero_copy_only=False)] = True
    claimed = np.bincount(owner[owner >= 0], minlength=len(payments))
    # A payment may have several advices (one per document) only where they name it by its own id.
    own_id = _by_own_id(payments, advices)
    named = np.zeros(len(ids), dtype=np.bool_)
    named[code[own_id >= 0]] = True
    # One entry more than payments, so that "no payment" (-1) has one as well.
    claimed, lined = np.append(claimed, 0), np.append(lined, False)
    at = np.maximum(owner, -1)
    usable = (owner >= 0) & ((claimed[at] == 1) | named) & ~lined[at]
    lines = np.flatnonzero(usable[code])
    joined = _as_remittances(payments, advices, lines, owner[code[lines]])
    # An advice nobody uses is said: only one whose payment brought lines of its own is superfluous.
    orphan = np.flatnonzero(~usable & ~((owner >= 0) & lined[at]))
    totals = segment_sum(advices.int64("amount_minor"), code, len(ids))
    return JoinedAdvices(
        remittances=RemittanceBatch.concat([remittances, joined]) if len(lines) else remittances,
        orphan_ids=[ids[row] for row in orphan],
        orphan_totals=totals[orphan],
    )


def _in_order(advices: AdviceBatch) -> NDArray[np.int64]:
    """Rows by remittance id and line number, so that the order they came in plays no part."""
    rank = pc.rank(advices.text("remittance_id"), tiebreaker="dense")
    return np.lexsort((advices.int64("line_number"), rank.to_numpy(zero_copy_only=False)))


def _by_own_id(payments: PaymentBatch, advices: AdviceBatch) -> NDArray[np.int64]:
    rows = np.arange(len(payments), dtype=np.int64)
    return OwnerTable.of(payments.text("payment_id"), rows).look_up(
        advices.text("payment_reference")
    )


def _payment_of_lines(payments: PaymentBatch, advices: AdviceBatch) -> NDArray[np.int64]:
    """Payment row of each advice line by its best key, `NOBODY` or several."""
    rows = np.arange(len(payments), dtype=np.int64)
    cash = pa.array(payments.int64("amount_minor") * _scale_up(payments)).cast(pa.string())
    stated = pa.array(advices.int64("payment_amount_minor")).cast(pa.string())
    name = normalise_names(payments.text("payer_name")).full
    advice_name = normalise_names(advices.text("payer_name")).full

    def both(text: pa.StringArray, amount: pa.StringArray) -> pa.StringArray:
        joined = pc.binary_join_element_wise(text, amount, "\x1f")
        return pc.if_else(pc.equal(text, ""), "", joined)

    payment = _by_own_id(payments, advices)
    for keys, wanted in (
        (payments.text("bank_reference"), advices.text("payment_reference")),
        (payments.text("uetr"), advices.text("uetr")),
        (payments.text("trace_number"), advices.text("trace_number")),
        (payments.text("remittance_id"), advices.text("remittance_id")),
        (payments.text("end_to_end_id"), advices.text("end_to_end_id")),
        (both(payments.text("check_number"), cash), both(advices.text("check_number"), stated)),
        (payments.text("check_number"), advices.text("check_number")),
        (both(name, cash), both(advice_name, stated)),
    ):
        found = OwnerTable.of(keys, rows).look_up(wanted)
        payment = np.where(payment < 0, np.where(found == NOBODY, payment, found), payment)
    return payment


def _owner_of_advices(
    payment: NDArray[np.int64], code: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """The payment all lines of an advice agree on; -2 where they do not."""
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, code, payment)
    np.maximum.at(high, code, payment)
    return np.where(low == high, low, -2)


def _scale_up(payments: PaymentBatch) -> NDArray[np.int64]:
    exponents = exponents_of(payments.text("currency"))
    return np.power(np.int64(10), ADVICE_SCALE - exponents)


def _as_remittances(
    payments: PaymentBatch,
    advices: AdviceBatch,
    lines: NDArray[np.int64],
    payment: NDArray[np.int64],
) -> RemittanceBatch:
    order = np.lexsort((lines, payment))
    lines, payment = lines[order], payment[order]
    source = advices.take(lines)
    scale = _scale_up(payments)[payment]

    # Amounts finer than the payment's currency are none of it: better none than rounded ones.
    columns = ("amount_minor", "discount_minor", "deduction_minor")
    fine = np.logical_or.reduce([source.int64(name) % scale != 0 for name in columns])
    missing = source.is_null("amount_minor") | fine

    def minor(name: str) -> NDArray[np.int64]:
        return np.where(fine, 0, source.int64(name) // scale)

    head = np.flatnonzero(first_of_runs(payment)) if len(payment) else payment
    number = np.arange(len(payment)) - np.repeat(head, np.diff(np.append(head, len(payment)))) + 1
    return RemittanceBatch.from_columns(
        {
            "payment_id": payments.text("payment_id").take(pa.array(payment)),
            "line_number": number,
            "reference": source.text("reference"),
            "reference_kind": source.text("reference_kind"),
            "amount_minor": pa.array(minor("amount_minor"), mask=missing),
            "discount_minor": minor("discount_minor"),
            "deduction_minor": minor("deduction_minor"),
            "deduction_reason": source.text("deduction_reason"),
            "currency": payments.text("currency").take(pa.array(payment)),
            "source": pa.repeat(pa.scalar("advice"), len(lines)),
            "remittance_id": source.text("remittance_id"),
        }
    )
