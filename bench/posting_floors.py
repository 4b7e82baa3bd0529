"""The least a store could do: rows copied into a bare table, applications in a bare transaction.

The bare transaction is the one a plain service would write: insert the application, decrement the
item where it covers it, insert a message for the outbox and a leaf for the audit; over items with
the columns of the contract and their key. In SQLite statement by statement, in the order the
payments come; in PostgreSQL by COPY into a staging table and one statement each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import apsw
import psycopg
import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:
    from pathlib import Path

    from engine.batches import OpenItemBatch

__all__ = ["PostgresqlFloor", "SqliteFloor"]

_KINDS: Final = {"int64": "BIGINT", "date32[day]": "DATE"}
_BESIDE: Final = (
    "CREATE TABLE application (payment_id TEXT, company_id TEXT, open_item_id TEXT,"
    " amount_minor BIGINT)",
    "CREATE TABLE outbox (payload TEXT)",
    "CREATE TABLE audit (leaf TEXT)",
)
Application = tuple[str, str, str, int]


def _columns(batch: OpenItemBatch) -> str:
    return ", ".join(
        f'"{field.name}" {_KINDS.get(str(field.type), "TEXT")}' for field in batch.SCHEMA
    )


def _message(row: Application) -> str:
    return f'{{"kind":"applied","payment":"{row[0]}","item":"{row[2]}","amount":{row[3]}}}'


class SqliteFloor:
    """Bare tables in one SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open `path`."""
        self._connection = apsw.Connection(str(path))
        for setting in ("journal_mode = WAL", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {setting}")

    def pids(self) -> tuple[int, ...]:
        """Processes beside ours that work for this."""
        return ()

    def copy(self, batch: OpenItemBatch) -> None:
        """Insert the rows into a bare table."""
        self._connection.execute(
            f"DROP TABLE IF EXISTS bare; CREATE TABLE bare ({_columns(batch)})"
        )
        marks = ", ".join("?" * len(batch.SCHEMA))
        columns = (
            (column.cast(pa.string()) if pa.types.is_date(column.type) else column).to_pylist()
            for column in batch.record_batch.columns
        )
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(
            f"INSERT INTO bare VALUES ({marks})", zip(*columns, strict=True)
        )
        self._connection.execute("COMMIT")

    def prepare(self, batch: OpenItemBatch) -> None:
        """Items with their key, and the tables beside them."""
        self.copy(batch)
        self._connection.execute(
            f"CREATE TABLE item ({_columns(batch)}, PRIMARY KEY (company_id, open_item_id));"
            "INSERT INTO item SELECT * FROM bare; DROP TABLE bare;" + ";".join(_BESIDE)
        )

    def post(self, rows: list[Application]) -> None:
        """One transaction over `rows`."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        for row in rows:
            _, company, item, amount = row
            run("INSERT INTO application VALUES (?, ?, ?, ?)", row)
            run(
                "UPDATE item SET open_minor = open_minor - ? WHERE company_id = ? "
                "AND open_item_id = ? AND open_minor >= ?",
                (amount, company, item, amount),
            )
            assert self._connection.changes() == 1
            run("INSERT INTO outbox VALUES (?)", (_message(row),))
            run("INSERT INTO audit VALUES (?)", ("0" * 64,))
        run("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class PostgresqlFloor:
    """Bare tables in one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        """Connect to `url`."""
        self._connection: psycopg.Connection[Any] = psycopg.connect(url, autocommit=True)

    def pids(self) -> tuple[int, ...]:
        """Processes beside ours that work for this."""
        return (self._connection.info.backend_pid,)

    def copy(self, batch: OpenItemBatch) -> None:
        """Copy the rows into a bare table."""
        self._run(f"DROP TABLE IF EXISTS bare; CREATE TABLE bare ({_columns(batch)})")
        with self._connection.transaction():
            self._copy("bare", pa.Table.from_batches([batch.record_batch]))

    def prepare(self, batch: OpenItemBatch) -> None:
        """Items with their key, and the tables beside them."""
        self.copy(batch)
        self._run(
            f"CREATE TABLE item ({_columns(batch)}, PRIMARY KEY (company_id, open_item_id));"
            "INSERT INTO item SELECT * FROM bare; DROP TABLE bare;" + ";".join(_BESIDE)
        )
        self._run("VACUUM ANALYZE item")

    def post(self, rows: list[Application]) -> None:
        """One transaction over `rows`."""
        names = ("payment_id", "company_id", "open_item_id", "amount_minor")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        messages = pa.table({"payload": [_message(row) for row in rows]})
        leaves = pa.table({"leaf": ["0" * 64] * len(rows)})
        with self._connection.transaction():
            self._run("CREATE TEMPORARY TABLE staged (LIKE application) ON COMMIT DROP")
            self._copy("staged", pa.table(columns))
            self._run("INSERT INTO application SELECT * FROM staged")
            done = self._connection.execute(
                "UPDATE item SET open_minor = item.open_minor - s.amount_minor FROM staged s "
                "WHERE item.company_id = s.company_id AND item.open_item_id = s.open_item_id "
                "AND item.open_minor >= s.amount_minor"
            )
            assert done.rowcount == len(rows)
            self._copy("outbox", messages)
            self._copy("audit", leaves)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _run(self, sql: str) -> None:
        self._connection.execute(sql.encode())

    def _copy(self, table: str, rows: pa.Table) -> None:
        options = pa.csv.WriteOptions(include_header=False)
        with self._connection.cursor() as cursor:
            statement = f"COPY {table} FROM STDIN (FORMAT csv)"
            with cursor.copy(statement.encode()) as copy:
                for start in range(0, rows.num_rows, 65_536):
                    text = pa.BufferOutputStream()
                    pa.csv.write_csv(rows.slice(start, 65_536), text, options)
                    copy.write(text.getvalue())
