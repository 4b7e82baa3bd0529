"""PostResults: results of runs made elsewhere on their way: spooled, hashed, given to a worker."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Final

from rpc.caller import current_caller
from rpc.errors import ChunkTooLargeError, StreamOrderError
from rpc.jobs import PostResultsDone, PostResultsJob
from rpc.limits import CHUNK_BYTES_MAX, STREAM_BYTES_MAX
from rpc.spool import SpooledFile
from rpc.workers import Lane
from tieout.v1 import application_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from rpc.workers import WorkerPool

__all__ = ["ResultPosting"]

_ENVELOPE_BYTES: Final = 4_096
"""What a message has beside the bytes of its chunk: a path and a few tags."""


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
    ) -> None:
        """Let `workers` do the work; `on_changed` hears the tenant whose store is different now."""
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
            async with self._bookings:
                done = await self._workers.run(job, Lane.BATCH, size_bytes=spooled.size_bytes)
        assert isinstance(done, PostResultsDone)  # noqa: S101 - a worker answers in kind
        if done.changed:
            self._on_changed(current_caller().tenant)
        return contract.PostResultsResponse.FromString(done.response)


async def _receive(
    parts: AsyncIterator[contract.PostResultsRequest], spooled: SpooledFile
) -> contract.PostResultsHeader:
    """Spool the chunks and give the header; raises a `RequestError` where the stream is amiss."""
    header: contract.PostResultsHeader | None = None
    async for part in parts:
        kind = part.WhichOneof("part")
        if (kind == "header") is not (header is None):
            message = "the header must be the first message, and only the first"
            raise StreamOrderError(message, part=kind or "")
        if header is None:
            header = part.header
            continue
        if len(part.file.content) > CHUNK_BYTES_MAX or len(part.file.path) > _ENVELOPE_BYTES:
            message = (
                f"a chunk has {len(part.file.content)} bytes and a path of {len(part.file.path)}, "
                f"at most {CHUNK_BYTES_MAX} and {_ENVELOPE_BYTES} are accepted"
            )
            raise ChunkTooLargeError(message, bytes_max=str(CHUNK_BYTES_MAX))
        await asyncio.to_thread(spooled.add_frame, part.SerializeToString())
    if header is None:
        message = "the stream is empty; the header must be the first message"
        raise StreamOrderError(message)
    return header
