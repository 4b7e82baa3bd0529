"""References: every place in a payment's lines and texts that reads like an open item's number.

A *slot* is such a place. Its hits are the open items whose keys it matches; a slot resolves to one
item when strength of the key, payer and amount single it out. Longer readings win over the shorter
ones inside them ("INV-2026-015910" over "2026"). Letters that look like digits are read as digits
only where the plain reading found nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.limits import DOCUMENT_FREQUENCY_MAX
from engine.open_item_index import SUFFIX_LENGTHS
from engine.segments import expand_ranges, first_of_runs, mix64
from engine.tokens import Atoms, confusable_digits, scan_atoms, scan_words, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch, RemittanceBatch
    from engine.identify import Payers
    from engine.open_item_index import OpenItemIndex

__all__ = ["NO_LINE", "ReferenceSlots", "read_references"]

NO_LINE: Final = -1
"""`line` of a slot that stands in free text."""

_WINDOW_MAX = 3
_GAP_MAX = 3
_UNREAD_DIGITS_MIN = 4

_BY_STRENGTH, _BY_FAMILY, _BY_AMOUNT, _BY_OPEN = 4, 5, 6, 1


class ReferenceSlots(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per slot, sorted by payment, line and place.

    line: row of the remittance line or `NO_LINE`; item: the item it resolves to, -1 if none or
    several; hits: how many items it could be; strength, repaired: how it was read; family: the item
    is of the payer's family; amount: an amount of the line (or the payment) equals the item's;
    digits: the number read, for the search of damaged ones; unread lines have a slot without hits.
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


class _Windows(msgspec.Struct, frozen=True):
    """Readings to look up: text row, byte bounds, key, digits covered."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    key: NDArray[np.uint64]
    digits: NDArray[np.uint64]

    def at(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Windows:
        return _Windows(
            self.row[rows], self.start[rows], self.end[rows], self.key[rows], self.digits[rows]
        )


class _Hits(msgspec.Struct, frozen=True):
    """A window beside an item its key matches."""

    window: _Windows
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
    payers: Payers,
    payer_family: NDArray[np.int64],
    payment_currency: NDArray[np.int64],
    index: OpenItemIndex,
) -> ReferenceSlots:
    """Slots of all payments; `line_payment` is the payment row of each remittance line."""
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
    company = payers.company[owner[hits.window.row]]
    fits = ((company < 0) | (index.company[hits.item] == company)) & (
        index.currency[hits.item] == payment_currency[owner[hits.window.row]]
    )
    hits = _widest(hits.at(fits))
    row_payment, row_line = owner[hits.window.row], line[hits.window.row]
    family = (payer_family[row_payment] >= 0) & (
        index.family[hits.item] == payer_family[row_payment]
    )
    amount = _amount_agrees(hits.item, row_payment, row_line, payments, remittances, index)
    read = _resolve(hits, row_payment, row_line, family, amount, chains, index)
    covered = _cover(hits.window, len(content))
    unread = chains.at(covered[chains.end] == covered[chains.start])
    read_lines = np.zeros(lines, dtype=np.bool_)
    read_lines[read.line[read.line != NO_LINE]] = True
    return _with_unread(read, _unread_chains(unread, read_lines, count), owner, line)


def _look_up_all(
    content: NDArray[np.uint8], offsets: NDArray[np.int64], index: OpenItemIndex
) -> tuple[_Hits, _Windows]:
    """Hits of the plain reading, and of look-alike letters where the plain one has no strong hit;
    and the chains of digit runs of the plain reading.
    """
    plain_windows, chains = _windows(content, offsets)
    plain = _look_up(plain_windows, index, repaired=False)
    changed = confusable_digits(content)
    hits = plain
    if (changed != content).any():
        other_windows, _ = _windows(changed, offsets)
        differs = np.concatenate([[0], np.cumsum(changed != content)])
        touched = differs[other_windows.end] > differs[other_windows.start]
        other = _look_up(other_windows.at(touched), index, repaired=True)
        strong = plain.at(plain.strength > 1)
        covered = _cover(strong.window, len(content))
        free = covered[other.window.end] == covered[other.window.start]
        other = other.at(free & (other.strength > 1))
        hits = _joined(plain, other)
    return hits, chains


def _joined(one: _Hits, two: _Hits) -> _Hits:
    window = _Windows(
        *(
            np.concatenate([getattr(one.window, name), getattr(two.window, name)])
            for name in ("row", "start", "end", "key", "digits")
        )
    )
    return _Hits(
        window,
        np.concatenate([one.item, two.item]),
        np.concatenate([one.strength, two.strength]),
        np.concatenate([one.repaired, two.repaired]),
    )


def _cover(window: _Windows, size: int) -> NDArray[np.int64]:
    """Running count of bytes inside the windows (shape: size + 1)."""
    edges = np.zeros(size + 1, dtype=np.int64)
    np.add.at(edges, window.start, 1)
    np.add.at(edges, window.end, -1)
    inside = np.cumsum(edges)[:-1] > 0
    return np.concatenate([[0], np.cumsum(inside)])


