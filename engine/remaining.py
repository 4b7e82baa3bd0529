"""What is left of each open item while a match hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec

from engine.resolver import ItemAmounts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Remaining"]

_DENSE_SHARE: Final = 64
"""From one taken item in so many on, all are written anew: looking up beside them costs more."""


class Remaining(msgspec.Struct, frozen=True):
    """What is left of each item of the index, in minor units: the open amounts, and beside them
    what was taken off a few of them. A match of a few payments never writes all items.
    """

    opened: NDArray[np.int64]
    taken: ItemAmounts

    @classmethod
    def of(cls, opened: NDArray[np.int64]) -> Self:
        """Nothing is taken yet."""
        return cls(opened, ItemAmounts.none())

    def __len__(self) -> int:
        """Number of items."""
        return len(self.opened)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is left of the given items."""
        left: NDArray[np.int64] = self.opened[rows]
        if len(self.taken.item):
            left -= self.taken.at(rows)
        return left

    def less(self, taken: ItemAmounts) -> Remaining:
        """What is left once `taken` is taken too."""
        if not len(taken.item):
            return self
        together = self.taken.plus(taken)
        if len(together.item) * _DENSE_SHARE < len(self.opened):
            return Remaining(self.opened, together)
        opened = self.opened.copy()
        opened[together.item] -= together.amount
        return Remaining.of(opened)
