"""Pure work on all cores: `map`, in order, with a bounded number of values under way."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from types import TracebackType

__all__ = ["CoreMap"]

_WORKERS_MAX: Final = 8
"""Threads: the work of a reader that does not run in parallel keeps no more than these busy."""


class CoreMap:
    """`map` over threads, for functions that spend their time in numpy and Arrow.

    Results come in the order of the values, so they are those of `map`. At most one value more than
    there are threads is under way: memory does not grow with the number of values.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Use `workers` threads; as many as there are cores where not given."""
        cores = len(os.sched_getaffinity(0)) if workers is None else workers
        self._workers = max(1, min(cores, _WORKERS_MAX))
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="tieout-core")

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; values not begun yet are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __call__(self, function: Callable[[Any], Any], values: Iterable[Any], /) -> Iterator[Any]:
        """The results of `function`, in the order of `values`."""
        if self._workers == 1:
            yield from map(function, values)
            return
        waiting: deque[Future[Any]] = deque()
        try:
            for value in values:
                waiting.append(self._pool.submit(function, value))
                if len(waiting) > self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
