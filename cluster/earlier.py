"""What earlier runs settled, as far as a part of this run has to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import OpenItemBatch, PaymentBatch, SettledBatch
from engine.due_habits import ages_of_due

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engine.match_input import MatchInput

__all__ = ["Earlier", "ages_before", "with_settled"]

_NAMED_BY: Final = (
    *("bank_reference", "end_to_end_id", "check_number", "trace_number", "uetr"),
    *("customer_reference", "payment_id"),
)
"""What a return may name its original by."""


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What every task may ask of earlier runs: what their payments settled, as a record batch; and
    what the program's own functions want to know (`cluster.hooks.EarlierRuns`).
    """

    settled: pa.RecordBatch
    facts: Any


def ages_before(earlier: Earlier, items: OpenItemBatch) -> NDArray[np.int64]:
    """At which ages earlier runs saw `items` paid."""
    settled = SettledBatch.of_distinct(earlier.settled)
    row = pc.index_in(_keys(settled), value_set=items.key_strings())
    known = row.is_valid().to_numpy(zero_copy_only=False)
    due = items.days("due_date")[row.drop_null().to_numpy(zero_copy_only=False)]
    return ages_of_due(due, settled.days("value_date")[known])


def with_settled(match_input: MatchInput, earlier: Earlier) -> MatchInput:
    """`match_input` with what earlier runs settled of its items, and all payments that its returns
    may mean.
    """
    settled = SettledBatch.of_distinct(earlier.settled)
    wanted = pc.is_in(_keys(settled), value_set=match_input.open_items.key_strings())
    payments = match_input.payments
    named = _named_by_returns(payments)
    if len(named):
        for name in _NAMED_BY:
            wanted = pc.or_(wanted, pc.is_in(settled.text(name), value_set=named))
    rows = earlier.settled.filter(wanted)
    return msgspec.structs.replace(match_input, earlier=SettledBatch.of_distinct(rows))


def _named_by_returns(payments: PaymentBatch) -> pa.StringArray:
    returned = pc.less(payments.record_batch["amount_minor"], 0)
    named = payments.text("original_reference").filter(returned)
    return pc.unique(named.filter(pc.not_equal(named, "")))


def _keys(settled: SettledBatch) -> pa.StringArray:
    names = [settled.text(name) for name in ("company_id", "open_item_id")]
    return pc.binary_join_element_wise(*names, "\x1f")
