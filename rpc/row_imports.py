"""Imports of open items and customers on their way: spooled, hashed, given to a worker."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from rpc.caller import current_caller
from rpc.errors import ChunkTooLargeError, StreamOrderError
from rpc.jobs import ImportRowsDone, ImportRowsJob
from rpc.limits import CHUNK_BYTES_MAX, STREAM_BYTES_MAX
from rpc.match_job import read_request_id
from rpc.spool import SpooledFile
from rpc.workers import Lane
from tieout.v1 import imports_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from rpc.import_tables import ImportTable
    from rpc.runs import RunKeeper
    from rpc.workers import WorkerPool

__all__ = ["RowImports"]


class RowImports:
    """Takes imports in, at most as many at once as `bookings` lets."""

    def __init__(
        self,
        *,
        workers: WorkerPool,
        spool_folder: Path,
        bookings: asyncio.Semaphore,
        now_ms: Callable[[], int],
        on_changed: Callable[[str], None],
        runs: RunKeeper,
    ) -> None:
        """Let `workers` do the work; `on_changed` hears the tenant whose store is different now.

        An import that waits for the store's write lock holds a worker: `bookings`, shared by all
        who do that, leaves one for calls that do not.
        """
        self._workers = workers
        self._spool_folder = spool_folder
        self._bookings = bookings
        self._now_ms = now_ms
        self._on_changed = on_changed
        self._runs = runs

    async def run(self, kind: ImportTable, parts: AsyncIterator[Any]) -> bytes:
        """Take in one import and give the response, encoded."""
        path = self._spool_folder / f"{uuid.uuid4().hex}.{kind.table}"
        with SpooledFile(path, STREAM_BYTES_MAX) as spooled:
            header = await _receive(parts, spooled)
            spooled.finish()
            job = ImportRowsJob(
                table=kind.table,
                header=header,
                parts_path=str(path),
                parts_sha256=spooled.sha256,
                received_at_ms=self._now_ms(),
            )
            if kind.header_class.FromString(header).background:
                return await self._accepted(kind, header, job, spooled)
            async with self._bookings:
                done = await self._workers.run(job, Lane.BATCH, size_bytes=spooled.size_bytes)
        assert isinstance(done, ImportRowsDone)  # noqa: S101 - a worker answers in kind
        if done.changed:
            self._on_changed(current_caller().tenant)
        return done.response

    async def _accepted(
        self, kind: ImportTable, header: bytes, job: ImportRowsJob, spooled: SpooledFile
    ) -> bytes:
        """The answer to an import that goes on as a run."""
        request_id = read_request_id(kind.header_class.FromString(header).request_id)
        run = await self._runs.accept(
            kind.table,
            job,
            spooled.path,
            file_name="",
            size_bytes=spooled.size_bytes,
            sha256=spooled.sha256,
            request_id=request_id,
        )
        summary = imports_pb2.ImportSummary(
            request_id=request_id, state=imports_pb2.IMPORT_STATE_ACCEPTED, run_id=run.run_id
        )
        answer: bytes = kind.response_class(summary=summary).SerializeToString()
        return answer


async def _receive(parts: AsyncIterator[Any], spooled: SpooledFile) -> bytes:
    """Spool the chunks and give the header; raises a `RequestError` where the stream is amiss."""
    header: bytes | None = None
    async for part in parts:
        kind = part.WhichOneof("part")
        if (kind == "header") is not (header is None):
            message = "the header must be the first message, and only the first"
            raise StreamOrderError(message, part=kind or "")
        size = part.ByteSize()
        if size > CHUNK_BYTES_MAX:
            message = f"a message has {size} bytes, at most {CHUNK_BYTES_MAX} are accepted"
            raise ChunkTooLargeError(message, bytes_max=str(CHUNK_BYTES_MAX))
        if header is None:
            header = part.header.SerializeToString()
        else:
            content = part.SerializeToString(deterministic=True)
            await asyncio.to_thread(spooled.add_frame, content)
    if header is None:
        message = "the stream is empty; the header must be the first message"
        raise StreamOrderError(message)
    return header
