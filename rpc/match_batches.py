"""Small calls gathered into passes: most of what matching one costs is the same for sixty.

Who calls alone is matched at once. While a pass is under way the next calls gather; a second pass
beside it begins only when it would be full, or when the first one is slow: two half-full passes
cost nearly twice what a full one does. For the same reason those who wait when a pass ends wait
a moment more for those it answered, as long as they keep coming; not where calls came until it
ended, for their callers do not wait for answers before they call again. Their pass is sent to the
same worker when that says it is nearly done, and so begins when the one before it ends, in a
process that has in its caches what it needs. Whoever would have to wait
too long is turned away at once and told when to come again; whose time is up is dropped before any
work is done for it. A call that may touch what another one of its pass touches is left for the
next, where it meets no other such call: it would hold up everybody else.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.errors import JobFailedError, OverloadedError, ServiceError, WorkerLostError
from rpc.jobs import ResidentMatchDone, ResidentMatchJob
from rpc.limits import (
    BATCH_CALLS_MAX,
    BATCH_GATHER_SECONDS,
    TOGETHER_BYTES_MAX,
    WAIT_SECONDS_MAX,
)
from rpc.payment_counts import count_payments
from rpc.workers import Lane, Seat

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.jobs import ResidentAnswer, ResidentRequest
    from rpc.metrics import Metrics
    from rpc.snapshots import Snapshot, SnapshotKeeper
    from rpc.workers import WorkerPool

__all__ = ["MatchBatcher"]

_FIRST_GUESS_SECONDS: Final = 0.05
_SMOOTHING: Final = 0.2
_GATHER_SHARE: Final = 0.5
"""Share of a pass that calls wait for others, where as many as came before may come again."""
_QUIET_SECONDS: Final = 0.004
"""Who comes again comes within so much of the one before: the front needs less than one a call."""
_ANSWERED_AT_A_TIME: Final = 1
"""Answers that are sent before whatever else has come has its turn: a probe takes four turns, and
is to be answered within ten milliseconds while sixty answers go out."""
_SLOW: Final = 2.0
"""A pass that takes so many times as long as they do holds nobody up any longer."""
_POSTPONED_MAX: Final = 2
"""How often a call is left for another pass; then it is matched, however long that takes."""


class _Waiting(msgspec.Struct, eq=False):
    """One call in the line."""

    request: ResidentRequest
    answer: asyncio.Future[bytes]
    since: float
    postponed: int = 0


class MatchBatcher:
    """The line of small calls, and the passes that answer them."""

    def __init__(
        self, workers: WorkerPool, snapshots: SnapshotKeeper, metrics: Metrics, passes_max: int
    ) -> None:
        """Let `workers` match, at most `passes_max` passes at once."""
        self._workers = workers
        self._snapshots = snapshots
        self._metrics = metrics
        self._line: deque[_Waiting] = deque()
        self._news = asyncio.Event()
        self._passes_max = passes_max
        self._expected = 1
        self._came_at = 0.0
        self._ended_at = 0.0
        self._is_hushed = True
        self._gatherer: asyncio.Task[None] | None = None
        self._passes: set[asyncio.Task[None]] = set()
        self._nearly_done: set[asyncio.Task[None]] = set()
        self._seat: Seat | None = None
        self._pass_seconds = _FIRST_GUESS_SECONDS

    def snapshot(self) -> Snapshot:
        """What is resident now; raises `NotReadyError`."""
        return self._snapshots.current

    async def answer(self, request: ResidentRequest, seconds_left: float | None) -> bytes:
        """The response to `request`, encoded; raises what matching it alone would raise, and
        `OverloadedError` where it would not be answered in time.
        """
        if len(request.content) > TOGETHER_BYTES_MAX:
            return _response((await self._match([request], Lane.BATCH)).answers[0])
        self._let_in(seconds_left)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._came_at = time.perf_counter()
        waiting = _Waiting(request, future, self._came_at)
        self._line.append(waiting)
        if not self._passes or len(self._line) >= BATCH_CALLS_MAX:
            self._news.set()
        self._begin_to_gather()
        return await waiting.answer

    def _begin_to_gather(self) -> None:
        if self._gatherer is None:
            # A pass is nobody's own call: it starts with a context of its own.
            self._gatherer = asyncio.get_running_loop().create_task(
                self._gather(), context=contextvars.Context()
            )

    def _let_in(self, seconds_left: float | None) -> None:
        # What is ahead is others' alone: an idle server lets everybody in, however slow it was.
        ahead = math.ceil(len(self._line) / BATCH_CALLS_MAX) + len(self._passes)
        # Passes run side by side only where they are full.
        side_by_side = self._passes_max if len(self._line) >= BATCH_CALLS_MAX else 1
        wait = self._pass_seconds * ahead / side_by_side
        if wait > min(WAIT_SECONDS_MAX, math.inf if seconds_left is None else seconds_left):
            message = (
                f"{len(self._line)} calls wait already, this one would take {wait:.2f} s; "
                "try again later"
            )
            raise OverloadedError(message, retry_seconds=wait, waiting=str(len(self._line)))

    async def _gather(self) -> None:
        """Cut the line into passes until nobody waits."""
        try:
            while self._line:
                await self._turn()
                calls = self._next_calls()
                if calls:
                    task = asyncio.get_running_loop().create_task(self._pass(calls))
                    self._passes.add(task)
                    task.add_done_callback(self._end)
        finally:
            self._gatherer = None

    def _hear_of_end(self, task: asyncio.Task[None], begun: float, seat: Seat) -> None:
        """The pass of `task`, begun then, is nearly done: the next one can follow at once."""
        self._nearly_done.add(task)
        self._seat = seat
        self._is_hushed = self._is_quiet(begun, time.perf_counter())
        self._news.set()

    def _is_quiet(self, begun: float, now: float) -> bool:
        return self._came_at <= begun or now - self._came_at > _QUIET_SECONDS

    def _end(self, task: asyncio.Task[None]) -> None:
        self._passes.discard(task)
        self._nearly_done.discard(task)
        self._news.set()

    async def _turn(self) -> None:
        """Wait until the next pass may begin."""
        while self._line and (seconds := self._seconds_to_wait()) > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _seconds_to_wait(self) -> float:
        waiting, waited = len(self._line), time.perf_counter() - self._line[0].since
        busy = len(self._passes) - len(self._nearly_done)
        if busy >= self._passes_max:
            return math.inf
        if waiting >= BATCH_CALLS_MAX:
            return 0.0
        if busy:
            return _SLOW * self._pass_seconds - waited
        if self._nearly_done:
            # Who is about to be answered may come again: the end is waited for.
            return math.inf if self._is_hushed else 0.0
        # Callers that are answered together tend to call again together.
        if waiting >= self._expected or not self._is_hushed:
            return 0.0
        now = time.perf_counter()
        patience = min(BATCH_GATHER_SECONDS, _GATHER_SHARE * self._pass_seconds)
        begun = max(self._line[0].since, self._ended_at)
        last = max(self._came_at, self._ended_at)
        return min(begun + patience, last + max(_QUIET_SECONDS, patience / 4)) - now

    def _next_calls(self) -> list[_Waiting]:
        """The calls of the next pass; those whose caller is gone are dropped. Of those that were
        postponed one at most takes part.
        """
        calls: list[_Waiting] = []
        left: list[_Waiting] = []
        while self._line and len(calls) < BATCH_CALLS_MAX:
            waiting = self._line.popleft()
            if waiting.answer.done():
                continue
            has_one = bool(calls) and calls[0].postponed > 0
            (left if waiting.postponed and has_one else calls).append(waiting)
        self._line.extendleft(reversed(left))
        return calls

    def _postpone(self, calls: list[_Waiting]) -> None:
        """Put `calls` first in the line again, as if they had just come: no pass is late yet."""
        for waiting in calls:
            waiting.postponed += 1
            waiting.since = self._ended_at
        self._line.extendleft(reversed(calls))
        if calls:
            self._begin_to_gather()

    async def _pass(self, calls: list[_Waiting]) -> None:
        begun = time.perf_counter()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a pass is a task
        try:
            answers = await self._answers(calls, partial(self._hear_of_end, task, begun))
        except BaseException:
            for waiting in calls:
                waiting.answer.cancel()
            raise
        self._ended_at = time.perf_counter()
        self._is_hushed = self._is_quiet(begun, self._ended_at)
        self._pass_seconds += _SMOOTHING * (self._ended_at - begun - self._pass_seconds)
        self._expected = len(calls) + len(self._line)
        pairs = list(zip(calls, answers, strict=True))
        self._postpone([waiting for waiting, answer in pairs if _is_postponed(answer)])
        for place, (waiting, answer) in enumerate(pairs):
            if place and place % _ANSWERED_AT_A_TIME == 0:
                await asyncio.sleep(0)
            if waiting.answer.done() or _is_postponed(answer):
                continue
            if isinstance(answer, ServiceError):
                waiting.answer.set_exception(answer)
                continue
            try:
                waiting.answer.set_result(_response(answer))
            except ServiceError as error:
                waiting.answer.set_exception(error)

    async def _answers(
        self, calls: list[_Waiting], on_nearly_done: Callable[[Seat], None] | None = None
    ) -> list[ResidentAnswer | ServiceError]:
        """An answer per call; where a pass ends its worker, each call has a second try alone."""
        try:
            done = await self._match(
                [one.request for one in calls],
                Lane.INTERACTIVE,
                may_postpone=all(one.postponed < _POSTPONED_MAX for one in calls),
                on_nearly_done=on_nearly_done,
            )
        except WorkerLostError as error:
            if len(calls) == 1:
                return [error]
            return [(await self._answers([one]))[0] for one in calls]
        except ServiceError as error:
            return [error] * len(calls)
        return [*done.answers]

    async def _match(
        self,
        requests: list[ResidentRequest],
        lane: Lane,
        *,
        may_postpone: bool = False,
        on_nearly_done: Callable[[Seat], None] | None = None,
    ) -> ResidentMatchDone:
        snapshot = self._snapshots.current
        job = ResidentMatchJob(
            snapshot_path=snapshot.path,
            snapshot_version=snapshot.version,
            requests=requests,
            may_postpone=may_postpone,
        )
        size_bytes = sum(len(one.content) for one in requests)
        done = await self._workers.run(
            job,
            lane,
            size_bytes=size_bytes,
            tenant=self._snapshots.tenant,
            on_nearly_done=on_nearly_done,
            behind=self._seat if lane is Lane.INTERACTIVE and self._nearly_done else None,
        )
        assert isinstance(done, ResidentMatchDone)  # noqa: S101 - a worker answers in kind
        self._metrics.count("tieout_match_passes_total")
        count_payments(self._metrics, done.payments, "match")
        self._metrics.observe_stages(done.timings)
        return done


def _is_postponed(answer: ResidentAnswer | ServiceError) -> bool:
    return not isinstance(answer, ServiceError) and answer.is_postponed


def _response(answer: ResidentAnswer) -> bytes:
    failure = answer.failure
    if failure is not None:
        raise JobFailedError(failure.reason, failure.message, **failure.metadata)
    return answer.response
