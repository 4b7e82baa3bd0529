"""What a run measured, for people: tables on the screen, and the tables of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.record import Record

__all__ = ["print_report", "readme_table"]


def print_report(record: Record, console: Console | None = None) -> None:
    """Print parsers, stages, job and quality of `record`."""
    console = console or Console(highlight=False)
    parsers = _table("Parsers", "format", "file", "MB/s", "payments/s", "floor MB/s", "× floor")
    for one in record.parse:
        megabytes = one.bytes / 1e6
        parsers.add_row(
            one.format,
            f"{megabytes:,.1f} MB",
            f"{megabytes / one.seconds:,.1f}",
            f"{one.payments / one.seconds:,.0f}",
            f"{megabytes / one.floor_seconds:,.1f}",
            f"{one.seconds / one.floor_seconds:,.1f}",
        )
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
    for table in (parsers, stages, jobs):
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
    for one in record.parse:
        rate, floor = one.bytes / 1e6 / one.seconds, one.bytes / 1e6 / one.floor_seconds
        rows.append(
            (
                f"read {one.format}, {one.bytes / 1e6:.0f} MB in memory",
                f"{rate:.0f} MB/s, {one.payments / one.seconds:,.0f} payments/s",
                f"`{one.floor}` that keeps nothing: {floor:.0f} MB/s",
                f"{record.ratios[f'parse {one.format}']:.1f} ×",
            )
        )
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
