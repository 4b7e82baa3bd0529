"""Examples of requests and answers: values by the name of their field, and some whole requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from web.json_door.contract import map_entry, oneofs_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

__all__ = ["EXAMPLES", "example_of"]

_DEPTH_MAX: Final = 5
_ID: Final = "4efd83f8edca3b6fb59c40251b0388bc"
_SHA256: Final = "e36a9f9b218dd23a0d9b1f9eca3b00ff4efeb82faad64eb47144604cc9d02fbd"
_FOUR_WORDS: Final = "four words that nobody guesses"
_TIME: Final = "2026-09-30T08:15:00Z"

_PAYMENT: Final = {
    "paymentId": "P-1",
    "amountMinor": "129990",
    "currencyCode": "USD",
    "valueDate": "2026-09-30",
    "payerName": "ACME CORP",
    "remittanceText": "INV-2026-1001",
}
_OPEN_ITEM: Final = {
    "openItemId": "4711",
    "customerId": "C-ACME",
    "documentNumber": "INV-2026-1001",
    "currencyCode": "USD",
    "openMinor": "129990",
    "dueDate": "2026-10-15",
}
_ITEMS: Final = {"rowCount": "1", "messages": {"openItems": [_OPEN_ITEM]}}
_PAYMENTS: Final = {"rowCount": "1", "messages": {"payments": [_PAYMENT]}}

EXAMPLES: Final[dict[str, Any]] = {
    "MatchPaymentsRequest": {
        "requestId": "2026-09-30/1",
        "payments": _PAYMENTS,
        "openItems": _ITEMS,
    },
    "MatchResidentPaymentsRequest": {"payments": _PAYMENTS},
    "ExplainPaymentRequest": {"payments": _PAYMENTS, "openItems": ["INV-2026-1001"]},
    "StreamMatchPaymentsRequest": {"header": {"requestId": "2026-09-30/1"}},
    "ImportOpenItemsRequest": {"openItems": {"openItems": _ITEMS}},
    "ImportCustomersRequest": {
        "customers": {
            "customers": {
                "rowCount": "1",
                "messages": {"customers": [{"customerId": "C-ACME", "name": "Acme Corp"}]},
            }
        }
    },
    "Event": {
        "eventNumber": "17",
        "kind": "bank_file.processed",
        "subject": _SHA256,
        "occurTime": _TIME,
        "payloadJson": '{"payment_count":250}',
    },
    "DecideExceptionRequest": {"proposalRank": 1, "etag": "1"},
    "PrepareExceptionRequest": {
        "entries": [
            {
                "kind": "ENTRY_KIND_ITEM",
                "customerId": "C-ACME",
                "openItemId": "4711",
                "cashMinor": "129990",
            }
        ]
    },
    "ParkExceptionRequest": {"untilTime": "2026-10-07T06:00:00Z", "reason": "asked the customer"},
    "BatchExceptionsRequest": {
        "items": [{"decide": {"exceptionId": _ID, "proposalRank": 1}}],
        "requestId": "batch-17",
        "validateOnly": True,
    },
    "BeginUploadRequest": {"fileName": "2026-09-30.bai", "sizeBytes": "48123", "sha256": _SHA256},
    "NoteTemplate": {"name": "advice", "subject": "Your payment", "body": "What did you pay?"},
    "SaveViewRequest": {"name": "large and short", "query": "code=AMT-SHORT&order=amount"},
    "CreateUserRequest": {
        "user": {"userName": "m.weber", "roles": ["clerk"]},
        "password": _FOUR_WORDS,
    },
    "CreateWebhookRequest": {
        "url": "https://erp.example.com/tieout",
        "kinds": ["bank_file.processed"],
        "validateOnly": True,
    },
    "ReadReferencesRequest": {"text": "INV-2026-1001; INV-2026-1002"},
    "UndoExceptionRequest": {"actNumber": 2, "reason": "wrong invoice"},
}
"""Name of a message → an example of it that somebody thought about."""

_BY_NAME: Final[dict[str, Any]] = {
    "amount_minor": "129990",
    "applied_minor": "129990",
    "cash_minor": "129990",
    "open_minor": "129990",
    "undecided_minor": "129990",
    "case_count": "12",
    "case_id": _ID,
    "code": "AMT-SHORT",
    "comment": "agreed with the customer",
    "company_id": "1000",
    "confidence": 0.9998,
    "currency_code": "USD",
    "customer_id": "C-ACME",
    "document_number": "INV-2026-1001",
    "etag": "1",
    "exception_id": _ID,
    "file_id": _SHA256,
    "file_name": "2026-09-30.bai",
    "message": "the payment is 20.00 short of INV-2026-1001",
    "open_item_id": "4711",
    "page_size": 100,
    "password": _FOUR_WORDS,
    "payment_count": "250",
    "payment_id": _ID,
    "policy_version": 2,
    "reason": "agreed",
    "request_id": "2026-09-30/1",
    "manifest_sha256": _SHA256,
    "sha256": _SHA256,
    "row_count": "1",
    "size_bytes": "48123",
    "source_format": "bai2",
    "status": "applied",
    "strategy": "exact",
    "subject": _SHA256,
    "text": "called, will pay the rest on Friday",
    "user_name": "m.weber",
    "value_date": "2026-09-30",
}


def example_of(descriptor: Descriptor, depth: int = _DEPTH_MAX) -> dict[str, Any]:
    """An example of the message: its own, else values by the names of its fields."""
    if descriptor.name in EXAMPLES:
        return dict(EXAMPLES[descriptor.name])
    taken: set[str] = set()
    found = {}
    for field in descriptor.fields:
        group = next((one for one in oneofs_of(descriptor) if field.name in one), frozenset())
        if group & taken:
            continue
        value = _value(field, depth)
        if value is not None:
            found[field.json_name] = value
            taken.add(field.name)
    return found


def _value(field: FieldDescriptor, depth: int) -> Any:
    if map_entry(field) is not None:
        return None
    one = _one(field, depth)
    return [one] if one is not None and field.is_repeated else one


def _one(field: FieldDescriptor, depth: int) -> Any:
    inner = field.message_type
    if inner is not None:
        if inner.full_name == Timestamp.DESCRIPTOR.full_name:
            return _TIME
        return (example_of(inner, depth - 1) or None) if depth else None
    if field.enum_type is not None:
        return field.enum_type.values[1].name
    value = _BY_NAME.get(field.name)
    is_text = field.cpp_type in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_INT64)
    return value if isinstance(value, str) == is_text else None
