"""The tables a caller hands in: open items, customers, our bank accounts, remittances, payments.

Columns go by name in any order; columns a reader does not know are left aside. A table is all or
nothing: a missing required column, a bad value or a duplicate key is a `TableError` that names
file, row, column and value. Amounts are decimal text, decimal128, or int64 minor units under a name
that ends in `_minor`; a float column is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    AdviceBatch,
    BankAccountBatch,
    Batch,
    CustomerBatch,
    OpenItemBatch,
    PaymentBatch,
)
from engine.errors import DuplicateKeyError
from parsers.errors import TableError
from parsers.payment_terms import discounts_of_terms
from parsers.table_columns import TableColumns
from parsers.table_files import TableContent, TableFile, amount_spellings, open_table
from parsers.table_identity import with_origin

if TYPE_CHECKING:
    from pathlib import Path

    AnyBatch = TypeVar("AnyBatch", bound=Batch)

__all__ = [
    "DOCUMENT_TYPES",
    "ITEM_STATUSES",
    "TableContent",
    "read_advices",
    "read_bank_accounts",
    "read_customers",
    "read_open_items",
    "read_payments",
]

DOCUMENT_TYPES: Final = ("invoice", "debit_memo", "finance_charge", "credit_memo", "on_account")
"""Document types of open items; the last two are credits, with a negative open amount."""

ITEM_STATUSES: Final = ("open", "disputed", "blocked", "paid", "cancelled")
"""Statuses of open items; the last two have nothing open and are kept as memory."""

_CUSTOMER_STATUSES: Final = ("active", "inactive", "blocked")
_CREDITS: Final = ("credit_memo", "on_account")
_CLOSED: Final = ("paid", "cancelled")

_OPEN_ITEM: Final = (
    *("open_item_id", "company_id", "customer_id", "document_number", "document_type", "currency"),
    *amount_spellings("original_amount"),
    *amount_spellings("open_amount"),
    *amount_spellings("discount_amount"),
    *("document_date", "due_date", "discount_date", "payment_terms", "purchase_order"),
    *("references", "installment", "status"),
)
_ADVICE: Final = (
    *("remittance_id", "line_number", "payment_reference", "trace_number", "uetr"),
    *("end_to_end_id", "check_number", "payer_name", "payment_date"),
    *("reference", "deduction_reason"),
    *amount_spellings("payment_amount"),
    *amount_spellings("amount"),
    *amount_spellings("discount_amount"),
    *amount_spellings("deduction_amount"),
)
_PAYMENT_TEXT: Final = (
    *("company_id", "bank_account", "method", "type_code", "payer_name", "payer_account"),
    *("bank_reference", "customer_reference", "end_to_end_id", "check_number", "trace_number"),
    *("uetr", "remittance_text", "original_reference"),
)
_PAYMENT: Final = (
    *("payment_id", "currency", "booking_date", "value_date"),
    *amount_spellings("amount"),
    *_PAYMENT_TEXT,
)


def read_open_items(path: str | Path | TableContent | TableFile) -> OpenItemBatch:
    """Open items, and paid or cancelled ones kept as memory; raises `TableError`.

    Without a type, an item is an invoice (a credit memo where its amount is negative); an `open`
    item with nothing open counts as `paid`.
    """
    required = ("open_item_id", "customer_id", "document_number", "currency", "open_amount")
    table = open_table(path, _OPEN_ITEM, required)
    columns = TableColumns(table)
    currency = columns.currency()
    open_minor = columns.amount("open_amount", currency, required=True)
    given = columns.amount("original_amount", currency)
    original = pc.coalesce(given, open_minor)
    status = _item_statuses(columns, open_minor)
    document_date = columns.date("document_date")
    discount_date, discount = _discounts(columns, currency, original, document_date)
    return _batch(
        OpenItemBatch,
        columns,
        {
            "open_item_id": columns.required_text("open_item_id"),
            "company_id": columns.text("company_id"),
            "customer_id": columns.required_text("customer_id"),
            "document_number": columns.required_text("document_number"),
            "document_type": _document_types(columns, open_minor),
            "currency": currency,
            "original_minor": original,
            "open_minor": open_minor,
            "document_date": document_date,
            "due_date": columns.date("due_date"),
            "discount_date": discount_date,
            "discount_minor": discount,
            "purchase_order": columns.text("purchase_order"),
            "references": columns.text("references"),
            "installment": columns.text("installment"),
            "status": status,
        },
    )


def read_customers(path: str | Path | TableContent | TableFile) -> CustomerBatch:
    """Customers of all companies; raises `TableError`."""
    table = open_table(path, CustomerBatch.SCHEMA.names, ("customer_id", "name"))
    columns = TableColumns(table)
    optional = ("company_id", "aliases", "parent_customer_id", "bank_accounts", "policy")
    return _batch(
        CustomerBatch,
        columns,
        {name: columns.text(name) for name in optional}
        | {name: columns.required_text(name) for name in ("customer_id", "name")}
        | {"status": columns.choice("status", _CUSTOMER_STATUSES, "active")},
    )


def read_bank_accounts(path: str | Path | TableContent) -> BankAccountBatch:
    """Our own bank accounts; raises `TableError`."""
    required = ("bank_account", "company_id")
    columns = TableColumns(open_table(path, BankAccountBatch.SCHEMA.names, required))
    return _batch(
        BankAccountBatch,
        columns,
        {name: columns.required_text(name) for name in required}
        | {name: columns.text(name) for name in ("lockbox", "layout")}
        | {"currency": columns.currency(required=False)},
    )


def read_advices(path: str | Path | TableContent) -> AdviceBatch:
    """Remittance advice, a row per line, amounts with four decimal places; raises `TableError`.

    `file_id` is the hash of the table in key order, as that of a payments table.
    """
    columns = TableColumns(open_table(path, _ADVICE, ("remittance_id", "reference")))
    remittance_id = columns.required_text("remittance_id")
    finders = ("payment_reference", "trace_number", "uetr", "end_to_end_id", "check_number")
    batch = _batch(
        AdviceBatch,
        columns,
        {name: columns.text(name) for name in (*finders, "payer_name", "deduction_reason")}
        | {
            "remittance_id": remittance_id,
            "line_number": _line_numbers(columns, remittance_id),
            "reference": columns.required_text("reference"),
            "payment_amount_minor": columns.advice_amount("payment_amount"),
            "payment_date": columns.date("payment_date"),
            "amount_minor": columns.advice_amount("amount"),
            "discount_minor": pc.fill_null(columns.advice_amount("discount_amount"), 0),
            "deduction_minor": pc.fill_null(columns.advice_amount("deduction_amount"), 0),
        },
        key=("remittance_id", "line_number"),
    )
    return with_origin(batch, {"source_file": columns.table.name})


def read_payments(path: str | Path | TableContent) -> PaymentBatch:
    """Payments an ERP or treasury system has parsed already; raises `TableError`.

    Negative amounts are returns. `file_id` is the hash of the table in key order, so that it does
    not depend on the order of the rows; a row without booking date was booked on its value date.
    """
    required = ("payment_id", "amount", "currency", "value_date")
    table = open_table(path, _PAYMENT, required)
    columns = TableColumns(table)
    currency = columns.currency()
    value_date = columns.date("value_date", required=True)
    batch = _batch(
        PaymentBatch,
        columns,
        {name: columns.text(name) for name in _PAYMENT_TEXT}
        | {
            "payment_id": columns.required_text("payment_id"),
            "amount_minor": columns.amount("amount", currency, required=True),
            "currency": currency,
            "value_date": value_date,
            "booking_date": pc.coalesce(columns.date("booking_date"), value_date),
        },
    )
    return with_origin(batch, {"source_file": table.name, "source_format": table.format})


def _item_statuses(columns: TableColumns, open_minor: pa.Array) -> pa.Array:
    status = columns.choice("status", ITEM_STATUSES, "open")
    nothing = pc.equal(open_minor, 0)
    closed = pc.is_in(status, pa.array(_CLOSED))
    problem = "needs open_amount 0; give the status open, or the amount 0"
    columns.refuse_rows(pc.and_(closed, pc.invert(nothing)), "status", problem, status)
    return pc.if_else(pc.and_(pc.equal(status, "open"), nothing), "paid", status)


def _document_types(columns: TableColumns, open_minor: pa.Array) -> pa.Array:
    kind = columns.choice("document_type", ("", *DOCUMENT_TYPES), "")
    negative, positive = pc.less(open_minor, 0), pc.greater(open_minor, 0)
    kind = pc.if_else(pc.equal(kind, ""), pc.if_else(negative, "credit_memo", "invoice"), kind)
    credit = pc.is_in(kind, pa.array(_CREDITS))
    columns.refuse_rows(
        pc.and_(credit, positive),
        "document_type",
        "has a positive open_amount; credits are negative: change the sign of the amount",
        kind,
    )
    columns.refuse_rows(
        pc.and_(pc.invert(credit), negative),
        "document_type",
        "has a negative open_amount; give the type credit_memo, or change the sign",
        kind,
    )
    return kind


def _discounts(
    columns: TableColumns, currency: pa.Array, original: pa.Array, document_date: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Discount date and amount as given, else as the payment terms say."""
    until = columns.date("discount_date")
    amount = columns.amount("discount_amount", currency)
    if "payment_terms" in columns.table.columns:
        silent = pc.and_(until.is_null(), amount.is_null())
        terms_until, terms_amount = discounts_of_terms(
            columns.text("payment_terms"), original, document_date
        )
        until = pc.if_else(silent, terms_until, until)
        amount = pc.if_else(silent, terms_amount, amount)
    return until, pc.fill_null(amount, 0)


