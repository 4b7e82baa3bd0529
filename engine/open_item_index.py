"""The open items as arrays: sorted once, found by reference, by customer, by amount.

Items stand in canonical order (company, customer, currency, due date, id), so that nothing found
here depends on the order of input rows. A *ledger* is the run of items of one customer in one
currency. Amounts are minor units; `remaining` changes as rounds of a match consume items, so it is
not part of the index but handed in by whoever asks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE
from engine.key_table import KeyTable
from engine.limits import DOCUMENT_FREQUENCY_MAX, SAME_AMOUNT_MAX
from engine.reference_keys import Documents, ReferenceKeys, common_shapes
from engine.row_texts import taken
from engine.segments import (
    expand_ranges,
    first_of_runs,
    insertion_points,
    inverse,
    is_among,
    mix64,
    order_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import OpenItemBatch
    from engine.customer_directory import CustomerDirectory
    from engine.match_input import MapOrdered
    from engine.readings import NumberShape
    from engine.row_texts import Texts
    from engine.whole import Whole

__all__ = [
    "BLOCKED",
    "CANCELLED",
    "DISPUTED",
    "OPEN",
    "PAID",
    "Amounts",
    "Endings",
    "OpenItemIndex",
    "build_index",
    "ledger_rows",
    "ledgers_of",
    "standing_minor",
    "status_codes",
]

OPEN, DISPUTED, BLOCKED, PAID, CANCELLED = range(5)
_STATUS: Final = {
    "open": OPEN,
    "disputed": DISPUTED,
    "blocked": BLOCKED,
    "paid": PAID,
    "cancelled": CANCELLED,
}

_CURRENCIES_MAX: Final = 1 << 16
_DAY_MAX: Final = 1 << 32
_ENDING_DIGITS_MAX: Final = 6
_REVERSED: Final = functools.reduce(
    np.add.outer,
    [np.arange(10, dtype=np.int64) * 10**place for place in range(_ENDING_DIGITS_MAX)],
).ravel()
"""Numbers of six digits, each read from its end."""


class Endings(msgspec.Struct, frozen=True):
    """Document numbers by family and by their digits from the last to the first: those that end
    alike are neighbours.
    """

    key: NDArray[np.int64]
    item: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        family: NDArray[np.int64],
        joined: NDArray[np.uint64],
        digit_count: NDArray[np.int64],
    ) -> Endings:
        """Index the items whose numbers are longer than the shortest ending."""
        item = (digit_count > _ENDING_DIGITS_MAX - 1).nonzero()[0]
        ending = joined[item] % np.uint64(len(_REVERSED))
        key = family[item] * len(_REVERSED) + _REVERSED[ending.astype(np.int64)]
        order = order_of(key)
        return cls(key[order], item[order].astype(np.int32))

    def changed(self, moved: NDArray[np.int64], added: Endings) -> Endings:
        """After items came and went: `moved` is the number each item has from now on, -1 where it
        is gone; `added` are new ones, numbered so already.
        """
        item = moved[self.item]
        kept = (item >= 0).nonzero()[0]
        key, item = self.key[kept], item[kept].astype(np.int32)
        at = insertion_points((key, item), (added.key, added.item))
        return Endings(np.insert(key, at, added.key), np.insert(item, at, added.item))

    def find(
        self, family: NDArray[np.int64], ending: NDArray[np.uint64], length: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Items of each family whose number ends with `length` (at most six) digits: owner (place
        in the question) and item; no family (-1) has none.
        """
        free = np.power(10, _ENDING_DIGITS_MAX - length)
        lowest = family * len(_REVERSED) + _REVERSED[(ending.astype(np.int64))]
        low = self.key.searchsorted(lowest)
        high = self.key.searchsorted(lowest + free)
        useful = ((family >= 0) & (high - low <= DOCUMENT_FREQUENCY_MAX)).nonzero()[0]
        owner, position = expand_ranges(low[useful], high[useful])
        return useful[owner], self.item[position].astype(np.int64)


