"""Key → its one owner: who a bank account, a name or a number belongs to, if to one only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NOBODY", "SEVERAL", "OwnerTable"]

NOBODY: Final = -1
"""No owner has the key."""

SEVERAL: Final = -2
"""More than one owner has the key."""


class OwnerTable(msgspec.Struct, frozen=True):
    """Distinct keys and the owner of each, `SEVERAL` where they share it; of those that do the
    least and the greatest.
    """

    keys: pa.StringArray
    owner: NDArray[np.int64]
    least: NDArray[np.int64]
    greatest: NDArray[np.int64]

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
        return cls(encoded.dictionary, np.where(low == high, low, SEVERAL), low, high)

    def look_up(self, keys: pa.StringArray) -> NDArray[np.int64]:
        """Owner of each of `keys`, `NOBODY` or `SEVERAL` (shape: rows of `keys`)."""
        return self._at(self.owner, self.find(keys))

    def find(self, keys: pa.StringArray) -> NDArray[np.int64]:
        """Entry of each of `keys`, -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.int64)
        found = pc.index_in(keys, value_set=self.keys)
        position: NDArray[np.int64] = (
            pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        return position

    def look_up_rivals(
        self, keys: pa.StringArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """As `look_up`, and two owners to name where it is `SEVERAL` (one where not)."""
        position = self.find(keys)
        return (
            self._at(self.owner, position),
            self._at(self.least, position),
            self._at(self.greatest, position),
        )

    def _at(self, owners: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.append(owners, NOBODY)[position]
