"""What a server does between calls: seal the audit, prove the money of kept files again, and let go
of what was kept long enough.

All run for as long as the server does. Sealing has a thread and a connection of its own and waits
for no booking longer than a moment; proofs are worker jobs, one file at a time, begun only while no
call waits and beside an idle worker: they take no upload's place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from rpc.ended_tasks import end_tasks
from rpc.errors import ServiceError
from rpc.jobs import ClearingDone, ClearingJob
from rpc.workers import Lane
from store.activity import ActivityFilter
from store.errors import StoreBusyError, StoreError
from store.retention import Retention, sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rpc.metrics import Metrics
    from rpc.workers import WorkerPool
    from store.audit_keys import AuditSigner
    from store.repository import Repository

__all__ = ["SEAL_SECONDS", "Upkeep"]

_T = TypeVar("_T")

SEAL_SECONDS: Final = 1.0
"""How long a leaf waits for its block: what an intruder could still rewrite unseen."""

_PROOF_SECONDS: Final = 5.0
"""Pause between two proofs, so that they take a small share of one worker."""

_PROVEN_FOR_MS: Final = 24 * 3600 * 1000
"""A file is proven again a day after its last proof."""

_COUNT_SECONDS: Final = 30.0
"""How old the counts of open exceptions may be."""

_SWEEP_SECONDS: Final = 3_600.0
"""Pause between two sweeps: periods are days."""

_AGES: Final = {0: "0d", 1: "1d", 3: "3d", 7: "7d", 30: "30d"}
"""Days a case has waited at least → label."""

_log = logging.getLogger(__name__)


class Upkeep:
    """The upkeep of every tenant's store."""

    def __init__(
        self,
        repositories: Mapping[str, Repository],
        *,
        workers: WorkerPool,
        metrics: Metrics,
        now_ms: Callable[[], int],
        signer: AuditSigner | None,
        retention: Retention,
    ) -> None:
        """Look after `repositories` (by tenant), used by nobody else and closed by `stop`.

        Their bookings should give up after a moment: what is not sealed now is sealed next time.
        """
        self._repositories = dict(repositories)
        self._workers = workers
        self._metrics = metrics
        self._now_ms = now_ms
        self._signer = signer
        self._retention = retention
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        self._tasks: list[asyncio.Task[None]] = []
        self._counted: set[tuple[str, str]] = set()
        self._currencies: set[str] = set()

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._tasks = [
            asyncio.create_task(self._repeat(self._seal, SEAL_SECONDS)),
            asyncio.create_task(self._repeat(self._prove, _PROOF_SECONDS)),
            asyncio.create_task(self._repeat(self._count_open, _COUNT_SECONDS)),
            asyncio.create_task(self._repeat(self._sweep, _SWEEP_SECONDS)),
        ]

    async def stop(self) -> None:
        """End what is under way, seal what is left, and close the stores."""
        await end_tasks(self._tasks)
        await self._seal()
        for repository in self._repositories.values():
            await self._ask(repository.close)
        self._thread.shutdown()

    async def _repeat(self, step: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await step()

    async def _seal(self) -> None:
        """Seal what every tenant has waiting."""
        waiting, halted = 0, 0
        for tenant, repository in self._repositories.items():
            try:
                found = await self._ask(partial(self._sealed, repository))
            except StoreBusyError:
                _log.debug("tenant %s: a booking holds the store; sealing waits", tenant)
            except StoreError as error:
                _log.warning("tenant %s: sealing failed: %s", tenant, error)
            else:
                waiting += found[0]
                halted += found[1]
        self._metrics.set("tieout_audit_unsealed", waiting)
        self._metrics.set("tieout_posting_halted", halted)

    def _sealed(self, repository: Repository) -> tuple[int, bool]:
        """Seal, and give how many leaves still wait, and whether posting is halted."""
        repository.audit.seal(self._now_ms(), self._signer)
        return repository.audit.unsealed_count(), repository.halts.current() is not None

    async def _count_open(self) -> None:
        """Count the exceptions that wait, and their cash, of all tenants: no tenant is a label."""
        counts: Counter[tuple[str, str]] = Counter()
        undecided: Counter[str] = Counter()
        for tenant, repository in self._repositories.items():
            ask = partial(repository.activity.waiting, ActivityFilter(), self._now_ms())
            try:
                found = await self._ask(ask)
            except StoreError as error:
                _log.warning("tenant %s: open exceptions are not counted: %s", tenant, error)
                return
            for one in found:
                counts[one.code, _AGES[one.days_min]] += one.case_count
                undecided[one.currency_code] += one.undecided_minor
        for code, age in self._counted - counts.keys():
            self._metrics.set("tieout_exceptions_open", 0, code=code, age=age)
        for (code, age), count in counts.items():
            self._metrics.set("tieout_exceptions_open", count, code=code, age=age)
        self._counted |= counts.keys()
        self._currencies |= undecided.keys()
        for currency in self._currencies:
            self._metrics.set("tieout_unapplied_minor", undecided[currency], currency=currency)

    async def _sweep(self) -> None:
        """Let go of what every tenant has kept long enough."""
        for tenant, repository in self._repositories.items():
            try:
                counts = await self._ask(
                    partial(sweep, repository, self._retention, self._now_ms())
                )
            except StoreBusyError:
                _log.debug("tenant %s: a booking holds the store; nothing is swept", tenant)
            except StoreError as error:
                _log.warning("tenant %s: sweeping failed: %s", tenant, error)
            else:
                if counts:
                    _log.info("tenant %s: kept long enough: %s", tenant, counts)

    async def _prove(self) -> None:
        """Prove the file of each tenant whose proof is the oldest, while no call waits."""
        for tenant, repository in self._repositories.items():
            if self._workers.waiting:
                return
            try:
                await self._prove_one(tenant, repository)
            except (StoreError, ServiceError) as error:
                _log.warning("tenant %s: a proof failed: %s", tenant, error)

    async def _prove_one(self, tenant: str, repository: Repository) -> None:
        now_ms = self._now_ms()
        due = await self._ask(lambda: repository.proofs.oldest(now_ms - _PROVEN_FOR_MS))
        if due is None:
            return
        done = await self._workers.run(ClearingJob(due, now_ms), Lane.UPKEEP, tenant=tenant)
        assert isinstance(done, ClearingDone)  # noqa: S101 - a worker answers in kind
        self._metrics.count("tieout_clearing_proofs_total", outcome=done.outcome)
        if done.outcome == "violated":
            self._metrics.count("tieout_invariant_violations_total", invariant="clearing")
            _log.error("tenant %s, bank file %s: %s", tenant, due, done.message)

    async def _ask(self, question: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)
