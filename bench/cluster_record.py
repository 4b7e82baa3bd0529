"""One line of `history.jsonl` about Spark: the same job as in one process, and what rows cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bench.measures import ProcessCost  # noqa: TC001 - msgspec reads the annotation
from bench.record import Machine  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BucketMemory",
    "ClusterMeasure",
    "ClusterRecord",
    "Costs",
    "StageCost",
    "cluster_table",
    "costs_of",
    "model_error",
]


class StageCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage cost in the run that counts: tasks, seconds in all of them, bytes written for a
    shuffle; of its longest step the slowest task and the one in the middle, and the same of the
    tasks that are not one giant group's; the most memory a worker held (None in lines older than
    that).
    """

    stage: str
    tasks: int
    seconds: float
    slowest: float
    median: float
    shuffled: int
    shared_slowest: float | None = None
    shared_median: float | None = None
    worker_peak_mib: float | None = None


class BucketMemory(msgspec.Struct, frozen=True, kw_only=True):
    """The peak memory of a process that matched so many rows as one bucket, and nothing else."""

    payments: int
    open_items: int
    peak_mib: float


class ClusterMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One size: one process, and the last of several runs on Spark.

    first_cpu_seconds: of the first run in the session, which compiles; peak_mib: the most memory of
    Spark, driver and workers together, worker_peak_mib: of the largest Python worker, both as
    proportional sets; items_max: open items of the largest bucket; customer_bytes: what the mapped
    master takes, of all customers; alone: buckets in processes of their own (none in old lines).
    """

    payments: int
    open_items: int
    customers: int
    skewed: bool
    process: ProcessCost
    seconds: float
    cpu_seconds: float
    first_cpu_seconds: float
    task_seconds: float
    shuffled: int
    peak_mib: float
    worker_peak_mib: float
    items_max: int
    customer_bytes: int
    equal: bool
    buckets: int
    giants: int
    stages: tuple[StageCost, ...]
    alone: tuple[BucketMemory, ...] = ()

    @property
    def times_seconds(self) -> float:
        """Wall clock on Spark over that of one process."""
        return self.seconds / self.process.seconds

    @property
    def skew(self) -> float | None:
        """The slowest task over the median, of matching, giants that were split out left out."""
        found = [
            one.shared_slowest / one.shared_median
            for one in self.stages
            if one.stage.startswith("decide") and one.shared_slowest and one.shared_median
        ]
        return max(found, default=None)

    @property
    def skew_of_all(self) -> float:
        """The same with the giants."""
        return max(
            (
                one.slowest / one.median
                for one in self.stages
                if one.stage.startswith("decide") and one.median
            ),
            default=1.0,
        )

    @property
    def times_cpu(self) -> float:
        """Seconds on cores, likewise."""
        return self.cpu_seconds / self.process.cpu_seconds


class ClusterRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cluster"):
    """A line of the history. `load` is the machine's load average as the runs began: beside other
    work the wall clock means little, and seconds on cores some more than they need.
    """

    date: str
    size: str
    load: float
    machine: Machine
    versions: dict[str, str]
    runs: tuple[ClusterMeasure, ...]


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What rows cost. payments, open_items: of the largest run. A run takes `fixed_core_seconds`
    whatever its size, and then seconds and bytes by the payment, with the open items beside it; a
    worker `worker_bytes`, and then bytes by the open item of its bucket.
    """

    payments: int
    open_items: int
    fixed_core_seconds: float
    payment_core_seconds: float
    payment_shuffled_bytes: float
    match_share: float
    worker_bytes: float
    item_memory_bytes: float
    customer_memory_bytes: float

    def core_seconds(self, payments: int) -> float:
        """What a run of so many payments takes."""
        return self.fixed_core_seconds + payments * self.payment_core_seconds


