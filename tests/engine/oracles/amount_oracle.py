"""Which sets of a payer's items have a payment's amount: every set, one by one.

Looks at results from outside: what references took is subtracted first, then every choice of the
payer's eligible items is tried, each gross or less the discount still offered on it.
"""

from __future__ import annotations

import datetime
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.matcher import MatchInput, MatchResult

__all__ = ["BY_AMOUNT", "fitting_sets"]

BY_AMOUNT = (
    "single_amount",
    "single_amount_net",
    "single_amount_charged",
    "balance",
    "past_due",
    "statement",
    "payment_term",
    "due_until",
    "due_from",
    "due_window",
    "all_but_one",
    "all_but_two",
    "all_but_three",
    "subset_sum",
    "subset_sum_net",
    "subset_sum_mixed",
)
_CLOSES = ("applied_minor", "discount_minor", "deduction_minor", "write_off_minor")


def fitting_sets(
    match_input: MatchInput, result: MatchResult, payment_id: str, customer_id: str
) -> set[frozenset[tuple[str, int]]]:
    """Sets of (item, cash) of `customer_id` that add up to the payment, by the default policy."""
    rules = match_input.policy.default
    payment = next(
        row
        for row in match_input.payments.record_batch.to_pylist()
        if row["payment_id"] == payment_id
    )
    company = next(
        row["company_id"]
        for row in result.outcomes.record_batch.to_pylist()
        if row["payment_id"] == payment_id
    )
    taken = _taken_by_reference(result)
    day = payment["value_date"]
    eligible = []
    for item in match_input.open_items.record_batch.to_pylist():
        left = item["open_minor"] - taken.get((company, item["open_item_id"]), 0)
        ours = item["customer_id"] == customer_id and item["company_id"] == company
        future = item["document_date"] is not None and item["document_date"] > day
        future &= not rules.strategies.future_items
        usable = item["currency"] == payment["currency"] and item["status"] == "open" and left
        if ours and usable and not future:
            eligible.append(
                (item["open_item_id"], left, _offer(item, left, day, rules.discount.grace_days))
            )
    target = payment["amount_minor"]
    found = set()
    for size in range(1, len(eligible) + 1):
        for chosen in combinations(eligible, size):
            for nets in product((False, True), repeat=size):
                cash = [
                    (name, left - net * offer)
                    for (name, left, offer), net in zip(chosen, nets, strict=True)
                ]
                if sum(value for _, value in cash) == target:
                    found.add(frozenset(cash))
    return found


def _taken_by_reference(result: MatchResult) -> dict[tuple[str, str], int]:
    company = dict(
        zip(
            result.outcomes.strings("payment_id"),
            result.outcomes.strings("company_id"),
            strict=True,
        )
    )
    taken: dict[tuple[str, str], int] = {}
    for row in result.applications.record_batch.to_pylist():
        if row["decision"] == "auto" and row["strategy"] not in BY_AMOUNT:
            key = (company[row["payment_id"]], row["open_item_id"])
            taken[key] = taken.get(key, 0) + sum(row[name] for name in _CLOSES)
    return taken


def _offer(item: dict[str, Any], left: int, day: datetime.date, grace_days: int) -> int:
    """Discount still offered on `day`; none on an item partly paid."""
    until = item["discount_date"]
    if until is None or left != item["open_minor"]:
        return 0
    in_time = day <= until + datetime.timedelta(days=grace_days)
    return int(item["discount_minor"]) if in_time else 0
