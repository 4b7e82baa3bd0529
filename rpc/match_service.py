"""MatchService: a worker matches with what the call brings or the server keeps; nothing is kept.

Requests and answers pass through as bytes: the worker reads and writes them.
"""

from __future__ import annotations

import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from rpc.caller import current_caller
from rpc.jobs import MatchDone, MatchJob, ResidentRequest, StreamMatchDone, StreamMatchJob
from rpc.limits import STREAM_BYTES_MAX, TOGETHER_BYTES_MAX
from rpc.messages import read_message, takes_bytes
from rpc.payment_counts import count_payments
from rpc.spool import SpooledFile, read_frames, spooled_behind
from rpc.workers import Lane
from tieout.v1 import match_service_pb2, match_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import grpc.aio

    from rpc.match_batches import MatchBatcher
    from rpc.metrics import Metrics
    from rpc.workers import WorkerPool

__all__ = ["MatchService"]


class MatchService(match_service_pb2_grpc.MatchServiceServicer):
    """Answers `tieout.v1.MatchService`."""

    def __init__(
        self,
        workers: WorkerPool,
        batchers: Mapping[str, MatchBatcher],
        metrics: Metrics,
        spool_folder: Path,
    ) -> None:
        """Let `workers` match, small calls through the tenant's one of `batchers`, streams through
        `spool_folder`.
        """
        self._batchers = batchers
        self._workers = workers
        self._metrics = metrics
        self._spool_folder = spool_folder

    @takes_bytes
    async def MatchPayments(  # type: ignore[override]  # bytes  # noqa: N802 - the contract
        self,
        request: bytes,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> bytes:
        """Match what fits into one message."""
        lane = Lane.INTERACTIVE if len(request) <= TOGETHER_BYTES_MAX else Lane.BATCH
        done = await self._workers.run(MatchJob(request), lane, size_bytes=len(request))
        assert isinstance(done, MatchDone)  # noqa: S101 - a worker answers in kind
        self._count(done)
        return done.response

    @takes_bytes
    async def StreamMatchPayments(  # type: ignore[override]  # bytes  # noqa: N802 - as above
        self,
        request_iterator: AsyncIterator[bytes],
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[bytes]:
        """Spool the request, match it, send the answer's frames."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.requests"
        answers = path.with_suffix(".responses")
        try:
            with SpooledFile(path, STREAM_BYTES_MAX, hashed=False) as spooled:
                job = await self._spooled(spooled, request_iterator, str(answers))
                done = await self._workers.run(job, Lane.BATCH, size_bytes=spooled.size_bytes)
            assert isinstance(done, StreamMatchDone)  # noqa: S101 - a worker answers in kind
            self._count(done)
            for frame in read_frames(answers):
                yield frame
        finally:
            answers.unlink(missing_ok=True)

    async def _spooled(
        self, spooled: SpooledFile, parts: AsyncIterator[bytes], answers: str
    ) -> StreamMatchJob:
        """The job of a stream, all of which is written to `spooled`."""
        job: StreamMatchJob | None = None
        async with aclosing(spooled_behind(spooled, parts)) as written:
            async for part in written:
                if job is None and _is_resident(part):
                    snapshot = self._batchers[current_caller().tenant].snapshot()
                    job = StreamMatchJob(
                        str(spooled.path), answers, snapshot.path, snapshot.version
                    )
                elif job is None:
                    job = StreamMatchJob(str(spooled.path), answers)
        spooled.finish()
        return job or StreamMatchJob(str(spooled.path), answers)

    @takes_bytes
    async def MatchResidentPayments(  # type: ignore[override]  # bytes  # noqa: N802 - as above
        self, request: bytes, context: grpc.aio.ServicerContext[Any, Any]
    ) -> bytes:
        """Match with what is resident."""
        return await self._resident(request, context, explain=False)

    @takes_bytes
    async def ExplainPayment(  # type: ignore[override]  # bytes  # noqa: N802 - as above
        self, request: bytes, context: grpc.aio.ServicerContext[Any, Any]
    ) -> bytes:
        """Explain one payment."""
        return await self._resident(request, context, explain=True)

    async def _resident(
        self, content: bytes, context: grpc.aio.ServicerContext[Any, Any], *, explain: bool
    ) -> bytes:
        caller = current_caller()
        scope = None if caller.companies is None else sorted(caller.companies)
        request = ResidentRequest(content, explain, scope)
        return await self._batchers[caller.tenant].answer(request, context.time_remaining())

    def _count(self, done: MatchDone | StreamMatchDone) -> None:
        count_payments(self._metrics, done.payments, "match")
        self._metrics.observe_stages(done.timings)


def _is_resident(first: bytes) -> bool:
    """Whether a stream that begins so is matched with what the server keeps."""
    part = read_message(match_service_pb2.StreamMatchPaymentsRequest.FromString, first)
    return bool(part.header.resident)
