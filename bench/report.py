"""What a run measured, for people: tables on the screen, and the tables of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.reading_record import ReadingRecord
    from bench.record import Record
    from bench.scale_record import ScaleMeasure, ScaleRecord

__all__ = ["print_report", "reading_table", "readme_table", "scale_table"]


def print_report(record: Record, console: Console | None = None) -> None:
    """Print stages, job and quality of `record`."""
    console = console or Console(highlight=False)
    stages = _table("Stages of the job", "stage", "seconds", "payments/s")
    for stage in record.stages:
        stages.add_row(stage.stage, f"{stage.seconds:.2f}", f"{stage.payments_per_second:,.0f}")
    job = record.job
    title = f"{job.payments:,} payments × {job.open_items:,} open items, whole processes"
    jobs = _table(title, "process", "seconds", "on a core", "peak MiB", "ours ÷ theirs")
    for name, cost in (
        ("tieout match", job.ours),
        ("pyarrow read-join-write", job.pyarrow),
        ("duckdb read-join-write", job.duckdb),
    ):
        jobs.add_row(
            name,
            f"{cost.seconds:.2f}",
            f"{cost.cpu_seconds:.2f}",
            f"{cost.peak_mib:,.0f}",
            f"{job.ours.seconds / cost.seconds:.2f}",
        )
    for table in (stages, jobs):
        console.print(table)
    console.print(_quality_line(record))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _quality_line(record: Record) -> str:
    quality = record.quality
    return (
        f"decided without a clerk: {quality.automatic_by_payment:.1%} by payment, "
        f"{quality.automatic_by_line:.1%} by line, {quality.automatic_by_value:.1%} by value; "
        f"wrong: {quality.wrong_count} of {quality.automatic_count:,}"
    )


def readme_table(record: Record) -> str:
    """The README's numbers: what was measured, on what, and the ratios that travel."""
    job, quality = record.job, record.quality
    rows = [
        ("measured", "result", "beside, in the same run", "ratio"),
        ("---", "---:", "---", "---:"),
    ]
    whole = f"`tieout match`, {job.payments:,} payments × {job.open_items:,} open items"
    ours = f"{job.ours.seconds:.1f} s, {job.ours.peak_mib:,.0f} MiB"
    for peer, cost in (("pyarrow", job.pyarrow), ("duckdb", job.duckdb)):
        ratio = f"{record.ratios[f'match / {peer} join']:.1f} ×"
        theirs = f"{peer} read-join-write: {cost.seconds:.1f} s, {cost.peak_mib:,.0f} MiB"
        rows.append((whole, ours, theirs, ratio))
    rows += [
        ("decided without a clerk, by payment", f"{quality.automatic_by_payment:.1%}", "", ""),
        ("… by line", f"{quality.automatic_by_line:.1%}", "", ""),
        ("… by value", f"{quality.automatic_by_value:.1%}", "", ""),
        (
            "wrong among them",
            f"{quality.wrong_count} of {quality.automatic_count:,}",
            "the truth of the seeded world",
            "",
        ),
    ]
    where = (
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, "
        f"Python {record.machine.python}; medians; whole jobs are processes from start to end. "
        "Ratios are our seconds over theirs."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def reading_table(record: ReadingRecord) -> str:
    """The README's table of readers: ours beside a peer and the floor, in the same run."""
    rows = [
        ("file", "ours", "peer", "times as fast", "of the floor's speed", "memory above imports"),
        ("---", "---:", "---", "---:", "---:", "---:"),
    ]
    for one in record.files:
        megabytes = one.bytes / 1e6
        rows.append(
            (
                f"{one.title}, {megabytes:.0f} MB",
                f"{megabytes / one.seconds:.0f} MB/s, {one.rows / one.seconds:,.0f} rows/s",
                f"`{one.peer.name}` {one.peer.version}: {megabytes / one.peer.seconds:.1f} MB/s",
                f"{record.ratios[f'{one.name} / {one.peer.name}']:.1f} ×",
                f"{record.ratios[f'{one.name} / floor']:.2f} of `{one.floor}`",
                f"{one.peak_mib:.0f} MiB",
            )
        )
    where = (
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, "
        f"Python {record.machine.python}; medians of files in memory, read whole: every field, "
        "identities, offsets, totals, Arrow columns. `make bench-reading` measures again."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def scale_table(record: ScaleRecord) -> str:
    """The README's table of sizes, and what bounds the largest run."""
    rows = [
        ("`tieout match`, Parquet in and out", "seconds", "on cores", "a payment", "peak", "wrong"),
        ("---", "---:", "---:", "---:", "---:", "---:"),
    ]
    rows += [
        (
            f"{run.payments:,} payments × {run.open_items:,} open items, "
            f"{run.customers:,} customers",
            f"{run.cost.seconds:.0f} s",
            f"{run.cost.cpu_seconds:.0f} s",
            f"{run.microseconds():.0f} µs",
            f"{run.cost.peak_mib / 1024:.1f} GiB",
            f"{run.quality.wrong_count} of {run.quality.automatic_count:,}",
        )
        for run in record.runs
    ]
    ratio = record.ratios["seconds per payment"]
    contests = record.contests.candidates / record.contests.cpu_seconds / 1e6
    where = (
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, "
        f"Python {record.machine.python}; one process each, from start to end. A payment costs "
        f"{ratio:.2f} times as much at the largest size. {_bounds(record.runs[-1])} Competing "
        f"payments are resolved at {contests:.1f} million candidates a second on one core. "
        "`make bench-scale` measures again."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def _bounds(run: ScaleMeasure) -> str:
    """Which stages take most of the time, and how much of it is on more than one core."""
    total = sum(one.seconds for one in run.stages)
    most = sorted(run.stages, key=lambda one: -one.seconds)[:3]
    shares = ", ".join(f"{one.stage.replace('_', ' ')} {one.seconds / total:.0%}" for one in most)
    return (
        f"The largest stages are {shares}; {run.cost.cpu_seconds / run.cost.seconds:.1f} cores are "
        "busy on average."
    )