class Amounts(msgspec.Struct, frozen=True):
    """Items by currency and amount: what is open, or was before the item closed.

    restated: items, ascending, whose amount became another one since `table` was made; they are
    found in `later`, and there alone.
    """

    table: KeyTable
    restated: NDArray[np.int64]
    later: KeyTable

    @classmethod
    def of(cls, currency: NDArray[np.int64], amount: NDArray[np.int64]) -> Amounts:
        """Index every item."""
        item = np.arange(len(amount), dtype=np.uint64)
        return cls(KeyTable.of(mix64(currency, amount), item), *_none_restated())

    def changed(self, moved: NDArray[np.int64], added: Amounts) -> Amounts:
        """After items came and went; see `Endings.changed`. Nothing is restated any longer."""
        stays = moved.copy()
        stays[self.restated] = -1
        old, value = _numbered(self.table, stays)
        for key, item in (_numbered(self.later, moved), added.table.rows()):
            at = old.searchsorted(key, side="right")
            old, value = np.insert(old, at, key), np.insert(value, at, item)
        return Amounts(KeyTable.of_sorted(old, value), *_none_restated())

    def with_restated(
        self, item: NDArray[np.int64], currency: NDArray[np.int64], amount: NDArray[np.int64]
    ) -> Amounts:
        """After `item` have other amounts; `currency` and `amount` are those of all items now."""
        restated = np.union1d(self.restated, item)
        keys = mix64(currency[restated], amount[restated])
        return Amounts(self.table, restated, KeyTable.of(keys, restated.astype(np.uint64)))

    def find(
        self, currency: NDArray[np.int64], amount: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Items of each currency and amount: owner (place in the question) and item. An amount of
        too many items has none.
        """
        keys = mix64(currency, amount)
        if not len(self.restated):
            owner, item = self.table.find(keys, SAME_AMOUNT_MAX)
            return owner, item.view(np.int64)
        owner, item = self.table.find(keys, SAME_AMOUNT_MAX + len(self.restated))
        stands = ~is_among(item.view(np.int64), self.restated)
        other, later = self.later.find(keys, len(self.restated))
        owner = np.concatenate([owner[stands], other])
        found = np.concatenate([item[stands], later]).view(np.int64)
        order = np.lexsort((found, owner))
        owner, found = owner[order], found[order]
        few = np.bincount(owner, minlength=len(keys))[owner] <= SAME_AMOUNT_MAX
        return owner[few], found[few]


def _none_restated() -> tuple[NDArray[np.int64], KeyTable]:
    nothing = np.empty(0, dtype=np.uint64)
    return nothing.view(np.int64), KeyTable.of(nothing, nothing)


def _numbered(
    table: KeyTable, moved: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Scrambled keys and items of `table` by the numbers they have now, without those gone."""
    key, value = table.rows()
    item = moved[value.view(np.int64)]
    kept = (item >= 0).nonzero()[0]
    return key[kept], item[kept].astype(np.uint64)


class OpenItemIndex(msgspec.Struct, frozen=True, kw_only=True):
    """All open items in canonical order; arrays have one entry per item unless said otherwise.

    source, order: the batch they come from, and the row of each item in it.
    family_order, family_bounds: items grouped by family and where each family's begin.
    ledger: number of the item's (customer, currency) run; ledger_start, ledger_end: its bounds (one
    entry per ledger); ledger_customer, ledger_currency name it, ledger_key is both as one number.
    shapes: what common document numbers look like; shape_counts: how many look like each.
    """

    source: OpenItemBatch
    order: NDArray[np.int64]
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
    ledger_key: NDArray[np.int64]
    family_order: NDArray[np.int64]
    family_bounds: NDArray[np.int64]
    digit_count: NDArray[np.int64]
    reference_keys: ReferenceKeys
    endings: Endings
    amounts: Amounts
    shapes: tuple[NumberShape, ...]
    shape_counts: NDArray[np.int64]

    def text(self, name: str, rows: NDArray[np.int64]) -> pa.StringArray:
        """Column `name` of the given items."""
        return self.source.text(name).take(pa.array(self.order[rows]))

    def texts(self, name: str, rows: NDArray[np.int64]) -> Texts:
        """As `text`, to be composed with others (`engine.row_texts`)."""
        return taken(self.source.text(name), self.order[rows])

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
        key, wanted = self.ledger_key, customer * _CURRENCIES_MAX + currency
        position = np.minimum(key.searchsorted(wanted), len(key) - 1)
        return np.where((key[position] == wanted) & (customer >= 0), position, -1)


def build_index(
    items: OpenItemBatch,
    directory: CustomerDirectory,
    currencies: list[str],
    map_ordered: MapOrdered = map,
    whole: Whole | None = None,
) -> OpenItemIndex:
    """Sort `items` canonically and index them; `currencies` gives the currency codes. `whole` tells
    of all items, where these are some of them.
    """
    customer = directory.owner_of(items)
    currency_of = {code: number for number, code in enumerate(currencies)}
    codes, names = items.codes("currency")
    currency = np.array([currency_of[name] for name in names], dtype=np.int64)[codes]
    order = _canonical_order(items, customer, currency, len(currencies))
    documents = Documents.of(items, inverse(order), map_ordered)
    customer, currency = customer[order], currency[order]
    family = directory.family[customer]
    joined, digit_count = documents.joined[order], documents.digit_count[order]
    opened, original = items.int64("open_minor")[order], items.int64("original_minor")[order]
    members = np.bincount(family, minlength=len(directory))
    keys, endings, amounts, family_order = map_ordered(
        lambda make: make(),
        (
            documents.reference_keys,
            lambda: Endings.of(family, joined, digit_count),
            lambda: Amounts.of(currency, standing_minor(opened, original)),
            lambda: order_of(family),
        ),
    )
    shapes = common_shapes(documents.shape_counts, len(items))
    if whole is not None:
        keys, shapes = ReferenceKeys(keys.table.without(whole.frequent_keys)), whole.shapes
        table = amounts.table.without(whole.frequent_amounts)
        amounts = msgspec.structs.replace(amounts, table=table)
    return OpenItemIndex(
        source=items,
        order=order,
        customer=customer,
        company=directory.company[customer],
        family=family,
        currency=currency,
        status=status_codes(items)[order],
        open_minor=opened,
        original_minor=original,
        discount_minor=items.int64("discount_minor")[order],
        discount_day=items.days("discount_date")[order],
        document_day=items.days("document_date")[order],
        due_day=items.days("due_date")[order],
        joined_digits=joined,
        **ledgers_of(customer, currency),
        family_order=family_order,
        family_bounds=np.concatenate([[0], members.cumsum()]),
        digit_count=digit_count,
        reference_keys=keys,
        endings=endings,
        amounts=amounts,
        shapes=shapes,
        shape_counts=documents.shape_counts,
    )


def ledgers_of(
    customer: NDArray[np.int64], currency: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """The arrays of the index about ledgers, from those of items in canonical order."""
    begins = first_of_runs(customer, currency) if len(customer) else np.empty(0, dtype=np.bool_)
    first = begins.nonzero()[0]
    return {
        "ledger": begins.cumsum() - 1,
        "ledger_start": first,
        "ledger_end": np.append(first[1:], len(customer))[: len(first)],
        "ledger_customer": customer[first],
        "ledger_currency": currency[first],
        "ledger_key": customer[first] * _CURRENCIES_MAX + currency[first],
    }


def status_codes(items: OpenItemBatch) -> NDArray[np.int64]:
    """Status of each row as one of the numbers above."""
    codes, names = items.codes("status")
    return np.array([_STATUS.get(name, OPEN) for name in names] or [OPEN], dtype=np.int64)[codes]


def standing_minor(opened: NDArray[np.int64], original: NDArray[np.int64]) -> NDArray[np.int64]:
    """The amount an item is found by: what is open of it, or was before it closed."""
    return np.where(opened == 0, original, opened)


def _canonical_order(
    items: OpenItemBatch,
    customer: NDArray[np.int64],
    currency: NDArray[np.int64],
    currency_count: int,
) -> NDArray[np.int64]:
    """Rows by customer, currency and due date; where those are equal, by id."""
    due = items.days("due_date")
    dated = due != NO_DATE
    day = np.where(dated, due - due.min(where=dated, initial=_DAY_MAX) + 1, 0)
    key = (customer * max(currency_count, 1) + currency) * (int(day.max(initial=0)) + 1) + day
    order = order_of(key)
    if items.keys_ascend():
        # Equal ones stay as they stand, which is in the order of their ids.
        return order
    # Comparing texts is dear: only the ids of items that are otherwise alike are compared.
    begins = first_of_runs(key[order])
    alike = (~begins | np.append(~begins[1:], False)).nonzero()[0]
    rows = order[alike]
    identity = pc.rank(items.text("open_item_id").take(pa.array(rows)), tiebreaker="dense")
    within = np.lexsort((identity.to_numpy(zero_copy_only=False), key[rows]))
    order[alike] = rows[within]
    return order


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
