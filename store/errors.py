"""Errors of the store, each with a stable reason.

    StoreError
    ├── StoreUrlError          STORE_URL: an address that names no store we can open
    ├── TenantNameError        TENANT_NAME: a name no tenant can have
    ├── StoreUnavailableError  STORE_UNAVAILABLE: the database does not answer; try again
    ├── StoreVersionError      STORE_VERSION: a database too old to keep what we promise
    ├── MigrationError         STORE_MIGRATION: a store made by other migrations than ours
    ├── StoreLockedError       STORE_LOCKED: another server uses the store
    ├── StoreBusyError         STORE_BUSY: another booking did not end in time; try again
    ├── RequestIdReusedError   REQUEST_ID_REUSED: one request id, two contents
    ├── StaleRowError          STALE_ROW: a row changed since the caller saw it
    ├── BackupError            STORE_BACKUP: a backup that cannot be made or used
    ├── PostingRejectedError   POSTING_REJECTED: decisions that do not fit what the store holds
    ├── SnapshotMismatchError  SNAPSHOT_MISMATCH: a snapshot is not what it says it is
    ├── CursorError            CURSOR_INVALID: a place in the events that was never given out
    ├── KeyFileError           KEY_FILE: a file of keys that cannot be used
    ├── KeyMissingError        KEY_MISSING: what is sealed cannot be opened with these keys
    ├── SealBrokenError        SEAL_BROKEN: what is sealed was changed or moved
    ├── AnswerErasedError      ANSWER_ERASED: a request was done, its answer was erased since
    ├── RunEndedError          RUN_ENDED: a run was ended before it had an effect
    ├── UserExistsError        USER_EXISTS: a user of that name is there already
    ├── TooManyRowsError       TOO_MANY_ROWS: more rows of a kind than a tenant may have
    ├── PostingHaltedError     POSTING_HALTED: money did not add up; an operator must look
    └── StoreIntegrityError    STORE_INTEGRITY: rows that do not add up; nothing was kept

`reason` never changes between releases; `metadata` holds the words that vary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from store.decision_records import PostingRefusal

__all__ = [
    "AnswerErasedError",
    "BackupError",
    "CursorError",
    "KeyFileError",
    "KeyMissingError",
    "MigrationError",
    "PostingHaltedError",
    "PostingRejectedError",
    "RequestIdReusedError",
    "RunEndedError",
    "SealBrokenError",
    "SnapshotMismatchError",
    "StaleRowError",
    "StoreBusyError",
    "StoreError",
    "StoreIntegrityError",
    "StoreLockedError",
    "StoreUnavailableError",
    "StoreUrlError",
    "StoreVersionError",
    "TenantNameError",
    "TooManyRowsError",
    "UserExistsError",
]


class StoreError(Exception):
    """Root of every error the store raises on purpose."""

    reason = "STORE"

    def __init__(self, message: str, **metadata: str) -> None:
        """Keep `message` for people and `metadata` for programs."""
        super().__init__(message)
        self.metadata = metadata


class StoreUrlError(StoreError, ValueError):
    """An address that names no store we can open."""

    reason = "STORE_URL"


class TenantNameError(StoreError, ValueError):
    """A name no tenant can have."""

    reason = "TENANT_NAME"


class StoreUnavailableError(StoreError):
    """The database does not answer, or ended while it was asked."""

    reason = "STORE_UNAVAILABLE"


class StoreVersionError(StoreError):
    """A database too old: SQLite that may lose commits, PostgreSQL we are not tested against."""

    reason = "STORE_VERSION"


class MigrationError(StoreError):
    """A store whose migrations are not a beginning of ours."""

    reason = "STORE_MIGRATION"


class StoreLockedError(StoreError):
    """Another server holds the store."""

    reason = "STORE_LOCKED"


class StoreBusyError(StoreError):
    """Another booking did not end in time."""

    reason = "STORE_BUSY"


class RequestIdReusedError(StoreError, ValueError):
    """A request id that was used with another content."""

    reason = "REQUEST_ID_REUSED"

    @classmethod
    def of(cls, request_id: str, first: tuple[str, str], now: tuple[str, str]) -> Self:
        """The error of asking `now` (method, hash of what was said) under the id of `first`."""
        message = (
            f"request_id {request_id!r} was used for {first[0]} of the content {first[1]}, this is "
            f"{now[0]} of {now[1]}; send it under a new request_id"
        )
        return cls(
            message,
            request_id=request_id,
            first_method=first[0],
            first_content_sha256=first[1],
            content_sha256=now[1],
        )


class RunEndedError(StoreError):
    """A run that was ended before it had an effect; nothing was kept."""

    reason = "RUN_ENDED"


class CursorError(StoreError, ValueError):
    """A cursor that no list of events gave out."""

    reason = "CURSOR_INVALID"


class KeyFileError(StoreError, ValueError):
    """A file of keys that is malformed, or that others may read."""

    reason = "KEY_FILE"


class KeyMissingError(StoreError):
    """Sealed data, and no key that opens it among those configured."""

    reason = "KEY_MISSING"


class SealBrokenError(StoreError):
    """Sealed data that was changed, or that stands in another place than it was sealed for."""

    reason = "SEAL_BROKEN"


class AnswerErasedError(StoreError):
    """A request that was done, and whose answer was erased with its customer."""

    reason = "ANSWER_ERASED"

    @classmethod
    def of(cls, request_id: str) -> Self:
        """The error of asking for the first answer to `request_id`."""
        message = (
            f"request_id {request_id!r} was done; its answer was erased with the customer it was "
            "about, read the state of what you changed instead"
        )
        return cls(message, request_id=request_id)


class PostingHaltedError(StoreError):
    """Nothing is posted for this tenant until an operator has looked at what did not add up."""

    reason = "POSTING_HALTED"


class UserExistsError(StoreError, ValueError):
    """A new user with the name of another."""

    reason = "USER_EXISTS"


class TooManyRowsError(StoreError, ValueError):
    """More rows of a kind than a tenant may have."""

    reason = "TOO_MANY_ROWS"

    @classmethod
    def of(cls, table: str, count: int, count_max: int) -> Self:
        """The error of wanting `count` rows where `count_max` may be."""
        message = f"{count} rows of {table.replace('_', ' ')}, at most {count_max} may be"
        return cls(message, table=table, count=str(count), count_max=str(count_max))


class StaleRowError(StoreError):
    """A row changed since the caller saw it; nothing was changed."""

    reason = "STALE_ROW"

    @classmethod
    def of(cls, table: str, company_id: str, row_id: str, version: int, count: int) -> Self:
        """The error of expecting another version of a row that has `version` (0: is not there)."""
        state = f"has version {version}" if version else "is not there"
        others = f", and {count - 1} others changed as well" if count > 1 else ""
        message = (
            f"{table.replace('_', ' ')} {row_id!r} of company {company_id!r} {state}, not the one "
            f"you expect{others}; read it again"
        )
        return cls(
            message, company_id=company_id, id=row_id, version=str(version), count=str(count)
        )

    @classmethod
    def seen(cls, table: str, row_id: str) -> Self:
        """The error of having seen another content of a row than it has."""
        message = f"{table.replace('_', ' ')} {row_id!r} is not as you saw it; read it again"
        return cls(message, id=row_id)


class BackupError(StoreError):
    """A backup that cannot be made, or cannot be used."""

    reason = "STORE_BACKUP"


class PostingRejectedError(StoreError):
    """Decisions that do not fit what the store holds; nothing of the set was posted."""

    reason = "POSTING_REJECTED"

    def __init__(self, refusals: tuple[PostingRefusal, ...]) -> None:
        """Say the first of `refusals` and how many there are."""
        more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
        message = f"nothing was posted: {refusals[0].shown}{more}; match again"
        super().__init__(message, refusal=refusals[0].reason, count=str(len(refusals)))
        self.refusals = refusals


class SnapshotMismatchError(StoreError, ValueError):
    """A snapshot whose rows are not what it declares; nothing was changed."""

    reason = "SNAPSHOT_MISMATCH"


class StoreIntegrityError(StoreError, AssertionError):
    """Rows that do not add up, or that exist already; the transaction was rolled back."""

    reason = "STORE_INTEGRITY"
