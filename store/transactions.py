"""Write transactions: begun with the write lock in hand, committed or rolled back as a whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import apsw

from store.errors import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["write_transaction"]


@contextmanager
def write_transaction(connection: apsw.Connection) -> Iterator[None]:
    """Hold the write lock for the block; raises `StoreBusyError` where it is not to be had."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except apsw.BusyError:
        message = "another booking holds the store; send the file again in a minute"
        raise StoreBusyError(message) from None
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
