"""Secrets and signatures of webhooks, as the Standard Webhooks specification has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["new_secret", "secret_of", "secret_text", "signatures"]

_PREFIX: Final = "whsec_"
_NEW_BYTES: Final = 32
_BYTES: Final = range(24, 65)
"""Lengths of a secret that the specification allows."""


def new_secret() -> bytes:
    """A fresh random secret."""
    return os.urandom(_NEW_BYTES)


def secret_text(secret: bytes) -> str:
    """The secret as receivers take it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def secret_of(text: str) -> bytes | None:
    """The secret in `text`, with or without its prefix; None where it is none."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return secret if len(secret) in _BYTES else None


def signatures(
    secrets: Iterable[bytes], message_id: str, timestamp_seconds: int, body: bytes
) -> str:
    """The header `webhook-signature`: one signature by each secret, a space between two."""
    signed = f"{message_id}.{timestamp_seconds}.".encode() + body
    made = (hmac.new(one, signed, hashlib.sha256).digest() for one in secrets)
    return " ".join("v1," + base64.b64encode(one).decode() for one in made)
