"""What is true of all open items is counted file by file, and added up by key.

Who owns items, which amounts recur, which stand once or twice in a ledger, and whether a key stands
in two files: each is counted where the rows are, and sent to the task that looks after that part
of the keys. A task knows its owners and amounts exactly; hashes only say which task it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cluster.packets import packed, scattered
from cluster.questions import part_of
from engine.segments import first_of_runs, mix64
from engine.text_hashes import text_hashes
from engine.whole import ItemCounts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from cluster.packets import Packet, Received
    from engine.batches import Batch, OpenItemBatch

__all__ = [
    "OWNER_NAMES",
    "ItemTally",
    "Owners",
    "added_up",
    "counts_sent",
    "key_hashes",
    "numbers_twice",
    "twice_in",
]

OWNER_NAMES: Final = pa.schema(
    [pa.field(name, pa.string()) for name in ("company_id", "customer_id")]
)
"""What the owner of an item is called."""

_OWNER: Final = pa.schema(
    [
        *OWNER_NAMES,
        *(pa.field(name, pa.int64()) for name in ("owner", "items")),
    ]
)
_LEDGER: Final = pa.schema(
    [
        pa.field("currency", pa.string()),
        *(pa.field(name, pa.int64()) for name in ("owner", "amount", "items")),
    ]
)
_AMOUNT: Final = pa.schema([one for one in _LEDGER if one.name != "owner"])
_KEY: Final = pa.schema([pa.field(name, pa.int64()) for name in ("hash", "number")])
_COUNTS: Final = pa.schema([pa.field("counts", pa.binary())])
_OWNED: Final = pa.schema([*OWNER_NAMES, _OWNER.field("items")])
_REPEATED: Final = pa.schema(
    [_AMOUNT.field("currency"), _AMOUNT.field("items"), pa.field("amounts", pa.int64())]
)
_FILE_BITS: Final = 32
_REPEATS: Final = 2
"""Amounts that stand oftener in a ledger are not counted."""


class Owners(msgspec.Struct, frozen=True):
    """Whose the items of a file are: the owner of each row, a number in the file; and what each
    owner is called (company and customer).
    """

    of_row: NDArray[np.int64]
    names: pa.Table

    @classmethod
    def of(cls, items: OpenItemBatch) -> Owners:
        """Whose `items` are."""
        company, customer = items.text("company_id"), items.text("customer_id")
        keys = pc.binary_join_element_wise(company, customer, "\x1f").dictionary_encode()
        of_row = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        row = np.zeros(len(keys.dictionary), dtype=np.int64)
        row[of_row[::-1]] = np.arange(len(of_row))[::-1]
        columns = [column.take(pa.array(row)) for column in (company, customer)]
        return cls(of_row, pa.table(columns, schema=OWNER_NAMES))


def counts_sent(
    items: OpenItemBatch, owners: Owners, counts: Sequence[ItemCounts], file: int, parts: int
) -> Iterator[Packet]:
    """What the items of one file add to the counts of all, on its way to one of `parts` tasks."""
    code, currencies = items.codes("currency")
    amount = np.abs(items.int64("original_minor"))
    (owner, currency, value), size = _counted([owners.of_row, code, amount])
    named = pa.array(currencies, pa.string())
    names = [column.combine_chunks() for column in owners.names.columns]
    part = part_of(text_hashes(pc.binary_join_element_wise(*names, "\x1f")), parts)
    first = file << _FILE_BITS
    number = np.arange(first, first + len(part))
    owned = np.bincount(owners.of_row, minlength=len(part))
    rows = [*names, number, owned]
    yield from scattered("owners", pa.table(rows, schema=_OWNER), part)
    rows = [named.take(pa.array(currency)), first + owner, value, size]
    yield from scattered("ledgers", pa.table(rows, schema=_LEDGER), part[owner])
    (currency, value), size = _counted([currency, value], size)
    rows = [named.take(pa.array(currency)), value, size]
    yield from scattered("amounts", pa.table(rows, schema=_AMOUNT), _part_of_amount(value, parts))
    total = msgspec.msgpack.encode(ItemCounts.total(counts))
    yield from packed({"counts": pa.table([[total]], schema=_COUNTS)}, file % parts)


def key_hashes(batch: Batch, first: int, name: str, parts: int) -> Iterator[Packet]:
    """Hashes of the keys of `batch`, numbered from `first`, to find those that stand twice."""
    hashes = text_hashes(batch.key_strings())
    rows = [hashes.view(np.int64), np.arange(first, first + len(batch))]
    yield from scattered(name, pa.table(rows, schema=_KEY), part_of(hashes, parts))


def twice_in(received: Received, name: str) -> Iterator[Packet]:
    """Rows whose hash (`key_hashes`) stands more than once."""
    rows = received.table(name, _KEY)
    hashes = rows["hash"].to_numpy()
    order = np.argsort(hashes, kind="stable")
    first = first_of_runs(hashes[order]) if len(order) else np.empty(0, dtype=np.bool_)
    again = ~first | ~np.append(first[1:], True) if len(order) else first
    yield from packed({name: rows.take(pa.array(order[again]))})


def numbers_twice(received: Received, name: str) -> NDArray[np.int64]:
    """The numbers of the rows that `twice_in` found."""
    number: NDArray[np.int64] = received.table(name, _KEY)["number"].to_numpy()
    return number


def added_up(received: Received) -> Iterator[Packet]:
    """Counts of one part of all keys, of everything that was sent there."""
    yield from packed(
        {
            "owners": _owners(received),
            "repeats": _repeats(received),
            "amounts": _amounts(received),
            "counts": _added_counts(received),
        }
    )


def _owners(received: Received) -> pa.Table:
    rows = received.table("owners", _OWNER)
    found = rows.group_by(OWNER_NAMES.names).aggregate([("items", "sum")])
    return found.rename_columns(_OWNED.names)


def _repeats(received: Received) -> pa.Table:
    """How many amounts stand once in a ledger, and twice, by currency."""
    owners, ledgers = received.table("owners", _OWNER), received.table("ledgers", _LEDGER)
    keys = pc.binary_join_element_wise(owners["company_id"], owners["customer_id"], "\x1f")
    customer = _codes(keys)[0]
    number = owners["owner"].to_numpy()
    order = np.argsort(number)
    at = order[np.searchsorted(number[order], ledgers["owner"].to_numpy())]
    code, currencies = _codes(ledgers["currency"])
    columns = [customer[at], code, ledgers["amount"].to_numpy()]
    (_, currency, _), size = _counted(columns, ledgers["items"].to_numpy())
    few = size <= _REPEATS
    (currency, items), amounts = _counted([currency[few], size[few]])
    rows = [pa.array(currencies, pa.string()).take(pa.array(currency)), items, amounts]
    return pa.table(rows, schema=_REPEATED)


def _amounts(received: Received) -> pa.Table:
    """Amounts that several items have."""
    rows = received.table("amounts", _AMOUNT)
    code, currencies = _codes(rows["currency"])
    (currency, value), size = _counted([code, rows["amount"].to_numpy()], rows["items"].to_numpy())
    several = size > 1
    named = pa.array(currencies, pa.string()).take(pa.array(currency[several]))
    return pa.table([named, value[several], size[several]], schema=_AMOUNT)


def _added_counts(received: Received) -> pa.Table:
    parts = received.table("counts", _COUNTS)["counts"].to_pylist()
    if not parts:
        return _COUNTS.empty_table()
    return pa.table([[msgspec.msgpack.encode(_total(parts))]], schema=_COUNTS)


def _total(parts: Sequence[bytes]) -> ItemCounts:
    decoder = msgspec.msgpack.Decoder(ItemCounts)
    return ItemCounts.total(decoder.decode(part) for part in parts)


class ItemTally(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of all items. owners: company, customer and number of items of each, sorted;
    amounts: currency and amount of several items, and how many; repeats: by currency and number,
    how many amounts stand so often in a ledger.
    """

    counts: ItemCounts
    owners: pa.Table
    amounts: pa.Table
    repeats: pa.Table

    @classmethod
    def of(cls, received: Received) -> ItemTally:
        """Out of what all parts added up (`added_up`)."""
        owners = received.table("owners", _OWNED)
        by_name = [(name, "ascending") for name in OWNER_NAMES.names]
        return cls(
            counts=_total(received.table("counts", _COUNTS)["counts"].to_pylist()),
            owners=owners.sort_by(by_name).combine_chunks(),
            amounts=received.table("amounts", _AMOUNT),
            repeats=received.table("repeats", _REPEATED),
        )


def _counted(
    columns: Sequence[NDArray[np.int64]], size: NDArray[np.int64] | None = None
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """The distinct rows of `columns`, sorted, and the sum of their `size` (one each without)."""
    order = np.lexsort(columns[::-1])
    ordered = [column[order] for column in columns]
    if not len(order):
        return ordered, np.empty(0, dtype=np.int64)
    head = np.flatnonzero(first_of_runs(*ordered))
    ones = np.diff(head, append=len(order))
    count = ones if size is None else np.add.reduceat(size[order], head)
    return [column[head] for column in ordered], count


def _codes(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    encoded = texts.combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def _part_of_amount(amount: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    return part_of(mix64(amount), parts)
