"""The receipt of a bank file: what it brought, and where its money went, counted and summed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import DiagnosticBatch, ExceptionBatch, PaymentBatch, PaymentOutcomeBatch
from engine.exception_codes import EXCEPTION_CODES
from rpc.policy_messages import policy_sha256
from store.bank_file_records import (
    RECEIPT_ROWS_MAX,
    BankFileRecord,
    CurrencyTotal,
    FileReceipt,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.policy import PolicyBook
    from parsers.parsed_file import ParsedFile
    from rpc.bank_file_matching import FileMatch
    from rpc.jobs import BankFileJob

__all__ = ["currency_totals", "receipt_of", "repeats_of"]

_BUCKETS: Final = (
    "applied_minor",
    "on_account_minor",
    "unapplied_minor",
    "unidentified_minor",
    "suspense_minor",
    "non_ar_minor",
    "refund_minor",
    "returned_minor",
)


def repeats_of(payments: PaymentBatch, seen: Collection[str], job: BankFileJob) -> ExceptionBatch:
    """One exception per payment an earlier file has brought: counted once, said here."""
    entry = EXCEPTION_CODES["IN-DUPPAY"]
    known = pc.is_in(payments.text("payment_id"), value_set=pa.array(sorted(seen), pa.string()))
    again = PaymentBatch.of(payments.record_batch.filter(known))
    identities = again.strings("payment_id")
    rows = len(identities)
    return ExceptionBatch.from_columns(
        {
            "exception_id": [f"{one}-{entry.code}-{job.file_id[:16]}" for one in identities],
            "source_file": [job.file_name] * rows,
            "code": [entry.code] * rows,
            "is_primary": [True] * rows,
            "amount_minor": again.int64("amount_minor"),
            "currency": again.text("currency"),
            "message": [f"Payment {one} came with an earlier file as well" for one in identities],
            "missing_fact": [entry.missing_fact] * rows,
            "suggested_action": [entry.suggested_action] * rows,
        }
    )


def receipt_of(
    job: BankFileJob, parsed: ParsedFile, matched: FileMatch, policy: PolicyBook
) -> FileReceipt:
    """The receipt of `job`, whose file `parsed` was `matched` by `policy`."""
    result = matched.result
    decided = pc.equal(result.applications.text("decision"), "auto")
    decided_count = pc.sum(decided).as_py() or 0
    record = BankFileRecord(
        file_id=job.file_id,
        file_name=job.file_name,
        size_bytes=job.size_bytes,
        received_at_ms=job.received_at_ms,
        state="held" if _is_held(parsed) else "processed",
        source_format=parsed.source_format,
        dialect=parsed.dialect,
        statement_count=parsed.statement_count,
        payment_count=len(matched.payments),
        repeated_payment_count=len(matched.repeated),
        remittance_line_count=len(matched.remittances),
        application_count=decided_count,
        proposal_count=len(result.applications) - decided_count,
        exception_count=len(result.exceptions),
        control_check_count=len(parsed.control_checks),
        diagnostic_count=len(parsed.diagnostics),
        policy_sha256=policy_sha256(policy),
    )
    failed_first = np.argsort(
        parsed.control_checks.record_batch.column("ok").to_numpy(zero_copy_only=False),
        kind="stable",
    )
    return FileReceipt(
        record=record,
        counted_rows=parsed.counted_rows,
        currency_totals=currency_totals(matched.payments, result.outcomes),
        control_checks=parsed.control_checks.take(failed_first[:RECEIPT_ROWS_MAX]),
        diagnostics=DiagnosticBatch.of(parsed.diagnostics.record_batch.slice(0, RECEIPT_ROWS_MAX)),
    )


def _is_held(parsed: ParsedFile) -> bool:
    if len(parsed.payments):
        codes = parsed.payments.text("intake_codes")
        return bool(pc.any(pc.match_substring(codes, "IN-TOTAL")).as_py())
    return not bool(pc.all(parsed.control_checks.record_batch.column("ok")).as_py())


def currency_totals(
    payments: PaymentBatch, outcomes: PaymentOutcomeBatch
) -> tuple[CurrencyTotal, ...]:
    """Where the money of `payments` went, by currency; `outcomes` stand in the same order."""
    columns = {name: outcomes.record_batch.column(name) for name in ("currency", *_BUCKETS)}
    columns["amount_minor"] = payments.record_batch.column("amount_minor")
    sums_of = [(name, "sum") for name in ("amount_minor", *_BUCKETS)]
    by_currency = pa.table(columns).group_by("currency")
    sums = by_currency.aggregate([("currency", "count"), *sums_of]).sort_by("currency")
    return tuple(
        CurrencyTotal(
            currency=row["currency"],
            payment_count=row["currency_count"],
            **{name: row[f"{name}_sum"] for name in ("amount_minor", *_BUCKETS)},
        )
        for row in sums.to_pylist()
    )
