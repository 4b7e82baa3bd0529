"""What the desk must know about a payment to judge an act on its case."""

from __future__ import annotations

import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from desk.cases import Case, Entry
from desk.facts import Facts, ItemFact, LoggedAct, Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desk.acts import Act
    from engine.batches import ApplicationBatch, OpenItemBatch
    from store.case_records import ActRecord
    from store.database import Database

__all__ = ["entry_keys", "facts_of", "item_facts", "logged_act", "proposals_of"]

_PROPOSED: Final = (
    "proposal_rank",
    "confidence",
    "open_item_id",
    "customer_id",
    "applied_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
    "write_off_minor",
    "write_off_reason",
)
_PAYMENT: Final = "SELECT value_date, booking_date, intake_codes FROM payment WHERE payment_id = ?"
_RELATED: Final = """
SELECT customer_id FROM customer
WHERE company_id = ? AND parent_customer_id = ? AND parent_customer_id <> '' AND NOT is_deleted
UNION
SELECT parent_customer_id FROM customer
WHERE company_id = ? AND customer_id = ? AND parent_customer_id <> '' AND NOT is_deleted
"""
_HOLDING: Final = frozenset({"IN-TOTAL", "IN-FORMAT", "IN-SIGN", "IN-DATE", "IN-CCY", "IN-SEQ"})
"""Intake codes that say the money itself may not be what the file says."""

_ENGINE_DEDUCTION, _ENGINE_WRITE_OFF = "unknown", "small_difference"
"""What the engine's own words stand for in the table of reasons."""


def proposals_of(case: Case, proposed: ApplicationBatch) -> tuple[Proposal, ...]:
    """The engine's proposals for the payment's undecided money, rank by rank."""
    columns = (proposed.record_batch[name].to_pylist() for name in _PROPOSED)
    rows = list(zip(*columns, strict=True))
    found = []
    for rank, of_rank in groupby(rows, key=lambda row: row[0]):
        members = list(of_rank)
        entries = tuple(_proposed(case, row) for row in members)
        found.append(Proposal(rank=rank, confidence_bps=_bps(members[0][1]), entries=entries))
    return tuple(found)


def _bps(probability: float) -> int:
    return int(probability * 10_000)


def _proposed(case: Case, row: tuple[Any, ...]) -> Entry:
    _, _, item, customer, cash, discount, deduction, why_deducted, write_off, why_written_off = row
    return Entry(
        company_id=case.company_id,
        customer_id=customer,
        open_item_id=item,
        cash_minor=cash,
        discount_minor=discount,
        deduction_minor=deduction,
        deduction_reason=_ENGINE_DEDUCTION if deduction and why_deducted else "",
        write_off_minor=write_off,
        write_off_reason=_ENGINE_WRITE_OFF if write_off and why_written_off else "",
    )


def entry_keys(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """The items that entries name."""
    return sorted({(one.company_id, one.open_item_id) for one in entries if one.open_item_id})


def item_facts(items: OpenItemBatch) -> dict[tuple[str, str], ItemFact]:
    """Open items as the desk sees them."""
    found = {}
    for row in items.record_batch.to_pylist():
        fact = ItemFact(
            company_id=row["company_id"],
            open_item_id=row["open_item_id"],
            customer_id=row["customer_id"],
            currency=row["currency"],
            original_minor=row["original_minor"],
            open_minor=row["open_minor"],
            discount_minor=row["discount_minor"],
            discount_day=_day(row["discount_date"]),
            status=row["status"],
        )
        found[fact.company_id, fact.open_item_id] = fact
    return found


def facts_of(
    database: Database,
    case: Case,
    items: OpenItemBatch,
    proposals: tuple[Proposal, ...],
    logged: LoggedAct | None,
) -> Facts:
    """Everything an act on `case` may depend on; `items` are those that entries name."""
    day, held = 0, False
    for value_date, booking_date, codes in database.rows(_PAYMENT, case.payment_id):
        day = _day(value_date or booking_date)
        held = not _HOLDING.isdisjoint(codes.split(";"))
    related: list[Any] = []
    if case.customer_id:
        key = (case.company_id, case.customer_id)
        related = database.rows(_RELATED, *key, *key)
    return Facts(
        items=item_facts(items),
        proposals=proposals,
        related_customers=tuple(sorted(row[0] for row in related)),
        held=held,
        value_day=day,
        logged=logged,
    )


def logged_act(record: ActRecord | None) -> LoggedAct | None:
    """An act of the log as the desk takes it back."""
    if record is None:
        return None
    act: Act = record.act
    return LoggedAct(
        number=record.act_number,
        actor=record.actor,
        act=act,
        assignee_before=record.assignee_before,
        backup_before=record.backup_before,
        due_ms_before=record.due_at_ms_before,
        customer_before=record.customer_before,
    )


def _day(value: datetime.date | str | None) -> int:
    if not value:
        return 0
    date = datetime.date.fromisoformat(value) if isinstance(value, str) else value
    return (date - datetime.date(1970, 1, 1)).days
