"""The pool of worker processes: jobs in, replies out, a lost worker replaced.

A worker does one job at a time. A call that ends early (deadline, cancellation) ends its worker
too, so that nothing computes for nobody; a fresh one takes its place.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.caller import caller_or_none
from rpc.errors import JobFailedError, JobTimeoutError, OverloadedError, WorkerLostError
from rpc.jobs import JobFailure, Reply, WorkOrder
from rpc.limits import CHUNK_BYTES_MAX, JOB_SECONDS_MAX, JOBS_WAITING_MAX
from rpc.request_ids import current_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.jobs import Job, WorkerSettings

__all__ = ["WorkerPool"]

_LENGTH: Final = struct.Struct(">Q")
_RESTART_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0
_ROOT: Final = Path(__file__).resolve().parent.parent
"""Where the packages stand; workers start there to find them without an environment variable."""

_log = logging.getLogger(__name__)


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert process.stdout is not None  # noqa: S101 - both were asked for as pipes
        self.process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls, settings: WorkerSettings) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rpc.worker_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            limit=CHUNK_BYTES_MAX,
        )
        worker = cls(process)
        try:
            await worker.exchange(msgspec.msgpack.encode(settings))
        except BaseException:
            worker.kill()
            raise
        return worker

    async def exchange(self, content: bytes) -> bytes:
        """Send a frame and wait for the answer; raises `WorkerLostError` where it does not come."""
        try:
            self._stdin.write(_LENGTH.pack(len(content)))
            self._stdin.write(content)
            await self._stdin.drain()
            head = await self._stdout.readexactly(_LENGTH.size)
            return await self._stdout.readexactly(_LENGTH.unpack(head)[0])
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            message = "the process that did the work ended before it answered; try again"
            raise WorkerLostError(message) from error

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    async def stop(self) -> None:
        """End of input; killed where it does not end by itself."""
        self._stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.kill()
            await self.process.wait()


class WorkerPool:
    """Workers that are idle, and a bounded line of jobs that wait for one."""

    def __init__(self, settings: WorkerSettings, count: int, on_lost: Callable[[], None]) -> None:
        """A pool of `count` workers, not yet started; `on_lost` hears of each that is replaced."""
        self._settings = settings
        self._count = count
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers: set[_Worker] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._on_lost = on_lost
        self.waiting = 0

    async def start(self) -> None:
        """Start every worker and wait until it is ready; before the server listens."""
        await asyncio.gather(*(self._add() for _ in range(self._count)))

    async def run(self, job: Job, *, tenant: str = "") -> Reply:
        """Have `job` done for the caller of this call, or for `tenant` where there is none.

        Raises `JobFailedError` with the reason of the error it met, `OverloadedError`,
        `WorkerLostError` or `JobTimeoutError`.
        """
        caller = caller_or_none()
        order = WorkOrder(
            tenant=caller.tenant if caller else tenant,
            caller=caller,
            request_id=current_request_id(),
            job=job,
        )
        worker = await self._take()
        returned = False
        try:
            async with asyncio.timeout(JOB_SECONDS_MAX):
                frame = await worker.exchange(msgspec.msgpack.encode(order))
            returned = True
        except TimeoutError:
            message = f"the job took longer than {JOB_SECONDS_MAX} seconds, the limit"
            raise JobTimeoutError(message, seconds_max=str(JOB_SECONDS_MAX)) from None
        finally:
            if returned:
                self._idle.put_nowait(worker)
            else:
                self._replace(worker)
        reply: Reply = msgspec.msgpack.decode(frame, type=Reply)
        if isinstance(reply, JobFailure):
            raise JobFailedError(reply.reason, reply.message, **reply.metadata)
        return reply

    def process_ids(self) -> list[int]:
        """The processes of the workers that are there."""
        return sorted(worker.process.pid for worker in self._workers)

    async def stop(self) -> None:
        """End every worker; jobs that still run are lost."""
        self._stopping = True
        for task in self._restarts:
            task.cancel()
        await asyncio.gather(*self._restarts, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _take(self) -> _Worker:
        if self.waiting >= JOBS_WAITING_MAX:
            message = f"{self.waiting} jobs wait for a worker already; try again later"
            raise OverloadedError(message, waiting=str(self.waiting))
        self.waiting += 1
        try:
            return await self._idle.get()
        finally:
            self.waiting -= 1

    async def _add(self) -> None:
        worker = await _Worker.start(self._settings)
        self._workers.add(worker)
        self._idle.put_nowait(worker)

    def _replace(self, worker: _Worker) -> None:
        self._on_lost()
        worker.kill()
        self._workers.discard(worker)
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._restart(worker))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _restart(self, lost: _Worker) -> None:
        await lost.process.wait()
        while True:
            try:
                await self._add()
            except (WorkerLostError, OSError):
                _log.exception("a worker did not start; trying again")
                await asyncio.sleep(_RESTART_SECONDS)
            else:
                return
