"""What the bench of subset sums measured, for people: the screen, and the README's table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from bench.combination_record import CombinationRecord

__all__ = ["combination_table", "print_combinations"]

_SHOWN = {"dpss": "dpss", "ortools": "OR-Tools CP-SAT"}


def _time(seconds: float) -> str:
    """Seconds in the unit a reader wants."""
    for unit, scale, least in (("s", 1.0, 1.0), ("ms", 1e3, 1e-3)):
        if seconds >= least:
            return f"{seconds * scale:,.1f} {unit}"
    return f"{seconds * 1e6:,.2f} µs"


def _rows(record: CombinationRecord) -> list[tuple[str, str, str]]:
    """What was asked, what it costs, and how that compares."""
    join = record.join
    payment = join.lookup_seconds / join.payments
    rows = [
        (
            f"a payment against the structured sets of {join.ledgers:,} ledgers, {join.items:,} "
            f"items ({join.sets:,} sets, built in {_time(join.build_seconds)})",
            f"{_time(payment)}, {join.payments / join.lookup_seconds:,.0f} a second",
            _beside(record, "payment", min(one.size for one in record.singles)),
        )
    ]
    rows += [
        (
            f"all solutions among {one.size} items counted, one problem alone",
            _time(one.seconds),
            _beside(record, "count", one.size),
        )
        for one in record.singles
    ]
    rows += [
        (f"the same among {one.size} items, {one.problems:,} problems", _time(one.seconds), "")
        for one in record.batches
    ]
    rows.append(
        (
            f"none, one or several among {record.certificate_size} items, proven",
            _time(record.certificate_seconds),
            "",
        )
    )
    return rows


def _beside(record: CombinationRecord, what: str, size: int) -> str:
    parts = []
    for peer in record.peers:
        ratio = record.ratios.get(f"{what} / {peer.name}, {size} items")
        if peer.size == size and ratio is not None:
            name = f"{_SHOWN[peer.name]} {peer.version}"
            parts.append(f"{name}: {_time(peer.seconds)}, {ratio:,.0f} × as long")
    return "; ".join(parts)


def print_combinations(record: CombinationRecord, console: Console) -> None:
    """Print `record`."""
    table = Table(title="Subset sums", title_justify="left", title_style="bold")
    for column in ("what", "ours", "peers on the same problems"):
        table.add_column(column)
    for row in _rows(record):
        table.add_row(*row)
    console.print(table)


def combination_table(record: CombinationRecord) -> str:
    """The README's table of subset sums."""
    lines = ["| what | ours | peers, same problems, same run |", "| --- | ---: | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(record)]
    lines += [
        "",
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, "
        f"Python {record.machine.python}; one core; log-normal amounts in cents, three items paid; "
        "beyond ten items the peers look for sets of up to four only. "
        "`make bench-combinations` measures again.",
    ]
    return "\n".join(lines)
