"""Payments with cash that waits, items it may go on, and what postings made of both."""

from __future__ import annotations

from store.decision_records import Decision, PostingBatch
from tests.store.item_rows import items_of
from tests.store.stored_files import file_result

__all__ = [
    "balances",
    "keep_cash",
    "keep_items",
    "open_amounts",
    "person",
    "postings",
    "robot",
    "violations",
]

ITEM_RULE = """
SELECT open_item_id FROM open_item WHERE open_minor <> erp_minor - consumed_minor - (
    CASE WHEN consumed_minor >= 0
    THEN CASE WHEN erp_minor - baseline_minor > 0 THEN 0
              WHEN erp_minor - baseline_minor < -consumed_minor THEN -consumed_minor
              ELSE erp_minor - baseline_minor END
    ELSE CASE WHEN erp_minor - baseline_minor < 0 THEN 0
              WHEN erp_minor - baseline_minor > -consumed_minor THEN -consumed_minor
              ELSE erp_minor - baseline_minor END END)
"""
DECIDED_RULE = """
SELECT i.open_item_id FROM open_item i LEFT JOIN posting p
    ON p.company_id = i.company_id AND p.open_item_id = i.open_item_id
GROUP BY i.company_id, i.open_item_id, i.decided_minor
HAVING i.decided_minor <> coalesce(sum(p.taken_minor), 0)
"""
APPLIED_RULE = """
SELECT b.payment_id FROM payment_balance b LEFT JOIN posting p ON p.payment_id = b.payment_id
GROUP BY b.payment_id, b.applied_minor
HAVING b.applied_minor <> coalesce(sum(p.applied_minor), 0)
"""


def robot(subject="run-1", **more):
    """A decision of the matcher."""
    given = {"decided_by": "matcher", "decided_at_ms": 1_000, "is_human": False}
    return Decision(**given | {"subject": subject} | more)


def person(name="m.weber", subject="case-1"):
    """A decision of a person."""
    return Decision(decided_by=name, decided_at_ms=2_000, subject=subject, is_human=True)


def keep_cash(repository, name="monday", payments=2, amount=10_000, bucket="unapplied_minor"):
    """A file whose payments `monday-0`, … wait in a bucket, all of company K in USD."""
    with repository.booking() as booking:
        booking.bank_files.keep(
            file_result(name, payments=payments, amount=amount, bucket=bucket, applied=0)
        )


def keep_items(repository, company="K", /, **open_minor):
    """Items of a company with so much open."""
    with repository.booking() as booking:
        return booking.open_items.upsert(items_of(company, open_minor))


def postings(*rows, **same):
    """Applications (payment, item, applied) of company K in USD; `same` holds for each."""
    given = {"company_id": "K", "currency": "USD", "bucket": "unapplied"} | same
    columns = {
        "payment_id": [row[0] for row in rows],
        "open_item_id": [row[1] for row in rows],
        "applied_minor": [row[2] for row in rows],
    }
    return PostingBatch.from_columns(
        columns | {name: [value] * len(rows) for name, value in given.items()}
    )


def open_amounts(repository):
    """Item → what is open."""
    rows = repository.open_items.read().changed.rows
    return dict(zip(rows.strings("open_item_id"), rows.int64("open_minor").tolist(), strict=True))


def balances(repository, *payments):
    """Payment → (applied, unapplied)."""
    found = repository.decisions.find_balances(payments)
    return {one: (it.applied_minor, it.unapplied_minor) for one, it in found.items()}


def violations(repository):
    """Items and payments whose state is not what their rows say."""
    rules = (ITEM_RULE, DECIDED_RULE, APPLIED_RULE)
    return [row for rule in rules for row in repository.database.rows(rule)]
