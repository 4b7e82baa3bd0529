"""Deposits and the items in them: only one of the two levels is a payment.

Which one is known when the account has ended, however long it is. `ItemLedger` takes deposits and
items as they come and keeps two bytes per deposit; `ItemVerdict` then says of each row, in the same
order, whether it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.bai2_types import ITEMS_OF_PARENT

if TYPE_CHECKING:
    from numpy.typing import NDArray

if TYPE_CHECKING:
    Amounts = NDArray[np.int64]
    """Numbers, one per row."""

    Mask = NDArray[np.bool_]
    """Yes or no, one per row."""
else:
    Amounts = Mask = np.ndarray

__all__ = [
    "IS_ITEM",
    "PAIR_OF_CODE",
    "PARENTS",
    "ItemFates",
    "ItemLedger",
    "ItemVerdict",
    "Levels",
    "split_levels",
]

PARENTS: Final = tuple(ITEMS_OF_PARENT)
"""Types of deposits by the number of their pair of deposit and item."""

PAIR_OF_CODE: Final = np.full(1000, -1, np.int64)
"""Type code → the number of its pair, -1 where it is in none."""

IS_ITEM: Final = np.zeros(1000, np.bool_)
"""Type code → whether it is an item in a deposit."""

for _number, (_parent, _item) in enumerate(ITEMS_OF_PARENT.items()):
    PAIR_OF_CODE[[int(_parent), int(_item)]] = _number
    IS_ITEM[int(_item)] = True

_ALONE, _ADDS_UP, _DIFFERS = 0, 1, 2
_KEEP: Final = 0
_SUMMARY: Final = 1
_ITEMS_OUT: Final = 2
_ORPHANS: Final = 3


class Levels(msgspec.Struct, frozen=True):
    """Deposits and items of one pair in the order of the file, one entry each.

    `places` are their 16 records in a window, `rows` their numbers among rows read one by one (-1:
    read together).
    """

    places: Amounts
    is_item: Mask
    amounts: Amounts
    rows: Amounts


def split_levels(
    places: Amounts, codes: Amounts, amounts: Amounts, rows: Amounts
) -> dict[int, Levels]:
    """Deposits and items of all pairs, by the number of their pair."""
    pairs = PAIR_OF_CODE[codes]
    found = {}
    for pair in range(len(PARENTS)):
        at = np.flatnonzero(pairs == pair)
        if len(at):
            found[pair] = Levels(places[at], IS_ITEM[codes[at]], amounts[at], rows[at])
    return found


class ItemFates(msgspec.Struct, frozen=True):
    """What becomes of rows in their order: left out as `summary` of their items or as `item`;
    `differs` are deposits whose items do not add up, `orphans` items that belong to no deposit.
    """

    summary: Mask
    item: Mask
    differs: Mask
    orphans: Mask


class ItemVerdict:
    """The decision on all deposits and items of one account, applied row by row in their order."""

    def __init__(self, fates: NDArray[np.uint8]) -> None:
        """`fates` has one entry per deposit, after one for items before the first."""
        self._fates = fates
        self._at = 0

    def apply(self, is_item: Mask) -> ItemFates:
        """The fate of the next rows."""
        group = self._at + np.cumsum(~is_item)
        if len(group):
            self._at = int(group[-1])
        fate = self._fates[group]
        return ItemFates(
            summary=~is_item & (fate == _SUMMARY),
            item=is_item & (fate == _ITEMS_OUT),
            differs=~is_item & (fate == _ITEMS_OUT),
            orphans=is_item & (fate == _ORPHANS),
        )


class ItemLedger:
    """Deposits and items of one account, in the order of the file.

    Items follow their deposit, or precede it, or add up over the account; where none of this holds,
    the items of each deposit that do not give its sum are left out.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self._followed: list[NDArray[np.uint8]] = []
        self._preceded: list[NDArray[np.uint8]] = []
        self._open_deposit: int | None = None
        self._sum = self._count = self._item_count = 0
        self._has_leading_items = False
        self._excess = 0

    def add(self, is_item: Mask, amounts: Amounts) -> None:
        """More rows, at most as many as a window holds: their sum fits in 64 bits."""
        at = np.flatnonzero(~is_item)
        items = np.where(is_item, amounts, 0)
        bounds = np.concatenate([[0], at, [len(amounts)]])
        sums = np.diff(np.concatenate([[0], np.cumsum(items)])[bounds])
        counts = np.diff(np.concatenate([[0], np.cumsum(is_item)])[bounds])
        self._item_count += int(counts.sum())
        self._excess += int(items.sum()) - int(amounts[at].sum())
        self._sum += int(sums[0])
        self._count += int(counts[0])
        if not len(at):
            return
        first = int(amounts[at[0]])
        if self._open_deposit is None:
            self._has_leading_items = bool(self._count)
        else:
            self._followed.append(self._state(self._open_deposit))
        self._preceded.append(self._state(first))
        deposits = amounts[at]
        self._followed.append(_states(deposits[:-1], sums[1:-1], counts[1:-1]))
        self._preceded.append(_states(deposits[1:], sums[1:-1], counts[1:-1]))
        self._open_deposit = int(deposits[-1])
        self._sum, self._count = int(sums[-1]), int(counts[-1])

    def verdict(self) -> ItemVerdict:
        """What becomes of the rows, once all are here."""
        if self._open_deposit is None or not self._item_count:
            deposits = sum(len(part) for part in self._preceded)
            return ItemVerdict(np.zeros(deposits + 1, np.uint8))
        followed = np.concatenate([*self._followed, self._state(self._open_deposit)])
        preceded = np.concatenate(self._preceded)
        lead = _KEEP
        if not self._has_leading_items and not (followed == _DIFFERS).any():
            fates = np.where(followed == _ADDS_UP, _SUMMARY, _KEEP)
        elif not self._count and not (preceded == _DIFFERS).any():
            fates = np.where(preceded == _ADDS_UP, _SUMMARY, _KEEP)
        elif not self._excess:
            fates = np.full(len(followed), _SUMMARY)
        else:
            fates = np.choose(followed, [_KEEP, _SUMMARY, _ITEMS_OUT])
            lead = _ORPHANS
        return ItemVerdict(np.concatenate([[lead], fates]).astype(np.uint8))

    def _state(self, deposit: int) -> NDArray[np.uint8]:
        """How the items between two deposits compare with one of the two."""
        state = _ALONE if not self._count else _ADDS_UP if self._sum == deposit else _DIFFERS
        return np.array([state], np.uint8)


def _states(deposits: Amounts, sums: Amounts, counts: Amounts) -> NDArray[np.uint8]:
    """How each deposit compares with the items beside it."""
    compared = np.where(sums == deposits, _ADDS_UP, _DIFFERS)
    return np.where(counts == 0, _ALONE, compared).astype(np.uint8)
