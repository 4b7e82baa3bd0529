"""Runs as the columns judging needs: payments, application rows, primary exceptions.

Several runs (the days of a month) are laid one behind the other; a payment that stands in two of
them is refused, because it would be judged twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from tieout.exit_codes import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.run_directory import RunDirectory

__all__ = ["BUCKETS", "RunColumns", "doubts_of", "is_withheld", "read_runs", "scaled"]

BUCKETS: Final = (
    "applied_amount",
    "on_account_amount",
    "unapplied_amount",
    "unidentified_amount",
    "suspense_amount",
    "non_ar_amount",
    "refund_amount",
    "returned_amount",
)
"""Where a payment's money may be, as the columns of `payments` name it."""

_APPLICATION: Final = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")
_DOUBT: Final = r'"doubt_per_million":(?P<doubt>\d+)'
_WITHHELD: Final = r'"withheld":"(?P<why>\w+)"'


class RunColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Payments by row; applications and exceptions name their payment's row.

    Amounts are integers of 10⁻⁴ major units: `buckets` payments × `BUCKETS`, `row_amounts`
    applications × (cash, discount, deduction, write-off). `automatic` is what was applied;
    `withheld` what would have been, had not shadow mode or a precision ledger kept it back.
    `doubt_ppm` is the engine's own doubt, before any calibration. `primary` is empty where a
    payment has no exception.
    """

    payments: pa.Table
    amounts: NDArray[np.int64]
    buckets: NDArray[np.int64]
    primary: pa.StringArray
    row_payment: NDArray[np.int64]
    row_item: pa.StringArray
    row_amounts: NDArray[np.int64]
    automatic: NDArray[np.bool_]
    withheld: NDArray[np.bool_]
    rank: NDArray[np.int64]
    strategy: pa.StringArray
    uniqueness: pa.StringArray
    confidence: NDArray[np.float64]
    doubt_ppm: NDArray[np.int64]

    def text(self, name: str) -> pa.StringArray:
        """Column `name` of the payments, empty text where there is none."""
        return pc.fill_null(self.payments[name].combine_chunks(), "")


def read_runs(runs: Sequence[RunDirectory]) -> RunColumns:
    """The columns of `runs`; raises `RunDirectoryError`."""
    payments = pa.concat_tables([run.table("payments") for run in runs]).combine_chunks()
    applications = pa.concat_tables([run.table("applications") for run in runs]).combine_chunks()
    exceptions = pa.concat_tables([run.table("exceptions") for run in runs]).combine_chunks()
    ids = payments["payment_id"].combine_chunks()
    if len(ids.unique()) < len(ids):
        counts = ids.value_counts()
        twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")[0]
        message = f"payment {twice} stands in several of the runs; give each payment once"
        raise RunDirectoryError(message)
    evidence = pc.fill_null(applications["evidence"].combine_chunks(), "")
    return RunColumns(
        payments=payments,
        amounts=scaled(payments["amount"]),
        buckets=_stack(payments, BUCKETS),
        primary=_primary_codes(ids, exceptions),
        row_payment=_rows(applications["payment_id"], ids),
        row_item=applications["open_item_id"].combine_chunks(),
        row_amounts=_stack(applications, _APPLICATION),
        automatic=_flags(pc.equal(applications["decision"], "auto")),
        withheld=is_withheld(evidence),
        rank=applications["proposal_rank"].to_numpy().astype(np.int64),
        strategy=pc.fill_null(applications["strategy"].combine_chunks(), ""),
        uniqueness=pc.fill_null(applications["uniqueness"].combine_chunks(), ""),
        confidence=applications["confidence"].to_numpy(),
        doubt_ppm=doubts_of(evidence, applications["confidence"].to_numpy()),
    )


def scaled(amounts: pa.ChunkedArray) -> NDArray[np.int64]:
    """`decimal128(18, 4)` amounts as integers of 10⁻⁴ major units, 0 where absent."""
    column = amounts.combine_chunks()
    if not len(column):
        return np.empty(0, dtype=np.int64)
    words = np.frombuffer(pc.fill_null(column, 0).buffers()[1], dtype=np.int64)
    return words[2 * column.offset : 2 * (column.offset + len(column)) : 2].copy()


def _stack(table: pa.Table, names: Sequence[str]) -> NDArray[np.int64]:
    return np.stack([scaled(table[name]) for name in names], axis=1)


def _rows(ids: pa.ChunkedArray, of: pa.StringArray) -> NDArray[np.int64]:
    found = pc.fill_null(pc.index_in(ids.combine_chunks(), value_set=of), -1)
    rows: NDArray[np.int64] = found.to_numpy(zero_copy_only=False).astype(np.int64)
    if len(rows) and rows.min() < 0:
        message = f"application of payment {ids[int(rows.argmin())]}, which is in no run"
        raise RunDirectoryError(message)
    return rows


def _flags(values: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    filled = pc.fill_null(values, False)  # noqa: FBT003  # Arrow's own signature
    flags: NDArray[np.bool_] = np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return flags


def is_withheld(evidence: pa.StringArray) -> NDArray[np.bool_]:
    """Whether a set would have been decided, as its evidence says."""
    return _flags(pc.match_substring_regex(evidence, _WITHHELD))


def doubts_of(evidence: pa.StringArray, confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Doubt per million as the evidence says, else as the confidence implies."""
    found = pc.struct_field(pc.extract_regex(evidence, _DOUBT), "doubt")
    implied = np.rint((1.0 - confidence) * 1e6).astype(np.int64)
    said = pc.if_else(found.is_valid(), found, "-1").cast(pa.int64())
    doubts: NDArray[np.int64] = said.to_numpy(zero_copy_only=False)
    return np.where(doubts < 0, implied, doubts)


def _primary_codes(ids: pa.StringArray, exceptions: pa.Table) -> pa.StringArray:
    first = exceptions.filter(pc.equal(exceptions["is_primary"], True))  # noqa: FBT003  # Arrow's own signature
    found = pc.index_in(ids, value_set=first["payment_id"].combine_chunks())
    return pc.fill_null(first["code"].combine_chunks().take(found), "")
