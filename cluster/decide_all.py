"""Every bucket is matched, and what came of it leaves as tables: part k of each holds the same
payments, sorted, whatever the buckets were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as sf

from cluster.bucket_match import second_round
from cluster.lay_out import in_buckets
from cluster.mapped_values import mapped_value
from cluster.packed_rows import PACKED, packed
from cluster.places import Place, files_below
from cluster.spark_rows import each_together, rows_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from cluster.run import Run

__all__ = ["decide_all", "write_tables"]

_MARK: Final = "payment_id"
"""What says in which part a row stands: its payment."""


def decide_all(run: Run) -> dict[str, int]:
    """Match every bucket by everything there is."""
    known_at, facts_at, tell = run.place_of("customers"), run.place_of("facts"), run.hooks.tell
    payments, items = in_buckets(run)

    def decide(_: int, ours: pa.Table, open_items: pa.Table) -> pa.Table:
        known, facts = mapped_value(known_at), mapped_value(facts_at)
        return packed(second_round(ours, open_items, known, facts, tell))

    pieces = run.write(each_together(payments, items, "bucket", decide, PACKED), "matched")
    sizes = pieces.groupBy("name").agg(sf.sum("rows").alias("rows")).collect()
    return {row["name"]: row["rows"] for row in sizes}


def write_tables(run: Run) -> dict[str, int]:
    """Write the tables of the result, each in parts."""
    pieces = run.table("matched").unionByName(run.table("advice_notes"))
    for notes in run.notes():
        pieces = pieces.unionByName(notes)
    payments = run.table("payments_told").count()
    parts = max(1, -(-payments // run.job.cuts.file_payments))
    sizes = {}
    for name, schema in run.hooks.schemas.items():
        rows = rows_of(pieces, name, schema)
        kept = _in_parts(rows, parts).sortWithinPartitions(*run.hooks.order[name])
        written, place = run.work / "written" / name, run.work / "result" / name
        kept.write.mode("overwrite").option("compression", "zstd").parquet(written.uri)
        place.remove()
        for number, file in enumerate(files_below(written.uri, (".parquet",))):
            (place / f"part-{number:05}.parquet").take(Place(file.uri))
        sizes[name] = run.spark.read.parquet(place.uri).count()
    return sizes


def _in_parts(rows: DataFrame, parts: int) -> DataFrame:
    """`rows` in `parts` parts by their payment; rows of no payment stand together."""
    if parts == 1:
        return rows.coalesce(1)
    key = _MARK if _MARK in rows.columns else "source_file"
    return rows.repartition(parts, key)
