"""What a server does beside answering calls, begun before it and ended after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rpc.reproposing import Reproposer
    from rpc.runs import RunKeeper

__all__ = ["Background"]


class Background(msgspec.Struct, frozen=True):
    """Runs that were accepted, and open cases that are looked at again."""

    runs: RunKeeper
    reproposers: tuple[Reproposer, ...]

    async def start(self, tenants: Iterable[str]) -> None:
        """Begin, with what the server before this one left."""
        await self.runs.start(tenants)
        for one in self.reproposers:
            one.start()

    async def stop(self) -> None:
        """End what may be ended; the next server goes on."""
        for one in self.reproposers:
            await one.stop()
        await self.runs.stop()
