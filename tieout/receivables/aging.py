"""What is open, by age: not due, 1–30, 31–60, 61–90 and more than 90 days past due, and credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch

__all__ = ["AGING_BUCKETS", "CREDITS", "aging", "bucket_of", "days_past_due"]

AGING_BUCKETS: Final = ("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90")
"""Names of the buckets; an item without due date ages from its document date."""

CREDITS: Final = "credits"
"""Credit memos and on-account credits are a column of their own: they are not late."""

_EDGES: Final = np.array([0, 30, 60, 90])


def days_past_due(items: OpenItemBatch, as_of: int) -> NDArray[np.int64]:
    """Days each item is past due on `as_of` (a day number); 0 where no date is known."""
    due, document = items.days("due_date"), items.days("document_date")
    day = np.where(due != NO_DATE, due, document)
    return np.where(day != NO_DATE, as_of - day, 0)


def bucket_of(late: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index into `AGING_BUCKETS` by days past due."""
    return np.searchsorted(_EDGES, late, side="left").astype(np.int64)


def aging(items: OpenItemBatch, as_of: int) -> pa.Table:
    """A row per company, customer and currency: minor units per bucket, credits and net total."""
    amount = items.int64("open_minor")
    bucket = np.where(amount < 0, len(AGING_BUCKETS), bucket_of(days_past_due(items, as_of)))
    table = pa.table(
        {name: items.text(name) for name in ("company_id", "customer_id", "currency")}
        | {
            f"{name}_minor": np.where(bucket == at, amount, 0)
            for at, name in enumerate((*AGING_BUCKETS, CREDITS))
        }
        | {"total_minor": amount}
    ).filter(pa.array(amount != 0))
    keys = ["company_id", "customer_id", "currency"]
    sums = [name for name in table.column_names if name not in keys]
    grouped = table.group_by(keys).aggregate([(name, "sum") for name in sums])
    grouped = grouped.select([*keys, *(f"{name}_sum" for name in sums)])
    grouped = grouped.rename_columns([*keys, *sums])
    return grouped.take(pc.sort_indices(grouped, [(key, "ascending") for key in keys]))
