"""Runs: what was accepted is done, whether or not anybody waits, whether or not the server stays.

The content of a run lies in a folder that survives a restart, its row in the store; both are there
before the caller is told. Where the store is sealed the content is, too, by a key that is destroyed
when the run has ended. A run has its effect in the transaction that ends it, so one that is done
again after a crash finds that it has been done.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from rpc.caller import Caller, current_caller, set_caller
from rpc.errors import OverloadedError, RunNotFoundError, ServiceError
from rpc.jobs import (
    BankFileDone,
    BankFileJob,
    ImportRowsDone,
    ImportRowsJob,
    PostResultsDone,
    PostResultsJob,
)
from rpc.limits import RETRY_SECONDS
from rpc.run_contents import RunContents
from rpc.workers import Lane
from store.errors import StoreError
from store.key_scopes import master_scope, run_scope
from store.runs import ENDED, RunRecord

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    from rpc.reading import StoreReader
    from rpc.workers import WorkerPool
    from store.repository import Booking, Repository
    from store.runs import RunKind

__all__ = ["RunDone", "RunJob", "RunKeeper"]

_T = TypeVar("_T")

RunJob = BankFileJob | ImportRowsJob | PostResultsJob
RunDone = BankFileDone | ImportRowsDone | PostResultsDone

_LOST_MAX: Final = 3
"""Workers a run may lose before it has failed: one that kills every worker would do so for ever."""

_DRAIN_SECONDS: Final = 5.0
"""How long runs at work may take to end when the server stops; the next one goes on with others."""

_log = logging.getLogger(__name__)


class _Work(msgspec.Struct, frozen=True):
    """What a server needs to go on with a run."""

    caller: Caller
    job: RunJob


class RunKeeper:
    """Accepts runs and does them, as many at once as `bookings` lets."""

    def __init__(
        self,
        *,
        workers: WorkerPool,
        writer: StoreReader,
        folder: Path,
        working: Path,
        bookings: asyncio.Semaphore,
        now_ms: Callable[[], int],
        on_done: Callable[[RunDone], None],
        on_failed: Callable[[RunJob, ServiceError], None] = lambda *_: None,
        indexed: Callable[[RunJob], RunJob] = lambda job: job,
    ) -> None:
        """Let `workers` do the work and keep contents in `folder`.

        What is sealed there is opened in `working` while a worker reads it. `on_done` hears of
        every run that was done, as its caller, `on_failed` of every one that could not be;
        `indexed` names the snapshot of the moment a job is done.
        """
        self._with_snapshot = indexed
        self._workers = workers
        self._writer = writer
        self._contents = RunContents(folder, working, writer, now_ms)
        self._bookings = bookings
        self._now_ms = now_ms
        self._on_done = on_done
        self._on_failed = on_failed
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Condition()

    async def start(self, tenants: Iterable[str]) -> None:
        """Go on with what had not ended when the server before this one did."""
        unfinished = {
            tenant: await self._as(tenant, lambda store: store.runs.unfinished())
            for tenant in tenants
        }
        records = [record for ones in unfinished.values() for record in ones]
        self._contents.keep_only({record.run_id for record in records})
        for record in records:
            self._begin(record)

    async def stop(self) -> None:
        """Let runs at work end for a while; what has not ended goes on with the next server."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_DRAIN_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def accept(
        self,
        kind: RunKind,
        job: RunJob,
        content: Path,
        *,
        file_name: str,
        size_bytes: int,
        sha256: str,
        request_id: str,
    ) -> RunRecord:
        """Take over `content`, which `job` is about, and give its run.

        The run of the same request where there is one; raises `RequestIdReusedError`.
        """
        run_id = uuid.uuid4().hex
        key = await self._contents.take(run_id, content)
        job = msgspec.structs.replace(job, run_id=run_id)
        record = RunRecord(
            run_id=run_id,
            kind=kind,
            state="waiting",
            file_name=file_name,
            size_bytes=size_bytes,
            content_sha256=sha256,
            request_id=request_id,
            started_by=current_caller().name,
            created_at_ms=self._now_ms(),
            work=msgspec.msgpack.encode(_Work(current_caller(), job)),
        )

        def accept(booking: Booking) -> RunRecord:
            kept = booking.runs.accept(record)
            if key and kept.run_id == run_id:
                booking.keys.adopt(run_scope(run_id), key, self._now_ms())
            return kept

        try:
            kept = await self._write(accept)
        except BaseException:
            self._contents.drop(run_id)
            raise
        if kept.run_id == run_id:
            self._begin(record)
        else:
            self._contents.drop(run_id)
        return kept

    async def find(self, run_id: str) -> RunRecord:
        """The run with that id, if the caller may see it; raises `RunNotFoundError`."""
        caller = current_caller()
        record = await self._writer.ask(lambda store: store.runs.find(run_id))
        if record is None or (caller.companies is not None and record.started_by != caller.name):
            message = f"no run {run_id!r} of yours is known here"
            raise RunNotFoundError(message, run_id=run_id)
        return record

    async def cancel(self, run_id: str) -> RunRecord:
        """End a run that has had no effect yet, and give it; raises `RunNotFoundError`."""
        await self.find(run_id)
        now_ms = self._now_ms()
        if await self._write(lambda booking: booking.runs.cancel(run_id, now_ms)):
            task = self._tasks.get(run_id)
            if task is not None:
                task.cancel()
            await self._contents.forget(run_id)
            await self._tell()
        return await self.find(run_id)

    async def watch(self, run_id: str) -> AsyncGenerator[RunRecord, None]:
        """The run as it stands, and after every change until it has ended."""
        record = await self.find(run_id)
        yield record
        while record.state not in ENDED:
            async with self._changed:
                latest = await self.find(run_id)
                if latest == record:
                    await self._changed.wait()
                    continue
            record = latest
            yield record

    def _begin(self, record: RunRecord) -> None:
        work = msgspec.msgpack.decode(record.work, type=_Work)
        task = asyncio.get_running_loop().create_task(self._execute(record.run_id, work))
        self._tasks[record.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(record.run_id, None))

    async def _execute(self, run_id: str, work: _Work) -> None:
        set_caller(work.caller)
        try:
            async with self._bookings, self._contents.opened(run_id) as path:
                where = "content_path" if isinstance(work.job, BankFileJob) else "parts_path"
                await self._do(run_id, msgspec.structs.replace(work.job, **{where: str(path)}))
        except ServiceError as error:
            said = {"reason": error.reason, "message": str(error), "metadata": error.metadata}
            text = msgspec.json.encode(said).decode()
            self._on_failed(work.job, error)
            await self._write(lambda booking: booking.runs.fail(run_id, text, self._now_ms()))
        except StoreError:
            _log.exception("run %s stays where it is: the store does not answer", run_id)
            return
        await self._contents.forget(run_id)
        await self._tell()

    async def _do(self, run_id: str, job: RunJob) -> None:
        """Have it done; raises `JobFailedError` and the like where it cannot be."""
        if not await self._write(lambda booking: booking.runs.start(run_id, self._now_ms())):
            return
        await self._tell()
        lost = 0
        while True:
            try:
                done = await self._workers.run(self._with_snapshot(job), Lane.BATCH)
                break
            except OverloadedError:
                await asyncio.sleep(RETRY_SECONDS)
            except ServiceError as error:
                lost += error.reason == "WORKER_LOST"
                if error.reason != "WORKER_LOST" or lost == _LOST_MAX:
                    raise
        assert isinstance(done, RunDone)  # noqa: S101 - a worker answers in kind
        record = await self.find(run_id)
        if record.state not in ENDED:
            # Done before, or only to be validated: there was no transaction to end it in.
            quoted = done.concerned if isinstance(done, ImportRowsDone) else []
            concerning = [master_scope(*one) for one in quoted]
            await self._write(
                lambda booking: booking.runs.finish(
                    run_id, done.response, self._now_ms(), concerning=concerning
                )
            )
        if record.state != "cancelled":
            self._on_done(done)

    async def _write(self, act: Callable[[Booking], _T]) -> _T:
        def booked(store: Repository) -> _T:
            with store.booking() as booking:
                return act(booking)

        return await self._writer.ask(booked)

    async def _as(self, tenant: str, question: Callable[[Repository], _T]) -> _T:
        """The answer of a tenant's store, asked by the server itself."""

        async def ask() -> _T:
            set_caller(Caller(name="server", tenant=tenant))
            return await self._writer.ask(question)

        return await asyncio.get_running_loop().create_task(ask())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
