"""Collects what a reader finds in one bank file, column by column, and gives it away in parts.

Readers call `payment`, `remittance`, `advice`, `check`, `diagnose`, `count` and, at the very end,
`close`; identity, line numbers and batches are made here once, the same for every format. Many rows
at once come as columns: `add_payments`, `add_remittances`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine import schemas
from engine.batches import AdviceBatch, PaymentBatch
from parsers.byte_source import content_hash
from parsers.column_chunks import ColumnChunk
from parsers.diagnostic_codes import DIAGNOSTIC_CODES
from parsers.excerpts import (
    EXCERPT_LENGTH,
    cut_excerpt,
    find_below,
    find_place,
    quoted_value,
)
from parsers.gathered_rows import LINE_KINDS, PAYMENT_KINDS, GatheredRows
from parsers.line_index import LineIndex
from parsers.parsed_file import FileEnd, ParsedPart, StatementIdentity
from parsers.row_batches import advice_batch, check_batch, diagnostic_batch

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from parsers.byte_source import ByteSource
    from parsers.row_batches import CheckRow

__all__ = ["FileCollector", "hold_payments"]

_ADVICE_COLUMNS: Final = set(schemas.ADVICE_LINE.names) - {
    *("file_id", "source_file", "advice_number")
}
_SETTLED_ROWS: Final = 1 << 12
"""So many payments are settled at once: some windows' worth, or the rest of a small file."""


