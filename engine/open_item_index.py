"""The open items as arrays: sorted once, found by reference, by customer, by amount.

Items stand in canonical order (company, customer, currency, due date, id), so that nothing found
here depends on the order of input rows. A *ledger* is the run of items of one customer in one
currency. Amounts are minor units; `remaining` changes as rounds of a match consume items, so it is
not part of the index but handed in by whoever asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.readings import SUFFIX_LENGTHS, NumberShape
from engine.segments import expand_ranges, first_of_runs, mix64
from engine.tokens import Atoms, scan_atoms, scan_words, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch
    from engine.customer_directory import CustomerDirectory

__all__ = [
    "BLOCKED",
    "CANCELLED",
    "DISPUTED",
    "OPEN",
    "PAID",
    "OpenItemIndex",
    "ReferenceKeys",
    "build_index",
    "ledger_rows",
    "read_numbers",
]

OPEN, DISPUTED, BLOCKED, PAID, CANCELLED = range(5)
_STATUS: Final = {
    "open": OPEN,
    "disputed": DISPUTED,
    "blocked": BLOCKED,
    "paid": PAID,
    "cancelled": CANCELLED,
}

WEAK, ALTERNATIVE, STRONG = 1, 2, 3
_STRONG_DIGITS_MIN = 5
_SHAPE_SHARE = 100
_SHAPE_DIGITS_MIN = 4


class ReferenceKeys(msgspec.Struct, frozen=True):
    """Sorted 64-bit keys of references, the item each leads to, and how much it proves.

    strength: 3 the document number, 2 another reference of the item, 1 too short or only an ending.
    """

    key: NDArray[np.uint64]
    item: NDArray[np.int64]
    strength: NDArray[np.int64]


class OpenItemIndex(msgspec.Struct, frozen=True, kw_only=True):
    """All open items in canonical order; arrays have one entry per item unless said otherwise.

    family_order, family_bounds: items grouped by family and where each family's begin.
    ledger: number of the item's (customer, currency) run; ledger_start, ledger_end: its bounds (one
    entry per ledger); ledger_customer, ledger_currency name it.
    """

    items: OpenItemBatch
    customer: NDArray[np.int64]
    company: NDArray[np.int64]
    family: NDArray[np.int64]
    currency: NDArray[np.int64]
    status: NDArray[np.int64]
    open_minor: NDArray[np.int64]
    original_minor: NDArray[np.int64]
    discount_minor: NDArray[np.int64]
    discount_day: NDArray[np.int64]
    document_day: NDArray[np.int64]
    due_day: NDArray[np.int64]
    joined_digits: NDArray[np.uint64]
    ledger: NDArray[np.int64]
    ledger_start: NDArray[np.int64]
    ledger_end: NDArray[np.int64]
    ledger_customer: NDArray[np.int64]
    ledger_currency: NDArray[np.int64]
    family_order: NDArray[np.int64]
    family_bounds: NDArray[np.int64]
    reference_keys: ReferenceKeys
    shapes: tuple[NumberShape, ...]

    def family_rows(
        self, families: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every item of every given family (-1 has none): owner (position given) and item."""
        valid = families >= 0
        start = np.where(valid, self.family_bounds[families], 0)
        end = np.where(valid, self.family_bounds[families + 1], 0)
        owner, position = expand_ranges(start, end)
        return owner, self.family_order[position]

    def __len__(self) -> int:
        """Number of items."""
        return len(self.customer)

    def ledger_of(
        self, customer: NDArray[np.int64], currency: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Ledger of each (customer, currency), -1 where the customer has no item in it."""
        if not len(self.ledger_customer):
            return np.full(len(customer), -1, dtype=np.int64)
        key = self.ledger_customer * (1 << 16) + self.ledger_currency
        wanted = customer * (1 << 16) + currency
        position = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return np.where((key[position] == wanted) & (customer >= 0), position, -1)


def build_index(
    items: OpenItemBatch, directory: CustomerDirectory, currencies: list[str]
) -> OpenItemIndex:
    """Sort `items` canonically and index them; `currencies` gives the currency codes."""
    customer = directory.number_of(items.text("company_id"), items.text("customer_id"))
    currency_of = {code: number for number, code in enumerate(currencies)}
    codes, names = items.codes("currency")
    currency = np.array([currency_of[name] for name in names], dtype=np.int64)[codes]
    rank = pc.rank(items.text("open_item_id"), tiebreaker="dense").to_numpy(zero_copy_only=False)
    order = np.lexsort((rank, items.days("due_date"), currency, customer))
    items, customer, currency = items.take(order), customer[order], currency[order]
    status_codes, status_names = items.codes("status")
    status = np.array([_STATUS.get(name, OPEN) for name in status_names], dtype=np.int64)
    first = np.flatnonzero(first_of_runs(customer, currency)) if len(items) else np.empty(0, int)
    family = directory.family[customer]
    atoms = scan_atoms(*text_bytes(items.text("document_number")))
    joined, digit_count = _joined_digits(atoms, len(items))
    return OpenItemIndex(
        items=items,
        customer=customer,
        company=directory.company[customer],
        family=family,
        currency=currency,
        status=status[status_codes] if len(items) else status_codes,
        open_minor=items.int64("open_minor"),
        original_minor=items.int64("original_minor"),
        discount_minor=items.int64("discount_minor"),
        discount_day=items.days("discount_date"),
        document_day=items.days("document_date"),
        due_day=items.days("due_date"),
        joined_digits=joined,
        ledger=np.cumsum(first_of_runs(customer, currency)) - 1 if len(items) else customer,
        ledger_start=first.astype(np.int64),
        ledger_end=np.append(first[1:], len(items)).astype(np.int64)[: len(first)],
        ledger_customer=customer[first],
        ledger_currency=currency[first],
        family_order=np.argsort(family, kind="stable").astype(np.int64),
        family_bounds=np.searchsorted(np.sort(family), np.arange(len(directory) + 1)),
        reference_keys=_reference_keys(items, atoms, joined, digit_count),
        shapes=_shapes(atoms, len(items)),
    )


def read_numbers(texts: pa.StringArray) -> NDArray[np.uint64]:
    """All digits of each text as one number, 0 where it has none."""
    return _joined_digits(scan_atoms(*text_bytes(texts)), len(texts))[0]


def _shapes(atoms: Atoms, count: int) -> tuple[NumberShape, ...]:
    """Shapes that at least one document number in a hundred has, long numbers only."""
    digit = atoms.is_digit
    row, length = atoms.row[digit], (atoms.end - atoms.start)[digit]
    if not len(row):
        return ()
    first = first_of_runs(row)
    last = np.append(first[1:], True)
    runs = np.bincount(np.cumsum(first) - 1)
    key = np.minimum(runs, 99) * 10_000 + np.minimum(length[first], 99) * 100
    key += np.minimum(length[last], 99)
    tally = np.bincount(key)
    common = np.flatnonzero(tally >= max(1, count // _SHAPE_SHARE))
    shapes = [NumberShape(int(k) // 10_000, int(k) // 100 % 100, int(k) % 100) for k in common]
    return tuple(sorted(shape for shape in shapes if shape.last >= _SHAPE_DIGITS_MIN))


def _joined_digits(atoms: Atoms, count: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All digits of each text read as one number (modulo 2^64), and how many there are."""
    joined = np.zeros(count, dtype=np.uint64)
    digit_count = np.zeros(count, dtype=np.int64)
    row, value = atoms.row[atoms.is_digit], atoms.value[atoms.is_digit]
    length = (atoms.end - atoms.start)[atoms.is_digit]
    if not len(row):
        return joined, digit_count
    place = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    with np.errstate(over="ignore"):
        for step in range(int(place.max()) + 1):
            live = place == step
            scale = np.power(np.uint64(10), length[live].astype(np.uint64))
            joined[row[live]] = joined[row[live]] * scale + value[live]
            digit_count[row[live]] += length[live]
    return joined, digit_count


def _sequence_keys(atoms: Atoms, count: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hash of the digit runs of each text in order, zeros in front gone, and how many runs."""
    row, value = atoms.row[atoms.is_digit], atoms.value[atoms.is_digit]
    runs = np.bincount(row, minlength=count)
    state = np.zeros(count, dtype=np.uint64)
    if not len(row):
        return state, runs
    place = np.arange(len(row)) - np.searchsorted(row, row, side="left")
    for step in range(int(place.max()) + 1):
        live = place == step
        before = state[row[live]]
        state[row[live]] = value[live] if step == 0 else mix64(before, value[live])
    return state, runs


def _reference_keys(
    items: OpenItemBatch, atoms: Atoms, joined: NDArray[np.uint64], digit_count: NDArray[np.int64]
) -> ReferenceKeys:
    count = len(items)
    rows = np.arange(count, dtype=np.int64)
    sequence, runs = _sequence_keys(atoms, count)
    parts: list[tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]] = []

    def add(key: NDArray[np.uint64], item: NDArray[np.int64], strength: NDArray[np.int64]) -> None:
        parts.append((key, item, strength))

    significant = joined >= np.uint64(10 ** (_STRONG_DIGITS_MIN - 1))
    own = np.where(significant, STRONG, WEAK)
    some = digit_count > 0
    add(joined[some], rows[some], own[some])
    several = runs > 1
    add(sequence[several], rows[several], own[several])
    for length in SUFFIX_LENGTHS:
        ending = joined % np.uint64(10**length)
        long = (digit_count > length) & (ending >= np.uint64(10 ** (length - 2)))
        of_length = np.full(int(long.sum()), length, dtype=np.int64)
        add(mix64(ending[long], of_length), rows[long], np.full(int(long.sum()), WEAK))
    words = scan_words(*text_bytes(items.text("document_number")))
    whole = (words.digit_count > 0) & (np.bincount(words.row, minlength=count)[words.row] == 1)
    add(mix64(words.value[whole]), words.row[whole], np.full(int(whole.sum()), STRONG))
    for text, owner in _alternative_references(items):
        other = scan_atoms(*text_bytes(text))
        number, digits = _joined_digits(other, len(text))
        good = (digits >= _STRONG_DIGITS_MIN) & (number >= np.uint64(1000))
        add(number[good], owner[good], np.full(int(good.sum()), ALTERNATIVE))
        word = scan_words(*text_bytes(text))
        good = word.digit_count >= _STRONG_DIGITS_MIN
        add(mix64(word.value[good]), owner[word.row[good]], np.full(int(good.sum()), ALTERNATIVE))
    key, item, strength = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((-strength, item, key))
    key, item, strength = key[order], item[order], strength[order]
    kept = first_of_runs(key.view(np.int64), item) if len(key) else np.empty(0, dtype=np.bool_)
    return ReferenceKeys(key[kept], item[kept], strength[kept])


def _alternative_references(
    items: OpenItemBatch,
) -> list[tuple[pa.StringArray, NDArray[np.int64]]]:
    """Purchase orders and further references, each beside the item it belongs to."""
    rows = np.arange(len(items), dtype=np.int64)
    lists = pc.split_pattern(items.text("references"), ";")
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    return [(items.text("purchase_order"), rows), (pc.list_flatten(lists), owner)]


def ledger_rows(
    index: OpenItemIndex, ledgers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every item of every given ledger: owner (position in `ledgers`) and item; -1 has none."""
    if not len(index.ledger_start):
        empty = np.empty(0, dtype=np.int64)
        return empty, empty
    valid = ledgers >= 0
    start = np.where(valid, index.ledger_start[ledgers], 0)
    end = np.where(valid, index.ledger_end[ledgers], 0)
    return expand_ranges(start, end)
