"""MatchService: a worker matches with what the call brings or the server keeps; nothing is kept."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from rpc.caller import current_caller
from rpc.jobs import MatchDone, MatchJob, ResidentRequest, StreamMatchDone, StreamMatchJob
from rpc.limits import STREAM_BYTES_MAX, TOGETHER_BYTES_MAX
from rpc.spool import SpooledFile, read_frames
from rpc.workers import Lane
from tieout.v1 import match_service_pb2, match_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import grpc.aio
    from google.protobuf.message import Message

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

    async def MatchPayments(  # noqa: N802 - the contract's name
        self,
        request: match_service_pb2.MatchPaymentsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> match_service_pb2.MatchPaymentsResponse:
        """Match what fits into one message."""
        content = request.SerializeToString()
        lane = Lane.INTERACTIVE if len(content) <= TOGETHER_BYTES_MAX else Lane.BATCH
        done = await self._workers.run(MatchJob(content), lane, size_bytes=len(content))
        assert isinstance(done, MatchDone)  # noqa: S101 - a worker answers in kind
        self._count(done)
        return match_service_pb2.MatchPaymentsResponse.FromString(done.response)

    async def StreamMatchPayments(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[match_service_pb2.StreamMatchPaymentsRequest],
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[match_service_pb2.StreamMatchPaymentsResponse]:
        """Spool the request, match it, send the answer's frames."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.requests"
        answers = path.with_suffix(".responses")
        try:
            with SpooledFile(path, STREAM_BYTES_MAX) as spooled:
                resident = False
                async for part in request_iterator:
                    resident = resident or part.header.resident
                    await asyncio.to_thread(spooled.add_frame, part.SerializeToString())
                spooled.finish()
                job = StreamMatchJob(str(path), str(answers))
                if resident:
                    snapshot = self._batchers[current_caller().tenant].snapshot()
                    job = StreamMatchJob(str(path), str(answers), snapshot.path, snapshot.version)
                done = await self._workers.run(job, Lane.BATCH, size_bytes=spooled.size_bytes)
            assert isinstance(done, StreamMatchDone)  # noqa: S101 - a worker answers in kind
            self._count(done)
            for frame in read_frames(answers):
                yield match_service_pb2.StreamMatchPaymentsResponse.FromString(frame)
        finally:
            answers.unlink(missing_ok=True)

    async def MatchResidentPayments(  # noqa: N802 - the contract's name
        self,
        request: match_service_pb2.MatchResidentPaymentsRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> match_service_pb2.MatchResidentPaymentsResponse:
        """Match with what is resident."""
        response = await self._batchers[current_caller().tenant].answer(
            _resident_request(request, explain=False), context.time_remaining()
        )
        return match_service_pb2.MatchResidentPaymentsResponse.FromString(response)

    async def ExplainPayment(  # noqa: N802 - the contract's name
        self,
        request: match_service_pb2.ExplainPaymentRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> match_service_pb2.ExplainPaymentResponse:
        """Explain one payment."""
        response = await self._batchers[current_caller().tenant].answer(
            _resident_request(request, explain=True), context.time_remaining()
        )
        return match_service_pb2.ExplainPaymentResponse.FromString(response)

    def _count(self, done: MatchDone | StreamMatchDone) -> None:
        self._metrics.count("tieout_payments_total", done.payment_count, source="match")
        self._metrics.observe_stages(done.timings)


def _resident_request(request: Message, *, explain: bool) -> ResidentRequest:
    companies = current_caller().companies
    scope = None if companies is None else sorted(companies)
    return ResidentRequest(request.SerializeToString(), explain, scope)
