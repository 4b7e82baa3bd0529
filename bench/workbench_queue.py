"""A long queue in a store, written as a bank file is booked: payments, proposals, items, bytes.

The engine is left out: what is measured begins where its results are kept.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Any, Final

import numpy as np

from engine.batches import (
    ApplicationBatch,
    BankAccountBatch,
    ControlCheckBatch,
    CustomerBatch,
    DiagnosticBatch,
    ExceptionBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)
from store import open_repository
from store.bank_file_records import BankFileRecord, CurrencyTotal, FileReceipt, FileResult

__all__ = ["fill_queue", "owner_of"]

COMPANY: Final = "1000"
FILE_ROWS: Final = 10_000
OWNERS: Final = 20_000
CODES: Final = ("AMB-SINGLE", "REF-NONE", "AMT-SHORT", "POL-CONFIDENCE", "REF-TYPO")
_DAY_MS: Final = 86_400_000


def fill_queue(url: str, cases: int) -> None:
    """Keep `cases` exceptions of as many payments, each with two proposals of one item."""
    store = open_repository(url)
    with store.booking() as booking:
        booking.customers.upsert(_customers(cases))
        booking.open_items.upsert(_items(cases))
    now_ms = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    for place, begin in enumerate(range(0, cases, FILE_ROWS)):
        numbers = np.arange(begin, min(begin + FILE_ROWS, cases))
        content, offsets = _content(numbers)
        result = _result(f"statement-{place:02d}.bai", content, offsets, numbers, now_ms)
        file_id = result.receipt.record.file_id
        with store.booking() as booking:
            keys = booking.bank_files.keep(result)
            spans = booking.personal.spans(result.payments, keys)
            booking.contents.keep(file_id, content, spans, BankAccountBatch.empty(), now_ms)
            booking.cases.open_for_file(file_id, now_ms - place * 3 * _DAY_MS)
    store.close()


def owner_of(number: int) -> int:
    """Whose payment it is: neighbours in the queue are of different customers."""
    return number % OWNERS


def _payer(number: int) -> str:
    return f"CLIENT {owner_of(number):05d} TRADING LTD"


def _minor(numbers: np.ndarray[Any, Any]) -> list[int]:
    found: list[int] = (10_000 + numbers * 7).tolist()
    return found


def _customers(cases: int) -> CustomerBatch:
    owners = range(min(cases, OWNERS))
    return CustomerBatch.from_columns(
        {
            "customer_id": [f"C-{one:05d}" for one in owners],
            "company_id": [COMPANY] * len(owners),
            "name": [f"Client {one:05d} Trading Ltd" for one in owners],
            "status": ["active"] * len(owners),
        }
    )


def _items(cases: int) -> OpenItemBatch:
    numbers = np.repeat(np.arange(cases), 2)
    halves = np.tile([1, 2], cases)
    minor = _minor(numbers)
    named = list(zip(numbers.tolist(), halves.tolist(), strict=True))
    return OpenItemBatch.from_columns(
        {
            "open_item_id": [f"I-{number}-{half}" for number, half in named],
            "company_id": [COMPANY] * len(named),
            "customer_id": [f"C-{owner_of(number):05d}" for number, _ in named],
            "document_number": [f"INV-{number:06d}{half}" for number, half in named],
            "document_type": ["invoice"] * len(named),
            "currency": ["USD"] * len(named),
            "original_minor": minor,
            "open_minor": minor,
            "status": ["open"] * len(named),
        }
    )


def _content(numbers: np.ndarray[Any, Any]) -> tuple[bytes, list[tuple[int, int]]]:
    """A BAI2 file of these payments, and where each record stands."""
    parts = [b"01,BANK,US,260331,0800,1,,,2/\n02,US,BANK,1,260331,,USD,2/\n03,ACC1,USD,010,0,,/\n"]
    at, offsets = len(parts[0]), []
    for number, minor in zip(numbers.tolist(), _minor(numbers), strict=True):
        record = f"16,165,{minor},0,BR{number},CR{number},ORIG CO NAME:{_payer(number)}/\n".encode()
        offsets.append((at, len(record)))
        parts.append(record)
        at += len(record)
    return b"".join(parts), offsets


def _result(
    name: str,
    content: bytes,
    offsets: list[tuple[int, int]],
    numbers: np.ndarray[Any, Any],
    now_ms: int,
) -> FileResult:
    file_id = hashlib.sha256(content).hexdigest()
    many = len(numbers)
    minor = _minor(numbers)
    ids = [f"P-{number:06d}" for number in numbers.tolist()]
    owners = [f"C-{owner_of(number):05d}" for number in numbers.tolist()]
    checks = ControlCheckBatch.from_columns({"source_file": [name], "kind": ["sum"], "ok": [True]})
    diagnostics = DiagnosticBatch.empty()
    counts = dict.fromkeys(
        (field for field in BankFileRecord.__struct_fields__ if field.endswith("_count")), 0
    )
    fields: dict[str, Any] = counts | {
        "payment_count": many,
        "exception_count": many,
        "file_id": file_id,
        "file_name": name,
        "size_bytes": len(content),
        "received_at_ms": now_ms,
        "state": "processed",
        "source_format": "bai2",
        "dialect": "bai2.v2",
        "policy_sha256": "",
    }
    nothing: dict[str, Any] = dict.fromkeys(CurrencyTotal.__struct_fields__, 0)
    total = nothing | {"amount_minor": sum(minor), "unapplied_minor": sum(minor)}
    return FileResult(
        receipt=FileReceipt(
            record=BankFileRecord(**fields),
            counted_rows={},
            currency_totals=(CurrencyTotal(**total | {"currency": "USD", "payment_count": many}),),
            control_checks=checks,
            diagnostics=diagnostics,
        ),
        payments=_payments(name, file_id, numbers, offsets, ids),
        remittances=RemittanceBatch.empty(),
        outcomes=PaymentOutcomeBatch.from_columns(
            {
                "payment_id": ids,
                "company_id": [COMPANY] * many,
                "currency": ["USD"] * many,
                "customer_id": owners,
                "identified_by": ["name"] * many,
                "identification_confidence": [0.99] * many,
                "unapplied_minor": minor,
            }
        ),
        applications=_proposals(numbers, minor, owners),
        reversals=ReversalBatch.empty(),
        exceptions=_exceptions(name, numbers, minor, ids),
        control_checks=checks,
        diagnostics=diagnostics,
        repeated_payments=(),
    )


def _proposals(
    numbers: np.ndarray[Any, Any], minor: list[int], owners: list[str]
) -> ApplicationBatch:
    """Two for each payment, the first a little likelier."""
    twice = [(number, half) for number in numbers.tolist() for half in (1, 2)]
    return ApplicationBatch.from_columns(
        {
            "payment_id": [f"P-{number:06d}" for number, _ in twice],
            "open_item_id": [f"I-{number}-{half}" for number, half in twice],
            "customer_id": [owner for owner in owners for _ in (1, 2)],
            "currency": ["USD"] * len(twice),
            "decision": ["proposed"] * len(twice),
            "proposal_rank": [half for _, half in twice],
            "applied_minor": [one for one in minor for _ in (1, 2)],
            "strategy": ["single_amount"] * len(twice),
            "confidence": [0.62 - half / 100 for _, half in twice],
            "uniqueness": ["unique_amounts"] * len(twice),
            "explanation": [f"INV-{number:06d}{half} has the amount" for number, half in twice],
            "evidence": [
                f'{{"identified_by":"name","document_number":"INV-{number:06d}{half}",'
                '"sets_that_fit":2}'
                for number, half in twice
            ],
        }
    )


def _payments(
    name: str,
    file_id: str,
    numbers: np.ndarray[Any, Any],
    offsets: list[tuple[int, int]],
    ids: list[str],
) -> PaymentBatch:
    """As the reader of the file gives them."""
    many, minor = len(ids), _minor(numbers)
    return PaymentBatch.from_columns(
        {
            "payment_id": ids,
            "file_id": [file_id] * many,
            "source_file": [name] * many,
            "source_format": ["bai2"] * many,
            "source_offset": [offset for offset, _ in offsets],
            "source_length": [length for _, length in offsets],
            "company_id": [COMPANY] * many,
            "bank_account": ["ACC1"] * many,
            "booking_date": [20_543] * many,
            "value_date": [20_543] * many,
            "amount_minor": minor,
            "currency": ["USD"] * many,
            "method": ["wire"] * many,
            "payer_name": [_payer(number) for number in numbers.tolist()],
            "bank_reference": [f"BR{number}" for number in numbers.tolist()],
            "customer_reference": [f"CR{number}" for number in numbers.tolist()],
        }
    )


def _exceptions(
    name: str, numbers: np.ndarray[Any, Any], minor: list[int], ids: list[str]
) -> ExceptionBatch:
    """One for each payment."""
    many = len(ids)
    return ExceptionBatch.from_columns(
        {
            "exception_id": [f"X-{one}" for one in ids],
            "payment_id": ids,
            "source_file": [name] * many,
            "code": [CODES[number % len(CODES)] for number in numbers.tolist()],
            "is_primary": [True] * many,
            "amount_minor": minor,
            "currency": ["USD"] * many,
            "message": ["several open items have exactly this amount"] * many,
        }
    )
