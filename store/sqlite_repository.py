"""The store in one SQLite file: write-ahead log, every commit on disk, one writer at a time.

Several processes may open the file; SQLite's write lock makes bookings follow each other, and a
process that dies in a booking leaves nothing of it behind.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import apsw
import msgspec

from engine.batches import Batch, ControlCheckBatch, DiagnosticBatch, ExceptionBatch
from store.errors import (
    RequestIdReusedError,
    StoreIntegrityError,
    StoreUrlError,
    StoreVersionError,
)
from store.migrations import apply_migrations, read_migrations
from store.repository import (
    RECEIPT_ROWS_MAX,
    BankFileRecord,
    ConsumedItemBatch,
    CurrencyTotal,
    ExceptionFilter,
    ExceptionPage,
    FileReceipt,
    FileResult,
)
from store.row_tables import ROW_TABLES
from store.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["SQLITE_VERSION_MIN", "SqliteRepository", "check_sqlite_version", "sqlite_path"]

_B = TypeVar("_B", bound=Batch)
_S = TypeVar("_S", bound=msgspec.Struct)

SQLITE_VERSION_MIN: Final = (3, 51, 3)
"""First release in which two connections in WAL mode cannot lose a commit to a log reset."""

_IDS_PER_QUERY: Final = 500
"""Parameters of one lookup: well below SQLite's limit of 32,766, few enough to plan at once."""

_UNBALANCED: Final = """
SELECT p.payment_id, p.amount_minor
FROM payment p LEFT JOIN payment_outcome o ON o.payment_id = p.payment_id
WHERE p.file_id = ? AND p.amount_minor IS NOT (
    o.applied_minor + o.on_account_minor + o.unapplied_minor + o.unidentified_minor
    + o.suspense_minor + o.non_ar_minor + o.refund_minor + o.returned_minor)
LIMIT 1
"""
_MISAPPLIED: Final = """
SELECT o.payment_id, o.applied_minor
FROM payment_outcome o LEFT JOIN application a
    ON a.payment_id = o.payment_id AND a.decision = 'auto'
WHERE o.file_id = ?
GROUP BY o.payment_id HAVING o.applied_minor IS NOT coalesce(sum(a.applied_minor), 0)
LIMIT 1
"""
_CONSUME: Final = """
INSERT INTO consumed_item (company_id, open_item_id, baseline_minor, consumed_minor)
VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET consumed_minor = consumed_minor + excluded.consumed_minor
"""


