"""What a run measured, for people: tables on the screen, and the tables of the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.reading_record import ReadingRecord
    from bench.record import Record

__all__ = ["print_report", "reading_table", "readme_table"]


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
