"""`python -m bench.scale`: the whole job at 100,000 × 500,000 and at 1,000,000 × 5,000,000.

Each size is one process from Parquet files to a run directory, measured from its start to its end.
The large world is generated once (five minutes) and kept; a run of it takes about 8 GiB.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench import record as records
from bench.arguments import bench_reader, date_of, keep
from bench.inputs import make_inputs
from bench.measures import process_cost
from bench.runs import match_arguments, measure_quality
from bench.scale_record import ContestMeasure, ScaleMeasure, ScaleRecord, scale_ratios
from bench.sizes import SCALE, SCALE_QUICK, Sizes
from engine.candidates import CandidateRows, Candidates
from engine.resolver import ItemAmounts, resolve
from tieout.run_summary import Timings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "measure_contests", "measure_scale", "print_scale"]

_CACHE: Final = Path(__file__).resolve().parents[1] / ".cache" / "bench"
_CONTEST_CANDIDATES: Final = 200_000
_CONTEST_REPEATS: Final = 5


def measure_scale(sizes: Sizes, cache: Path, observe: Callable[[str], None]) -> ScaleMeasure:
    """One process over the world of `sizes`, and its result against the truth."""
    inputs = make_inputs(sizes, cache, observe)
    observe(f"match {sizes.payments:,} payments and {sizes.open_items:,} open items")
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        run = Path(folder) / "run"
        cost = process_cost(match_arguments(inputs.world, run))
        timings = msgspec.json.decode((run / "timings.json").read_bytes(), type=Timings)
        quality = measure_quality(inputs, Path(folder))
    stages = tuple(
        records.StageMeasure(
            stage=one.stage,
            seconds=round(one.seconds, 3),
            payments_per_second=round(sizes.payments / max(one.seconds, 1e-9), 1),
        )
        for one in timings.stages
    )
    return ScaleMeasure(
        payments=sizes.payments,
        open_items=sizes.open_items,
        customers=sizes.customers,
        cost=msgspec.structs.replace(cost, seconds=round(cost.seconds, 2)),
        stages=stages,
        quality=quality,
    )


def measure_contests(count: int = _CONTEST_CANDIDATES) -> ContestMeasure:
    """Candidates of two items on average, a third of them in contests of a few of one family."""
    dice = np.random.Generator(np.random.PCG64(5))
    items = 6 * count
    size = dice.integers(1, 4, count)
    candidate = np.repeat(np.arange(count, dtype=np.int64), size)
    item = dice.integers(0, items, len(candidate))
    remaining = dice.integers(100, 100_000, items)
    order = np.lexsort((item, candidate))
    candidate, item = candidate[order], item[order]
    fresh = np.append(True, (candidate[1:] != candidate[:-1]) | (item[1:] != item[:-1]))
    candidate, item = candidate[fresh], item[fresh]
    candidates = Candidates.of(
        np.arange(count, dtype=np.int64),
        "references",
        CandidateRows.of(candidate, item, remaining[item]),
        automatic=True,
        wrong=2e-5,
    )
    family, rank = np.zeros(count, dtype=np.int64), dice.permutation(count)
    spent = []
    for _ in range(_CONTEST_REPEATS):
        begun = time.process_time()
        found = resolve(candidates, remaining, family, rank, named=True, others=ItemAmounts.none())
        spent.append(time.process_time() - begun)
    wanted = np.bincount(item, minlength=items) > 1
    contested = np.bincount(candidate, weights=wanted[item], minlength=count) > 0
    if not found.accepted.any():
        message = "no candidate was accepted: nothing was measured"
        raise RuntimeError(message)
    return ContestMeasure(
        candidates=count,
        items=items,
        contested_share=round(float(contested.mean()), 3),
        cpu_seconds=round(min(spent), 4),
    )


def print_scale(record: ScaleRecord, console: Console | None = None) -> None:
    """Print what each size costs and where its seconds go."""
    console = console or Console(highlight=False)
    table = Table(title="The whole job, by size", title_justify="left", title_style="bold")
    table.add_column("stage")
    for run in record.runs:
        table.add_column(f"{run.payments:,} × {run.open_items:,}", justify="right")
    for number, stage in enumerate(record.runs[0].stages):
        table.add_row(stage.stage, *(f"{run.stages[number].seconds:.2f} s" for run in record.runs))
    table.add_section()
    table.add_row("process", *(f"{run.cost.seconds:.1f} s" for run in record.runs))
    table.add_row("on cores", *(f"{run.cost.cpu_seconds:.1f} s" for run in record.runs))
    table.add_row("per payment", *(f"{run.microseconds():.0f} µs" for run in record.runs))
    table.add_row("peak", *(f"{run.cost.peak_mib:,.0f} MiB" for run in record.runs))
    table.add_row("wrong", *(f"{run.quality.wrong_count}" for run in record.runs))
    console.print(table)
    contests = record.contests
    console.print(
        f"contests: {contests.candidates / contests.cpu_seconds / 1e6:.1f} million candidates/s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = bench_reader("bench.scale", __doc__, "tiny worlds")
    reader.add_argument("--cache", type=Path, default=_CACHE, help="where worlds are kept")
    chosen = reader.parse_args(arguments)
    chosen.cache.mkdir(parents=True, exist_ok=True)

    def observe(step: str) -> None:
        print(step, file=sys.stderr, flush=True)

    contests = measure_contests(2_000 if chosen.quick else _CONTEST_CANDIDATES)
    sizes = SCALE_QUICK if chosen.quick else SCALE
    runs = tuple(measure_scale(one, chosen.cache, observe) for one in sizes)
    record = ScaleRecord(
        date=date_of(chosen),
        size=sizes[-1].name,
        machine=records.this_machine(),
        versions=records.installed_versions(),
        runs=runs,
        contests=contests,
        ratios=scale_ratios(runs),
    )
    print_scale(record)
    keep(record, chosen)
    if not chosen.quick:
        from bench.pictures import PICTURES, draw_scale  # noqa: PLC0415 - matplotlib is slow

        draw_scale(record, PICTURES / "scale.svg")
        print("drawn docs/pictures/scale.svg; docs/generate.py puts the numbers into the README")
    return 0


if __name__ == "__main__":
    sys.exit(main())
