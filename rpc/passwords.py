"""Passwords of local users: what is accepted as one, and Argon2id over it.

A hash takes 64 MiB and a tenth of a second of a core, on purpose. It is made on threads beside the
event loop (the library lets go of the interpreter meanwhile), few at a time and with a short line.
Whoever has no user of that name waits as long: a hash of nobody's password is checked instead.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from rpc.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PASSWORD_LENGTH_MAX", "PASSWORD_LENGTH_MIN", "PasswordChecks", "password_problem"]

PASSWORD_LENGTH_MIN: Final = 12
"""Characters at least: with the throttle, guessing online is hopeless from there on."""

PASSWORD_LENGTH_MAX: Final = 256
"""Characters at most: a sentence, not a file."""

_DISTINCT_MIN: Final = 5
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_THREADS: Final = 2
_WAITING_MAX: Final = 32
_RETRY_SECONDS: Final = 2.0

_T = TypeVar("_T")


def password_problem(password: str, user_name: str) -> str:
    """What is wrong with a new password, as a sentence; empty where nothing is."""
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        return (
            f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters, this one "
            f"has {len(password)}; several words make a good one"
        )
    if len(set(password)) < _DISTINCT_MIN:
        return f"a password has at least {_DISTINCT_MIN} different characters"
    if user_name and user_name in password.casefold():
        return "a password does not hold the name of its user"
    return ""


class PasswordChecks:
    """Makes and checks hashes without stopping the event loop."""

    def __init__(self) -> None:
        """Begin with nothing in line."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """What to keep of `password`, in PHC form; raises `OverloadedError`."""
        return await self._run(lambda: _hash(password))

    async def is_right(self, password: str, kept: str) -> bool:
        """Whether `kept` is the hash of `password`; takes as long where `kept` is empty.

        Raises `OverloadedError`.
        """
        if not kept and not self._nobodys:
            self._nobodys = await self._run(lambda: _hash(os.urandom(_SALT_BYTES).hex()))
        right = await self._run(lambda: _is_right(password, kept or self._nobodys))
        return right and bool(kept)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _WAITING_MAX:
            message = "too many people sign in at this moment; try again"
            raise OverloadedError(message, retry_seconds=_RETRY_SECONDS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    """The password as bytes: the same whichever keyboard composed its letters."""
    return unicodedata.normalize("NFKC", password[: PASSWORD_LENGTH_MAX + 1]).encode(
        "utf-8", "surrogatepass"
    )


def _hash(password: str) -> str:
    kdf = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_HASH_BYTES,
        iterations=_PASSES,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return str(kdf.derive_phc_encoded(_bytes(password)))


def _is_right(password: str, kept: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept)
    except InvalidKey:
        return False
    return True
