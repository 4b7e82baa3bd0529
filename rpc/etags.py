"""Etags that are version numbers: what a caller may send back, read once for every service."""

from __future__ import annotations

from typing import Final

from rpc.errors import FieldError

__all__ = ["version_in"]

_DIGITS_MAX: Final = 18
"""Versions are 64-bit integers of the store; what is longer was never given out."""


def version_in(etag: str, field: str = "etag") -> int | None:
    """The version that `etag` stands for, None where it is empty; raises `FieldError`."""
    if not etag:
        return None
    if not (etag.isascii() and etag.isdecimal() and len(etag) <= _DIGITS_MAX):
        message = f"{field} {etag!r} was never given out; send the one you have seen, or none"
        raise FieldError(message, field=field, value=etag)
    return int(etag)
