"""Bank files and what became of them: receipts, rows of every table, exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import pyarrow as pa

from engine.batches import (
    Batch,
    ControlCheckBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
)
from store.bank_file_records import (
    RECEIPT_ROWS_MAX,
    BankFileRecord,
    CurrencyTotal,
    ExceptionFilter,
    ExceptionPage,
    FileReceipt,
    FileResult,
)
from store.errors import StoreIntegrityError
from store.row_tables import ROW_TABLES, batch_of, quoted_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from store.database import Database
    from store.decisions import DecisionChanges
    from store.personal_data import FileKeys, PersonalData

__all__ = ["BankFileChanges", "BankFiles"]

_S = TypeVar("_S", bound=msgspec.Struct)

_IDS_PER_QUERY: Final = 500
"""Parameters of one lookup: well below the databases' limits, few enough to plan at once."""

_UNBALANCED: Final = """
SELECT p.payment_id, p.amount_minor
FROM payment p LEFT JOIN payment_outcome o ON o.payment_id = p.payment_id
WHERE p.file_id = ? AND p.amount_minor IS DISTINCT FROM (
    o.applied_minor + o.on_account_minor + o.unapplied_minor + o.unidentified_minor
    + o.suspense_minor + o.non_ar_minor + o.refund_minor + o.returned_minor)
ORDER BY p.row_number LIMIT 1
"""
_MISAPPLIED: Final = """
SELECT o.payment_id, o.applied_minor
FROM payment_outcome o LEFT JOIN application a
    ON a.payment_id = o.payment_id AND a.decision = 'auto'
WHERE o.file_id = ?
GROUP BY o.payment_id, o.applied_minor
HAVING o.applied_minor <> coalesce(sum(coalesce(a.cash_minor, a.applied_minor)), 0)
LIMIT 1
"""


class BankFiles:
    """What may be asked about bank files."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Ask `database`; `personal` opens what is sealed there."""
        self._database = database
        self._personal = personal

    def find_file(self, file_id: str) -> FileReceipt | None:
        """The receipt of that content, if it was kept."""
        with self._database.reading():
            return self._find_file(file_id)

    def _find_file(self, file_id: str) -> FileReceipt | None:
        found = self._structs(BankFileRecord, "bank_file", file_id)
        if not found:
            return None
        counted = "SELECT reason, row_count FROM counted_row WHERE file_id = ? ORDER BY reason"
        return FileReceipt(
            record=found[0],
            counted_rows=dict(self._rows(counted, file_id)),
            currency_totals=tuple(self._structs(CurrencyTotal, "currency_total", file_id)),
            control_checks=cast(
                "ControlCheckBatch",
                self._first_rows(file_id, ControlCheckBatch, "ok, row_number"),
            ),
            diagnostics=cast(
                "DiagnosticBatch", self._first_rows(file_id, DiagnosticBatch, "row_number")
            ),
        )

    def companies_of(self, file_id: str) -> list[str]:
        """Companies that a file has payments of, in order."""
        query = (
            "SELECT DISTINCT company_id FROM payment_outcome WHERE file_id = ? ORDER BY company_id"
        )
        return [row[0] for row in self._rows(query, file_id)]

    def exception_codes(self, file_id: str) -> dict[str, int]:
        """How many exceptions of each code a file has."""
        query = (
            "SELECT code, count(*) FROM exception_item WHERE file_id = ? GROUP BY code "
            "ORDER BY code"
        )
        return dict(self._rows(query, file_id))

    def read_table(
        self, file_id: str, batch_class: type[Batch], chunk_rows: int
    ) -> Iterator[Batch]:
        """The rows of one table of a file in chunks, in the order they were kept."""
        chunks = ROW_TABLES[batch_class].chunks(self._database, file_id, chunk_rows)
        return map(self._personal.opened, chunks)

    def list_exceptions(
        self, exception_filter: ExceptionFilter, after_number: int, limit: int
    ) -> ExceptionPage:
        """At most `limit` exceptions raised after number `after_number` (0: from the start)."""
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
        if exception_filter.companies is not None:
            conditions.append(_of_companies(len(exception_filter.companies)))
            values += exception_filter.companies * 2
        own = pa.schema(
            [("number", pa.int64()), ("of_file", pa.string()), ("customer_id", pa.string())]
        )
        rows = self._database.read_table(
            "SELECT e.row_number, e.file_id, coalesce(o.customer_id, ''), "  # noqa: S608 - names
            f"{quoted_columns(ExceptionBatch, 'e')} FROM exception_item e "
            "LEFT JOIN payment_outcome o ON o.payment_id = e.payment_id "
            f"WHERE {' AND '.join(conditions)} ORDER BY e.row_number LIMIT ?",
            pa.schema([*own, *ExceptionBatch.SCHEMA]),
            *values,
            limit + 1,
        )
        page = rows.slice(0, limit)
        return ExceptionPage(
            exceptions=self._personal.opened(
                cast("ExceptionBatch", batch_of(ExceptionBatch, page.drop_columns(own.names)))
            ),
            file_ids=tuple(page["of_file"].to_pylist()),
            customer_ids=tuple(page["customer_id"].to_pylist()),
            last_number=page["number"][-1].as_py() if rows.num_rows > limit else None,
        )

    def seen_payments(self, payment_ids: Sequence[str]) -> set[str]:
        """Those of `payment_ids` that an earlier file brought."""
        seen: set[str] = set()
        for start in range(0, len(payment_ids), _IDS_PER_QUERY):
            part = payment_ids[start : start + _IDS_PER_QUERY]
            marks = ", ".join("?" * len(part))
            query = f"SELECT payment_id FROM payment WHERE payment_id IN ({marks})"  # noqa: S608 - marks
            seen.update(row[0] for row in self._rows(query, *part))
        return seen

    def told_between(self, first: str, last: str, other_than: str) -> PaymentBatch:
        """Payments booked from day `first` to `last`, by files of other formats than one."""
        rows = self._database.read_table(
            f"SELECT {quoted_columns(PaymentBatch)} FROM payment "  # noqa: S608 - schema names
            "WHERE booking_date BETWEEN ? AND ? AND source_format <> ? ORDER BY payment_id",
            PaymentBatch.SCHEMA,
            first,
            last,
            other_than,
        )
        return self._personal.opened(cast("PaymentBatch", batch_of(PaymentBatch, rows)))

    def _structs(self, kind: type[_S], table: str, file_id: str) -> list[_S]:
        names = kind.__struct_fields__
        query = (
            f"SELECT {', '.join(names)} FROM {table} "  # noqa: S608 - names of structs and tables
            "WHERE file_id = ? ORDER BY row_number"
        )
        return [kind(**dict(zip(names, row, strict=True))) for row in self._rows(query, file_id)]

    def _first_rows(self, file_id: str, batch_class: type[Batch], order: str) -> Batch:
        table = ROW_TABLES[batch_class]
        found = table.first_rows(self._database, file_id, order, RECEIPT_ROWS_MAX)
        return self._personal.opened(found)

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._database.rows(sql, *values)


