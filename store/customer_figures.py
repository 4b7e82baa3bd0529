"""Topic customer figures: how one customer pays, as sums over what was posted and is open."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["CustomerFigures", "CustomerHabits", "PaymentOfCustomer"]

_DAY_MS: Final = 86_400_000

_OPEN: Final = """
SELECT currency, due_date, document_date, open_minor FROM open_item
WHERE company_id = ? AND customer_id = ? AND open_minor <> 0 AND is_deleted = ?
"""
_SETTLED: Final = """
SELECT p.currency, p.payment_id, p.open_item_id, p.applied_minor, p.discount_minor,
    p.deduction_minor, p.write_off_minor, p.decided_at_ms, i.due_date, i.discount_date,
    coalesce(m.value_date, m.booking_date)
FROM posting p LEFT JOIN posting_line r ON r.reverses = p.posting_number
LEFT JOIN open_item i ON i.company_id = p.company_id AND i.open_item_id = p.open_item_id
LEFT JOIN payment m ON m.payment_id = p.payment_id
WHERE p.company_id = ? AND p.customer_id = ? AND p.kind = 'application'
    AND r.posting_number IS NULL AND p.decided_at_ms >= ?
ORDER BY p.posting_number DESC LIMIT ?
"""
_PAYMENTS: Final = """
SELECT o.payment_id, o.currency, p.amount_minor, p.value_date, o.status, o.applied_minor
FROM payment_outcome o JOIN payment p ON p.payment_id = o.payment_id
WHERE o.customer_id = ? AND o.company_id = ? ORDER BY o.row_number DESC LIMIT ?
"""
_NO: Final = False


class CustomerHabits(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer has paid in one currency. Days late weigh each item by its amount.

    `several_count` are payments of more than one item, `deduction_count` those that withheld
    something, `discount_late_count` items whose discount was taken after its date.
    """

    currency: str
    payment_count: int
    item_count: int
    several_count: int
    deduction_count: int
    discount_count: int
    discount_late_count: int
    applied_minor: int
    days_late_sum: int
    days_late_weight: int
    late_count: int
    dated_count: int


class PaymentOfCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """One payment that the customer's account was settled by."""

    payment_id: str
    currency: str
    amount_minor: int
    value_date: str
    status: str
    applied_minor: int


class CustomerFigures:
    """What may be asked about how customers pay."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def open_amounts(self, company_id: str, customer_id: str) -> list[tuple[str, str, int]]:
        """Currency, due date (document date without one, empty without either) and open amount."""
        rows = self._database.rows(_OPEN, company_id, customer_id, _NO)
        return [
            (currency, str(due or document or ""), int(open_minor))
            for currency, due, document, open_minor in rows
        ]

    def habits(
        self, company_id: str, customer_id: str, since_ms: int, limit: int
    ) -> list[CustomerHabits]:
        """Habits by currency, from at most `limit` of the latest applications since then."""
        rows = self._database.rows(_SETTLED, company_id, customer_id, since_ms, limit)
        by_currency: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            by_currency.setdefault(row[0], []).append(row)
        return [_habits(currency, by_currency[currency]) for currency in sorted(by_currency)]

    def payments(self, company_id: str, customer_id: str, limit: int) -> list[PaymentOfCustomer]:
        """The latest payments, the newest first."""
        rows = self._database.rows(_PAYMENTS, customer_id, company_id, limit)
        return [
            PaymentOfCustomer(
                payment_id=payment,
                currency=currency,
                amount_minor=int(amount),
                value_date=str(value_date or ""),
                status=status,
                applied_minor=int(applied),
            )
            for payment, currency, amount, value_date, status, applied in rows
        ]


def _habits(currency: str, rows: list[tuple[Any, ...]]) -> CustomerHabits:
    items: dict[str, int] = {}
    deducting: set[str] = set()
    sums = dict.fromkeys(("discounts", "late_discounts", "applied", "days", "weight"), 0)
    late = dated = 0
    for _, payment, _, applied, discount, deduction, write_off, at_ms, due, terms, value in rows:
        items[payment] = items.get(payment, 0) + 1
        if int(deduction) or int(write_off) > 0:
            deducting.add(payment)
        day = _day(str(value)) if value else int(at_ms) // _DAY_MS
        if int(discount):
            sums["discounts"] += 1
            sums["late_discounts"] += bool(terms) and day > _day(str(terms))
        sums["applied"] += int(applied)
        if due and int(applied) > 0:
            days = day - _day(str(due))
            dated += 1
            late += days > 0
            sums["days"] += days * int(applied)
            sums["weight"] += int(applied)
    return CustomerHabits(
        currency=currency,
        payment_count=len(items),
        item_count=len(rows),
        several_count=sum(count > 1 for count in items.values()),
        deduction_count=len(deducting),
        discount_count=sums["discounts"],
        discount_late_count=sums["late_discounts"],
        applied_minor=sums["applied"],
        days_late_sum=sums["days"],
        days_late_weight=sums["weight"],
        late_count=late,
        dated_count=dated,
    )


def _day(iso: str) -> int:
    return (datetime.date.fromisoformat(iso) - datetime.date(1970, 1, 1)).days