def _line_numbers(columns: TableColumns, remittance_id: pa.Array) -> pa.Array:
    """Line numbers as given, else 1, 2, … in file order within each remittance."""
    given = columns.whole_number("line_number")
    if not given.null_count:
        return given
    codes = remittance_id.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    first = np.flatnonzero(np.diff(codes[order], prepend=-1))
    starts = np.repeat(first, np.diff(np.append(first, len(order))))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.arange(len(order)) - starts + 1
    return pc.coalesce(given, pa.array(numbers))


def _batch(
    kind: type[AnyBatch],
    columns: TableColumns,
    values: dict[str, Any],
    key: tuple[str, ...] | None = None,
) -> AnyBatch:
    """Build the batch; a duplicate key becomes a `TableError` that names both rows.

    `key` are the columns of its key that the table gives, all of them where it is None.
    """
    names = key or kind.KEY
    try:
        return kind.from_columns(values, columns.row_count)
    except DuplicateKeyError:
        first: dict[tuple[str, ...], int] = {}
        key_columns = [values[name].to_pylist() for name in names]
        for row, found in enumerate(zip(*key_columns, strict=True)):
            if found in first:
                raise _duplicate(columns.table, names, found, (first[found], row)) from None
            first[found] = row
        raise


def _duplicate(
    table: TableFile, names: tuple[str, ...], key: tuple[str, ...], rows: tuple[int, int]
) -> TableError:
    named = ", ".join(f"{n} {v!r}" for n, v in zip(names, key, strict=True) if v != "")
    return TableError(
        f"{table.name}: {table.place(rows[1])}: {named} stands in {table.place(rows[0])} already; "
        f"each may stand once"
    )
