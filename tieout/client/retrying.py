"""When a call that failed is made again, and after how long: pure, so that it can be tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tieout.client.errors import ClientError

__all__ = ["NO_RETRIES", "Attempts", "Retrying"]

_WORTH_IT: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""Ends of a call that say nothing about the request. Any other one would be the same again."""

_NEVER: Final = frozenset({"MEMORY_LIMIT"})
"""Reasons under those codes that the same request would meet again."""


_SHORTEST_CALL_SECONDS: Final = 0.001
"""An attempt with less time than this could not end; it is also far above what clocks round."""


@dataclass(frozen=True, kw_only=True)
class Retrying:
    """How often a call is made, and the pauses in between.

    The pause doubles from `first_seconds` up to `longest_seconds`; of each, a random part between
    half and all is waited, so that callers that failed together do not come again together. Where
    the server says when to come again, no earlier.
    """

    attempts: int = 5
    first_seconds: float = 0.2
    longest_seconds: float = 10.0


NO_RETRIES: Final = Retrying(attempts=1)
"""Every call is made once."""


class Attempts:
    """The attempts of one call. `now` is a clock in seconds, `chance` a number in [0, 1)."""

    def __init__(
        self,
        rules: Retrying,
        timeout_seconds: float,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Begin the first one: all of them and their pauses end within the timeout."""
        self._rules = rules
        self._now = now
        self._chance = chance
        self._end = now() + timeout_seconds
        self._made = 1

    @property
    def seconds_left(self) -> float:
        """How long the next attempt may take."""
        return max(0.0, self._end - self._now())

    def pause_after(self, error: ClientError, also: Collection[str] = ()) -> float:
        """Seconds until the next attempt; raises `error` where there is none.

        `also` are reasons that this call is made again after.
        """
        is_worth_it = error.code in _WORTH_IT and error.reason not in _NEVER
        is_worth_it = is_worth_it or error.reason in also
        if not is_worth_it or self._made >= self._rules.attempts:
            raise error
        doubled: float = self._rules.first_seconds * 2 ** (self._made - 1)
        pause = min(doubled, self._rules.longest_seconds)
        pause *= (1.0 + self._chance()) / 2
        pause = max(pause, error.retry_seconds or 0.0)
        if pause + _SHORTEST_CALL_SECONDS > self.seconds_left:
            raise error
        self._made += 1
        return pause
