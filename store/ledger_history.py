"""Topic ledger history: open items and what was settled of them here, as columns for a report.

What was settled elsewhere is not known here but by what is no longer open; it is in no column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.database import Database

__all__ = ["LedgerHistory"]

_NO: Final = False

_ITEMS: Final = """
SELECT i.company_id, i.open_item_id, i.customer_id, i.currency, i.document_date, i.due_date,
    i.discount_date, i.open_minor, i.document_type, i.document_number
FROM open_item i WHERE (i.is_deleted = ? OR i.open_minor = 0 AND i.decided_minor <> 0) {companies}
ORDER BY i.company_id, i.open_item_id
"""
_ITEM_SCHEMA: Final = pa.schema(
    [
        *((name, pa.string()) for name in ("company_id", "open_item_id", "customer_id")),
        ("currency", pa.string()),
        *((name, pa.date32()) for name in ("document_date", "due_date", "discount_date")),
        ("open_minor", pa.int64()),
        ("document_type", pa.string()),
        ("document_number", pa.string()),
    ]
)
_SETTLED: Final = """
SELECT i.company_id, i.open_item_id, coalesce(m.value_date, m.booking_date) AS value_date,
    i.decided_at_ms, i.taken_minor, i.discount_minor
FROM posting i LEFT JOIN payment m ON m.payment_id = i.payment_id
WHERE i.taken_minor <> 0 {companies} ORDER BY i.posting_number
"""
_SETTLED_SCHEMA: Final = pa.schema(
    [
        ("company_id", pa.string()),
        ("open_item_id", pa.string()),
        ("value_date", pa.date32()),
        ("decided_at_ms", pa.int64()),
        ("taken_minor", pa.int64()),
        ("discount_minor", pa.int64()),
    ]
)


class LedgerHistory:
    """What reports over receivables are made of."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def items(self, companies: Sequence[str] | None) -> pa.Table:
        """Every item that is there, open or not, and those gone that were settled whole here."""
        return self._table(_ITEMS, _ITEM_SCHEMA, companies, _NO)

    def settled(self, companies: Sequence[str] | None) -> pa.Table:
        """What postings took off items, and reversals gave back, with the payment's value date."""
        return self._table(_SETTLED, _SETTLED_SCHEMA, companies)

    def _table(
        self, question: str, schema: pa.Schema, companies: Sequence[str] | None, *first: object
    ) -> pa.Table:
        condition = ""
        if companies is not None:
            marks = ", ".join("?" * len(companies)) or "NULL"
            word = "AND" if "WHERE" in question else "WHERE"
            condition = f"{word} i.company_id IN ({marks})"
        filled = question.replace("{companies}", condition)
        return self._database.read_table(filled, schema, *first, *(companies or ()))
