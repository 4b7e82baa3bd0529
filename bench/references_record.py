"""One line of `history.jsonl` about references: read, looked up, and mended where damaged."""

from __future__ import annotations

import msgspec

from bench.record import Machine  # noqa: TC001 - msgspec reads the annotation

__all__ = [
    "DamageMeasure",
    "ExtractionMeasure",
    "JoinMeasure",
    "ReferencesRecord",
    "StageSeconds",
    "references_ratios",
]


class ExtractionMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Remittance texts read whole, least seconds on a core: digit runs with their numbers
    (`scan`), every canonical form (`forms`), and `re.findall` with a pattern of prefixes.

    found_share: references of the truth among the canonical forms; re_found_share among matches.
    """

    texts: int
    bytes: int
    named: int
    scan_cpu_seconds: float
    forms_cpu_seconds: float
    re_cpu_seconds: float
    found_share: float
    re_found_share: float


class JoinMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """References looked up among resident open items, and peers that join their tables: medians of
    runs in turn on all cores, by the wall clock and cores added up (`cpu_seconds`).

    keys: rows of the peers' tables and of ours; floor_cpu_seconds: one `np.take` of as many random
    numbers of as many as there are items.
    """

    references: int
    items: int
    keys: int
    seconds: float
    cpu_seconds: float
    floor_cpu_seconds: float
    duckdb_version: str
    duckdb_seconds: float
    duckdb_cpu_seconds: float
    polars_version: str
    polars_seconds: float
    polars_cpu_seconds: float


class StageSeconds(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds on a core of a stage over all its rows."""

    stage: str
    rows: int
    cpu_seconds: float


class DamageMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """Damaged numbers of payments of one item, mended by the engine in a dense series.

    hits_another: the damaged number is another item's; automatic, wrong: payments decided without a
    clerk after both readings, and those of them put on another item.
    """

    numbers: int
    items: int
    hits_another: int
    cpu_seconds: float
    mended_right: int
    mended_wrong: int
    automatic: int
    wrong: int


class ReferencesRecord(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="references"
):
    """One run. `date` is the caller's, ISO 8601; `ratios` are theirs over ours.

    join: references that are numbers, of items in that order; hashed_join: hashes, of items in
    another order.
    """

    date: str
    size: str
    machine: Machine
    versions: dict[str, str]
    extraction: ExtractionMeasure
    join: JoinMeasure
    hashed_join: JoinMeasure | None = None
    stages: tuple[StageSeconds, ...]
    damage: DamageMeasure
    peak_mib: float
    ratios: dict[str, float]


def references_ratios(
    extraction: ExtractionMeasure, join: JoinMeasure, hashed_join: JoinMeasure
) -> dict[str, float]:
    """How many times as fast ours is, in the same run: theirs over ours. Joins by the wall clock,
    all cores at everybody's service.
    """
    ratios = {
        "scan / re.findall": extraction.re_cpu_seconds / extraction.scan_cpu_seconds,
        "canonical forms / re.findall": extraction.re_cpu_seconds / extraction.forms_cpu_seconds,
        "look-up / duckdb join": join.duckdb_seconds / join.seconds,
        "look-up / polars join": join.polars_seconds / join.seconds,
        "hashes / duckdb join": hashed_join.duckdb_seconds / hashed_join.seconds,
        "hashes / polars join": hashed_join.polars_seconds / hashed_join.seconds,
    }
    return {name: round(value, 1) for name, value in ratios.items()}
