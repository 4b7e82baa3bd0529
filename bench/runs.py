"""The measurements themselves: stages of the job, the job beside peers."""

from __future__ import annotations

import functools
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from bench.measures import median_cost, process_cost
from bench.plain_join import PEERS, TABLES
from bench.record import JobMeasure, Quality, StageMeasure
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.worlds import score_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.inputs import Inputs
    from bench.sizes import Sizes

__all__ = ["match_arguments", "measure_job", "measure_quality", "measure_stages"]

_COMMAND_LINE = "import sys; from tieout.commands import main; sys.exit(main())"


def measure_stages(
    inputs: Inputs, sizes: Sizes, folder: Path, observe: Callable[[str], None]
) -> tuple[StageMeasure, ...]:
    """Each stage of the job within one warm process, as its own clock tells it; the run is written
    to `folder`/run.
    """
    spent: dict[str, list[float]] = defaultdict(list)
    for number in range(sizes.job_repeats):
        observe(f"stages, run {number + 1} of {sizes.job_repeats}")
        report = run_matching_job(_job(inputs, folder / "run"))
        for timing in report.timings.stages:
            spent[timing.stage].append(timing.seconds)
    medians = {stage: statistics.median(seconds) for stage, seconds in spent.items()}
    return tuple(
        StageMeasure(
            stage=stage,
            seconds=round(seconds, 4),
            payments_per_second=round(sizes.payments / max(seconds, 1e-9), 1),
        )
        for stage, seconds in medians.items()
    )


def measure_job(
    inputs: Inputs, sizes: Sizes, folder: Path, observe: Callable[[str], None]
) -> JobMeasure:
    """`tieout match` and the peers, process by process in turn; the run stays in `folder`/run."""
    observe("tieout match beside plain read-join-write, as processes")
    runs = [functools.partial(process_cost, match_arguments(inputs.world, folder / "run"))]
    for peer in PEERS:
        out = str(folder / f"{peer}.parquet")
        arguments = ["-m", "bench.plain_join", peer, str(inputs.world), out]
        runs.append(functools.partial(process_cost, arguments))
    ours, arrow, duck = median_cost(runs, sizes.job_repeats)
    return JobMeasure(
        payments=sizes.payments,
        open_items=sizes.open_items,
        ours=ours,
        pyarrow=arrow,
        duckdb=duck,
    )


def measure_quality(inputs: Inputs, folder: Path) -> Quality:
    """The run in `folder`/run against the truth of its world."""
    score = score_run(inputs.world, folder / "run")
    return Quality(
        automatic_by_payment=round(score.automatic_by_payment, 4),
        automatic_by_line=round(score.automatic_by_line, 4),
        automatic_by_value=round(score.automatic_by_value, 4),
        automatic_count=score.automatic_count,
        wrong_count=score.wrong_count,
        first_proposal_right_share=round(score.first_proposal_right_share, 4),
    )


def _job(inputs: Inputs, out: Path) -> MatchingJob:
    paths = {name: inputs.world / f"{name}.parquet" for name in TABLES}
    return MatchingJob(
        open_items=paths["open_items"],
        payments=paths["payments"],
        customers=paths["customers"],
        bank_accounts=paths["bank_accounts"],
        remittances=paths["remittances"],
        out=out,
        overwrite=True,
    )


def match_arguments(world: Path, out: Path) -> list[str]:
    """Python's arguments for `tieout match` over the tables of `world` into `out`."""
    arguments = ["-c", _COMMAND_LINE, "match", "--out", str(out), "--overwrite"]
    for name in TABLES:
        arguments += [f"--{name.replace('_', '-')}", str(world / f"{name}.parquet")]
    return arguments
