"""Page tokens: a place in a list, bound to the list it is a place of."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.errors import FieldError, PageTokenError
from rpc.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX

if TYPE_CHECKING:
    from msgspec import Struct

__all__ = ["key_token", "page_limit", "page_token", "read_key_token", "read_page_token"]

_TOKEN: Final = struct.Struct(">qq8s")


def page_limit(page_size: int) -> int:
    """Rows of a page; raises `FieldError` where `page_size` is below 0."""
    if page_size < 0:
        message = f"page_size is {page_size}, expected 0 to {PAGE_SIZE_MAX}"
        raise FieldError(message, field="page_size", value=str(page_size))
    return min(page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def page_token(after: tuple[int, int] | None, wanted: Struct, order: str) -> str:
    """Token of the page after the place `after` of the list `wanted`; empty after the last."""
    if after is None:
        return ""
    return base64.urlsafe_b64encode(_TOKEN.pack(*after, _fingerprint(wanted, order))).decode()


def read_page_token(token: str, wanted: Struct, order: str) -> tuple[int, int] | None:
    """The place in `token`; raises `PageTokenError` where it is not of the list `wanted`."""
    if not token:
        return None
    try:
        packed = base64.b64decode(token, altchars=b"-_", validate=True)
        first, second, fingerprint = _TOKEN.unpack(packed)
    except (binascii.Error, ValueError, struct.error):
        message = f"page_token {token!r} was never given out; start without one"
        raise PageTokenError(message, page_token=token) from None
    if fingerprint != _fingerprint(wanted, order):
        message = "page_token belongs to a list with other filters; keep the filters or start anew"
        raise PageTokenError(message, page_token=token)
    return first, second


def key_token(after: tuple[str, str] | None, wanted: Struct, order: str) -> str:
    """Token of the page after the key `after` of the list `wanted`; empty after the last."""
    if after is None:
        return ""
    place = _KeyPlace(*after, _fingerprint(wanted, order))
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode()


def read_key_token(token: str, wanted: Struct, order: str) -> tuple[str, str] | None:
    """The key in `token`; raises `PageTokenError` where it is not of the list `wanted`."""
    if not token:
        return None
    try:
        packed = base64.b64decode(token, altchars=b"-_", validate=True)
        place = msgspec.msgpack.decode(packed, type=_KeyPlace)
    except (binascii.Error, ValueError):
        message = f"page_token {token!r} was never given out; start without one"
        raise PageTokenError(message, page_token=token) from None
    if place.fingerprint != _fingerprint(wanted, order):
        message = "page_token belongs to a list with other filters; keep the filters or start anew"
        raise PageTokenError(message, page_token=token)
    return place.company_id, place.row_id


class _KeyPlace(msgspec.Struct, frozen=True, array_like=True):
    """A key, and the list it is a place of."""

    company_id: str
    row_id: str
    fingerprint: bytes


def _fingerprint(wanted: Struct, order: str) -> bytes:
    content = msgspec.json.encode([wanted, order])
    return hashlib.blake2b(content, digest_size=8).digest()
