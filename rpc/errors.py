"""Errors of the service, each with a stable reason.

    ServiceError
    ├── RequestError              the caller can mend it
    │   ├── FieldError            FIELD_INVALID: a field out of range or malformed
    │   ├── StreamOrderError      STREAM_ORDER: a header that is missing, late or repeated
    │   ├── RowCountError         ROW_COUNT_MISMATCH: `row_count` disagrees with the rows
    │   ├── MessageError          MESSAGE_MALFORMED: bytes that are no message of the contract
    │   ├── UnknownFieldError     UNKNOWN_FIELD: a field that this server does not know
    │   ├── ExpansionError        EXPANSION_TOO_LARGE: compressed bytes that become too many
    │   ├── ArrowError            ARROW_MALFORMED: bytes that are no table of the promised columns
    │   ├── ChunkTooLargeError    CHUNK_TOO_LARGE: a chunk beyond the limit
    │   ├── FileTooLargeError     FILE_TOO_LARGE: a file or stream beyond the limit
    │   ├── ChecksumError         CHECKSUM_MISMATCH: content that is not what the header declares
    │   ├── UploadOffsetError     UPLOAD_OFFSET: bytes that are not the next of an upload
    │   ├── UploadIncompleteError  UPLOAD_INCOMPLETE: an upload submitted before all has arrived
    │   └── PageTokenError        PAGE_TOKEN_INVALID: a token of another list
    ├── UnauthenticatedError      who calls is not known
    │   ├── CredentialsMissingError  CREDENTIALS_MISSING: none came with the call
    │   ├── CredentialsInvalidError  CREDENTIALS_INVALID: they prove nothing here
    │   ├── CredentialsExpiredError  CREDENTIALS_EXPIRED: they did, until lately
    │   └── SignInNotOfferedError    SIGN_IN_NOT_OFFERED: nobody signs in here with a password
    ├── NotPermittedError         the caller is known and may not
    │   ├── RoleMissingError      ROLE_MISSING: no role of the caller may call this
    │   ├── PasswordChangeRequiredError  PASSWORD_CHANGE_REQUIRED: a new password comes first
    │   ├── LastAdminError        LAST_ADMIN: nobody would be left to administer
    │   ├── TenantNotServedError  TENANT_NOT_SERVED: a tenant this server does not have
    │   ├── CompanyNotPermittedError  COMPANY_NOT_PERMITTED: a company out of scope
    │   └── AmountNotPermittedError   AMOUNT_NOT_PERMITTED: an amount beyond the limit
    ├── BankFileNotFoundError     BANK_FILE_NOT_FOUND: no file with that id is kept
    ├── RunNotFoundError          RUN_NOT_FOUND: no run of the caller's with that id
    ├── UploadNotFoundError       UPLOAD_NOT_FOUND: no upload of the caller's with that id
    ├── UploadBusyError           UPLOAD_BUSY: another call adds to the upload
    ├── CaseNotFoundError         CASE_NOT_FOUND: no case, payment or exception with that id
    ├── OpenItemNotFoundError     OPEN_ITEM_NOT_FOUND: no open item with that key
    ├── CustomerNotFoundError     CUSTOMER_NOT_FOUND: no customer with that key
    ├── FactNotFoundError         FACT_NOT_FOUND: no fact was taught there
    ├── UserNotFoundError         USER_NOT_FOUND: no local user of that name
    ├── SessionNotFoundError      SESSION_NOT_FOUND: no session of the caller with that id
    ├── WebhookNotFoundError      WEBHOOK_NOT_FOUND: no webhook with that id
    ├── WebhookDisabledError      WEBHOOK_DISABLED: a webhook that gets no messages
    ├── RefusedError              the desk's own reason: an act that rules or people do not allow
    ├── TooManyItemsError         TOO_MANY_ITEMS: more open items than one question may look through
    ├── AnswerTooLargeError       ANSWER_TOO_LARGE: the answer needs the streamed call
    ├── ThrottledError            a caller who takes more than its share
    │   ├── RateLimitedError      RATE_LIMITED: more calls a second than allowed
    │   ├── SignInThrottledError  SIGN_IN_THROTTLED: sign-in failed too often
    │   └── CallsAtOnceError      CALLS_AT_ONCE: more calls in progress than allowed
    ├── SnapshotError             SNAPSHOT_UNREADABLE: a file that is no snapshot of this release
    ├── NotReadyError             NOT_READY: open items are being indexed; try again soon
    ├── ServerDrainingError       SERVER_DRAINING: the server ends, and so does what follows it
    ├── OverloadedError           OVERLOADED: too many jobs wait; try again later
    ├── MemoryLimitError          MEMORY_LIMIT: the job needs more memory than a worker has
    ├── WorkerLostError           WORKER_LOST: the process that did the work ended; try again
    ├── JobTimeoutError           JOB_TIMEOUT: the job took longer than any may
    └── JobFailedError            its own reason, or INTERNAL: raised by code in a worker

`reason` never changes between releases; `metadata` holds the words that vary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from desk.refusals import Refusal

__all__ = [
    "AmountNotPermittedError",
    "AnswerTooLargeError",
    "ArrowError",
    "BankFileNotFoundError",
    "CallsAtOnceError",
    "CaseNotFoundError",
    "ChecksumError",
    "ChunkTooLargeError",
    "CompanyNotPermittedError",
    "CredentialsExpiredError",
    "CredentialsInvalidError",
    "CredentialsMissingError",
    "CustomerNotFoundError",
    "ExpansionError",
    "FactNotFoundError",
    "FieldError",
    "FileTooLargeError",
    "JobFailedError",
    "JobTimeoutError",
    "LastAdminError",
    "MemoryLimitError",
    "MessageError",
    "NotPermittedError",
    "NotReadyError",
    "OpenItemNotFoundError",
    "OverloadedError",
    "PageTokenError",
    "PasswordChangeRequiredError",
    "RateLimitedError",
    "RefusedError",
    "RequestError",
    "RoleMissingError",
    "RowCountError",
    "RunNotFoundError",
    "ServerDrainingError",
    "ServiceError",
    "SessionNotFoundError",
    "SignInNotOfferedError",
    "SignInThrottledError",
    "SnapshotError",
    "StreamOrderError",
    "TenantNotServedError",
    "ThrottledError",
    "TooManyItemsError",
    "UnauthenticatedError",
    "UnknownFieldError",
    "UploadBusyError",
    "UploadIncompleteError",
    "UploadNotFoundError",
    "UploadOffsetError",
    "UserNotFoundError",
    "WebhookDisabledError",
    "WebhookNotFoundError",
    "WorkerLostError",
]


class ServiceError(Exception):
    """Root of every error the service raises on purpose."""

    reason = "SERVICE"

    def __init__(
        self, message: str, *, retry_seconds: float | None = None, **metadata: str
    ) -> None:
        """Keep `message` for people and `metadata` for programs.

        `retry_seconds` is how long to wait where trying again is worth it.
        """
        super().__init__(message)
        self.metadata = metadata
        self.retry_seconds = retry_seconds


class RequestError(ServiceError, ValueError):
    """A request the caller can mend."""


class FieldError(RequestError):
    """A field out of range or malformed."""

    reason = "FIELD_INVALID"


class StreamOrderError(RequestError):
    """A header that is missing, late or repeated."""

    reason = "STREAM_ORDER"


class RowCountError(RequestError):
    """`row_count` disagrees with the rows."""

    reason = "ROW_COUNT_MISMATCH"


class MessageError(RequestError):
    """Bytes that are no message of the contract."""

    reason = "MESSAGE_MALFORMED"


class UnknownFieldError(RequestError):
    """A field that this server does not know: what it asks for would silently not be done."""

    reason = "UNKNOWN_FIELD"


class ExpansionError(RequestError):
    """Compressed bytes that would become more than any table may have."""

    reason = "EXPANSION_TOO_LARGE"


class ArrowError(RequestError):
    """Bytes that are no Arrow IPC stream with the promised columns."""

    reason = "ARROW_MALFORMED"


class ChunkTooLargeError(RequestError):
    """A chunk beyond the limit."""

    reason = "CHUNK_TOO_LARGE"


class FileTooLargeError(RequestError):
    """A file or a stream beyond the limit."""

    reason = "FILE_TOO_LARGE"


class ChecksumError(RequestError):
    """Content that is not what its header declares."""

    reason = "CHECKSUM_MISMATCH"


class UploadOffsetError(RequestError):
    """Bytes that are not the next of an upload."""

    reason = "UPLOAD_OFFSET"


class UploadIncompleteError(RequestError):
    """An upload that is submitted before all of it has arrived."""

    reason = "UPLOAD_INCOMPLETE"


class PageTokenError(RequestError):
    """A page token that this list, with these filters, never gave out."""

    reason = "PAGE_TOKEN_INVALID"


class UnauthenticatedError(ServiceError):
    """A call of which it is not known who makes it."""


class CredentialsMissingError(UnauthenticatedError):
    """A call without any credentials."""

    reason = "CREDENTIALS_MISSING"


class CredentialsInvalidError(UnauthenticatedError):
    """Credentials that prove nothing here; which part is wrong is for the log, not the caller."""

    reason = "CREDENTIALS_INVALID"


class CredentialsExpiredError(UnauthenticatedError):
    """Credentials that were good and are no longer."""

    reason = "CREDENTIALS_EXPIRED"


class SignInNotOfferedError(UnauthenticatedError):
    """A server where nobody signs in with a name and a password."""

    reason = "SIGN_IN_NOT_OFFERED"


class NotPermittedError(ServiceError):
    """A known caller who may not do this."""


class RoleMissingError(NotPermittedError):
    """No role of the caller may make this call."""

    reason = "ROLE_MISSING"


class PasswordChangeRequiredError(NotPermittedError):
    """A caller whose password somebody else has set, and who has not replaced it yet."""

    reason = "PASSWORD_CHANGE_REQUIRED"


class LastAdminError(NotPermittedError):
    """A change after which nobody could administer users any more."""

    reason = "LAST_ADMIN"


class TenantNotServedError(NotPermittedError):
    """A caller of a tenant that this server is not configured for."""

    reason = "TENANT_NOT_SERVED"


class CompanyNotPermittedError(NotPermittedError):
    """Rows of a company that is not in the caller's scope."""

    reason = "COMPANY_NOT_PERMITTED"


