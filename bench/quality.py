"""`python -m bench.quality`: worlds of every kind, and how well they are matched.

Each world has a seed no calibration saw. One line of kind `quality` goes to the history.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.arguments import bench_reader, date_of, keep
from bench.record import installed_versions
from bench.worlds import evaluate_world, judging_world
from tieout.reports.figures import odds, percent
from tieout.reports.text_table import text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.evaluation.measures import Evaluation

__all__ = [
    "QUALITY_SEED",
    "WORLDS",
    "QualityRecord",
    "WorldQuality",
    "main",
    "quality_page",
    "quality_table",
    "scenario_table",
]

QUALITY_SEED: Final = 4_000
"""Added to the number of each world; the calibration is fitted on other seeds."""

WORLDS: Final = (
    *("demo", "unknown_payers", "price_list", "rent", "whole_dollar", "dense_numbers"),
    *("infeasible", "infeasible_prices", "infeasible_rent", "infeasible_dollars", "clean"),
    *("due_rent", "due_prices", "exceptions", "returns", "stale_items", "file_faults"),
    "plans",
)
"""Every kind of world."""

_HEADER: Final = (
    *("world", "payments", "decided", "wrong", "wrong rate below", "codes right"),
    *("first proposal right", "of determinable", "confidence off by"),
)


class WorldQuality(msgspec.Struct, frozen=True, kw_only=True):
    """One world; shares between 0 and 1, `wrong_at_most` the one-sided 95 % bound.

    code_of: per scenario, payments left, or told about, with a right primary code, and all of them.
    """

    world: str
    seed: int
    payments: int
    decided: float | None
    automatic: int
    wrong: int
    wrong_at_most: float
    codes: float | None
    first_proposals: float | None
    first_of_determinable: float | None
    expected_error: float
    code_of: dict[str, tuple[int, int]] = {}


class QualityRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="quality"):
    """One run over all worlds. `date` is the caller's, ISO 8601."""

    date: str
    versions: dict[str, str]
    worlds: tuple[WorldQuality, ...]


def quality_of(name: str, seed: int, evaluation: Evaluation) -> WorldQuality:
    """The figures of one world."""
    return WorldQuality(
        world=name,
        seed=seed,
        payments=evaluation.payments,
        decided=evaluation.straight_through_by_payment.rate,
        automatic=evaluation.wrong.total,
        wrong=evaluation.wrong.hits,
        wrong_at_most=evaluation.wrong.at_most,
        codes=evaluation.codes_left.rate,
        first_proposals=evaluation.first_proposals.rate,
        first_of_determinable=evaluation.first_of_determinable.rate,
        expected_error=evaluation.confidence.expected_error,
        code_of={
            one.scenario: (one.codes_told.hits, one.codes_told.total)
            for one in evaluation.scenarios
            if one.codes_told.total
        },
    )


def quality_table(worlds: Sequence[WorldQuality]) -> list[str]:
    """The worlds as lines of text."""
    rows = [
        (
            one.world,
            f"{one.payments:,}",
            percent(one.decided),
            f"{one.wrong} of {one.automatic:,}",
            odds(one.wrong_at_most),
            percent(one.codes),
            percent(one.first_proposals),
            percent(one.first_of_determinable),
            percent(one.expected_error),
        )
        for one in worlds
    ]
    return text_table(_HEADER, rows)


def scenario_table(worlds: Sequence[WorldQuality]) -> list[str]:
    """How often the primary code is right in each scenario, over all worlds, worst first."""
    sums: dict[str, tuple[int, int]] = {}
    for world in worlds:
        for scenario, (right, left) in world.code_of.items():
            before = sums.get(scenario, (0, 0))
            sums[scenario] = before[0] + right, before[1] + left
    rows = [
        (scenario, f"{right:,} of {left:,}", percent(right / left))
        for scenario, (right, left) in sorted(
            sums.items(), key=lambda one: (one[1][0] / one[1][1], one[0])
        )
    ]
    return text_table(("scenario", "codes right", "share"), rows)


def quality_page(record: QualityRecord) -> str:
    """The README's table of worlds."""
    rows = [
        ("world", "decided alone", "wrong", "codes right", "first proposal right"),
        ("---", "---:", "---:", "---:", "---:"),
    ]
    rows += [
        (
            one.world.replace("_", " "),
            percent(one.decided),
            f"{one.wrong} of {one.automatic:,} (fewer than {odds(one.wrong_at_most)})",
            percent(one.codes),
            percent(one.first_proposals),
        )
        for one in record.worlds
    ]
    where = (
        f"{record.date}; seeded worlds of {record.worlds[0].payments:,} payments each, their seeds "
        "unseen by any calibration; bounds with 95 % certainty. `make bench-quality` repeats it."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", where])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives the exit code."""
    reader = bench_reader("bench.quality", __doc__, None)
    reader.add_argument("--payments", type=int, default=10_000, help="payments of each world")
    reader.add_argument("--worlds", nargs="*", default=WORLDS, help="which worlds")
    chosen = reader.parse_args(arguments)
    date = date_of(chosen)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(chosen.worlds):
            print(f"{name}, {chosen.payments:,} payments", file=sys.stderr, flush=True)
            seed = QUALITY_SEED + number
            judged = evaluate_world(judging_world(name, seed, chosen.payments), Path(folder))
            found.append(quality_of(name, seed, judged.evaluation))
    print("\n".join([*quality_table(found), "", *scenario_table(found)]))
    record = QualityRecord(date=date, versions=installed_versions(), worlds=tuple(found))
    keep(record, chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
