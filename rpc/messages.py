"""Bytes → messages of the contract; whoever reads a request reads it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.message import DecodeError, Message

from rpc.errors import MessageError, UnknownFieldError

if TYPE_CHECKING:
    from collections.abc import Callable

_Method = TypeVar("_Method", bound="Callable[..., Any]")

__all__ = ["read_message", "takes_bytes"]


def read_message(decode: Callable[[bytes], Any], content: bytes) -> Any:
    """The message that `decode` makes of `content`; raises a `RequestError`."""
    try:
        request = decode(content)
    except DecodeError as error:
        text = f"{len(content)} bytes are no message of this call"
        raise MessageError(text) from error
    if isinstance(request, Message):
        size = request.ByteSize()
        request.DiscardUnknownFields()
        if request.ByteSize() != size:
            text = f"{type(request).__name__} has a field that this server does not know"
            raise UnknownFieldError(text, type=type(request).__name__)
    return request


def takes_bytes(method: _Method) -> _Method:
    """Mark a method of a service that is given its requests as they came, and answers in bytes:
    the worker that does the work reads and writes the messages.
    """
    method.takes_bytes = True  # type: ignore[attr-defined]  # a mark for the interceptor
    return method
