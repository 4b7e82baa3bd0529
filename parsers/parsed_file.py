"""What reading a bank file gives, whatever its format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from engine.batches import ControlCheckBatch, DiagnosticBatch, PaymentBatch, RemittanceBatch

__all__ = ["ParsedFile"]


class ParsedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One bank file, read as far as it goes.

    `file_id` is the SHA-256 of the content; `dialect` names the layout or version
    (`bai2.v2`, `lockbox.a.1`, `camt.053.001.08`). `counted_rows` says how many rows of the file
    were no payments, by reason (`debit`, `pending`, `information`, `summary`, …): every row is a
    payment, a remittance line, one of these counts, or a diagnostic.
    """

    file_id: str
    source_file: str
    source_format: str
    dialect: str
    payments: PaymentBatch
    remittances: RemittanceBatch
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch
    counted_rows: dict[str, int]
    statement_count: int
