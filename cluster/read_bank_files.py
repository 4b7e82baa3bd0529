"""Bank files are read in parallel, a task for each, and merged so that no money counts twice.

A file that cannot be used is no error: it is refused with a sentence, and the others are read. The
merge is one task: whether a payment is told twice, by two files or in two formats, depends on all
of them.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from cluster.errors import UnusableInputError
from cluster.packed_rows import PACKED, packed
from cluster.places import Place, files_below
from cluster.read_inputs import keep_payments_table
from cluster.rows import PAYMENT_ROW, with_lines
from cluster.spark_rows import collected, each_group, each_number, rows_of
from engine.batches import AdviceBatch, BankAccountBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluster.run import Run

__all__ = ["advices_of_files", "keep_payments_read", "refused_files"]

_FILE: Final = pa.schema([pa.field("all", pa.int64()), pa.field("content", pa.binary())])
_REFUSED: Final = pa.schema([pa.field(name, pa.string()) for name in ("source_file", "message")])
_PAYMENTS, _ADVICES, _REFUSALS = "bank_payments", "bank_advices", "refused"


def keep_payments_read(run: Run) -> dict[str, int]:
    """Payments of a table, or of bank files, as rows of the run."""
    if not run.job.bank_files:
        return keep_payments_table(run)
    uris = [file.uri for name in run.job.bank_files for file in files_below(name, ())]
    read, accounts = run.hooks.read_bank_file, run.accounts.record_batch

    def one(number: int) -> Iterator[pa.Table]:
        place = Place(uris[number])
        # A file may break its reader as well: then that one file is refused, not the run.
        found = read(place.name, place.read(), BankAccountBatch.of_distinct(accounts))
        yield pa.table([[0], [pickle.dumps(found)]], schema=_FILE)

    files = run.write(each_number(run.spark, len(uris), one, _FILE), "bank_files")
    merged = each_group(files, "all", _merge(run), PACKED)
    kept = run.write(merged, "file_notes")
    refused = collected(rows_of(kept, _REFUSALS, _REFUSED)).to_pylist()
    if len(refused) == len(uris):
        raise UnusableInputError("; ".join(row["message"] for row in refused) or "no bank files")
    payments = run.write(rows_of(kept, _PAYMENTS, PAYMENT_ROW), "payments_read")
    return {
        "bank_files": len(uris),
        "refused": len(refused),
        "payments": payments.count(),
    }


def advices_of_files(run: Run) -> AdviceBatch:
    """Remittance advice that stood in bank files."""
    if not run.job.bank_files:
        return AdviceBatch.empty()
    rows = collected(rows_of(run.table("file_notes"), _ADVICES, AdviceBatch.SCHEMA))
    return AdviceBatch.from_columns({name: rows[name] for name in rows.column_names})


def refused_files(run: Run) -> tuple[tuple[str, str], ...]:
    """Bank files that could not be used, and why."""
    if not run.job.bank_files:
        return ()
    rows = collected(rows_of(run.table("file_notes"), _REFUSALS, _REFUSED)).to_pylist()
    return tuple((row["source_file"], row["message"]) for row in rows)


def _merge(run: Run) -> Callable[[int, pa.Table], pa.Table]:
    merge, accounts = run.hooks.merge_bank_files, run.accounts.record_batch

    def together(_: int, table: pa.Table) -> pa.Table:
        found: list[Any] = []
        for content in table.column("content").to_pylist():
            found += pickle.loads(content)  # noqa: S301 - written by a task of this run
        merged = merge(found, BankAccountBatch.of_distinct(accounts))
        rows = {
            _PAYMENTS: with_lines(merged.payments, merged.remittances, 0),
            _ADVICES: pa.Table.from_batches([merged.advices.record_batch]),
            _REFUSALS: pa.table([*zip(*merged.refused, strict=True)], schema=_REFUSED)
            if merged.refused
            else _REFUSED.empty_table(),
        }
        return packed(rows | merged.tables)

    return together
