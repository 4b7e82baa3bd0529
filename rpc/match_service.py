"""MatchService: everything comes with the call, a worker does it, nothing is kept."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from rpc.jobs import MatchDone, MatchJob, StreamMatchDone, StreamMatchJob
from rpc.limits import STREAM_BYTES_MAX
from rpc.spool import SpooledFile, read_frames
from tieout.v1 import match_service_pb2, match_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import grpc.aio

    from rpc.metrics import Metrics
    from rpc.workers import WorkerPool

__all__ = ["MatchService"]


class MatchService(match_service_pb2_grpc.MatchServiceServicer):
    """Answers `tieout.v1.MatchService`."""

    def __init__(self, workers: WorkerPool, metrics: Metrics, spool_folder: Path) -> None:
        """Let `workers` match; streams go through files in `spool_folder`."""
        self._workers = workers
        self._metrics = metrics
        self._spool_folder = spool_folder

    async def MatchPayments(  # noqa: N802 - the contract's name
        self,
        request: match_service_pb2.MatchPaymentsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> match_service_pb2.MatchPaymentsResponse:
        """Match what fits into one message."""
        done = await self._workers.run(MatchJob(request.SerializeToString()))
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
                async for part in request_iterator:
                    await asyncio.to_thread(spooled.add_frame, part.SerializeToString())
                spooled.finish()
                done = await self._workers.run(StreamMatchJob(str(path), str(answers)))
            assert isinstance(done, StreamMatchDone)  # noqa: S101 - a worker answers in kind
            self._count(done)
            for frame in read_frames(answers):
                yield match_service_pb2.StreamMatchPaymentsResponse.FromString(frame)
        finally:
            answers.unlink(missing_ok=True)

    def _count(self, done: MatchDone | StreamMatchDone) -> None:
        self._metrics.count("tieout_payments_total", done.payment_count, source="match")
        self._metrics.observe_stages(done.timings)
