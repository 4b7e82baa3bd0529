"""Ranges: "SI-1001 to SI-1004" names the documents in between as well.

Only where both ends lead to items of one customer, the words between them say so, and every number
in between is an item of that customer. In a short form ("1001/2/3", "1001-03") the ends are too
short to be evidence of anything: it counts only where all that is named adds up to the cash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
import numpy as np

from engine.reference_keys import STRONG
from engine.reference_slots import NO_LINE
from engine.segments import expand_ranges, first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.open_item_index import OpenItemIndex
    from engine.reference_slots import ReferenceSlots
    from engine.tokens import TextChunk

__all__ = [
    "add_ranges",
    "numbers_between",
    "range_ends",
    "short_forms",
    "written_alike",
    "written_short",
]

Pairs: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int64]]"
"""Two columns, row by row."""

_SPAN_MAX = 100
_GAP_BYTES_MAX = 24
_BETWEEN: Final = re.compile(
    rb"\s*(?:-|\xe2\x80\x93|\.\.+|TO|BIS|T/M|TOT|THRU|THROUGH|A|AL)\s*(?:[A-Z]{0,4}[-/ ]?)?"
)


_LETTERS_BYTES_MAX = 8
_LETTERS: Final = re.compile(rb"(?:^|[^A-Za-z])([A-Za-z]{1,4})[-/]?$")
_BARE: Final = re.compile(rb"(?:|.?[^0-9A-Za-z-])([0-9]{4,})", re.DOTALL)
_YEAR: Final = re.compile(rb"(?:19|20)[0-9]{2}")
_DIGITS: Final = re.compile(rb"[0-9]+")
_SHORT_BYTES_MAX = 48
_SHORT: Final = re.compile(rb"(?:(?:[/,+&-]|, | & | \+ )[0-9]{1,3}(?![0-9A-Z%]))+")
_SHORT_BEGINS: Final = np.zeros(256, dtype=np.bool_)
_SHORT_BEGINS[np.frombuffer(b"/,+&- ", dtype=np.uint8)] = True
_SHORT_END: Final = re.compile(rb"([/,+&-]) ?([0-9]{1,3})")


def numbers_between(
    slots: ReferenceSlots, ends: Pairs, short: Pairs, index: OpenItemIndex
) -> Pairs:
    """The numbers that ranges and short forms name besides `slots`: payment, and number as it is
    looked up among the items of the customer of the slot beside it.
    """
    low, high = ends
    if not len(low):
        return slots.payment[short[0]], short[1]
    first, last = (index.joined_digits[slots.item[end]].astype(np.int64) for end in (low, high))
    owner, number = expand_ranges(first + 1, last)
    beside = np.concatenate([low[owner], short[0]])
    return slots.payment[beside], np.concatenate([number, short[1]])


def short_forms(
    slots: ReferenceSlots, short: Pairs, cash: NDArray[np.int64], index: OpenItemIndex
) -> ReferenceSlots:
    """What full numbers with short ones behind them name besides `slots`: each short one replaces
    the full one's last digits (`written_short`). `cash` is what is stated for the text of each
    slot.
    """
    owner, number = short
    if not len(owner):
        return slots.at(owner)
    item = _items_of(number, index.customer[slots.item[owner]], index)
    # All that one text names is one sum: short forms of a text count together or not at all.
    text = first_of_runs(slots.payment, slots.line).cumsum() - 1
    count = int(text[-1]) + 1
    missing = np.bincount(text[owner[item < 0]], minlength=count) > 0
    full = slots.item >= 0
    own = np.concatenate([slots.item[full], np.maximum(item, 0)])
    of = np.concatenate([text[full], text[owner]])
    owed = segment_sum(index.open_minor[own], of, count)
    net = owed - segment_sum(index.discount_minor[own], of, count)
    stated = np.zeros(count, dtype=np.int64)
    stated[text] = cash
    kept = (~missing & ((owed == stated) | (net == stated)))[text[owner]]
    return _beside(slots, owner[kept], item[kept], index)


def written_short(slots: ReferenceSlots, content: NDArray[np.uint8], index: OpenItemIndex) -> Pairs:
    """Slots that have short numbers behind them, and the full number each of those stands for."""
    last = len(content) - 1
    behind = (slots.end <= last) & _SHORT_BEGINS[content[np.minimum(slots.end, last)]]
    likely = behind & (slots.item >= 0) & (slots.strength == STRONG)
    owner: list[int] = []
    number: list[int] = []
    for row in likely.nonzero()[0].tolist():
        end = int(slots.end[row])
        found = _SHORT.match(content[end : end + _SHORT_BYTES_MAX].tobytes())
        if found is None:
            continue
        last = int(index.joined_digits[slots.item[row]])
        named: list[int] = []
        for separator, digits in _SHORT_END.findall(found[0]):
            scale = 10 ** len(digits)
            meant = last // scale * scale + int(digits)
            if not last < meant <= last + _SPAN_MAX:
                named = []
                break
            named += range(last + 1, meant + 1) if separator == b"-" else [meant]
            last = meant
        owner += [row] * len(named)
        number += named
    return np.array(owner, dtype=np.int64), np.array(number, dtype=np.int64)


def written_alike(
    chunk: TextChunk, row: NDArray[np.int64], place: Pairs, read: ReferenceSlots
) -> NDArray[np.bool_]:
    """Which numbers that lead nowhere, those at `place` (start, end) of the texts `row`, are
    written as a number of the same free text that was `read`: with the same letters right before
    them, "SI-0434" beside "SI-051339", or bare with as many digits as that ends with, "10077"
    beside "INV-10001".
    """
    alike = np.zeros(len(row), dtype=np.bool_)
    of_free_text = ((read.line == NO_LINE) & (read.strength == STRONG)).nonzero()[0]
    other = chunk.row_of(read.start[of_free_text])
    # Few texts have both: looking at them one by one costs nothing.
    for slot in np.isin(row, other).nonzero()[0].tolist():
        floor, start, end = (int(at[slot]) for at in (chunk.offsets[row], *place))
        beside = of_free_text[other == row[slot]]
        letters = _letters_before(chunk.content, floor, start)
        alike[slot] = letters != b"" and any(
            letters == _letters_before(chunk.content, floor, one)
            for one in read.start[beside].tolist()
        )
        bare = _BARE.fullmatch(chunk.content[max(floor, start - 2) : end].tobytes())
        if bare and not _YEAR.fullmatch(bare[1]):
            alike[slot] |= len(bare[1]) in (
                len([b"", *_DIGITS.findall(chunk.content[first:last].tobytes())][-1])
                for first, last in zip(
                    read.start[beside].tolist(), read.end[beside].tolist(), strict=True
                )
            )
    return alike


def _letters_before(content: NDArray[np.uint8], floor: int, place: int) -> bytes:
    """The letters, as capitals, that belong to the number at or just behind `place`; the text
    begins at `floor`.
    """
    while place < len(content) and not ord("0") <= content[place] <= ord("9"):
        place += 1
    found = _LETTERS.search(content[max(floor, place - _LETTERS_BYTES_MAX) : place].tobytes())
    return found[1].upper() if found else b""


def add_ranges(slots: ReferenceSlots, ends: Pairs, index: OpenItemIndex) -> ReferenceSlots:
    """`slots` with one more slot for every document inside a range (`range_ends`)."""
    low, high = ends
    if not len(low):
        return slots
    first, last = (index.joined_digits[slots.item[end]].astype(np.int64) for end in (low, high))
    owner, number = expand_ranges(first + 1, last)
    item = _items_of(number, index.customer[slots.item[low[owner]]], index)
    missing = np.bincount(owner[item < 0], minlength=len(low)) > 0
    kept = ~missing[owner]
    added = _beside(slots, low[owner[kept]], item[kept], index)
    return type(slots).concat([slots, added])


def _beside(
    slots: ReferenceSlots, at: NDArray[np.int64], item: NDArray[np.int64], index: OpenItemIndex
) -> ReferenceSlots:
    """Slots for the items, in the places of those in `at`."""
    return msgspec.structs.replace(
        slots.at(at),
        item=item,
        hits=np.ones(len(item), dtype=np.int64),
        strength=np.full(len(item), STRONG),
        amount=np.zeros(len(item), dtype=np.bool_),
        digits=index.joined_digits[item],
    )


def range_ends(slots: ReferenceSlots, content: NDArray[np.uint8], index: OpenItemIndex) -> Pairs:
    """Neighbouring slots that are the two ends of a range that `content` writes out."""
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
        for row in both.nonzero()[0]
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
