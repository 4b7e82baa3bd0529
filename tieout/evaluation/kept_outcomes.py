"""What people made of decisions and proposals, out of a store: sets judged by what stands now.

A set decided alone is right where all its rows stand as they were decided; one that was proposed
where it is exactly what stands beside what was decided alone. Nobody may have objected by mistake:
outcomes are what people left, not what is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import DECIMAL_SCALE
from engine.money import exponents_of
from tieout.evaluation.judgement import judge
from tieout.evaluation.run_columns import BUCKETS, RunColumns, doubts_of, is_withheld
from tieout.evaluation.set_tables import SET_SCHEMA, set_table
from tieout.evaluation.truth_tables import Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from store.decision_outcomes import KnownOutcomes

__all__ = ["judged_outcomes"]

_AMOUNTS = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
_KEYS = ("bank_reference", "check_number", "end_to_end_id", "status")


def judged_outcomes(known: KnownOutcomes) -> pa.Table:
    """One row per set whose outcome is `known` (`SET_SCHEMA`)."""
    if not known.payments.num_rows:
        return SET_SCHEMA.empty_table()
    truth, runs = _truth(known), _put_forward(known)
    return set_table(truth.keys, judge(truth, runs).sets)


def _truth(known: KnownOutcomes) -> Truth:
    """What stands, as a truth about the payments."""
    keys = known.payments["payment_id"].combine_chunks()
    rows = known.standing.combine_chunks()
    row = pc.index_in(rows["payment_id"].combine_chunks(), value_set=keys)
    rows, row = rows.filter(row.is_valid()), row.drop_null()
    payment = row.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(payment, kind="stable")
    nothing = pa.repeat("", len(keys))
    return Truth(
        keys=keys,
        scenarios=nothing,
        expects=nothing,
        codes=nothing,
        amounts=np.zeros(len(keys), dtype=np.int64),
        customers=nothing,
        line_payment=payment[order],
        line_item=rows["open_item_id"].combine_chunks().take(pa.array(order)),
        line_amounts=_scaled(rows, rows["currency"].combine_chunks())[order],
    )


def _put_forward(known: KnownOutcomes) -> RunColumns:
    """What was decided and proposed for the payments, as the columns of a run."""
    keys = known.payments["payment_id"].combine_chunks()
    rows = known.put_forward.record_batch
    row = pc.index_in(rows["payment_id"], value_set=keys)
    complete = known.payments["is_complete"].combine_chunks().take(row)
    automatic = pc.equal(rows["decision"], "auto")
    counts = pc.fill_null(pc.and_(row.is_valid(), pc.or_(automatic, complete)), False)  # noqa: FBT003  # Arrow's own signature
    rows, row = rows.filter(counts), row.filter(counts)
    count = len(keys)
    payments = pa.table({"payment_id": keys} | {name: pa.repeat("", count) for name in _KEYS})
    return RunColumns(
        payments=payments,
        amounts=np.zeros(count, dtype=np.int64),
        buckets=np.zeros((count, len(BUCKETS)), dtype=np.int64),
        primary=pa.repeat("", count),
        row_payment=row.to_numpy(zero_copy_only=False).astype(np.int64),
        row_item=rows["open_item_id"],
        row_amounts=_scaled(rows, rows["currency"]),
        automatic=automatic.filter(counts).to_numpy(zero_copy_only=False),
        withheld=is_withheld(rows["evidence"]),
        rank=rows["proposal_rank"].to_numpy().astype(np.int64),
        strategy=rows["strategy"],
        uniqueness=rows["uniqueness"],
        confidence=rows["confidence"].to_numpy(),
        doubt_ppm=doubts_of(rows["evidence"], rows["confidence"].to_numpy()),
    )


def _scaled(
    rows: pa.Table | pa.RecordBatch, currency: pa.StringArray, names: Sequence[str] = _AMOUNTS
) -> NDArray[np.int64]:
    """Minor units of `names` as integers of 10⁻⁴ major units (rows × names)."""
    factor = np.power(np.int64(10), DECIMAL_SCALE - exponents_of(currency).astype(np.int64))
    return np.stack([rows[name].to_numpy() * factor for name in names], axis=1)
