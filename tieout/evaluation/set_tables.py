"""Judged sets as a table, and back: what calibrations and records are counted from.

One row per set of items that was decided or proposed. Evaluations write such a table (`sets`),
stores give one of what people decided, and any system may make its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.calibration import MILLION
from engine.limits import PROPOSALS_MAX
from parsers.errors import TableError
from tieout.evaluation.judgement import CandidateSets
from tieout.run_formats import FILE_FORMATS, read_table, table_bytes
from tieout.run_tables import OutputTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tieout.run_formats import FileFormat

__all__ = ["SET_SCHEMA", "read_sets", "set_table", "write_sets"]

SET_SCHEMA: Final = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("decision", pa.string()),
        pa.field("rank", pa.int32()),
        pa.field("strategy", pa.string()),
        pa.field("uniqueness", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("doubt_per_million", pa.int64()),
        pa.field("withheld", pa.bool_()),
        pa.field("right", pa.bool_()),
    ]
)
"""`key` tells payments apart; `rank` is 0 where the set was decided; `right`: it was the answer."""

_TEXTS: Final = ("key", "strategy", "uniqueness")


def set_table(keys: pa.StringArray, sets: CandidateSets) -> pa.Table:
    """`sets` as a table; `keys` are those of the payments they name."""
    return pa.table(
        {
            "key": keys.take(pa.array(sets.payment)),
            "decision": pa.array(["auto", "proposed"]).take(pa.array((sets.rank > 0).astype(int))),
            "rank": sets.rank.astype(np.int32),
            "strategy": sets.strategy,
            "uniqueness": sets.uniqueness,
            "confidence": sets.confidence,
            "doubt_per_million": sets.doubt_ppm,
            "withheld": sets.withheld,
            "right": sets.right,
        },
        schema=SET_SCHEMA,
    )


def write_sets(sets: pa.Table, path: Path) -> None:
    """Write a table of sets to `path`, in the format of its extension; raises `TableError`."""
    table = OutputTable(rows=sets, exponents=np.zeros(sets.num_rows, dtype=np.int64))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table_bytes(table, _format_of(path)))


def read_sets(paths: Sequence[Path]) -> CandidateSets:
    """The sets of all tables at `paths`; raises `FileNotFoundError`, or `TableError` that names
    file and column.
    """
    rows = pa.concat_tables([_read(path) for path in paths]).combine_chunks()
    codes = rows["key"].combine_chunks().dictionary_encode().indices
    return CandidateSets(
        payment=codes.to_numpy(zero_copy_only=False).astype(np.int64),
        rank=rows["rank"].to_numpy().astype(np.int64),
        strategy=rows["strategy"].combine_chunks(),
        uniqueness=rows["uniqueness"].combine_chunks(),
        confidence=rows["confidence"].to_numpy(),
        doubt_ppm=rows["doubt_per_million"].to_numpy(),
        withheld=rows["withheld"].to_numpy(),
        cash=np.zeros(len(rows), dtype=np.int64),
        right=rows["right"].to_numpy(),
    )


def _read(path: Path) -> pa.Table:
    try:
        table = read_table(path, _format_of(path), SET_SCHEMA)
        missing = [name for name in SET_SCHEMA.names if name not in table.column_names]
        if missing:
            message = f"{path.name}: no column {missing[0]}"
            raise TableError(message)
        rows = table.select(SET_SCHEMA.names).cast(SET_SCHEMA)
    except (pa.ArrowInvalid, KeyError) as error:
        message = f"{path.name}: {error}"
        raise TableError(message) from None
    for name in _TEXTS:
        at = rows.column_names.index(name)
        rows = rows.set_column(at, name, pc.fill_null(rows[name], ""))
    for name, least, most in (
        ("rank", 0, PROPOSALS_MAX),
        ("confidence", 0, 1),
        ("doubt_per_million", 0, MILLION),
        ("withheld", 0, 1),
        ("right", 0, 1),
    ):
        _refuse_beyond(path, rows, name, least, most)
    return rows


def _format_of(path: Path) -> FileFormat:
    """The format of the file by its name; raises `TableError`."""
    for one in FILE_FORMATS:
        if path.suffix == f".{one}":
            return one
    message = f"{path.name}: no table of sets; expected .parquet, .csv or .jsonl"
    raise TableError(message)


def _refuse_beyond(path: Path, rows: pa.Table, name: str, least: int, most: int) -> None:
    """Raise `TableError` where a value is missing or cannot be."""
    values = rows[name].cast(pa.float64())
    fits = pc.and_(pc.greater_equal(values, float(least)), pc.less_equal(values, float(most)))
    wrong = pc.invert(pc.fill_null(fits, False)).to_numpy()  # noqa: FBT003  # Arrow's own signature
    if wrong.any():
        row = int(wrong.argmax())
        message = (
            f"{path.name}: row {row + 1}, column {name}: {rows[name][row]} is not between "
            f"{least} and {most}"
        )
        raise TableError(message)
