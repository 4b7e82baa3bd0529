"""One line of `history.jsonl` about the store: rows made durable and applications posted."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = ["Cost", "PostingRecord", "StoreMeasure", "posting_table"]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Median wall clock, and least seconds on cores of this process and the database's."""

    seconds: float
    cpu_seconds: float


class StoreMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work in one database, beside the least that does it."""

    store: str
    work: str
    rows: int
    ours: Cost
    floor: Cost


class PostingRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="posting"):
    """One run; `ratios` are ours over the floor, on cores."""

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    measures: tuple[StoreMeasure, ...]
    ratios: dict[str, float]


def posting_table(record: PostingRecord) -> str:
    """The README's table of the store."""
    lines = [
        "| store | work | rows/s | on cores | floor on cores | ours ÷ floor |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.store} | {one.work}, {one.rows:,} rows | {one.rows / one.ours.seconds:,.0f} "
        f"| {one.ours.cpu_seconds:.1f} s | {one.floor.cpu_seconds:.1f} s "
        f"| {record.ratios[f'{one.store} {one.work}']:.2f} |"
        for one in record.measures
    ]
    lines += [
        "",
        f"{record.date}, {record.machine.cores} cores, {record.machine.system}, Python "
        f"{record.machine.python}; durable commits; seconds on cores of client and database "
        "together. `make bench-store` measures again.",
    ]
    return "\n".join(lines)
