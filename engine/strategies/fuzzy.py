"""Damaged references: the item a payer meant where the number read leads nowhere or elsewhere.

A one-character error in a dense number series often hits another real invoice, so a damaged number
counts only together with the payer's ledger or with the amount. What is mended here is only a
reading: whether it decides anything is for the sums behind it to say, and those must be exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.limits import FAMILY_COMPARED_MAX
from engine.segments import expand_ranges, first_of_runs, mix64, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.reference_slots import ReferenceSlots
    from engine.situation import Situation

__all__ = ["correct_references", "repair_references"]

_DISTANCE_MAX = 2
_DISTANCE_WITH_AMOUNT_MAX = 3
_AMOUNT_WORTH = 2
_DIGITS_MIN = 100
_ENDING_DIGITS_MIN, _BEGINNING_DIGITS_MIN = 3, 5


def repair_references(situation: Situation) -> ReferenceSlots:
    """The slots of `situation`, those that lead nowhere resolved to the nearest number of the
    payer's family, or (payer unknown) to the nearest number among items of exactly the amount.
    """
    slots = situation.slots
    live = situation.open_for_matching[slots.payment]
    # A reading that fits neither payer nor amount is read again while the payment does not foot;
    # one that leads to a paid or disputed item of the payer says what is meant and stays.
    usable = (slots.item >= 0) & situation.credible()
    todo = np.flatnonzero(live & ~usable & (slots.digits >= _DIGITS_MIN))
    slot, item = _candidates(situation, todo)
    if not len(slot):
        return slots
    distance = _distances(slots.digits[slot], situation.index.joined_digits[item])
    known = situation.payer_family[slots.payment[slot]] >= 0
    clipped = _clipped(slots.digits[slot], situation.index.joined_digits[item])
    distance = np.where(known, np.minimum(distance, clipped), distance)
    amount = _amount_fits(situation, slot, item)
    near = known & (distance <= _DISTANCE_MAX)
    near |= amount & (distance <= np.where(known, _DISTANCE_WITH_AMOUNT_MAX, 1))
    score = distance - _AMOUNT_WORTH * amount
    mended = _mend(situation, slot[near], item[near], score[near], amount[near])
    unread = todo[mended.slots.item[todo] == slots.item[todo]]
    return _mend_by_residual(mended, unread, slot, item, distance).slots


def correct_references(situation: Situation) -> tuple[ReferenceSlots, NDArray[np.bool_]]:
    """The slots of `situation`; where what is named does not foot, but would exactly if one number
    were a near one of the same family, that one. And the payments with such a doubt.

    In a dense series a mistyped number is often another open item of the same customer. Its amount
    gives it away: the line's, or what the other references of the payment leave. But it might be a
    short payment of the item named, so a clerk is asked.
    """
    slots, lines, count = situation.slots, situation.lines, len(situation)
    doubtful = np.zeros(count, dtype=np.bool_)
    named = situation.referenced()
    gross = situation.remaining[named.item]
    net = gross - situation.discount_of(named.item, named.payment)
    owed = segment_sum(gross, named.payment, count)
    foots = (owed == situation.cash) | (segment_sum(net, named.payment, count) == situation.cash)
    live = (slots.item >= 0) & situation.open_for_matching[slots.payment] & ~slots.amount
    live &= slots.family & situation.credible() & situation.payable(slots.item)
    live &= situation.payer_family[slots.payment] >= 0
    with_amount = np.zeros(len(slots.item), dtype=np.bool_)
    if len(lines.amount):
        with_amount = (slots.line >= 0) & lines.given[slots.line]
    todo = np.flatnonzero(live & (with_amount | ~foots[slots.payment]) & (slots.digits > 0))
    slot, item = _candidates(situation, todo)
    if not len(slot):
        return slots, doubtful
    payment = slots.payment[slot]
    left = situation.cash[payment] - owed[payment] + situation.remaining[slots.item[slot]]
    wanted = left.copy()
    on_line = with_amount[slot]
    if len(lines.amount):
        wanted[on_line] = lines.amount[slots.line[slot[on_line]]]
    remaining = situation.remaining[item]
    fits = (wanted == remaining) | (wanted == remaining - situation.discount_of(item, payment))
    fits &= item != slots.item[slot]
    slot, item = slot[fits], item[fits]
    if not len(slot):
        return slots, doubtful
    distance = _distances(slots.digits[slot], situation.index.joined_digits[item])
    near = distance <= _DISTANCE_MAX
    slot, item, distance = slot[near], item[near], distance[near]
    doubtful[slots.payment[slot]] = True
    # Several numbers of one payment that could each be the wrong one: then nobody can tell which.
    free = ~with_amount[slot]
    choices = np.bincount(slots.payment[slot[free]], minlength=count)
    clear = with_amount[slot] | (choices[slots.payment[slot]] == 1)
    slot, item, distance = slot[clear], item[clear], distance[clear]
    agrees = np.ones(len(slot), dtype=np.bool_)
    return _mend(situation, slot, item, distance, agrees).slots, doubtful


def _mend(
    situation: Situation,
    slot: NDArray[np.int64],
    item: NDArray[np.int64],
    score: NDArray[np.int64],
    amount: NDArray[np.bool_],
) -> Situation:
    """Resolve each slot to its item of least score, where that is one item only."""
    slots = situation.slots
    order = np.lexsort((item, score, slot))
    slot, item, score, amount = slot[order], item[order], score[order], amount[order]
    if not len(slot):
        return situation
    first = first_of_runs(slot)
    best = score[first][np.cumsum(first) - 1]
    alone = np.bincount(slot[score == best], minlength=len(slots.item))[slot[first]] == 1
    mended, target = slot[first][alone], item[first][alone]
    columns = {name: getattr(slots, name).copy() for name in slots.__struct_fields__}
    columns["item"][mended] = target
    columns["strength"][mended] = 2
    columns["repaired"][mended] = True
    columns["amount"][mended] = amount[first][alone]
    family = situation.payer_family[slots.payment[mended]]
    columns["family"][mended] = (family >= 0) & (situation.index.family[target] == family)
    return msgspec.structs.replace(situation, slots=msgspec.structs.replace(slots, **columns))


def _mend_by_residual(
    situation: Situation,
    unread: NDArray[np.int64],
    slot: NDArray[np.int64],
    item: NDArray[np.int64],
    distance: NDArray[np.int64],
) -> Situation:
    """One number of a list left unread: the near one worth exactly what the others leave."""
    slots, count = situation.slots, len(situation)
    open_slot = np.zeros(len(slots.item), dtype=np.bool_)
    open_slot[unread] = True
    alone = np.bincount(slots.payment[unread], minlength=count) == 1
    named = situation.referenced()
    owed = segment_sum(situation.remaining[named.item], named.payment, count)
    payment = slots.payment[slot]
    left = (situation.cash - owed)[payment]
    remaining = situation.remaining[item]
    fits = (left == remaining) | (left == remaining - situation.discount_of(item, payment))
    fits &= alone[payment] & open_slot[slot] & (owed[payment] > 0)
    fits &= (distance <= _DISTANCE_WITH_AMOUNT_MAX) & (situation.payer_family[payment] >= 0)
    return _mend(situation, slot[fits], item[fits], distance[fits], fits[fits])


def _candidates(
    situation: Situation, todo: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (slot, item) worth comparing: the family's open items; or items of the amount."""
    slots, index = situation.slots, situation.index
    family = situation.payer_family[slots.payment[todo]]
    size = index.family_bounds[family + 1] - index.family_bounds[family]
    family = np.where(size <= FAMILY_COMPARED_MAX, family, -1)
    owner, item = index.family_rows(family)
    slot = todo[owner]
    stranger = todo[family < 0]
    other, same = _items_of_amount(situation, stranger)
    slot = np.concatenate([slot, stranger[other]])
    item = np.concatenate([item, same])
    payment = slots.payment[slot]
    fits = situation.payable(item) & (index.currency[item] == situation.currency[payment])
    company = situation.company[payment]
    fits &= (company < 0) | (index.company[item] == company)
    return slot[fits], item[fits]


