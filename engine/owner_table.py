"""Key → its one owner: who a bank account, a name or a number belongs to, if to one only.

Keys are found by their hashes. `OwnerTable` compares the texts behind a hash itself; `HashedOwners`
leaves that to whoever asks: there two texts that share a hash by accident share an entry, which
then belongs to several or to nobody; evidence may be lost by it, never made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.key_table import KeyTable
from engine.row_texts import taken
from engine.segments import first_of_runs, pick
from engine.text_columns import are_empty
from engine.text_hashes import same_texts, text_hashes

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOBODY", "SEVERAL", "HashedOwners", "OwnerTable"]

NOBODY: Final = -1
"""No owner has the key."""

SEVERAL: Final = -2
"""More than one owner has the key."""


class OwnerTable(msgspec.Struct, frozen=True):
    """Distinct keys and the owner of each, `SEVERAL` where they share it; of those that do the
    least and the greatest. table: the keys by their hashes.
    """

    keys: pa.StringArray
    owner: NDArray[np.int64]
    least: NDArray[np.int64]
    greatest: NDArray[np.int64]
    table: KeyTable

    @classmethod
    def of(cls, keys: pa.StringArray, owners: NDArray[np.int64]) -> OwnerTable:
        """Build from rows of (key, owner); the empty key belongs to nobody."""
        kept = pc.not_equal(keys, "")
        mask = kept.to_numpy(zero_copy_only=False)
        encoded = keys.filter(kept).dictionary_encode()
        owners = owners[mask]
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        low = np.full(len(encoded.dictionary), np.iinfo(np.int64).max)
        high = np.full(len(encoded.dictionary), -1, dtype=np.int64)
        np.minimum.at(low, codes, owners)
        np.maximum.at(high, codes, owners)
        entry = np.arange(len(encoded.dictionary), dtype=np.uint64)
        table = KeyTable.of(text_hashes(encoded.dictionary), entry)
        owner = np.where(low == high, low, SEVERAL)
        return cls(encoded.dictionary, owner, low, high, table)

    def look_up(self, keys: pa.StringArray) -> NDArray[np.int64]:
        """Owner of each of `keys`, `NOBODY` or `SEVERAL` (shape: rows of `keys`)."""
        return pick(self.owner, self.find(keys), none=NOBODY)

    def find(self, keys: pa.StringArray) -> NDArray[np.int64]:
        """Entry of each of `keys`, -1 where there is none."""
        found = np.full(len(keys), -1, dtype=np.int64)
        if not len(self.keys):
            return found
        asked, told = self.table.find(text_hashes(keys), len(self.keys))
        if not len(asked):
            return found
        entry = told.astype(np.int64)
        # Texts of one hash are all tried: only one of them can be the same.
        same = same_texts(taken(keys, asked), self.keys, entry)
        found[asked[same]] = entry[same]
        return found

    def look_up_rivals(
        self, keys: pa.StringArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """As `look_up`, and two owners to name where it is `SEVERAL` (one where not)."""
        if not len(self.keys) or are_empty(keys):
            nobody = np.full(len(keys), NOBODY, dtype=np.int64)
            return nobody, nobody, nobody
        position = self.find(keys)
        return (
            pick(self.owner, position, none=NOBODY),
            pick(self.least, position, none=NOBODY),
            pick(self.greatest, position, none=NOBODY),
        )


class HashedOwners(msgspec.Struct, frozen=True):
    """Distinct hashes, sorted, and of the rows behind each: the first, and its least and greatest
    owner; `owner` is the only one, or `SEVERAL`.
    """

    key: NDArray[np.uint64]
    row: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], owners: NDArray[np.int64]) -> HashedOwners:
        """One entry per distinct hash of the rows (hash, owner)."""
        if not len(hashes):
            return cls(hashes, owners, owners, owners)
        order = np.lexsort((owners, hashes))
        key, owner = hashes[order], owners[order]
        head = first_of_runs(key.view(np.int64)).nonzero()[0]
        last = np.append(head[1:], len(key)) - 1
        return cls(key[head], order[head], owner[head], owner[last])

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Entry of each hash, -1 where there is none."""
        if not len(self.key):
            return np.full(len(hashes), -1, dtype=np.int64)
        order = np.argsort(hashes)
        at = np.empty(len(hashes), dtype=np.int64)
        at[order] = self.key.searchsorted(hashes[order])
        at = np.minimum(at, len(self.key) - 1)
        return np.where(self.key[at] == hashes, at, -1)

    def owners(self, entry: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Owner of each entry (`NOBODY`, `SEVERAL`), and the greatest owner where it is several."""
        if not len(self.key):
            nothing = np.full(len(entry), NOBODY, dtype=np.int64)
            return nothing, nothing
        low, high = self.low[entry], self.high[entry]
        owner = np.where(low == high, low, SEVERAL)
        return np.where(entry < 0, NOBODY, owner), np.where(entry < 0, NOBODY, high)
