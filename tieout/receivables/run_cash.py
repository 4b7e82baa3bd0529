"""What runs say of cash: money that waits by age, shares decided without a clerk and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tieout.evaluation.run_columns import scaled
from tieout.receivables.aging import AGING_BUCKETS, bucket_of
from tieout.run_summary import StraightThrough  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.run_directory import RunDirectory

__all__ = ["WAITING", "KeptRate", "RunRates", "kept_rate", "run_rates", "waiting_cash"]

WAITING: Final = ("unapplied", "unidentified", "on_account", "suspense")
"""Money that is on no item yet, by why."""


class RunRates(msgspec.Struct, frozen=True, kw_only=True):
    """The shares one run decided without a clerk, as its summary says."""

    run: str
    as_of: str | None
    straight_through: StraightThrough


class KeptRate(msgspec.Struct, frozen=True, kw_only=True):
    """Payments decided automatically whose money did not come back in any of the runs.

    A run knows of returns only; what clerks took back later is not among them.
    """

    automatic: int
    reversed: int
    kept: float | None


def run_rates(runs: Sequence[RunDirectory]) -> list[RunRates]:
    """The rates of each run, in their order."""
    found = []
    for run in runs:
        summary = run.summary()
        found.append(
            RunRates(
                run=run.path.name, as_of=summary.as_of, straight_through=summary.straight_through
            )
        )
    return found


def kept_rate(runs: Sequence[RunDirectory]) -> KeptRate:
    """Automatic payments of all runs, and those a later return undid."""
    automatic: set[str] = set()
    undone: set[str] = set()
    for run in runs:
        rows = run.table("applications")
        rows = rows.filter(pc.equal(rows["decision"], "auto"))
        automatic |= set(rows["payment_id"].to_pylist())
        undone |= set(run.table("reversals")["original_payment_id"].to_pylist())
    both = len(automatic & undone)
    count = len(automatic)
    return KeptRate(automatic=count, reversed=both, kept=(count - both) / count if count else None)


def waiting_cash(runs: Sequence[RunDirectory], as_of: int) -> pa.Table:
    """Rows by currency and why, amounts in ten-thousandths by days since the value date."""
    names = [f"{name}_amount" for name in WAITING]
    tables = [run.table("payments").select(["currency", "value_date", *names]) for run in runs]
    payments = pa.concat_tables(tables).combine_chunks()
    day = pc.fill_null(payments["value_date"].cast(pa.int32()).cast(pa.int64()), as_of)
    bucket = bucket_of(as_of - day.combine_chunks().to_numpy(zero_copy_only=False))
    parts = []
    for name in WAITING:
        amount = scaled(payments[f"{name}_amount"])
        columns = {
            f"{one}_scaled": np.where(bucket == at, amount, 0)
            for at, one in enumerate(AGING_BUCKETS)
        }
        parts.append(
            pa.table(
                {
                    "currency": payments["currency"],
                    "why": pa.repeat(pa.scalar(name), len(amount)),
                    **columns,
                    "total_scaled": amount,
                }
            )
        )
    table = pa.concat_tables(parts)
    sums = [name for name in table.column_names if name.endswith("_scaled")]
    grouped = table.group_by(["currency", "why"]).aggregate([(name, "sum") for name in sums])
    grouped = grouped.select(["currency", "why", *(f"{name}_sum" for name in sums)])
    grouped = grouped.rename_columns(["currency", "why", *sums])
    grouped = grouped.filter(pc.not_equal(grouped["total_scaled"], 0))
    return grouped.take(pc.sort_indices(grouped, [("currency", "ascending"), ("why", "ascending")]))