def _of_companies(count: int) -> str:
    """The condition that an exception is of `count` companies, each given twice."""
    marks = ", ".join("?" * count) or "NULL"
    return (
        f"(o.company_id IN ({marks}) OR (o.payment_id IS NULL AND NOT EXISTS ("  # noqa: S608 - marks
        "SELECT 1 FROM payment_outcome f WHERE f.file_id = e.file_id "
        f"AND f.company_id NOT IN ({marks}))))"
    )


class BankFileChanges(BankFiles):
    """What a booking may do about bank files."""

    def __init__(
        self, database: Database, personal: PersonalData, decisions: DecisionChanges
    ) -> None:
        """Change `database`; `decisions` keeps where the money of new payments is."""
        super().__init__(database, personal)
        self._decisions = decisions

    def keep(self, result: FileResult) -> FileKeys:
        """Keep `result`, sealed by the keys given back.

        Raises `StoreIntegrityError` where its rows do not add up.
        """
        record = result.receipt.record
        file_id = record.file_id
        keys = self._personal.keys_of_file(file_id, self._owners(result), record.received_at_ms)
        try:
            self._insert_result(self._personal.sealed_result(result, keys))
        except StoreIntegrityError as error:
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
        self._decisions.open_balances(result.payments, result.outcomes)
        return keys

    def _owners(self, result: FileResult) -> list[tuple[str, str, str]]:
        """Payment, company and customer of every payment a file brings, repeated ones as well."""
        names = ("payment_id", "company_id", "customer_id")
        columns = (result.outcomes.strings(name) for name in names)
        owners = list(zip(*columns, strict=True))
        if not self._personal.is_sealing:
            return owners
        repeated = result.repeated_payments
        for start in range(0, len(repeated), _IDS_PER_QUERY):
            part = repeated[start : start + _IDS_PER_QUERY]
            query = (
                f"SELECT {', '.join(names)} FROM payment_outcome "  # noqa: S608 - names
                f"WHERE payment_id IN ({', '.join('?' * len(part))})"
            )
            owners += [(row[0], row[1], row[2]) for row in self._rows(query, *part)]
        return owners

    def _insert_result(self, result: FileResult) -> None:
        file_id = result.receipt.record.file_id
        self._insert("bank_file", [result.receipt.record])
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
            ROW_TABLES[type(batch)].insert(self._database, file_id, batch)
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
        ):
            self._database.execute_many(sql, rows)

    def _insert(self, table: str, structs: Sequence[msgspec.Struct], **extra: str) -> None:
        for struct in structs:
            row = extra | msgspec.structs.asdict(struct)
            marks = ", ".join("?" * len(row))
            sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - names
            self._rows(sql, *row.values())
