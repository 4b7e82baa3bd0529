"""The bytes of a bank file at rest: in parts, each compressed and sealed by a key of its own.

The bytes of a payment are sealed by its customer's key, everything between by the file's: once a
customer's key is destroyed the file can still be read, with blanks where that customer's payments
stood. Part 0 is the file's own, and tells where the bytes of the others belong.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from store.errors import SealBrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from store.sealed_text import DataKeys

__all__ = ["ContentPart", "OpenedContent", "OwnedSpan", "open_content", "seal_content"]

_NONCE_BYTES: Final = 12
_BLANK: Final = b" "
_COMPRESSION: Final = "zstd"


class OwnedSpan(msgspec.Struct, frozen=True):
    """Bytes from `begin` to before `end` that belong to whoever has the key `key_number`."""

    begin: int
    end: int
    key_number: int


class ContentPart(msgspec.Struct, frozen=True):
    """All bytes of a file that one key seals; `key_number` 0: stored plainly."""

    key_number: int
    size_bytes: int
    stored: bytes


class OpenedContent(msgspec.Struct, frozen=True):
    """A file's bytes. `erased` are spans whose key was destroyed, blank in `content`."""

    content: bytes
    erased: tuple[tuple[int, int], ...]


class _Layout(msgspec.Struct, frozen=True, array_like=True):
    """Where the pieces of a file belong: their ends, and the index of the part each comes from."""

    ends: list[int]
    parts: list[int]


class _OwnPart(msgspec.Struct, frozen=True, array_like=True):
    """Part 0: the layout and the file's own bytes."""

    layout: _Layout
    content: bytes


def seal_content(
    content: bytes, spans: Iterable[OwnedSpan], file_id: str, file_key: int, keys: DataKeys
) -> list[ContentPart]:
    """The parts of `content`; overlaps of spans belong to the one that begins first.

    Spans of the file's own key are not cut out.
    """
    pieces = list(_pieces(len(content), spans, file_key))
    numbers = list(dict.fromkeys([file_key, *(number for _, _, number in pieces)]))
    index = {number: at for at, number in enumerate(numbers)}
    gathered: list[list[bytes]] = [[] for _ in numbers]
    for begin, end, number in pieces:
        gathered[index[number]].append(content[begin:end])
    layout = _Layout([end for _, end, _ in pieces], [index[number] for _, _, number in pieces])
    opened = keys.open_keys(number for number in numbers if number)
    parts = []
    for at, number in enumerate(numbers):
        joined = b"".join(gathered[at])
        packed = msgspec.msgpack.encode(_OwnPart(layout, joined)) if at == 0 else joined
        parts.append(
            ContentPart(number, len(packed), _seal(packed, f"{file_id}/{at}", opened.get(number)))
        )
    return parts


def open_content(
    parts: Sequence[ContentPart], file_id: str, keys: DataKeys
) -> OpenedContent | None:
    """The bytes again; None where the file's own key was destroyed. Raises `SealBrokenError`."""
    known = keys.open_keys(part.key_number for part in parts if part.key_number)
    opened = [_open(part, f"{file_id}/{at}", known) for at, part in enumerate(parts)]
    if opened[0] is None:
        return None
    own = msgspec.msgpack.decode(opened[0], type=_OwnPart)
    bodies: list[bytes | None] = [own.content, *opened[1:]]
    taken = [0] * len(bodies)
    pieces: list[bytes] = []
    erased: list[tuple[int, int]] = []
    for (begin, end), part in zip(pairwise([0, *own.layout.ends]), own.layout.parts, strict=True):
        body = bodies[part]
        if body is None:
            pieces.append(_BLANK * (end - begin))
            erased.append((begin, end))
            continue
        pieces.append(body[taken[part] : taken[part] + end - begin])
        taken[part] += end - begin
    return OpenedContent(b"".join(pieces), tuple(erased))


def _pieces(size: int, spans: Iterable[OwnedSpan], file_key: int) -> Iterable[tuple[int, int, int]]:
    """The whole file as (begin, end, key number), neighbours of one key together."""
    at = 0
    last: tuple[int, int, int] | None = None
    ordered = sorted((one for one in spans if one.key_number != file_key), key=_place)
    for span in [*ordered, OwnedSpan(size, size, file_key)]:
        begin, end = max(span.begin, at), min(span.end, size)
        for piece in ((at, begin, file_key), (begin, end, span.key_number)):
            if piece[0] >= piece[1]:
                continue
            if last is not None and last[2] == piece[2]:
                last = (last[0], piece[1], piece[2])
                continue
            if last is not None:
                yield last
            last = piece
        at = max(at, end)
    if last is not None:
        yield last


def _place(span: OwnedSpan) -> tuple[int, int, int]:
    return span.begin, span.end, span.key_number


def _seal(content: bytes, place: str, key: bytes | None) -> bytes:
    packed: Any = pa.Codec(_COMPRESSION).compress(content, asbytes=True)
    if key is None:
        return bytes(packed)
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, packed, place.encode())


def _open(part: ContentPart, place: str, keys: Mapping[int, bytes]) -> bytes | None:
    packed = part.stored
    if part.key_number:
        key = keys.get(part.key_number)
        if key is None:
            return None
        nonce, sealed = packed[:_NONCE_BYTES], packed[_NONCE_BYTES:]
        try:
            packed = AESGCM(key).decrypt(nonce, sealed, place.encode())
        except InvalidTag:
            message = f"sealed content of {place} was changed, or moved from another file"
            raise SealBrokenError(message, place=place) from None
    return bytes(pa.Codec(_COMPRESSION).decompress(packed, part.size_bytes, asbytes=True))
