"""References: every place in a payment's lines and texts that reads like an open item's number.

A *slot* is such a place. Its hits are the open items whose keys it matches; a slot resolves to one
item when strength of the key, payer and amount single it out. Longer readings win over the shorter
ones inside them ("INV-2026-015910" over "2026"). Letters that look like digits are read as digits
only where the plain reading found nothing. Texts are read chunk by chunk (`engine.tokens`); nothing
that is decided here looks beyond one payment's texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.number_ranges import (
    add_ranges,
    numbers_between,
    range_ends,
    short_forms,
    written_alike,
    written_short,
)
from engine.readings import chains_of, read_numbers
from engine.reference_hits import (
    Hits,
    Payers,
    amount_agrees,
    asked_windows,
    cover,
    look_up,
    reachable,
    widest,
)
from engine.reference_keys import STRONG, WEAK
from engine.reference_slots import NO_LINE, ReadReferences, ReferenceSlots, SharedReferences
from engine.segments import first_of_runs
from engine.tokens import text_chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch, RemittanceBatch
    from engine.match_input import MapOrdered
    from engine.open_item_index import OpenItemIndex
    from engine.readings import Chains, NumberShape
    from engine.tokens import TextChunk

__all__ = ["asked_keys", "read_references", "written_numbers"]

_TRANSFER: Final = ("end_to_end_id", "customer_reference")
"""Numbers that a transfer has from the payer, or from his bank."""

_UNREAD_DIGITS_MIN = 4
_SHARED_MAX = 12

_BY_STRENGTH, _BY_FAMILY, _BY_AMOUNT, _BY_OPEN = 4, 5, 6, 1
_SCORE_MAX = 31


class _Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Per text to read: payment, remittance line or `NO_LINE`, who pays what; amounts of lines;
    whether it is the number of a transfer.
    """

    payment: NDArray[np.int64]
    line: NDArray[np.int64]
    company: NDArray[np.int64]
    family: NDArray[np.int64]
    currency: NDArray[np.int64]
    cash: NDArray[np.int64]
    gross: NDArray[np.int64]
    creditor: NDArray[np.bool_]
    transfer: NDArray[np.bool_]


class _Part(msgspec.Struct, frozen=True):
    """What one chunk gave."""

    slots: ReferenceSlots
    shared: SharedReferences
    elsewhere: tuple[NDArray[np.int64], NDArray[np.int64]]
    other_currency: tuple[NDArray[np.int64], NDArray[np.int64]]
    between: tuple[NDArray[np.int64], NDArray[np.int64]]


def asked_keys(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    shapes: tuple[NumberShape, ...],
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Every key of references reading these texts may look up, whatever is found: payment, key.

    Numbers inside ranges are not among them: where a range begins is only known when it is read
    (`ReadReferences.between`).
    """
    text, payment, line, _ = _in_order(payments, remittances, line_payment)
    creditor = _said_creditor(remittances, line)
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64))]
    for chunk in text_chunks(text, payment):
        rows = slice(chunk.first_row, chunk.first_row + len(chunk))
        windows = asked_windows(chunk, creditor[rows], shapes)
        found.append((payment[rows][chunk.row_of(windows.start)], windows.key))
    owner, key = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((key, owner))
    owner, key = owner[order], key[order]
    kept = first_of_runs(owner, key.view(np.int64)) if len(owner) else owner.astype(np.bool_)
    return owner[kept], key[kept]


def written_numbers(
    payments: PaymentBatch, remittances: RemittanceBatch, line_payment: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Every number these texts write, run by run and as a whole: payment, number. What is damaged
    is compared with them.
    """
    text, payment, _, _ = _in_order(payments, remittances, line_payment)
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64))]
    for chunk in text_chunks(text, payment):
        owner = payment[chunk.first_row : chunk.first_row + len(chunk)]
        numbers = read_numbers(chunk)
        chains = chains_of(numbers)
        found.append((owner[chunk.row_of(numbers.run.start)], numbers.value))
        found.append((owner[chunk.row_of(chains.start)], chains.digits))
    owner, number = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return owner, number


