"""Changes of many rows by one statement: columns that say the same for all rows are said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["folded", "named"]

_ROWS_MIN: Final = 64


def folded(
    rows: pa.Table, statement: str, shown: Callable[[int, str], str]
) -> tuple[pa.Table, str]:
    """The columns of `rows` that differ from row to row, and `statement` for them.

    In it `{name}` becomes the value of a column that is the same in every row, and of any other
    column what `shown` makes of its place (from 1) and name. `{rows}` is left. Of few rows all
    columns differ: their statement is the same every time, and need not be read anew.
    """
    rows = named(rows, statement)
    literals = (
        {name: _literal(rows[name]) for name in rows.column_names}
        if rows.num_rows >= _ROWS_MIN
        else {}
    )
    # Somebody counts the rows by what is left of them.
    left = [name for name in rows.column_names if literals.get(name) is None] or rows.column_names[
        :1
    ]
    said = {name: literals.get(name) for name in rows.column_names}
    said |= {name: shown(place, name) for place, name in enumerate(left, start=1)}
    return rows.select(left), statement.format(rows="{rows}", **said)


def named(rows: pa.Table, statement: str) -> pa.Table:
    """The columns of `rows` that `statement` names."""
    return rows.select([name for name in rows.column_names if f"{{{name}}}" in statement])


def _literal(column: pa.ChunkedArray) -> str | None:
    """The one value of `column` as SQL; None where there are several, or it cannot be written."""
    if column.null_count:
        return "NULL" if column.null_count == len(column) else None
    if not (pa.types.is_int64(column.type) or pa.types.is_string(column.type)):
        return None
    first: int | str = column[0].as_py()
    if not pc.all(pc.equal(column, pa.scalar(first, column.type))).as_py():
        return None
    if isinstance(first, int):
        return f"({first})"
    if "\0" in first or "{" in first or "}" in first:
        return None
    return "'" + first.replace("'", "''") + "'"
