"""References: every place in a payment's lines and texts that reads like an open item's number.

A *slot* is such a place. Its hits are the open items whose keys it matches; a slot resolves to one
item when strength of the key, payer and amount single it out. Longer readings win over the shorter
ones inside them ("INV-2026-015910" over "2026"). Letters that look like digits are read as digits
only where the plain reading found nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from engine.limits import DOCUMENT_FREQUENCY_MAX
from engine.number_ranges import add_ranges
from engine.readings import Windows, glued_windows, read_windows
from engine.reference_slots import NO_LINE, ReadReferences, ReferenceSlots, SharedReferences
from engine.segments import expand_ranges, first_of_runs
from engine.tokens import confusable_digits, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch, RemittanceBatch
    from engine.open_item_index import OpenItemIndex

__all__ = ["read_references"]

_UNREAD_DIGITS_MIN = 4
_SHARED_MAX = 12

_BY_STRENGTH, _BY_FAMILY, _BY_AMOUNT, _BY_OPEN = 4, 5, 6, 1


class _Hits(msgspec.Struct, frozen=True):
    """A window beside an item its key matches."""

    window: Windows
    item: NDArray[np.int64]
    strength: NDArray[np.int64]
    repaired: NDArray[np.bool_]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Hits:
        return _Hits(
            self.window.at(rows), self.item[rows], self.strength[rows], self.repaired[rows]
        )


def read_references(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    payment_company: NDArray[np.int64],
    payer_family: NDArray[np.int64],
    payment_currency: NDArray[np.int64],
    index: OpenItemIndex,
) -> ReadReferences:
    """Slots of all payments, readings that mean several items alike, and references gone astray.

    `line_payment` is the payment row of each remittance line.
    """
    count = len(payments)
    every = np.arange(count, dtype=np.int64)
    texts = pa.concat_arrays(
        [
            remittances.text("reference"),
            payments.text("remittance_text"),
            payments.text("end_to_end_id"),
            payments.text("customer_reference"),
        ]
    )
    lines = len(remittances)
    owner = np.concatenate([line_payment, every, every, every])
    line = np.concatenate([np.arange(lines), np.full(3 * count, NO_LINE)])
    content, offsets = text_bytes(texts)
    hits, chains = _look_up_all(content, offsets, index)
    company = payment_company[owner[hits.window.row]]
    ours = (company < 0) | (index.company[hits.item] == company)
    same_money = index.currency[hits.item] == payment_currency[owner[hits.window.row]]

    def astray(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
        lost = hits.at(where & (hits.strength > 2))
        payment = owner[lost.window.row]
        cash = payments.int64("amount_minor")[payment]
        mark = np.zeros(count, dtype=np.bool_)
        mark[payment[index.original_minor[lost.item] == cash]] = True
        return mark

    elsewhere, other_currency = astray(~ours), astray(ours & ~same_money)
    hits = _widest(hits.at(ours & same_money))
    row_payment, row_line = owner[hits.window.row], line[hits.window.row]
    family = (payer_family[row_payment] >= 0) & (
        index.family[hits.item] == payer_family[row_payment]
    )
    amount = _amount_agrees(hits.item, row_payment, row_line, payments, remittances, index)
    read, alike = _resolve(hits, row_payment, row_line, family, amount, chains, index)
    shared = SharedReferences(
        payment=row_payment[alike],
        line=row_line[alike],
        item=hits.item[alike],
        family=family[alike],
        strong=hits.strength[alike] > 1,
    )
    read = add_ranges(read, content, index)
    covered = _cover(hits.window, len(content))
    unread = chains.at(covered[chains.end] == covered[chains.start])
    read_lines = np.zeros(lines, dtype=np.bool_)
    read_lines[read.line[read.line != NO_LINE]] = True
    slots = _with_unread(read, _unread_chains(unread, read_lines, count), owner, line)
    return ReadReferences(
        slots=slots, shared=shared, elsewhere=elsewhere, other_currency=other_currency
    )


def _look_up_all(
    content: NDArray[np.uint8], offsets: NDArray[np.int64], index: OpenItemIndex
) -> tuple[_Hits, Windows]:
    """Hits of the plain reading; of glued numbers and look-alike letters where the plain one has no
    strong hit; and the chains.
    """
    windows, chains = read_windows(content, offsets)
    plain = _look_up(windows, index, repaired=False)
    changed = confusable_digits(content)
    others = [_look_up(glued_windows(content, offsets, index.shapes), index, repaired=False)]
    if (changed != content).any():
        lookalike, _ = read_windows(changed, offsets)
        differs = np.concatenate([[0], np.cumsum(changed != content)])
        touched = differs[lookalike.end] > differs[lookalike.start]
        others.append(_look_up(lookalike.at(touched), index, repaired=True))
    strong = plain.at(plain.strength > 1)
    covered = _cover(strong.window, len(content))
    hits = plain
    for other in others:
        free = covered[other.window.end] == covered[other.window.start]
        hits = _joined(hits, other.at(free & (other.strength > 1)))
    return hits, chains


def _joined(one: _Hits, two: _Hits) -> _Hits:
    return _Hits(
        Windows.concat([one.window, two.window]),
        np.concatenate([one.item, two.item]),
        np.concatenate([one.strength, two.strength]),
        np.concatenate([one.repaired, two.repaired]),
    )


def _cover(window: Windows, size: int) -> NDArray[np.int64]:
    """Running count of bytes inside the windows (shape: size + 1)."""
    edges = np.zeros(size + 1, dtype=np.int64)
    np.add.at(edges, window.start, 1)
    np.add.at(edges, window.end, -1)
    inside = np.cumsum(edges)[:-1] > 0
    return np.concatenate([[0], np.cumsum(inside)])


def _unread_chains(unread: Windows, read_lines: NDArray[np.bool_], count: int) -> Windows:
    """What may be a reference nobody could read: one per unread line, long ones of free text."""
    lines = len(read_lines)
    on_line = unread.row < lines
    wanted = on_line & ~np.append(read_lines, True)[np.minimum(unread.row, lines)]
    in_text = (unread.row >= lines) & (unread.row < lines + count)
    wanted |= in_text & (unread.digits >= np.uint64(10 ** (_UNREAD_DIGITS_MIN - 1)))
    some = unread.at(wanted)
    order = np.lexsort(
        (some.start, np.iinfo(np.int64).max - some.digits.astype(np.int64) // 2, some.row)
    )
    some = some.at(order)
    repeated = np.zeros(len(order), dtype=np.bool_)
    repeated[1:] = (some.row[1:] == some.row[:-1]) & (some.row[1:] < lines)
    bare = np.setdiff1d(np.flatnonzero(~read_lines), some.row)
    some = some.at(~repeated)
    none = np.zeros(len(bare), dtype=np.uint64)
    return Windows(
        np.concatenate([some.row, bare]),
        np.concatenate([some.start, bare * 0]),
        np.concatenate([some.end, bare * 0]),
        np.concatenate([some.key, none]),
        np.concatenate([some.digits, none]),
    )


def _look_up(windows: Windows, index: OpenItemIndex, *, repaired: bool) -> _Hits:
    keys = index.reference_keys
    order = np.argsort(windows.key, kind="stable")
    probe = windows.key[order]
    low = np.searchsorted(keys.key, probe, side="left")
    high = np.searchsorted(keys.key, probe, side="right")
    useful = (high > low) & (high - low <= DOCUMENT_FREQUENCY_MAX)
    owner, position = expand_ranges(low[useful], high[useful])
    window = order[useful][owner]
    return _Hits(
        windows.at(window),
        keys.item[position],
        keys.strength[position],
        np.full(len(window), repaired),
    )


def _widest(hits: _Hits) -> _Hits:
    """Drop readings that overlap a better one: stronger first, then longer."""
    window = hits.window
    if not len(window.row):
        return hits
    better = hits.strength * 1000 + np.minimum(window.end - window.start, 999)
    better[hits.repaired] -= 500
    order = np.lexsort((-window.end, window.start, -better, window.row))
    # Sweep by text row in rounds: the best remaining reading of each row stays, what overlaps goes.
    alive = np.ones(len(order), dtype=np.bool_)
    kept = np.zeros(len(order), dtype=np.bool_)
    row, start, end = window.row[order], window.start[order], window.end[order]
    while alive.any():
        live = np.flatnonzero(alive)
        lead = live[first_of_runs(row[live])]
        lead_of = lead[np.cumsum(first_of_runs(row[live])) - 1]
        same = (start[live] == start[lead_of]) & (end[live] == end[lead_of])
        overlap = (start[live] < end[lead_of]) & (end[live] > start[lead_of])
        kept[live[same]] = True
        alive[live[overlap]] = False
    return hits.at(np.sort(order[kept]))


def _amount_agrees(
    item: NDArray[np.int64],
    payment: NDArray[np.int64],
    line: NDArray[np.int64],
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    index: OpenItemIndex,
) -> NDArray[np.bool_]:
    """The line's cash (with discount and deduction), else the payment's, is the item's amount."""
    cash = payments.int64("amount_minor")[payment]
    on_line = line != NO_LINE
    if len(remittances):
        given = ~remittances.is_null("amount_minor")
        amount = remittances.int64("amount_minor")
        whole = amount + remittances.int64("discount_minor") + remittances.int64("deduction_minor")
        with_amount = on_line & given[line]
        cash = np.where(with_amount, amount[line], cash)
        gross = np.where(with_amount, whole[line], cash)
    else:
        gross = cash
    opened = index.open_minor[item]
    closed = opened == 0
    net = opened - index.discount_minor[item]
    agrees = (cash == opened) | (gross == opened) | (cash == net)
    paid_twice = closed & (cash == index.original_minor[item])
    fits: NDArray[np.bool_] = (agrees & ~closed) | paid_twice
    return fits


