"""The pool of worker processes: jobs in, replies out, a lost worker replaced.

A worker does one job at a time. Calls of people come before batches, and batches never hold the
last worker where there are several. What the server does for itself comes last: on one worker at
most, beside the batches, begun only where it leaves another worker idle. A call that ends early
(deadline, cancellation) ends its worker too, so that nothing computes for nobody; a fresh one takes
its place.
"""

from __future__ import annotations

import asyncio
import enum
import logging
import struct
import sys
from collections import Counter, deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.caller import caller_or_none
from rpc.errors import JobFailedError, JobTimeoutError, OverloadedError, WorkerLostError
from rpc.jobs import JobFailure, Reply, WorkOrder
from rpc.limits import (
    CHUNK_BYTES_MAX,
    JOB_SECONDS_MAX,
    JOBS_WAITING_MAX,
    RETRY_SECONDS,
    WAITING_BYTES_MAX,
)
from rpc.request_ids import current_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.jobs import Job, WorkerSettings

__all__ = ["Lane", "Seat", "WorkerPool"]

_LENGTH: Final = struct.Struct(">Q")
_RESTART_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 5.0
_ROOT: Final = Path(__file__).resolve().parent.parent
"""Where the packages stand; workers start there to find them without an environment variable."""

_decoder: Final = msgspec.msgpack.Decoder(Reply)

_log = logging.getLogger(__name__)


class Lane(enum.Enum):
    """Who waits for a job."""

    INTERACTIVE = "interactive"
    """Somebody at a screen, or a system with a payment in its hands."""
    BATCH = "batch"
    """A file, or thousands of rows."""
    UPKEEP = "upkeep"
    """Nobody: it is done when there is time."""


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert process.stdout is not None  # noqa: S101 - both were asked for as pipes
        self.process = process
        self.jobs = 0
        self.jobs_done = 0
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._reading = asyncio.Lock()
        self._is_lost = False

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

    async def exchange(
        self, content: bytes, on_nearly_done: Callable[[], None] | None = None
    ) -> bytes:
        """Send a frame and wait for the answer; raises `WorkerLostError` where it does not come.

        Answers come in the order of the frames. An empty one before the answer says that it is
        nearly there.
        """
        self._stdin.write(_LENGTH.pack(len(content)))
        self._stdin.write(content)
        async with self._reading:
            try:
                return await self._answer(on_nearly_done)
            except BaseException as error:
                # Whoever comes next must not read what is left of this answer as his own.
                self._is_lost = True
                if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                    message = "the process that did the work ended before it answered; try again"
                    raise WorkerLostError(message) from error
                raise

    async def _answer(self, on_nearly_done: Callable[[], None] | None) -> bytes:
        if self._is_lost:
            message = "the process was ended with the job before this one; try again"
            raise WorkerLostError(message)
        await self._stdin.drain()
        while True:
            head = await self._stdout.readexactly(_LENGTH.size)
            size: int = _LENGTH.unpack(head)[0]
            if size:
                return await self._stdout.readexactly(size)
            if on_nearly_done is not None:
                on_nearly_done()

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


class Seat(msgspec.Struct, frozen=True):
    """A worker that is nearly done with its next job after `jobs_done`: another one that is sent
    until then begins when that ends.
    """

    worker: _Worker
    jobs_done: int

    def is_free(self) -> bool:
        """That job is not done yet, and nobody sits behind it."""
        return self.worker.jobs == 1 and self.worker.jobs_done == self.jobs_done


def _tell(on_nearly_done: Callable[[Seat], None], worker: _Worker) -> None:
    on_nearly_done(Seat(worker, worker.jobs_done))


