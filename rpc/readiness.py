"""Alive, ready: what a load balancer and an orchestrator may rely on.

Alive: the event loop ticks. Ready: every condition holds (the store answers, a worker is there, …)
and the server is not draining. A task looks at the conditions; whoever asks gets what it saw last,
and nothing where it has not looked for too long.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rpc.metrics import Metrics

__all__ = ["Readiness"]

TICK_SECONDS: Final = 1.0
ALIVE_SECONDS_MAX: Final = 5.0
"""Silence after which the loop is taken for stuck: no call of ours holds it for longer than ms."""
CONDITION_SECONDS_MAX: Final = 3.0

_log = logging.getLogger(__name__)


class Readiness:
    """Conditions by name, looked at once a second."""

    def __init__(
        self, conditions: Mapping[str, Callable[[], Awaitable[bool]]], metrics: Metrics
    ) -> None:
        """Look at `conditions`; nothing is ready before the first look."""
        self._conditions = dict(conditions)
        self._metrics = metrics
        self._told = dict.fromkeys((*conditions, "not_draining"), False)
        self._draining = False
        self._ticked = time.monotonic()

    def drain(self) -> None:
        """The server ends: not ready from now on."""
        self._draining = True
        self._told["not_draining"] = False

    @property
    def is_alive(self) -> bool:
        """Whether the event loop ticked lately."""
        return time.monotonic() - self._ticked < ALIVE_SECONDS_MAX

    @property
    def is_ready(self) -> bool:
        """Whether calls should be sent here."""
        return self.is_alive and all(self._told.values())

    def told(self) -> dict[str, bool]:
        """Each condition as it was seen last, and whether the loop is alive."""
        return {"alive": self.is_alive, **self._told}

    async def look(self) -> None:
        """Look at every condition once."""
        for name, condition in self._conditions.items():
            self._tell(name, holds=await self._holds(name, condition))
        self._tell("not_draining", holds=not self._draining)

    async def watch(self) -> None:
        """Tick and look until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            self._ticked = time.monotonic()
            lag = max(0.0, self._ticked - began - TICK_SECONDS)
            self._metrics.set("tieout_loop_lag_seconds", lag)
            await self.look()
            self._ticked = time.monotonic()

    async def _holds(self, name: str, condition: Callable[[], Awaitable[bool]]) -> bool:
        try:
            async with asyncio.timeout(CONDITION_SECONDS_MAX):
                return await condition()
        except Exception as error:  # noqa: BLE001 - a condition that fails does not hold
            if self._told[name]:
                _log.warning("not ready, %s: %s", name, type(error).__name__)
            return False

    def _tell(self, name: str, *, holds: bool) -> None:
        self._told[name] = holds
        self._metrics.set("tieout_condition", float(holds), condition=name)
