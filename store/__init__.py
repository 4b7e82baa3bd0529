"""What must survive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.errors import StoreUrlError
from store.sqlite_repository import SqliteRepository, sqlite_path

if TYPE_CHECKING:
    from store.repository import Repository

__all__ = ["open_repository"]


def open_repository(url: str, *, busy_seconds: float = 300) -> Repository:
    """Open the store at `url` (`sqlite:///relative.db`, `sqlite:////absolute.db`), made current.

    `busy_seconds` is how long a booking waits for the one before it. Raises `StoreUrlError`,
    `StoreVersionError` or `MigrationError`.
    """
    if not url.startswith("sqlite:"):
        message = f"store {url!r} is not supported; expected sqlite:///file.db"
        raise StoreUrlError(message, url=url)
    return SqliteRepository(sqlite_path(url), busy_seconds=busy_seconds)
