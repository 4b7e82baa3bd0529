"""What one caller may take at once and per second, so that one cannot starve the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rpc.errors import CallsAtOnceError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.caller import Caller

__all__ = ["RATE_LIMIT_KEY", "CallerLimits"]

RATE_LIMIT_KEY: Final = "tieout-ratelimit"
"""Metadata: a call that has it is told in its trailers how its caller stands."""

_CALLERS_MAX: Final = 10_000
"""Callers remembered; those who were idle longest are forgotten, their buckets are full again."""

_AT_ONCE_RETRY_SECONDS: Final = 0.1


class _Bucket:
    """Tokens of one caller: one per call, refilled by time, and the calls in progress."""

    __slots__ = ("filled_at", "in_progress", "tokens")

    def __init__(self, tokens: float, now: float) -> None:
        self.tokens = tokens
        self.filled_at = now
        self.in_progress = 0


class CallerLimits:
    """A token bucket and a count of calls in progress per caller."""

    def __init__(
        self, *, per_second: float, burst: int, at_once: int, now: Callable[[], float]
    ) -> None:
        """Allow `per_second` calls, `burst` after a pause, `at_once` in progress.

        `now` is a clock in seconds that never goes back.
        """
        self._per_second = per_second
        self._burst = float(burst)
        self._at_once = at_once
        self._now = now
        window = math.ceil(self._burst / per_second)
        self._policy = (f"{RATE_LIMIT_KEY}-policy", f'"calls";q={burst};w={window}')
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def enter(self, caller: Caller) -> None:
        """Count a call in; raises `RateLimitedError` or `CallsAtOnceError`."""
        now = self._now()
        bucket = self._bucket((caller.tenant, caller.name), now)
        if bucket.in_progress >= self._at_once:
            message = f"{bucket.in_progress} calls of {caller.name!r} are in progress, the limit"
            raise CallsAtOnceError(
                message, retry_seconds=_AT_ONCE_RETRY_SECONDS, calls_max=str(self._at_once)
            )
        grown = bucket.tokens + (now - bucket.filled_at) * self._per_second
        bucket.tokens = min(self._burst, grown)
        bucket.filled_at = now
        if bucket.tokens < 1:
            wait = (1 - bucket.tokens) / self._per_second
            message = (
                f"{caller.name!r} calls more than {self._per_second:g} times a second; "
                f"try again in {math.ceil(wait * 1000)} ms"
            )
            raise RateLimitedError(
                message, retry_seconds=wait, calls_per_second=f"{self._per_second:g}"
            )
        bucket.tokens -= 1
        bucket.in_progress += 1

    def standing(self, caller: Caller) -> tuple[tuple[str, str], ...]:
        """What a caller may still do, as trailing metadata in the form of HTTP's RateLimit fields:
        calls left and seconds until all are there again, all there are and how long they take.
        """
        bucket = self._bucket((caller.tenant, caller.name), self._now())
        left = math.floor(bucket.tokens)
        seconds = math.ceil((self._burst - bucket.tokens) / self._per_second)
        return ((RATE_LIMIT_KEY, f'"calls";r={left};t={seconds}'), self._policy)

    def leave(self, caller: Caller) -> None:
        """Count a call out that was counted in."""
        self._buckets[caller.tenant, caller.name].in_progress -= 1

    def _bucket(self, key: tuple[str, str], now: float) -> _Bucket:
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            if len(self._buckets) >= _CALLERS_MAX:
                self._forget_one()
            bucket = _Bucket(self._burst, now)
        self._buckets[key] = bucket
        return bucket

    def _forget_one(self) -> None:
        idle = next((key for key, one in self._buckets.items() if not one.in_progress), None)
        if idle is not None:
            del self._buckets[idle]
