"""Several bank files to one set of payments: what a file repeats of another counts once.

Files are taken in the order of their content's hash, so that neither their names nor their order
on a command line changes the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    AdviceBatch,
    Batch,
    ControlCheckBatch,
    DiagnosticBatch,
    PaymentBatch,
    RemittanceBatch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.parsed_file import ParsedFile

__all__ = ["MergedFiles", "merge_parsed"]

_Rows = TypeVar("_Rows", bound=Batch)


class MergedFiles(msgspec.Struct, frozen=True, kw_only=True):
    """All files of a run as one; `repeated` are (payment_id, source_file) of what was left out."""

    payments: PaymentBatch
    remittances: RemittanceBatch
    advices: AdviceBatch
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch
    counted_rows: dict[str, int]
    repeated: list[tuple[str, str]]


def merge_parsed(files: Sequence[ParsedFile]) -> MergedFiles:
    """Put `files` together; a payment an earlier file has is left out and reported.

    Of a file given twice, byte for byte, only the repeated payments are reported.
    """
    ordered = sorted(files, key=lambda file: (file.file_id, file.source_file))
    seen: set[str] = set()
    seen_files: set[str] = set()
    payments: list[PaymentBatch] = []
    remittances: list[RemittanceBatch] = []
    distinct: list[ParsedFile] = []
    repeated: list[tuple[str, str]] = []
    counted: dict[str, int] = {}
    for file in ordered:
        identities = file.payments.strings("payment_id")
        again = seen.intersection(identities)
        repeated.extend((one, file.source_file) for one in identities if one in again)
        if file.file_id in seen_files:
            continue
        seen_files.add(file.file_id)
        seen.update(identities)
        distinct.append(file)
        payments.append(_without(file.payments, again))
        remittances.append(_without(file.remittances, again))
        for reason, rows in file.counted_rows.items():
            counted[reason] = counted.get(reason, 0) + rows
    return MergedFiles(
        payments=PaymentBatch.concat(payments),
        remittances=RemittanceBatch.concat(remittances),
        advices=AdviceBatch.concat([file.advices for file in distinct]),
        control_checks=ControlCheckBatch.concat([file.control_checks for file in distinct]),
        diagnostics=DiagnosticBatch.concat([file.diagnostics for file in distinct]),
        counted_rows=dict(sorted(counted.items())),
        repeated=repeated,
    )


def _without(batch: _Rows, identities: set[str]) -> _Rows:
    """The rows of `batch` whose `payment_id` is none of `identities`."""
    if not identities:
        return batch
    known = pa.array(sorted(identities), pa.string())
    keep = pc.invert(pc.is_in(batch.text("payment_id"), value_set=known))
    return type(batch).of(batch.record_batch.filter(keep))
