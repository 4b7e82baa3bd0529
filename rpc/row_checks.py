"""Checks of the rows a caller sends: every error of every row, not only the first.

Tables are all or nothing: a table with an error gives no batch.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import Batch, OpenItemBatch, PaymentBatch
from engine.limits import AMOUNT_MINOR_MAX
from engine.money import CURRENCY_EXPONENTS
from engine.text_columns import are_empty, is_empty
from parsers.tables import DOCUMENT_TYPES, ITEM_STATUSES
from rpc.errors import ArrowError
from rpc.limits import ROW_ERRORS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from rpc.conversions import TableKind

__all__ = ["RowError", "RowErrors", "TableChecker"]


class _Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a table's columns must be: filled, one of some words, or filled in for the caller."""

    required: tuple[str, ...]
    words: dict[str, tuple[str, ...]] = {}
    defaults: dict[str, str] = {}


_VALUE_LENGTH_MAX: Final = 200
"""Characters of a value shown in an error."""

_RULES: Final = {
    "payments": _Rules(required=("payment_id", "amount_minor", "currency")),
    "remittance_lines": _Rules(required=("payment_id", "line_number", "reference", "currency")),
    "open_items": _Rules(
        required=("open_item_id", "customer_id", "document_number", "currency", "open_minor"),
        words={
            "document_type": DOCUMENT_TYPES,
            "status": ITEM_STATUSES,
        },
        defaults={"document_type": "invoice", "status": "open"},
    ),
    "customers": _Rules(
        required=("customer_id", "name"),
        words={"status": ("active", "inactive", "blocked")},
        defaults={"status": "active"},
    ),
    "bank_accounts": _Rules(required=("bank_account", "company_id")),
    "removed_open_items": _Rules(required=("open_item_id",)),
    "removed_customers": _Rules(required=("customer_id",)),
}


_FEW_ROWS: Final = 1000
"""So few keys are numbered faster than they are compared with their neighbours."""

_CURRENCIES: Final = pa.array([*CURRENCY_EXPONENTS, ""])
_KNOWN: Final = frozenset(_CURRENCIES.to_pylist())


class _Column(msgspec.Struct, frozen=True):
    """A column of a table and what kind it is: asked once, for every call has all of them.

    is_ruled: more is asked of it than its type; is_free: a text of which no more is asked.
    """

    field: Any
    name: str
    is_ruled: bool
    is_text: bool
    is_free: bool
    is_integer: bool
    is_date: bool


@cache
def _checked_columns(batch_class: type[Batch], table: str) -> tuple[_Column, ...]:
    rules = _RULES[table]
    ruled = {*rules.required, *rules.words, *rules.defaults, "currency"}
    return tuple(
        _Column(
            field=field,
            name=field.name,
            is_ruled=field.name in ruled,
            is_text=pa.types.is_string(field.type),
            is_free=pa.types.is_string(field.type) and field.name not in ruled,
            is_integer=pa.types.is_integer(field.type),
            is_date=pa.types.is_date(field.type),
        )
        for field in batch_class.SCHEMA
    )


class RowError(msgspec.Struct, frozen=True):
    """Something wrong with one row; `row_index` counts from 0."""

    table: str
    row_index: int
    column: str
    reason: str
    value: str
    message: str


class RowErrors:
    """The first `ROW_ERRORS_MAX` errors and the number of all."""

    def __init__(self) -> None:
        """No errors yet."""
        self.listed: list[RowError] = []
        self.count = 0

    @property
    def room(self) -> int:
        """How many more errors may be listed."""
        return ROW_ERRORS_MAX - len(self.listed)


