"""Batches as rows of SQL tables and back: one table per batch class, its columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa

from engine.batches import (
    ApplicationBatch,
    Batch,
    ControlCheckBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.database import Database

__all__ = ["ROW_TABLES", "RowTable", "batch_of", "quoted_columns"]

_ROW_NUMBER: Final = pa.field("row_number", pa.int64(), nullable=False)


def quoted_columns(batch_class: type[Batch], alias: str = "") -> str:
    """The batch's columns, quoted for SQL, in the schema's order."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in batch_class.SCHEMA.names)


def batch_of(batch_class: type[Batch], rows: pa.Table) -> Batch:
    """The batch of `rows`, whose columns are the schema's."""
    batches = rows.cast(batch_class.SCHEMA).combine_chunks().to_batches()
    return batch_class.of(batches[0]) if batches else batch_class.empty()


class RowTable(msgspec.Struct, frozen=True):
    """A table whose columns are those of a batch class, `file_id`, and `row_number`."""

    name: str
    batch_class: type[Batch]

    def insert(self, database: Database, file_id: str, batch: Batch) -> None:
        """Insert the batch's rows in their order, as rows of `file_id`."""
        rows = pa.Table.from_batches([batch.record_batch])
        if "file_id" not in batch.SCHEMA.names:
            rows = rows.add_column(0, "file_id", pa.repeat(pa.scalar(file_id), len(batch)))
        database.insert_table(self.name, rows)

    def chunks(self, database: Database, file_id: str, chunk_rows: int) -> Iterator[Batch]:
        """The rows of `file_id` in chunks, in the order they were inserted."""
        question = (
            f"SELECT row_number, {quoted_columns(self.batch_class)} "  # noqa: S608 - schema names
            f"FROM {self.name} WHERE file_id = ? AND row_number > ? ORDER BY row_number LIMIT ?"
        )
        schema = pa.schema([_ROW_NUMBER, *self.batch_class.SCHEMA])
        last = 0
        while (rows := database.read_table(question, schema, file_id, last, chunk_rows)).num_rows:
            last = rows["row_number"][-1].as_py()
            yield batch_of(self.batch_class, rows.drop_columns(["row_number"]))

    def first_rows(self, database: Database, file_id: str, order: str, limit: int) -> Batch:
        """The first rows of `file_id` in `order`."""
        question = (
            f"SELECT {quoted_columns(self.batch_class)} FROM {self.name} "  # noqa: S608 - schema names
            f"WHERE file_id = ? ORDER BY {order} LIMIT {limit}"
        )
        schema = self.batch_class.SCHEMA
        return batch_of(self.batch_class, database.read_table(question, schema, file_id))


ROW_TABLES: Final = {
    table.batch_class: table
    for table in (
        RowTable("payment", PaymentBatch),
        RowTable("remittance_line", RemittanceBatch),
        RowTable("payment_outcome", PaymentOutcomeBatch),
        RowTable("application", ApplicationBatch),
        RowTable("reversal", ReversalBatch),
        RowTable("exception_item", ExceptionBatch),
        RowTable("control_check", ControlCheckBatch),
        RowTable("diagnostic", DiagnosticBatch),
    )
}
"""Batch class → its table, in an order that satisfies the foreign keys."""
