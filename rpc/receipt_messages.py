"""What the store keeps, as messages of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from rpc.conversions import ANSWER_TABLES, encode_table
from rpc.errors import FieldError
from tieout.v1 import bank_file_service_pb2 as contract

if TYPE_CHECKING:
    from engine.batches import Batch
    from store.bank_file_records import CurrencyTotal, ExceptionPage, FileReceipt
    from tieout.v1 import rows_pb2

__all__ = [
    "bank_file_message",
    "control_check_messages",
    "diagnostic_messages",
    "exception_messages",
    "stored_state",
]

_EXCEPTIONS: Final = next(kind for kind in ANSWER_TABLES if kind.field == "exceptions")

_STATES: Final = {
    "processed": contract.BANK_FILE_STATE_PROCESSED,
    "held": contract.BANK_FILE_STATE_HELD,
}
_SEVERITIES: Final = {
    "error": contract.SEVERITY_ERROR,
    "warning": contract.SEVERITY_WARNING,
    "note": contract.SEVERITY_NOTE,
}


def bank_file_message(receipt: FileReceipt, *, kept: bool = True) -> contract.BankFile:
    """The receipt as its submitter gets it; `kept` is False where it was only validated."""
    record = msgspec.structs.asdict(receipt.record)
    state = _STATES[record.pop("state")] if kept else contract.BANK_FILE_STATE_VALIDATED
    record.pop("state", None)
    received = Timestamp()
    received.FromMilliseconds(record.pop("received_at_ms"))
    return contract.BankFile(
        **record,
        state=state,
        receive_time=received,
        counted_rows=receipt.counted_rows,
        currency_totals=[_total(total) for total in receipt.currency_totals],
        control_checks=control_check_messages(receipt.control_checks),
        diagnostics=diagnostic_messages(receipt.diagnostics),
    )


def stored_state(state: contract.BankFileState.ValueType) -> str:
    """The state as the store names it; empty where it is unspecified.

    Raises `FieldError` for that of a file that is not kept.
    """
    if state == contract.BANK_FILE_STATE_UNSPECIFIED:
        return ""
    for name, value in _STATES.items():
        if value == state:
            return name
    message = "state: only PROCESSED and HELD files are kept"
    raise FieldError(message, field="state", value=str(state))


def control_check_messages(rows: Batch) -> list[contract.ControlCheck]:
    """Control checks, in the order of `rows`."""
    return [contract.ControlCheck(**_without(row, "source_file")) for row in _rows(rows)]


def diagnostic_messages(rows: Batch) -> list[contract.Diagnostic]:
    """Diagnostics, in the order of `rows`."""
    return [
        contract.Diagnostic(
            **_without(row, "source_file", "severity"), severity=_SEVERITIES[row["severity"]]
        )
        for row in _rows(rows)
    ]


def exception_messages(page: ExceptionPage) -> list[rows_pb2.ExceptionItem]:
    """The exceptions of a page, with their file and customer."""
    table = encode_table(_EXCEPTIONS, page.exceptions, arrow=False)
    items: list[rows_pb2.ExceptionItem] = list(table.messages.exception_items)
    for item, file_id, customer_id in zip(items, page.file_ids, page.customer_ids, strict=True):
        item.file_id = file_id
        item.customer_id = customer_id
    return items


def _total(total: CurrencyTotal) -> contract.CurrencyTotal:
    sums = msgspec.structs.asdict(total)
    return contract.CurrencyTotal(currency_code=sums.pop("currency"), **sums)


def _rows(batch: Batch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = batch.record_batch.to_pylist()
    return rows


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
