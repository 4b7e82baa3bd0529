"""Small results of bank files, built by hand."""

from __future__ import annotations

import hashlib

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
from store.bank_file_records import (
    BankFileRecord,
    CurrencyTotal,
    FileReceipt,
    FileResult,
)

__all__ = ["file_id_of", "file_result"]


def file_id_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


def file_result(name, *, payments=1, amount=10_000, bucket="applied_minor", applied=None):
    """A file of equal payments, each applied to item I-1 of company K and with one exception."""
    ids = [f"{name}-{number}" for number in range(payments)]
    checks = ControlCheckBatch.from_columns(
        {"source_file": [name] * 2, "kind": ["sum", "count"], "ok": [True, False]}
    )
    diagnostics = DiagnosticBatch.from_columns(
        {"source_file": [name], "line": [3], "severity": ["note"], "code": ["FILE-COUNT"]}
    )
    return FileResult(
        receipt=FileReceipt(
            record=_record(name, payments),
            counted_rows={"debit": 2},
            currency_totals=(_total(payments, amount, bucket),),
            control_checks=checks.take([1, 0]),
            diagnostics=diagnostics,
        ),
        **_rows(name, ids, amount, bucket, amount if applied is None else applied),
        control_checks=checks,
        diagnostics=diagnostics,
        reversals=ReversalBatch.empty(),
        repeated_payments=(),
    )


def _record(name, payments):
    counts = {field: 0 for field in BankFileRecord.__struct_fields__ if field.endswith("_count")}
    return BankFileRecord(
        **counts
        | {
            "payment_count": payments,
            "application_count": payments,
            "exception_count": payments,
            "control_check_count": 2,
            "diagnostic_count": 1,
        },
        file_id=file_id_of(name),
        file_name=name,
        size_bytes=100,
        received_at_ms=1_774_915_200_000,
        state="processed",
        source_format="bai2",
        dialect="bai2.v2",
        policy_sha256="",
    )


def _total(payments, amount, bucket):
    sums = {"amount_minor": amount * payments, bucket: amount * payments}
    nothing = dict.fromkeys(CurrencyTotal.__struct_fields__, 0)
    return CurrencyTotal(**nothing | sums | {"currency": "USD", "payment_count": payments})


def _rows(name, ids, amount, bucket, applied):
    many = len(ids)
    return {
        "payments": PaymentBatch.from_columns(
            {
                "payment_id": ids,
                "file_id": [file_id_of(name)] * many,
                "booking_date": [20_543] * many,
                "amount_minor": [amount] * many,
                "currency": ["USD"] * many,
            }
        ),
        "remittances": RemittanceBatch.from_columns(
            {"payment_id": ids, "line_number": [1] * many, "reference": ["INV-1"] * many}
        ),
        "outcomes": PaymentOutcomeBatch.from_columns(
            {
                "payment_id": ids,
                "company_id": ["K"] * many,
                "currency": ["USD"] * many,
                "customer_id": [f"C-{number % 2}" for number in range(many)],
                "identification_confidence": [0.5] * many,
                bucket: [amount] * many,
            }
        ),
        "applications": ApplicationBatch.from_columns(
            {
                "payment_id": ids,
                "open_item_id": ["I-1"] * many,
                "decision": ["auto"] * many,
                "applied_minor": [applied] * many,
                "confidence": [0.999] * many,
            }
        ),
        "exceptions": ExceptionBatch.from_columns(
            {
                "exception_id": [f"X-{payment_id}" for payment_id in ids],
                "payment_id": ids,
                "code": ["AMT-SHORT" if number % 3 else "REF-NONE" for number in range(many)],
                "is_primary": [True] * many,
            }
        ),
    }