def costs_of(record: ClusterRecord) -> Costs:
    """Costs by the even runs of `record`: a line through their core-seconds; the rest by the
    largest.
    """
    even = sorted((one for one in record.runs if not one.skewed), key=lambda one: one.payments)
    run = even[-1]
    by_payment = run.cpu_seconds / run.payments
    if len(even) > 1:
        sizes, seconds = (
            [getattr(one, name) for one in even] for name in ("payments", "cpu_seconds")
        )
        by_payment, _ = np.polyfit(sizes, seconds, 1).tolist()
        by_payment = max(0.0, by_payment)
    matched = sum(one.seconds for one in run.stages if one.stage.startswith("decide"))
    by_item, worker = _memory_of(run)
    return Costs(
        payments=run.payments,
        open_items=run.open_items,
        # The largest run stands on the line: what is extrapolated begins there.
        fixed_core_seconds=max(0.0, run.cpu_seconds - by_payment * run.payments),
        payment_core_seconds=by_payment,
        payment_shuffled_bytes=run.shuffled / run.payments,
        match_share=matched / run.task_seconds,
        worker_bytes=worker,
        item_memory_bytes=by_item,
        customer_memory_bytes=run.customer_bytes / run.customers,
    )


def _memory_of(run: ClusterMeasure) -> tuple[float, float]:
    """Bytes of an item of a bucket, and of a worker without any."""
    if len(run.alone) < 2:
        return run.worker_peak_mib * 2**20 / run.items_max, 0.0
    few, many = run.alone[0], run.alone[-1]
    by_item = (many.peak_mib - few.peak_mib) * 2**20 / (many.open_items - few.open_items)
    return by_item, few.peak_mib * 2**20 - by_item * few.open_items


def model_error(record: ClusterRecord) -> tuple[float, float]:
    """How far the costs are from the even runs at most, as a share: of core-seconds, of bytes."""
    costs = costs_of(record)
    even = [one for one in record.runs if not one.skewed]
    seconds = [costs.core_seconds(one.payments) / one.cpu_seconds for one in even]
    shuffled = [costs.payment_shuffled_bytes * one.payments / one.shuffled for one in even]
    return max(abs(one - 1) for one in seconds), max(abs(one - 1) for one in shuffled)


def cluster_table(record: ClusterRecord) -> str:
    """The runs as a table of Markdown, and what was measured where."""
    rows = [
        "| payments × open items | one process, core-seconds | Spark, core-seconds | ratio | wall "
        "clock, ratio | shuffled a payment | peak memory | slowest task of a stage that matches, "
        "over its median: shared, all | same rows |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
        *(_row(run) for run in record.runs),
    ]
    machine = record.machine
    rows += [
        "",
        f"`python -m bench.cluster`, {record.date}, {machine.cores} cores, load {record.load:.1f} "
        f"as the runs began{_beside(record)}.{_largest_workers(record)}",
    ]
    return "\n".join(rows)


def _row(run: ClusterMeasure) -> str:
    name = f"{run.payments:,} × {run.open_items:,}" + (
        ", a fifth of them one family's" * run.skewed
    )
    return (
        f"| {name} | {run.process.cpu_seconds:.1f} | {run.cpu_seconds:.1f} | "
        f"{run.times_cpu:.1f} | {run.times_seconds:.1f} | "
        f"{run.shuffled / run.payments / 1e3:.1f} KB | {run.peak_mib:,.0f} MiB | "
        f"{'–' if run.skew is None else f'{run.skew:.1f}'}, {run.skew_of_all:.1f} | "
        f"{'yes' if run.equal else 'no'} |"
    )


def _largest_workers(record: ClusterRecord) -> str:
    """Which stages of the largest run hold most in one worker."""
    run = max(record.runs, key=lambda one: one.payments)
    held = sorted((-(one.worker_peak_mib or 0.0), one.stage) for one in run.stages)
    told = ", ".join(f"`{stage}` {-mib:,.0f} MiB" for mib, stage in held[:3] if mib)
    return f" The largest Python worker, by stage of the largest run: {told}." if told else ""


def _beside(record: ClusterRecord) -> str:
    busy: Sequence[str] = (" (other work beside them: the wall clock is not theirs)",)
    return busy[0] if record.load > record.machine.cores else ""
