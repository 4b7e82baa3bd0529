"""A tenant's database in a schema of PostgreSQL, reached through psycopg 3.

The schema is the connection's only search path: no statement can name another tenant's rows
without naming its schema, and none of ours names one. Write blocks of a tenant follow each other
by an advisory lock; those of different tenants run side by side. Many rows travel by COPY, within
the block they belong to.
"""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import errors, sql
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from store.addresses import schema_of, tenant_of_schema
from store.errors import (
    StoreBusyError,
    StoreIntegrityError,
    StoreLockedError,
    StoreUnavailableError,
    StoreUrlError,
    StoreVersionError,
)
from store.set_changes import folded, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from psycopg.abc import Buffer

    from store.addresses import PostgresqlAddress
    from store.database import Dialect

__all__ = ["POSTGRESQL_VERSION_MIN", "PostgresqlDatabase", "server_lock", "tenants_in"]

POSTGRESQL_VERSION_MIN: Final = 150_000
"""The oldest release the store is tested against, as `server_version_num` says it."""

_STAGED_ROWS_MIN: Final = 64
"""From here on COPY and one statement are quicker than a statement per row."""

_COPY_ROWS: Final = 65_536
"""Rows turned into text at a time: a few MiB, small beside what they were read from."""

_COPY_BYTES: Final = 1 << 20

_JOINS: Final = "SET LOCAL enable_hashjoin = {on}; SET LOCAL enable_mergejoin = {on}"
"""Whether many rows to change may be found by reading all of their table: rows that are changed
are read one by one in any case, and found by their key on the way."""

