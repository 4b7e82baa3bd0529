"""One server per store: a lock that is let go of when the server ends, however it ends."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from store.addresses import SqliteAddress
from store.errors import StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from store.addresses import StoreAddress

__all__ = ["exclusive_lock", "held_store"]


@contextmanager
def held_store(address: StoreAddress) -> Iterator[None]:
    """Hold the store at `address` for one server; raises `StoreLockedError` where another does.

    In SQLite a lock file beside it, in PostgreSQL an advisory lock of a connection of its own.
    """
    if isinstance(address, SqliteAddress):
        address.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(address.beside("lock")):
            yield
    else:
        from store.postgresql import server_lock  # noqa: PLC0415 - psycopg is an extra

        with server_lock(address):
            yield


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block; raises `StoreLockedError` where another does."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{path} is held by another server; stop it, or use another store"
            raise StoreLockedError(message, path=str(path)) from None
        yield
