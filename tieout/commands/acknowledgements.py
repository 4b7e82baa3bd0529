"""What a treasury system is told about a bank file: counts, sums, totals, reasons and places."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, Final

from engine.currencies import format_minor
from tieout.v1 import bank_file_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.client import ClientError

__all__ = ["ACKNOWLEDGEMENT_FORMATS", "acknowledged", "content_of", "refused"]

ACKNOWLEDGEMENT_FORMATS: Final = ("json", "csv")

_SCHEMA_VERSION: Final = 1
_COUNTS: Final = (
    "statement",
    "payment",
    "repeated_payment",
    "remittance_line",
    "application",
    "proposal",
    "exception",
)
_SUMS: Final = (
    "amount",
    "applied",
    "on_account",
    "unapplied",
    "unidentified",
    "suspense",
    "non_ar",
    "refund",
    "returned",
)


def acknowledged(
    name: str, receipt: contract.BankFile, *, already_processed: bool, claim_id: str = ""
) -> dict[str, Any]:
    """What became of a file that was taken in."""
    state = contract.BankFileState.Name(receipt.state).removeprefix("BANK_FILE_STATE_").lower()
    return {
        "schema_version": _SCHEMA_VERSION,
        "file_name": name,
        "claim_id": claim_id,
        "outcome": "duplicate" if already_processed else "accepted",
        "state": state,
        "file_id": receipt.file_id,
        "first_file_name": receipt.file_name,
        "size_bytes": receipt.size_bytes,
        "received_at": receipt.receive_time.ToJsonString(),
        "format": receipt.source_format,
        "dialect": receipt.dialect,
        "counts": {f"{one}s": getattr(receipt, f"{one}_count") for one in _COUNTS},
        "rows_that_are_no_payments": dict(sorted(receipt.counted_rows.items())),
        "sums": [_sum(total) for total in receipt.currency_totals],
        "control_totals": [
            {name: getattr(check, name) for name in ("scope", "kind", "declared", "computed")}
            | {"ok": check.ok}
            for check in receipt.control_checks
        ],
        "reasons": [_reason(one) for one in receipt.diagnostics],
        "reasons_not_listed": receipt.diagnostic_count - len(receipt.diagnostics),
    }


def refused(name: str, error: ClientError | str, claim_id: str = "") -> dict[str, Any]:
    """Why a file was not taken in."""
    reason = "CHECKSUM_MISMATCH" if isinstance(error, str) else error.reason
    details = {} if isinstance(error, str) else error.details
    place = {one: int(details[one]) for one in ("line", "offset") if details.get(one, "").isdigit()}
    return {
        "schema_version": _SCHEMA_VERSION,
        "file_name": name,
        "claim_id": claim_id,
        "outcome": "rejected",
        "reasons": [
            {"severity": "error", "code": reason, **place, "message": str(error)}
            | {"details": details}
        ],
    }


def content_of(acknowledgement: dict[str, Any], file_format: str) -> bytes:
    """The content of a file that holds it."""
    if file_format == "json":
        return (json.dumps(acknowledgement, indent=2, ensure_ascii=False) + "\n").encode()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["topic", "name", "value", "line", "offset", "message"])
    writer.writerows(_lines(acknowledgement))
    return text.getvalue().encode()


def _sum(total: contract.CurrencyTotal) -> dict[str, Any]:
    code = total.currency_code
    amounts = {one: format_minor(getattr(total, f"{one}_minor"), code) for one in _SUMS}
    return {"currency": code, "payments": total.payment_count} | amounts


def _reason(one: contract.Diagnostic) -> dict[str, Any]:
    severity = contract.Severity.Name(one.severity).removeprefix("SEVERITY_").lower()
    place = {
        name: getattr(one, name) for name in ("line", "column", "offset") if one.HasField(name)
    }
    words = {name: getattr(one, name) for name in ("value", "expected", "remedy")}
    return {"severity": severity, "code": one.code, **place, "message": one.message} | words


def _lines(told: dict[str, Any]) -> Iterator[list[Any]]:
    for name in ("file_name", "claim_id", "outcome", "state", "file_id", "format", "dialect"):
        yield ["file", name, told.get(name, ""), "", "", ""]
    for topic in ("counts", "rows_that_are_no_payments"):
        for name, value in told.get(topic, {}).items():
            yield [topic, name, value, "", "", ""]
    for total in told.get("sums", ()):
        for name in _SUMS:
            yield [f"sums {total['currency']}", name, total[name], "", "", ""]
    for check in told.get("control_totals", ()):
        agree = "agree" if check["ok"] else f"declared {check['declared']}"
        yield [
            "control_totals",
            f"{check['scope']} {check['kind']}",
            check["computed"],
            "",
            "",
            agree,
        ]
    for one in told.get("reasons", ()):
        place = [one.get("line", ""), one.get("offset", "")]
        yield [one["severity"], one["code"], one.get("value", ""), *place, one["message"]]
