"""ExceptionService: the clerk's queue, page by page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rpc.errors import FieldError, PageTokenError
from rpc.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from rpc.receipt_messages import exception_messages
from rpc.remittance_calls import RemittanceCalls
from rpc.scope import scoped
from tieout.v1 import exception_service_pb2

if TYPE_CHECKING:
    import grpc.aio

    from store.bank_file_records import ExceptionFilter

__all__ = ["ExceptionService", "page_token", "read_page_token"]

_TOKEN: Final = struct.Struct(">Q8s")


class ExceptionService(RemittanceCalls):
    """Answers `tieout.v1.ExceptionService`."""

    async def ListExceptions(  # noqa: N802 - the contract's name
        self,
        request: exception_service_pb2.ListExceptionsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> exception_service_pb2.ListExceptionsResponse:
        """Give one page."""
        if request.page_size < 0:
            message = f"page_size is {request.page_size}, expected 0 to {PAGE_SIZE_MAX}"
            raise FieldError(message, field="page_size", value=str(request.page_size))
        wanted = scoped(code=request.code, file_id=request.file_id, customer_id=request.customer_id)
        after = read_page_token(request.page_token, wanted) if request.page_token else 0
        limit = min(request.page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        page = await self._reader.list_exceptions(wanted, after, limit)
        return exception_service_pb2.ListExceptionsResponse(
            exceptions=exception_messages(page),
            next_page_token=""
            if page.last_number is None
            else page_token(page.last_number, wanted),
        )


def page_token(after_number: int, wanted: ExceptionFilter) -> str:
    """Token of the page after exception number `after_number` of the list `wanted`."""
    packed = _TOKEN.pack(after_number, _fingerprint(wanted))
    return base64.urlsafe_b64encode(packed).decode("ascii")


def read_page_token(token: str, wanted: ExceptionFilter) -> int:
    """The number in `token`; raises `PageTokenError` where it is not of the list `wanted`."""
    try:
        packed = base64.b64decode(token, altchars=b"-_", validate=True)
        after, fingerprint = _TOKEN.unpack(packed)
    except (binascii.Error, ValueError, struct.error):
        message = f"page_token {token!r} was never given out; start without one"
        raise PageTokenError(message, page_token=token) from None
    if fingerprint != _fingerprint(wanted):
        message = "page_token belongs to a list with other filters; keep the filters or start anew"
        raise PageTokenError(message, page_token=token)
    number: int = after
    return number


def _fingerprint(wanted: ExceptionFilter) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(wanted), digest_size=8).digest()
