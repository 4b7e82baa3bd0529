"""A history matched twice, by the baseline's rules and by the new ones, and compared."""

from __future__ import annotations

import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet

from tieout.evaluation.judgement import Judgement, judge
from tieout.evaluation.run_columns import RunColumns, read_runs
from tieout.evaluation.truth_tables import read_truth
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.replay.compare import Comparison, compare_arms
from tieout.replay.periods import match_by_period, period_days
from tieout.replay.report_page import replay_page
from tieout.run_directory import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from engine.matcher import MatchInput, MatchResult, StageObserver
    from tieout.evaluation.truth_tables import Truth
    from tieout.replay.history import History
    from tieout.replay.periods import Period

__all__ = ["REPLAY_FILE", "replay_history"]

REPLAY_FILE = "replay.json"
"""The file that shows a directory to be a replay."""

_DEFAULT = "default policy"


def replay_history(
    history: History,
    folder: Path,
    *,
    policy: Path | None,
    baseline: Path | None,
    period: Period,
    observe: StageObserver,
) -> Comparison:
    """Match `history` under both policies below `folder`, compare, write the report there.

    Each arm is a run directory (`baseline`, `policy`). Raises the errors of a matching job.
    """
    truth = None if history.truth is None else read_truth(history.truth)
    days: dict[str, str] = {}
    arms = []
    for name, rules in (("baseline", baseline), ("policy", policy)):
        observe(f"replay_{name}", 0)
        run_matching_job(
            _job(history, rules, folder / name),
            observe,
            match=partial(_match, period=period, truth=truth, days=days),
        )
        arms.append(_arm(folder / name, truth))
    observe("compare", len(days))
    comparison, changed = compare_arms(
        arms[0],
        arms[1],
        days,
        policy=_DEFAULT if policy is None else policy.name,
        baseline=_DEFAULT if baseline is None else baseline.name,
        period=period,
    )
    content = msgspec.json.format(msgspec.json.encode(comparison), indent=2) + b"\n"
    (folder / REPLAY_FILE).write_bytes(content)
    (folder / "replay.html").write_text(replay_page(comparison), encoding="utf-8")
    pyarrow.parquet.write_table(changed, folder / "changes.parquet", compression="zstd")
    return comparison


def _job(history: History, policy: Path | None, out: Path) -> MatchingJob:
    return MatchingJob(
        open_items=history.open_items,
        bank_files=history.bank_files,
        payments=history.payments,
        customers=history.customers,
        bank_accounts=history.bank_accounts,
        remittances=history.remittances or None,
        policy=policy,
        out=out,
    )


def _match(
    match_input: MatchInput,
    observe: StageObserver,
    *_: object,
    period: Period,
    truth: Truth | None,
    days: dict[str, str],
) -> MatchResult:
    """Stands in for the engine; `days` learns the first day of each payment's period."""
    first = period_days(match_input, period)
    epoch = datetime.date(1970, 1, 1)
    for identity, day in zip(
        match_input.payments.strings("payment_id"), first.tolist(), strict=True
    ):
        days[identity] = (epoch + datetime.timedelta(days=day)).isoformat()
    return match_by_period(match_input, observe, period, truth)


def _arm(run: Path, truth: Truth | None) -> tuple[RunColumns, Judgement | None]:
    columns = read_runs([RunDirectory.open(run)])
    return columns, None if truth is None else judge(truth, columns)
