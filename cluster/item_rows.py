"""Open items as rows of a run: numbered, their reference keys read once, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from cluster.rows import ITEM_ROW, int64_list
from engine.reference_keys import Documents
from engine.whole import ItemCounts

if TYPE_CHECKING:
    from engine.batches import OpenItemBatch

__all__ = ["counts_of", "item_rows"]


def item_rows(items: OpenItemBatch, first: int) -> pa.Table:
    """`items`, numbered from `first`, as `ITEM_ROW`."""
    count = len(items)
    documents = Documents.of(items, np.arange(count, dtype=np.int64))
    counts = msgspec.msgpack.encode(ItemCounts.of(items, documents))
    columns = {name: items.record_batch.column(name) for name in items.SCHEMA.names}
    columns |= {
        "item_no": pa.array(np.arange(first, first + count, dtype=np.int64)),
        "keys": int64_list(*documents.keys.by_item(), count),
        "counts": pa.array([counts, *([None] * (count - 1))][:count], pa.binary()),
    }
    return pa.table(columns, schema=ITEM_ROW)


def counts_of(parts: pa.Table) -> ItemCounts:
    """What the pieces with the given `counts` add up to."""
    decoder = msgspec.msgpack.Decoder(ItemCounts)
    return ItemCounts.total(decoder.decode(part) for part in parts.column("counts").to_pylist())
