"""The first stages: tables are read, part by part, by the readers that read them everywhere.

A table is all or nothing, however many parts it has: a bad value in one part, or a key that stands
in two of them, stops the run with the sentence a single file would get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as sf

from cluster.errors import DuplicateRowsError, UnusableInputError
from cluster.item_rows import item_rows
from cluster.known_customers import KnownCustomers
from cluster.places import Place, files_below
from cluster.rows import ITEM_ROW, PAYMENT_ROW, with_lines
from cluster.spark_rows import collected, each_number
from engine.batches import (
    BankAccountBatch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
    RemittanceBatch,
)
from parsers.table_files import TABLE_FORMATS
from parsers.tables import TableContent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame

    from cluster.run import Run

__all__ = [
    "keep_customers",
    "keep_open_items",
    "keep_payments_table",
    "read_small_table",
]

_PART_BITS: Final = 32
_PIECE_ROWS: Final = 1 << 16
"""Rows that are taken apart at once: some 100 MiB with their keys."""


def keep_open_items(run: Run) -> dict[str, int]:
    """Open items as rows of the run."""
    read = run.hooks.read_open_items

    def rows(number: int, content: TableContent) -> Iterator[pa.Table]:
        items = _read(read, content)
        for first in range(0, len(items), _PIECE_ROWS):
            piece = items.record_batch.slice(first, _PIECE_ROWS)
            yield item_rows(OpenItemBatch.of_distinct(piece), (number << _PART_BITS) + first)

    kept = run.write(_parts(run, run.job.open_items, rows, ITEM_ROW), "open_items")
    _refuse_twice(kept, OpenItemBatch.KEY, "open items")
    return {"open_items": kept.count()}


def keep_customers(run: Run) -> dict[str, int]:
    """All customers, indexed: those of the master, and those that only items name."""
    master = CustomerBatch.empty()
    if run.job.customers is not None:
        read = run.hooks.read_customers
        parts = [_read(read, content) for _, content in _contents(run.job.customers)]
        master = _one_table(CustomerBatch, parts, "customers")
    keys = ["company_id", "customer_id"]
    owners = collected(
        run.table("open_items").groupBy(*keys).agg(sf.count("*").alias("items")).orderBy(*keys)
    )
    known = KnownCustomers.of(master, owners)
    size = run.put(known, "customers")
    return {"customers": len(known.directory), "with_items": len(owners), "bytes": size}


def keep_payments_table(run: Run) -> dict[str, int]:
    """Payments of a table as rows of the run."""
    read = run.hooks.read_payments

    def rows(number: int, content: TableContent) -> Iterator[pa.Table]:
        yield with_lines(_read(read, content), RemittanceBatch.empty(), number << _PART_BITS)

    kept = run.write(_parts(run, run.job.payments or "", rows, PAYMENT_ROW), "payments_read")
    _refuse_twice(kept, PaymentBatch.KEY, "payments")
    return {"payments": kept.count()}


def read_small_table(name: str, read: Callable[[TableContent], Any]) -> Any:
    """A table of the driver: one file, or the parts of a folder together."""
    parts = [_read(read, content) for _, content in _contents(name)]
    return _one_table(BankAccountBatch, parts, name)


def _parts(
    run: Run,
    name: str,
    rows: Callable[[int, TableContent], Iterator[pa.Table]],
    schema: pa.Schema,
) -> DataFrame:
    """`rows` of each part of the table `name`, one task each."""
    files = [file.uri for file in _table_files(name)]

    def make(number: int) -> Iterator[pa.Table]:
        place = Place(files[number])
        return rows(number, TableContent(place.name, place.read()))

    return each_number(run.spark, len(files), make, schema)


def _contents(name: str) -> Iterator[tuple[int, TableContent]]:
    for number, file in enumerate(_table_files(name)):
        place = Place(file.uri)
        yield number, TableContent(place.name, place.read())


def _table_files(name: str) -> list[Any]:
    files = files_below(name, tuple(TABLE_FORMATS))
    if not files:
        message = f"{name} holds no table: expected {', '.join(sorted(TABLE_FORMATS))} files"
        raise UnusableInputError(message)
    return files


def _read(read: Callable[[TableContent], Any], content: TableContent) -> Any:
    return read(content)


def _one_table(kind: Any, parts: list[Any], name: str) -> Any:
    """The rows of all `parts`; a key that stands in two of them is refused."""
    whole = pa.concat_batches([part.record_batch for part in parts])
    batch = kind.of_distinct(whole)
    keys = batch.key_strings()
    order = pc.array_sort_indices(keys)
    ordered = keys.take(order)
    twice = np.flatnonzero(pc.equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False))
    if len(twice):
        raise DuplicateRowsError(_said_twice(ordered[int(twice[0])].as_py().split("\x1f"), name))
    return batch.take(order.to_numpy(zero_copy_only=False).astype(np.int64))


def _refuse_twice(rows: DataFrame, key: tuple[str, ...], name: str) -> None:
    """Raise `DuplicateRowsError` where a key stands twice in `rows`."""
    twice = rows.groupBy(*key).count().where("count > 1").orderBy(*key).limit(1)
    found = collected(twice)
    if len(found):
        raise DuplicateRowsError(_said_twice([found[one][0].as_py() for one in key], name))


def _said_twice(key: list[str], name: str) -> str:
    shown = " / ".join(part for part in key if part)
    return f"{name}: {shown!r} stands in more than one part or row; each may stand once"
