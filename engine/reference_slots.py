"""Slots: the places in a payment's lines and texts that read like references, and their items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_LINE", "ReadReferences", "ReferenceSlots", "SharedReferences"]

NO_LINE: Final = -1
"""`line` of a slot that stands in free text."""


class _Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Arrays of one length, row by row."""

    payment: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.payment)

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """The given rows."""
        if rows.dtype == np.bool_ and rows.all():
            return self
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """All rows of `parts`."""
        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            kinds = {"digits": np.uint64, **dict.fromkeys(_FLAGS, np.bool_)}
            return cls(
                **{n: np.empty(0, dtype=kinds.get(n, np.int64)) for n in cls.__struct_fields__}
            )
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__struct_fields__
            }
        )


_FLAGS: Final = ("repaired", "family", "amount", "strong", "transfer", "alike")


class ReferenceSlots(_Columns, frozen=True, kw_only=True):
    """One entry per slot, sorted by payment, line and place.

    line: row of the remittance line or `NO_LINE`; item: the item it resolves to, -1 if none or
    several; hits: how many items it could be; strength, repaired: how it was read; family: the item
    is of the payer's family; amount: an amount of the line (or the payment) equals the item's;
    digits: the number read, for the search of damaged ones; start, end: where it stands in the
    joined texts; what looks like a reference and matched nothing has a slot without hits.
    transfer: read in a number that the payer's own system or bank gave the transfer, which says
    what is paid where it leads somewhere, and nothing where it does not. alike: matched nothing,
    and yet is written as a number of the same text that did: with its letters, or as many digits.
    """

    payment: NDArray[np.int64]
    line: NDArray[np.int64]
    item: NDArray[np.int64]
    hits: NDArray[np.int64]
    strength: NDArray[np.int64]
    repaired: NDArray[np.bool_]
    family: NDArray[np.bool_]
    amount: NDArray[np.bool_]
    digits: NDArray[np.uint64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    transfer: NDArray[np.bool_]
    alike: NDArray[np.bool_]


class SharedReferences(_Columns, frozen=True, kw_only=True):
    """One entry per item of a reading that means several items of one customer alike."""

    payment: NDArray[np.int64]
    line: NDArray[np.int64]
    item: NDArray[np.int64]
    family: NDArray[np.bool_]
    strong: NDArray[np.bool_]


class ReadReferences(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read; per payment the first item of its amount it names in another company
    (`elsewhere`) or in another currency, -1 for none. between: numbers that ranges were found to
    name, payment and number.
    """

    slots: ReferenceSlots
    shared: SharedReferences
    elsewhere: NDArray[np.int64]
    other_currency: NDArray[np.int64]
    between: tuple[NDArray[np.int64], NDArray[np.int64]]
