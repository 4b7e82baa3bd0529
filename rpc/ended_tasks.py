"""Tasks that are told to end, and have ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["end_tasks"]

_AGAIN_SECONDS: Final = 1.0


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks` until all have ended; what they raised meanwhile is of no use any more.

    Once is not enough: a cancellation that meets a result which has just come may be lost
    (`asyncio.wait_for` before Python 3.12), and a task that goes round and round would go on.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=_AGAIN_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()
