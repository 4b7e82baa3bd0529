"""The tables under audit: what a leaf hashes of each, and how its rows are found again."""

from __future__ import annotations

from typing import Final

import msgspec

from store.audit_leaves import VALUE_SEPARATOR, RowSelection
from store.bank_file_records import BankFileRecord, CurrencyTotal
from store.row_tables import ROW_TABLES

__all__ = [
    "AUDITED_TABLES",
    "CASE_TABLES",
    "FILE_TABLES",
    "POSTING_TABLES",
    "AuditedTable",
    "posting_selections",
]


class AuditedTable(msgspec.Struct, frozen=True):
    """A table under audit: rows of one effect share the value of `column`, in order of `order`.

    Columns are listed, not taken as they come: a column that a later release adds does not change
    the digests of rows written before.
    """

    name: str
    column: str
    columns: tuple[str, ...]
    order: str = "row_number"


def _of_file(name: str, *columns: str) -> AuditedTable:
    return AuditedTable(name, "file_id", columns)


FILE_TABLES: Final = (
    _of_file("bank_file", *BankFileRecord.__struct_fields__),
    *(
        _of_file(table.name, *(name for name in kind.SCHEMA.names if name != "file_id"))
        for kind, table in ROW_TABLES.items()
    ),
    _of_file("currency_total", *CurrencyTotal.__struct_fields__),
    _of_file("counted_row", "reason", "row_count"),
    _of_file("repeated_payment", "payment_id"),
    _of_file("statement", "account", "statement_id", "date", "currency", "total_minor"),
)
"""What keeping a bank file writes."""

CASE_TABLES: Final = (
    AuditedTable(
        "case_act",
        "effect",
        (
            "case_id",
            "act_number",
            "actor",
            "performed_at_ms",
            "batch_id",
            "act",
            "events",
            "assignee_before",
            "backup_before",
            "due_at_ms_before",
            "customer_before",
        ),
    ),
    AuditedTable(
        "case_line",
        "effect",
        (
            "case_id",
            "line_number",
            "act_number",
            "kind",
            "payment_id",
            "company_id",
            "customer_id",
            "open_item_id",
            "currency",
            "cash_minor",
            "discount_minor",
            "deduction_minor",
            "deduction_reason",
            "write_off_minor",
            "write_off_reason",
            "link",
            "reverses",
            "prepared_by",
            "approved_by",
        ),
    ),
    AuditedTable(
        "learned_fact",
        "effect",
        (
            "case_id",
            "line_number",
            "kind",
            "company_id",
            "value",
            "customer_id",
            "learned_by",
            "learned_day",
            "payment_id",
        ),
    ),
    AuditedTable(
        "late_remittance",
        "effect",
        ("payment_id", "remittance_id", "file_name", "content_text", "lines", "proposals"),
    ),
    AuditedTable("reproposal", "effect", ("payment_id", "proposals")),
)
"""What an act on a case writes."""

POSTING_TABLES: Final = (
    AuditedTable(
        "posting",
        "booking_number,subject",
        (
            *("posting_number", "booking_number", "kind", "payment_id", "company_id"),
            *("open_item_id", "customer_id", "currency", "bucket", "applied_minor"),
            *("discount_minor", "deduction_minor", "deduction_reason", "write_off_minor"),
            *("write_off_reason", "taken_minor", "reverses", "subject", "decided_by"),
            *("is_human", "decided_at_ms", "reason", "cash_minor", "cash_currency"),
        ),
        "posting_number",
    ),
    AuditedTable(
        "cash_move",
        "booking_number,subject",
        (
            *("move_number", "booking_number", "payment_id", "from_bucket", "to_bucket"),
            *("amount_minor", "subject", "decided_by", "is_human", "decided_at_ms", "reason"),
        ),
        "move_number",
    ),
)
"""What posting decisions writes, by the booking they were posted in and what it was about."""

AUDITED_TABLES: Final = {
    table.name: table for table in (*FILE_TABLES, *CASE_TABLES, *POSTING_TABLES)
}
"""Every table under audit, by name."""


def posting_selections(booking_number: int, subject: str) -> list[RowSelection]:
    """The postings and moves of cash of one booking that are about `subject`."""
    value = f"{booking_number}{VALUE_SEPARATOR}{subject}"
    return [RowSelection(table.name, table.column, value) for table in POSTING_TABLES]
