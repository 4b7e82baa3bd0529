"""Reason → gRPC code: the only place that knows both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf import duration_pb2
from google.rpc import (  # type: ignore[import-untyped]  # googleapis ships no types
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from rpc.limits import METADATA_VALUE_LENGTH_MAX, STATUS_MESSAGE_LENGTH_MAX

if TYPE_CHECKING:
    from rpc.errors import ServiceError
    from store.errors import StoreError

__all__ = [
    "CODES",
    "DOMAIN",
    "INTERNAL",
    "REASON_KEY",
    "UNKNOWN_SERVICE",
    "code_of",
    "status_code",
    "trailers_of",
]

DOMAIN: Final = "tieout"
"""Domain of every `google.rpc.ErrorInfo`."""

INTERNAL: Final = "INTERNAL"
"""Reason of an error nobody raised on purpose."""

UNKNOWN_SERVICE: Final = grpc.StatusCode.NOT_FOUND
"""How a question after the health of a service ends that is not there."""

REASON_KEY: Final = "tieout-reason"
"""Trailing metadata with the reason as text, for callers without google.rpc messages."""

_STATUS_KEY: Final = "grpc-status-details-bin"

CODES: Final = {
    "AMOUNT_NOT_PERMITTED": grpc.StatusCode.PERMISSION_DENIED,
    "ANSWER_ERASED": grpc.StatusCode.FAILED_PRECONDITION,
    "ANSWER_TOO_LARGE": grpc.StatusCode.OUT_OF_RANGE,
    "ARCHIVE_UNREADABLE": grpc.StatusCode.INVALID_ARGUMENT,
    "ARROW_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "BANK_FILE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "BUNDLE_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "CALLS_AT_ONCE": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "ACT_NOT_ALLOWED": grpc.StatusCode.FAILED_PRECONDITION,
    "ALREADY_REVERSED": grpc.StatusCode.FAILED_PRECONDITION,
    "AUTHORITY_EXCEEDED": grpc.StatusCode.PERMISSION_DENIED,
    "CASE_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "COMPANY_OUT_OF_SCOPE": grpc.StatusCode.PERMISSION_DENIED,
    "CURRENCY_MISMATCH": grpc.StatusCode.FAILED_PRECONDITION,
    "CUSTOMER_MISSING": grpc.StatusCode.INVALID_ARGUMENT,
    "CUSTOMER_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "DRAFT_IN_PROGRESS": grpc.StatusCode.FAILED_PRECONDITION,
    "ENTRY_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "FOUR_EYES": grpc.StatusCode.PERMISSION_DENIED,
    "ITEM_CLOSED": grpc.StatusCode.FAILED_PRECONDITION,
    "ITEM_OVERAPPLIED": grpc.StatusCode.FAILED_PRECONDITION,
    "ITEM_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "LEASED": grpc.StatusCode.ABORTED,
    "LINE_UNDER_WAY": grpc.StatusCode.FAILED_PRECONDITION,
    "NOTHING_TO_DECIDE": grpc.StatusCode.INVALID_ARGUMENT,
    "NOTHING_TO_UNDO": grpc.StatusCode.FAILED_PRECONDITION,
    "OVERSPENT": grpc.StatusCode.FAILED_PRECONDITION,
    "PROPOSAL_UNKNOWN": grpc.StatusCode.NOT_FOUND,
    "REASON_MISSING": grpc.StatusCode.INVALID_ARGUMENT,
    "REASON_UNKNOWN": grpc.StatusCode.INVALID_ARGUMENT,
    "TOO_MANY_ITEMS": grpc.StatusCode.FAILED_PRECONDITION,
    "TOO_MANY_ROWS": grpc.StatusCode.FAILED_PRECONDITION,
    "UNDECIDED_MONEY": grpc.StatusCode.FAILED_PRECONDITION,
    "UNTIL_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "CHECKSUM_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
    "CHUNK_TOO_LARGE": grpc.StatusCode.INVALID_ARGUMENT,
    "COMPANY_NOT_PERMITTED": grpc.StatusCode.PERMISSION_DENIED,
    "CURSOR_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "CONSERVATION": grpc.StatusCode.INTERNAL,
    "CREDENTIALS_EXPIRED": grpc.StatusCode.UNAUTHENTICATED,
    "CREDENTIALS_INVALID": grpc.StatusCode.UNAUTHENTICATED,
    "CREDENTIALS_MISSING": grpc.StatusCode.UNAUTHENTICATED,
    "DUPLICATE_KEY": grpc.StatusCode.INVALID_ARGUMENT,
    "EVIDENCE_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "EXPANSION_TOO_LARGE": grpc.StatusCode.INVALID_ARGUMENT,
    "FACT_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "FIELD_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "FILE_TOO_LARGE": grpc.StatusCode.INVALID_ARGUMENT,
    INTERNAL: grpc.StatusCode.INTERNAL,
    "JOB_TIMEOUT": grpc.StatusCode.DEADLINE_EXCEEDED,
    "KEY_FILE": grpc.StatusCode.FAILED_PRECONDITION,
    "KEY_MISSING": grpc.StatusCode.FAILED_PRECONDITION,
    "LAST_ADMIN": grpc.StatusCode.FAILED_PRECONDITION,
    "LAYOUT_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "MEMORY_LIMIT": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "MESSAGE_MALFORMED": grpc.StatusCode.INVALID_ARGUMENT,
    "MONEY": grpc.StatusCode.INVALID_ARGUMENT,
    "NOT_A_BANK_FILE": grpc.StatusCode.INVALID_ARGUMENT,
    "NOT_READY": grpc.StatusCode.UNAVAILABLE,
    "OPEN_ITEM_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "PASSWORD_CHANGE_REQUIRED": grpc.StatusCode.PERMISSION_DENIED,
    "PAGE_TOKEN_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "POLICY_INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "POSTING_REJECTED": grpc.StatusCode.ABORTED,
    "RATE_LIMITED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "POSTING_HALTED": grpc.StatusCode.FAILED_PRECONDITION,
    "REQUEST_ID_REUSED": grpc.StatusCode.ALREADY_EXISTS,
    "ROLE_MISSING": grpc.StatusCode.PERMISSION_DENIED,
    "ROW_COUNT_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
    "RUN_ENDED": grpc.StatusCode.ABORTED,
    "RUN_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "SERVER_DRAINING": grpc.StatusCode.UNAVAILABLE,
    "SESSION_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "SIGN_IN_NOT_OFFERED": grpc.StatusCode.UNAUTHENTICATED,
    "SIGN_IN_THROTTLED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "SCHEMA_MISMATCH": grpc.StatusCode.INTERNAL,
    "SNAPSHOT_MISMATCH": grpc.StatusCode.INVALID_ARGUMENT,
    "STALE_ROW": grpc.StatusCode.ABORTED,
    "SNAPSHOT_UNREADABLE": grpc.StatusCode.INTERNAL,
    "STORE_BACKUP": grpc.StatusCode.FAILED_PRECONDITION,
    "SEAL_BROKEN": grpc.StatusCode.DATA_LOSS,
    "STORE_BUSY": grpc.StatusCode.UNAVAILABLE,
    "STORE_INTEGRITY": grpc.StatusCode.INTERNAL,
    "STORE_LOCKED": grpc.StatusCode.FAILED_PRECONDITION,
    "STORE_MIGRATION": grpc.StatusCode.FAILED_PRECONDITION,
    "STORE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "STORE_URL": grpc.StatusCode.FAILED_PRECONDITION,
    "STORE_VERSION": grpc.StatusCode.FAILED_PRECONDITION,
    "STREAM_ORDER": grpc.StatusCode.INVALID_ARGUMENT,
    "TABLE_MALFORMED": grpc.StatusCode.FAILED_PRECONDITION,
    "TENANT_NAME": grpc.StatusCode.INVALID_ARGUMENT,
    "TENANT_NOT_SERVED": grpc.StatusCode.PERMISSION_DENIED,
    "UPLOAD_BUSY": grpc.StatusCode.ABORTED,
    "UPLOAD_INCOMPLETE": grpc.StatusCode.FAILED_PRECONDITION,
    "UPLOAD_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "UPLOAD_OFFSET": grpc.StatusCode.OUT_OF_RANGE,
    "USER_EXISTS": grpc.StatusCode.ALREADY_EXISTS,
    "USER_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "UNKNOWN_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "WEBHOOK_DISABLED": grpc.StatusCode.FAILED_PRECONDITION,
    "WEBHOOK_NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "WORKER_LOST": grpc.StatusCode.UNAVAILABLE,
}
"""Every reason a call may end with, and its code; a reason without a line here is internal."""


def code_of(reason: str) -> grpc.StatusCode:
    """The gRPC code of `reason`."""
    return CODES.get(reason, grpc.StatusCode.INTERNAL)


def status_code(code: grpc.StatusCode | int) -> grpc.StatusCode:
    """The code that a context keeps as a number or as itself."""
    known = (one for one in grpc.StatusCode if code in (one, one.value[0]))
    return next(known, grpc.StatusCode.UNKNOWN)


def trailers_of(error: ServiceError | StoreError) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata of a call that ends with `error`: google.rpc.Status, the plain reason.

    Who is asked to come again is told when (`google.rpc.RetryInfo`).
    """
    info = error_details_pb2.ErrorInfo(
        reason=error.reason,
        domain=DOMAIN,
        metadata={
            name: value[:METADATA_VALUE_LENGTH_MAX] for name, value in error.metadata.items()
        },
    )
    status = status_pb2.Status(
        code=code_pb2.Code.Value(code_of(error.reason).name),
        message=str(error)[:STATUS_MESSAGE_LENGTH_MAX],
    )
    status.details.add().Pack(info)
    seconds = getattr(error, "retry_seconds", None)
    if seconds is not None:
        delay = duration_pb2.Duration(nanos=int(seconds % 1 * 1e9), seconds=int(seconds))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return ((_STATUS_KEY, status.SerializeToString()), (REASON_KEY, error.reason))
