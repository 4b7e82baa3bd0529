"""Bytes sealed by a data key, as bytes: a mark, the key's number, and AES-GCM.

What is not sealed is stored as it is, unless it begins with the mark. The place is authenticated
with the bytes, as of sealed text.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import SealBrokenError

if TYPE_CHECKING:
    from store.sealed_text import DataKeys

__all__ = ["open_bytes", "seal_bytes"]

_MARK: Final = b"\x02tieout:"
"""No message of the contract begins so: 2 is no field."""

_PLAIN: Final = b"plain"
_NONCE_BYTES: Final = 12


def seal_bytes(content: bytes, number: int, place: str, keys: DataKeys) -> bytes:
    """`content` sealed by the key of that number (0: stored plainly) for its place."""
    if not number:
        return _MARK + _PLAIN + b":" + content if content.startswith(_MARK) else content
    cipher = AESGCM(keys.open_keys([number])[number])
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, content, place.encode())
    return b"%s%d:%s%s" % (_MARK, number, nonce, sealed)


def open_bytes(stored: bytes, place: str, keys: DataKeys) -> bytes | None:
    """What was sealed; None where its key was destroyed. Raises `SealBrokenError`."""
    if not stored.startswith(_MARK):
        return stored
    name, _, rest = stored.removeprefix(_MARK).partition(b":")
    if name == _PLAIN:
        return rest
    try:
        number = int(name)
        key = keys.open_keys([number]).get(number)
        if key is None:
            return None
        nonce, sealed = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, sealed, place.encode())
    except (InvalidTag, ValueError):
        message = f"sealed bytes of {place} were changed, or moved from another row"
        raise SealBrokenError(message, place=place) from None
