"""Rows as they travel between machines: batches of the engine as plain columns, and back.

A payment travels with all that belongs to it: its remittance lines, who paid it, and items of other
customers that its references hit. They stand in its row as lists, so that nothing has to find its
payment again on the other side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import Batch, OpenItemBatch, PayerBatch, PaymentBatch, RemittanceBatch
from engine.segments import first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = [
    "HIT",
    "ITEM_ROW",
    "NUMBERED_ITEM",
    "PAYMENT_ROW",
    "READ_ROW",
    "batch_of",
    "first_family",
    "hidden",
    "int64_list",
    "items_of",
    "lines_of",
    "lists_of",
    "payer_column",
    "payers_of",
    "seen",
    "struct_list",
    "with_lines",
]


def _columns_of(kind: type[Batch], *, without: str = "") -> list[pa.Field]:
    """The columns of `kind` as they travel: Spark knows no column that cannot be null."""
    return [pa.field(one.name, one.type) for one in kind.SCHEMA if one.name != without]


_LINE: Final = pa.schema(_columns_of(RemittanceBatch, without="payment_id"))
_PAYER: Final = pa.schema(_columns_of(PayerBatch, without="payment_id"))
NUMBERED_ITEM: Final = pa.schema([*_columns_of(OpenItemBatch), pa.field("item_no", pa.int64())])
"""An open item with its number in the run."""

_LONGS: Final = pa.list_(pa.int64())

ITEM_ROW: Final = pa.schema(
    [*NUMBERED_ITEM, pa.field("owner", pa.int64()), pa.field("keys", _LONGS)]
)
"""An open item with its number in the run, the number its owner has in its file, and the keys of
its references."""

HIT: Final = pa.schema([*NUMBERED_ITEM, pa.field("payment_no", pa.int64())])
"""An open item, for a payment that asked for it."""

PAYMENT_ROW: Final = pa.schema(
    [
        *_columns_of(PaymentBatch),
        pa.field("payment_no", pa.int64()),
        pa.field("lines", pa.list_(pa.struct(list(_LINE)))),
    ]
)
"""A payment with its number in the run and its remittance lines."""

READ_ROW: Final = pa.schema(
    [
        *PAYMENT_ROW,
        pa.field("told", pa.struct(list(_PAYER))),
        pa.field("families", _LONGS),
        pa.field("strangers", pa.list_(pa.struct(list(NUMBERED_ITEM)))),
        pa.field("numbers_between", _LONGS),
        pa.field("amounts_asked", _LONGS),
        pa.field("numbers_written", _LONGS),
    ]
)
"""A payment that was read: who paid it, the families it reaches (numbers of their heads), items of
others that its references hit; numbers inside ranges it names; keys of amounts, and its numbers,
where a damaged reference is looked for by amount."""


def batch_of(kind: type[AnyBatch], table: pa.Table | pa.RecordBatch) -> AnyBatch:
    """The columns of `kind` in `table` as a batch, those it lacks empty; the rows have come from
    one before.
    """
    there = set(table.schema.names)
    return kind.from_distinct(
        {name: table.column(name) for name in kind.SCHEMA.names if name in there}
    )


def items_of(table: pa.Table) -> tuple[OpenItemBatch, NDArray[np.int64]]:
    """The open items in `table`, each once however often it came, and their numbers."""
    number = np.asarray(table.column("item_no").to_numpy(), dtype=np.int64)
    order = np.argsort(number, kind="stable")
    kept = order[first_of_runs(number[order])] if len(order) else order
    return batch_of(OpenItemBatch, table.take(pa.array(kept))), number[kept]


def with_lines(payments: PaymentBatch, lines: RemittanceBatch, first: int) -> pa.Table:
    """`payments`, numbered from `first`, as rows that hold their lines."""
    found = pc.index_in(lines.text("payment_id"), value_set=payments.text("payment_id"))
    owner = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = pa.Table.from_batches([lines.record_batch]).select(_LINE.names)
    columns = {name: payments.record_batch.column(name) for name in PaymentBatch.SCHEMA.names}
    columns["payment_no"] = pa.array(np.arange(first, first + len(payments), dtype=np.int64))
    columns["lines"] = struct_list(owner, rows, len(payments))
    return pa.table(columns, schema=PAYMENT_ROW)


def lines_of(table: pa.Table) -> RemittanceBatch:
    """The remittance lines in rows of payments."""
    owner, rows = lists_of(table, "lines")
    ids = table.column("payment_id").take(pa.array(owner))
    return RemittanceBatch.from_distinct(
        {"payment_id": ids, **{name: rows.column(name) for name in _LINE.names}}
    )


def first_family(read: pa.Table) -> NDArray[np.int64]:
    """The first family that each payment in `read` (`READ_ROW`) reaches, -1 where there is none."""
    lists = _single(read.column("families"))
    some = pc.greater(pc.list_value_length(lists), 0)
    first = pa.nulls(len(lists), pa.int64())
    first = pc.replace_with_mask(first, some, pc.list_element(lists.filter(some), 0))
    found: NDArray[np.int64] = pc.fill_null(first, -1).to_numpy(zero_copy_only=False)
    return found


def payer_column(payers: PayerBatch) -> pa.StructArray:
    """Who paid, as one column."""
    columns = [payers.record_batch.column(name) for name in _PAYER.names]
    return pa.StructArray.from_arrays(columns, fields=list(_PAYER))


def payers_of(table: pa.Table) -> PayerBatch:
    """Who paid the payments in `table`."""
    told = table.column("told").combine_chunks()
    fields = {name: pc.struct_field(told, name) for name in _PAYER.names}
    return PayerBatch.from_distinct({"payment_id": table.column("payment_id"), **fields})


def struct_list(owner: NDArray[np.int64], rows: pa.Table, count: int) -> pa.ListArray:
    """`rows` as a list per owner, of `count` owners; -1 owns nothing."""
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    rows = rows.take(pa.array(order)).combine_chunks()
    arrays = [_single(column) for column in rows.columns]
    values = pa.StructArray.from_arrays(arrays, fields=list(rows.schema))
    return pa.ListArray.from_arrays(_offsets(owner[order], count), values)


def int64_list(
    owner: NDArray[np.int64], values: NDArray[np.int64] | NDArray[np.uint64], count: int
) -> pa.ListArray:
    """`values` as a list per owner, of `count` owners; unsigned ones bit by bit."""
    order = np.argsort(owner, kind="stable")
    return pa.ListArray.from_arrays(_offsets(owner[order], count), hidden(values[order]))


def lists_of(table: pa.Table, name: str) -> tuple[NDArray[np.int64], pa.Table]:
    """What stands in the lists of column `name`, and the row each stands in; lists of structs as
    their columns, plain ones as a column of that name.
    """
    column = _single(table.column(name))
    owner = pc.list_parent_indices(column).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(column)
    if not pa.types.is_struct(values.type):
        return owner, pa.table({name: values})
    return owner, pa.Table.from_struct_array(values)


def hidden(values: NDArray[np.int64] | NDArray[np.uint64]) -> pa.Array:
    """Numbers as int64: what travels knows no unsigned ones."""
    return pa.array(values.view(np.int64))


def seen(values: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """Unsigned numbers that were `hidden`."""
    plain: NDArray[np.int64] = (
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy()
    )
    return plain.astype(np.int64, copy=False).view(np.uint64)


def _offsets(owner: NDArray[np.int64], count: int) -> pa.Array:
    size = np.bincount(owner, minlength=count)
    return pa.array(np.concatenate([[0], np.cumsum(size)]).astype(np.int32))


def _single(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
