"""How far the events of each tenant go: looked at once for all who follow them.

A follower asks the store only when there is something it has not seen. So many idle followers cost
one small question each quarter of a second, as one does.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from rpc.caller import current_caller
from store.events import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rpc.reading import StoreReader
    from store.events import EventCursor

__all__ = ["EventEnd", "EventEnds"]

_LOOK_SECONDS: Final = 0.25
"""What a follower is behind at most."""


class EventEnd:
    """The end of one tenant's events, while somebody follows them."""

    def __init__(self, reader: StoreReader, tenant: str) -> None:
        """Look at the store of `tenant`."""
        self._reader = reader
        self._tenant = tenant
        self._end = START
        self._moved = asyncio.Event()
        self._looking = asyncio.create_task(self._look())
        self.follower_count = 0

    @property
    def has_failed(self) -> bool:
        """Whether the store could not be asked: whoever comes now asks anew."""
        return self._looking.done()

    async def behind(self, cursor: EventCursor) -> EventCursor:
        """Wait until there are events behind `cursor` and give their end.

        Raises what the store raised where it could not be asked.
        """
        while self._end <= cursor:
            moved = asyncio.ensure_future(self._moved.wait())
            try:
                await asyncio.wait({moved, self._looking}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                moved.cancel()
            if self._looking.done():
                self._looking.result()
        return self._end

    async def stop(self) -> None:
        """Look no more."""
        self._looking.cancel()
        await asyncio.wait({self._looking})

    async def _look(self) -> None:
        while True:
            end = await self._reader.ask_tenant(self._tenant, lambda store: store.events.end())
            if end > self._end:
                self._end = end
                self._moved.set()
                self._moved = asyncio.Event()
            await asyncio.sleep(_LOOK_SECONDS)


class EventEnds:
    """The ends that somebody waits at."""

    def __init__(self, reader: StoreReader) -> None:
        """Look through `reader`."""
        self._reader = reader
        self._ends: dict[str, EventEnd] = {}

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[EventEnd]:
        """The end of the events of the caller's tenant."""
        tenant = current_caller().tenant
        end = self._ends.get(tenant)
        if end is None or end.has_failed:
            end = self._ends[tenant] = EventEnd(self._reader, tenant)
        end.follower_count += 1
        try:
            yield end
        finally:
            end.follower_count -= 1
            if not end.follower_count:
                if self._ends.get(tenant) is end:
                    del self._ends[tenant]
                await end.stop()
