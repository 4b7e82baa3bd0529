"""What is resident, version by version: built by a worker, mapped by all, replaced as a whole.

A snapshot never changes. What changes in the store makes the next one; calls in progress keep the
one they began with. Nothing is posted by a match, so an old one costs a second look at worst.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.errors import NotReadyError, ServiceError
from rpc.jobs import BuildSnapshotDone, BuildSnapshotJob
from rpc.workers import Lane

if TYPE_CHECKING:
    from pathlib import Path

    from rpc.metrics import Metrics
    from rpc.workers import WorkerPool

__all__ = ["Snapshot", "SnapshotKeeper"]

_PAUSE_SECONDS: Final = 0.25
"""At least, between two builds: changes that come together are taken together. A build that took
longer is followed by as long a pause, so that clerks at work never cost more than half a worker.
"""

_KEPT: Final = 2
"""Files that stay: the current one, and the one that jobs on their way were told of."""

_log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """One version of what is resident, as a file."""

    path: str
    version: int


class SnapshotKeeper:
    """Has snapshots built after changes and says which is the latest."""

    def __init__(self, workers: WorkerPool, folder: Path, metrics: Metrics, tenant: str) -> None:
        """Let `workers` build what `tenant` has into a folder of its own below `folder`."""
        self.tenant = tenant
        self._workers = workers
        self._folder = folder / "snapshots" / tenant
        self._folder.mkdir(parents=True)
        self._metrics = metrics
        self._kept: list[Snapshot] = []
        self._built = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def current(self) -> Snapshot:
        """The latest snapshot; raises `NotReadyError` before there is one."""
        if not self._kept:
            message = "the server is still indexing its open items; try again soon"
            raise NotReadyError(message)
        return self._kept[-1]

    def changed(self) -> None:
        """Something in the store is different: the next snapshot is due."""
        self._changed.set()

    async def start(self) -> None:
        """Build the first snapshot, and from then on after every change."""
        await self._build()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Build no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            pause_seconds = _PAUSE_SECONDS
            try:
                pause_seconds = max(pause_seconds, await self._build())
            except ServiceError:
                _log.exception("no snapshot of the latest changes; the one before stays")
                self._changed.set()
            await asyncio.sleep(pause_seconds)

    async def _build(self) -> float:
        """Build the next snapshot; gives how long its worker took, in seconds."""
        version = self._built = self._built + 1
        path = self._folder / f"{version:012}.snapshot"
        done = await self._workers.run(
            BuildSnapshotJob(path=str(path)), Lane.BATCH, tenant=self.tenant
        )
        assert isinstance(done, BuildSnapshotDone)  # noqa: S101 - a worker answers in kind
        self._kept.append(Snapshot(str(path), version))
        for old in self._kept[:-_KEPT]:
            await asyncio.to_thread((self._folder / f"{old.version:012}.snapshot").unlink)
        self._kept = self._kept[-_KEPT:]
        self._metrics.set("tieout_snapshot_version", version)
        self._metrics.set("tieout_snapshot_seconds", done.seconds)
        return done.seconds
