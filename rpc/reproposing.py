"""Whatever changes what a match rests on, open cases are looked at again, in the background.

One look at a time per tenant, behind all calls, and once what is resident knows of the change. A
look is followed by a pause many times as long: what changes meanwhile is looked at together, and
clerks who decide one exception after another do not share their machine with it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from rpc.ended_tasks import end_tasks
from rpc.errors import ServiceError
from rpc.jobs import ReproposeDone, ReproposeJob
from rpc.workers import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.jobs import ReproposeRound
    from rpc.metrics import Metrics
    from rpc.snapshots import SnapshotKeeper
    from rpc.workers import WorkerPool

__all__ = ["Reproposer"]

_PAUSES: Final = 30
"""How many times as long as a look the pause after it is: three hundredths of a worker at most."""

_log = logging.getLogger(__name__)


class Reproposer:
    """Follows the changes of one tenant."""

    def __init__(
        self,
        workers: WorkerPool,
        snapshots: SnapshotKeeper,
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        """Let `workers` match against the latest of `snapshots`."""
        self._workers = workers
        self._snapshots = snapshots
        self._metrics = metrics
        self._now_ms = now_ms
        self._changed = asyncio.Event()
        snapshots.on_built(self._changed.set)
        self._round: ReproposeRound | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what changed while no server was there."""
        self._changed.set()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Follow no longer; the next server goes on."""
        if self._task is not None:
            await end_tasks([self._task])

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            cost = 0.0
            try:
                cost = await self._look()
            except ServiceError as error:
                _log.warning(
                    "tenant %s: open cases are not looked at again: %s",
                    self._snapshots.tenant,
                    error,
                )
            await asyncio.sleep(_PAUSES * cost)

    async def _look(self) -> float:
        """Have open cases looked at; gives the processor seconds it took."""
        job = ReproposeJob(
            snapshot_path=self._snapshots.current.path, now_ms=self._now_ms(), round=self._round
        )
        done = await self._workers.run(job, Lane.UPKEEP, tenant=self._snapshots.tenant)
        assert isinstance(done, ReproposeDone)  # noqa: S101 - a worker answers in kind
        if done.round is not None or self._round is not None:
            # Cases are left, or the round is over and something may have changed since it began.
            self._changed.set()
        self._round = done.round
        self._metrics.count("tieout_cases_reproposed_total", done.reproposed_count)
        return done.cpu_seconds
