"""What is kept about bank files, and what callers are given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from engine.batches import (
        ApplicationBatch,
        ControlCheckBatch,
        DiagnosticBatch,
        ExceptionBatch,
        PaymentBatch,
        PaymentOutcomeBatch,
        RemittanceBatch,
        ReversalBatch,
    )

__all__ = [
    "RECEIPT_ROWS_MAX",
    "BankFileRecord",
    "CurrencyTotal",
    "ExceptionFilter",
    "ExceptionPage",
    "FileReceipt",
    "FileResult",
]

RECEIPT_ROWS_MAX: Final = 1_000
"""Control checks and diagnostics a receipt lists; at 500 bytes each both fit one message."""


class BankFileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One bank file. `received_at_ms`: milliseconds since 1970-01-01 UTC."""

    file_id: str
    file_name: str
    size_bytes: int
    received_at_ms: int
    state: Literal["processed", "held"]
    source_format: str
    dialect: str
    statement_count: int
    payment_count: int
    repeated_payment_count: int
    remittance_line_count: int
    application_count: int
    proposal_count: int
    exception_count: int
    control_check_count: int
    diagnostic_count: int
    policy_sha256: str


class CurrencyTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a file's payments in one currency; the eight buckets add up to `amount_minor`."""

    currency: str
    payment_count: int
    amount_minor: int
    applied_minor: int
    on_account_minor: int
    unapplied_minor: int
    unidentified_minor: int
    suspense_minor: int
    non_ar_minor: int
    refund_minor: int
    returned_minor: int


class FileReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a submitter is told; checks and diagnostics are cut at `RECEIPT_ROWS_MAX`."""

    record: BankFileRecord
    counted_rows: dict[str, int]
    currency_totals: tuple[CurrencyTotal, ...]
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one bank file came to."""

    receipt: FileReceipt
    payments: PaymentBatch
    remittances: RemittanceBatch
    outcomes: PaymentOutcomeBatch
    applications: ApplicationBatch
    reversals: ReversalBatch
    exceptions: ExceptionBatch
    control_checks: ControlCheckBatch
    diagnostics: DiagnosticBatch
    repeated_payments: tuple[str, ...]


class ExceptionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which exceptions; the empty string means all.

    `companies` None is every company; else only those of payments of these, and of files without
    a payment of any other.
    """

    code: str = ""
    file_id: str = ""
    customer_id: str = ""
    companies: tuple[str, ...] | None = None


class ExceptionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page; `file_ids` and `customer_ids` hold one value per exception.

    `last_number` continues the list; None where this page was the last.
    """

    exceptions: ExceptionBatch
    file_ids: tuple[str, ...]
    customer_ids: tuple[str, ...]
    last_number: int | None
