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
import pyarrow.compute as pc

from engine import schemas
from engine.batches import AdviceBatch, PaymentBatch, RemittanceBatch
from parsers.byte_source import content_hash
from parsers.column_chunks import ColumnChunk, column_kinds, facts_of, join_chunks
from parsers.diagnostic_codes import DIAGNOSTIC_CODES
from parsers.excerpts import (
    EXCERPT_LENGTH,
    cut_excerpt,
    find_below,
    find_place,
    quoted_value,
)
from parsers.identities import OrdinalCounter, identify_payments
from parsers.line_index import LineIndex
from parsers.parsed_file import FileEnd, ParsedPart
from parsers.row_batches import advice_batch, check_batch, diagnostic_batch

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from parsers.byte_source import ByteSource
    from parsers.row_batches import CheckRow

__all__ = ["FileCollector", "hold_payments"]

_IDENTITY: Final = (
    "bank_account",
    "booking_date",
    "value_date",
    "amount_minor",
    "currency",
    "type_code",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "payer_name",
    "payer_account",
    "remittance_text",
    "original_reference",
)
"""The facts a payment is known by. A column that is added later does not change old identities."""

_GIVEN: Final = ("payment_id", "file_id", "source_file", "source_format", "company_id")
_COLLECTED: Final = tuple(name for name in schemas.PAYMENT.names if name not in _GIVEN)
_KINDS: Final = column_kinds(schemas.PAYMENT, _COLLECTED)
_LINE_COLLECTED: Final = (
    "reference",
    "reference_kind",
    "amount_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
    "source",
)
_LINE_KINDS: Final = column_kinds(schemas.REMITTANCE_LINE, _LINE_COLLECTED)
_ADVICE_COLUMNS: Final = set(schemas.ADVICE_LINE.names) - {
    *("file_id", "source_file", "advice_number")
}
_FACT_SEPARATOR, _REFERENCES = "\x1f", "\x1e"


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
        self._drained_count = 0
        self._open_payments: dict[str, list[Any]] = {name: [] for name in _COLLECTED}
        self._payments: list[ColumnChunk] = []
        self._sealed_count = 0
        self._open_lines: dict[str, list[Any]] = {name: [] for name in _LINE_COLLECTED}
        self._open_owners: list[int] = []
        self._lines: list[ColumnChunk] = []
        self._owners: list[NDArray[np.int64]] = []
        self._sealed_lines = 0
        self._advices: list[dict[str, Any]] = []
        self._advice_count = 0
        self._last_advice_line = ("", 0)
        self._advice_chunks: list[AdviceBatch] = []
        self._sealed_advices = 0
        self._checks: list[CheckRow] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._counts: dict[str, int] = {}
        self._file_codes: set[str] = set()
        self._ordinals = OrdinalCounter()
        self._ending: tuple[str, int] | None = None

    @cached_property
    def file_id(self) -> str:
        """SHA-256 of the content."""
        return next(self._hashes)

    @property
    def payment_count(self) -> int:
        """Payments of the file so far; the next payment gets this index."""
        return self._drained_count + self._sealed_count + len(self._open_payments["amount_minor"])

    @property
    def row_count(self) -> int:
        """Rows collected and not given away yet: of the kind of which there are most."""
        payments = self._sealed_count + len(self._open_payments["amount_minor"])
        lines = self._sealed_lines + len(self._open_owners)
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
        unknown = set(columns) - set(_COLLECTED)
        if unknown:
            message = f"unknown payment columns {sorted(unknown)}"
            raise TypeError(message)
        self._seal_payments()
        first = self.payment_count
        rows = len(columns["amount_minor"])
        self._payments.append(ColumnChunk.of(rows, columns, _KINDS))
        self._sealed_count += rows
        return first

    def add_remittances(
        self, payments: Sequence[int] | NDArray[np.int64], columns: Mapping[str, Any]
    ) -> None:
        """Add many remittance lines: `payments` are their payments' indices, in the payers' order.

        `columns` hold `reference` and may hold `reference_kind`, `amount_minor`, `discount_minor`,
        `deduction_minor`, `deduction_reason` and `source`, each as long as `payments`.
        """
        self._seal_lines()
        rows = len(payments)
        self._owners.append(np.asarray(payments, np.int64))
        self._lines.append(ColumnChunk.of(rows, columns, _LINE_KINDS))
        self._sealed_lines += rows

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

    def drain(self) -> ParsedPart:
        """Give away what was collected since the last call."""
        self._seal_payments()
        self._seal_lines()
        self._seal_advices()
        payments, remittances = self._joined_rows()
        part = ParsedPart(
            payments=payments,
            remittances=remittances,
            advices=AdviceBatch.concat(self._advice_chunks),
            control_checks=check_batch(self.source_file, self._checks),
            diagnostics=diagnostic_batch(self._diagnostics),
        )
        self._drained_count += len(payments)
        self._sealed_count = self._sealed_lines = 0
        self._payments, self._lines, self._owners = [], [], []
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
        )

    def _seal_payments(self) -> None:
        """Turn payments added one by one into a chunk of columns."""
        rows = len(self._open_payments["amount_minor"])
        if rows:
            self._payments.append(ColumnChunk.of(rows, self._open_payments, _KINDS))
            self._sealed_count += rows
            self._open_payments = {name: [] for name in _COLLECTED}

    def _seal_lines(self) -> None:
        """Turn lines added one by one into a chunk of columns."""
        if self._open_owners:
            self._owners.append(np.array(self._open_owners, np.int64))
            rows = len(self._open_owners)
            self._lines.append(ColumnChunk.of(rows, self._open_lines, _LINE_KINDS))
            self._sealed_lines += rows
            self._open_lines = {name: [] for name in _LINE_COLLECTED}
            self._open_owners = []

    def _seal_advices(self) -> None:
        """Turn advice added line by line into a batch."""
        if self._advices:
            self._advice_chunks.append(advice_batch(self._advices))
            self._sealed_advices += len(self._advices)
            self._advices = []

    def _joined_rows(self) -> tuple[PaymentBatch, RemittanceBatch]:
        """All sealed payments, and their lines in the order of the payments."""
        rows = sum(chunk.rows for chunk in self._payments)
        if not rows:
            return PaymentBatch.empty(), RemittanceBatch.empty()
        payments = join_chunks(self._payments, _KINDS)
        lines = join_chunks(self._lines, _LINE_KINDS) if self._lines else {}
        owners = np.concatenate([*self._owners, np.empty(0, np.int64)]) - self._drained_count
        if (owners[1:] < owners[:-1]).any():
            order = np.argsort(owners, kind="stable")
            owners = owners[order]
            lines = {name: column.take(pa.array(order)) for name, column in lines.items()}
        identities = self._identities(owners, lines.get("reference"))
        given = {
            "payment_id": identities,
            "file_id": pa.repeat(self.file_id, rows),
            "source_file": pa.repeat(self.source_file, rows),
            "source_format": pa.repeat(self.source_format, rows),
        }
        batch = PaymentBatch.from_distinct(payments | given)
        if not lines:
            return batch, RemittanceBatch.empty()
        owner = pa.array(owners)
        owned = {
            "payment_id": identities.take(owner),
            "currency": payments["currency"].take(owner),
            "line_number": _numbers_in_runs(owners),
        }
        return batch, RemittanceBatch.from_distinct(owned | lines)

    def _identities(self, owners: NDArray[np.int64], references: pa.Array | None) -> pa.Array:
        """`payment_id` of every row; `owners` are the ascending rows of `references`.

        Chunk by chunk, so that the texts to be hashed stay in the caches of a processor.
        """
        rows = sum(chunk.rows for chunk in self._payments)
        joined: pa.Array | None = None
        if len(owners):
            counts = np.bincount(owners, minlength=rows)
            bounds = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
            lists = pa.ListArray.from_arrays(bounds, references, mask=pa.array(counts == 0))
            joined = pc.binary_join(lists, _FACT_SEPARATOR)
        facts, start = [], 0
        for chunk in self._payments:
            lines = None if joined is None else joined.slice(start, chunk.rows)
            facts.append(facts_of(chunk, _IDENTITY, _FACT_SEPARATOR, _REFERENCES, lines))
            start += chunk.rows
        return identify_payments(facts, self._ordinals)


def hold_payments(payments: PaymentBatch, codes: Sequence[str]) -> PaymentBatch:
    """`payments` with the intake `codes` of their whole file before others of their own."""
    if not codes or not len(payments):
        return payments
    own = payments.text("intake_codes").dictionary_encode()
    held = [
        ";".join([*codes, *(code for code in one.split(";") if code and code not in codes)])
        for one in own.dictionary.to_pylist()
    ]
    column = pa.array(held, pa.string()).take(own.indices)
    at = PaymentBatch.SCHEMA.get_field_index("intake_codes")
    field = PaymentBatch.SCHEMA.field(at)
    columns = payments.record_batch.set_column(at, field, column)
    return PaymentBatch.of_distinct(columns)


def _numbers_in_runs(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """1, 2, 3 … within each run of equal values."""
    heads = np.searchsorted(ascending, ascending)
    return np.arange(1, len(ascending) + 1) - heads
