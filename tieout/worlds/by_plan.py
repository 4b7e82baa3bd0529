"""Scenarios of payment plans, documents in installments, and of payers with a new bank account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.uniqueness import other_readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.drafts import Draft
    from tieout.worlds.planner import Planner

__all__ = ["PLAN_SCENARIOS"]

_LEAST: Final = 20_000
_BILLED_DAYS: Final = 95
_ONE_DUE: Final = (-20, 15, 45)
_TWO_DUE: Final = (-50, -20, 20)
"""When three installments are due, in days from the last day of the world."""


def _named_plan(plan: Planner, scenario: str, due: tuple[int, ...]) -> Draft | None:
    """A payment of one of three equal installments that names their one document."""
    rows = plan.seed_group(len(due))
    if rows is None or plan.items.face[rows[0]] < _LEAST:
        return None
    items, last = plan.items, plan.days[-1]
    for number, (row, days) in enumerate(zip(rows, due, strict=True), start=1):
        items.document[row] = items.document[rows[0]]
        items.face[row] = items.original[row] = items.face[rows[0]]
        items.day[row], items.due_day[row] = last - _BILLED_DAYS, last + days
        items.discount[row], items.discount_day[row], items.terms_only[row] = 0, -1, False
        items.purchase_order[row] = items.references[row] = ""
        items.installment[row] = str(number)
    plan.take(rows)
    draft = plan.draft(scenario, rows[:1], form="text")
    document = items.document[rows[0]]
    draft.text = texts.reference_sentence(plan.dice, plan.country(draft.company), [document])
    return draft


def _installment_next(plan: Planner) -> list[Draft] | None:
    """One of them is due: that one is meant."""
    draft = _named_plan(plan, "installment_next", _ONE_DUE)
    return None if draft is None else [draft]


def _installment_unclear(plan: Planner) -> list[Draft] | None:
    """Two of them are due: which one is meant is for a clerk to say."""
    draft = _named_plan(plan, "installment_unclear", _TWO_DUE)
    if draft is None:
        return None
    draft.expect, draft.codes = "exception", "ITM-INSTALL"
    return [draft]


def _new_account(plan: Planner) -> list[Draft] | None:
    """A customer, known by its whole name, pays one item from an account that is not on file."""
    rows = plan.seed_group(1)
    if rows is None:
        return None
    book, customer, face = plan.customers, plan.items.customer[rows[0]], plan.items.face[rows[0]]
    if not book.account[customer] or book.has_namesake[customer] or face < _LEAST:
        return None
    if other_readings(plan.items, customer, face, plan.days[-1], rows, frozenset()):
        return None
    draft = plan.draft("new_account", rows, form="text")
    draft.text = texts.empty_sentence(plan.dice, plan.country(draft.company))
    draft.payer_name, draft.payer_account = book.name[customer].full, book.unlisted[customer]
    draft.payer = -1
    draft.expect, draft.codes = "auto_if_clear", "PAY-NEWACCT;POL-CONFIDENCE"
    return [draft]


PLAN_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "installment_next": _installment_next,
    "installment_unclear": _installment_unclear,
    "new_account": _new_account,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
