"""How many payments of a match went through by themselves, and how many wait for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow.compute as pc

if TYPE_CHECKING:
    from engine.batches import ApplicationBatch, PaymentOutcomeBatch
    from rpc.metrics import Metrics

__all__ = ["PaymentCounts", "count_payments", "payment_counts"]


class PaymentCounts(msgspec.Struct, frozen=True, array_like=True):
    """Payments of which nothing is left to decide; of the others those with a proposal, and those
    without any.
    """

    auto: int = 0
    proposed: int = 0
    exception: int = 0

    def __add__(self, other: PaymentCounts) -> PaymentCounts:
        """Of both."""
        return PaymentCounts(
            self.auto + other.auto,
            self.proposed + other.proposed,
            self.exception + other.exception,
        )


def payment_counts(outcomes: PaymentOutcomeBatch, applications: ApplicationBatch) -> PaymentCounts:
    """Of the payments of `outcomes`, by what waits: cash on nothing, or of nobody known."""
    waits = (outcomes.int64("unapplied_minor") != 0) | (outcomes.int64("unidentified_minor") != 0)
    waiting = int(np.count_nonzero(waits))
    if not waiting:
        return PaymentCounts(auto=len(outcomes))
    offered = pc.is_in(outcomes.text("payment_id"), value_set=applications.text("payment_id"))
    proposed = int(np.count_nonzero(waits & offered.to_numpy(zero_copy_only=False)))
    return PaymentCounts(len(outcomes) - waiting, proposed, waiting - proposed)


def count_payments(metrics: Metrics, payments: PaymentCounts, source: str) -> None:
    """Add to `tieout_payments_total`, by where they came from and what became of them."""
    for outcome in payments.__struct_fields__:
        count = getattr(payments, outcome)
        if count:
            metrics.count("tieout_payments_total", count, source=source, outcome=outcome)
