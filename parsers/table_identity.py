"""Row order and identity of tables: the same rows in any order are the same table.

Ledgers export their rows in whatever order suits them; results must not depend on it. So a table
is put in the order of its key before anything else sees it, and its hash is taken over its known
columns in that order: a table keeps its hash when rows move, unknown columns come and go, or CSV
becomes Parquet.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.batches import Batch

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = ["in_key_order", "table_hash", "with_origin"]


def in_key_order(batch: AnyBatch) -> AnyBatch:
    """The rows of `batch` in ascending order of its key columns (`KEY`)."""
    if len(batch) < 2 or not batch.KEY:
        return batch
    if batch.keys_ascend():
        return batch
    order = pc.sort_indices(batch.record_batch, [(name, "ascending") for name in batch.KEY])
    return batch.take(order.to_numpy(zero_copy_only=False))


def table_hash(batch: Batch) -> str:
    """SHA-256 in hex over the columns of `batch` (names, types, values), rows as they stand."""
    digest = hashlib.sha256()
    for field, column in zip(batch.SCHEMA, batch.record_batch.columns, strict=True):
        digest.update(f"{field.name}\x1f{field.type}\x1f{len(column)}\x1e".encode())
        if column.null_count:
            digest.update(column.is_null().cast(pa.uint8()).to_numpy().tobytes())
            column = pc.fill_null(column, pa.scalar(0, pa.int32()).cast(column.type))  # noqa: PLW2901  # the rest reads the filled column
        if pa.types.is_string(column.type):
            digest.update(pc.binary_length(column).to_numpy(zero_copy_only=False).tobytes())
            digest.update(_text_bytes(column))
        else:
            digest.update(column.to_numpy(zero_copy_only=False).tobytes())
    return digest.hexdigest()


def with_origin(batch: AnyBatch, origin: Mapping[str, str]) -> AnyBatch:
    """`batch` with its own hash as `file_id` and the columns `origin`, the same in every row."""
    rows = len(batch)
    origin = {"file_id": table_hash(in_key_order(batch)), **origin}
    kept = {name: batch.record_batch.column(name) for name in batch.SCHEMA.names}
    same = {name: pa.repeat(pa.scalar(value, pa.string()), rows) for name, value in origin.items()}
    return type(batch).from_columns(kept | same)


def _text_bytes(column: pa.StringArray) -> bytes:
    """The characters of all rows, one after another."""
    _, offsets, data = column.buffers()
    if data is None or not len(column):
        return b""
    ends = memoryview(offsets).cast("i")
    return bytes(memoryview(data)[ends[column.offset] : ends[column.offset + len(column)]])
