"""Tables of any columns as rows of one shape: name, and a piece of the table as Arrow bytes.

What a bucket gives are several tables. They leave the task as rows of one kind, and are taken apart
where each table is written. What goes into a bucket travels so as well (`CHUNK`): to Spark a chunk
is one value, so that it neither takes rows of many columns apart nor puts them together again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.segments import first_of_runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["CHUNK", "PACKED", "chunked", "packed", "unpacked"]

PACKED: Final = pa.schema(
    [pa.field("name", pa.string()), pa.field("rows", pa.int64()), pa.field("content", pa.binary())]
)
"""A piece of the table `name`."""

CHUNK: Final = pa.schema([pa.field("bucket", pa.int64()), *PACKED])
"""A piece of what the table `name` has in `bucket`."""

_ROWS_MAX: Final = 1 << 16
"""Rows of one piece: some tens of megabytes, far below the 2 GiB a value may have."""


def packed(tables: Mapping[str, pa.Table]) -> pa.Table:
    """`tables` by name, in pieces (`PACKED`)."""
    names: list[str] = []
    sizes: list[int] = []
    contents: list[bytes] = []
    for name, table in tables.items():
        for first in range(0, len(table), _ROWS_MAX):
            piece = table.slice(first, _ROWS_MAX).combine_chunks()
            names.append(name)
            sizes.append(len(piece))
            contents.append(_content(piece))
    return pa.table({"name": names, "rows": sizes, "content": contents}, schema=PACKED)


def chunked(name: str, table: pa.Table, bucket: NDArray[np.int64]) -> pa.Table:
    """The rows of `table`, a piece of the table `name`, in chunks (`CHUNK`) by the `bucket` of
    each; those of a negative one are left out.
    """
    order = np.argsort(bucket, kind="stable")
    order = order[np.searchsorted(bucket[order], 0) :]
    if not len(order):
        return CHUNK.empty_table()
    sorted_ = table.take(pa.array(order)).combine_chunks()
    begin = np.flatnonzero(first_of_runs(bucket[order]))
    size = np.diff(begin, append=len(order))
    contents = [
        _content(sorted_.slice(first, rows))
        for first, rows in zip(begin.tolist(), size.tolist(), strict=True)
    ]
    columns = [bucket[order][begin], [name] * len(begin), size, contents]
    return pa.table(columns, schema=CHUNK)


def _content(piece: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, piece.schema) as writer:
        writer.write_table(piece)
    return bytes(sink.getvalue().to_pybytes())


def unpacked(pieces: pa.Table, name: str, schema: pa.Schema) -> pa.Table:
    """The rows of table `name` in `pieces`."""
    of = pieces.filter(pc.equal(pieces.column("name"), name)).column("content").to_pylist()
    tables = [pa.ipc.open_stream(content).read_all() for content in of]
    return pa.concat_tables(tables) if tables else schema.empty_table()