_TYPES: Final = {pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN", pa.string(): 'TEXT COLLATE "C"'}

_Row = tuple[Any, ...]


class _NumericLoader(Loader):
    """Sums of whole numbers come as `numeric`; ours are whole."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class _DateLoader(Loader):
    """Dates stay the ISO 8601 text they are in SQLite."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class PostgresqlDatabase:
    """One connection to one tenant's schema; see `store.database.Database`."""

    def __init__(self, address: PostgresqlAddress, tenant: str, *, busy_seconds: float) -> None:
        """Connect, and make the schema where absent; raises `StoreUnavailableError`."""
        self._address = address
        self._schema = schema_of(tenant)
        self._lock_milliseconds = max(1, int(busy_seconds * 1000))
        self._connection = self._connect()
        self._make_schema()

    def _connect(self) -> psycopg.Connection[_Row]:
        settings = (
            f"-c search_path={self._schema} -c lock_timeout={self._lock_milliseconds} "
            "-c TimeZone=UTC -c DateStyle=ISO -c synchronous_commit=on "
            "-c extra_float_digits=1 -c jit=off"
        )
        with _unavailable(self._address):
            connection = _connected(self._address, settings)
        if connection.info.server_version < POSTGRESQL_VERSION_MIN:
            version = connection.info.server_version // 10_000
            connection.close()
            message = f"PostgreSQL {version} at {self._address.shown}; expected 15 or newer"
            raise StoreVersionError(message, version=str(version))
        connection.adapters.register_loader("numeric", _NumericLoader)
        connection.adapters.register_loader("date", _DateLoader)
        return connection

    def _make_schema(self) -> None:
        if not self.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", self._schema):
            with self.writing():
                self.run_script(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")

    @property
    def dialect(self) -> Dialect:
        """Always `postgresql`."""
        return "postgresql"

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block whose questions are answered from one and the same state of the store."""
        if self._status() is not TransactionStatus.IDLE:
            yield
            return
        with self._block("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A block whose changes are committed as one; raises `StoreBusyError`."""
        lock = f"SELECT pg_advisory_xact_lock(hashtextextended('{self._schema} booking', 0))"
        with self._block(f"BEGIN; {lock}"):
            yield

    @contextmanager
    def _block(self, begin: str) -> Iterator[None]:
        try:
            self._begin(begin)
            yield
            with self._rules():
                self._connection.execute("COMMIT")
        except BaseException:
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
            raise

    def _begin(self, begin: str) -> None:
        """Begin; over a new connection where the old one ended while nobody used it."""
        try:
            with self._rules():
                self._connection.execute(begin.encode())
        except StoreUnavailableError:
            self._connection = self._connect()
            with self._rules():
                self._connection.execute(begin.encode())

    def rows(self, sql: str, *values: Any) -> list[_Row]:
        """Run one statement and give its rows."""
        if self._connection.closed:
            self._connection = self._connect()
        with self._rules():
            cursor = self._connection.execute(_numbered(sql), values)
            return cursor.fetchall() if cursor.description else []

    def change(self, sql: str, *values: Any) -> int:
        """Run one statement and give how many rows it changed."""
        with self._rules():
            return self._connection.execute(_numbered(sql), values).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run one statement for each of `rows` and give how many rows that changed."""
        with self._rules(), self._connection.cursor() as cursor:
            cursor.executemany(_numbered(sql), rows)
            return max(0, cursor.rowcount)

    def insert_table(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Insert `rows` into the columns of `table` that have their names."""
        names = ", ".join(f'"{name}"' for name in rows.schema.names)
        copy_in = f"COPY {table} ({names}) FROM STDIN (FORMAT csv)"
        options = pa.csv.WriteOptions(include_header=False, batch_size=_COPY_ROWS)
        with (
            self._rules(),
            self._connection.cursor() as cursor,
            cursor.copy(copy_in.encode()) as copy,
        ):
            for start in range(0, rows.num_rows, _COPY_ROWS):
                text = pa.BufferOutputStream()
                pa.csv.write_csv(rows.slice(start, _COPY_ROWS), text, options)
                copy.write(text.getvalue())

    def merge_table(
        self, table: str, rows: pa.Table | pa.RecordBatch, statement: Callable[[str], str]
    ) -> int:
        """Run `statement` over `rows` and give how many rows of `table` that changed."""
        if rows.num_rows < _STAGED_ROWS_MIN:
            columns = [column.to_pylist() for column in rows.columns]
            marks = ", ".join("?" * rows.num_columns)
            return self.execute_many(statement(f"VALUES ({marks})"), zip(*columns, strict=True))
        names = ", ".join(f'"{name}"' for name in rows.schema.names)
        staged = f"staged_{table}"
        self.run_script(
            f"DROP TABLE IF EXISTS {staged}; CREATE TEMPORARY TABLE {staged} "  # noqa: S608 - names of ours
            f"ON COMMIT DROP AS SELECT {names} FROM {table} LIMIT 0"
        )
        self.insert_table(staged, rows)
        return self.change(statement(f"SELECT {names} FROM {staged}"))  # noqa: S608 - names of ours

    def copy_out(self, statement: str) -> Iterator[bytes]:
        """The blocks of `COPY … TO STDOUT`."""
        with (
            self._rules(),
            self._connection.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            for block in copy:
                yield bytes(block)

    def copy_in(self, statement: str, file: BinaryIO) -> None:
        """Run `COPY … FROM STDIN` over what `file` holds."""
        with (
            self._rules(),
            self._connection.cursor() as cursor,
            cursor.copy(statement.encode()) as copy,
        ):
            while block := file.read(_COPY_BYTES):
                copy.write(block)

    def change_all(self, rows: pa.Table, statement: str) -> bool:
        """Run `statement` for each of `rows`: all change one row, or none does."""
        if rows.num_rows < _STAGED_ROWS_MIN:
            self.run_script("SAVEPOINT change_all")
            changed = self._change_each(named(rows, statement), statement)
        else:
            differing, once = folded(rows, statement, lambda _, name: f"staged.{name}")
            columns = ", ".join(f"{one.name} {_TYPES[one.type]}" for one in differing.schema)
            self.run_script(
                f"DROP TABLE IF EXISTS pg_temp.staged; CREATE TEMPORARY TABLE staged ({columns}) "
                "ON COMMIT DROP; SAVEPOINT change_all"
            )
            self.insert_table("staged", differing)
            self.run_script(f"ANALYZE staged; {_JOINS.format(on='off')}")
            changed = self.change(once.format(rows="FROM staged"))
            self.run_script(_JOINS.format(on="on"))
        back = "" if changed == rows.num_rows else "ROLLBACK TO change_all; "
        self.run_script(f"{back}RELEASE change_all")
        return changed == int(rows.num_rows)

    def _change_each(self, rows: pa.Table, statement: str) -> int:
        """Run `statement` for one row after the other: for few, no table is worth making."""
        marks = {
            one.name: f"CAST(${place} AS {_TYPES[one.type].partition(' ')[0]})"
            for place, one in enumerate(rows.schema, start=1)
        }
        once = statement.format(rows="", **marks).encode()
        columns = [column.to_pylist() for column in rows.columns]
        with self._rules(), self._connection.cursor() as cursor:
            return sum(
                cursor.execute(once, values).rowcount for values in zip(*columns, strict=True)
            )

    def read_table(self, sql: str, schema: pa.Schema, *values: Any) -> pa.Table:
        """The rows of a question as columns of `schema`."""
        text = io.BytesIO()
        copy_out = f"COPY ({self._filled_in(sql, values)}) TO STDOUT (FORMAT csv)"
        with (
            self._rules(),
            self._connection.cursor() as cursor,
            cursor.copy(copy_out.encode()) as copy,
        ):
            for block in copy:
                text.write(block)
        return _table_of(text.getbuffer(), schema)

    def _filled_in(self, question: str, values: Sequence[Any]) -> str:
        """`question` with its values in it: COPY takes none beside it."""
        parts = _split(question)
        filled = [parts[0]]
        for value, part in zip(values, parts[1:], strict=True):
            filled += [sql.Literal(value).as_string(self._connection), part]
        return "".join(filled)

    def run_script(self, sql: str) -> None:
        """Run several statements without values."""
        with self._rules():
            self._connection.execute(sql.encode())

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _status(self) -> TransactionStatus:
        return self._connection.info.transaction_status

    @contextmanager
    def _rules(self) -> Iterator[None]:
        """Errors of the database as errors of the store."""
        try:
            with _unavailable(self._address):
                yield
        except errors.LockNotAvailable:
            message = "another booking holds the store; send it again in a minute"
            raise StoreBusyError(message) from None
        except (psycopg.IntegrityError, errors.RaiseException) as error:
            raise StoreIntegrityError(str(error.diag.message_primary)) from error
        except errors.InsufficientPrivilege as error:
            said = str(error.diag.message_primary)
            if said.startswith("permission denied for table"):
                message = f"{said}: what is decided is append-only"
                raise StoreIntegrityError(message) from error
            message = f"{self._address.shown}: {said}; grant it, or use another user"
            raise StoreUrlError(message, store=self._address.shown) from error


@contextmanager
def server_lock(address: PostgresqlAddress) -> Iterator[None]:
    """Hold the store for one server; raises `StoreLockedError` where another does."""
    question = "SELECT pg_try_advisory_lock(hashtextextended('tieout server', 0))"
    with _unavailable(address):
        connection = _connected(address, "")
    with connection:
        row = connection.execute(question.encode()).fetchone()
        if row is None or not row[0]:
            message = f"{address.shown} is held by another server; stop it, or use another store"
            raise StoreLockedError(message, store=address.shown)
        try:
            yield
        finally:
            # The end of a connection is noticed a moment later: whoever comes next is let in now.
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT pg_advisory_unlock_all()")


def tenants_in(address: PostgresqlAddress) -> tuple[str, ...]:
    """The tenants that have a schema, in order of their names."""
    question = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tieout\\_%' ORDER BY 1"
    with _unavailable(address), _connected(address, "") as connection:
        found = connection.execute(question.encode()).fetchall()
    return tuple(tenant_of_schema(row[0]) for row in found)


def _connected(address: PostgresqlAddress, settings: str) -> psycopg.Connection[_Row]:
    given = psycopg.conninfo.conninfo_to_dict(address.url).get("options") or ""
    return psycopg.Connection.connect(
        address.url,
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        options=f"{given} {settings}".strip(),
    )


@contextmanager
def _unavailable(address: PostgresqlAddress) -> Iterator[None]:
    try:
        yield
    except (errors.LockNotAvailable, errors.QueryCanceled):
        raise
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        reason = " ".join(str(error).split())
        message = f"{address.shown} does not answer: {reason}"
        raise StoreUnavailableError(message, store=address.shown) from error


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> bytes:
    """`?` marks as `$1`, `$2` and so on."""
    parts = _split(statement)
    numbered = (f"${number}{part}" for number, part in enumerate(parts[1:], start=1))
    return "".join([parts[0], *numbered]).encode()


def _split(statement: str) -> list[str]:
    """The text around its `?` marks; those within quotes are text."""
    parts = [""]
    for number, part in enumerate(statement.split("'")):
        quote = "'" if number else ""
        if number % 2:
            parts[-1] += quote + part
        else:
            first, *others = part.split("?")
            parts[-1] += quote + first
            parts += others
    return parts


def _table_of(text: memoryview, schema: pa.Schema) -> pa.Table:
    """The table of `COPY … (FORMAT csv)`: `t` and `f` are truth, nothing at all is null."""
    if not len(text):
        return schema.empty_table()
    kinds = {
        field.name: pa.string() if pa.types.is_boolean(field.type) else field.type
        for field in schema
    }
    table = pa.csv.read_csv(
        pa.py_buffer(text),
        read_options=pa.csv.ReadOptions(column_names=schema.names),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=kinds,
            null_values=[""],
            strings_can_be_null=False,
        ),
    )
    columns = [
        pc.equal(column, "t") if pa.types.is_boolean(field.type) else column
        for field, column in zip(schema, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)