def sqlite_path(url: str) -> Path:
    """The file that `sqlite:///relative.db` or `sqlite:////absolute.db` names."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or "?" in path:
        message = f"store {url!r} names no file; expected sqlite:///file.db"
        raise StoreUrlError(message, url=url)
    return Path(path)


def check_sqlite_version(version: str) -> None:
    """Refuse an SQLite `version` (`3.54.1`) that may lose commits."""
    if tuple(int(part) for part in version.split(".")) < SQLITE_VERSION_MIN:
        least = ".".join(str(part) for part in SQLITE_VERSION_MIN)
        message = f"SQLite {version} may lose commits in WAL mode; install apsw >= {least}.0"
        raise StoreVersionError(message, version=version)


class SqliteRepository:
    """One connection to the store's file; see `store.repository.Repository`."""

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        """Open `path`, made with its folder where absent, and apply missing migrations."""
        check_sqlite_version(apsw.sqlite_lib_version())
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(int(busy_seconds * 1000))
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        apply_migrations(self._connection, read_migrations())

    @contextmanager
    def booking(self) -> Iterator[SqliteRepository]:
        """Begin a booking; its methods are this repository's own."""
        with write_transaction(self._connection):
            yield self

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # What may be asked.

    def find_file(self, file_id: str) -> FileReceipt | None:
        """The receipt of that content, if it was kept."""
        found = self._structs(BankFileRecord, "bank_file", file_id)
        if not found:
            return None
        counted = "SELECT reason, row_count FROM counted_row WHERE file_id = ? ORDER BY reason"
        return FileReceipt(
            record=found[0],
            counted_rows=dict(self._rows(counted, file_id)),
            currency_totals=tuple(self._structs(CurrencyTotal, "currency_total", file_id)),
            control_checks=self._first_rows(file_id, ControlCheckBatch, "ok, row_number"),
            diagnostics=self._first_rows(file_id, DiagnosticBatch, "row_number"),
        )

    def find_request(self, request_id: str) -> str | None:
        """The file that `request_id` is bound to."""
        found = self._rows("SELECT file_id FROM submission WHERE request_id = ?", request_id)
        return found[0][0] if found else None

    def read_table(
        self, file_id: str, batch_class: type[Batch], chunk_rows: int
    ) -> Iterator[Batch]:
        """The rows of one table of a file in chunks, in the order they were kept."""
        table = ROW_TABLES[batch_class]
        last = 0
        while rows := self._rows(table.page_sql, file_id, last, chunk_rows):
            last = rows[-1][0]
            yield table.batch([row[1:] for row in rows])

    def list_exceptions(
        self, exception_filter: ExceptionFilter, after_number: int, limit: int
    ) -> ExceptionPage:
        """At most `limit` exceptions raised after number `after_number` (0: from the start)."""
        table = ROW_TABLES[ExceptionBatch]
        columns = ", ".join(f'e."{name}"' for name in ExceptionBatch.SCHEMA.names)
        conditions = ["e.row_number > ?"]
        values: list[Any] = [after_number]
        for condition, value in (
            ("e.code = ?", exception_filter.code),
            ("e.file_id = ?", exception_filter.file_id),
            ("o.customer_id = ?", exception_filter.customer_id),
        ):
            if value:
                conditions.append(condition)
                values.append(value)
        rows = self._rows(
            "SELECT e.row_number, e.file_id, coalesce(o.customer_id, ''), "  # noqa: S608 - names
            f"{columns} FROM exception_item e "
            "LEFT JOIN payment_outcome o ON o.payment_id = e.payment_id "
            f"WHERE {' AND '.join(conditions)} ORDER BY e.row_number LIMIT ?",
            *values,
            limit + 1,
        )
        page = rows[:limit]
        return ExceptionPage(
            exceptions=ExceptionBatch.of(table.batch([row[3:] for row in page]).record_batch),
            file_ids=tuple(row[1] for row in page),
            customer_ids=tuple(row[2] for row in page),
            last_number=page[-1][0] if len(rows) > limit else None,
        )

    # What a booking may do.

    def claim_request(self, request_id: str, file_id: str) -> None:
        """Bind `request_id` to a kept file; raises `RequestIdReusedError` where it is bound."""
        bound = self.find_request(request_id)
        if bound is None:
            self._rows("INSERT INTO submission VALUES (?, ?)", request_id, file_id)
        elif bound != file_id:
            raise RequestIdReusedError.of(request_id, bound, file_id)

    def seen_payments(self, payment_ids: Sequence[str]) -> set[str]:
        """Those of `payment_ids` that an earlier file brought."""
        seen: set[str] = set()
        for start in range(0, len(payment_ids), _IDS_PER_QUERY):
            part = payment_ids[start : start + _IDS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            query = f"SELECT payment_id FROM payment WHERE payment_id IN ({marks})"  # noqa: S608 - marks
            seen.update(row[0] for row in self._rows(query, *part))
        return seen

    def consumed_items(self) -> ConsumedItemBatch:
        """What was taken from every item so far, in order of the keys."""
        names = ConsumedItemBatch.SCHEMA.names
        query = f"SELECT {', '.join(names)} FROM consumed_item ORDER BY 1, 2"  # noqa: S608 - names
        rows = self._rows(query)
        columns = zip(*rows, strict=True) if rows else ([] for _ in names)
        return ConsumedItemBatch.from_columns(
            {name: list(values) for name, values in zip(names, columns, strict=True)}
        )

    def keep(self, result: FileResult) -> None:
        """Keep `result`; raises `StoreIntegrityError` where its rows do not add up."""
        file_id = result.receipt.record.file_id
        try:
            self._insert_result(result)
        except apsw.ConstraintError as error:
            message = f"file {file_id} cannot be kept: {error}"
            raise StoreIntegrityError(message, file_id=file_id) from error
        for query, rule in (
            (_UNBALANCED, "its buckets do not add up to its amount"),
            (_MISAPPLIED, "its decided applications do not add up to its applied amount"),
        ):
            found = self._rows(query, file_id)
            if found:
                message = f"payment {found[0][0]} ({found[0][1]} minor units): {rule}"
                raise StoreIntegrityError(message, file_id=file_id, payment_id=found[0][0])

    def _insert_result(self, result: FileResult) -> None:
        record = result.receipt.record
        file_id = record.file_id
        self._insert("bank_file", [record])
        tables: tuple[Batch, ...] = (
            result.payments,
            result.remittances,
            result.outcomes,
            result.applications,
            result.reversals,
            result.exceptions,
            result.control_checks,
            result.diagnostics,
        )
        for batch in tables:
            table = ROW_TABLES[type(batch)]
            self._connection.executemany(table.insert_sql, table.rows(file_id, batch))
        self._insert("currency_total", result.receipt.currency_totals, file_id=file_id)
        for sql, rows in (
            (
                "INSERT INTO counted_row (file_id, reason, row_count) VALUES (?, ?, ?)",
                [(file_id, *pair) for pair in result.receipt.counted_rows.items()],
            ),
            (
                "INSERT INTO repeated_payment (file_id, payment_id) VALUES (?, ?)",
                [(file_id, payment_id) for payment_id in result.repeated_payments],
            ),
            (_CONSUME, zip(*result.consumed.record_batch.to_pydict().values(), strict=True)),
        ):
            self._connection.executemany(sql, rows)

    def _insert(self, table: str, structs: Sequence[msgspec.Struct], **extra: str) -> None:
        for struct in structs:
            row = extra | msgspec.structs.asdict(struct)
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - names
            self._rows(sql, *row.values())

    def _structs(self, kind: type[_S], table: str, file_id: str) -> list[_S]:
        names = kind.__struct_fields__
        query = (
            f"SELECT {', '.join(names)} FROM {table} "  # noqa: S608 - names of structs and tables
            "WHERE file_id = ? ORDER BY row_number"
        )
        return [kind(**dict(zip(names, row, strict=True))) for row in self._rows(query, file_id)]

    def _first_rows(self, file_id: str, batch_class: type[_B], order: str) -> _B:
        table = ROW_TABLES[batch_class]
        query = (
            f"SELECT {table.columns} FROM {table.name} "  # noqa: S608 - schema names
            f"WHERE file_id = ? ORDER BY {order} LIMIT {RECEIPT_ROWS_MAX}"
        )
        return batch_class.of(table.batch(self._rows(query, file_id)).record_batch)

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()
