"""Batches as rows of SQL tables and back: one table per batch class, its columns by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

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
    from collections.abc import Iterator, Sequence

__all__ = ["ROW_TABLES", "RowTable"]


class RowTable(msgspec.Struct, frozen=True):
    """A table whose columns are those of a batch class, `file_id`, and `row_number`."""

    name: str
    batch_class: type[Batch]

    @property
    def columns(self) -> str:
        """The batch's columns, quoted for SQL, in the schema's order."""
        return ", ".join(f'"{name}"' for name in self.batch_class.SCHEMA.names)

    @property
    def insert_sql(self) -> str:
        """Insert one row: `file_id` unless the batch has it, then the batch's columns."""
        own = "" if "file_id" in self.batch_class.SCHEMA.names else "file_id, "
        marks = ", ".join("?" * (len(self.batch_class.SCHEMA) + bool(own)))
        names = f"{own}{self.columns}"
        return f"INSERT INTO {self.name} ({names}) VALUES ({marks})"  # noqa: S608 - schema names

    @property
    def page_sql(self) -> str:
        """Rows of one file after a `row_number`: `row_number`, then the batch's columns."""
        return (
            f"SELECT row_number, {self.columns} FROM {self.name} "  # noqa: S608 - schema names
            "WHERE file_id = ? AND row_number > ? ORDER BY row_number LIMIT ?"
        )

    def rows(self, file_id: str, batch: Batch) -> Iterator[tuple[Any, ...]]:
        """The batch's rows as `insert_sql` wants them; dates as ISO 8601 text."""
        columns = [_to_sql(column) for column in batch.record_batch.columns]
        if "file_id" not in batch.SCHEMA.names:
            columns.insert(0, [file_id] * len(batch))
        return zip(*columns, strict=True)

    def batch(self, rows: Sequence[Sequence[Any]]) -> Batch:
        """The batch of `rows`, each in the order of the schema."""
        columns = zip(*rows, strict=True) if rows else ([] for _ in self.batch_class.SCHEMA)
        return self.batch_class.from_columns(
            {
                field.name: _from_sql(field.type, list(values))
                for field, values in zip(self.batch_class.SCHEMA, columns, strict=True)
            }
        )


def _to_sql(column: pa.Array) -> list[Any]:
    values = column.cast(pa.string()) if pa.types.is_date(column.type) else column
    return values.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types


def _from_sql(kind: pa.DataType, values: list[Any]) -> pa.Array:
    if pa.types.is_date(kind):
        return pc.cast(pa.array(values, pa.string()), kind)
    if pa.types.is_boolean(kind):
        return pa.array([bool(value) for value in values], kind)
    return pa.array(values, kind)


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
