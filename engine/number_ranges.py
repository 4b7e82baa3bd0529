"""Ranges: "SI-1001 to SI-1004" names the documents in between as well.

Only where both ends lead to items of one customer, the words between them say so, and every number
in between is an item of that customer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.reference_keys import STRONG
from engine.segments import expand_ranges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.reference_slots import ReferenceSlots

__all__ = ["add_ranges"]

_SPAN_MAX = 100
_GAP_BYTES_MAX = 24
_BETWEEN: Final = re.compile(
    rb"\s*(?:-|\xe2\x80\x93|\.\.+|TO|BIS|T/M|TOT|THRU|THROUGH|A|AL)\s*(?:[A-Z]{0,4}[-/ ]?)?"
)


def add_ranges(
    slots: ReferenceSlots, content: NDArray[np.uint8], index: OpenItemIndex
) -> ReferenceSlots:
    """`slots` with one more slot for every document inside a range that `content` writes out."""
    low, high = _ends(slots, content, index)
    if not len(low):
        return slots
    first, last = (index.joined_digits[slots.item[end]].astype(np.int64) for end in (low, high))
    owner, number = expand_ranges(first + 1, last)
    item = _items_of(number, index.customer[slots.item[low[owner]]], index)
    missing = np.bincount(owner[item < 0], minlength=len(low)) > 0
    kept = ~missing[owner]
    owner, item = owner[kept], item[kept]
    at = low[owner]
    added = {
        name: getattr(slots, name)[at]
        for name in ("payment", "line", "family", "repaired", "start", "end")
    } | {
        "item": item,
        "hits": np.ones(len(item), dtype=np.int64),
        "strength": np.full(len(item), STRONG),
        "amount": np.zeros(len(item), dtype=np.bool_),
        "digits": index.joined_digits[item],
    }
    return msgspec.structs.replace(
        slots,
        **{name: np.concatenate([getattr(slots, name), values]) for name, values in added.items()},
    )


def _ends(
    slots: ReferenceSlots, content: NDArray[np.uint8], index: OpenItemIndex
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbouring slots that are the two ends of a range."""
    count = len(slots.item)
    one, two = np.arange(count - 1), np.arange(1, count)
    if count < 2:
        return one, two
    both = (slots.item[one] >= 0) & (slots.item[two] >= 0)
    both &= (slots.payment[one] == slots.payment[two]) & (slots.line[one] == slots.line[two])
    both &= index.customer[slots.item[one]] == index.customer[slots.item[two]]
    first = index.joined_digits[slots.item[one]].astype(np.int64)
    last = index.joined_digits[slots.item[two]].astype(np.int64)
    both &= (last - first > 1) & (last - first <= _SPAN_MAX)
    gap = slots.start[two] - slots.end[one]
    both &= (gap > 0) & (gap <= _GAP_BYTES_MAX)
    # Few neighbours get this far: reading the words between them one by one costs nothing.
    said = [
        row
        for row in np.flatnonzero(both)
        if _BETWEEN.fullmatch(content[slots.end[row] : slots.start[row + 1]].tobytes())
    ]
    low = np.array(said, dtype=np.int64)
    return low, low + 1


def _items_of(
    number: NDArray[np.int64], customer: NDArray[np.int64], index: OpenItemIndex
) -> NDArray[np.int64]:
    """The customer's item with each document number, -1 where there is none or several."""
    hits = index.reference_keys.find(number.astype(np.uint64))
    mine = (index.customer[hits.item] == customer[hits.owner]) & (hits.strength == STRONG)
    owner, item = hits.owner[mine], hits.item[mine]
    found = np.full(len(number), -1, dtype=np.int64)
    found[owner] = item
    found[np.bincount(owner, minlength=len(number)) != 1] = -1
    return found
