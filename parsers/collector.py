"""Collects what a parser finds in one bank file, column by column, and closes it as a `ParsedFile`.

Parsers call `payment`, `remittance`, `check`, `diagnose` and `count`; identity, intake codes and
batches are made here once, the same for every format.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from engine import schemas
from engine.batches import ControlCheckBatch, DiagnosticBatch, PaymentBatch, RemittanceBatch
from parsers.diagnostic_codes import DIAGNOSTIC_CODES
from parsers.parsed_file import ParsedFile

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

__all__ = ["FileCollector", "content_hash", "payment_identity"]

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

_PAYMENT_TEXT: Final = (
    "bank_account",
    "currency",
    "method",
    "type_code",
    "payer_name",
    "payer_account",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "remittance_text",
    "original_reference",
)
_PAYMENT_OTHER: Final = (
    "booking_date",
    "value_date",
    "amount_minor",
    "source_line",
    "source_offset",
    "source_length",
)
_COLLECTED: Final = (*_PAYMENT_TEXT, *_PAYMENT_OTHER, "intake_codes")
_TYPES: Final = {name: schemas.PAYMENT.field(name).type for name in _COLLECTED}
_MAY_BE_ABSENT: Final = frozenset({"source_line", "source_offset", "source_length"})
_EXCERPT_LENGTH: Final = 120
_LINE_SEARCH_LENGTH: Final = 400


def content_hash(content: bytes) -> str:
    """SHA-256 of a file's content in hex: its `file_id`, whatever its name."""
    return hashlib.sha256(content).hexdigest()


def payment_identity(parts: tuple[object, ...], references: str, ordinal: int) -> str:
    """`payment_id` of a payment: 32 hex digits over its own facts, never over name or position.

    `ordinal` counts from 0 among payments of one file that are equal in every fact; account and
    dates are such facts, so equals always belong to one statement day.
    """
    text = "\x1f".join(["" if part is None else str(part) for part in parts])
    digest = hashlib.blake2b(f"{text}\x1e{references}".encode(), digest_size=16)
    if ordinal:
        digest.update(b"\x1d%d" % ordinal)
    return digest.hexdigest()


