"""How a call that cannot be answered ends: `application/problem+json` (RFC 9457).

`reason`, `domain` and `metadata` are those of the front's `google.rpc.ErrorInfo`, so that a program
handles the same reasons whichever door it uses. What the door itself refuses has reasons of its own
beside them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, Self

import grpc
import grpc.aio
import msgspec
from google.rpc import (  # type: ignore[import-untyped]  # googleapis ships no types
    error_details_pb2,
    status_pb2,
)
from starlette.responses import Response

from rpc.request_ids import current_request_id
from web.json_door.calls import CallCancelledError

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = [
    "HTTP_STATUSES",
    "PROBLEM_TYPE",
    "REFUSAL_STATUSES",
    "DoorError",
    "Problem",
    "Refusal",
    "problem_of",
    "refused",
]

PROBLEM_TYPE: Final = "application/problem+json"

_STATUS_KEY: Final = "grpc-status-details-bin"
_REASON_KEY: Final = "tieout-reason"
_DOMAIN: Final = "tieout"

HTTP_STATUSES: Final = {
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}
"""gRPC code → HTTP status. What the state of things forbids is a conflict (409), not a malformed
request (400): the same request may be right tomorrow."""

_BY_REASON: Final = {
    "FILE_TOO_LARGE": 413,
    "CHUNK_TOO_LARGE": 413,
    "EXPANSION_TOO_LARGE": 413,
    "MEMORY_LIMIT": 413,
}
"""Reasons for which HTTP has a word of its own."""

_UNAVAILABLE: Final = "FRONT_UNAVAILABLE"
"""Reason where the server behind the door does not answer."""

_PRECONDITION: Final = frozenset({"STALE_ROW"})
"""Reasons that say that an etag is no longer the current one."""


class Refusal(enum.StrEnum):
    """Why the door refuses a request that the front never sees.

    Reasons that the front has as well mean the same.
    """

    AMBIGUOUS_FIELD = "AMBIGUOUS_FIELD"
    """A field came in two places with two values."""
    BODY_TIMEOUT = "BODY_TIMEOUT"
    """The body did not come."""
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    """A body or a line beyond the limit."""
    CONTENT_TYPE_UNKNOWN = "CONTENT_TYPE_UNKNOWN"
    """A body of a kind that the call does not take."""
    CREDENTIALS_INVALID = "CREDENTIALS_INVALID"
    """Credentials that are no text a header may hold."""
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    """No credentials came with the request."""
    FIELD_INVALID = "FIELD_INVALID"
    """A field out of range or malformed."""
    MESSAGE_MALFORMED = "MESSAGE_MALFORMED"
    """A body, or a line of it, that is no JSON."""
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    """The path is there, the method is not one of its."""
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    """The caller takes nothing that the call can answer with, or names a table it has not."""
    PATH_UNKNOWN = "PATH_UNKNOWN"
    """No call has this path."""
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    """A field or a parameter that the call does not have."""


REFUSAL_STATUSES: Final = {
    Refusal.AMBIGUOUS_FIELD: 400,
    Refusal.BODY_TIMEOUT: 408,
    Refusal.BODY_TOO_LARGE: 413,
    Refusal.CONTENT_TYPE_UNKNOWN: 415,
    Refusal.CREDENTIALS_INVALID: 401,
    Refusal.CREDENTIALS_MISSING: 401,
    Refusal.FIELD_INVALID: 400,
    Refusal.MESSAGE_MALFORMED: 400,
    Refusal.METHOD_NOT_ALLOWED: 405,
    Refusal.NOT_ACCEPTABLE: 406,
    Refusal.PATH_UNKNOWN: 404,
    Refusal.UNKNOWN_FIELD: 400,
}
"""Reason → HTTP status."""

_CODES: Final = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}
"""The gRPC code that says what such a status says; INVALID_ARGUMENT for all others."""


class DoorError(Exception):
    """A request that the door refuses itself."""

    def __init__(self, refusal: Refusal, sentence: str, **metadata: str) -> None:
        """Keep the sentence for people and `metadata` for programs."""
        super().__init__(sentence)
        self.refusal = refusal
        self.metadata = {name: value for name, value in metadata.items() if value}
        self.headers: dict[str, str] = {}


def refused(refusal: Refusal, sentence: str, **metadata: str) -> DoorError:
    """The error, to be raised."""
    return DoorError(refusal, sentence, **metadata)


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """The body of an answer that is none."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    reason: str
    code: str
    domain: str = ""
    metadata: dict[str, str] = {}
    retry_after_seconds: float | None = None

    @classmethod
    def of(
        cls,
        reason: str,
        status: int,
        code: str,
        detail: str,
        metadata: dict[str, str] | None = None,
        retry_seconds: float | None = None,
    ) -> Self:
        """A problem of the request that is being answered."""
        return cls(
            type=f"urn:tieout:reason:{reason}",
            title=reason.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            instance=f"urn:tieout:request:{current_request_id()}",
            reason=reason,
            code=code,
            domain=_DOMAIN,
            metadata=metadata or {},
            retry_after_seconds=retry_seconds,
        )

    def response(self, headers: Mapping[str, str] = {}) -> Response:
        """The answer."""
        more = dict(headers)
        if self.retry_after_seconds is not None:
            more["retry-after"] = str(max(1, -int(-self.retry_after_seconds // 1)))
        if self.status == 401:
            more["www-authenticate"] = 'Bearer realm="tieout"'
        return Response(msgspec.json.encode(self), self.status, more, PROBLEM_TYPE)


def problem_of(
    error: grpc.aio.AioRpcError | DoorError | CallCancelledError, *, with_etag: bool = False
) -> Problem:
    """What is told about `error`; `with_etag` where the request carried a precondition."""
    if isinstance(error, CallCancelledError):
        return Problem.of(_UNAVAILABLE, 503, "UNAVAILABLE", "the server drains; try again", {}, 1.0)
    if isinstance(error, DoorError):
        status = REFUSAL_STATUSES[error.refusal]
        code = _CODES.get(status, "INVALID_ARGUMENT")
        return Problem.of(error.refusal.value, status, code, str(error), error.metadata)
    reason, metadata, retry_seconds = _details(error)
    ended = error.code()
    status = _BY_REASON.get(reason, HTTP_STATUSES[ended])
    if with_etag and reason in _PRECONDITION:
        status = 412
    if not reason and ended is grpc.StatusCode.UNAVAILABLE:
        reason, retry_seconds = _UNAVAILABLE, 1.0
    return Problem.of(
        reason or ended.name,
        status,
        ended.name,
        error.details() or ended.name,
        metadata,
        retry_seconds,
    )


def _details(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str], float | None]:
    """Reason, metadata, and when to come again, out of the trailing metadata."""
    trailers: dict[str, Any] = dict(error.trailing_metadata() or ())
    reason, metadata, retry_seconds = str(trailers.get(_REASON_KEY, "")), {}, None
    packed = trailers.get(_STATUS_KEY)
    if isinstance(packed, bytes):
        for detail in status_pb2.Status.FromString(packed).details:
            info, delay = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                reason, metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(delay):
                wait = delay.retry_delay
                retry_seconds = wait.seconds + wait.nanos / 1e9
    return reason, metadata, retry_seconds
