"""The two equations of the contract, with dictionaries and decimals: what the audit must hold."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from engine.money import exponent_of

if TYPE_CHECKING:
    from engine.batches import Batch
    from engine.matcher import MatchInput, MatchResult

__all__ = ["violations"]

_BUCKETS = ("applied", "on_account", "unapplied", "unidentified", "suspense", "non_ar", "refund")
_CLOSES = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def _rows(batch: Batch) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = batch.record_batch.to_pylist()
    return rows


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent_of(currency))


def violations(match_input: MatchInput, result: MatchResult) -> list[str]:
    """Every sentence that is wrong about the result; empty where it balances."""
    payments = {row["payment_id"]: row for row in _rows(match_input.payments)}
    outcomes = {row["payment_id"]: row for row in _rows(result.outcomes)}
    automatic = [row for row in _rows(result.applications) if row["decision"] == "auto"]
    wrong = []
    if list(outcomes) != list(payments):
        wrong.append("payments and outcomes differ")
    wrong += [
        f"{row['payment_id']} is no payment"
        for row in automatic
        if row["payment_id"] not in payments
    ]
    if not wrong:
        wrong += _payment_violations(payments, outcomes, automatic)
        wrong += _item_violations(
            match_input, payments, outcomes, automatic, _rows(result.reversals)
        )
    return wrong


def _payment_violations(payments: Any, outcomes: Any, automatic: Any) -> list[str]:
    wrong = []
    applied: dict[str, Decimal] = defaultdict(Decimal)
    for row in automatic:
        applied[row["payment_id"]] += _major(row["applied_minor"], row["currency"])
    for name, payment in payments.items():
        outcome, currency = outcomes[name], payment["currency"]
        amount = _major(payment["amount_minor"], currency)
        buckets = {bucket: _major(outcome[f"{bucket}_minor"], currency) for bucket in _BUCKETS}
        returned = _major(outcome["returned_minor"], currency)
        if buckets["applied"] != applied[name]:
            wrong.append(f"{name}: rows say {applied[name]}, the bucket {buckets['applied']}")
        if sum(buckets.values()) + returned != amount:
            wrong.append(f"{name}: {sum(buckets.values())} + {returned} is not {amount}")
        if amount >= 0:
            wrong += [
                f"{name}: {bucket} {value} is negative"
                for bucket, value in buckets.items()
                if value < 0
            ]
    return wrong


def _item_violations(
    match_input: MatchInput, payments: Any, outcomes: Any, automatic: Any, reversals: Any
) -> list[str]:
    items = {(row["company_id"], row["open_item_id"]): row for row in _rows(match_input.open_items)}
    wrong = []
    closed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in automatic:
        key = (outcomes[row["payment_id"]]["company_id"], row["open_item_id"])
        if key not in items:
            wrong.append(f"{key} is no open item")
            continue
        if items[key]["currency"] != payments[row["payment_id"]]["currency"]:
            wrong.append(f"{key} has another currency than {row['payment_id']}")
        closed[key] += _closed_by(row)
    for key, total in closed.items():
        opened = _major(items[key]["open_minor"], items[key]["currency"])
        if total * opened < 0 or (not opened and total):
            wrong.append(f"{key}: {total} on an item of {opened}")
    settled = _settled(match_input, payments, outcomes, automatic)
    for row in reversals:
        wrong += _reversal_violations(row, payments, settled, items, closed)
    for key, total in closed.items():
        opened = _major(items[key]["open_minor"], items[key]["currency"])
        if abs(total) > abs(opened):
            wrong.append(f"{key}: {total} of {opened} is closed")
    return wrong


def _closed_by(row: Any) -> Decimal:
    return sum((_major(row[name], row["currency"]) for name in _CLOSES), Decimal())


def _settled(match_input: MatchInput, payments: Any, outcomes: Any, automatic: Any) -> Any:
    """(payment, item) → company, what the payment was, what it took off the item; now or before."""
    settled = {}
    for row in automatic:
        payment = payments[row["payment_id"]]
        paid = _major(payment["amount_minor"], row["currency"])
        company = outcomes[row["payment_id"]]["company_id"]
        settled[row["payment_id"], row["open_item_id"]] = company, paid, _closed_by(row)
    for row in _rows(match_input.earlier):
        paid = _major(row["paid_minor"], row["currency"])
        closed = _major(row["closed_minor"], row["currency"])
        settled[row["payment_id"], row["open_item_id"]] = row["company_id"], paid, closed
    return settled


def _reversal_violations(
    row: Any, payments: Any, settled: Any, items: Any, closed: Any
) -> list[str]:
    pair = (row["original_payment_id"], row["open_item_id"])
    back = _major(row["amount_minor"], row["currency"])
    company, paid, total = settled.pop(pair, ("", Decimal(), Decimal()))
    returned = -_major(payments[row["payment_id"]]["amount_minor"], row["currency"])
    part = returned < paid and back == returned and 0 < back < total
    if not part and (back != total or not total):
        return [f"{pair}: {back} is re-opened, which was not applied so, or once more"]
    if (company, pair[1]) in items:
        closed[company, pair[1]] -= back
        return []
    return [f"{pair}: re-opens an item that is not there"] if pair[0] in payments else []
