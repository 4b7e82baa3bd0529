"""Tables of any columns as rows of one shape: name, and a piece of the table as Arrow bytes.

What a bucket gives are several tables. They leave the task as rows of one kind, and are taken apart
where each table is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PACKED", "packed", "unpacked"]

PACKED: Final = pa.schema(
    [pa.field("name", pa.string()), pa.field("rows", pa.int64()), pa.field("content", pa.binary())]
)
"""A piece of the table `name`."""

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
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(piece)
            names.append(name)
            sizes.append(len(piece))
            contents.append(sink.getvalue().to_pybytes())
    return pa.table({"name": names, "rows": sizes, "content": contents}, schema=PACKED)


def unpacked(pieces: pa.Table, name: str, schema: pa.Schema) -> pa.Table:
    """The rows of table `name` in `pieces`."""
    of = pieces.filter(pc.equal(pieces.column("name"), name)).column("content").to_pylist()
    tables = [pa.ipc.open_stream(content).read_all() for content in of]
    return pa.concat_tables(tables) if tables else schema.empty_table()
