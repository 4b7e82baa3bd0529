"""Versions of what has no counter of its own: its content says which one it is.

Whoever saw the same content saw the current one, whatever was there in between.
"""

from __future__ import annotations

import hashlib
from typing import Final

from store.audit_leaves import canonical_json
from store.errors import StaleRowError

__all__ = ["NOTHING", "check_etag", "content_etag"]

NOTHING: Final = "0"
"""The version of what is not there."""

_DIGITS: Final = 16


def content_etag(*said: object) -> str:
    """The version of what says `said`: 16 hexadecimal digits, so never `NOTHING`."""
    return hashlib.sha256(canonical_json(said)).hexdigest()[:_DIGITS]


def check_etag(seen: str, current: str, table: str, row_id: str) -> None:
    """Pass where the caller saw what is there, or takes whichever (empty).

    Raises `StaleRowError`; called in the write block of the change.
    """
    if seen not in ("", current):
        raise StaleRowError.seen(table, row_id)
