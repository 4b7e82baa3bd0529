"""The directory of an evaluation: a page to read, the figures, and one row per payment and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tieout.evaluation.judgement import LEFT, PART, RIGHT, WRONG
from tieout.evaluation.pictures import (
    coverage_picture,
    reliability_picture,
    scenario_picture,
    threshold_picture,
)
from tieout.evaluation.report_page import evaluation_page
from tieout.evaluation.set_tables import set_table

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.evaluation.evaluate import Evaluated

__all__ = ["EVALUATION_FILE", "judged_payments", "judged_sets", "write_report"]

EVALUATION_FILE: Final = "evaluation.json"

_STATES: Final = {LEFT: "left", RIGHT: "right", PART: "part", WRONG: "wrong"}


def write_report(evaluated: Evaluated, folder: Path) -> None:
    """Write every file of the report into `folder`, which exists."""
    evaluation = evaluated.evaluation
    content = msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n"
    (folder / EVALUATION_FILE).write_bytes(content)
    (folder / "evaluation.html").write_text(evaluation_page(evaluation), encoding="utf-8")
    for name, draw in (
        ("threshold", threshold_picture),
        ("coverage", coverage_picture),
        ("reliability", reliability_picture),
        ("scenarios", scenario_picture),
    ):
        (folder / f"{name}.svg").write_text(draw(evaluation), encoding="utf-8")
    for name, table in (
        ("payments", judged_payments(evaluated)),
        ("sets", judged_sets(evaluated)),
    ):
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet", compression="zstd")


def judged_payments(evaluated: Evaluated) -> pa.Table:
    """One row per payment of the truth: what became of it, and its exception code."""
    truth, runs, judged = evaluated.truth, evaluated.runs, evaluated.judgement
    row = pa.array(np.where(judged.run_row < 0, 0, judged.run_row), mask=judged.run_row < 0)
    names = pa.array([_STATES[state] for state in range(len(_STATES))], pa.string())
    return pa.table(
        {
            "key": truth.keys,
            "payment_id": runs.payments["payment_id"].combine_chunks().take(row),
            "scenario": truth.scenarios,
            "amount": runs.payments["amount"].combine_chunks().take(row),
            "currency": runs.payments["currency"].combine_chunks().take(row),
            "automatic": names.take(pa.array(judged.state)),
            "decided_whole": judged.decided,
            "first_proposal_right": pa.array(
                judged.first_right, mask=~(judged.first_right | judged.first_wrong)
            ),
            "code": judged.code,
            "expected_codes": truth.codes,
            "code_right": pa.array(judged.code_right, mask=~judged.code_wanted),
            "customer_id": runs.payments["customer_id"].combine_chunks().take(row),
            "true_customer_id": truth.customers,
        }
    )


def judged_sets(evaluated: Evaluated) -> pa.Table:
    """One row per set of items put forward: what calibration and precision are counted from."""
    return set_table(evaluated.truth.keys, evaluated.judgement.sets)
