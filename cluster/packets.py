"""What tasks send to tasks: pieces of tables, each as Arrow's own bytes in one value.

To Spark a packet is a row of four columns, whatever its table looks like: it neither takes rows of
twenty and more columns apart nor puts them together again. Packets say to which task of the next
step they go; what ends at the driver goes nowhere.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
import pyarrow as pa

from engine.segments import first_of_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["PACKET", "Packet", "Received", "batches_of", "packed", "scattered"]

PACKET: Final = pa.schema(
    [
        pa.field("to", pa.int32()),
        pa.field("name", pa.string()),
        pa.field("rows", pa.int64()),
        pa.field("content", pa.binary()),
    ]
)
"""A piece of the table `name`, for the task with the number `to`."""

_ROWS_MAX: Final = 1 << 15
"""Rows of one packet: some ten megabytes, far below the 2 GiB a value may have."""

_BATCH_BYTES: Final = 32 << 20
"""Packets that are handed to Spark at once take about so much."""


class Packet(NamedTuple):
    """A piece of a table on its way (`PACKET`)."""

    to: int
    name: str
    rows: int
    content: bytes


def packed(tables: Mapping[str, pa.Table], to: int = 0) -> Iterator[Packet]:
    """`tables` by name, in pieces; those without rows are left out."""
    for name, table in tables.items():
        for first in range(0, len(table), _ROWS_MAX):
            piece = table.slice(first, _ROWS_MAX).combine_chunks()
            yield Packet(to, name, len(piece), _content(piece))


def scattered(name: str, table: pa.Table, to: NDArray[np.int64]) -> Iterator[Packet]:
    """The rows of `table`, a piece of the table `name`, each for the task `to`; those of a negative
    one are left out.
    """
    order = np.argsort(to, kind="stable")
    order = order[np.searchsorted(to[order], 0) :]
    if not len(order):
        return
    ordered = table.take(pa.array(order)).combine_chunks()
    begin = np.flatnonzero(first_of_runs(to[order]))
    size = np.diff(begin, append=len(order))
    for task, first, rows in zip(
        to[order][begin].tolist(), begin.tolist(), size.tolist(), strict=True
    ):
        yield from packed({name: ordered.slice(first, rows)}, task)


def _content(piece: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, piece.schema) as writer:
        writer.write_table(piece)
    return bytes(sink.getvalue().to_pybytes())


def batches_of(packets: Iterable[Packet]) -> Iterator[pa.RecordBatch]:
    """`packets` as record batches that are not too large."""
    held: list[Packet] = []
    size = 0
    for packet in packets:
        held.append(packet)
        size += len(packet.content)
        if size >= _BATCH_BYTES:
            yield _batch(held)
            held, size = [], 0
    if held:
        yield _batch(held)


def _batch(packets: list[Packet]) -> pa.RecordBatch:
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*packets, strict=True), PACKET, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PACKET)


def _contents(column: pa.BinaryArray) -> list[pa.Buffer]:
    """Each value where it lies: a value that is taken out of its array is a copy."""
    _, ends, data = column.buffers()
    if data is None:
        return [pa.py_buffer(b"")] * len(column)
    bounds = np.frombuffer(ends, dtype=np.int32)[column.offset :][: len(column) + 1].tolist()
    return [data.slice(first, last - first) for first, last in pairwise(bounds)]


class Received:
    """What one task was sent."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._contents: dict[str, list[pa.Buffer]] = {}

    @classmethod
    def by_task(cls, batches: Iterable[pa.RecordBatch]) -> dict[int, Self]:
        """What came, by the task it is for, ascending."""
        found: dict[int, Self] = {}
        for batch in batches:
            names, contents = batch.column(1).to_pylist(), _contents(batch.column(3))
            for row, task in enumerate(batch.column(0).to_pylist()):
                received = found.setdefault(task, cls())
                if names[row]:
                    received.take(names[row], contents[row])
        return dict(sorted(found.items()))

    def take(self, name: str, content: pa.Buffer) -> None:
        """One piece more of the table `name`."""
        self._contents.setdefault(name, []).append(content)

    def names(self) -> list[str]:
        """The tables there is something of."""
        return sorted(self._contents)

    def contents(self, name: str) -> list[pa.Buffer]:
        """The pieces of the table `name` as they came."""
        return self._contents.get(name, [])

    def table(self, name: str, schema: pa.Schema) -> pa.Table:
        """The rows of the table `name`."""
        tables = [pa.ipc.open_stream(content).read_all() for content in self.contents(name)]
        return pa.concat_tables(tables) if tables else schema.empty_table()
