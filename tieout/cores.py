"""Pure work on all cores: `map`, in order, with a bounded number of values under way."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from types import TracebackType

__all__ = ["CoreMap"]

_WORKERS_MAX: Final = 8
"""Threads: the work of a reader that does not run in parallel keeps no more than these busy."""


_SWITCH_SECONDS: Final = 0.0001
"""How long a thread may keep the interpreter from another one that waits for it. The usual 5 ms are
longer than most of the work on a window: threads would take turns instead of working together."""


def _stay_on(cores: set[int]) -> None:
    """Have this thread run on `cores` only; where it may not any more, it stays where it may."""
    with suppress(OSError):
        os.sched_setaffinity(0, cores)


class CoreMap:
    """`map` over threads, for functions that spend their time in numpy and Arrow.

    Results come in the order of the values, so they are those of `map`. At most one value more than
    there are threads is under way: memory does not grow with the number of values.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Use `workers` threads; as many as there are cores where not given."""
        self._cores = os.sched_getaffinity(0)
        count = len(self._cores)
        self._workers = max(1, min(count if workers is None else workers, _WORKERS_MAX))
        self._interval = sys.getswitchinterval()
        # Processes with fewer threads than there are cores begin at different ones.
        first = os.getpid() % count
        self._places = islice(cycle(sorted(self._cores)), first, None)
        self._thread = threading.local()
        self._pool = ThreadPoolExecutor(
            self._workers, thread_name_prefix="tieout-core", initializer=self._take_place
        )

    def __enter__(self) -> Self:
        """Start."""
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(min(self._interval, _SWITCH_SECONDS))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; values not begun yet are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        sys.setswitchinterval(self._interval)

    def __call__(self, function: Callable[[Any], Any], values: Iterable[Any], /) -> Iterator[Any]:
        """The results of `function`, in the order of `values`; work begins at once."""
        if self._workers == 1:
            return map(function, values)
        left = iter(values)
        under_way = deque(
            self._pool.submit(self._work, function, value) for value in islice(left, 1)
        )
        return self._in_order(function, left, under_way)

    def _take_place(self) -> None:
        """A new thread waits on a core of its own."""
        self._thread.core = {next(self._places)}
        _stay_on(self._thread.core)

    def _work(self, function: Callable[[Any], Any], value: Any) -> Any:
        """Run on any core, wait on one's own.

        Some schedulers, those of virtual machines above all, wake a thread on the core of the one
        that woke it, though others are idle, and see their mistake at the next tick: after as long
        as a whole look-up takes on two cores. A thread that sleeps on a core is woken there.
        """
        _stay_on(self._cores)
        try:
            return function(value)
        finally:
            _stay_on(self._thread.core)

    def _in_order(
        self, function: Callable[[Any], Any], values: Iterator[Any], under_way: deque[Future[Any]]
    ) -> Iterator[Any]:
        try:
            for value in values:
                under_way.append(self._pool.submit(self._work, function, value))
                if len(under_way) > self._workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