def read_references(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    line_payment: NDArray[np.int64],
    payment_company: NDArray[np.int64],
    payer_family: NDArray[np.int64],
    payment_currency: NDArray[np.int64],
    index: OpenItemIndex,
    sisters: NDArray[np.bool_],
    map_ordered: MapOrdered = map,
) -> ReadReferences:
    """Slots of all payments, readings that mean several items alike, and references gone astray.

    `line_payment` is the payment row of each remittance line, sorted; `sisters` tells whose items a
    payment of a company may settle (`engine.relations`).
    """
    count = len(payments)
    text, payment, line, transfer = _in_order(payments, remittances, line_payment)
    cash, gross = _stated(payments, remittances, payment, line)
    texts = _Texts(
        payment=payment,
        line=line,
        company=payment_company[payment],
        family=payer_family[payment],
        currency=payment_currency[payment],
        cash=cash,
        gross=gross,
        creditor=_said_creditor(remittances, line),
        transfer=transfer,
    )
    total = payments.int64("amount_minor")
    parts = list(
        map_ordered(
            lambda chunk: _read_chunk(chunk, texts, total, index, sisters),
            text_chunks(text, payment),
        )
    )

    def astray(name: str) -> NDArray[np.int64]:
        first = np.full(count, len(index), dtype=np.int64)
        for part in parts:
            np.minimum.at(first, *getattr(part, name))
        return np.where(first < len(index), first, -1)

    slots = ReferenceSlots.concat([part.slots for part in parts])
    return ReadReferences(
        slots=slots.at(np.lexsort((slots.start, slots.line, slots.payment))),
        shared=SharedReferences.concat([part.shared for part in parts]),
        elsewhere=astray("elsewhere"),
        other_currency=astray("other_currency"),
        between=_joined([part.between for part in parts]),
    )


