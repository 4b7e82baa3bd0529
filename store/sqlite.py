"""A tenant's database in one SQLite file: write-ahead log, every commit on disk, one writer.

Several processes may open the file; SQLite's write lock makes write blocks follow each other, and
a process that dies in one leaves nothing of it behind.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import apsw
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from store.errors import StoreBusyError, StoreIntegrityError, StoreVersionError
from store.set_changes import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from store.database import Dialect

__all__ = ["SQLITE_VERSION_MIN", "SqliteDatabase", "check_sqlite_version"]

SQLITE_VERSION_MIN: Final = (3, 51, 3)
"""First release in which two connections in WAL mode cannot lose a commit to a log reset."""


_SETTINGS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    # 64 MiB: indexes of a million items are changed without reading their pages again.
    "cache_size = -65536",
)
_ROWS_AT_A_TIME: Final = 65_536
"""Rows made into Python objects at a time."""

_TEXTS: Final = msgspec.json.Decoder(list[str | None])
_INTEGERS: Final = msgspec.json.Decoder(list[int | None])
_FLOATS: Final = msgspec.json.Decoder(list[float | None])


def check_sqlite_version(version: str) -> None:
    """Refuse an SQLite `version` (`3.54.1`) that may lose commits."""
    if tuple(int(part) for part in version.split(".")) < SQLITE_VERSION_MIN:
        least = ".".join(str(part) for part in SQLITE_VERSION_MIN)
        message = f"SQLite {version} may lose commits in WAL mode; install apsw >= {least}.0"
        raise StoreVersionError(message, version=version)


class SqliteDatabase:
    """One connection to one file; see `store.database.Database`."""

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        """Open `path`, made with its folder where absent."""
        check_sqlite_version(apsw.sqlite_lib_version())
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(int(busy_seconds * 1000))
        for setting in _SETTINGS:
            self._connection.execute(f"PRAGMA {setting}")

    @property
    def dialect(self) -> Dialect:
        """Always `sqlite`."""
        return "sqlite"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block whose questions are answered from one and the same state of the store."""
        if self._connection.in_transaction:
            yield
            return
        with self._block("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A block whose changes are committed as one; raises `StoreBusyError`."""
        with self._block("BEGIN IMMEDIATE"):
            yield

    @contextmanager
    def _block(self, begin: str) -> Iterator[None]:
        try:
            self._connection.execute(begin)
        except apsw.BusyError:
            message = "another booking holds the store; send it again in a minute"
            raise StoreBusyError(message) from None
        try:
            yield
            # Deferred rules are looked at here: a commit may still be refused.
            with _rules():
                self._connection.execute("COMMIT")
        except BaseException:
            # Some errors (a full disk) have rolled back by themselves.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement and give its rows."""
        with _rules():
            return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> int:
        """Run one statement and give how many rows it changed."""
        with _rules():
            self._connection.execute(sql, values)
            return self._connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each of `rows` and give how many rows that changed."""
        before = self._connection.total_changes()
        with _rules():
            self._connection.executemany(sql, rows)
        return self._connection.total_changes() - before

    def insert_table(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Insert `rows` into the columns of `table` that have their names."""
        names = ", ".join(f'"{name}"' for name in rows.schema.names)
        marks = ", ".join(f"{{{name}}}" for name in rows.schema.names)
        insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names of ours
        differing, once = folded(rows, insert, lambda place, _: f"?{place}")
        self.execute_many(once, _rows_of(differing))

    def merge_table(
        self, table: str, rows: pa.Table | pa.RecordBatch, statement: Callable[[str], str]
    ) -> int:
        """Run `statement` over `rows` and give how many rows of `table` that changed."""
        del table  # the statement names it; what runs row by row needs no copy of its columns
        return self.execute_many(statement(_one_row(rows)), _rows_of(rows))

    def change_all(self, rows: pa.Table, statement: str) -> bool:
        """Run `statement` for each of `rows`: all change one row, or none does."""
        differing, once = folded(rows, statement, lambda place, _: f"?{place}")
        self.run_script("SAVEPOINT change_all")
        changed = self.execute_many(once.format(rows=""), _rows_of(differing))
        if changed != rows.num_rows:
            self.run_script("ROLLBACK TO change_all")
        self.run_script("RELEASE change_all")
        return changed == int(rows.num_rows)

    def read_table(self, sql: str, schema: pa.Schema, *values: Any) -> pa.Table:
        """The rows of a question as columns of `schema`.

        SQLite makes one JSON text of each column: a million small objects fewer than row by row,
        and less than half the time.
        """
        names = [f"c{number}" for number in range(len(schema))]
        texts = ", ".join(f"json_group_array({name})" for name in names)
        question = f"WITH asked({', '.join(names)}) AS ({sql}) SELECT {texts} FROM asked"  # noqa: S608 - SQL of ours
        (found,) = self.rows(question, *values)
        arrays = [_from_json(field.type, text) for field, text in zip(schema, found, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)

    def copy_to(self, path: Path) -> None:
        """Copy the file as it was committed last to `path`, which must not exist."""
        # The copy is written anew, without the holes of the original, and is no WAL file yet.
        self.rows("VACUUM INTO ?", str(path))

    def run_script(self, sql: str) -> None:
        """Run several statements without values."""
        with _rules():
            self._connection.execute(sql)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@contextmanager
def _rules() -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise StoreIntegrityError(str(error)) from error


def _one_row(rows: pa.Table | pa.RecordBatch) -> str:
    return f"VALUES ({', '.join('?' * rows.num_columns)})"


def _rows_of(rows: pa.Table | pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    for start in range(0, rows.num_rows, _ROWS_AT_A_TIME):
        part = rows.slice(start, _ROWS_AT_A_TIME)
        yield from zip(*(_to_sql(column) for column in part.columns), strict=True)


def _to_sql(column: Any) -> list[Any]:
    values = column.cast(pa.string()) if pa.types.is_date(column.type) else column
    return values.to_pylist()  # type: ignore[no-any-return]  # pyarrow has no types


def _from_json(kind: pa.DataType, text: str) -> pa.Array:
    if pa.types.is_date(kind):
        return pc.cast(pa.array(_TEXTS.decode(text), pa.string()), kind)
    if pa.types.is_string(kind):
        return pa.array(_TEXTS.decode(text), kind)
    if pa.types.is_floating(kind):
        return pa.array(_FLOATS.decode(text), kind)
    numbers = pa.array(_INTEGERS.decode(text), pa.int64())
    return pc.not_equal(numbers, 0) if pa.types.is_boolean(kind) else numbers.cast(kind)
