"""Identity of payments: a hash of what a payment says, with an ordinal among equals of one file.

The hash is XXH3 of 128 bits: docs/decisions/0008-payment-identity.md says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from xxhash import xxh3_128_digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["OrdinalCounter", "identify_payments", "payment_identity"]

_BUCKETS: Final = 16
_BUCKET_SHIFT: Final = np.uint64(60)
_HEX_LENGTH: Final = 32


def payment_identity(parts: tuple[object, ...], references: str, ordinal: int) -> str:
    """`payment_id` of a payment: 32 hex digits over its own facts, never over name or position.

    `ordinal` counts from 0 among payments of one file that are equal in every fact; account and
    dates are such facts, so equals always belong to one statement day.
    """
    text = "\x1f".join(["" if part is None else str(part) for part in parts])
    return _numbered(f"{text}\x1e{references}", ordinal).hex()


def identify_payments(facts: Iterable[pa.Array], counter: OrdinalCounter) -> pa.Array:
    """`payment_identity` of every row: `facts` are its facts and its lines' references, joined.

    They come in pieces, each small enough to stay in the caches of a processor.
    """
    pieces = list(facts)
    plain = b"".join([_digests(piece) for piece in pieces])
    ordinals = counter.ordinals(np.frombuffer(plain, ">u8")[::2].astype(np.uint64))
    letters = plain.hex().encode()
    repeated = np.flatnonzero(ordinals)
    if len(repeated):
        texts = pa.chunked_array(pieces, pa.string()).take(pa.array(repeated)).to_pylist()
        numbered = bytearray(letters)
        for row, text in zip(repeated.tolist(), texts, strict=True):
            identity = _numbered(text, int(ordinals[row])).hex()
            numbered[_HEX_LENGTH * row : _HEX_LENGTH * (row + 1)] = identity.encode()
        letters = bytes(numbered)
    bounds = np.arange(0, len(letters) + 1, _HEX_LENGTH, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ordinals), pa.py_buffer(bounds), pa.py_buffer(letters))


def _digests(texts: pa.Array) -> bytes:
    """The digests of `texts`, one after the other."""
    return b"".join(map(xxh3_128_digest, texts.cast(pa.binary()).to_pylist()))


def _numbered(text: str, ordinal: int) -> bytes:
    """The digest of the `ordinal`-th payment that says `text`."""
    return xxh3_128_digest(text.encode() + (b"\x1d%d" % ordinal if ordinal else b""))


class OrdinalCounter:
    """How often each identity came before in a file, in about 9 bytes per distinct identity.

    An identity is remembered by its first 64 bits, in sorted arrays of one bucket per first digit.
    Two unequal payments that share them would only make the later one carry an ordinal it does not
    need: once in 750,000 files of seven million payments.
    """

    def __init__(self) -> None:
        """No identity yet."""
        self._keys = [np.empty(0, np.uint64) for _ in range(_BUCKETS)]
        self._counts: list[NDArray[Any]] = [np.empty(0, np.uint8) for _ in range(_BUCKETS)]

    def ordinals(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each identity's first 64 bits, how many equal ones came before it."""
        if not len(keys):
            return np.empty(0, np.int64)
        ordered = np.sort(keys)
        if not (ordered[1:] == ordered[:-1]).any():
            before = self._add(ordered, np.ones(len(ordered), np.uint32))
            if not before.any():
                return np.zeros(len(keys), np.int64)
            return before[np.searchsorted(ordered, keys)]
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        is_first = np.append(True, ordered[1:] != ordered[:-1])
        heads = np.flatnonzero(is_first)
        lengths = np.diff(np.append(heads, len(ordered)))
        before = self._add(ordered[heads], lengths.astype(np.uint32))
        within = np.arange(len(ordered)) - np.repeat(heads, lengths)
        found = np.empty(len(keys), np.int64)
        found[order] = within + np.repeat(before, lengths)
        return found

    def _add(self, keys: NDArray[np.uint64], counts: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Count distinct ascending `keys`; gives how often each was counted before."""
        before = np.zeros(len(keys), np.int64)
        bounds = np.searchsorted(keys >> _BUCKET_SHIFT, np.arange(_BUCKETS + 1))
        for bucket in np.flatnonzero(np.diff(bounds)).tolist():
            low, high = int(bounds[bucket]), int(bounds[bucket + 1])
            known, wanted = self._keys[bucket], keys[low:high]
            at = np.searchsorted(known, wanted)
            is_known = at < len(known)
            is_known[is_known] = known[at[is_known]] == wanted[is_known]
            places = at[is_known]
            before[low:high][is_known] = self._counts[bucket][places]
            after = before[low:high] + counts[low:high]
            kept = self._counts[bucket]
            if after.max() > np.iinfo(kept.dtype).max:  # a byte each, as long as that is enough
                kept = kept.astype(np.uint32)
            kept[places] = after[is_known]
            new = ~is_known
            self._keys[bucket] = np.insert(known, at[new], wanted[new])
            self._counts[bucket] = np.insert(kept, at[new], after[new])
        return before
