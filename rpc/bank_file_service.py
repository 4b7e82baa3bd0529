"""BankFileService: bank files are spooled, hashed, and given to a worker that keeps them."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rpc.bank_file_lists import checked_file_id
from rpc.bank_file_uploads import BankFileUploads
from rpc.caller import current_caller
from rpc.errors import (
    BankFileNotFoundError,
    ChecksumError,
    FieldError,
    JobFailedError,
    StreamOrderError,
)
from rpc.jobs import BankFileDone, BankFileJob, FileResultJob, QuestionDone, QuestionJob
from rpc.limits import FILE_BYTES_MAX, FILE_NAME_LENGTH_MAX, REQUEST_ID_LENGTH_MAX
from rpc.payment_counts import count_payments
from rpc.receipt_messages import bank_file_message
from rpc.scope import check_file
from rpc.spool import SpooledFile, read_frames
from rpc.stream_parts import HeaderFirst, check_chunk
from rpc.workers import Lane
from tieout.v1 import bank_file_service_pb2 as contract
from tieout.v1 import rows_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import grpc.aio

    from rpc.errors import ServiceError
    from rpc.metrics import Metrics
    from rpc.reading import StoreReader
    from rpc.runs import RunJob, RunKeeper
    from rpc.uploads import Uploads
    from rpc.workers import WorkerPool

__all__ = ["BankFileService"]

_PARSE: Final = "parse"
_UNKNOWN: Final = "unknown"
_BUCKETS: Final = (
    "applied",
    "on_account",
    "unapplied",
    "unidentified",
    "suspense",
    "non_ar",
    "refund",
    "returned",
)


class BankFileService(BankFileUploads):
    """Answers `tieout.v1.BankFileService`."""

    def __init__(
        self,
        *,
        workers: WorkerPool,
        reader: StoreReader,
        metrics: Metrics,
        spool_folder: Path,
        now_ms: Callable[[], int],
        bookings: asyncio.Semaphore,
        on_kept: Callable[[str], None],
        runs: RunKeeper,
        uploads: Uploads,
        indexed: Callable[[RunJob], RunJob],
    ) -> None:
        """Let `workers` do the work, as many files at once as `bookings` lets.

        `now_ms` is the clock, in milliseconds since 1970 UTC. Files that wait for the store's write
        lock hold a worker: `bookings`, shared by all who do that, lets in fewer than there are
        workers. `on_kept` hears the tenant of every file that was kept; `indexed` names the
        snapshot of the moment a job is done.
        """
        self._with_snapshot = indexed
        super().__init__(reader, uploads)
        self._runs = runs
        self._workers = workers
        self._metrics = metrics
        self._spool_folder = spool_folder
        self._now_ms = now_ms
        self._on_kept = on_kept
        self._bookings = bookings

    async def SubmitBankFile(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[contract.SubmitBankFileRequest],
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.SubmitBankFileResponse:
        """Take one bank file in."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.content"
        with SpooledFile(path, FILE_BYTES_MAX) as spooled:
            header = await _receive(request_iterator, spooled)
            spooled.finish()
            sent = _Sent(path, header.file_name, spooled.size_bytes, spooled.sha256)
            if header.upload_id:
                return await self._submit_upload(header, spooled.size_bytes)
            _check_content(header, sent)
            return await self._submit(header, sent)

    async def _submit_upload(
        self, header: contract.SubmitBankFileHeader, chunk_bytes: int
    ) -> contract.SubmitBankFileResponse:
        """Take in what was uploaded before."""
        if chunk_bytes:
            message = "upload_id names the content; no chunks follow"
            raise StreamOrderError(message, part="chunk")
        upload = self._uploads.find(header.upload_id)
        opened = self._spool_folder / f"{uuid.uuid4().hex}.content"
        try:
            path = await asyncio.to_thread(self._uploads.complete, upload, opened)
            sent = _Sent(path, upload.file_name, upload.size_bytes, upload.sha256)
            _check_content(header, sent)
            response = await self._submit(header, sent)
        finally:
            opened.unlink(missing_ok=True)
        self._uploads.remove(upload)
        return response

    async def _submit(
        self, header: contract.SubmitBankFileHeader, sent: _Sent
    ) -> contract.SubmitBankFileResponse:
        job = BankFileJob(
            content_path=str(sent.path),
            file_id=sent.sha256,
            file_name=sent.file_name,
            size_bytes=sent.size_bytes,
            received_at_ms=self._now_ms(),
            request_id=header.request_id,
            validate_only=header.validate_only,
        )
        if header.background:
            run = await self._runs.accept(
                "bank_file",
                job,
                sent.path,
                file_name=sent.file_name,
                size_bytes=sent.size_bytes,
                sha256=sent.sha256,
                request_id=header.request_id,
            )
            return contract.SubmitBankFileResponse(run_id=run.run_id)
        try:
            async with self._bookings:
                done = await self._workers.run(
                    self._with_snapshot(job), Lane.BATCH, size_bytes=sent.size_bytes
                )
        except JobFailedError as error:
            self.count_refused(job, error)
            raise
        assert isinstance(done, BankFileDone)  # noqa: S101 - a worker answers in kind
        self.count_done(done)
        return contract.SubmitBankFileResponse.FromString(done.response)

    async def GetBankFile(  # noqa: N802 - the contract's name
        self,
        request: contract.GetBankFileRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetBankFileResponse:
        """Give the receipt of a file."""
        file_id = checked_file_id(request.file_id)
        receipt = await self._reader.find_file(file_id)
        if receipt is None:
            message = f"no bank file {file_id!r} is kept here"
            raise BankFileNotFoundError(message, file_id=file_id)
        await self._reader.ask(lambda store: check_file(store.bank_files, file_id))
        return contract.GetBankFileResponse(bank_file=bank_file_message(receipt))

    async def GetBankFileBytes(  # noqa: N802 - the contract's name
        self,
        request: contract.GetBankFileBytesRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetBankFileBytesResponse:
        """Bytes of a file's content; a worker opens it."""
        job = QuestionJob(
            question="file_bytes", request=request.SerializeToString(), now_ms=self._now_ms()
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, QuestionDone)  # noqa: S101 - a worker answers in kind
        return contract.GetBankFileBytesResponse.FromString(done.response)

    async def GetBankFileResult(  # noqa: N802 - the contract's name
        self,
        request: contract.GetBankFileResultRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[contract.GetBankFileResultResponse]:
        """Give what became of a file's payments."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.responses"
        job = FileResultJob(
            file_id=checked_file_id(request.file_id),
            arrow=request.row_encoding == rows_pb2.ROW_ENCODING_ARROW,
            responses_path=str(path),
        )
        try:
            await self._workers.run(job)
            for frame in read_frames(path):
                yield contract.GetBankFileResultResponse.FromString(frame)
        finally:
            path.unlink(missing_ok=True)

    def count_done(self, done: BankFileDone) -> None:
        """Count a file that was done, and let the snapshots hear of it."""
        response = contract.SubmitBankFileResponse.FromString(done.response)
        if response.already_processed or done.is_repeated:
            outcome = "already_processed"
        elif response.bank_file.state == contract.BANK_FILE_STATE_VALIDATED:
            outcome = "validated"
        else:
            outcome = "processed"
            self._on_kept(current_caller().tenant)
            count_payments(self._metrics, done.payments, "bank_file")
            for code, raised in done.exception_codes.items():
                self._metrics.count("tieout_exceptions_total", raised, code=code)
            stopped = done.exception_codes.get("AMB-LIMIT", 0)
            self._metrics.count("tieout_searches_stopped_total", stopped)
            self._count_cash(response.bank_file)
        self._metrics.count(
            "tieout_files_received_total", format=done.source_format, outcome=outcome
        )
        self._metrics.count(
            "tieout_posting_conflicts_total", done.conflict_count, source="bank_file"
        )
        self._metrics.observe_stages(done.timings)
        size_bytes = response.bank_file.size_bytes
        self._metrics.count("tieout_file_bytes_total", size_bytes, format=done.source_format)
        for timing in done.timings:
            if timing.stage == _PARSE:
                self._metrics.observe(
                    "tieout_parse_seconds", timing.seconds, format=done.source_format
                )

    def count_refused(self, job: RunJob, error: ServiceError) -> None:
        """Count a file that was refused for what is in it; other work and failures are not."""
        if not (isinstance(job, BankFileJob) and isinstance(error, JobFailedError)):
            return
        self._metrics.count("tieout_files_received_total", format=_UNKNOWN, outcome="refused")
        self._metrics.count("tieout_file_bytes_total", job.size_bytes, format=_UNKNOWN)
        self._metrics.count("tieout_parse_rejects_total", reason=error.reason)

    def _count_cash(self, bank_file: contract.BankFile) -> None:
        """Where the cash of a file went, by currency."""
        for total in bank_file.currency_totals:
            for bucket in _BUCKETS:
                amount_minor = getattr(total, f"{bucket}_minor")
                if amount_minor > 0:
                    self._metrics.count(
                        "tieout_payment_amount_minor_total",
                        amount_minor,
                        currency=total.currency_code,
                        bucket=bucket,
                    )


class _Sent(msgspec.Struct, frozen=True):
    """A bank file that has arrived."""

    path: Path
    file_name: str
    size_bytes: int
    sha256: str


async def _receive(
    parts: AsyncIterator[contract.SubmitBankFileRequest], spooled: SpooledFile
) -> contract.SubmitBankFileHeader:
    """Spool the content and give the header; raises a `RequestError` where the stream is amiss."""
    header = contract.SubmitBankFileHeader()
    order = HeaderFirst()
    async for part in parts:
        if order.is_header(part.WhichOneof("part")):
            header = _checked_header(part.header)
            continue
        check_chunk(part.chunk)
        await asyncio.to_thread(spooled.add, part.chunk)
    order.finish()
    return header


def _checked_header(header: contract.SubmitBankFileHeader) -> contract.SubmitBankFileHeader:
    for field, value, length_max in (
        ("request_id", header.request_id, REQUEST_ID_LENGTH_MAX),
        ("file_name", header.file_name, FILE_NAME_LENGTH_MAX),
    ):
        if len(value) > length_max:
            message = f"{field} has {len(value)} characters, at most {length_max} are accepted"
            raise FieldError(message, field=field)
    return header


def _check_content(header: contract.SubmitBankFileHeader, spooled: _Sent) -> None:
    if header.HasField("size_bytes") and header.size_bytes != spooled.size_bytes:
        message = f"size_bytes is {header.size_bytes}, {spooled.size_bytes} bytes came"
        raise ChecksumError(message, field="size_bytes")
    if header.sha256 and header.sha256.lower() != spooled.sha256:
        message = f"sha256 is {header.sha256}, the content that came has {spooled.sha256}"
        raise ChecksumError(message, field="sha256")
