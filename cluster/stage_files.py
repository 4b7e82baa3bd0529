"""Tables that stages keep for one another: a file of Arrow's for each task, written by the task.

On file systems every machine mounts the files are mapped, not read: a task touches the columns and
rows it wants and nothing else. Elsewhere they are compressed and read whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from cluster.places import Place

__all__ = ["keep_table", "kept_batches", "kept_table", "taken"]


def keep_table(place: Place, pieces: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Keep the rows of all `pieces` in the file `place`, a batch for each; gives their number."""
    options = pa.ipc.IpcWriteOptions(compression=None if place.is_local else "zstd")
    rows = 0
    with place.written() as sink, pa.ipc.new_file(sink, schema, options=options) as writer:
        for piece in pieces:
            for batch in piece.combine_chunks().to_batches():
                writer.write_batch(batch)
            rows += len(piece)
    return rows


def kept_batches(place: Place, columns: Sequence[str] | None = None) -> list[pa.RecordBatch]:
    """The batches of the file `place`: all columns, or those named, in that order."""
    source = pa.memory_map(str(place.path())) if place.is_local else pa.py_buffer(place.read())
    opened = pa.ipc.open_file(source)
    batches = [opened.get_batch(number) for number in range(opened.num_record_batches)]
    return batches if columns is None else [batch.select(columns) for batch in batches]


def kept_table(place: Place, schema: pa.Schema) -> pa.Table:
    """The rows of the file `place`, one of `schema`; none where there is no such file."""
    if not place.exists():
        return schema.empty_table()
    return pa.Table.from_batches(kept_batches(place), schema)


def taken(place: Place, rows: NDArray[np.int64], columns: Sequence[str]) -> pa.Table:
    """The given `rows` (ascending) of the file `place`."""
    batches = kept_batches(place, columns)
    first = np.cumsum([0, *(batch.num_rows for batch in batches)])
    bounds = np.searchsorted(rows, first)
    parts = [
        batch.take(pa.array(rows[low:high] - begin))
        for batch, begin, low, high in zip(
            batches, first[:-1].tolist(), bounds[:-1], bounds[1:], strict=True
        )
        if high > low
    ]
    if not parts:
        return batches[0].schema.empty_table() if batches else pa.table({})
    return pa.Table.from_batches(parts)
