"""Run directories against a truth: read, judge, sum up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tieout.evaluation.determinable import find_determinable
from tieout.evaluation.judgement import Judgement, judge
from tieout.evaluation.run_columns import RunColumns, read_runs
from tieout.evaluation.soundness import over_applied_items, unconserved_payments
from tieout.evaluation.summing import sum_up
from tieout.evaluation.truth_tables import Truth, read_truth
from tieout.progress import quiet
from tieout.run_directory import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.matcher import StageObserver
    from tieout.evaluation.measures import Evaluation

__all__ = ["Evaluated", "evaluate_runs"]


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation, and what it was made of."""

    evaluation: Evaluation
    truth: Truth
    runs: RunColumns
    judgement: Judgement


def evaluate_runs(
    run_dirs: Sequence[str | Path], truth_dir: str | Path, observe: StageObserver = quiet
) -> Evaluated:
    """Judge the runs in `run_dirs` by the truth in `truth_dir`; `observe` hears of each stage.

    Raises `FileNotFoundError`, `RunDirectoryError`, `TableError`.
    """
    directories = [RunDirectory.open(path) for path in run_dirs]
    observe("read_truth", 0)
    truth = read_truth(Path(truth_dir))
    observe("read_runs", len(truth))
    runs = read_runs(directories)
    observe("judge", len(runs.amounts))
    judgement = judge(truth, runs)
    observe("account_for_cents", len(runs.row_payment))
    over = sorted({item for one in directories for item in over_applied_items(one)})
    observe("find_determinable", len(truth))
    determinable = find_determinable(truth, runs, judgement, directories)
    observe("sum_up", len(truth))
    evaluation = sum_up(
        truth,
        runs,
        judgement,
        names=[Path(path).name for path in run_dirs],
        unconserved=unconserved_payments(runs),
        over_applied=over,
        families=_families(directories),
        determinable=determinable,
    )
    return Evaluated(evaluation=evaluation, truth=truth, runs=runs, judgement=judgement)


def _families(directories: Sequence[RunDirectory]) -> dict[str, str]:
    """Customer → head of its family, of customers that have a parent or child."""
    parents: dict[str, str] = {}
    for one in directories:
        table = one.explain_table("customers").select(["customer_id", "parent_customer_id"])
        for row in table.to_pylist():
            if row["parent_customer_id"]:
                parents[row["customer_id"]] = row["parent_customer_id"]
    heads = {}
    for customer in parents:
        head, seen = customer, {customer}
        while head in parents and parents[head] not in seen:
            head = parents[head]
            seen.add(head)
        heads[customer] = head
    return heads
