"""How far a fact would reach: the recent payments it would have told the payer of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.learned_facts import name_keys
from engine.payer_accounts import account_keys

if TYPE_CHECKING:
    from engine.batches import PaymentBatch

__all__ = ["REACH_DAYS", "FactReach", "carriers", "fact_reach"]

REACH_DAYS: Final = 90
"""Days that are looked back: a quarter, in which a regular payer pays three times."""


class FactReach(msgspec.Struct, frozen=True):
    """Payments that a fact is about, and their money."""

    payment_count: int
    amount_minor: int

    @property
    def monthly_minor(self) -> int:
        """Money per month, rounded up: what an authority to teach is measured by."""
        return -(-self.amount_minor * 30 // REACH_DAYS)


def fact_reach(fact_kind: str, value: str, payments: PaymentBatch) -> FactReach:
    """The reach of a name or an account among `payments`, all of one currency.

    Facts about who pays for whom are no matter of one text; they reach nothing that is counted.
    """
    amounts = pc.filter(payments.record_batch["amount_minor"], carriers(fact_kind, value, payments))
    return FactReach(len(amounts), pc.sum(amounts).as_py() or 0)


def carriers(fact_kind: str, value: str, payments: PaymentBatch) -> pa.BooleanArray:
    """Which of `payments` carry the name or the account `value`, written in whatever way."""
    nothing = pa.array([False] * len(payments), pa.bool_())
    wanted = pa.array([value])
    if fact_kind.endswith("account"):
        keys = account_keys(payments.text("payer_account")).whole
        key = account_keys(wanted).whole[0]
    elif fact_kind.endswith("alias"):
        keys = name_keys(payments.text("payer_name"))
        key = name_keys(wanted)[0]
    else:
        return nothing
    return pc.equal(keys, key) if key.as_py() else nothing
