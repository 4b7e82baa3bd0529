"""Bank files are read in parallel, some by each task, and merged so that no money counts twice.

A file that cannot be used is no error: it is refused with a sentence, and the others are read. The
merge is one task: whether a payment is told twice, by two files or in two formats, depends on all
of them. A table of payments beside them is one more that may tell of a payment.
"""

from __future__ import annotations

import pickle
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from cluster.errors import ReaderDiedError, UnusableInputError
from cluster.flow import begun, gathered, passed
from cluster.mapped_values import mapped_value
from cluster.packets import Packet, packed
from cluster.pieces import keep_pieces, latest_booking, pieces_of, pieces_told
from cluster.places import Place, files_below
from cluster.read_apart import read_marked
from cluster.read_inputs import content_of, one_table, table_files
from engine.batches import AdviceBatch, BankAccountBatch, PaymentBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.packets import Received
    from cluster.run import Run

__all__ = ["advices_of_files", "keep_bank_files", "refused_files", "shares_of"]

_FILE, _PAYMENTS = "bank_file", "payment_rows"
_REFUSED: Final = pa.schema([pa.field(name, pa.string()) for name in ("source_file", "message")])
_ADVICES, _REFUSALS = "bank_advices", "refused"
_TASKS_PER_PART: Final = 4
_FILE_BYTES: Final = 1 << 16
"""A file costs as much as so many bytes, however few it has: opening, packing, merging."""


def keep_bank_files(run: Run) -> dict[str, int]:
    """Payments of bank files as rows of the run, and what the files say beside them."""
    if not run.job.bank_files:
        return {}
    files = [file for name in run.job.bank_files for file in files_below(name, ())]
    shares = shares_of([file.size for file in files], _TASKS_PER_PART * run.parts)
    tables = [] if run.job.payments is None else table_files(run.job.payments)
    read, accounts = run.hooks.read_bank_file, run.accounts.record_batch
    refuse, marks = run.hooks.refuse_bank_file, run.folder / "bank_files_begun"
    read_table = run.hooks.read_payments

    def one(file: int) -> list[Any]:
        place = Place(files[file].uri)
        name, content = place.name, place.read()
        # A file may break its reader as well: then that one file is refused, not the run.
        try:
            found: list[Any] = read_marked(
                marks / f"{file:06}",
                lambda: read(name, content, BankAccountBatch.of_distinct(accounts)),
            )
        except ReaderDiedError as error:
            return refuse(name, content, f"{name}: {error}")
        return found

    def some(number: int) -> Iterator[Packet]:
        if number >= len(shares):
            rows = read_table(content_of(tables[number - len(shares)])).record_batch
            yield from packed({_PAYMENTS: pa.Table.from_batches([rows])})
            return
        for found in map(one, shares[number]):
            yield Packet(0, _FILE, len(found), pickle.dumps(found))

    sent = begun(run.spark, len(shares) + len(tables), some)
    found = gathered(passed(sent, 1, _Merge(run)))
    refused = found.table(_REFUSALS, _REFUSED)
    if len(refused) == len(files) and not tables:
        raise UnusableInputError("; ".join(refused["message"].to_pylist()) or "no bank files")
    advices = found.table(_ADVICES, AdviceBatch.SCHEMA)
    run.put(
        AdviceBatch.from_columns(
            {name: advices[name] for name in advices.column_names}
        ).record_batch,
        _ADVICES,
    )
    run.put(
        list(zip(*(refused[name].to_pylist() for name in _REFUSED.names), strict=True)), _REFUSALS
    )
    run.note(found, "bank_files")
    pieces = pieces_of(pieces_told(found))
    run.put(pieces, "pieces")
    return {
        "bank_files": len(files),
        "refused": len(refused),
        "payments": int(pieces.rows.sum()),
    }


def shares_of(sizes: list[int], most: int) -> list[range]:
    """Which of files of these `sizes` (bytes) each of at most so many tasks reads: some that follow
    one another, about as much work for each.
    """
    if not sizes:
        return []
    work = np.array(sizes, dtype=np.int64) + _FILE_BYTES
    task = (np.cumsum(work) - work) * most // work.sum()
    begins = np.flatnonzero(np.diff(task, prepend=-1)).tolist()
    return [range(*bounds) for bounds in pairwise([*begins, len(sizes)])]


class _Merge:
    """The step that merges all files."""

    def __init__(self, run: Run) -> None:
        self._merge, self._accounts = run.hooks.merge_bank_files, run.accounts.record_batch
        self._folder, self._parts = run.folder, run.parts
        earlier, self._earlier_at = run.hooks.earlier, run.place_of("earlier")
        self._unseen = None if earlier is None else earlier.unseen
        self._tell_notes = run.hooks.tell_notes

    def __call__(self, _: int, received: Received) -> Iterator[Packet]:
        found: list[Any] = []
        for content in received.contents(_FILE):
            found += pickle.loads(content)  # noqa: S301 - written by a task of this run
        tables = received.table(_PAYMENTS, PaymentBatch.SCHEMA)
        # Whatever stands in two tables, or in a table and a file, is told twice: one decides here.
        given = one_table(PaymentBatch, tables.to_batches(), "payments")
        merged = self._merge(found, BankAccountBatch.of_distinct(self._accounts), given)
        payments, lines = merged.payments, merged.remittances
        day = latest_booking(payments)
        if self._unseen is not None:
            unseen = self._unseen(mapped_value(self._earlier_at).facts, payments, lines)
            payments, lines = unseen.payments, unseen.remittances
            yield from packed(self._tell_notes(unseen.exceptions))
        yield from keep_pieces(self._folder, payments, lines, 0, self._parts, day)
        rows = {_ADVICES: pa.Table.from_batches([merged.advices.record_batch])}
        if merged.refused:
            rows[_REFUSALS] = pa.table([*zip(*merged.refused, strict=True)], schema=_REFUSED)
        yield from packed(rows | merged.tables)


def advices_of_files(run: Run) -> AdviceBatch:
    """Remittance advice that stood in bank files."""
    if not run.job.bank_files:
        return AdviceBatch.empty()
    return AdviceBatch.of_distinct(run.value(_ADVICES))


def refused_files(run: Run) -> tuple[tuple[str, str], ...]:
    """Bank files that could not be used, and why."""
    return tuple(run.value(_REFUSALS)) if run.job.bank_files else ()
