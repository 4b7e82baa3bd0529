"""Everything a client does, each thing once: as steps that both kinds of connection can do.

A method here is a generator. On `Client` it returns when it is done; on `AsyncClient` it is
awaited, or iterated with `async for`. All raise `ClientError`.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from tieout.client.content import Content
from tieout.client.errors import ClientError
from tieout.client.flows import all_given, appended, can_be_read_again, followed, rows_of
from tieout.client.ledger_operations import LedgerOperations
from tieout.client.methods import method_of
from tieout.client.steps import Give, Pause, Rows, Send, Steps, listing, operation
from tieout.v1 import (
    bank_file_service_pb2,
    event_service_pb2,
    exception_service_pb2,
    match_service_pb2,
    rows_pb2,
    run_service_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa
    from google.protobuf.message import Message


__all__ = ["MatchedTables", "Operations"]

M = TypeVar("M", bound="Message")

_UPLOAD_BYTES: Final = 8 * 1024 * 1024
"""A larger file is brought in piece by piece."""

_UPLOAD_AGAIN: Final = frozenset({"UPLOAD_BUSY", "UPLOAD_OFFSET"})
"""The server has not noticed yet that a call broke off, or noticed more than we: look again."""

_WAIT_SECONDS: Final = 30
_UNDER_WAY: Final = (run_service_pb2.RUN_STATE_WAITING, run_service_pb2.RUN_STATE_RUNNING)


@dataclass(frozen=True)
class MatchedTables:
    """What a match of Arrow tables gave, by name: `applications`, `payment_outcomes`, …."""

    summary: match_service_pb2.MatchSummary
    tables: dict[str, pa.Table]


class Operations(LedgerOperations):
    """What `Client` and `AsyncClient` can do."""

    # Any call of the contract.

    @operation
    def call(self, request: Message, answer: type[M]) -> Steps[M]:
        """Any call that takes one message and gives one: `call(GetCaseRequest(), GetCaseResponse)`.

        A mutation without `request_id` gets one: tried again, it is done once.
        """
        return (yield from self._ask(request, answer))

    @operation
    def send(self, requests: Callable[[], Iterable[Message]], answer: type[M]) -> Steps[M]:
        """Any call that takes a stream and gives one message. `requests` is asked per attempt.

        The header's `request_id` is the caller's to set.
        """
        first = next(iter(requests()))
        return (yield from self._attempt(method_of(type(first), answer), requests, answer))

    @listing
    def stream(self, request: Message, answer: type[M]) -> Rows[M]:
        """The parts of any call that is answered in parts; tried again until the first of them."""
        yield from self._parts(method_of(type(request), answer), lambda: (request,), answer)

    @listing
    def pages(self, request: Message, answer: type[M]) -> Rows[M]:
        """The pages of any list, from the request's page on; an event's list ends when read up."""
        yield from self._pages(request, answer)

    # Bank files.

    @operation
    def submit_bank_file(
        self,
        content: str | Path | bytes | BinaryIO,
        file_name: str,
        *,
        request_id: str = "",
        validate_only: bool = False,
        background: bool = False,
    ) -> Steps[bank_file_service_pb2.SubmitBankFileResponse]:
        """Send a file by its path, its bytes, or what is left in an open one.

        It is processed once, by its content, and refused where it does not arrive as it was sent.
        The transfer of a large file goes on where it broke off, in another process too. With
        `background` the answer comes when the server has the content: `wait_run` follows the rest.
        Without `request_id` a fresh one is made. `file_name` is for people.
        """
        contract = bank_file_service_pb2
        with Content(content) as sent:
            header = contract.SubmitBankFileHeader(
                request_id=request_id or uuid.uuid4().hex,
                file_name=file_name,
                sha256=sent.sha256,
                size_bytes=sent.size_bytes,
                validate_only=validate_only,
                background=background,
            )
            if sent.size_bytes > _UPLOAD_BYTES:
                header.upload_id = yield from self._uploaded(sent, file_name)

            def parts() -> Iterable[Message]:
                yield contract.SubmitBankFileRequest(header=header)
                for chunk in () if header.upload_id else sent.chunks():
                    yield contract.SubmitBankFileRequest(chunk=chunk)

            answer = contract.SubmitBankFileResponse
            method = method_of(contract.SubmitBankFileRequest, answer)
            return (yield from self._attempt(method, parts, answer))

    @operation
    def wait_run(self, run_id: str, timeout_seconds: float = 900.0) -> Steps[run_service_pb2.Run]:
        """The run when it has ended, or as it stands when the time is over."""
        contract = run_service_pb2
        end = time.monotonic() + timeout_seconds
        while True:
            left = max(0.0, end - time.monotonic())
            seconds = max(1, min(round(left), _WAIT_SECONDS))
            request = contract.WaitRunRequest(run_id=run_id, wait_seconds=seconds)
            run = (yield from self._ask(request, contract.WaitRunResponse)).run
            if run.state not in _UNDER_WAY or not left:
                return run

    @listing
    def watch_run(self, run_id: str) -> Rows[run_service_pb2.WatchRunResponse]:
        """The run as it stands, then after every change until it has ended.

        A call that breaks off is made again, to the server that is there then.
        """
        contract = run_service_pb2
        request, answer = contract.WatchRunRequest(run_id=run_id), contract.WatchRunResponse
        yield from followed(
            request, answer, self._attempts, lambda part: part.run.state not in _UNDER_WAY
        )

    @operation
    def get_bank_file(self, file_id: str) -> Steps[bank_file_service_pb2.BankFile]:
        """The receipt of a file; reason `BANK_FILE_NOT_FOUND` where there is none."""
        contract = bank_file_service_pb2
        request = contract.GetBankFileRequest(file_id=file_id)
        return (yield from self._ask(request, contract.GetBankFileResponse)).bank_file

    @listing
    def bank_file_result(
        self,
        file_id: str,
        row_encoding: rows_pb2.RowEncoding.ValueType = rows_pb2.ROW_ENCODING_MESSAGES,
    ) -> Rows[bank_file_service_pb2.GetBankFileResultResponse]:
        """What became of a file's payments, chunk by chunk."""
        yield from self._result(file_id, row_encoding)

    @operation
    def bank_file_tables(self, file_id: str) -> Steps[dict[str, pa.Table]]:
        """What became of a file's payments, as Arrow tables by name; needs pyarrow."""
        from tieout.client.arrow import TableReader  # noqa: PLC0415 - pyarrow only where used

        tables = TableReader()
        yield from all_given(self._result(file_id, rows_pb2.ROW_ENCODING_ARROW), tables.add)
        return tables.finish()

    # Matching.

    @operation
    def match_payments(
        self, request: match_service_pb2.MatchPaymentsRequest
    ) -> Steps[match_service_pb2.MatchPaymentsResponse]:
        """Match what fits into one message."""
        return (yield from self._ask(request, match_service_pb2.MatchPaymentsResponse))

    @operation
    def match_resident_payments(
        self, request: match_service_pb2.MatchResidentPaymentsRequest
    ) -> Steps[match_service_pb2.MatchResidentPaymentsResponse]:
        """Match with the open items the server keeps."""
        return (yield from self._ask(request, match_service_pb2.MatchResidentPaymentsResponse))

    @operation
    def explain_payment(
        self, request: match_service_pb2.ExplainPaymentRequest
    ) -> Steps[match_service_pb2.ExplainPaymentResponse]:
        """Why a payment would be applied as it would."""
        return (yield from self._ask(request, match_service_pb2.ExplainPaymentResponse))

    @listing
    def stream_match_payments(
        self, requests: Iterable[match_service_pb2.StreamMatchPaymentsRequest]
    ) -> Rows[match_service_pb2.StreamMatchPaymentsResponse]:
        """Match tables of any size: header and chunks in, summary and chunks out.

        Tried again where `requests` can be read again: a list, not a generator.
        """
        yield from self._streamed_match(requests)

    @operation
    def match_tables(
        self,
        *,
        payments: pa.Table,
        open_items: pa.Table,
        remittance_lines: pa.Table | None = None,
        customers: pa.Table | None = None,
        bank_accounts: pa.Table | None = None,
        header: match_service_pb2.StreamMatchHeader | None = None,
    ) -> Steps[MatchedTables]:
        """Match Arrow tables of any size; needs pyarrow. Nothing is kept.

        Columns are those of the row messages (`rows.proto`, `ArrowRows`). `header` says by which
        rules and as of which day.
        """
        from tieout.client.arrow import TableReader, match_requests  # noqa: PLC0415 - as above

        tables = {
            "payments": payments,
            "remittance_lines": remittance_lines,
            "open_items": open_items,
            "customers": customers,
            "bank_accounts": bank_accounts,
        }
        reader = TableReader()
        yield from all_given(self._streamed_match(match_requests(header, tables)), reader.add)
        summary = cast("match_service_pb2.MatchSummary", reader.summary)
        return MatchedTables(summary, reader.finish())

    # Exceptions.

    @listing
    def exceptions(
        self, *, code: str = "", file_id: str = "", customer_id: str = "", page_size: int = 0
    ) -> Rows[rows_pb2.ExceptionItem]:
        """Exceptions in the order they were raised, fetched page by page."""
        contract = exception_service_pb2
        request = contract.ListExceptionsRequest(
            code=code, file_id=file_id, customer_id=customer_id, page_size=page_size
        )
        pages = self._pages(request, contract.ListExceptionsResponse)
        yield from rows_of(pages, lambda page: page.exceptions)

    # Events.

    @listing
    def events(
        self, *, after: str = "", kinds: Sequence[str] = ()
    ) -> Rows[event_service_pb2.ListEventsResponse]:
        """Pages of events after the cursor `after` up to now.

        Keep a page's `next_page_token` with what you made of it: it is the next `after`.
        """
        contract = event_service_pb2
        request = contract.ListEventsRequest(kinds=kinds, page_token=after)
        answer = contract.ListEventsResponse
        while True:
            page = yield from self._ask(request, answer)
            if not page.events:
                return
            yield Give([page])
            request.page_token = page.next_page_token

    @listing
    def follow_events(
        self, *, after: str = "", kinds: Sequence[str] = ()
    ) -> Rows[event_service_pb2.StreamEventsResponse]:
        """Events after the cursor `after`, then each new one as it comes, until you stop.

        A call that breaks off goes on behind the last event it gave.
        """
        contract = event_service_pb2
        request = contract.StreamEventsRequest(kinds=kinds, page_token=after)

        def seen(part: event_service_pb2.StreamEventsResponse) -> bool:
            request.page_token = part.next_page_token
            return False

        yield from followed(request, contract.StreamEventsResponse, self._attempts, seen)

    # How a call is made.

    def _uploaded(self, sent: Content, file_name: str) -> Steps[str]:
        """Bring the content to the server piece by piece; gives the id of the upload.

        The upload's key is its content and name: whoever sends the same goes on with it.
        """
        contract = bank_file_service_pb2
        key = hashlib.sha256(f"{sent.sha256} {file_name}".encode()).hexdigest()
        begin = contract.BeginUploadRequest(
            request_id=f"upload-{key}",
            file_name=file_name,
            size_bytes=sent.size_bytes,
            sha256=sent.sha256,
        )
        method = method_of(contract.AppendUploadRequest, contract.AppendUploadResponse)
        attempts = self._attempts()
        received = -1
        while True:
            upload = (yield from self._ask(begin, contract.BeginUploadResponse)).upload
            if upload.received_bytes == sent.size_bytes:
                return upload.upload_id
            if upload.received_bytes > received:
                attempts, received = self._attempts(), upload.received_bytes
            try:
                yield Send(
                    method,
                    partial(appended, sent, upload),
                    contract.AppendUploadResponse,
                    attempts.seconds_left,
                    uuid.uuid4().hex,
                )
            except ClientError as error:
                yield Pause(attempts.pause_after(error, also=_UPLOAD_AGAIN))

    def _result(
        self, file_id: str, row_encoding: rows_pb2.RowEncoding.ValueType
    ) -> Rows[bank_file_service_pb2.GetBankFileResultResponse]:
        contract = bank_file_service_pb2
        request = contract.GetBankFileResultRequest(file_id=file_id, row_encoding=row_encoding)
        answer = contract.GetBankFileResultResponse
        yield from self._parts(method_of(type(request), answer), lambda: (request,), answer)

    def _streamed_match(
        self, requests: Iterable[match_service_pb2.StreamMatchPaymentsRequest]
    ) -> Rows[match_service_pb2.StreamMatchPaymentsResponse]:
        contract = match_service_pb2
        answer = contract.StreamMatchPaymentsResponse
        method = method_of(contract.StreamMatchPaymentsRequest, answer)
        again = can_be_read_again(requests)
        yield from self._parts(method, lambda: requests, answer, may_retry=again)
