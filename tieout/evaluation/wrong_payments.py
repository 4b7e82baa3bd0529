"""The payments of which something was applied wrongly, item by item, for people to look at."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from parsers.result_columns import currency_exponent
from tieout.evaluation.judgement import WRONG
from tieout.evaluation.measures import WrongPayment

if TYPE_CHECKING:
    import pyarrow as pa

    from tieout.evaluation.judgement import Judgement
    from tieout.evaluation.run_columns import RunColumns
    from tieout.evaluation.truth_tables import Truth

__all__ = ["wrong_payments"]


def wrong_payments(truth: Truth, runs: RunColumns, judged: Judgement) -> list[WrongPayment]:
    """Every wrong payment, in the order of the truth."""
    found = []
    for row in np.flatnonzero(judged.state == WRONG).tolist():
        run_row = int(judged.run_row[row])
        places = currency_exponent(runs.payments["currency"][run_row].as_py())
        lines = np.flatnonzero(truth.line_payment == row)
        rows = np.flatnonzero((runs.row_payment == run_row) & runs.automatic)
        found.append(
            WrongPayment(
                key=truth.keys[row].as_py(),
                payment_id=runs.payments["payment_id"][run_row].as_py(),
                scenario=truth.scenarios[row].as_py(),
                strategy=runs.strategy[int(rows[0])].as_py(),
                confidence=round(float(runs.confidence[rows[0]]), 8),
                wanted=_amounts(truth.line_item, truth.line_amounts, lines.tolist(), places),
                got=_amounts(runs.row_item, runs.row_amounts, rows.tolist(), places),
            )
        )
    return found


def _amounts(
    items: pa.StringArray, amounts: np.ndarray, rows: list[int], places: int
) -> dict[str, str]:
    """Item → cash, and what closes it besides."""
    told = {}
    for row in rows:
        parts = []
        for name, amount in zip(
            ("", "discount ", "deduction ", "write-off "), amounts[row], strict=True
        ):
            if amount or not name:
                exact = Decimal(int(amount)).scaleb(-4).quantize(Decimal(1).scaleb(-places))
                parts.append(f"{name}{exact:f}")
        told[items[row].as_py()] = ", ".join(parts)
    return told
