"""What a run about references measured, for people: a table on the screen, one for the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bench.references_record import JoinMeasure, ReferencesRecord

__all__ = ["print_references", "references_table"]


def print_references(record: ReferencesRecord, console: Console | None = None) -> None:
    """Print every measurement of `record`."""
    console = console or Console(highlight=False)
    table = Table(title="References", title_justify="left", title_style="bold")
    for number, column in enumerate(("measured", "ours", "beside", "times as fast")):
        table.add_column(column, justify="left" if number in {0, 2} else "right")
    for row in _rows(record):
        table.add_row(*row)
    console.print(table)


def references_table(record: ReferencesRecord) -> str:
    """The README's table of references: ours beside peers, in the same run."""
    rows = [
        ("measured", "ours", "beside, in the same run", "times as fast"),
        ("---", "---:", "---", "---:"),
        *_rows(record),
    ]
    where = (
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, "
        f"Python {record.machine.python}; least of several, in seconds on cores; joins "
        "by the wall clock on all cores, medians of runs in turn; made-up columns, "
        f"{record.peak_mib / 1024:.1f} GiB for all of it. "
        "`make bench-references` measures again."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def _rows(record: ReferencesRecord) -> list[tuple[str, str, str, str]]:
    extraction, join, damage = record.extraction, record.join, record.damage
    megabytes = extraction.bytes / 1e6
    texts = f"{extraction.texts:,} texts, {megabytes:.0f} MB, {extraction.named:,} references"
    plain = f"`re.findall` of their prefixes: {_rate(extraction.texts, extraction.re_cpu_seconds)}"

    def ratio(name: str) -> str:
        return f"{record.ratios[name]:.1f} ×"

    look_up = (
        f"{join.references:,} references among all that {join.items:,} resident open items are "
        f"called, {join.keys:,} keys"
    )
    rows = [
        (
            f"{texts}: scan",
            _rate(extraction.texts, extraction.scan_cpu_seconds),
            plain,
            ratio("scan / re.findall"),
        ),
        (
            "… every canonical form",
            _rate(extraction.texts, extraction.forms_cpu_seconds),
            f"found: {extraction.found_share:.2%} of them, the pattern "
            f"{extraction.re_found_share:.2%}",
            ratio("canonical forms / re.findall"),
        ),
        *_joins(record, join, "look-up", look_up),
    ]
    if record.hashed_join is not None:
        rows += _joins(record, record.hashed_join, "hashes", "… one key each, hashes of 64 bits")
    names = {"index": "index of", "read_references": "references read, payments"}
    rows += [
        (f"{names[one.stage]} {one.rows:,}", f"{one.cpu_seconds:.1f} s on a core", "", "")
        for one in record.stages
        if one.stage in names
    ]
    hits = damage.hits_another / max(damage.numbers, 1)
    rows.append(
        (
            f"{damage.numbers:,} keying errors in a dense series of {damage.items:,}, with amount",
            _rate(damage.numbers, damage.cpu_seconds),
            f"{hits:.0%} are another item's number; mended {damage.mended_right:,}, wrongly "
            f"{damage.mended_wrong:,}; {damage.automatic:,} payments decided, wrongly "
            f"{damage.wrong:,}",
            "",
        )
    )
    return rows


def _joins(
    record: ReferencesRecord, join: JoinMeasure, name: str, what: str
) -> list[tuple[str, str, str, str]]:
    """A look-up beside both peers; their ratios begin with `name`."""
    return [
        (
            what,
            _clocks(join.seconds, join.cpu_seconds),
            f"duckdb {join.duckdb_version}: "
            f"{_clocks(join.duckdb_seconds, join.duckdb_cpu_seconds)}",
            f"{record.ratios[f'{name} / duckdb join']:.1f} ×",
        ),
        (
            "",
            f"one `np.take` of as many: {join.floor_cpu_seconds * 1000:.0f} ms on a core",
            f"polars {join.polars_version}: "
            f"{_clocks(join.polars_seconds, join.polars_cpu_seconds)}",
            f"{record.ratios[f'{name} / polars join']:.1f} ×",
        ),
    ]


def _rate(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):,.0f}/s"


def _clocks(seconds: float, cpu_seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms ({cpu_seconds * 1000:.0f} ms on cores)"
