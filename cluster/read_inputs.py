"""The first stages: tables are read, part by part, by the readers that read them everywhere.

A table is all or nothing, however many parts it has: a bad value in one part, or a key that stands
in two of them, stops the run with the sentence a single file would get.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.count_items import (
    ItemTally,
    Owners,
    added_up,
    counts_sent,
    key_hashes,
    numbers_twice,
    twice_in,
)
from cluster.earlier import Earlier, ages_before
from cluster.errors import DuplicateRowsError, UnusableInputError
from cluster.flow import begun, gathered, passed
from cluster.item_rows import item_rows
from cluster.known_customers import KnownCustomers
from cluster.mapped_values import mapped_value
from cluster.packets import packed
from cluster.pieces import keep_pieces, keys_of_payments, latest_booking, pieces_of, pieces_told
from cluster.places import Place, files_below
from cluster.rows import ITEM_ROW
from cluster.run_facts import RunFacts
from cluster.stage_files import keep_table, taken
from engine.accident import amount_keys
from engine.batches import (
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    LearnedFactBatch,
    OpenItemBatch,
    RemittanceBatch,
)
from engine.policy import read_policy
from parsers.table_files import TABLE_FORMATS
from parsers.tables import TableContent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from cluster.packets import Packet, Received
    from cluster.pieces import Pieces
    from cluster.run import Run
    from engine.batches import Batch
    from engine.whole import ItemCounts

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = [
    "EXPORTED",
    "FILE_BITS",
    "ROW_MASK",
    "content_of",
    "exported_place",
    "given_place",
    "items_place",
    "keep_customers",
    "keep_facts",
    "keep_given",
    "keep_inputs",
    "one_table",
    "owners_place",
    "parts_by_items",
    "read_small_table",
    "repeats_by_currency",
    "table_files",
]

_EPOCH: Final = datetime.date(1970, 1, 1)
FILE_BITS: Final = 32
"""Bits of a row's number in its file; the file's number stands above them."""

ROW_MASK: Final = (1 << FILE_BITS) - 1
_PART_ITEMS: Final = 500_000
"""Items whose keys one task looks after: some two million keys, about 100 MiB of them."""

_PIECE_ROWS: Final = 1 << 16
"""Rows that are taken apart at once: some 100 MiB with their keys."""

EXPORTED: Final = pa.schema([pa.field(name, pa.int64()) for name in ("row", "open_minor")])
"""What an item was exported with, by its row in the file."""

_AGES: Final = pa.schema([pa.field("ages", pa.list_(pa.int64()))])

_GIVEN: Final = {
    "open_items": ("company_id", "open_item_id", "currency", "open_minor"),
    "payments": ("payment_id", "amount_minor", "currency"),
}
"""What the audit wants to know of rows as they came in."""


def items_place(folder: Place, file: int) -> Place:
    """Where the open items of a file are kept."""
    return folder / "open_items" / f"{file:05}.arrow"


def parts_by_items(run: Run) -> int:
    """Into how many parts keys of items are cut: each small enough to be sorted in a core's caches,
    more than cores where items are many.
    """
    tally: ItemTally = run.value("tally")
    return max(run.parts, -(-tally.counts.items // _PART_ITEMS))


def owners_place(folder: Place, file: int) -> Place:
    """Where the names of their owners are."""
    return folder / "owners" / f"{file:05}.arrow"


def exported_place(folder: Place, file: int) -> Place:
    """Where it is kept what items were exported with that earlier runs have left less of."""
    return folder / "exported" / f"{file:05}.arrow"


def _at_what_is_left(
    folder: Place, file: int, exported: OpenItemBatch, left: OpenItemBatch
) -> OpenItemBatch:
    """The items of a file at what earlier runs have `left` of them; what they were `exported` with
    is kept (`EXPORTED`).
    """
    opened = exported.int64("open_minor")
    row = np.flatnonzero(opened != left.int64("open_minor"))
    rows = pa.table([row, opened[row]], schema=EXPORTED)
    keep_table(exported_place(folder, file), [rows], EXPORTED)
    return left


def given_place(folder: Place, table: str) -> Place:
    """What the audit knows of a table as it came in: a folder of Parquet files."""
    return folder / "given" / table


def keep_inputs(run: Run) -> dict[str, int]:
    """Open items, and payments of a table, as rows of the run, counted."""
    # Beside bank files, payments of tables are merged with theirs.
    apart = run.job.payments is not None and not run.job.bank_files
    payments = table_files(run.job.payments or "") if apart else []
    items = table_files(run.job.open_items, run.hooks.table_endings)
    folder, parts, schemas = run.folder, run.parts, run.hooks.schemas
    notes = tuple(run.hooks.tell_notes(ExceptionBatch.empty()))
    earlier = run.hooks.earlier
    if earlier is not None:
        run.put(Earlier(settled=earlier.settled.record_batch, facts=earlier.facts), "earlier")

    def add_up(_: int, received: Received) -> Iterator[Packet]:
        yield from added_up(received)
        yield from packed({"pieces": pieces_told(received), "ages": received.table("ages", _AGES)})
        yield from packed({name: received.table(name, schemas[name]) for name in notes})
        for name in _GIVEN:
            yield from twice_in(received, name)

    sent = begun(run.spark, len(payments) + len(items), _Keeping(run, payments, items))
    found = gathered(passed(sent, parts, add_up))
    tally, pieces = ItemTally.of(found), pieces_of(pieces_told(found))
    _refuse_twice(
        numbers_twice(found, "payments"),
        "payments",
        lambda number: keys_of_payments(folder, pieces, number),
    )
    _refuse_twice(
        numbers_twice(found, "open_items"),
        "open items",
        lambda number: _taken_items(folder, number),
    )
    run.put(tally, "tally")
    run.put(np.sum(found.table("ages", _AGES)["ages"].to_pylist() or [[0]], axis=0), "ages_before")
    run.put(len(items), "item_files")
    run.note(found, "inputs")
    if apart:
        run.put(pieces, "pieces")
    return {"open_items": tally.counts.items, "payments": int(pieces.rows.sum())}


class _Keeping:
    """The step that reads a file: payments, those that no earlier run has seen; or open items, at
    what earlier runs left of them.
    """

    def __init__(self, run: Run, payments: list[str], items: list[str]) -> None:
        hooks, earlier = run.hooks, run.hooks.earlier
        self._payments, self._items = payments, items
        self._folder, self._parts = run.folder, run.parts
        self._read_payments, self._read_items = hooks.read_payments, hooks.read_open_items
        self._tell_notes, self._earlier_at = hooks.tell_notes, run.place_of("earlier")
        self._unseen = None if earlier is None else earlier.unseen
        self._reduced = None if earlier is None else earlier.reduced

    def __call__(self, number: int) -> Iterator[Packet]:
        payments = len(self._payments)
        return self._paid(number) if number < payments else self._owed(number - payments)

    def _paid(self, file: int) -> Iterator[Packet]:
        batch, first = self._read_payments(content_of(self._payments[file])), file << FILE_BITS
        day, lines = latest_booking(batch), RemittanceBatch.empty()
        if self._unseen is not None:
            unseen = self._unseen(mapped_value(self._earlier_at).facts, batch, lines)
            batch = unseen.payments
            yield from packed(self._tell_notes(unseen.exceptions), file % self._parts)
        yield from keep_pieces(self._folder, batch, lines, first, self._parts, day)
        if len(self._payments) > 1:
            yield from key_hashes(batch, first, "payments", self._parts)

    def _owed(self, file: int) -> Iterator[Packet]:
        rows = self._read_items(content_of(self._items[file]))
        if self._reduced is not None:
            told: Earlier = mapped_value(self._earlier_at)
            rows = _at_what_is_left(self._folder, file, rows, self._reduced(told.facts, rows))
            yield from packed({"ages": pa.table([[ages_before(told, rows)]], schema=_AGES)})
        yield from _kept_items(rows, self._folder, file, self._parts)
        if len(self._items) > 1:
            yield from key_hashes(rows, file << FILE_BITS, "open_items", self._parts)


def _taken_items(folder: Place, number: NDArray[np.int64]) -> pa.Table:
    """The keys of the items with the given numbers, ascending."""
    file = number >> FILE_BITS
    return pa.concat_tables(
        taken(items_place(folder, one), number[file == one] & ROW_MASK, OpenItemBatch.KEY)
        for one in sorted(set(file.tolist()))
    )


def _refuse_twice(
    number: NDArray[np.int64], name: str, keys: Callable[[NDArray[np.int64]], pa.Table]
) -> None:
    """Raise `DuplicateRowsError` where rows, whose hashes are equal, have one key."""
    if not len(number):
        return
    rows = keys(np.sort(number))
    names = rows.column_names
    counted = rows.group_by(names).aggregate([([], "count_all")])
    twice = counted.filter(pc.greater(counted["count_all"], 1))
    if len(twice):
        first = twice.sort_by([(one, "ascending") for one in names]).select(names)
        raise DuplicateRowsError(_said_twice([one[0].as_py() for one in first.columns], name))


def _said_twice(key: list[str], name: str) -> str:
    shown = " / ".join(part for part in key if part)
    return f"{name}: {shown!r} stands in more than one part or row; each may stand once"


def _kept_items(items: OpenItemBatch, folder: Place, file: int, parts: int) -> Iterator[Packet]:
    """Keep the items of a file, and send what they add to the counts of all."""
    owners = Owners.of(items)
    counts: list[ItemCounts] = []
    number = file << FILE_BITS

    def rows() -> Iterator[pa.Table]:
        for first in range(0, len(items), _PIECE_ROWS):
            piece = OpenItemBatch.of_distinct(items.record_batch.slice(first, _PIECE_ROWS))
            owner = owners.of_row[first : first + _PIECE_ROWS]
            table, counted = item_rows(piece, owner, number + first)
            counts.append(counted)
            yield table

    keep_table(items_place(folder, file), rows(), ITEM_ROW)
    keep_table(owners_place(folder, file), [owners.names], owners.names.schema)
    keep_given(folder, "open_items", pa.Table.from_batches([items.record_batch]), file)
    yield from counts_sent(items, owners, counts, file, parts)


def keep_given(folder: Place, name: str, rows: pa.Table, number: int) -> None:
    """Keep what the audit wants to know of `rows` as they came in."""
    with (given_place(folder, name) / f"{number:016x}.parquet").written() as sink:
        pq.write_table(rows.select(_GIVEN[name]), sink, compression="zstd")


def keep_customers(run: Run) -> dict[str, int]:
    """All customers, indexed: those of the master, and those that only items name."""
    master = CustomerBatch.empty()
    if run.job.customers is not None:
        read = run.hooks.read_customers
        uris = table_files(run.job.customers, run.hooks.table_endings)
        parts = [read(content_of(uri)).record_batch for uri in uris]
        master = one_table(CustomerBatch, parts, "customers")
    tally: ItemTally = run.value("tally")
    known = KnownCustomers.of(master, tally.owners)
    size = run.put(known, "customers")
    return {"customers": len(known.directory), "with_items": len(tally.owners), "bytes": size}


def keep_facts(run: Run) -> dict[str, int]:
    """What is true of all items: how round amounts are, which recur, what numbers look like."""
    tally: ItemTally = run.value("tally")
    known: KnownCustomers = run.value("customers")
    pieces: Pieces = run.value("pieces")
    currencies = sorted(tally.counts.roundness)
    code = {name: number for number, name in enumerate(currencies)}
    codes = np.array([code[name] for name in tally.amounts["currency"].to_pylist()], dtype=np.int64)
    key = amount_keys(codes, tally.amounts["amount"].to_numpy())
    order = np.argsort(key)
    none = np.empty(0, dtype=np.uint64)
    whole = tally.counts.whole(
        known.directory.companies,
        (key[order], tally.amounts["items"].to_numpy()[order]),
        repeats_by_currency(tally.repeats, code),
        none,
        none,
    )
    learned = run.hooks.earlier.learned if run.hooks.earlier else LearnedFactBatch.empty()
    facts = RunFacts(
        day=pieces.day if run.job.as_of is None else (run.job.as_of - _EPOCH).days,
        policy=read_policy(run.job.policy),
        outcomes=run.job.outcomes,
        accounts=run.accounts.record_batch,
        facts=learned.record_batch,
        whole=whole,
        originals={},
    )
    run.put(facts, "facts_counted")
    return {"recurring_amounts": len(key), "companies": len(whole.companies)}


def repeats_by_currency(repeats: pa.Table, code: dict[str, int]) -> NDArray[np.int64]:
    """Per currency, amounts that stand once in a ledger, and twice, of rows that count them so."""
    found = np.zeros((len(code), 2), dtype=np.int64)
    for row in repeats.to_pylist():
        found[code[row["currency"]], row["items"] - 1] += row["amounts"]
    return found


def read_small_table(name: str, read: Callable[[TableContent], Any]) -> Any:
    """A table of the driver: one file, or the parts of a folder together."""
    parts = [read(content_of(uri)).record_batch for uri in table_files(name)]
    return one_table(BankAccountBatch, parts, name)


def table_files(name: str, endings: tuple[str, ...] = tuple(TABLE_FORMATS)) -> list[str]:
    """The file `name`, or the tables in the folder `name`; raises `UnusableInputError` where there
    is none, or `FileNotFoundError`.
    """
    files = files_below(name, endings)
    if not files:
        message = f"{name} holds no table: expected {', '.join(sorted(endings))} files"
        raise UnusableInputError(message)
    return [file.uri for file in files]


def content_of(uri: str) -> TableContent:
    """The table at `uri`."""
    place = Place(uri)
    return TableContent(place.name, place.read())


def one_table(kind: type[AnyBatch], parts: list[pa.RecordBatch], name: str) -> AnyBatch:
    """The rows of all `parts`; a key that stands in two of them is refused."""
    if not parts:
        return kind.empty()
    batch = kind.of_distinct(pa.concat_batches(parts))
    keys = batch.key_strings()
    order = pc.array_sort_indices(keys)
    ordered = keys.take(order)
    twice = np.flatnonzero(pc.equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False))
    if len(twice):
        raise DuplicateRowsError(_said_twice(ordered[int(twice[0])].as_py().split("\x1f"), name))
    return batch.take(order.to_numpy(zero_copy_only=False).astype(np.int64))
