"""Every bucket is matched, and what came of it leaves as tables: part k of each holds the same
payments, sorted, whatever the buckets were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as sf

from cluster.bucket_match import second_round
from cluster.lay_out import of_bucket
from cluster.mapped_values import mapped_value
from cluster.packed_rows import PACKED, packed
from cluster.places import Place, files_below
from cluster.spark_rows import each_group, rows_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from cluster.run import Run

__all__ = ["decide_all", "write_tables"]

_FILE: Final = "part-{:05}.parquet"
_MARK: Final = "payment_id"
"""What says in which part a row stands: its payment."""


def decide_all(run: Run) -> dict[str, int]:
    """Match every bucket by everything there is."""
    known_at, facts_at, tell = run.place_of("customers"), run.place_of("facts"), run.hooks.tell

    def decide(_: int, chunks: pa.Table) -> pa.Table:
        known, facts = mapped_value(known_at), mapped_value(facts_at)
        return packed(second_round(*of_bucket(chunks), known, facts, tell))

    chunks = run.table("in_buckets")
    pieces = run.write(each_group(chunks, "bucket", decide, PACKED), "matched")
    sizes = pieces.groupBy("name").agg(sf.sum("rows").alias("rows")).collect()
    return {row["name"]: row["rows"] for row in sizes}


def write_tables(run: Run) -> dict[str, int]:
    """Write the tables of the result, each in parts."""
    pieces = run.table("matched").unionByName(run.table("advice_notes"))
    for notes in run.notes():
        pieces = pieces.unionByName(notes)
    counted = pieces.groupBy("name").agg(sf.sum("rows").alias("rows")).collect()
    rows_there = {row["name"]: int(row["rows"]) for row in counted}
    sizes = {name: rows_there.get(name, 0) for name in run.hooks.schemas}
    parts = max(1, -(-sizes["payments"] // run.job.cuts.file_payments))
    for name, schema in run.hooks.schemas.items():
        place = run.work / "result" / name
        place.remove()
        if sizes[name]:
            _write_table(run, pieces, name, schema, parts)
        else:
            (place / _FILE.format(0)).write(_without_rows(schema))
    return sizes


def _write_table(run: Run, pieces: DataFrame, name: str, schema: pa.Schema, parts: int) -> None:
    rows = rows_of(pieces, name, schema)
    kept = _in_parts(rows, parts).sortWithinPartitions(*run.hooks.order[name])
    written, place = run.work / "written" / name, run.work / "result" / name
    kept.write.mode("overwrite").option("compression", "zstd").parquet(written.uri)
    for number, file in enumerate(files_below(written.uri, (".parquet",))):
        (place / _FILE.format(number)).take(Place(file.uri))


def _without_rows(schema: pa.Schema) -> bytes:
    """A table without rows: Spark need not be asked for it."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    return bytes(sink.getvalue().to_pybytes())


def _in_parts(rows: DataFrame, parts: int) -> DataFrame:
    """`rows` in `parts` parts by their payment; rows of no payment stand together."""
    if parts == 1:
        return rows.coalesce(1)
    key = _MARK if _MARK in rows.columns else "source_file"
    return rows.repartition(parts, key)
