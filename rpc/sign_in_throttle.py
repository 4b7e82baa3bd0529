"""How long somebody who guesses passwords has to wait, and nobody else.

Failures are counted by three subjects. *This user from this source* waits longer each time, up to
a quarter of an hour. *This source, whoever it tries* and *this user, from wherever* are held to a
slow pace; both are passed over for a user at a source it has signed in from lately, so that
strangers can neither lock a person out nor slow an office down. Names that no user has count the
same way.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.errors import SignInThrottledError
from store.sessions import Failures

if TYPE_CHECKING:
    from store.sessions import SessionChanges

__all__ = ["FORGOTTEN_MS", "KNOWN_SOURCE_MS", "reserve_attempt", "settle_success", "wait_ms"]

FORGOTTEN_MS: Final = 24 * 3600 * 1000
"""A day without a failure, and earlier ones count no more."""

KNOWN_SOURCE_MS: Final = 30 * FORGOTTEN_MS
"""How long a source stays known as one of a user's."""


class _Bound(msgspec.Struct, frozen=True):
    """`free` failures cost nothing, each further one doubles the wait; one is forgiven each
    `forgiven_ms` (0: none is).
    """

    name: str
    free: int
    wait_ms_max: int
    forgiven_ms: int


_PAIR: Final = _Bound("pair", 5, 900_000, 0)
_SOURCE: Final = _Bound("source", 20, 300_000, 60_000)
_USER: Final = _Bound("user", 20, 30_000, 60_000)
_DOUBLINGS_MAX: Final = 20


def wait_ms(kind: str, failures: Failures, now_ms: int) -> int:
    """How long until the next attempt: `kind` is `pair`, `source` or `user`."""
    bound = {one.name: one for one in (_PAIR, _SOURCE, _USER)}[kind]
    beyond = _count(bound, failures, now_ms) - bound.free
    if beyond < 0:
        return 0
    wait = min(1_000 << min(beyond, _DOUBLINGS_MAX), bound.wait_ms_max)
    return max(0, failures.last_ms + wait - now_ms)


def reserve_attempt(sessions: SessionChanges, user_name: str, source: str, now_ms: int) -> None:
    """Count an attempt as failed before it is made; called in a write block.

    So many at once are as slow as one after another. Raises `SignInThrottledError`, and counts
    nothing, where the attempt comes too early.
    """
    subjects = _subjects(user_name, source)
    is_known = sessions.has_come_from(user_name, source, now_ms - KNOWN_SOURCE_MS)
    found = dict(zip(subjects, sessions.failures(list(subjects.values())), strict=True))
    waits = [
        wait_ms(kind, failures, now_ms)
        for kind, failures in found.items()
        if kind == _PAIR.name or not is_known
    ]
    if max(waits) > 0:
        seconds = -(-max(waits) // 1000)
        message = f"sign-in failed too often; try again in {seconds} seconds"
        raise SignInThrottledError(message, retry_seconds=float(seconds))
    for bound in (_PAIR, _SOURCE, _USER):
        count = _count(bound, found[bound.name], now_ms) + 1
        sessions.set_failures(subjects[bound.name], Failures(count, now_ms))


def settle_success(sessions: SessionChanges, user_name: str, source: str) -> None:
    """Take a reserved attempt back that was right; called in a write block."""
    subjects = _subjects(user_name, source)
    sessions.set_failures(subjects[_PAIR.name], Failures())
    for kind in (_SOURCE.name, _USER.name):
        (found,) = sessions.failures([subjects[kind]])
        sessions.set_failures(subjects[kind], Failures(max(0, found.count - 1), found.last_ms))


def _count(bound: _Bound, failures: Failures, now_ms: int) -> int:
    elapsed = max(0, now_ms - failures.last_ms)
    if elapsed >= FORGOTTEN_MS:
        return 0
    forgiven = elapsed // bound.forgiven_ms if bound.forgiven_ms else 0
    return max(0, failures.count - forgiven)


def _subjects(user_name: str, source: str) -> dict[str, str]:
    """What to count by: hashes, so that a list of failures is no list of people."""
    named = {
        _PAIR.name: f"pair\0{user_name}\0{source}",
        _SOURCE.name: f"source\0{source}",
        _USER.name: f"user\0{user_name}",
    }
    return {kind: hashlib.sha256(text.encode()).hexdigest() for kind, text in named.items()}
