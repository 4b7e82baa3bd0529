"""A run's tables: their batches, and the columns those are written to and read from.

Written by `tieout/run_tables.py`, read by `parsers/result_bundles.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine import arrow_functions as arrow
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
from engine.money import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "ADVICE_LINES",
    "APPLICATIONS",
    "CURRENCY_OF_AMOUNT",
    "EXCEPTIONS",
    "PAYMENT_FURTHER",
    "PAYMENT_OUTCOME",
    "PAYMENT_SOURCE",
    "REMITTANCE_LINES",
    "REVERSALS",
    "Columns",
    "RunTables",
    "currency_exponent",
    "exponents_of_currencies",
]


class RunTables(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found, as parsers and engine gave it."""

    payments: PaymentBatch
    outcomes: PaymentOutcomeBatch
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    applications: ApplicationBatch = msgspec.field(default_factory=ApplicationBatch.empty)
    reversals: ReversalBatch = msgspec.field(default_factory=ReversalBatch.empty)
    exceptions: ExceptionBatch = msgspec.field(default_factory=ExceptionBatch.empty)
    control_checks: ControlCheckBatch = msgspec.field(default_factory=ControlCheckBatch.empty)
    diagnostics: DiagnosticBatch = msgspec.field(default_factory=DiagnosticBatch.empty)


def currency_exponent(currency: str) -> int:
    """Decimal places of `currency`; 2 where it is none ISO 4217 knows (such rows are held)."""
    return CURRENCY_EXPONENTS.get(currency, 2)


def exponents_of_currencies(currencies: pa.Array) -> NDArray[np.int64]:
    """Decimal places of each of `currencies`."""
    encoded = arrow.dictionary_encode(currencies)
    places = [currency_exponent(code) for code in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return np.take(np.array(places, dtype=np.int64), codes) if places else np.zeros(0, np.int64)


Columns = tuple[tuple[str, str, bool], ...]
"""Name written, column read, whether it is an amount."""


def _same(*names: str) -> Columns:
    return tuple((name, name, False) for name in names)


def _amounts(**sources: str) -> Columns:
    return tuple((name, source, True) for name, source in sources.items())


PAYMENT_SOURCE: Final[Columns] = (
    *_same("payment_id", "file_id", "source_file", "source_format"),
    *_same("source_line", "source_offset", "source_length", "company_id", "bank_account"),
    *_same("booking_date", "value_date"),
    *_amounts(amount="amount_minor"),
    *_same("currency", "method", "type_code", "payer_name", "payer_account"),
    *_same("bank_reference", "customer_reference", "end_to_end_id", "check_number"),
    *_same("remittance_text"),
)
"""Payments as they were read."""
PAYMENT_FURTHER: Final[Columns] = (
    *_same("trace_number", "uetr", "ultimate_payer_name", "remittance_id"),
    *_amounts(instructed_amount="instructed_minor"),
    *_same("instructed_currency", "exchange_rate"),
    *_amounts(charges_amount="charges_minor"),
)
"""Columns that came later: they stand behind all others."""

CURRENCY_OF_AMOUNT: Final = {
    "instructed_amount": "instructed_currency",
    "cash_amount": "cash_currency",
}
"""Amounts that are not in the row's `currency`."""

PAYMENT_OUTCOME: Final[Columns] = (
    *_same("customer_id", "payer_customer_id", "identified_by", "identification_confidence"),
    *_same("status"),
    *_amounts(
        applied_amount="applied_minor",
        on_account_amount="on_account_minor",
        unapplied_amount="unapplied_minor",
        unidentified_amount="unidentified_minor",
        suspense_amount="suspense_minor",
        non_ar_amount="non_ar_minor",
        refund_amount="refund_minor",
        returned_amount="returned_minor",
    ),
)
"""Payments as they were decided."""
REMITTANCE_LINES: Final[Columns] = (
    *_same("payment_id", "line_number", "reference", "reference_kind"),
    *_amounts(
        amount="amount_minor", discount_amount="discount_minor", deduction_amount="deduction_minor"
    ),
    *_same("deduction_reason", "currency", "source", "remittance_id"),
)
"""What payers said they pay."""
ADVICE_LINES: Final[Columns] = (
    *_same("remittance_id", "line_number", "payment_reference", "trace_number", "uetr"),
    *_same("end_to_end_id", "check_number", "payer_name"),
    *_amounts(payment_amount="payment_amount_minor"),
    *_same("payment_date", "reference", "reference_kind"),
    *_amounts(
        amount="amount_minor", discount_amount="discount_minor", deduction_amount="deduction_minor"
    ),
    *_same("deduction_reason", "currency"),
)
"""Remittances whose payment stands in another file."""
APPLICATIONS: Final[Columns] = (
    *_same("payment_id", "open_item_id", "customer_id", "decision", "proposal_rank"),
    *_amounts(
        amount_applied="applied_minor",
        discount_taken="discount_minor",
        deduction_amount="deduction_minor",
    ),
    *_same("deduction_reason"),
    *_amounts(write_off_amount="write_off_minor"),
    *_same("write_off_reason", "strategy", "confidence", "uniqueness", "explanation", "evidence"),
    *_amounts(cash_amount="cash_minor"),
    *_same("cash_currency"),
)
"""Decided and proposed applications; amounts are in the currency of the item."""
REVERSALS: Final[Columns] = (
    *_same("payment_id", "original_payment_id", "open_item_id"),
    *_amounts(amount="amount_minor"),
)
"""What returns re-open."""
EXCEPTIONS: Final[Columns] = (
    *_same("exception_id", "payment_id", "source_file", "remittance_id", "code", "is_primary"),
    *_amounts(amount="amount_minor"),
    *_same("message", "missing_fact", "suggested_action", "proposal_ranks"),
)
"""What needs a clerk."""