def _resolve(
    hits: _Hits,
    payment: NDArray[np.int64],
    line: NDArray[np.int64],
    family: NDArray[np.bool_],
    amount: NDArray[np.bool_],
    chains: Windows,
    index: OpenItemIndex,
) -> tuple[ReferenceSlots, NDArray[np.int64]]:
    """One slot per reading: the best hit, if it is better than every other; and the hits of
    readings that mean several items of one customer alike (a purchase order, installments).
    """
    score = (
        _BY_STRENGTH * hits.strength
        + _BY_FAMILY * family
        + _BY_AMOUNT * amount
        + _BY_OPEN * (index.open_minor[hits.item] != 0)
    )
    start, end = hits.window.start, hits.window.end
    order = np.lexsort((hits.item, -score, end, start, payment))
    if not len(order):
        nothing = np.empty(0, dtype=np.int64)
        flag = np.empty(0, dtype=np.bool_)
        return ReferenceSlots(
            payment=nothing,
            line=nothing,
            item=nothing,
            hits=nothing,
            strength=nothing,
            repaired=flag,
            family=flag,
            amount=flag,
            digits=nothing.astype(np.uint64),
            start=nothing,
            end=nothing,
        ), nothing
    # The same item may be hit through several keys of one reading: count items, not keys.
    order = order[first_of_runs(payment[order], start[order], end[order], hits.item[order])]
    head = first_of_runs(payment[order], start[order], end[order])
    slot = np.cumsum(head) - 1
    best = score[order][head][slot]
    ties = np.bincount(slot, weights=score[order] == best).astype(np.int64)
    top = order[head]
    tied = (score[order] == best) & (ties[slot] > 1) & (ties[slot] <= _SHARED_MAX)
    customer = index.customer[hits.item[order]]
    low, high = (np.full(len(top), edge) for edge in (np.iinfo(np.int64).max, -1))
    np.minimum.at(low, slot[tied], customer[tied])
    np.maximum.at(high, slot[tied], customer[tied])
    alike = order[tied & (low == high)[slot]]
    slots = ReferenceSlots(
        payment=payment[top],
        line=line[top],
        item=np.where(ties == 1, hits.item[top], -1),
        hits=np.bincount(slot),
        strength=hits.strength[top],
        repaired=hits.repaired[top],
        family=family[top],
        amount=amount[top],
        digits=_digits_at(chains, start[top]),
        start=start[top],
        end=end[top],
    )
    return slots, alike


def _digits_at(chains: Windows, start: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number of the chain at or after each start: all digits of the reference around it."""
    position = np.searchsorted(chains.end, start, side="right")
    return np.append(chains.digits, np.uint64(0))[position]


def _with_unread(
    slots: ReferenceSlots, unread: Windows, owner: NDArray[np.int64], line: NDArray[np.int64]
) -> ReferenceSlots:
    """Add a slot without hits for everything that looks like a reference and matched nothing."""
    none = np.zeros(len(unread.row), dtype=np.int64)
    flag = none.astype(np.bool_)
    added = {
        "payment": owner[unread.row],
        "line": line[unread.row],
        "item": none - 1,
        "hits": none,
        "strength": none,
        "repaired": flag,
        "family": flag,
        "amount": flag,
        "digits": unread.digits,
        "start": unread.start,
        "end": unread.end,
    }
    columns = {
        name: np.concatenate([getattr(slots, name), values]) for name, values in added.items()
    }
    order = np.lexsort((columns["start"], columns["line"], columns["payment"]))
    return ReferenceSlots(**{name: values[order] for name, values in columns.items()})
