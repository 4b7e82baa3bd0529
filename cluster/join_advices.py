"""Remittance advice finds its payment: one task over the payments an advice could mean.

Which payment an advice means depends on whether another one could be meant as well, so all that
share anything with an advice are looked at together. Those that share nothing stay where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.flow import begun, gathered, passed
from cluster.mapped_values import mapped_value
from cluster.packets import packed
from cluster.pieces import LINES, lines_place, payments_of
from cluster.read_bank_files import advices_of_files
from cluster.rows import PAYMENT_ROW, batch_of, lines_of, with_lines
from cluster.stage_files import keep_table
from engine.advices import join_advices
from engine.batches import AdviceBatch, PaymentBatch
from engine.exception_queue import orphan_exceptions
from engine.names import normalise_names
from engine.segments import is_among
from engine.text_hashes import text_hashes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cluster.packets import Packet, Received
    from cluster.pieces import Pieces
    from cluster.run import Run

__all__ = ["keep_advices"]

_OURS: Final = (
    *("payment_id", "bank_reference", "uetr", "trace_number", "remittance_id", "end_to_end_id"),
    *("customer_reference", "check_number"),
)
_THEIRS: Final = (
    *("payment_reference", "uetr", "trace_number", "remittance_id", "end_to_end_id"),
    "check_number",
)
_MEANT: Final = "meant"
_LINED: Final = "payments_lined"


def keep_advices(run: Run) -> dict[str, int]:
    """Keep the lines of advices that found their payment, and note those that did not."""
    advices = AdviceBatch.concat([run.hooks.advices, advices_of_files(run)])
    if not len(advices):
        return {}
    pieces: Pieces = run.value("pieces")
    folder = run.folder
    run.put((_marks(advices), advices.record_batch), "advices")
    advices_at = run.place_of("advices")

    def mean(number: int) -> Iterator[Packet]:
        marks, _ = mapped_value(advices_at)
        rows = payments_of(folder, pieces, number)
        marked = _is_marked(batch_of(PaymentBatch, rows), marks)
        yield from packed({_MEANT: rows.filter(pa.array(marked))})

    tell = run.hooks.tell_notes

    # Which advice is whose is one decision: all that may be meant is looked at in one task.
    def join(_: int, received: Received) -> Iterator[Packet]:
        table = received.table(_MEANT, PAYMENT_ROW)
        payments = batch_of(PaymentBatch, table)
        batch = AdviceBatch.of_distinct(mapped_value(advices_at)[1])
        joined = join_advices(payments, lines_of(table), batch)
        lined = with_lines(payments, joined.joined, 0)
        lined = lined.set_column(
            lined.column_names.index("payment_no"), "payment_no", table["payment_no"]
        )
        some = lined.filter(pc.greater(pc.list_value_length(lined["lines"]), 0)).select(LINES.names)
        piece = pieces.of(some["payment_no"].to_numpy())
        for one in sorted(set(piece.tolist())):
            place = lines_place(folder, int(pieces.first[one]))
            keep_table(place, [some.filter(pa.array(piece == one))], LINES)
        yield from packed(
            {_LINED: some.select(["payment_no"]), **tell(orphan_exceptions(joined.orphans))}
        )

    found = gathered(passed(begun(run.spark, len(pieces), mean), 1, join))
    lined = len(found.table(_LINED, pa.schema([LINES.field("payment_no")])))
    run.note(found, "advices")
    return {"advice_lines": len(advices), "payments": lined}


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
