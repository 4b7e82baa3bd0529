"""What is resident, version by version: made by a worker, mapped by all, never changed.

What changes in the store makes the next version, in milliseconds where little changed; calls in
progress keep the one they began with. Nothing is posted by a match, so an old one costs a second
look at worst. From time to time its sums are compared with the store's: a snapshot that drifted is
an alarm, and made anew from all rows of the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.ended_tasks import end_tasks
from rpc.errors import NotReadyError, ServiceError
from rpc.jobs import BuildSnapshotDone, BuildSnapshotJob, CheckSnapshotDone, CheckSnapshotJob
from rpc.workers import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.metrics import Metrics
    from rpc.resident_folder import ResidentFolder
    from rpc.workers import WorkerPool

__all__ = ["Snapshot", "SnapshotKeeper"]

_PAUSE_SECONDS: Final = 0.05
"""At least, between two versions: changes that come together are taken together. One that took
longer is followed by as long a pause, so that clerks at work never cost more than half a worker.
"""

_KEPT: Final = 2
"""Versions whose files stay: the current one, and the one that jobs on their way were told of."""

_SHOWN_MAX: Final = 5

_CHECK_SECONDS: Final = 30.0
"""Pause between two comparisons with the store."""

_CHECK_PAUSES: Final = 50.0
"""The pause is at least so many times what the last one took: a million items are compared in two
seconds, which those who call meanwhile feel."""

_log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True):
    """One version of what is resident: its description's path, and the names of all its files."""

    path: str
    version: int
    files: tuple[str, ...] = ()


class SnapshotKeeper:
    """Has snapshots made after changes and says which is the latest."""

    def __init__(
        self, workers: WorkerPool, folder: ResidentFolder, metrics: Metrics, tenant: str
    ) -> None:
        """Let `workers` write what `tenant` has into `folder`, and begin with what is there."""
        self.tenant = tenant
        self._workers = workers
        self._folder = folder
        self._metrics = metrics
        self._kept: list[Snapshot] = []
        self._hashes: dict[str, str] = {}
        self._version = 0
        self._changed = asyncio.Event()
        self._changed_at: float | None = None
        self._building_since: float | None = None
        self._from_store = False
        self._tasks: list[asyncio.Task[None]] = []
        self._hear: list[Callable[[], None]] = []

    def on_built(self, hear: Callable[[], None]) -> None:
        """Let `hear` know whenever what is resident has caught up with a change."""
        self._hear.append(hear)

    @property
    def current(self) -> Snapshot:
        """The latest snapshot; raises `NotReadyError` before there is one."""
        if not self._kept:
            message = "the server is still indexing its open items; try again soon"
            raise NotReadyError(message)
        return self._kept[-1]

    def lag_seconds(self) -> float:
        """How old the oldest change is that the latest snapshot does not know of."""
        since = self._building_since or self._changed_at
        return 0.0 if since is None else time.monotonic() - since

    def changed(self, after_seconds: float = 0.0) -> None:
        """Something in the store is different: the next snapshot is due, at once or soon."""
        if self._changed_at is None:
            self._changed_at = time.monotonic()
        if after_seconds:
            asyncio.get_running_loop().call_later(after_seconds, self._changed.set)
        else:
            self._changed.set()

    async def start(self, check_seconds: float = _CHECK_SECONDS) -> None:
        """Bring what an earlier server left up to date, or index anew; then follow every change."""
        manifest = self._folder.manifest()
        self._version, self._hashes = manifest.version, dict(manifest.files)
        base = str(self._folder.path / manifest.snapshot) if manifest.snapshot else ""
        left = Snapshot(base, manifest.version, tuple(manifest.files)) if base else None
        await self._build(left, self._hashes)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._follow()),
            loop.create_task(self._compare(check_seconds)),
        ]

    async def stop(self) -> None:
        """Follow no longer."""
        await end_tasks(self._tasks)

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._building_since, self._changed_at = self._changed_at, None
            pause_seconds = _PAUSE_SECONDS
            try:
                base = None if self._from_store else self.current
                pause_seconds = max(pause_seconds, await self._build(base, {}))
                for hear in self._hear:
                    hear()
            except ServiceError:
                _log.exception("no snapshot of the latest changes; the one before stays")
                self._changed_at = self._building_since
                self._changed.set()
            self._building_since = None
            await asyncio.sleep(pause_seconds)

    async def _build(self, base: Snapshot | None, hashes: dict[str, str]) -> float:
        """Make the next snapshot from `base`; gives how long its worker took, in seconds."""
        version = self._version + 1
        path = self._folder.path / f"{version:012}.snapshot"
        job = BuildSnapshotJob(
            path=str(path),
            base_path=base.path if base else "",
            hashes=hashes,
            from_store=self._from_store,
        )
        done = await self._workers.run(job, Lane.BATCH, tenant=self.tenant)
        assert isinstance(done, BuildSnapshotDone)  # noqa: S101 - a worker answers in kind
        self._from_store = False
        if done.how == "same" and base is not None:
            if not self._kept:
                self._kept.append(base)
        else:
            self._version = version
            self._kept = [*self._kept, Snapshot(str(path), version, tuple(done.files))][-_KEPT:]
            self._hashes[path.name] = done.sha256
        await asyncio.to_thread(self._write_down)
        self._metrics.count("tieout_snapshots_total", how=done.how)
        self._metrics.set("tieout_snapshot_version", self.current.version)
        self._metrics.set("tieout_snapshot_seconds", done.seconds)
        return done.seconds

    def _write_down(self) -> None:
        """Forget files no version needs any longer, and say what a next server finds."""
        needed = {name for one in self._kept for name in one.files}
        self._hashes = {name: one for name, one in self._hashes.items() if name in needed}
        current = self.current
        manifest = msgspec.structs.replace(
            self._folder.manifest(),
            snapshot=Path(current.path).name,
            version=current.version,
            files={name: self._hashes[name] for name in current.files},
        )
        self._folder.write(manifest)
        self._folder.keep_only(needed)

    async def _compare(self, seconds: float) -> None:
        """Compare the latest snapshot with the store, again and again."""
        pause_seconds = seconds
        while True:
            await asyncio.sleep(pause_seconds)
            if self._changed.is_set() or self._building_since is not None:
                continue
            try:
                done = await self._workers.run(
                    CheckSnapshotJob(self.current.path), Lane.UPKEEP, tenant=self.tenant
                )
            except ServiceError as error:
                _log.warning("tenant %s: no comparison with the store: %s", self.tenant, error)
                continue
            assert isinstance(done, CheckSnapshotDone)  # noqa: S101 - a worker answers in kind
            pause_seconds = max(seconds, _CHECK_PAUSES * done.cpu_seconds)
            if done.differences:
                self._raise_alarm(done.differences)

    def _raise_alarm(self, differences: list[str]) -> None:
        self._metrics.count("tieout_invariant_violations_total", invariant="snapshot")
        _log.error(
            "tenant %s: what is resident is not what the store holds; reading it again: %s",
            self.tenant,
            "; ".join(differences[:_SHOWN_MAX]),
        )
        self._from_store = True
        self.changed()