class AmountNotPermittedError(NotPermittedError):
    """A decision on an amount beyond the caller's limit."""

    reason = "AMOUNT_NOT_PERMITTED"


class BankFileNotFoundError(ServiceError, LookupError):
    """No bank file with that id is kept."""

    reason = "BANK_FILE_NOT_FOUND"


class RunNotFoundError(ServiceError, LookupError):
    """No run of the caller's has that id."""

    reason = "RUN_NOT_FOUND"


class UploadNotFoundError(ServiceError, LookupError):
    """No upload of the caller's has that id, or it has expired."""

    reason = "UPLOAD_NOT_FOUND"


class UploadBusyError(ServiceError):
    """Another call is adding to the upload."""

    reason = "UPLOAD_BUSY"


class CaseNotFoundError(ServiceError, LookupError):
    """No case, payment or exception with that id is kept."""

    reason = "CASE_NOT_FOUND"


class OpenItemNotFoundError(ServiceError, LookupError):
    """No open item with that company and id is kept."""

    reason = "OPEN_ITEM_NOT_FOUND"


class CustomerNotFoundError(ServiceError, LookupError):
    """No customer with that company and id is kept."""

    reason = "CUSTOMER_NOT_FOUND"


class FactNotFoundError(ServiceError, LookupError):
    """No fact about a payer was taught by that line of that case."""

    reason = "FACT_NOT_FOUND"


