"""`python -m bench.cluster`: the same job on Spark as in one process, on the same two cores.

Each size is matched by one process and then twice on `local[2]`; the second run counts, for Spark
has compiled by then. Results are compared row by row. What the cluster's tasks cost (seconds in
tasks, bytes shuffled, the slowest beside the median) is read from Spark's own event log.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.bucket_memory import rows_of_buckets
from bench.cluster_record import BucketMemory, ClusterMeasure, ClusterRecord, StageCost
from bench.inputs import make_inputs
from bench.measures import process_cost
from bench.process_tree import MemoryWatch, cpu_seconds_of_tree
from bench.runs import match_arguments
from bench.sizes import Sizes
from cluster.job import match_on_cluster
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_inputs import read_remittance_places
from tieout.cluster_output import cluster_hooks
from tieout.cluster_session import spark_session
from tieout.run_tables import TABLE_ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluster.settings import ClusterReport

__all__ = ["SIZES", "main", "measure", "under_one_parent"]

_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "bench"
_PARTS: Final = 8
_OWNER: Final = ("company_id", "customer_id")
_RUNS: Final = 2
_BUCKETS_LEAST: Final = 16
"""Buckets a size is cut into at least, for a median to mean something."""

SIZES: Final = (
    Sizes(name="full", payments=20_000, open_items=200_000, customers=4_000),
    Sizes(name="full", payments=100_000, open_items=1_000_000, customers=20_000),
    Sizes(name="full", payments=200_000, open_items=2_000_000, customers=40_000),
)
"""Ten open items for each payment, fifty for each customer."""

_LARGE: Final = Sizes(name="full", payments=1_000_000, open_items=10_000_000, customers=200_000)
_SMALL: Final = (Sizes(name="quick", payments=300, open_items=3_000, customers=60),)
_SKEWED_SHARE: Final = 5
"""One family has a fifth of all items of the skewed world."""

_ALONE_ITEMS: Final = 500_000
"""Items that are matched as one bucket, to see what an item costs; less than a gigabyte of them."""


def measure(sizes: Sizes, cache: Path, *, skewed: bool) -> ClusterMeasure:
    """Both ways over one world."""
    world = make_inputs(sizes, cache, _say).world
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        tables = _prepared(world, folder / "tables", skewed=skewed)
        _say("one process")
        process = process_cost(match_arguments(tables, folder / "run"))
        spent = _on_spark(tables, folder, sizes)
        report = spent.report
        stages = _stage_costs(folder / "events", report, spent.memory.worker_most_by_stage)
        return ClusterMeasure(
            payments=sizes.payments,
            open_items=sizes.open_items,
            customers=report.counts["customers.customers"],
            skewed=skewed,
            process=process,
            seconds=round(spent.seconds, 2),
            cpu_seconds=round(spent.cpu_seconds, 2),
            first_cpu_seconds=round(spent.first_cpu_seconds, 2),
            task_seconds=round(sum(one.seconds for one in stages), 2),
            shuffled=sum(one.shuffled for one in stages),
            peak_mib=round(spent.memory.most_mib),
            worker_peak_mib=round(spent.memory.worker_most_mib),
            items_max=report.counts["decide_references.items_max"],
            customer_bytes=report.counts["customers.bytes"],
            equal=_is_equal(folder / "run", folder / "out"),
            buckets=report.counts["lay_out.buckets"],
            giants=report.counts["lay_out.giants"],
            stages=stages,
            alone=_alone(next((folder / "work").glob("*/values")).parent),
        )


def _alone(folder: Path) -> tuple[BucketMemory, ...]:
    """The peak memory of processes that match one bucket of a run, and several as one."""
    found = []
    payments, items = np.cumsum(rows_of_buckets(folder), axis=0).T
    for count in sorted({1, max(1, int((items <= _ALONE_ITEMS).sum()))}):
        cost = process_cost(["-m", "bench.bucket_memory", str(folder), str(count)])
        rows = {"payments": int(payments[count - 1]), "open_items": int(items[count - 1])}
        found.append(BucketMemory(**rows, peak_mib=round(cost.peak_mib)))
    return tuple(found)


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


def _prepared(world: Path, place: Path, *, skewed: bool) -> Path:
    """The tables of a world, its open items in parts beside the whole; `skewed`: customers of one
    company, with a fifth of all items, under one parent.
    """
    place.mkdir()
    items = pq.read_table(world / "open_items.parquet")
    for path in sorted(world.glob("*.parquet")):
        table = pq.read_table(path)
        if skewed and path.stem == "customers":
            table = under_one_parent(table, items)
        pq.write_table(table, place / path.name)
    (place / "open_items").mkdir()
    size = -(-len(items) // _PARTS)
    for number in range(_PARTS):
        part = items.slice(number * size, size)
        pq.write_table(part, place / "open_items" / f"part-{number}.parquet")
    return place


def under_one_parent(customers: pa.Table, items: pa.Table) -> pa.Table:
    """`customers`, of which some of the largest company stand under one: until they have a fifth of
    all `items`.
    """
    owned = Counter(zip(*(items[name].to_pylist() for name in _OWNER), strict=True))
    by_company: Counter[str] = Counter()
    for (company, _), count in owned.items():
        by_company[company] += count
    largest = min(by_company, key=lambda name: (-by_company[name], name))
    rows, left, head = customers.to_pylist(), len(items) // _SKEWED_SHARE, ""
    for row in rows:
        if row["company_id"] != largest or left <= 0:
            continue
        head = head or row["customer_id"]
        # Whoever stood under somebody else stands under the head as well, with all below him.
        row["parent_customer_id"] = "" if row["customer_id"] == head else head
        left -= owned[row["company_id"], row["customer_id"]]
    return pa.Table.from_pylist(rows, schema=customers.schema)


class _Spent(NamedTuple):
    """What the last of several runs took, and what it reports."""

    seconds: float
    cpu_seconds: float
    first_cpu_seconds: float
    memory: MemoryWatch
    report: ClusterReport


def _on_spark(tables: Path, folder: Path, sizes: Sizes) -> _Spent:
    """Run several times in one session; the last run counts."""
    (folder / "events").mkdir()
    settings = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": (folder / "events").as_uri(),
        "spark.driver.memory": "3g",
        "spark.local.dir": str(folder / "spark"),
        "spark.sql.shuffle.partitions": "4",
    }
    job = ClusterJob(
        open_items=str(tables / "open_items"),
        payments=str(tables / "payments.parquet"),
        customers=str(tables / "customers.parquet"),
        bank_accounts=str(tables / "bank_accounts.parquet"),
        out=str(folder / "out"),
        overwrite=True,
        work=str(folder / "work"),
        keep_work=True,
        cuts=Cuts(
            bucket_items=min(100_000, sizes.open_items // _BUCKETS_LEAST),
            bucket_payments=min(10_000, sizes.payments // _BUCKETS_LEAST),
        ),
    )
    hooks = cluster_hooks(read_remittance_places([str(tables / "remittances.parquet")]))
    spent = []
    with spark_session("local[2]", None, settings) as spark, MemoryWatch() as memory:
        spark.sparkContext.setLogLevel("ERROR")
        for number in range(_RUNS):
            for name in ("out", "work"):
                shutil.rmtree(folder / name, ignore_errors=True)
            _say(f"on Spark, run {number + 1} of {_RUNS}")
            begun, before = time.perf_counter(), cpu_seconds_of_tree()
            report = match_on_cluster(spark, job, hooks, _watched(memory))
            seconds, cpu_seconds = time.perf_counter() - begun, cpu_seconds_of_tree() - before
            _say(f"{seconds:.1f} s, {cpu_seconds:.1f} s on cores")
            spent.append((seconds, cpu_seconds))
    return _Spent(*spent[-1], spent[0][1], memory, report)


def _watched(memory: MemoryWatch) -> Callable[[str, int], None]:
    def begin(stage: str, rows: int) -> None:
        del rows
        memory.stage = stage

    return begin


def _stage_costs(
    events: Path, report: ClusterReport, workers: dict[str, float]
) -> tuple[StageCost, ...]:
    """What the tasks of each stage cost in the last run, out of Spark's event log."""
    names = [one.stage for one in report.stages]
    jobs: dict[str, list[list[int]]] = {name: [] for name in names}
    tasks: dict[int, list[dict[str, Any]]] = {}
    for line in (one for path in sorted(events.iterdir()) for one in path.open(encoding="utf-8")):
        event = json.loads(line)
        if event["Event"] == "SparkListenerJobStart":
            tags = event["Properties"].get("spark.job.tags", "").split(",")
            for name in names:
                if any(tag == name or tag.endswith(f"-{name}") for tag in tags):
                    jobs[name].append(event["Stage IDs"])
        elif event["Event"] == "SparkListenerTaskEnd" and event.get("Task Metrics"):
            metrics = event["Task Metrics"] | {"Index": event["Task Info"]["Index"]}
            tasks.setdefault(event["Stage ID"], []).append(metrics)
    split_out = _split_out(report)
    costs = (
        _cost(name, jobs[name][-(len(jobs[name]) // _RUNS) :], tasks, split_out) for name in names
    )
    return tuple(
        msgspec.structs.replace(one, worker_peak_mib=round(workers.get(one.stage, 0.0)))
        for one in costs
    )


def _split_out(report: ClusterReport) -> set[int]:
    """Numbers of the buckets that hold one giant group each: the first ones (`cluster.buckets`)."""
    return set(range(report.counts["lay_out.giants"]))


def _cost(
    name: str, jobs: list[list[int]], tasks: dict[int, list[dict[str, Any]]], split_out: set[int]
) -> StageCost:
    """What the steps of `jobs` cost; a task of the longest one is a bucket where it matches."""
    steps = [tasks[one] for one in sorted({step for job in jobs for step in job}) if one in tasks]
    longest = max(steps, key=lambda step: sum(map(_seconds, step)), default=[])
    of_buckets = name.startswith("decide")
    if of_buckets:
        # Bringing rows to the buckets is a step before the one that matches them.
        longest = steps[-1]
    every = sorted(map(_seconds, longest)) or [0.0]
    shared = [_seconds(one) for one in longest if one["Index"] not in split_out]
    of_buckets = of_buckets and len(shared) > 0
    written = [one["Shuffle Write Metrics"]["Shuffle Bytes Written"] for s in steps for one in s]
    return StageCost(
        stage=name,
        tasks=sum(len(step) for step in steps),
        seconds=round(sum(_seconds(one) for step in steps for one in step), 3),
        slowest=round(every[-1], 3),
        median=round(statistics.median(every), 3),
        shuffled=sum(written),
        shared_slowest=round(max(shared), 3) if of_buckets else None,
        shared_median=round(statistics.median(shared), 3) if of_buckets else None,
    )


def _seconds(task: dict[str, Any]) -> float:
    return float(task["Executor Run Time"]) / 1_000


def _is_equal(run: Path, out: Path) -> bool:
    """Every table of both, sorted, value by value."""
    for name, keys in TABLE_ORDER.items():
        want = pq.read_table(run / f"{name}.parquet")
        parts = [pq.read_table(part) for part in sorted((out / name).glob("*.parquet"))]
        got = pa.concat_tables(parts).cast(want.schema)
        order = [(key, "ascending") for key in keys]
        if not want.sort_by(order).combine_chunks().equals(got.sort_by(order).combine_chunks()):
            return False
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code, 1 where a result differs."""
    reader = bench_reader("bench.cluster", __doc__, "a tiny world")
    reader.add_argument("--cache", type=Path, default=_CACHE, help="where worlds are kept")
    reader.add_argument("--sizes", type=int, default=len(SIZES), help="how many sizes, least first")
    reader.add_argument("--large", action="store_true", help="also 1 M × 10 M: an hour, 16 GiB")
    chosen = reader.parse_args(arguments)
    chosen.cache.mkdir(parents=True, exist_ok=True)
    sizes = list(_SMALL if chosen.quick else SIZES[: chosen.sizes])
    sizes += [_LARGE] if chosen.large else []
    load = os.getloadavg()[0]
    runs = [measure(one, chosen.cache, skewed=False) for one in sizes]
    runs.append(measure(sizes[0], chosen.cache, skewed=True))
    record = ClusterRecord(
        date=date_of(chosen),
        size=sizes[-1].name,
        load=round(load, 1),
        machine=records.this_machine(),
        versions=records.installed_versions(),
        runs=tuple(runs),
    )
    for run in runs:
        kind = "skewed" if run.skewed else ""
        print(
            f"{run.payments:,} × {run.open_items:,} {kind}: {run.process.seconds:.1f} s in one "
            f"process, {run.seconds:.1f} s on Spark ({run.times_seconds:.1f}×; on cores "
            f"{run.process.cpu_seconds:.1f} s and {run.cpu_seconds:.1f} s, {run.times_cpu:.1f}×), "
            f"{run.task_seconds:.1f} s in tasks, {run.shuffled / 1e6:.0f} MB shuffled, "
            f"{run.buckets} buckets ({run.giants} of one group), slowest task of matching "
            f"{run.skew or 0:.1f} times the median "
            f"({run.skew_of_all:.1f} with those of one group), "
            f"equal: {run.equal}"
        )
        for stage in run.stages:
            print(
                f"  {stage.stage:<18} {stage.tasks:4} tasks {stage.seconds:8.2f} s  slowest "
                f"{stage.slowest:.2f} s, median {stage.median:.2f} s  {stage.shuffled / 1e6:.1f} MB"
            )
    keep(record, chosen)
    return 0 if all(run.equal for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
