"""What lines of a case take from open items, conditional on what is open now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from store.errors import ItemNotCoveredError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desk.cases import Line
    from store.database import Database

__all__ = ["settle_lines"]

_TAKE: Final = """
UPDATE open_item SET
    open_minor = open_minor - ?,
    baseline_minor = CASE WHEN consumed_minor = 0 THEN erp_minor ELSE baseline_minor END,
    consumed_minor = consumed_minor + ?,
    decided_minor = decided_minor + ?,
    version = version + 1,
    change_number = ?
WHERE company_id = ? AND open_item_id = ? AND currency = ?
    AND CASE WHEN original_minor < 0 OR original_minor = 0 AND open_minor < 0
        THEN open_minor - ? <= 0 AND (? < 0 OR open_minor - ? >= original_minor)
        ELSE open_minor - ? >= 0 AND (? > 0 OR open_minor - ? <= original_minor) END
RETURNING open_minor
"""
_TAKE_FROM_FILE: Final = """
UPDATE consumed_item SET consumed_minor = consumed_minor + ?
WHERE company_id = ? AND open_item_id = ? AND NOT EXISTS (
    SELECT 1 FROM open_item o
    WHERE o.company_id = consumed_item.company_id AND o.open_item_id = consumed_item.open_item_id)
RETURNING consumed_minor
"""


def settle_lines(
    database: Database, booking_number: int, currency: str, lines: Iterable[Line]
) -> None:
    """Take from open items what `lines` settle, or give back what they reverse.

    Raises `ItemNotCoveredError` where an item no longer covers it; the booking must then be left.
    """
    for line in lines:
        amount = line.settled_minor
        if line.kind != "item" or not amount:
            continue
        key = (line.company_id, line.open_item_id)
        taken = database.rows(
            _TAKE, amount, amount, amount, booking_number, *key, currency, *([amount] * 6)
        )
        if not taken and not database.rows(_TAKE_FROM_FILE, amount, *key):
            raise ItemNotCoveredError.of(*key, amount)
