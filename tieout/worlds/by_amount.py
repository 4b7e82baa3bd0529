"""Scenarios whose payer names nothing: the amount alone must tell, or cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.drafts import Draft, Truth
from tieout.worlds.open_items import NOT_LISTED

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.planner import Planner

__all__ = ["AMOUNT_SCENARIOS", "LEDGER_WIDE"]

LEDGER_WIDE: Final = (
    *("amount_balance", "amount_past_due", "amount_all_but_one"),
    *("ambiguous_total", "payer_inactive"),
)
"""Scenarios that need a customer nobody has paid for yet; they are planned first."""

_BALANCE_ITEMS_MAX: Final = 14
_INFEASIBLE_CODES: Final = (
    "AMT-NOMATCH;POL-CONFIDENCE;REF-NONE;REF-CLOSED;AMB-SINGLE;AMB-AMOUNTS;AMB-COMBO;AMB-TOTAL;"
    "AMB-LIMIT;AMB-COMPETE;PAY-AMBIG;PAY-UNKNOWN;PAY-NEWACCT"
)


def _silent(plan: Planner, scenario: str, rows: list[int]) -> Draft:
    """A payment of `rows` whose text names none of them."""
    draft = plan.draft(scenario, rows)
    draft.expect, draft.by_amount = "auto_if_unique", True
    draft.text = texts.empty_sentence(plan.dice, plan.country(draft.company))
    return draft


def _amount_single(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    return None if rows is None else [_silent(plan, "amount_single", rows)]


def _amount_subset(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(2 + plan.dice.below(3))
    if rows is None:
        return None
    owed = plan.free(plan.items.customer[rows[0]])
    return [_silent(plan, "amount_subset", rows)] if len(owed) > len(rows) else None


def _whole_ledger(plan: Planner) -> list[int] | None:
    """Every open item of a customer with a short ledger that nobody has paid on yet."""
    first = plan.seed("payable")
    if first is None:
        return None
    items = plan.items
    rows = items.open_rows(items.customer[first], count_max=_BALANCE_ITEMS_MAX)
    if len(rows) < 2:
        return None
    ok = all(plan.is_free(row) and items.status[row] == "open" for row in rows)
    return rows if ok else None


def _settled(plan: Planner, scenario: str, rows: list[int]) -> list[Draft] | None:
    if len(rows) < 2 or sum(plan.items.face[row] for row in rows) <= 0:
        return None
    return [_silent(plan, scenario, rows)]


def _amount_balance(plan: Planner) -> list[Draft] | None:
    rows = _whole_ledger(plan)
    return None if rows is None else _settled(plan, "amount_balance", rows)


def _amount_past_due(plan: Planner) -> list[Draft] | None:
    rows = _whole_ledger(plan)
    if rows is None:
        return None
    items = plan.items
    late = [row for row in rows if items.due_day[row] < plan.days[0] and items.face[row] > 0]
    owed = [row for row in rows if items.due_day[row] < plan.days[-1] and items.face[row] > 0]
    if late != owed or len(late) == len(rows):
        return None
    return _settled(plan, "amount_past_due", late)


def _amount_all_but_one(plan: Planner) -> list[Draft] | None:
    rows = _whole_ledger(plan)
    if rows is None or len(rows) < 4:
        return None
    left = plan.dice.pick([row for row in rows if plan.items.face[row] > 0])
    return _settled(plan, "amount_all_but_one", [row for row in rows if row != left])


def _discount_amount(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1, "discount")
    if rows is None:
        return None
    draft = _silent(plan, "discount_amount", rows)
    taken = plan.items.discount[rows[0]]
    draft.amount -= taken
    draft.truth = [Truth(rows[0], draft.amount, discount=taken)]
    return [draft]


def _credit_amount(plan: Planner) -> list[Draft] | None:
    credit = plan.seed("credit")
    if credit is None:
        return None
    items = plan.items
    least = -items.face[credit]
    owed = [row for row in plan.free(items.customer[credit]) if items.face[row] > least]
    if not owed:
        return None
    return [_silent(plan, "credit_amount", [plan.dice.pick(owed), credit])]


def _amount_infeasible(plan: Planner) -> list[Draft] | None:
    """Pays what is not in the open items (billed elsewhere, or not yet): nothing may be applied."""
    rows = plan.seed_group(1 + plan.dice.below(3))
    if rows is None:
        return None
    draft = _silent(plan, "amount_infeasible", rows)
    for row in rows:
        plan.items.status[row] = NOT_LISTED
    draft.truth, draft.expect, draft.by_amount = [], "exception", False
    draft.codes = _INFEASIBLE_CODES
    return [draft]


def _set_face(plan: Planner, row: int, face: int) -> None:
    items = plan.items
    items.face[row] = items.original[row] = face
    items.discount[row], items.discount_day[row], items.terms_only[row] = 0, -1, False
    items.terms[row] = "net 30"


def _ambiguous(plan: Planner, scenario: str, paid: list[int], codes: str) -> list[Draft]:
    draft = _silent(plan, scenario, paid)
    draft.expect, draft.codes, draft.by_amount = "exception", codes, False
    return [draft]


def _ambiguous_single(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(2)
    if rows is None:
        return None
    _set_face(plan, rows[1], plan.items.face[rows[0]])
    return _ambiguous(plan, "ambiguous_single", rows[:1], "AMB-SINGLE;AMB-AMOUNTS")


def _ambiguous_amounts(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(3)
    if rows is None:
        return None
    _set_face(plan, rows[2], plan.items.face[rows[1]])
    return _ambiguous(plan, "ambiguous_amounts", rows[:2], "AMB-AMOUNTS;AMB-COMBO")


def _ambiguous_combination(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(4)
    if rows is None:
        return None
    face = plan.items.face
    other = face[rows[0]] + face[rows[1]] - face[rows[2]]
    if other < 500 or other in (face[rows[0]], face[rows[1]]):
        return None
    _set_face(plan, rows[3], other)
    return _ambiguous(plan, "ambiguous_combination", rows[:2], "AMB-COMBO;AMB-AMOUNTS;AMB-LIMIT")


def _ambiguous_total(plan: Planner) -> list[Draft] | None:
    """What is past due is the whole balance: a credit makes up for what is not due yet."""
    rows = _whole_ledger(plan)
    if rows is None or len(rows) < 4 or any(plan.items.face[row] <= 0 for row in rows):
        return None
    items, (*late, later, credit) = plan.items, rows
    _set_face(plan, credit, -items.face[later])
    _set_face(plan, later, items.face[later])
    items.kind[later], items.kind[credit] = "invoice", "credit_memo"
    for row in rows:
        items.due_day[row] = plan.days[0] - 10 if row in late else plan.days[-1] + 20
    plan.take(rows)
    return _ambiguous(plan, "ambiguous_total", late, "AMB-TOTAL")


AMOUNT_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "amount_single": _amount_single,
    "amount_subset": _amount_subset,
    "amount_balance": _amount_balance,
    "amount_past_due": _amount_past_due,
    "amount_all_but_one": _amount_all_but_one,
    "amount_infeasible": _amount_infeasible,
    "discount_amount": _discount_amount,
    "credit_amount": _credit_amount,
    "ambiguous_single": _ambiguous_single,
    "ambiguous_amounts": _ambiguous_amounts,
    "ambiguous_combination": _ambiguous_combination,
    "ambiguous_total": _ambiguous_total,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
