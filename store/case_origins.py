"""The case of a payment nobody has touched: what the engine decided, as lines of act 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from desk.cases import Case, Line

if TYPE_CHECKING:
    from store.case_records import CaseSummary
    from store.database import Database

__all__ = ["original_case", "untouched_summary_sql"]

_DECIDED: Final = """
SELECT open_item_id, customer_id, coalesce(cash_minor, applied_minor), discount_minor,
    deduction_minor, deduction_reason, write_off_minor, write_off_reason
FROM application WHERE payment_id = ? AND decision = 'auto' ORDER BY row_number
"""
_OUTCOME: Final = """
SELECT company_id, customer_id, on_account_minor, refund_minor, non_ar_minor, returned_minor
FROM payment_outcome WHERE payment_id = ?
"""
_RETURNED: Final = """
SELECT open_item_id, amount_minor FROM reversal
WHERE original_payment_id = ? ORDER BY row_number
"""
_BUCKETS: Final = ("on_account", "refund", "non_ar", "returned")


def original_case(database: Database, summary: CaseSummary) -> Case:
    """The case as the engine left it."""
    case = Case(
        case_id=summary.case_id,
        payment_id=summary.payment_id,
        company_id=summary.company_id,
        currency=summary.currency,
        amount_minor=summary.amount_minor,
        customer_id=summary.customer_id,
        due_ms=summary.due_at_ms,
        lines=_lines(database, summary.payment_id),
    )
    assert case.version == summary.version  # noqa: S101 - a row without content is untouched
    return case


def _lines(database: Database, payment_id: str) -> tuple[Line, ...]:
    outcome = database.rows(_OUTCOME, payment_id) if payment_id else []
    if not outcome:
        return ()
    company, customer, *buckets = outcome[0]
    lines: list[dict[str, Any]] = [
        {
            "kind": "item",
            "company_id": company,
            "customer_id": owner or customer,
            "open_item_id": item,
            "cash_minor": cash,
            "discount_minor": discount,
            "deduction_minor": deduction,
            "deduction_reason": deduction_reason,
            "write_off_minor": write_off,
            "write_off_reason": write_off_reason,
        }
        for (
            item,
            owner,
            cash,
            discount,
            deduction,
            deduction_reason,
            write_off,
            write_off_reason,
        ) in database.rows(_DECIDED, payment_id)
        if any((cash, discount, deduction, write_off))
    ]
    lines += [
        {"kind": kind, "company_id": company, "customer_id": customer, "cash_minor": cash}
        for kind, cash in zip(_BUCKETS, buckets, strict=True)
        if cash
    ]
    lines += _taken_back(lines, database.rows(_RETURNED, payment_id))
    return tuple(Line(number=n, act_number=0, **line) for n, line in enumerate(lines, start=1))


def _taken_back(
    lines: list[dict[str, Any]], returned: list[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """What a return has re-opened cannot be taken back again: lines that say so.

    A return takes back whole lines; one that re-opened another amount is left to the clerk.
    """
    found: list[dict[str, Any]] = []
    for item, amount in returned:
        for number, line in enumerate(lines, start=1):
            settled = sum(line.get(name, 0) for name in _SETTLED)
            taken = any(one.get("reverses") == number for one in found)
            if line.get("open_item_id") == item and settled == amount and not taken:
                money = {name: -line[name] for name in _SETTLED}
                found.append(line | money | {"reverses": number})
                found.append(
                    {
                        "kind": "returned",
                        "company_id": line["company_id"],
                        "customer_id": line["customer_id"],
                        "cash_minor": line["cash_minor"],
                    }
                )
                break
    return found


_SETTLED: Final = ("cash_minor", "discount_minor", "deduction_minor", "write_off_minor")


def untouched_summary_sql() -> str:
    """Selects a payment as the case it has no row for yet; one value, the payment."""
    return (
        "SELECT 0, p.payment_id, p.payment_id, p.file_id, coalesce(o.company_id, p.company_id), "
        "coalesce(o.customer_id, ''), p.currency, p.amount_minor, "
        "coalesce(o.unapplied_minor + o.unidentified_minor + o.suspense_minor, 0), '', "
        "f.received_at_ms, f.received_at_ms, 'new', 0, '', '', 0, 0, '' "
        "FROM payment p JOIN bank_file f ON f.file_id = p.file_id "
        "LEFT JOIN payment_outcome o ON o.payment_id = p.payment_id WHERE p.payment_id = ?"
    )
