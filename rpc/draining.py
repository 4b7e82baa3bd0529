"""The end of a server as calls see it that wait for what is to come: they end at once.

Whoever follows something comes back to the next server and goes on where it was. A call that brings
something, or has something computed, is none of these: it is waited for.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rpc.errors import ServerDrainingError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

__all__ = ["Draining"]

_T = TypeVar("_T")

_RETRY_SECONDS: Final = 1.0
"""Until a follower comes back: where there is another server, it answers already."""


class Draining:
    """Whether the server has begun to end."""

    def __init__(self) -> None:
        """Not yet."""
        self._begun = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether the server ends."""
        return self._begun.is_set()

    def begin(self) -> None:
        """Tell everybody who waits."""
        self._begun.set()

    async def wait(self) -> None:
        """Wait until the server ends."""
        await self._begun.wait()

    async def followed(self, coming: AsyncGenerator[_T, None]) -> AsyncGenerator[_T, None]:
        """What `coming` gives, to its end; or `ServerDrainingError` at the server's.

        What has come by then is given.
        """
        ended: asyncio.Future[Any] = asyncio.ensure_future(self._begun.wait())
        try:
            async with aclosing(coming):
                while found := await self._next_of(coming, ended):
                    yield found[0]
        finally:
            ended.cancel()

    async def _next_of(
        self, coming: AsyncGenerator[_T, None], ended: asyncio.Future[Any]
    ) -> list[_T]:
        """The next one, if there is one; raises `ServerDrainingError`."""
        following: asyncio.Future[Any] = asyncio.ensure_future(_next(coming))
        try:
            await asyncio.wait({following, ended}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                found: list[_T] = following.result()
                return found
        finally:
            if not following.done():
                following.cancel()
                await asyncio.wait({following})
        message = "the server ends; go on with the next one where this one stopped"
        raise ServerDrainingError(message, retry_seconds=_RETRY_SECONDS)


async def _next(coming: AsyncIterator[_T]) -> list[_T]:
    try:
        return [await anext(coming)]
    except StopAsyncIteration:
        return []
