"""The engine's tables inside Spark: pure functions over Arrow tables, run where the rows are.

Every function given here is a pure one of tables. Spark may run it twice for the same rows (a lost
executor, a slow one): the result is the same, and only one of them is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema

from cluster.packed_rows import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame, SparkSession

__all__ = [
    "collected",
    "each_chunk",
    "each_group",
    "each_number",
    "each_piece",
    "each_together",
    "no_rows",
    "rows_of",
]

_HELD_ROWS: Final = 1 << 19
"""Rows a task holds to cut them into chunks: some 150 MiB of open items."""

_CHUNKS_MAX: Final = 256
"""Chunks that are handed to Spark at once: together far below the 2 GiB a batch may have."""


def each_number(
    spark: SparkSession, count: int, make: Callable[[int], Iterator[pa.Table]], schema: pa.Schema
) -> DataFrame:
    """The tables `make` gives for each number below `count`, one task each."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for table in make(number):
                    yield from table.select(schema.names).to_batches()

    numbers = spark.range(0, count, 1, max(count, 1))
    return numbers.mapInArrow(run, from_arrow_schema(schema))


def each_piece(
    rows: DataFrame, change: Callable[[pa.Table], pa.Table], schema: pa.Schema
) -> DataFrame:
    """`rows` changed piece by piece."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                changed = change(pa.Table.from_batches([batch]))
                yield from changed.select(schema.names).to_batches()

    return rows.mapInArrow(run, from_arrow_schema(schema))


def each_chunk(
    rows: DataFrame, change: Callable[[pa.Table], pa.Table], schema: pa.Schema
) -> DataFrame:
    """`rows` changed in pieces as large as a task may hold: what is cut into many chunks has more
    rows in each.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch)
            if sum(one.num_rows for one in held) >= _HELD_ROWS:
                yield from change(pa.Table.from_batches(held)).to_batches(_CHUNKS_MAX)
                held = []
        if held:
            yield from change(pa.Table.from_batches(held)).to_batches(_CHUNKS_MAX)

    return rows.mapInArrow(run, from_arrow_schema(schema))


def each_together(
    left: DataFrame,
    right: DataFrame,
    by: str,
    join: Callable[[int, pa.Table, pa.Table], pa.Table],
    schema: pa.Schema,
) -> DataFrame:
    """What `join` makes of the rows of both sides that have one value of the column `by`."""

    def run(key: tuple[Any, ...], one: pa.Table, two: pa.Table) -> pa.Table:
        return join(key[0].as_py(), one, two).select(schema.names)

    grouped = left.groupBy(by).cogroup(right.groupBy(by))
    return grouped.applyInArrow(run, from_arrow_schema(schema))


def each_group(
    rows: DataFrame, by: str, change: Callable[[int, pa.Table], pa.Table], schema: pa.Schema
) -> DataFrame:
    """What `change` makes of all rows that have one value of the column `by`."""

    def run(key: tuple[Any, ...], table: pa.Table) -> pa.Table:
        return change(key[0].as_py(), table).select(schema.names)

    return rows.groupBy(by).applyInArrow(run, from_arrow_schema(schema))


def rows_of(pieces: DataFrame, name: str, schema: pa.Schema) -> DataFrame:
    """The rows of table `name` among packed `pieces`."""

    def unpack(piece: pa.Table) -> pa.Table:
        return unpacked(piece, name, schema)

    return each_piece(pieces.where(pieces["name"] == name), unpack, schema)


def no_rows(spark: SparkSession, schema: pa.Schema) -> DataFrame:
    """A table without rows."""
    return spark.createDataFrame([], from_arrow_schema(schema))


def collected(rows: DataFrame) -> pa.Table:
    """All `rows` on the driver; for what is small by design."""
    return rows.toArrow()
