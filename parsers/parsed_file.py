"""What reading a bank file gives, whatever its format: as a whole, or part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from engine.batches import (
        AdviceBatch,
        ControlCheckBatch,
        DiagnosticBatch,
        PaymentBatch,
        RemittanceBatch,
    )

__all__ = ["FileEnd", "ParsedFile", "ParsedPart", "StatementIdentity"]


class StatementIdentity(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What a bank would know a statement by, in whatever format and wrapping it is sent again.

    `statement_id` is the bank's own number or name of it, empty where the format has none; `date`
    is ISO 8601 or empty; `total_minor` is the sum of what it books, in units the format gives.
    """

    account: str
    statement_id: str
    date: str
    currency: str
    total_minor: int


class ParsedPart(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a file that have been read, in its order; remittance lines come with their payment.

    Intake codes of the whole file (`FileEnd.held_codes`) are not known yet.
    """

    payments: PaymentBatch
    remittances: RemittanceBatch
    advices: AdviceBatch
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch


class FileEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file once all its parts are read; the words are those of `ParsedFile`.

    `held_codes` are intake codes (`IN-TOTAL`) of every payment of the file.
    """

    file_id: str
    source_file: str
    source_format: str
    dialect: str
    counted_rows: dict[str, int]
    statement_count: int
    held_codes: tuple[str, ...]
    statements: tuple[StatementIdentity, ...] = ()


class ParsedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One bank file, read as far as it goes.

    `file_id` is the SHA-256 of the content; `dialect` names the layout or version
    (`bai2.v2`, `lockbox.a.1`, `camt.053.001.08`). `advices` are remittance lines whose payment
    stands in another file. `counted_rows` says how many rows of the file were neither, by reason
    (`debit`, `pending`, `information`, `summary`, …): every row is a payment, a remittance line,
    one of these counts, or a diagnostic. `statements` are those that were read
    to their end, as the bank knows them, in the file's order.
    """

    file_id: str
    source_file: str
    source_format: str
    dialect: str
    payments: PaymentBatch
    remittances: RemittanceBatch
    advices: AdviceBatch
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch
    counted_rows: dict[str, int]
    statement_count: int
    statements: tuple[StatementIdentity, ...] = ()