class FileCollector:
    """What one bank file holds, gathered row by row."""

    def __init__(self, content: bytes, source_file: str, source_format: str) -> None:
        """Start a file; `content` is needed for its hash and for excerpts."""
        self.file_id = content_hash(content)
        self.source_file = source_file
        self.source_format = source_format
        self._content = content
        self._payments: dict[str, list[Any]] = {name: [] for name in _COLLECTED}
        self._chunks: list[dict[str, pa.Array]] = []
        self._lines: dict[str, list[Any]] = {
            name: []
            for name in (
                "payment",
                "line_number",
                "reference",
                "reference_kind",
                "amount_minor",
                "discount_minor",
                "deduction_minor",
                "deduction_reason",
                "source",
            )
        }
        self._line_counts: list[int] = []
        self._checks: list[tuple[str, str, str, str, str, bool]] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._counts: dict[str, int] = {}
        self._file_codes: set[str] = set()

    @property
    def payment_count(self) -> int:
        """Payments collected so far; the next payment gets this index."""
        return len(self._line_counts)

    def payment(
        self,
        *,
        amount_minor: int,
        currency: str,
        booking_date: datetime.date | None,
        value_date: datetime.date | None = None,
        intake_codes: str = "",
        **facts: Any,
    ) -> int:
        """Add a credit (or a return, negative) and give its index.

        `facts` are further columns of `engine.schemas.PAYMENT` by name (text defaults to empty).
        """
        columns = self._payments
        columns["amount_minor"].append(amount_minor)
        columns["currency"].append(currency)
        columns["booking_date"].append(booking_date)
        columns["value_date"].append(booking_date if value_date is None else value_date)
        for name in _PAYMENT_TEXT:
            if name != "currency":
                columns[name].append(facts.pop(name, ""))
        for name in ("source_line", "source_offset", "source_length"):
            columns[name].append(facts.pop(name, None))
        if facts:
            message = f"unknown payment columns {sorted(facts)}"
            raise TypeError(message)
        columns["intake_codes"].append(intake_codes)
        self._line_counts.append(0)
        return len(self._line_counts) - 1

    def add_payments(self, columns: Mapping[str, Any]) -> int:
        """Add many payments column by column and give the index of the first.

        `columns` hold equally long values (lists or Arrow arrays) of `engine.schemas.PAYMENT`
        columns by name, with at least `amount_minor`; absent ones stay empty.
        """
        unknown = set(columns) - set(_COLLECTED)
        if unknown:
            message = f"unknown payment columns {sorted(unknown)}"
            raise TypeError(message)
        self._seal()
        rows = len(columns["amount_minor"])
        first = len(self._line_counts)
        self._chunks.append({name: _column(name, columns.get(name), rows) for name in _COLLECTED})
        self._line_counts.extend([0] * rows)
        return first

    def add_remittances(
        self, payments: Sequence[int], columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Add many remittance lines: `payments` are their payments' indices, in the payers' order.

        `columns` hold `reference`, `reference_kind`, `amount_minor`, `discount_minor`,
        `deduction_minor`, `deduction_reason` and `source`, each as long as `payments`.
        """
        counts = self._line_counts
        numbers = []
        for payment in payments:
            counts[payment] += 1
            numbers.append(counts[payment])
        lines = self._lines
        lines["payment"].extend(payments)
        lines["line_number"].extend(numbers)
        for name, values in columns.items():
            lines[name].extend(values)

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
        self._line_counts[payment] += 1
        row = (
            payment,
            self._line_counts[payment],
            reference,
            reference_kind,
            amount_minor,
            discount_minor,
            deduction_minor,
            deduction_reason,
            source,
        )
        for column, value in zip(self._lines.values(), row, strict=True):
            column.append(value)

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
        value: str = "",
        expected: str = "",
        excerpt: str | None = None,
    ) -> None:
        """Add a diagnostic; severity and remedy come from the table of codes.

        Where `excerpt` is not given it is the line of the content at `offset`.
        """
        entry = DIAGNOSTIC_CODES[code]
        if excerpt is None:
            excerpt = "" if offset is None else self._line_at(offset)
        self._diagnostics.append(
            {
                "source_file": self.source_file,
                "line": line,
                "column": column,
                "offset": offset,
                "severity": entry.severity,
                "code": code,
                "message": message,
                "value": value[:_EXCERPT_LENGTH],
                "expected": expected,
                "remedy": entry.remedy,
                "excerpt": excerpt[:_EXCERPT_LENGTH],
            }
        )

    def finish(self, *, dialect: str, statement_count: int) -> ParsedFile:
        """Close the file: identities, intake codes, batches."""
        self._seal()
        columns = {name: _joined([chunk[name] for chunk in self._chunks]) for name in _COLLECTED}
        identities = self._identities(columns)
        rows = len(identities)
        fixed = {
            "payment_id": identities,
            "file_id": pa.repeat(self.file_id, rows),
            "source_file": pa.repeat(self.source_file, rows),
            "source_format": pa.repeat(self.source_format, rows),
            "intake_codes": self._held(columns["intake_codes"]),
        }
        lines = dict(self._lines)
        owners = pa.array(lines.pop("payment"), pa.int64())
        owned = {
            "payment_id": identities.take(owners),
            "currency": columns["currency"].take(owners),
        }
        checks: list[Sequence[Any]] = list(zip(*self._checks, strict=True)) or [()] * 6
        names = ("scope", "kind", "declared", "computed", "rule", "ok")
        return ParsedFile(
            file_id=self.file_id,
            source_file=self.source_file,
            source_format=self.source_format,
            dialect=dialect,
            payments=PaymentBatch.from_columns(columns | fixed),
            remittances=RemittanceBatch.from_columns(owned | lines),
            control_checks=ControlCheckBatch.from_columns(
                {"source_file": [self.source_file] * len(self._checks)}
                | {name: list(values) for name, values in zip(names, checks, strict=True)}
            ),
            diagnostics=DiagnosticBatch.from_columns(
                {
                    name: [row[name] for row in self._diagnostics]
                    for name in DiagnosticBatch.SCHEMA.names
                }
            ),
            counted_rows=dict(sorted(self._counts.items())),
            statement_count=statement_count,
        )

    def _seal(self) -> None:
        """Turn payments added one by one into a chunk of columns."""
        rows = len(self._payments["amount_minor"])
        if rows or not self._chunks:
            self._chunks.append(
                {name: _column(name, values, rows) for name, values in self._payments.items()}
            )
            self._payments = {name: [] for name in _COLLECTED}

    def _held(self, codes: pa.Array) -> pa.Array:
        """Intake codes of the rows with those of the whole file before them."""
        if not self._file_codes:
            return codes
        held = ";".join(sorted(self._file_codes))
        joined = pc.binary_join_element_wise(held, codes, ";")
        return pc.if_else(pc.equal(codes, ""), held, joined)

    def _identities(self, columns: Mapping[str, pa.Array]) -> pa.Array:
        """`payment_identity` of every row."""
        texts = [pc.fill_null(columns[name].cast(pa.string()), "") for name in _IDENTITY]
        facts = pc.binary_join_element_wise(*texts, "\x1f").to_pylist()
        references = [""] * len(facts)
        for owner, reference in zip(self._lines["payment"], self._lines["reference"], strict=True):
            references[owner] += f"\x1f{reference}"
        digest = hashlib.blake2b
        plain = [
            digest(f"{fact}\x1e{text}".encode(), digest_size=16).hexdigest()
            for fact, text in zip(facts, references, strict=True)
        ]
        if len(set(plain)) < len(plain):
            plain = _numbered(plain, facts, references)
        return pa.array(plain, pa.string())

    def _line_at(self, offset: int) -> str:
        nearest = max(0, offset - _LINE_SEARCH_LENGTH)
        start = self._content.rfind(b"\n", nearest, offset) + 1
        if not start and nearest:
            start = offset
        end = self._content.find(b"\n", offset, offset + _LINE_SEARCH_LENGTH)
        stop = len(self._content) if end < 0 else end
        return self._content[start : min(stop, start + _EXCERPT_LENGTH)].decode("utf-8", "replace")


def _numbered(plain: list[str], facts: list[str], references: list[str]) -> list[str]:
    """Identities where some payments are equal in every fact: their ordinal tells them apart."""
    seen: dict[str, int] = {}
    identities = []
    for identity, fact, text in zip(plain, facts, references, strict=True):
        ordinal = seen.get(identity, 0)
        seen[identity] = ordinal + 1
        identities.append(payment_identity((fact,), text, ordinal) if ordinal else identity)
    return identities


def _column(name: str, values: Any, rows: int) -> pa.Array:
    """Column `name` as Arrow; its empty value where it is absent."""
    kind = _TYPES[name]
    if values is None:
        absent = name in _MAY_BE_ABSENT or pa.types.is_date(kind)
        return pa.nulls(rows, kind) if absent else pa.repeat(pa.scalar("", kind), rows)
    return values if isinstance(values, pa.Array) else pa.array(values, kind)


def _joined(chunks: list[pa.Array]) -> pa.Array:
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