class WorkerPool:
    """Workers that are idle, and bounded lines of jobs that wait for one."""

    def __init__(self, settings: WorkerSettings, count: int, on_lost: Callable[[], None]) -> None:
        """A pool of `count` workers, not yet started; `on_lost` hears of each that is replaced."""
        self._settings = settings
        self._count = count
        self._idle: list[_Worker] = []
        self._lines: dict[Lane, deque[asyncio.Future[_Worker]]] = {lane: deque() for lane in Lane}
        self._running = Counter[Lane]()
        self._batches_max = max(1, count - 1)
        self._waiting_bytes = 0
        self._workers: set[_Worker] = set()
        self._restarts: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._on_lost = on_lost

    @property
    def waiting(self) -> int:
        """Jobs that somebody waits for and that wait for a worker."""
        return len(self._lines[Lane.INTERACTIVE]) + len(self._lines[Lane.BATCH])

    def waiting_in(self, lane: Lane) -> int:
        """Jobs of `lane` that wait for a worker."""
        return len(self._lines[lane])

    async def start(self) -> None:
        """Start every worker and wait until it is ready; before the server listens."""
        await asyncio.gather(*(self._add() for _ in range(self._count)))

    async def run(
        self,
        job: Job,
        lane: Lane = Lane.BATCH,
        *,
        size_bytes: int = 0,
        tenant: str = "",
        on_nearly_done: Callable[[Seat], None] | None = None,
        behind: Seat | None = None,
    ) -> Reply:
        """Have `job`, whose work grows with `size_bytes`, done for the caller of this call, or for
        `tenant` where there is none.

        on_nearly_done: hears of jobs that say so where one more can be sent to the same worker;
        behind: send the job there, unless somebody waits for that worker.

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
        worker = self._seated(behind, lane) or await self._take(lane, size_bytes)
        worker.jobs += 1
        returned = False
        try:
            async with asyncio.timeout(JOB_SECONDS_MAX):
                frame = await worker.exchange(
                    msgspec.msgpack.encode(order),
                    None if on_nearly_done is None else partial(_tell, on_nearly_done, worker),
                )
            returned = True
        except TimeoutError:
            message = f"the job took longer than {JOB_SECONDS_MAX} seconds, the limit"
            raise JobTimeoutError(message, seconds_max=str(JOB_SECONDS_MAX)) from None
        finally:
            self._running[lane] -= 1
            worker.jobs -= 1
            worker.jobs_done += 1
            if not returned:
                self._replace(worker)
            elif not worker.jobs:
                self._put_back(worker, lane)
            self._hand_out()
        reply: Reply = _decoder.decode(frame)
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

    async def _take(self, lane: Lane, size_bytes: int) -> _Worker:
        """Wait for a worker; raises `OverloadedError` where too much waits already."""
        if self.waiting >= JOBS_WAITING_MAX:
            message = f"{self.waiting} jobs wait for a worker already; try again later"
            raise OverloadedError(message, retry_seconds=RETRY_SECONDS, waiting=str(self.waiting))
        if self._waiting_bytes and self._waiting_bytes + size_bytes > WAITING_BYTES_MAX:
            message = f"{self._waiting_bytes} bytes of work wait already; try again later"
            waiting = str(self._waiting_bytes)
            raise OverloadedError(message, retry_seconds=RETRY_SECONDS, waiting_bytes=waiting)
        place: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        line = self._lines[lane]
        line.append(place)
        self._waiting_bytes += size_bytes
        self._hand_out()
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._running[lane] -= 1
                self._idle.append(place.result())
                self._hand_out()
            elif place in line:
                line.remove(place)
            raise
        finally:
            self._waiting_bytes -= size_bytes

    def _seated(self, seat: Seat | None, lane: Lane) -> _Worker | None:
        """The worker of `seat`, if the seat is free and nobody waits for that worker."""
        if seat is None or not seat.is_free() or seat.worker not in self._workers:
            return None
        if self._next_lane() is not None:
            return None
        self._running[lane] += 1
        return seat.worker

    def _hand_out(self) -> None:
        """Give idle workers to those who wait: people first, batches as far as they may."""
        while self._idle:
            lane = self._next_lane()
            if lane is None:
                return
            self._running[lane] += 1
            worker = self._idle.pop(-1 if lane is Lane.INTERACTIVE else 0)
            self._lines[lane].popleft().set_result(worker)

    def _put_back(self, worker: _Worker, lane: Lane) -> None:
        """The worker that answered people last has in its caches what their next call needs: it
        stands at the end, where they are served from; everything else comes from the other one.
        """
        self._idle.insert(len(self._idle) if lane is Lane.INTERACTIVE else 0, worker)

    def _next_lane(self) -> Lane | None:
        """The lane whose turn it is, with somebody waiting in front who has not given up."""
        for line in self._lines.values():
            while line and line[0].cancelled():
                line.popleft()
        if self._lines[Lane.INTERACTIVE]:
            return Lane.INTERACTIVE
        if self._lines[Lane.BATCH] and self._running[Lane.BATCH] < self._batches_max:
            return Lane.BATCH
        leaves_one = len(self._idle) > 1 or self._count == 1
        if self._lines[Lane.UPKEEP] and not self._running[Lane.UPKEEP] and leaves_one:
            return Lane.UPKEEP
        return None

    async def _add(self) -> None:
        worker = await _Worker.start(self._settings)
        self._workers.add(worker)
        self._idle.append(worker)
        self._hand_out()

    def _replace(self, worker: _Worker) -> None:
        if worker not in self._workers:
            return
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
