"""Identity of payments: a hash of what a payment says, with an ordinal among equals of one file.

The hash is XXH3 of 128 bits: docs/decisions/0008-payment-identity.md says why.
"""

from __future__ import annotations

from binascii import hexlify
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from xxhash import xxh3_128_digest

from engine import arrow_functions as arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["OrdinalCounter", "digests_of", "identify_payments", "payment_identity"]

_HEX_LENGTH: Final = 32
_HASHED_TOGETHER: Final = 1024
"""Rows that stand as Python objects at a time: so few that their memory is used again and again,
in a processor's cache. All rows of a window at once take twice as long."""

_FULL: Final = 1 << 19
"""Identities of one sorted array: 4 MiB, few enough to be merged with those of every part. A file
of ten million payments has twenty, and looking a part up in them takes less than writing it."""


def payment_identity(parts: tuple[object, ...], references: str, ordinal: int) -> str:
    """`payment_id` of a payment: 32 hex digits over its own facts, never over name or position.

    `ordinal` counts from 0 among payments of one file that are equal in every fact; account and
    dates are such facts, so equals always belong to one statement day.
    """
    text = "\x1f".join(["" if part is None else str(part) for part in parts])
    return _numbered(f"{text}\x1e{references}", ordinal).hex()


def digests_of(texts: pa.Array) -> bytes:
    """The digests of what payments say, one after the other."""
    content = texts.view(pa.binary())
    return b"".join(
        [
            b"".join(map(xxh3_128_digest, content.slice(start, _HASHED_TOGETHER).to_pylist()))
            for start in range(0, len(content), _HASHED_TOGETHER)
        ]
    )


def identify_payments(
    plain: bytes, facts: Sequence[Callable[[], pa.Array]], counter: OrdinalCounter
) -> pa.Array:
    """`payment_identity` of every row: `plain` are the digests of their facts and references.

    Where a payment stands twice, `facts` are asked for what all of them say, piece by piece.
    """
    ordinals = counter.ordinals(np.frombuffer(plain, ">u8")[::2].astype(np.uint64))
    letters = hexlify(plain)
    repeated = np.flatnonzero(ordinals)
    if len(repeated):
        pieces = pa.chunked_array([piece() for piece in facts], pa.string())
        texts = arrow.take(pieces, pa.array(repeated)).to_pylist()
        numbered = bytearray(letters)
        for row, text in zip(repeated.tolist(), texts, strict=True):
            identity = _numbered(text, int(ordinals[row])).hex()
            numbered[_HEX_LENGTH * row : _HEX_LENGTH * (row + 1)] = identity.encode()
        letters = bytes(numbered)
    bounds = np.arange(0, len(letters) + 1, _HEX_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ordinals), pa.py_buffer(bounds), pa.py_buffer(letters))


def _numbered(text: str, ordinal: int) -> bytes:
    """The digest of the `ordinal`-th payment that says `text`."""
    return xxh3_128_digest(text.encode() + (b"\x1d%d" % ordinal if ordinal else b""))


class OrdinalCounter:
    """How often each identity came before in a file, in 8 bytes per payment.

    An identity is remembered by its first 64 bits, each time it comes, in sorted arrays that stay
    where they are once they are full: one large array would be copied again and again. Two unequal
    payments that share the bits would only make the later one carry an ordinal it does not need:
    once in 750,000 files of seven million payments.
    """

    def __init__(self) -> None:
        """No identity yet."""
        self._last = self._recent = np.empty(0, np.uint64)
        self._full: list[NDArray[np.uint64]] = []

    def ordinals(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each identity's first 64 bits, how many equal ones came before it."""
        self._remember()
        ordered = np.sort(keys)
        before = np.zeros(len(keys), np.int64)
        for known in (self._recent, *self._full):
            before += _times_in(known, ordered)
        found = np.zeros(len(keys), np.int64)
        if before.any() or (ordered[1:] == ordered[:-1]).any():
            order = np.argsort(keys, kind="stable")
            before += np.arange(len(keys)) - np.searchsorted(ordered, ordered)
            found[order] = before
        self._last = ordered
        return found

    def _remember(self) -> None:
        """Put the identities of the last call among the recent ones."""
        if len(self._recent):
            self._last = np.concatenate([self._recent, self._last])
            self._last.sort(kind="stable")  # which merges what is sorted in two pieces
        self._recent = self._last
        if len(self._recent) >= _FULL:
            self._full.append(self._recent)
            self._recent = np.empty(0, np.uint64)
        self._last = np.empty(0, np.uint64)


def _times_in(known: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How often each of `wanted` stands in the ascending `known`."""
    times = np.zeros(len(wanted), np.int64)
    if not len(known):
        return times
    first = np.searchsorted(known, wanted)
    is_known = np.flatnonzero(known[np.minimum(first, len(known) - 1)] == wanted)
    if len(is_known):
        times[is_known] = np.searchsorted(known, wanted[is_known], "right") - first[is_known]
    return times