def _joined(
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if len(pairs) == 1:
        return pairs[0]
    none = np.empty(0, dtype=np.int64)
    return (
        np.concatenate([none, *(pair[0] for pair in pairs)]),
        np.concatenate([none, *(pair[1] for pair in pairs)]),
    )


def _in_order(
    payments: PaymentBatch, remittances: RemittanceBatch, line_payment: NDArray[np.int64]
) -> tuple[pa.StringArray, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """All texts, those of a payment side by side, with the payment and the line of each, and
    whether it is a number of the transfer.
    """
    every = np.arange(len(payments), dtype=np.int64)
    names = ("remittance_text", *_TRANSFER)
    text = pa.concat_arrays(
        [remittances.text("reference"), *(payments.text(name) for name in names)]
    )
    payment = np.concatenate([line_payment, *([every] * len(names))])
    transfer = np.arange(len(payment)) >= len(remittances) + len(payments)
    line = np.full(len(payment), NO_LINE)
    line[: len(remittances)] = np.arange(len(remittances))
    order = np.argsort(payment, kind="stable")
    return text.take(pa.array(order)), payment[order], line[order], transfer[order]


def _stated(
    payments: PaymentBatch,
    remittances: RemittanceBatch,
    payment: NDArray[np.int64],
    line: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cash stated for each text, the line's or else the payment's; and that before deductions."""
    cash = payments.int64("amount_minor")[payment]
    if not len(remittances):
        return cash, cash
    gross = cash.copy()
    on_line = (line != NO_LINE).nonzero()[0]
    row = line[on_line]
    given = ~remittances.is_null("amount_minor")[row]
    on_line, row = on_line[given], row[given]
    amount = remittances.int64("amount_minor")
    whole = amount + remittances.int64("discount_minor") + remittances.int64("deduction_minor")
    cash[on_line], gross[on_line] = amount[row], whole[row]
    return cash, gross


def _said_creditor(remittances: RemittanceBatch, line: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Texts of lines that their source says are creditor references."""
    if not len(remittances):
        return np.zeros(len(line), dtype=np.bool_)
    kind = pc.equal(remittances.text("reference_kind"), "creditor_reference")
    return np.append(kind.to_numpy(zero_copy_only=False), False)[line]


def _read_chunk(
    chunk: TextChunk,
    texts: _Texts,
    total: NDArray[np.int64],
    index: OpenItemIndex,
    sisters: NDArray[np.bool_],
) -> _Part:
    rows, own = slice(chunk.first_row, chunk.first_row + len(chunk)), texts
    if len(chunk) < len(texts.payment):
        own = _Texts(**{name: getattr(texts, name)[rows] for name in texts.__struct_fields__})
    payers = Payers(
        own.payment,
        own.company,
        own.family,
        own.currency,
        own.cash,
        own.gross,
        own.creditor,
        sisters,
    )
    hits, chains, may_refer = look_up(chunk, payers, index)
    ours, same_money = reachable(hits, chunk, payers, index)

    def astray(
        where: NDArray[np.bool_], *, of_payer: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lost = (where & (hits.strength == STRONG)).nonzero()[0]
        if not len(lost):
            return lost, lost
        row, item = chunk.row_of(hits.start[lost]), hits.item[lost]
        payment = own.payment[row]
        meant = index.original_minor[item] == total[payment]
        meant |= of_payer & (index.family[item] == own.family[row])
        return payment[meant], item[meant]

    elsewhere = astray(~ours, of_payer=False)
    other_currency = astray(ours & ~same_money, of_payer=True)
    hits = widest(hits.at(ours & same_money), chunk)
    read, shared = _resolve(hits, chunk, own, chains, index)
    ends, written = (
        range_ends(read, chunk.content, index),
        written_short(read, chunk.content, index),
    )
    ranged = add_ranges(read, ends, index)
    short = short_forms(read, written, own.cash[chunk.row_of(read.start)], index)
    covered = cover(hits, len(chunk.content))
    unread = chains.at(may_refer & (covered[chains.end] == covered[chains.start]))
    slots = ReferenceSlots.concat([ranged, short, _unread_slots(unread, read, chunk, own)])
    placed = slots
    if chunk.base:
        placed = msgspec.structs.replace(
            slots, start=slots.start + chunk.base, end=slots.end + chunk.base
        )
    between = numbers_between(read, ends, written, index)
    return _Part(placed, shared, elsewhere, other_currency, between)


def _resolve(
    hits: Hits, chunk: TextChunk, texts: _Texts, chains: Chains, index: OpenItemIndex
) -> tuple[ReferenceSlots, SharedReferences]:
    """One slot per reading: the best hit, if it is better than every other; and the hits of
    readings that mean several items of one customer alike (a purchase order, installments).
    """
    row = chunk.row_of(hits.start)
    payer = texts.family[row]
    family = (payer >= 0) & (index.family[hits.item] == payer)
    amount = amount_agrees(hits.item, texts.cash[row], texts.gross[row], index)
    score = (
        _BY_STRENGTH * hits.strength
        + _BY_FAMILY * family
        + _BY_AMOUNT * amount
        + _BY_OPEN * (index.open_minor[hits.item] != 0)
    )
    order = np.lexsort((hits.item, hits.start * (_SCORE_MAX + 1) + _SCORE_MAX - score))
    start = hits.start[order]
    # The same item may be hit through several keys of one reading: count items, not keys.
    order = order[first_of_runs(start, hits.item[order])]
    head = first_of_runs(hits.start[order])
    slot = head.cumsum() - 1
    top = order[head]
    best = score[top][slot]
    ties = np.bincount(slot[score[order] == best], minlength=len(top))
    alike = order[
        _of_one_customer(slot, score[order] == best, ties, index.customer[hits.item[order]])
    ]
    slots = ReferenceSlots(
        payment=texts.payment[row[top]],
        line=texts.line[row[top]],
        item=np.where(ties == 1, hits.item[top], -1),
        hits=np.bincount(slot, minlength=len(top)),
        strength=hits.strength[top],
        repaired=hits.repaired[top],
        family=family[top],
        amount=amount[top],
        digits=_digits_at(chains, hits.start[top]),
        start=hits.start[top],
        end=hits.end[top],
        transfer=texts.transfer[row[top]],
        alike=np.zeros(len(top), dtype=np.bool_),
    )
    shared = SharedReferences(
        payment=texts.payment[row[alike]],
        line=texts.line[row[alike]],
        item=hits.item[alike],
        family=family[alike],
        strong=hits.strength[alike] > WEAK,
    )
    return slots, shared


def _of_one_customer(
    slot: NDArray[np.int64],
    is_best: NDArray[np.bool_],
    ties: NDArray[np.int64],
    customer: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Best hits of slots where they are several, not too many, and of one customer."""
    tied = is_best & (ties[slot] > 1) & (ties[slot] <= _SHARED_MAX)
    if not np.count_nonzero(tied):
        return tied
    low, high = (np.full(len(ties), edge) for edge in (np.iinfo(np.int64).max, -1))
    np.minimum.at(low, slot[tied], customer[tied])
    np.maximum.at(high, slot[tied], customer[tied])
    alike: NDArray[np.bool_] = tied & (low == high)[slot]
    return alike


def _digits_at(chains: Chains, start: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Number of the chain at or after each start: all digits of the reference around it."""
    position = chains.end.searchsorted(start, side="right")
    return np.append(chains.digits, np.uint64(0))[position]


def _unread_slots(
    unread: Chains, read: ReferenceSlots, chunk: TextChunk, texts: _Texts
) -> ReferenceSlots:
    """What may be a reference nobody could read: one per unread line, long ones of free text."""
    is_line = texts.line != NO_LINE
    unread_line = is_line & ~_is_read(texts.line, read.line)
    row = chunk.row_of(unread.start)
    long = unread.digits >= np.uint64(10 ** (_UNREAD_DIGITS_MIN - 1))
    some = (unread_line[row] | (long & ~is_line[row])).nonzero()[0]
    if not len(some) and not np.count_nonzero(unread_line):
        return ReferenceSlots.concat([])
    # Of an unread line its largest number; a line without any number is unread as a whole.
    order = np.lexsort((unread.start[some], _descending(unread.digits[some]), row[some]))
    some = some[order]
    again = np.zeros(len(some), dtype=np.bool_)
    again[1:] = (row[some][1:] == row[some][:-1]) & is_line[row[some][1:]]
    some = some[~again]
    bare = np.setdiff1d(unread_line.nonzero()[0], row[some])
    of = np.concatenate([row[some], bare])
    none = np.zeros(len(of), dtype=np.int64)
    flag = none.astype(np.bool_)
    start = np.concatenate([unread.start[some], chunk.offsets[bare]])
    end = np.concatenate([unread.end[some], chunk.offsets[bare]])
    return ReferenceSlots(
        payment=texts.payment[of],
        line=texts.line[of],
        item=none - 1,
        hits=none,
        strength=none,
        repaired=flag,
        family=flag,
        amount=flag,
        digits=np.concatenate([unread.digits[some], none[: len(bare)].astype(np.uint64)]),
        start=start,
        end=end,
        transfer=texts.transfer[of],
        alike=written_alike(chunk, of, (start, end), read),
    )


def _is_read(line: NDArray[np.int64], read: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of `line` are among those `read`; both may hold `NO_LINE`, which is none."""
    last = int(line.max(initial=NO_LINE))
    mark = np.zeros(last + 2, dtype=np.bool_)
    mark[read] = True
    found: NDArray[np.bool_] = mark[line]
    return found


def _descending(digits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.iinfo(np.uint64).max - digits
