"""Pure work on all cores: `map`, in order, with a bounded number of values under way."""

from __future__ import annotations

import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
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


class CoreMap:
    """`map` over threads, for functions that spend their time in numpy and Arrow.

    Results come in the order of the values, so they are those of `map`. At most one value more than
    there are threads is under way: memory does not grow with the number of values.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Use `workers` threads; as many as there are cores where not given."""
        cores = len(os.sched_getaffinity(0)) if workers is None else workers
        self._workers = max(1, min(cores, _WORKERS_MAX))
        self._interval = sys.getswitchinterval()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="tieout-core")

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
        under_way = deque(self._pool.submit(function, value) for value in islice(left, 1))
        return self._in_order(function, left, under_way)

    def _in_order(
        self, function: Callable[[Any], Any], values: Iterator[Any], under_way: deque[Future[Any]]
    ) -> Iterator[Any]:
        try:
            for value in values:
                under_way.append(self._pool.submit(function, value))
                if len(under_way) > self._workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
