"""`--memory` of a run on a cluster: the files of `tieout match`, told bucket by bucket."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.hooks import EarlierRuns, Remembered, Unseen
from cluster.remember import CLOSED, LEFT
from engine.batches import SettledBatch
from tieout.file_exceptions import exception_batch
from tieout.memories import Memories
from tieout.payer_lessons import lessons_of_run, reliance_of_run
from tieout.payer_memory import Lesson, RelianceBatch
from tieout.run_memory import MemoryBatch, RunMemory, left_facts, seen_facts
from tieout.settlement_memory import settled_rows

if TYPE_CHECKING:
    from pathlib import Path

    from engine.batches import OpenItemBatch, PaymentBatch, RemittanceBatch
    from engine.match_input import MatchInput, MatchResult

__all__ = ["earlier_runs"]

_CLOSES = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")
_UNDONE = pa.schema([pa.field("payment_id", pa.string())])
_LESSON = pa.schema([pa.field("payment_id", pa.string()), pa.field("lesson", pa.binary())])
_SCHEMAS = {
    "seen": MemoryBatch.SCHEMA,
    "closed": CLOSED,
    "settled": SettledBatch.SCHEMA,
    "undone": _UNDONE,
    "lessons": _LESSON,
    "relied": RelianceBatch.SCHEMA,
}
"""What a bucket tells, by name."""


def earlier_runs(folder: Path) -> EarlierRuns:
    """The memory in `folder`; raises `MemoryFileError`."""
    memories = Memories.read(folder)
    return EarlierRuns(
        key=memories.key,
        learned=memories.payers.facts,
        settled=memories.settled.settled,
        facts=memories.runs.facts.record_batch,
        unseen=_unseen,
        reduced=_reduced,
        known=_known,
        tell=_told,
        schemas={name: pa.schema(list(one)) for name, one in _SCHEMAS.items()},
        remember=partial(_remembered, folder, memories),
    )


def _unseen(facts: pa.RecordBatch, payments: PaymentBatch, lines: RemittanceBatch) -> Unseen:
    left = _memory(facts).without_seen(payments, lines)
    return Unseen(
        payments=left.payments,
        remittances=left.remittances,
        exceptions=exception_batch(left.exceptions),
    )


def _reduced(facts: pa.RecordBatch, items: OpenItemBatch) -> OpenItemBatch:
    return _memory(facts).reduce(items)


def _known(facts: pa.RecordBatch, items: OpenItemBatch) -> pa.BooleanArray:
    return _memory(facts).about(items)


def _memory(facts: pa.RecordBatch) -> RunMemory:
    return RunMemory(MemoryBatch.of_distinct(facts))


def _told(match_input: MatchInput, result: MatchResult) -> dict[str, pa.Table]:
    lessons = lessons_of_run(match_input, result)
    encoded = [[one.payment_id for one in lessons], [msgspec.json.encode(one) for one in lessons]]
    relied = reliance_of_run(match_input, result, match_input.learned)
    undone = result.reversals.text("original_payment_id")
    rows = {
        "seen": seen_facts(match_input.payments).record_batch,
        "settled": settled_rows(match_input, result),
        "relied": relied.record_batch,
    }
    return {
        **{name: pa.Table.from_batches([one]) for name, one in rows.items()},
        "closed": _closed(result),
        "undone": pa.table([undone], schema=_UNDONE),
        "lessons": pa.table(encoded, schema=_LESSON),
    }


def _closed(result: MatchResult) -> pa.Table:
    """What each automatic row takes off its item, and each reversal gives back."""
    auto = result.applications.record_batch
    auto = auto.filter(pc.equal(auto["decision"], "auto"))
    back = result.reversals.record_batch
    amounts = [sum(auto[name].to_numpy() for name in _CLOSES), -back["amount_minor"].to_numpy()]
    outcomes = result.outcomes
    companies = [
        outcomes.text("company_id").take(
            pc.index_in(rows["payment_id"], outcomes.text("payment_id"))
        )
        for rows in (auto, back)
    ]
    ids = [rows["open_item_id"] for rows in (auto, back)]
    columns = [pa.concat_arrays(companies), pa.concat_arrays(ids), np.concatenate(amounts)]
    return pa.table(columns, schema=CLOSED)


def _remembered(folder: Path, memories: Memories, told: dict[str, pa.Table]) -> Remembered:
    """What the next run will know."""
    one = {name: rows.combine_chunks() for name, rows in told.items()}
    undone = one["undone"]["payment_id"].combine_chunks()
    settled = memories.settled.with_run(_rows(one["settled"], SettledBatch.SCHEMA), undone)
    about = np.zeros(len(memories.runs), dtype=np.bool_)
    about[one["known"]["row"].to_numpy()] = True
    columns = [one["left"][name].combine_chunks() for name in LEFT.names]
    left = left_facts(columns[0], columns[1], columns[2], columns[3])
    seen = MemoryBatch.of_distinct(_rows(one["seen"], MemoryBatch.SCHEMA))
    runs = memories.runs.with_run(seen, left, pa.array(about))
    relied = RelianceBatch.of_distinct(_rows(one["relied"], RelianceBatch.SCHEMA))
    # As one process says them: by payment.
    lessons = one["lessons"].sort_by("payment_id")["lesson"].to_pylist()
    decoder = msgspec.json.Decoder(Lesson)
    taught = [decoder.decode(lesson) for lesson in lessons]
    payers = memories.payers.relied(relied).taught(taught)
    after = Memories(runs=runs, payers=payers, settled=settled)
    return Remembered(after.key, partial(after.write, folder))


def _rows(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [table[name].combine_chunks() for name in schema.names], schema=schema
    )
