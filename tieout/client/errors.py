"""What a call may end with, read out of what the server sends at its end.

    ClientError            a call that failed, with the server's `reason`
    └── UnreachableError   no server answered at that address

The details of a failed call are `google.rpc` messages. Their few fields are described here: a
client needs no more than gRPC and protobuf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["ClientError", "UnreachableError", "error_of"]

_REASON_KEY: Final = "tieout-reason"
_STATUS_KEY: Final = "grpc-status-details-bin"


class ClientError(Exception):
    """A call that failed.

    `reason` is stable (`REQUEST_ID_REUSED`), empty where none was given; `details` are the words
    the message is made of; `retry_seconds` is when the server asks to come again.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        details: Mapping[str, str] | None = None,
        retry_seconds: float | None = None,
    ) -> None:
        """Keep the status code, the reason, the sentence for people, and what came with them."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = dict(details or {})
        self.retry_seconds = retry_seconds


class UnreachableError(ClientError):
    """No server answered at that address."""


def error_of(
    address: str,
    code: grpc.StatusCode,
    text: str,
    trailers: Iterable[tuple[str, str | bytes]],
) -> ClientError:
    """The error a call to `address` ended with."""
    reason, retry_seconds = "", None
    details: dict[str, str] = {}
    for name, value in trailers:
        if name == _REASON_KEY:
            reason = value if isinstance(value, str) else value.decode("utf-8", "replace")
        elif name == _STATUS_KEY and isinstance(value, bytes):
            details, retry_seconds = _details(value)
    if code is grpc.StatusCode.UNAVAILABLE and not reason:
        message = f"no server answers at {address}: {text}"
        return UnreachableError(code, reason, message, retry_seconds=retry_seconds)
    return ClientError(
        code, reason, text or code.name, details=details, retry_seconds=retry_seconds
    )


def _details(content: bytes) -> tuple[dict[str, str], float | None]:
    """The words of an ErrorInfo and the seconds of a RetryInfo, where they are there."""
    words: dict[str, str] = {}
    seconds: float | None = None
    try:
        for one in _STATUS.FromString(content).details:
            kind = one.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                found = _ERROR_INFO.FromString(one.value).metadata
                words = {entry.key: entry.value for entry in found}
            elif kind == "google.rpc.RetryInfo":
                delay = _RETRY_INFO.FromString(one.value).retry_delay
                seconds = delay.seconds + delay.nanos / 1e9
    except DecodeError:
        return {}, None
    return words, seconds


def _message_classes() -> tuple[Any, Any, Any]:
    """Classes that read `google.rpc.Status`, `ErrorInfo` and `RetryInfo`, as far as needed."""
    field = descriptor_pb2.FieldDescriptorProto
    text, content, whole, part = (
        field.TYPE_STRING,
        field.TYPE_BYTES,
        field.TYPE_INT64,
        field.TYPE_MESSAGE,
    )
    file = descriptor_pb2.FileDescriptorProto(name="details.proto", package="details")
    for name, fields in (
        ("Detail", (("type_url", 1, text, ""), ("value", 2, content, ""))),
        ("Status", (("details", 3, part, "Detail"),)),
        ("Word", (("key", 1, text, ""), ("value", 2, text, ""))),
        ("ErrorInfo", (("metadata", 3, part, "Word"),)),
        ("Delay", (("seconds", 1, whole, ""), ("nanos", 2, whole, ""))),
        ("RetryInfo", (("retry_delay", 1, part, "Delay"),)),
    ):
        message = file.message_type.add(name=name)
        for title, number, kind, of in fields:
            many = of in ("Detail", "Word")
            message.field.add(
                name=title,
                number=number,
                type=kind,
                label=field.LABEL_REPEATED if many else field.LABEL_OPTIONAL,
                type_name=f".details.{of}" if of else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"details.{name}"))
        for name in ("Status", "ErrorInfo", "RetryInfo")
    ]
    return classes[0], classes[1], classes[2]


_STATUS, _ERROR_INFO, _RETRY_INFO = _message_classes()
