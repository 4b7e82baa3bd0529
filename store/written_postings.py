"""Postings of one booking as they were written: the audit leaf need not ask for them again.

A leaf is over what its effect meant to write; that the store has kept it so is what a verification
compares. A hundred thousand postings read back cost as much as moving their money.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import pyarrow.compute as pc

from store.audit_leaves import VALUE_SEPARATOR
from store.audited_tables import AUDITED_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from store.audit_leaves import RowSelection

__all__ = ["WrittenPostings"]

_TABLE: Final = AUDITED_TABLES["posting"]


class WrittenPostings:
    """What a booking has posted so far, set by set."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._sets: dict[str, list[tuple[pa.Table, int, Mapping[str, Any]]]] = {}

    def remember(self, rows: pa.Table, first: int, said: Mapping[str, Any]) -> None:
        """A set was written: its `rows`, numbered from `first`, and what is `said` of all of them,
        as the store gives it.
        """
        value = VALUE_SEPARATOR.join(str(said[name]) for name in _TABLE.column.split(","))
        self._sets.setdefault(value, []).append((rows, first, said))

    def rows(self, selection: RowSelection) -> Iterable[tuple[Any, ...]] | None:
        """The rows that `selection` finds, in their order; None where it is not about postings of
        this booking.
        """
        if (selection.table, selection.column) != (_TABLE.name, _TABLE.column):
            return None
        sets = self._sets.get(selection.value)
        return None if sets is None else _rows_of(sets)


def _rows_of(
    sets: list[tuple[pa.Table, int, Mapping[str, Any]]],
) -> Iterator[tuple[Any, ...]]:
    for rows, first, said in sets:
        own = {**said, "posting_number": range(first, first + rows.num_rows)}
        yield from zip(
            *(
                _values(rows[name]) if name in rows.column_names else _said(own[name])
                for name in _TABLE.columns
            ),
            strict=False,  # what is said of all rows has no end
        )


def _said(value: Any) -> Iterable[Any]:
    return value if isinstance(value, range) else repeat(value)


def _values(column: pa.ChunkedArray) -> Iterable[Any]:
    """The values of `column`; where all rows have the same, it is made once."""
    if len(column) and not column.null_count:
        first = column[0]
        if pc.all(pc.equal(column, first)).as_py():
            return repeat(first.as_py())
    values: list[Any] = column.to_pylist()
    return values
