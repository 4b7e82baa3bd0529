"""Lists over bank files: receipts with filters, and the rows that a receipt has no room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import pyarrow as pa

from engine.batches import Batch, ControlCheckBatch, DiagnosticBatch
from store.bank_file_records import BankFileRecord, CurrencyTotal, FileReceipt
from store.row_tables import ROW_TABLES, batch_of, quoted_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["FileFilter", "FileLists"]

_B = TypeVar("_B", bound=Batch)

_FILES_PER_QUERY: Final = 500
_RECORD: Final = ", ".join(f"f.{name}" for name in BankFileRecord.__struct_fields__)
_TOTALS: Final = ", ".join(CurrencyTotal.__struct_fields__)
_NUMBER: Final = pa.field("row_number", pa.int64(), nullable=False)


class FileFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which bank files; empty values mean all.

    `received_from_ms` is included, `received_before_ms` is not. With `companies` a file is listed
    where all its payments are theirs.
    """

    state: str = ""
    source_format: str = ""
    file_name: str = ""
    received_from_ms: int = 0
    received_before_ms: int = 0
    with_exceptions: bool = False
    with_failed_checks: bool = False
    companies: tuple[str, ...] | None = None


class FileLists:
    """What may be listed of bank files."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Ask `database`; `personal` opens what is sealed there."""
        self._database = database
        self._personal = personal

    def list_files(
        self, wanted: FileFilter, before_number: int | None, limit: int
    ) -> tuple[list[FileReceipt], int | None]:
        """At most `limit` receipts, the latest first, without checks and diagnostics.

        From the start or before a number given with an earlier page; with the number to go on at.
        """
        conditions, values = _conditions(wanted)
        if before_number is not None:
            conditions.append("f.row_number < ?")
            values.append(before_number)
        where = " AND ".join(conditions) or "1 = 1"
        with self._database.reading():
            rows = self._database.rows(
                f"SELECT f.row_number, {_RECORD} FROM bank_file f WHERE {where} "  # noqa: S608 - names
                "ORDER BY f.row_number DESC LIMIT ?",
                *values,
                limit + 1,
            )
            page = rows[:limit]
            records = [
                BankFileRecord(**dict(zip(BankFileRecord.__struct_fields__, row[1:], strict=True)))
                for row in page
            ]
            receipts = self._receipts(records)
        return receipts, page[-1][0] if len(rows) > limit else None

    def list_rows(
        self,
        file_id: str,
        batch_class: type[_B],
        after_number: int,
        limit: int,
        *,
        failed_only: bool = False,
    ) -> tuple[_B, int | None]:
        """At most `limit` rows of a table of a file, after a number; the number to go on after."""
        failed = " AND CAST(ok AS INTEGER) = 0" if failed_only else ""
        found = self._database.read_table(
            f"SELECT row_number, {quoted_columns(batch_class)} FROM {ROW_TABLES[batch_class].name} "  # noqa: S608 - schema names
            f"WHERE file_id = ? AND row_number > ?{failed} ORDER BY row_number LIMIT ?",
            pa.schema([_NUMBER, *batch_class.SCHEMA]),
            file_id,
            after_number,
            limit + 1,
        )
        page = found.slice(0, limit)
        more = page["row_number"][-1].as_py() if found.num_rows > limit else None
        rows = cast("_B", batch_of(batch_class, page.drop_columns(["row_number"])))
        return self._personal.opened(rows), more

    def _receipts(self, records: Sequence[BankFileRecord]) -> list[FileReceipt]:
        totals: dict[str, list[CurrencyTotal]] = {}
        counted: dict[str, dict[str, int]] = {}
        for start in range(0, len(records), _FILES_PER_QUERY):
            ids = [one.file_id for one in records[start : start + _FILES_PER_QUERY]]
            marks = f"({', '.join('?' * len(ids))})"
            names = CurrencyTotal.__struct_fields__
            for file_id, *row in self._database.rows(
                f"SELECT file_id, {_TOTALS} FROM currency_total WHERE file_id IN {marks} "  # noqa: S608 - names
                "ORDER BY row_number",
                *ids,
            ):
                total = CurrencyTotal(**dict(zip(names, row, strict=True)))
                totals.setdefault(file_id, []).append(total)
            for file_id, reason, count in self._database.rows(
                f"SELECT file_id, reason, row_count FROM counted_row WHERE file_id IN {marks} "  # noqa: S608 - marks
                "ORDER BY reason",
                *ids,
            ):
                counted.setdefault(file_id, {})[reason] = count
        return [
            FileReceipt(
                record=one,
                counted_rows=counted.get(one.file_id, {}),
                currency_totals=tuple(totals.get(one.file_id, ())),
                control_checks=ControlCheckBatch.empty(),
                diagnostics=DiagnosticBatch.empty(),
            )
            for one in records
        ]


def _conditions(wanted: FileFilter) -> tuple[list[str], list[Any]]:
    name = wanted.file_name.lower().replace("\\", "\\\\")
    name = name.replace("%", "\\%").replace("_", "\\_")
    asked = (
        ("f.state = ?", wanted.state),
        ("f.source_format = ?", wanted.source_format),
        ("lower(f.file_name) LIKE ? ESCAPE '\\'", f"%{name}%" if name else ""),
        ("f.received_at_ms >= ?", wanted.received_from_ms),
        ("f.received_at_ms < ?", wanted.received_before_ms),
    )
    conditions = [condition for condition, value in asked if value]
    values: list[Any] = [value for _, value in asked if value]
    if wanted.with_exceptions:
        conditions.append("f.exception_count > 0")
    if wanted.with_failed_checks:
        conditions.append(
            "EXISTS (SELECT 1 FROM control_check c WHERE c.file_id = f.file_id "
            "AND CAST(c.ok AS INTEGER) = 0)"
        )
    if wanted.companies is not None:
        marks = ", ".join("?" * len(wanted.companies)) or "NULL"
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM payment_outcome o WHERE o.file_id = f.file_id "  # noqa: S608 - marks
            f"AND o.company_id NOT IN ({marks}))"
        )
        values += wanted.companies
    return conditions, values