def _windows(
    content: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[_Windows, _Windows]:
    """Readings of one to three neighbouring digit runs and of whole words; and the chains."""
    atoms = scan_atoms(content, offsets)
    digit = atoms.is_digit
    run = Atoms(atoms.row[digit], atoms.start[digit], atoms.end[digit], digit[digit],
                atoms.value[digit])
    length = run.end - run.start
    alone = _Windows(run.row, run.start, run.end, run.value, run.value)
    parts = [alone]
    clipped = (length >= min(SUFFIX_LENGTHS) - 1) & (length <= max(SUFFIX_LENGTHS))
    ending = alone.at(clipped)
    parts.append(
        _Windows(ending.row, ending.start, ending.end, mix64(ending.digits), ending.digits)
    )
    joined, sequence = run.value, run.value
    with np.errstate(over="ignore"):
        for width in range(2, _WINDOW_MAX + 1):
            if len(run.row) < width:
                break
            last = slice(width - 1, None)
            head = slice(None, len(run.row) - width + 1)
            near = run.row[last] == run.row[head]
            for step in range(width - 1):
                following = run.start[step + 1 : len(run.start) - width + step + 2]
                before = run.end[step : len(run.end) - width + step + 1]
                near &= following - before <= _GAP_MAX
            scale = np.power(np.uint64(10), length[last].astype(np.uint64))
            joined = joined[: len(joined) - 1] * scale + run.value[last]
            sequence = mix64(sequence[: len(sequence) - 1], run.value[last])
            row, start, end = run.row[head][near], run.start[head][near], run.end[last][near]
            both = joined[near]
            parts.append(_Windows(row, start, end, both, both))
            parts.append(_Windows(row, start, end, sequence[near], both))
    word = scan_words(content, offsets)
    good = word.digit_count > 0
    parts.append(
        _Windows(
            word.row[good],
            word.start[good],
            word.end[good],
            mix64(word.value[good]),
            np.zeros(int(good.sum()), dtype=np.uint64),
        )
    )
    every = _Windows(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("row", "start", "end", "key", "digits")
        )
    )
    return every, _chains(run)


def _chains(run: Atoms) -> _Windows:
    """Longest stretches of digit runs with small gaps, all their digits read as one number."""
    count = len(run.row)
    if not count:
        nothing = np.empty(0, dtype=np.int64)
        return _Windows(nothing, nothing, nothing, nothing.astype(np.uint64),
                        nothing.astype(np.uint64))
    breaks = np.ones(count, dtype=np.bool_)
    breaks[1:] = (run.row[1:] != run.row[:-1]) | (run.start[1:] - run.end[:-1] > _GAP_MAX)
    chain = np.cumsum(breaks) - 1
    head = np.flatnonzero(breaks)
    place = np.arange(count) - head[chain]
    joined = np.zeros(len(head), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for step in range(int(place.max()) + 1):
            live = np.flatnonzero(place == step)
            length = (run.end - run.start)[live].astype(np.uint64)
            of = chain[live]
            joined[of] = joined[of] * np.power(np.uint64(10), length) + run.value[live]
    tail = np.append(head[1:], count) - 1
    return _Windows(run.row[head], run.start[head], run.end[tail], joined, joined)


def _unread_chains(unread: _Windows, read_lines: NDArray[np.bool_], count: int) -> _Windows:
    """What may be a reference nobody could read: one per unread line, and long ones of free text."""
    lines = len(read_lines)
    on_line = unread.row < lines
    wanted = on_line & ~np.append(read_lines, True)[np.minimum(unread.row, lines)]
    in_text = (unread.row >= lines) & (unread.row < lines + count)
    wanted |= in_text & (unread.digits >= np.uint64(10 ** (_UNREAD_DIGITS_MIN - 1)))
    some = unread.at(wanted)
    order = np.lexsort((some.start, np.iinfo(np.int64).max - some.digits.astype(np.int64) // 2,
                        some.row))
    some = some.at(order)
    repeated = np.zeros(len(order), dtype=np.bool_)
    repeated[1:] = (some.row[1:] == some.row[:-1]) & (some.row[1:] < lines)
    bare = np.setdiff1d(np.flatnonzero(~read_lines), some.row)
    some = some.at(~repeated)
    none = np.zeros(len(bare), dtype=np.uint64)
    return _Windows(
        np.concatenate([some.row, bare]),
        np.concatenate([some.start, bare * 0]),
        np.concatenate([some.end, bare * 0]),
        np.concatenate([some.key, none]),
        np.concatenate([some.digits, none]),
    )


def _look_up(windows: _Windows, index: OpenItemIndex, *, repaired: bool) -> _Hits:
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
    chains: _Windows,
    index: OpenItemIndex,
) -> ReferenceSlots:
    """One slot per reading: the best hit, if it is better than every other."""
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
            payment=nothing, line=nothing, item=nothing, hits=nothing, strength=nothing,
            repaired=flag, family=flag, amount=flag, digits=nothing.astype(np.uint64),
        )
    # The same item may be hit through several keys of one reading: count items, not keys.
    order = order[first_of_runs(payment[order], start[order], end[order], hits.item[order])]
    head = first_of_runs(payment[order], start[order], end[order])
    slot = np.cumsum(head) - 1
    best = score[order][head][slot]
    ties = np.bincount(slot, weights=score[order] == best).astype(np.int64)
    top = order[head]
    return ReferenceSlots(
        payment=payment[top],
        line=line[top],
        item=np.where(ties == 1, hits.item[top], -1),
        hits=np.bincount(slot),
        strength=hits.strength[top],
        repaired=hits.repaired[top],
        family=family[top],
        amount=amount[top],
        digits=_digits_at(chains, start[top]),
    )


def _digits_at(chains: _Windows, start: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number of the chain at or after each start: all digits of the reference around it."""
    position = np.searchsorted(chains.end, start, side="right")
    return np.append(chains.digits, np.uint64(0))[position]


def _with_unread(
    slots: ReferenceSlots, unread: _Windows, owner: NDArray[np.int64], line: NDArray[np.int64]
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
    }
    columns = {
        name: np.concatenate([getattr(slots, name), values]) for name, values in added.items()
    }
    order = np.lexsort((columns["line"], columns["payment"]))
    return ReferenceSlots(**{name: values[order] for name, values in columns.items()})
