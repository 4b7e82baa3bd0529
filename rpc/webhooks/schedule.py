"""When a message that was not taken is sent again: pure."""

from __future__ import annotations

from typing import Final

__all__ = ["RETRY_AFTER_SECONDS_MAX", "SCHEDULE_SECONDS", "next_attempt_ms"]

_MINUTE: Final = 60
_HOUR: Final = 3600

SCHEDULE_SECONDS: Final = (
    5,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""Pause after each failed attempt; the first is made at once. After 75 hours and ten attempts a
message is given up: a weekend and what was broken before it."""

RETRY_AFTER_SECONDS_MAX: Final = 24 * _HOUR
"""Longest pause a receiver may ask for."""

_JITTER: Final = 0.2
"""Largest share a pause grows by, so that what failed together does not come again together."""


def next_attempt_ms(
    failed_count: int, now_ms: int, chance: float, retry_after_seconds: float | None = None
) -> int | None:
    """When to try again after the attempt number `failed_count`; None where it was the last.

    `chance` is in [0, 1). A receiver that says when to come is asked no earlier.
    """
    if failed_count > len(SCHEDULE_SECONDS):
        return None
    pause = SCHEDULE_SECONDS[failed_count - 1] * (1 + _JITTER * chance)
    asked = min(retry_after_seconds or 0.0, RETRY_AFTER_SECONDS_MAX)
    return now_ms + round(max(pause, asked) * 1000)
