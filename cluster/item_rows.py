"""Open items as rows of a run: numbered, their owners and reference keys beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cluster.rows import ITEM_ROW, int64_list
from engine.reference_keys import Documents
from engine.whole import ItemCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch

__all__ = ["item_rows"]


def item_rows(
    items: OpenItemBatch, owner: NDArray[np.int64], first: int
) -> tuple[pa.Table, ItemCounts]:
    """`items`, numbered from `first`, of the given owners, as `ITEM_ROW`; and what they count."""
    count = len(items)
    documents = Documents.of(items, np.arange(count, dtype=np.int64))
    columns = {name: items.record_batch.column(name) for name in items.SCHEMA.names}
    columns |= {
        "item_no": pa.array(np.arange(first, first + count, dtype=np.int64)),
        "owner": pa.array(owner),
        "keys": int64_list(*documents.reference_keys().by_item(), count),
    }
    return pa.table(columns, schema=ITEM_ROW), ItemCounts.of(items, documents)
