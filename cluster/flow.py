"""Tasks on Spark, and tasks after tasks: all that is known of Spark on the way of a table.

A step is a pure function of a number and of what was sent to it. Spark may run it twice for the
same number (a lost executor, a slow one): the packets are the same, and one set of them is kept;
files that steps write appear whole, and hold the same bytes each time. Steps follow one another
without a word to the driver: a stage is one job, however many steps it has.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as sf
from pyspark.sql.pandas.types import from_arrow_schema

from cluster.packets import PACKET, Received, batches_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from cluster.packets import Packet

__all__ = ["begun", "gathered", "passed", "settled"]

_SETTINGS: Final = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(64 << 20),
}
"""Steps say themselves how many tasks they have: a plan that Spark changes between them only makes
more jobs of one. Packets are large rows: how many go together is a matter of their bytes."""


@contextmanager
def settled(spark: SparkSession) -> Iterator[None]:
    """The session with the settings that steps want, and afterwards as it was."""
    before = {name: str(spark.conf.get(name)) for name in _SETTINGS}
    for name, value in _SETTINGS.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        # A session that has died says nothing any more, and what killed it is said already.
        with suppress(Exception):
            for name, value in before.items():
                spark.conf.set(name, value)


def begun(spark: SparkSession, count: int, make: Callable[[int], Iterable[Packet]]) -> DataFrame:
    """What `make` sends for each number below `count`, a task each."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from batches_of(make(number))

    numbers = spark.range(0, count, 1, max(count, 1))
    return numbers.mapInArrow(run, from_arrow_schema(PACKET))


def passed(
    packets: DataFrame, count: int, make: Callable[[int, Received], Iterable[Packet]]
) -> DataFrame:
    """What `make` sends for each number below `count` and the `packets` that go there, a task
    each; called for every number, also where nothing goes.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, received in Received.by_task(batches).items():
            yield from batches_of(make(number, received))

    # A packet without a name goes to every task, so that none is forgotten.
    calls = packets.sparkSession.range(0, count, 1, 1).select(
        sf.col("id").cast("int").alias("to"),
        sf.lit("").alias("name"),
        sf.lit(0).cast("bigint").alias("rows"),
        sf.lit("").cast("binary").alias("content"),
    )
    placed = packets.unionByName(calls).repartitionById(max(count, 1), "to")
    return placed.mapInArrow(run, from_arrow_schema(PACKET))


def gathered(packets: DataFrame) -> Received:
    """What was sent to the driver: small by design."""
    by_task = Received.by_task(packets.toArrow().to_batches())
    whole = Received()
    for received in by_task.values():
        for name in received.names():
            for content in received.contents(name):
                whole.take(name, content)
    return whole