class UserNotFoundError(ServiceError, LookupError):
    """No local user of that name."""

    reason = "USER_NOT_FOUND"


class SessionNotFoundError(ServiceError, LookupError):
    """No session of the caller with that id that has not ended."""

    reason = "SESSION_NOT_FOUND"


class WebhookNotFoundError(ServiceError):
    """No webhook has that id."""

    reason = "WEBHOOK_NOT_FOUND"


class WebhookDisabledError(ServiceError):
    """A webhook that is disabled gets no messages."""

    reason = "WEBHOOK_DISABLED"


class RefusedError(ServiceError):
    """An act that the desk refused; `reason` is one of `desk.refusals.REFUSALS`."""

    reason = "ACT_NOT_ALLOWED"

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """The error of `refusal`."""
        error = cls(refusal.message)
        error.reason = refusal.reason
        error.metadata = refusal.metadata
        return error


class TooManyItemsError(ServiceError):
    """More open items than one question may look through; narrow it first."""

    reason = "TOO_MANY_ITEMS"


class AnswerTooLargeError(ServiceError):
    """An answer that does not fit one message."""

    reason = "ANSWER_TOO_LARGE"


class ThrottledError(ServiceError):
    """A caller who takes more than its share; `retry_seconds` says when to try again."""


class RateLimitedError(ThrottledError):
    """More calls a second than one caller may make."""

    reason = "RATE_LIMITED"


class SignInThrottledError(ThrottledError):
    """Somebody who guesses passwords, or forgot theirs."""

    reason = "SIGN_IN_THROTTLED"


class CallsAtOnceError(ThrottledError):
    """More calls in progress than one caller may have."""

    reason = "CALLS_AT_ONCE"


class SnapshotError(ServiceError):
    """A file that is no snapshot of open items, or of another release."""

    reason = "SNAPSHOT_UNREADABLE"


class NotReadyError(ServiceError):
    """The server has not indexed its open items yet."""

    reason = "NOT_READY"


class ServerDrainingError(ServiceError):
    """The server ends; what was followed goes on with the next one."""

    reason = "SERVER_DRAINING"


class OverloadedError(ServiceError):
    """Too much work waits; `retry_seconds` says when to come again."""

    reason = "OVERLOADED"


class MemoryLimitError(ServiceError):
    """A job that needs more memory than one worker may take."""

    reason = "MEMORY_LIMIT"


class WorkerLostError(ServiceError):
    """The process that did the work ended before it answered."""

    reason = "WORKER_LOST"


class JobTimeoutError(ServiceError):
    """A job that took longer than any may."""

    reason = "JOB_TIMEOUT"


class JobFailedError(ServiceError):
    """An error raised in a worker, with the reason it had there."""

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        """Carry `reason` across the process boundary."""
        super().__init__(message)
        self.metadata = metadata
        self.reason = reason
