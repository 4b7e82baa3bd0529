"""PostResults: results of runs made elsewhere on their way: spooled, hashed, given to a worker."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Final

from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.jobs import PostResultsDone, PostResultsJob
from rpc.limits import FILE_NAME_LENGTH_MAX, STREAM_BYTES_MAX
from rpc.match_job import read_request_id
from rpc.spool import SpooledFile
from rpc.stream_parts import HeaderFirst, check_chunk
from rpc.workers import Lane
from tieout.v1 import application_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from rpc.metrics import Metrics
    from rpc.runs import RunKeeper
    from rpc.workers import WorkerPool

__all__ = ["ResultPosting", "count_conflicts"]

_PATH_LENGTH_MAX: Final = 4_096
"""A path beside the bytes of its chunk, not more bytes instead of them."""


class ResultPosting:
    """Takes results in, at most as many at once as `bookings` lets."""

    def __init__(
        self,
        *,
        workers: WorkerPool,
        spool_folder: Path,
        bookings: asyncio.Semaphore,
        now_ms: Callable[[], int],
        on_changed: Callable[[str], None],
        runs: RunKeeper,
        metrics: Metrics,
    ) -> None:
        """Let `workers` do the work; `on_changed` hears the tenant whose store is different now.

        `runs` goes on with those that nobody waits for.
        """
        self._runs = runs
        self._metrics = metrics
        self._workers = workers
        self._spool_folder = spool_folder
        self._bookings = bookings
        self._now_ms = now_ms
        self._on_changed = on_changed

    async def run(
        self, parts: AsyncIterator[contract.PostResultsRequest]
    ) -> contract.PostResultsResponse:
        """Take one result in."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.result"
        with SpooledFile(path, STREAM_BYTES_MAX) as spooled:
            header = await _receive(parts, spooled)
            spooled.finish()
            job = PostResultsJob(
                header=header.SerializeToString(),
                parts_path=str(path),
                received_at_ms=self._now_ms(),
            )
            if header.background:
                return await self._accepted(header, job, spooled)
            async with self._bookings:
                done = await self._workers.run(job, Lane.BATCH, size_bytes=spooled.size_bytes)
        assert isinstance(done, PostResultsDone)  # noqa: S101 - a worker answers in kind
        if done.changed:
            self._on_changed(current_caller().tenant)
        count_conflicts(self._metrics, done)
        return contract.PostResultsResponse.FromString(done.response)

    async def _accepted(
        self, header: contract.PostResultsHeader, job: PostResultsJob, spooled: SpooledFile
    ) -> contract.PostResultsResponse:
        """The answer to a result that goes on as a run."""
        if len(header.name) > FILE_NAME_LENGTH_MAX:
            message = f"name has {len(header.name)} characters, at most {FILE_NAME_LENGTH_MAX} fit"
            raise FieldError(message, field="name")
        run = await self._runs.accept(
            "results",
            job,
            spooled.path,
            file_name=header.name,
            size_bytes=spooled.size_bytes,
            sha256=header.manifest_sha256.lower(),
            request_id=read_request_id(header.request_id),
        )
        return contract.PostResultsResponse(run_id=run.run_id)


def count_conflicts(metrics: Metrics, done: PostResultsDone) -> None:
    """Count the lines of a result that were stale when it was posted."""
    metrics.count("tieout_posting_conflicts_total", done.conflict_count, source="result")


async def _receive(
    parts: AsyncIterator[contract.PostResultsRequest], spooled: SpooledFile
) -> contract.PostResultsHeader:
    """Spool the chunks and give the header; raises a `RequestError` where the stream is amiss."""
    header = contract.PostResultsHeader()
    order = HeaderFirst()
    async for part in parts:
        if order.is_header(part.WhichOneof("part")):
            header = part.header
            continue
        check_chunk(part.file.content)
        if len(part.file.path) > _PATH_LENGTH_MAX:
            message = f"a path of {len(part.file.path)} characters, at most {_PATH_LENGTH_MAX}"
            raise FieldError(message, field="file.path")
        await asyncio.to_thread(spooled.add_frame, part.SerializeToString())
    order.finish()
    return header
