"""One connection to the database of one tenant: the same few calls for SQLite and PostgreSQL.

Topics (`store/bank_files.py` and its neighbours) hold SQL that both databases run, with `?` for
values. What crosses this border is the same on both sides: whole numbers, floats, text, bytes,
truth as 0/1 or bool, dates as ISO 8601 text, None.

A statement that breaks a rule of the database raises `StoreIntegrityError`; the write block it
stands in must then be left, PostgreSQL takes no other statement until it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

__all__ = ["Database", "Dialect"]

Dialect = Literal["sqlite", "postgresql"]


class Database(Protocol):
    """One connection, used by one thread at a time."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL differs, where a measurement made it differ."""

    def reading(self) -> AbstractContextManager[None]:
        """A block whose questions are answered from one and the same state of the store.

        Within another block it is part of that one.
        """

    def writing(self) -> AbstractContextManager[None]:
        """A block whose changes are committed as one at its end, or undone by an error.

        One at a time per tenant: the next begins after this one ended. Raises `StoreBusyError`
        where the one before does not end in time, and must not stand within another block.
        """

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows."""

    def change(self, sql: str, *values: Any) -> int:
        """Run one statement and give how many rows it changed."""

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each of `rows` and give how many rows that changed."""

    def insert_table(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Insert `rows` into the columns of `table` that have their names: the way for many."""

    def merge_table(
        self, table: str, rows: pa.Table | pa.RecordBatch, statement: Callable[[str], str]
    ) -> int:
        """Run `statement`, an `INSERT` into `table`, over `rows` and give how many that changed.

        `statement` makes the SQL around the source of the rows, whose columns are those of `rows`.
        Only within a writing block.
        """

    def change_all(self, rows: pa.Table, statement: str) -> bool:
        """Run `statement`, an `UPDATE` of one row, for each of `rows`: each changes one, or none.

        `{name}` in it stands for the row's column of that name, `{rows}` where its `FROM` would
        be. Gives whether they did. Only within a writing block.
        """

    def read_table(self, sql: str, schema: pa.Schema, *values: Any) -> pa.Table:
        """The rows of a question as columns of `schema`: the way for many."""

    def run_script(self, sql: str) -> None:
        """Run several statements without values."""

    def close(self) -> None:
        """Let go of the connection."""
