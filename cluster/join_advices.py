"""Remittance advice finds its payment: one task over the payments an advice could mean.

Which payment an advice means depends on whether another one could be meant as well, so all that
share anything with an advice are looked at together. Those that share nothing stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as sf

from cluster.packed_rows import PACKED, packed
from cluster.read_bank_files import advices_of_files
from cluster.rows import PAYMENT_ROW, batch_of, lines_of, with_lines
from cluster.spark_rows import each_group, each_piece, no_rows, rows_of
from engine.advices import join_advices
from engine.batches import AdviceBatch, PaymentBatch
from engine.exception_queue import orphan_exceptions
from engine.names import normalise_names
from engine.segments import is_among
from engine.text_hashes import text_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cluster.run import Run
    from engine.batches import ExceptionBatch

__all__ = ["keep_payments"]

_OURS: Final = (
    *("payment_id", "bank_reference", "uetr", "trace_number", "remittance_id", "end_to_end_id"),
    *("customer_reference", "check_number"),
)
_THEIRS: Final = (
    *("payment_reference", "uetr", "trace_number", "remittance_id", "end_to_end_id"),
    "check_number",
)
_LINES: Final = "lines"
_LINED: Final = pa.schema([PAYMENT_ROW.field("payment_id"), PAYMENT_ROW.field("lines")])


def keep_payments(run: Run) -> dict[str, int]:
    """The payments with the lines of advices that found them, and notes on those that did not."""
    read = run.table("payments_read")
    advices = AdviceBatch.concat([run.hooks.advices, advices_of_files(run)])
    if not len(advices):
        run.write(no_rows(run.spark, PACKED), "advice_notes")
        return {"payments": run.write(read, "payments").count()}
    marks = _marks(advices)

    def meant(piece: pa.Table) -> pa.Table:
        return piece.filter(pa.array(_is_marked(batch_of(PaymentBatch, piece), marks)))

    # Spark must not run the join on more than one piece: which advice is whose is one decision.
    candidates = each_piece(read, meant, PAYMENT_ROW).withColumn("all", sf.lit(0))
    joined = each_group(candidates, "all", _join(advices, run.hooks.tell_notes), PACKED)
    notes = run.write(joined, "advice_notes")
    lines = rows_of(notes, _LINES, _LINED).withColumnRenamed("lines", "joined")
    both = read.join(lines, "payment_id", "left")
    whole = both.withColumn("lines", sf.coalesce("joined", "lines")).select(*PAYMENT_ROW.names)
    kept = run.write(whole, "payments")
    return {"payments": kept.count(), "advice_lines": len(advices)}


def _join(
    advices: AdviceBatch, tell: Callable[[ExceptionBatch], dict[str, pa.Table]]
) -> Callable[[int, pa.Table], pa.Table]:
    rows = advices.record_batch

    def join(_: int, table: pa.Table) -> pa.Table:
        payments = batch_of(PaymentBatch, table)
        joined = join_advices(payments, lines_of(table), AdviceBatch.of_distinct(rows))
        lined = with_lines(payments, joined.joined, 0)
        some = pc.greater(pc.list_value_length(lined.column("lines")), 0)
        lines = lined.filter(some).select(_LINED.names)
        return packed({_LINES: lines, **tell(orphan_exceptions(joined.orphans))})

    return join


def _marks(advices: AdviceBatch) -> NDArray[np.uint64]:
    """Whatever an advice may be known by, as sorted hashes."""
    columns = [advices.text(name) for name in _THEIRS]
    return np.sort(np.concatenate(_hashes(columns, advices.text("payer_name"))))


def _is_marked(payments: PaymentBatch, marks: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Payments that share anything with an advice."""
    columns = [payments.text(name) for name in _OURS]
    hashes = _hashes(columns, payments.text("payer_name"))
    marked: NDArray[np.bool_] = np.logical_or.reduce([is_among(one, marks) for one in hashes])
    return marked


def _hashes(columns: list[pa.StringArray], names: pa.StringArray) -> list[NDArray[np.uint64]]:
    """Hashes of the texts as they are compared, the last column a check's number; empty ones are
    as good as any other: a payment too many is looked at, none too few.
    """
    *plain, checks = columns
    texts = [*(pc.utf8_lower(column) for column in plain), pc.utf8_ltrim(checks, "0")]
    return [text_hashes(text) for text in (*texts, normalise_names(names).core)]
