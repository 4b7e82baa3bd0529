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
    is_worth_it = rows.num_rows >= _ROWS_MIN
    said: dict[str, str] = {"rows": "{rows}"}
    left: list[str] = []
    for name in rows.column_names:
        literal = _literal(rows[name]) if is_worth_it else None
        if literal is None:
            left.append(name)
        said[name] = shown(len(left), name) if literal is None else literal
    return rows.select(left), statement.format(**said)


def named(rows: pa.Table, statement: str) -> pa.Table:
    """The columns of `rows` that `statement` names."""
    return rows.select([name for name in rows.column_names if f"{{{name}}}" in statement])


def _literal(column: pa.ChunkedArray) -> str | None:
    """The one value of `column` as SQL; None where there are several, or it cannot be written."""
    if column.null_count or not len(column):
        return None
    first: bool | int | str = column[0].as_py()
    if not pc.all(pc.equal(column, pa.scalar(first, column.type))).as_py():
        return None
    if isinstance(first, bool):
        return None
    if isinstance(first, int):
        return f"({first})"
    if "\0" in first or "{" in first or "}" in first:
        return None
    return "'" + first.replace("'", "''") + "'"
