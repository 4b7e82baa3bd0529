"""Is every cent accounted for? Recomputed from a run's own files, sharing nothing with the engine.

A payment is unconserved where its buckets are not its amount, or its automatic rows not its
`applied_amount`. An item is over-applied where automatic rows book more on it than was open, on the
other side of zero, or on an item the run never had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import DECIMAL_SCALE
from engine.money import CURRENCY_EXPONENTS
from tieout.evaluation.run_columns import BUCKETS, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.evaluation.run_columns import RunColumns
    from tieout.run_directory import RunDirectory

__all__ = ["over_applied_items", "unconserved_payments"]

_APPLIED = BUCKETS.index("applied_amount")
_CLOSES = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")


def unconserved_payments(runs: RunColumns) -> list[str]:
    """Payment ids whose buckets or automatic rows do not add up."""
    cash = np.zeros(len(runs.amounts), dtype=np.int64)
    rows = runs.automatic
    np.add.at(cash, runs.row_payment[rows], runs.row_amounts[rows, 0])
    wrong = (runs.buckets.sum(axis=1) != runs.amounts) | (cash != runs.buckets[:, _APPLIED])
    ids: list[str] = runs.text("payment_id").filter(pa.array(wrong)).to_pylist()
    return ids


def over_applied_items(run: RunDirectory) -> list[str]:
    """Item ids on which the automatic rows of `run` book what was not open."""
    rows = run.table("applications")
    rows = rows.filter(pc.equal(rows["decision"], "auto"))
    if not rows.num_rows:
        return []
    payments = run.table("payments")
    owner = pc.index_in(
        rows["payment_id"].combine_chunks(), value_set=payments["payment_id"].combine_chunks()
    )
    company = pc.fill_null(payments["company_id"].combine_chunks().take(owner), "")
    items = rows["open_item_id"].combine_chunks()
    booked = np.sum([scaled(rows[name]) for name in _CLOSES], axis=0)
    open_keys, open_ids, still_open = _open_amounts(run)
    exact = pc.index_in(pc.binary_join_element_wise(company, items, "\x1f"), value_set=open_keys)
    found = pc.coalesce(exact, pc.index_in(items, value_set=open_ids))
    row = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    total = np.zeros(len(still_open) + 1, dtype=np.int64)
    np.add.at(total, row, booked)
    bad = (np.abs(total[:-1]) > np.abs(still_open)) | (total[:-1] * np.sign(still_open) < 0)
    unknown = items.filter(pa.array(row < 0))
    return sorted({*open_ids.filter(pa.array(bad)).to_pylist(), *unknown.to_pylist()})


def _open_amounts(run: RunDirectory) -> tuple[pa.StringArray, pa.StringArray, NDArray[np.int64]]:
    """Company and id, id alone, and what was open of every item when the run began."""
    items = run.explain_table("open_items").combine_chunks()
    company, ids = items["company_id"].combine_chunks(), items["open_item_id"].combine_chunks()
    codes = items["currency"].combine_chunks().dictionary_encode()
    factors = np.array(
        [10 ** (DECIMAL_SCALE - CURRENCY_EXPONENTS[code]) for code in codes.dictionary.to_pylist()],
        dtype=np.int64,
    )
    factor = factors[codes.indices.to_numpy(zero_copy_only=False)] if len(ids) else factors
    minor = items["open_minor"].to_numpy()
    return pc.binary_join_element_wise(company, ids, "\x1f"), ids, minor * factor
