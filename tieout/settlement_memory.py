"""What payments of earlier runs settled, kept beside the run memory, so that a return of next week
re-opens exactly that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import PaymentBatch, SettledBatch
from parsers.table_identity import in_key_order, table_hash
from tieout.memory_files import read_memory_file

if TYPE_CHECKING:
    from pathlib import Path

    from engine.batches import Batch
    from engine.matcher import MatchInput, MatchResult

__all__ = ["SettlementMemory", "settled_rows"]

_FILE: Final = "settled.parquet"
_DAYS_KEPT: Final = 430
"""A SEPA direct debit that was never authorised can be returned for thirteen months; checks and
other debits for less."""

_REFERENCES: Final = (
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
_CLOSES: Final = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


class SettlementMemory:
    """The settlements of earlier runs; frozen: `after` gives those of the next run."""

    def __init__(self, settled: SettledBatch) -> None:
        """Hold what was `settled`; use `read`."""
        self.settled = settled

    @classmethod
    def read(cls, folder: Path) -> SettlementMemory:
        """The settlements in `folder`, none where it holds none; raises `MemoryFileError`."""
        return cls(read_memory_file(folder / _FILE, SettledBatch, "settlements"))

    @property
    def files(self) -> dict[str, Batch]:
        """What is kept of it, by the name of the file."""
        return {_FILE: self.settled}

    @property
    def content_hash(self) -> str:
        """Hash of the settlements: part of what a run depends on."""
        return table_hash(self.settled)

    def after(self, match_input: MatchInput, result: MatchResult) -> SettlementMemory:
        """The settlements after a run: its own are added, those its returns undid are gone."""
        return self.with_run(
            settled_rows(match_input, result), result.reversals.text("original_payment_id")
        )

    def with_run(self, own: pa.RecordBatch, undone: pa.StringArray) -> SettlementMemory:
        """With what a run settled (`own`), without the payments it found `undone`."""
        kept = self.settled.record_batch.filter(
            pc.invert(pc.is_in(self.settled.text("payment_id"), undone))
        )
        own = own.filter(pc.invert(pc.is_in(own["payment_id"], undone)))
        kept = kept.filter(pc.invert(pc.is_in(kept["payment_id"], own["payment_id"])))
        both = pa.concat_batches([kept, own])
        return SettlementMemory(in_key_order(SettledBatch.of(_young(both))))


def settled_rows(match_input: MatchInput, result: MatchResult) -> pa.RecordBatch:
    """What the payments of a run settled; a payment held for a fault of its file is not kept."""
    payments = match_input.payments
    wanted = pc.and_(
        pc.equal(payments.text("intake_codes"), ""),
        pc.greater(payments.record_batch["amount_minor"], 0),
    )
    payments = PaymentBatch.of(payments.record_batch.filter(wanted))
    rows = result.applications.record_batch
    auto = rows.filter(pc.equal(rows["decision"], "auto"))
    auto = auto.filter(pc.is_in(auto["payment_id"], payments.text("payment_id")))
    touched = pc.is_in(payments.text("payment_id"), auto["payment_id"])
    owner = pa.concat_arrays(
        [
            pc.index_in(auto["payment_id"], payments.text("payment_id")),
            pc.indices_nonzero(pc.invert(touched)).cast(pa.int32()),
        ]
    )
    nothing = len(owner) - len(auto)
    of = payments.record_batch.take(owner)
    company = result.outcomes.text("company_id").take(
        pc.index_in(of["payment_id"], result.outcomes.text("payment_id"))
    )
    closed = sum(auto[name].to_numpy() for name in _CLOSES)
    none = np.zeros(nothing, dtype=np.int64)
    columns = {name: of[name] for name in ("payment_id", "currency", "value_date", *_REFERENCES)}
    return SettledBatch.from_columns(
        columns
        | {
            "company_id": company,
            "open_item_id": pa.concat_arrays(
                [auto["open_item_id"], pa.repeat(pa.scalar(""), nothing)]
            ),
            "paid_minor": of["amount_minor"],
            "applied_minor": np.concatenate([auto["applied_minor"].to_numpy(), none]),
            "closed_minor": np.concatenate([closed, none]),
        }
    ).record_batch


def _young(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Without payments too old to come back, counted from the youngest one."""
    day = pc.fill_null(rows["value_date"].cast(pa.int32()), 0)
    youngest = pc.max(day).as_py() or 0
    dated = rows["value_date"].is_valid()
    old = pc.and_(dated, pc.less(day, youngest - _DAYS_KEPT))
    return rows.filter(pc.invert(old))
