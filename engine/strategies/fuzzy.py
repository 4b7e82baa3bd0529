"""Damaged references: the item a payer meant where the number read leads nowhere or elsewhere.

A one-character error in a dense number series often hits another real invoice, so a damaged number
counts only together with the payer's ledger or with the amount. What is mended here is only a
reading: whether it decides anything is for the sums behind it to say, and those must be exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.damaged_numbers import FAR, clipped, distances
from engine.limits import FAMILY_COMPARED_MAX
from engine.segments import first_of_runs, is_among, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.reference_slots import ReferenceSlots
    from engine.situation import Situation

__all__ = ["correct_references", "repair_references"]

_DISTANCE_MAX = 2
_DISTANCE_WITH_AMOUNT_MAX = 3
_AMOUNT_WORTH = 2
_DIGITS_MIN = 100


def repair_references(situation: Situation) -> ReferenceSlots:
    """The slots of `situation`, those that lead nowhere resolved to the nearest number of the
    payer's family, or (payer unknown) to the nearest number among items of exactly the amount.
    """
    slots = situation.slots
    live = situation.open_for_matching[slots.payment]
    # A reading that fits neither payer nor amount is read again while the payment does not foot:
    # in a dense series every second mistyped number is somebody's invoice. One that leads to a
    # paid or disputed item of the payer says what is meant and stays.
    usable = (slots.item >= 0) & (slots.family | slots.amount)
    todo = (live & ~usable & (slots.digits >= _DIGITS_MIN)).nonzero()[0]
    if len(todo):
        todo = todo[~_adds_up(situation)[slots.payment[todo]]]
    if not len(todo):
        return slots
    slot, item = _candidates(situation, todo, situation.payer_family)
    if not len(slot):
        return slots
    known = situation.payer_family[slots.payment[slot]] >= 0
    amount = _amount_fits(situation, slot, item)
    # Beside an item named in full, all the cash is not one damaged number's alone.
    read = slots.payment[usable & (slots.strength > 1)]
    amount &= (np.bincount(read, minlength=len(situation)) == 0)[slots.payment[slot]] | _on_line(
        situation, slot
    )
    score = np.full(len(slot), FAR)
    at = amount.nonzero()[0]
    apart = _apart(situation, slot[at], item[at], _DISTANCE_WITH_AMOUNT_MAX)
    near = apart <= np.where(known[at], _DISTANCE_WITH_AMOUNT_MAX, 1)
    score[at[near]] = apart[near] - _AMOUNT_WORTH
    # Number and amount together beat any number alone: only where they say nothing, or where an
    # item of the amount is further than one of another, are those of other amounts compared.
    settled = np.zeros(len(slots.item), dtype=np.bool_)
    settled[slot[score <= 0]] = True
    at = (~amount & known & ~settled[slot]).nonzero()[0]
    apart = _apart(situation, slot[at], item[at], _DISTANCE_MAX)
    near = apart <= _DISTANCE_MAX
    score[at[near]] = apart[near]
    near = score < FAR
    mended = _mend(situation, slot[near], item[near], score[near], amount[near])
    unread = todo[mended.slots.item[todo] == slots.item[todo]]
    return _mend_by_residual(mended, unread, slot, item).slots


def _apart(
    situation: Situation, slot: NDArray[np.int64], item: NDArray[np.int64], at_most: int
) -> NDArray[np.int64]:
    """Distance between number read and number of the item; one where the payer is known and the
    number read is the item's with an end missing.
    """
    slots, index = situation.slots, situation.index
    read, number = slots.digits[slot], index.joined_digits[item]
    distance = distances(read, number, at_most)
    cut = (situation.payer_family[slots.payment[slot]] >= 0) & clipped(read, number)
    return np.where(cut, np.minimum(distance, 1), distance)


def correct_references(situation: Situation) -> tuple[ReferenceSlots, NDArray[np.bool_]]:
    """The slots of `situation`; where what is named does not foot, but would exactly if one number
    were a near one of the same family, that one. And the payments with such a doubt.

    In a dense series a mistyped number is often another open item of the same customer. Its amount
    gives it away: the line's, or what the other references of the payment leave. But it might be a
    short payment of the item named, so a clerk is asked.
    """
    slots, lines, count = situation.slots, situation.lines, len(situation)
    doubtful = np.zeros(count, dtype=np.bool_)
    live = (slots.item >= 0) & situation.open_for_matching[slots.payment] & ~slots.amount
    live &= slots.family & situation.credible() & (slots.digits > 0)
    # Number and name together say who pays as well as an account does.
    live &= situation.claimed_family[slots.payment] >= 0
    if not np.count_nonzero(live):
        return slots, doubtful
    named = situation.referenced()
    gross = situation.remaining[named.item]
    net = gross - situation.discount_of(named.item, named.payment)
    owed = segment_sum(gross, named.payment, count)
    foots = (owed == situation.cash) | (segment_sum(net, named.payment, count) == situation.cash)
    live &= situation.payable(slots.item)
    with_amount = np.zeros(len(slots.item), dtype=np.bool_)
    if len(lines.amount):
        with_amount = (slots.line >= 0) & lines.given[slots.line]
    todo = (live & (with_amount | ~foots[slots.payment])).nonzero()[0]
    if not len(todo):
        return slots, doubtful
    slot, item = _candidates(situation, todo, situation.claimed_family)
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
    # What the payment names beside it is paid by its own number.
    size = len(situation.index)
    pairs = np.sort(slots.payment[slots.item >= 0] * size + slots.item[slots.item >= 0])
    fits &= ~is_among(payment * size + item, pairs)
    slot, item = slot[fits], item[fits]
    if not len(slot):
        return slots, doubtful
    distance = distances(slots.digits[slot], situation.index.joined_digits[item], _DISTANCE_MAX)
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
    best = score[first][first.cumsum() - 1]
    alone = np.bincount(slot[score == best], minlength=len(slots.item))[slot[first]] == 1
    mended, target = slot[first][alone], item[first][alone]
    columns = {name: getattr(slots, name).copy() for name in slots.__struct_fields__}
    columns["item"][mended] = target
    columns["strength"][mended] = 2
    columns["repaired"][mended] = True
    columns["amount"][mended] = amount[first][alone]
    family = situation.claimed_family[slots.payment[mended]]
    columns["family"][mended] = (family >= 0) & (situation.index.family[target] == family)
    return msgspec.structs.replace(situation, slots=msgspec.structs.replace(slots, **columns))


def _mend_by_residual(
    situation: Situation,
    unread: NDArray[np.int64],
    slot: NDArray[np.int64],
    item: NDArray[np.int64],
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
    fits &= situation.payer_family[payment] >= 0
    slot, item = slot[fits], item[fits]
    distance = _apart(situation, slot, item, _DISTANCE_WITH_AMOUNT_MAX)
    near = distance <= _DISTANCE_WITH_AMOUNT_MAX
    return _mend(situation, slot[near], item[near], distance[near], near[near])


def _adds_up(situation: Situation) -> NDArray[np.bool_]:
    """Payments whose numbers, whosever items they are, add up to the cash: none is damaged."""
    named = situation.referenced(strangers=True)
    gross = situation.remaining[named.item]
    net = gross - situation.discount_of(named.item, named.payment)
    owed, less = (segment_sum(sums, named.payment, len(situation)) for sums in (gross, net))
    adds_up: NDArray[np.bool_] = (owed == situation.cash) | (less == situation.cash)
    return adds_up


def _candidates(
    situation: Situation, todo: NDArray[np.int64], family_of: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (slot, item) worth comparing: the family's open items; or items of the amount.
    `family_of` says whose items each payment's are.
    """
    slots, index = situation.slots, situation.index
    family = family_of[slots.payment[todo]]
    size = index.family_bounds[family + 1] - index.family_bounds[family]
    family = np.where(size <= FAMILY_COMPARED_MAX, family, -1)
    owner, item = index.family_rows(family)
    slot = todo[owner]
    stranger = todo[family < 0]
    currency = situation.currency[slots.payment[stranger]]
    other, of_amount = index.amounts.find(currency, _stated(situation, stranger))
    slot = np.concatenate([slot, stranger[other]])
    item = np.concatenate([item, of_amount])
    payment = slots.payment[slot]
    fits = situation.payable(item) & (index.currency[item] == situation.currency[payment])
    company = situation.company[payment]
    fits &= (company < 0) | (index.company[item] == company)
    return slot[fits], item[fits]


def _stated(situation: Situation, slot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cash stated for each slot: its line's amount, else the payment's."""
    cash = situation.cash[situation.slots.payment[slot]]
    if not len(situation.lines.amount):
        return cash
    amount = situation.lines.amount[situation.slots.line[slot]]
    return np.where(_on_line(situation, slot), amount, cash)


def _on_line(situation: Situation, slot: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Slots on a line of advice that states its amount."""
    lines, line = situation.lines, situation.slots.line[slot]
    if not len(lines.amount):
        return np.zeros(len(slot), dtype=np.bool_)
    stated: NDArray[np.bool_] = (line >= 0) & lines.given[line]
    return stated


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
        fits |= _on_line(situation, slot) & (whole == remaining)
    agrees: NDArray[np.bool_] = fits
    return agrees