class TableChecker:
    """Turns the chunks of one table into its batch, or into errors."""

    def __init__(self, kind: TableKind, errors: RowErrors) -> None:
        """Start an empty table; what is wrong goes to `errors`."""
        self._kind = kind
        self._rules = _RULES[kind.field]
        self._errors = errors
        self._own_errors = 0
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, columns: Mapping[str, pa.Array | None], row_count: int) -> None:
        """Check one chunk, None being a column in which nothing is told; raises `ArrowError` where
        a column is missing or of a wrong type.
        """
        if not row_count:
            return
        missing = [name for name in self._rules.required if name not in columns]
        if missing:
            message = f"{self._kind.field}: the required columns {missing} are missing"
            raise ArrowError(message, table=self._kind.field, column=missing[0])
        arrays = [
            self._column(one, columns.get(one.name), row_count)
            for one in _checked_columns(self._kind.batch_class, self._kind.field)  # type: ignore[arg-type]  # a class
        ]
        if not self._own_errors:
            schema = self._kind.batch_class.SCHEMA
            self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        self._rows += row_count

    def finish(self) -> Batch:
        """The batch of all chunks; empty where anything is wrong with them."""
        kind = self._kind.batch_class
        if self._own_errors or not self._batches:
            return kind.empty()
        few = len(self._batches) == 1
        whole = self._batches[0] if few else pa.concat_batches(self._batches)
        batch = kind.of_distinct(_filled(kind, whole))
        return batch if self._keys_are_unique(batch) else kind.empty()

    def check_owners(self, batch: Batch, payments: Batch) -> None:
        """Each line of `batch` must name one of `payments`."""
        known = pc.is_in(batch.text("payment_id"), value_set=payments.text("payment_id"))
        self._refuse(_not(known), batch.text("payment_id"), "payment_id", "a sent payment")

    def refuse_repeated(self, repeated: pa.Array, values: pa.Array, column: str) -> None:
        """Refuse rows, all of them added, whose key stands in another table that excludes it."""
        self._rows = 0
        expected = "a key that stands once in all tables of the call"
        told = repeated.to_numpy(zero_copy_only=False)
        self._refuse(told, values, column, expected, reason="DUPLICATE_KEY")

    def _column(self, one: _Column, column: pa.Array | None, rows: int) -> pa.Array:
        if column is None:
            column = self._kind.batch_class.nothing(one.name, rows)
            if not one.is_ruled:
                return column
        typed = self._typed(one, column)
        if one.is_free and not typed.null_count:
            return typed
        if one.is_text:
            return self._text(one.name, typed)
        return self._number(one, typed) if one.is_integer else typed

    def _typed(self, one: _Column, column: pa.Array) -> pa.Array:
        field = one.field
        if column.type == field.type:
            return column
        if one.is_date and pa.types.is_string(column.type):
            return self._dates(field.name, column)
        if pa.types.is_floating(column.type) and not pa.types.is_floating(field.type):
            self._refuse_type(field, column)
        try:
            return column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return self._refuse_type(field, column)

    def _refuse_type(self, field: pa.Field, column: pa.Array) -> pa.Array:
        message = (
            f"{self._kind.field}: column {field.name!r} has type {column.type}, "
            f"expected {field.type}"
        )
        raise ArrowError(message, table=self._kind.field, column=field.name)

    def _dates(self, name: str, column: pa.Array) -> pa.Array:
        if not column.null_count and are_empty(column):
            return pa.nulls(len(column), pa.date32())
        filled = column
        if column.null_count or is_empty(column).any():
            filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        try:
            return filled.cast(pa.date32())
        except pa.ArrowInvalid:
            bad = np.array([not _is_date(text) for text in filled.to_pylist()])
            self._refuse(bad, column, name, "an ISO 8601 date such as 2026-03-31")
            return pa.nulls(len(column), pa.date32())

    def _text(self, name: str, column: pa.Array) -> pa.Array:
        text = pc.fill_null(column, "") if column.null_count else column
        if name in self._rules.defaults:
            text = pc.if_else(pc.equal(text, ""), self._rules.defaults[name], text)
        if name in self._rules.required:
            self._refuse(is_empty(text), text, name, "a value", reason="VALUE_MISSING")
        words = self._rules.words.get(name)
        if words:
            known = pc.is_in(text, value_set=pa.array(words))
            self._refuse(_not(known), text, name, f"one of {', '.join(words)}")
        if name == "currency" and not _KNOWN.issuperset(text.unique().to_pylist()):
            known = pc.is_in(text, value_set=_CURRENCIES)
            self._refuse(_not(known), text, name, "an active ISO 4217 code such as USD")
        return text

    def _number(self, one: _Column, column: pa.Array) -> pa.Array:
        name, nulls = one.name, column.null_count
        if nulls and name in self._rules.required:
            missing = column.is_null().to_numpy(zero_copy_only=False)
            self._refuse(missing, column, name, "a value", reason="VALUE_MISSING")
        if nulls == len(column) and one.field.nullable:
            return column
        filled = pc.fill_null(column, 0) if nulls else column
        if name.endswith("_minor"):
            value = filled.to_numpy(zero_copy_only=False)
            large = (value > AMOUNT_MINOR_MAX) | (value < -AMOUNT_MINOR_MAX)
            self._refuse(large, filled, name, f"at most {AMOUNT_MINOR_MAX} minor units")
        return column if one.field.nullable else filled

    def _refuse(
        self,
        bad: NDArray[np.bool_],
        values: pa.Array,
        column: str,
        expected: str,
        *,
        reason: str = "",
    ) -> None:
        if not np.count_nonzero(bad):
            return
        rows = np.flatnonzero(bad)
        self._count(len(rows))
        for row in rows[: self._errors.room].tolist():
            value = values[row].as_py()
            self._list(
                row + self._rows,
                column,
                reason or "VALUE_INVALID",
                "" if value is None else str(value),
                f"expected {expected}",
            )

    def _count(self, errors: int) -> None:
        self._own_errors += errors
        self._errors.count += errors

    def _list(self, row: int, column: str, reason: str, value: str, message: str) -> None:
        table, shown = self._kind.field, value[:_VALUE_LENGTH_MAX]
        text = f"{table}, row {row}, {column} = {shown!r}: {message}"
        self._errors.listed.append(RowError(table, row, column, reason, shown, text))

    def _keys_are_unique(self, batch: Batch) -> bool:
        names, whole = batch.KEY, batch.record_batch
        if not names or len(batch) < 2 or (len(batch) > _FEW_ROWS and batch.keys_ascend()):
            return True
        parts = [whole.column(name).cast(pa.string()) for name in names]
        keys = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "\x1f")
        encoded = keys.dictionary_encode()
        if len(encoded.dictionary) == len(keys):
            return not self._own_errors
        codes = encoded.indices.to_numpy()
        # Codes count up in order of first appearance: a row that sets no new maximum repeats a key.
        first = np.diff(np.maximum.accumulate(codes), prepend=-1) > 0
        first_rows, repeats = np.flatnonzero(first), np.flatnonzero(~first)
        self._count(len(repeats))
        for row in repeats[: self._errors.room].tolist():
            shown = " / ".join(part[row].as_py() for part in parts)
            message = f"expected a key that row {first_rows[codes[row]]} does not have"
            self._list(row, " / ".join(names), "DUPLICATE_KEY", shown, message)
        return not self._own_errors


def _not(flags: pa.BooleanArray) -> NDArray[np.bool_]:
    """The other rows."""
    others: NDArray[np.bool_] = ~flags.to_numpy(zero_copy_only=False)
    return others


def _is_date(text: str | None) -> bool:
    if text is None:
        return True
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _filled(kind: type[Batch], whole: pa.RecordBatch) -> pa.RecordBatch:
    """Facts that follow from others: each date from the other one, the original from the open."""
    columns: dict[str, pa.Array] = {}
    if kind is PaymentBatch:
        booking, value = whole.column("booking_date"), whole.column("value_date")
        if booking.null_count or value.null_count:
            columns["booking_date"] = pc.coalesce(booking, value)
            columns["value_date"] = pc.coalesce(value, booking)
    if kind is OpenItemBatch:
        original, opened = whole.column("original_minor"), whole.column("open_minor")
        columns["original_minor"] = pc.if_else(pc.equal(original, 0), opened, original)
    if not columns:
        return whole
    every = [
        columns.get(name, column)
        for name, column in zip(whole.schema.names, whole.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(every, schema=whole.schema)
