"""A synchronous client of a Tieout server; needs only gRPC and the contract.

    ClientError            a call that failed, with the server's `reason`
    └── UnreachableError   no server answered at that address

Messages of `tieout.v1` go in and come out. A submission may be repeated at any time: a file is
processed once, by its content.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self, cast

import grpc

from tieout.connection import Credentials, open_channel
from tieout.v1 import (
    bank_file_service_pb2,
    bank_file_service_pb2_grpc,
    customer_service_pb2,
    customer_service_pb2_grpc,
    exception_service_pb2,
    exception_service_pb2_grpc,
    match_service_pb2,
    match_service_pb2_grpc,
    open_item_service_pb2,
    open_item_service_pb2_grpc,
    rows_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Client", "ClientError", "UnreachableError"]

_CHUNK_BYTES: Final = 1024 * 1024
_REASON_KEY: Final = "tieout-reason"


class ClientError(Exception):
    """A call that failed. `reason` is stable (`REQUEST_ID_REUSED`); empty where none was given."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str) -> None:
        """Keep the status code, the reason, and the sentence for people."""
        super().__init__(message)
        self.code = code
        self.reason = reason


class UnreachableError(ClientError):
    """No server answered at that address."""


class Client:
    """A connection to one server; use it as a context manager, or call `close`."""

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 900.0,
        credentials: Credentials | None = None,
    ) -> None:
        """Connect to `address` (`host:port`) when first used; calls end within the timeout.

        `credentials` say who calls, where the server asks; with a CA the connection uses TLS.
        """
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._channel = open_channel(address, credentials or Credentials())
        self._match = match_service_pb2_grpc.MatchServiceStub(self._channel)
        self._bank_files = bank_file_service_pb2_grpc.BankFileServiceStub(self._channel)
        self._open_items = open_item_service_pb2_grpc.OpenItemServiceStub(self._channel)
        self._customers = customer_service_pb2_grpc.CustomerServiceStub(self._channel)
        self._exceptions = exception_service_pb2_grpc.ExceptionServiceStub(self._channel)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; calls in progress are cancelled."""
        self._channel.close()

    def match_payments(
        self, request: match_service_pb2.MatchPaymentsRequest
    ) -> match_service_pb2.MatchPaymentsResponse:
        """Match what fits into one message; raises `ClientError`."""
        try:
            return self._match.MatchPayments(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def match_resident_payments(
        self, request: match_service_pb2.MatchResidentPaymentsRequest
    ) -> match_service_pb2.MatchResidentPaymentsResponse:
        """Match with the open items the server keeps; raises `ClientError`."""
        try:
            return self._match.MatchResidentPayments(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def explain_payment(
        self, request: match_service_pb2.ExplainPaymentRequest
    ) -> match_service_pb2.ExplainPaymentResponse:
        """Why a payment would be applied as it would; raises `ClientError`."""
        try:
            return self._match.ExplainPayment(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def stream_match_payments(
        self, requests: Iterable[match_service_pb2.StreamMatchPaymentsRequest]
    ) -> Iterator[match_service_pb2.StreamMatchPaymentsResponse]:
        """Match tables of any size: header and chunks in, summary and chunks out."""
        try:
            yield from self._match.StreamMatchPayments(
                iter(requests), timeout=self._timeout_seconds
            )
        except grpc.RpcError as error:
            raise self._error(error) from error

    def submit_bank_file(
        self,
        content: BinaryIO,
        file_name: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> bank_file_service_pb2.SubmitBankFileResponse:
        """Send what `content` holds; raises `ClientError`.

        Without `request_id` a fresh one is made. `file_name` is for people.
        """
        header = bank_file_service_pb2.SubmitBankFileHeader(
            request_id=request_id or uuid.uuid4().hex,
            file_name=file_name,
            validate_only=validate_only,
        )
        try:
            return self._bank_files.SubmitBankFile(
                _parts(header, content), timeout=self._timeout_seconds
            )
        except grpc.RpcError as error:
            raise self._error(error) from error

    def get_bank_file(self, file_id: str) -> bank_file_service_pb2.BankFile:
        """The receipt of a file; raises `ClientError` with reason `BANK_FILE_NOT_FOUND`."""
        request = bank_file_service_pb2.GetBankFileRequest(file_id=file_id)
        try:
            response = self._bank_files.GetBankFile(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error
        return response.bank_file

    def bank_file_result(
        self,
        file_id: str,
        row_encoding: rows_pb2.RowEncoding.ValueType = rows_pb2.ROW_ENCODING_MESSAGES,
    ) -> Iterator[bank_file_service_pb2.GetBankFileResultResponse]:
        """What became of a file's payments, chunk by chunk."""
        request = bank_file_service_pb2.GetBankFileResultRequest(
            file_id=file_id, row_encoding=row_encoding
        )
        try:
            yield from self._bank_files.GetBankFileResult(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def exceptions(
        self, *, code: str = "", file_id: str = "", customer_id: str = "", page_size: int = 0
    ) -> Iterator[rows_pb2.ExceptionItem]:
        """Exceptions in the order they were raised, fetched page by page."""
        request = exception_service_pb2.ListExceptionsRequest(
            code=code, file_id=file_id, customer_id=customer_id, page_size=page_size
        )
        while True:
            try:
                page = self._exceptions.ListExceptions(request, timeout=self._timeout_seconds)
            except grpc.RpcError as error:
                raise self._error(error) from error
            yield from page.exceptions
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def import_open_items(
        self, requests: Iterable[open_item_service_pb2.ImportOpenItemsRequest]
    ) -> open_item_service_pb2.ImportOpenItemsResponse:
        """Bring open items in: the header, then chunks; raises `ClientError`."""
        try:
            return self._open_items.ImportOpenItems(iter(requests), timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def import_customers(
        self, requests: Iterable[customer_service_pb2.ImportCustomersRequest]
    ) -> customer_service_pb2.ImportCustomersResponse:
        """Bring customers in: the header, then chunks; raises `ClientError`."""
        try:
            return self._customers.ImportCustomers(iter(requests), timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def open_items(
        self,
        *,
        company_id: str = "",
        customer_id: str = "",
        changed_after: int = 0,
        page_size: int = 0,
    ) -> Iterator[open_item_service_pb2.StoredOpenItem]:
        """Open items in the order of company and id, fetched page by page."""
        request = open_item_service_pb2.ListOpenItemsRequest(
            company_id=company_id,
            customer_id=customer_id,
            changed_after=changed_after,
            page_size=page_size,
        )
        while True:
            try:
                page = self._open_items.ListOpenItems(request, timeout=self._timeout_seconds)
            except grpc.RpcError as error:
                raise self._error(error) from error
            yield from page.open_items
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def call_exceptions(self, name: str, request: Any) -> Any:
        """Any call of ExceptionService by its name, such as `DecideException`, and its answer.

        Acts without `request_id` get a fresh one. Raises `ClientError`.
        """
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = uuid.uuid4().hex
        try:
            return getattr(self._exceptions, name)(request, timeout=self._timeout_seconds)
        except grpc.RpcError as error:
            raise self._error(error) from error

    def _error(self, error: grpc.RpcError) -> ClientError:
        call = cast("grpc.Call", error)
        reason = ""
        for name, value in call.trailing_metadata() or ():
            if name == _REASON_KEY:
                reason = value if isinstance(value, str) else value.decode()
        if call.code() is grpc.StatusCode.UNAVAILABLE and not reason:
            message = f"no server answers at {self._address}: {call.details()}"
            return UnreachableError(call.code(), reason, message)
        return ClientError(call.code(), reason, call.details() or call.code().name)


def _parts(
    header: bank_file_service_pb2.SubmitBankFileHeader, content: BinaryIO
) -> Iterator[bank_file_service_pb2.SubmitBankFileRequest]:
    yield bank_file_service_pb2.SubmitBankFileRequest(header=header)
    while chunk := content.read(_CHUNK_BYTES):
        yield bank_file_service_pb2.SubmitBankFileRequest(chunk=chunk)
