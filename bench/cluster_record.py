"""One line of `history.jsonl` about Spark: the same job as in one process, and what rows cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.measures import ProcessCost  # noqa: TC001 - msgspec reads the annotation
from bench.record import Machine  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ClusterMeasure", "ClusterRecord", "Costs", "StageCost", "cluster_table", "costs_of"]


class StageCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage cost in the run that counts: tasks, seconds in all of them, bytes written for a
    shuffle; of its longest step the slowest task and the one in the middle, and the same of the
    tasks that are not one giant group's (None in lines older than that).
    """

    stage: str
    tasks: int
    seconds: float
    slowest: float
    median: float
    shuffled: int
    shared_slowest: float | None = None
    shared_median: float | None = None


class ClusterMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One size: one process, and the last of several runs on Spark.

    first_cpu_seconds: of the first run in the session, which compiles; peak_mib: the most memory of
    Spark, driver and workers together, worker_peak_mib: of the largest Python worker, both as
    proportional sets; items_max: open items of the largest bucket; customer_bytes: what the mapped
    master takes, of all customers.
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
    """What rows cost, from the largest run: everything it took, by its rows."""

    payments: int
    open_items: int
    core_seconds: float
    shuffled_bytes: float
    match_share: float
    item_memory_bytes: float
    customer_memory_bytes: float


def costs_of(record: ClusterRecord) -> Costs:
    """Costs by the largest even run of `record`; its fixed cost counts as if rows had caused it."""
    run = max((one for one in record.runs if not one.skewed), key=lambda one: one.payments)
    matched = sum(one.seconds for one in run.stages if one.stage.startswith("decide"))
    return Costs(
        payments=run.payments,
        open_items=run.open_items,
        core_seconds=run.cpu_seconds,
        shuffled_bytes=run.shuffled,
        match_share=matched / run.task_seconds,
        item_memory_bytes=run.worker_peak_mib * 2**20 / run.items_max,
        customer_memory_bytes=run.customer_bytes / run.customers,
    )


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
        f"as the runs began{_beside(record)}.",
    ]
    return "\n".join(rows)


def _row(run: ClusterMeasure) -> str:
    name = f"{run.payments:,} × {run.open_items:,}" + (", a fifth one family" * run.skewed)
    return (
        f"| {name} | {run.process.cpu_seconds:.1f} | {run.cpu_seconds:.1f} | "
        f"{run.times_cpu:.1f} | {run.times_seconds:.1f} | "
        f"{run.shuffled / run.payments / 1e3:.1f} KB | {run.peak_mib:,.0f} MiB | "
        f"{'–' if run.skew is None else f'{run.skew:.1f}'}, {run.skew_of_all:.1f} | "
        f"{'yes' if run.equal else 'no'} |"
    )


def _beside(record: ClusterRecord) -> str:
    busy: Sequence[str] = (" (other work beside them: the wall clock is not theirs)",)
    return busy[0] if record.load > record.machine.cores else ""