def _items_of_amount(
    situation: Situation, slot: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items of whose currency and amount each of the slots speaks: place of the slot, and item.

    Items are many and slots few: a table of marks leaves the few items that may be meant.
    """
    index, remaining = situation.index, situation.remaining
    if not len(slot):
        return slot, slot
    wanted = mix64(situation.currency[situation.slots.payment[slot]], _stated(situation, slot))
    marked = np.zeros(1 << _MARK_BITS, dtype=np.bool_)
    marked[wanted >> np.uint64(64 - _MARK_BITS)] = True
    found = [np.empty(0, dtype=np.int64)]
    for first in range(0, len(index), _ITEMS_AT_ONCE):
        part = slice(first, first + _ITEMS_AT_ONCE)
        key = mix64(index.currency[part], remaining[part])
        found.append(first + np.flatnonzero(marked[key >> np.uint64(64 - _MARK_BITS)]))
    item = np.concatenate(found)
    key = mix64(index.currency[item], remaining[item])
    order = np.argsort(key, kind="stable")
    low = np.searchsorted(key[order], wanted, side="left")
    high = np.searchsorted(key[order], wanted, side="right")
    owner, position = expand_ranges(low, high)
    item = item[order[position]]
    currency = situation.currency[situation.slots.payment[slot[owner]]]
    same = (index.currency[item] == currency) & (remaining[item] == _stated(situation, slot)[owner])
    return owner[same], item[same]


_MARK_BITS = 22
_ITEMS_AT_ONCE = 1 << 18


def _stated(situation: Situation, slot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cash stated for each slot: its line's amount, else the payment's."""
    slots, lines = situation.slots, situation.lines
    line = slots.line[slot]
    cash = situation.cash[slots.payment[slot]]
    if not len(lines.amount):
        return cash
    return np.where((line >= 0) & lines.given[line], lines.amount[line], cash)


def _amount_fits(
    situation: Situation, slot: NDArray[np.int64], item: NDArray[np.int64]
) -> NDArray[np.bool_]:
    cash = _stated(situation, slot)
    payment = situation.slots.payment[slot]
    remaining = situation.remaining[item]
    fits = (cash == remaining) | (cash == remaining - situation.discount_of(item, payment))
    lines = situation.lines
    if len(lines.amount):
        line = situation.slots.line[slot]
        whole = lines.amount[line] + lines.discount[line] + lines.deduction[line]
        fits |= (line >= 0) & lines.given[line] & (whole == remaining)
    agrees: NDArray[np.bool_] = fits
    return agrees


def _clipped(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.int64]:
    """1 where `one` is the end or the beginning of the longer `two`, else far away."""
    left = pa.array(one).cast(pa.string())
    right = pa.array(two).cast(pa.string())
    size = pc.utf8_length(left).to_numpy(zero_copy_only=False).astype(np.int64)
    whole = pc.utf8_length(right).to_numpy(zero_copy_only=False).astype(np.int64)
    missing = np.clip(whole - size, 0, 18)
    scale = np.power(np.uint64(10), np.clip(size, 0, 18).astype(np.uint64))
    ends = (two % scale == one) & (size >= _ENDING_DIGITS_MIN)
    cut = two // np.power(np.uint64(10), missing.astype(np.uint64))
    begins = (cut == one) & (size >= _BEGINNING_DIGITS_MIN)
    return np.where((missing > 0) & (ends | begins), 1, 99)


def _distances(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Optimal string alignment distance between numbers as digit strings, row by row."""
    left = pa.array(one).cast(pa.string()).to_pylist()
    right = pa.array(two).cast(pa.string()).to_pylist()
    measured = process.cpdist(left, right, scorer=OSA.distance, dtype=np.int32)
    return measured.astype(np.int64)
