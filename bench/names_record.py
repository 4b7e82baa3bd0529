"""One line of `history.jsonl` about names of payers: ours and peers, and what a name may decide."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = ["NameMeasure", "NamesRecord", "Precision", "names_table"]


class NameMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """A way to find customers by name: names asked per second of one core, share found first."""

    name: str
    customers: int
    names: int
    names_per_second: float
    right_share: float


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """Payers of whom `unknown_share` are no customers: decisions, and how many were wrong.

    `kind` is a kind of name evidence taken alone, or `name and amount`, the engine's decisions.
    """

    kind: str
    decided: int
    wrong: int


class NamesRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="names"):
    """One run; `ratios` are ours over theirs: how many times as many names a second."""

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    measures: tuple[NameMeasure, ...]
    unknown_share: float
    precision: tuple[Precision, ...]
    ratios: dict[str, float]


def names_table(record: NamesRecord) -> str:
    """The README's table of names."""
    lines = [
        "| customers by name, one core | customers | names/s | found first |",
        "| --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.name} | {one.customers:,} | {one.names_per_second:,.0f} | {one.right_share:.3f} |"
        for one in record.measures
    ]
    both = record.precision[-1]
    alone = max(record.precision[:-1], key=lambda one: one.wrong / max(one.decided, 1))
    kind = alone.kind.replace("_", " ")
    lines += [
        "",
        f"With {record.unknown_share:.0%} of the payers in no master, {both.wrong} of "
        f"{both.decided:,} decisions by name and amount were wrong; a name alone of the kind "
        f"“{kind}” would have been in {alone.wrong} of {alone.decided:,}.",
    ]
    return "\n".join(lines)
