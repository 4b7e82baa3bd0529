"""The payer's open items laid out beside each payment that names none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.batches import NO_DATE
from engine.open_item_index import ledger_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Situation

__all__ = ["PayerLedgers", "lay_out"]


class PayerLedgers(msgspec.Struct, frozen=True, kw_only=True):
    """One row per (payment, eligible item), sorted by payment and canonical item order.

    payment: payment row of each of the `count` problems; owner: problem of each row; remaining:
    what is open; discount: what is still offered; size: rows per problem.
    """

    payment: NDArray[np.int64]
    owner: NDArray[np.int64]
    item: NDArray[np.int64]
    remaining: NDArray[np.int64]
    discount: NDArray[np.int64]
    size: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of problems."""
        return len(self.payment)


def lay_out(situation: Situation, payment: NDArray[np.int64]) -> PayerLedgers:
    """Eligible items of each payment's payer: payable, same currency, not dated after the payment
    (unless the policy takes future items).
    """
    index = situation.index
    ledger = index.ledger_of(situation.payer[payment], situation.currency[payment])
    owner, item = ledger_rows(index, ledger)
    day = index.document_day[item]
    future = (day != NO_DATE) & (day > situation.pay_day[payment[owner]])
    future &= ~situation.rules.future_items[situation.rule[payment[owner]]]
    kept = situation.payable(item) & ~future
    owner, item = owner[kept], item[kept]
    return PayerLedgers(
        payment=payment,
        owner=owner,
        item=item,
        remaining=situation.remaining[item],
        discount=situation.discount_of(item, payment[owner]),
        size=np.bincount(owner, minlength=len(payment)),
    )
