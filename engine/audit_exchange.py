"""The independent check of payments that settle items of another currency.

Recomputed from the payments, the rows and what policy declares: every row of two currencies says
what it takes of its payment, in the payment's currency; the two amounts stand in the ratio the bank
stated, or within the declared distance of a declared rate. A row of one currency says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import ConservationError
from engine.money import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch
    from engine.policy_exchange import Exchange

__all__ = ["audit_exchange", "cash_of_payments"]

_SILENCE: Final = pa.repeat(pa.scalar(""), 1024)


def cash_of_payments(decided: pa.RecordBatch) -> NDArray[np.int64]:
    """What each row takes of its payment, in the payment's currency."""
    cash, applied = decided.column("cash_minor"), decided.column("applied_minor")
    cash = pc.coalesce(cash, applied) if cash.null_count < len(cash) else applied
    taken: NDArray[np.int64] = cash.to_numpy(zero_copy_only=False).astype(np.int64)
    return taken


def audit_exchange(
    payments: PaymentBatch, decided: pa.RecordBatch, paid_by: pa.Int32Array, exchange: Exchange
) -> None:
    """Raise `ConservationError` unless every row of two currencies is declared (see module);
    `paid_by` is the payment of each row.
    """
    paid_in, says = payments.text("currency").take(paid_by), decided.column("cash_currency")
    if paid_in.equals(decided.column("currency")) and _all_silent(says):
        return
    differs = pc.not_equal(paid_in, decided.column("currency"))
    told = pc.and_(decided.column("cash_minor").is_valid(), pc.not_equal(says, ""))
    if pc.any(pc.not_equal(differs, told)).as_py():
        message = "a row of two currencies does not say what it takes of its payment"
        raise ConservationError(message)
    if not pc.any(differs).as_py():
        return
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in decided.filter(differs).to_pylist():
        rows[one["payment_id"]].append(one)
    wanted = pc.is_in(payments.text("payment_id"), value_set=pa.array(list(rows), pa.string()))
    for payment in payments.record_batch.filter(wanted).to_pylist():
        _audit_payment(payment, rows[payment["payment_id"]], exchange)


def _all_silent(says: pa.StringArray) -> bool:
    """No row says anything."""
    if len(says) <= len(_SILENCE):
        return bool(says.equals(_SILENCE[: len(says)]))
    return not pc.sum(pc.binary_length(says)).as_py()


def _audit_payment(
    payment: dict[str, Any],
    rows: list[dict[str, Any]],
    exchange: Exchange,
) -> None:
    name = payment["payment_id"]
    currencies = {one["currency"] for one in rows}
    stated = {one["cash_currency"] for one in rows}
    if len(currencies) != 1 or stated != {payment["currency"]}:
        message = f"payment {name!r} settles items of several currencies"
        raise ConservationError(message)
    items_in = currencies.pop()
    cash = sum(one["cash_minor"] for one in rows)
    item = sum(one["applied_minor"] for one in rows)
    if cash <= 0 or item <= 0 or cash > payment["amount_minor"]:
        message = f"payment {name!r} gives up {cash} minor units for {item} of its items"
        raise ConservationError(message)
    if exchange.bank_amount and payment["instructed_currency"] == items_in:
        instructed = payment["instructed_minor"]
        # What the items take of the payment, to the nearest minor unit.
        if instructed and abs(cash - Fraction(item * payment["amount_minor"], instructed)) * 2 <= 1:
            return
    day = payment["value_date"] or payment["booking_date"]
    declared = None if day is None else exchange.rate(payment["currency"], items_in, day)
    if declared is not None:
        places = CURRENCY_EXPONENTS[items_in] - CURRENCY_EXPONENTS[payment["currency"]]
        worth = cash * declared * Fraction(10) ** places
        # Whole minor units on either side.
        if abs(worth - item) <= exchange.tolerance * item + max(worth / cash, 1):
            return
    message = (
        f"payment {name!r}: {cash} minor units of {payment['currency']} for {item} of {items_in}, "
        "which nothing declared says"
    )
    raise ConservationError(message)