class FileCollector:
    """What one bank file holds, gathered row by row or column by column.

    Payments are known by their index in the file, counted from 0. What `drain` gave away is gone
    from here: no line may be added to it.
    """

    def __init__(
        self, source: ByteSource, source_file: str, hashes: Iterator[str] | None = None
    ) -> None:
        """Start a file; `source` is needed for excerpts.

        `hashes` gives the hash of its content, perhaps made meanwhile; without it, it is made here.
        """
        self._hashes = map(content_hash, (source,)) if hashes is None else hashes
        self.source_file = source_file
        self.source_format = ""
        self._source = source
        self._line_index = LineIndex(source)
        self._rows = GatheredRows()
        self._open_payments: dict[str, list[Any]] = {name: [] for name in PAYMENT_KINDS}
        self._open_lines: dict[str, list[Any]] = {name: [] for name in LINE_KINDS}
        self._open_owners: list[int] = []
        self._advices: list[dict[str, Any]] = []
        self._advice_count = 0
        self._last_advice_line = ("", 0)
        self._advice_chunks: list[AdviceBatch] = []
        self._sealed_advices = 0
        self._checks: list[CheckRow] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._counts: dict[str, int] = {}
        self._file_codes: set[str] = set()
        self._statements: list[StatementIdentity] = []
        self._ending: tuple[str, int] | None = None

    @cached_property
    def file_id(self) -> str:
        """SHA-256 of the content."""
        return next(self._hashes)

    @property
    def payment_count(self) -> int:
        """Payments of the file so far; the next payment gets this index."""
        return self._rows.next_index + len(self._open_payments["amount_minor"])

    @property
    def row_count(self) -> int:
        """Rows collected and not given away yet: of the kind of which there are most."""
        payments = self._rows.payment_count + len(self._open_payments["amount_minor"])
        lines = self._rows.line_count + len(self._open_owners)
        lines += self._sealed_advices + len(self._advices)
        return max(payments, lines, len(self._diagnostics), len(self._checks))

    def payment(
        self,
        *,
        amount_minor: int,
        currency: str,
        booking_date: datetime.date | None,
        value_date: datetime.date | None = None,
        **facts: Any,
    ) -> int:
        """Add a credit (or a return, negative) and give its index.

        `facts` are further columns of `engine.schemas.PAYMENT` by name (text defaults to empty,
        numbers to null); without a value date the booking date is taken.
        """
        facts["amount_minor"] = amount_minor
        facts["currency"] = currency
        facts["booking_date"] = booking_date
        facts["value_date"] = booking_date if value_date is None else value_date
        for name, values in self._open_payments.items():
            values.append(facts.pop(name, None))
        if facts:
            message = f"unknown payment columns {sorted(facts)}"
            raise TypeError(message)
        return self.payment_count - 1

    def add_payments(self, columns: Mapping[str, Any]) -> int:
        """Add many payments column by column and give the index of the first.

        `columns` hold equally long values (lists, numpy or Arrow arrays) of
        `engine.schemas.PAYMENT` columns by name, with at least `amount_minor`; absent ones stay
        empty.
        """
        unknown = columns.keys() - PAYMENT_KINDS.keys()
        if unknown:
            message = f"unknown payment columns {sorted(unknown)}"
            raise TypeError(message)
        self._seal_payments()
        first = self.payment_count
        rows = len(columns["amount_minor"])
        self._rows.add_payments(ColumnChunk.of(rows, columns, PAYMENT_KINDS))
        return first

    def add_remittances(
        self, payments: Sequence[int] | NDArray[np.int64], columns: Mapping[str, Any]
    ) -> None:
        """Add many remittance lines: `payments` are their payments' indices, in the payers' order.

        `columns` hold `reference` and may hold `reference_kind`, `amount_minor`, `discount_minor`,
        `deduction_minor`, `deduction_reason` and `source`, each as long as `payments`.
        """
        self._seal_lines()
        chunk = ColumnChunk.of(len(payments), columns, LINE_KINDS)
        self._rows.add_lines(np.asarray(payments, np.int64), chunk)

    def remittance(
        self,
        payment: int,
        *,
        reference: str,
        source: str,
        reference_kind: str = "",
        amount_minor: int | None = None,
        discount_minor: int = 0,
        deduction_minor: int = 0,
        deduction_reason: str = "",
    ) -> None:
        """Add a remittance line to the payment of that index."""
        self._open_owners.append(payment)
        row = (
            reference,
            reference_kind,
            amount_minor,
            discount_minor,
            deduction_minor,
            deduction_reason,
            source,
        )
        for column, value in zip(self._open_lines.values(), row, strict=True):
            column.append(value)

    def advice(self, **facts: Any) -> None:
        """Add a remittance line whose payment stands elsewhere.

        `facts` are columns of `engine.schemas.ADVICE_LINE` by name (`remittance_id`, `line_number`
        and `reference` at least); amounts have four decimal places (`engine.batches.ADVICE_SCALE`).
        The lines of an advice come one after another, numbered upwards; an advice may repeat the
        id of an earlier one.
        """
        unknown = set(facts) - _ADVICE_COLUMNS
        if unknown:
            message = f"unknown advice columns {sorted(unknown)}"
            raise TypeError(message)
        name, number = facts["remittance_id"], facts["line_number"]
        last_name, last_number = self._last_advice_line
        self._advice_count += name != last_name or number <= last_number
        self._last_advice_line = (name, number)
        self._advices.append(
            {"file_id": self.file_id, "source_file": self.source_file}
            | {"advice_number": self._advice_count}
            | facts
        )

    def add_advices(self, columns: Mapping[str, Any]) -> None:
        """Add many lines of advice column by column; names and amounts as in `advice`.

        `advice_number` counts the advices of this call from 1; it goes on from those before.
        """
        self._seal_advices()
        numbers = np.asarray(columns["advice_number"], np.int64) + self._advice_count
        rows = len(numbers)
        given = {
            "file_id": pa.repeat(self.file_id, rows),
            "source_file": pa.repeat(self.source_file, rows),
            "advice_number": numbers,
        }
        self._advice_chunks.append(AdviceBatch.from_columns({**columns, **given}))
        self._sealed_advices += rows
        self._advice_count = int(numbers.max(initial=self._advice_count))
        self._last_advice_line = ("", 0)

    def check(
        self, *, scope: str, kind: str, declared: object, computed: object, ok: bool, rule: str = ""
    ) -> None:
        """Record a control total or count; a failed one is a diagnostic as well, if you add it."""
        self._checks.append((scope, kind, str(declared), str(computed), rule, ok))

    def count(self, reason: str, rows: int = 1) -> None:
        """Count rows that are no payments (`debit`, `pending`, `information`, `summary`, …)."""
        self._counts[reason] = self._counts.get(reason, 0) + rows

    def statement(
        self, *, account: str, statement_id: str, date: str, currency: str, total_minor: int
    ) -> None:
        """A statement, deposit or batch was read to its end; `StatementIdentity` has the words."""
        self._statements.append(
            StatementIdentity(
                account=account,
                statement_id=statement_id,
                date=date,
                currency=currency,
                total_minor=total_minor,
            )
        )

    def hold_file(self, code: str) -> None:
        """Raise an intake code (`IN-TOTAL`) on every payment of the file."""
        self._file_codes.add(code)

    def diagnose(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        offset: int | None = None,
        within: int = 0,
        value: str = "",
        expected: str = "",
        excerpt: str | None = None,
    ) -> None:
        """Add a diagnostic; severity and remedy come from the table of codes.

        `offset` is the byte meant, in line `line`. Where `within` is given it is the beginning of
        so many bytes in which `value` stands: the diagnostic then points at the value. Without an
        offset the value is looked for where `line` begins. Column and excerpt follow from the
        offset where they are not given.
        """
        entry = DIAGNOSTIC_CODES[code]
        place = None
        wanted = value or quoted_value(message)
        begin = None if line is None or offset is not None else self._line_index.offset_of(line)
        if offset is not None:
            place = find_place(self._source, offset, within, wanted)
        elif begin is not None and column is None:
            place = find_below(self._source, begin, wanted)
        excerpt = None if excerpt is None else cut_excerpt(excerpt, column)
        if place is not None:
            offset = place.offset
            value = value or (wanted if place.is_found else "")
            line = None if line is None else line + place.lines_below
            column = place.column if column is None else column
            excerpt = place.excerpt if excerpt is None else excerpt
        self._diagnostics.append(
            {
                "source_file": self.source_file,
                "line": line,
                "column": column,
                "offset": offset,
                "severity": entry.severity,
                "code": code,
                "message": message,
                "value": value[:EXCERPT_LENGTH],
                "expected": expected,
                "remedy": entry.remedy,
                "excerpt": excerpt or "",
            }
        )

    def close(self, *, dialect: str, statement_count: int) -> None:
        """The file is read to its end; called once, by its reader."""
        self._ending = (dialect, statement_count)

    def settle(self) -> None:
        """Hash what the payments so far say, where they are many.

        No line may be added to them any more.
        """
        if self._rows.unsettled_count >= _SETTLED_ROWS:
            self._seal_payments()
            self._seal_lines()
            self._rows.settle()

    def drain(self) -> ParsedPart:
        """Give away what was collected since the last call."""
        self._seal_payments()
        self._seal_lines()
        self._seal_advices()
        names = ("file_id", "source_file", "source_format")
        texts = {name: pa.scalar(getattr(self, name), pa.string()) for name in names}
        payments, remittances = self._rows.give(texts)
        part = ParsedPart(
            payments=payments,
            remittances=remittances,
            advices=AdviceBatch.concat(self._advice_chunks),
            control_checks=check_batch(self.source_file, self._checks),
            diagnostics=diagnostic_batch(self._diagnostics),
        )
        self._advice_chunks, self._checks, self._diagnostics = [], [], []
        self._sealed_advices = 0
        return part

    def end(self) -> FileEnd:
        """What is known of the file as a whole, once its reader has closed it."""
        assert self._ending is not None  # noqa: S101 - every reader closes its file
        dialect, statement_count = self._ending
        return FileEnd(
            file_id=self.file_id,
            source_file=self.source_file,
            source_format=self.source_format,
            dialect=dialect,
            counted_rows=dict(sorted(self._counts.items())),
            statement_count=statement_count,
            held_codes=tuple(sorted(self._file_codes)),
            statements=tuple(self._statements),
        )

    def _seal_payments(self) -> None:
        """Turn payments added one by one into a chunk of columns."""
        rows = len(self._open_payments["amount_minor"])
        if rows:
            self._rows.add_payments(ColumnChunk.of(rows, self._open_payments, PAYMENT_KINDS))
            self._open_payments = {name: [] for name in PAYMENT_KINDS}

    def _seal_lines(self) -> None:
        """Turn lines added one by one into a chunk of columns."""
        if self._open_owners:
            chunk = ColumnChunk.of(len(self._open_owners), self._open_lines, LINE_KINDS)
            self._rows.add_lines(np.array(self._open_owners, np.int64), chunk)
            self._open_lines = {name: [] for name in LINE_KINDS}
            self._open_owners = []

    def _seal_advices(self) -> None:
        """Turn advice added line by line into a batch."""
        if self._advices:
            self._advice_chunks.append(advice_batch(self._advices))
            self._sealed_advices += len(self._advices)
            self._advices = []


def hold_payments(payments: PaymentBatch, codes: Sequence[str]) -> PaymentBatch:
    """`payments` with the intake `codes` of their whole file before others of their own."""
    if not codes or not len(payments):
        return payments
    own = payments.text("intake_codes").dictionary_encode()
    held = [
        ";".join([*codes, *(code for code in one.split(";") if code and code not in codes)])
        for one in own.dictionary.to_pylist()
    ]
    column = arrow.take(pa.array(held, pa.string()), own.indices)
    at = PaymentBatch.SCHEMA.get_field_index("intake_codes")
    field = PaymentBatch.SCHEMA.field(at)
    columns = payments.record_batch.set_column(at, field, column)
    return PaymentBatch.of_distinct(columns)
