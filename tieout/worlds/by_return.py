"""Scenarios of money that comes back, of two who want one item, of customers handled by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.accounts import account_number
from tieout.worlds.drafts import Draft
from tieout.worlds.names import coin_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tieout.worlds.planner import Planner

__all__ = ["RETURN_SCENARIOS"]

_UNPAID: Final = {
    "US": "RETURNED ITEM R01 INSUFFICIENT FUNDS",
    "DE": "Rückgabe AC04 Konto erloschen",
    "NL": "Storno AM04 onvoldoende saldo",
}
_RECALLED: Final = {
    "US": "RETURN PER ODFI REQUEST",
    "DE": "Rückruf der Überweisung",
    "NL": "Terugroep van overboeking",
}
_ABROAD: Final = {"USD": ("EUR", 92), "EUR": ("USD", 108)}
"""The other currency, and how many of its cents a unit is."""


def _named(plan: Planner, scenario: str, codes: str = "") -> Draft | None:
    """A payment of one item that names it on a line of advice."""
    rows = plan.seed_group(1)
    if rows is None:
        return None
    draft = plan.draft(scenario, rows, form="structured")
    draft.lines = plan.lines(rows)
    if codes:
        draft.expect, draft.codes = "exception", codes
    return draft


def _back(
    plan: Planner, scenario: str, codes: str, days: Sequence[int], words: dict[str, str]
) -> list[Draft] | None:
    """A payment, and its return on one of `days`."""
    first = _named(plan, "came_back")
    if first is None:
        return None
    first.day = plan.dice.pick(plan.days[:2])
    returned = Draft(
        scenario=scenario,
        company=first.company,
        customer=first.customer,
        payer=first.payer,
        amount=-first.amount,
        day=plan.dice.pick(days),
        expect="exception",
        codes=codes,
        form="text",
        text=words[plan.country(first.company)],
        original=first,
    )
    return [first, returned]


def _returned_payment(plan: Planner) -> list[Draft] | None:
    return _back(plan, "returned_payment", "RET-NSF", plan.days[2:4], _UNPAID)


def _recalled_payment(plan: Planner) -> list[Draft] | None:
    return _back(plan, "recalled_payment", "RET-RECALL", plan.days[2:4], _RECALLED)


def _return_of_posted(plan: Planner) -> list[Draft] | None:
    """Comes back on the last day, which is matched by itself where a world has two runs."""
    return _back(plan, "return_of_posted", "RET-POSTED", plan.days[-1:], _UNPAID)


def _return_of_nothing(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None:
        return None
    company = plan.items.company[rows[0]]
    amount = -plan.items.face[rows[0]] - plan.dice.between(1, 99)
    draft = plan.stranger("return_of_nothing", company, amount, form="text")
    draft.text = _UNPAID[plan.country(company)]
    draft.original_reference = f"BK{plan.dice.between(900_000_000, 999_999_999)}"
    draft.codes = "RET-NOPAYMENT"
    return [draft]


def _two_want_one(plan: Planner) -> list[Draft] | None:
    """Two strangers pay one and the same item: nobody can tell which payment is meant to."""
    first = _named(plan, "two_want_one", "AMB-COMPETE")
    if first is None:
        return None
    country = plan.country(first.company)
    first.truth, first.payer, first.day = [], -1, plan.dice.pick(plan.days[:4])
    second = Draft(
        scenario=first.scenario,
        company=first.company,
        customer=first.customer,
        payer=-1,
        amount=first.amount,
        day=first.day,
        expect="exception",
        codes=first.codes,
        form=first.form,
        lines=list(first.lines),
    )
    for draft in (first, second):
        draft.payer_name = f"{coin_name(plan.dice, country).core} Factoring"
        draft.payer_account = account_number(plan.dice, country)
    return [first, second]


def _other_currency(plan: Planner) -> list[Draft] | None:
    """What is paid is worth the item in another currency; nobody declared a rate."""
    draft = _named(plan, "other_currency", "AMT-FX")
    if draft is None:
        return None
    company = plan.spec.companies[draft.company]
    draft.currency, cents = _ABROAD[company.currency]
    document = draft.lines[0].reference
    draft.text = texts.reference_sentence(plan.dice, company.country, [document])
    draft.amount = draft.amount * cents // 100
    draft.form, draft.lines, draft.truth = "text", [], []
    return [draft]


def _customer_by_hand(plan: Planner) -> list[Draft] | None:
    """A customer of whose payments nothing goes through alone; he makes no other payment."""
    first = plan.seed("payable")
    if first is None:
        return None
    customer = plan.items.customer[first]
    every = plan.items.rows_of_customer[customer]
    related = plan.customers.parent[customer] >= 0 or customer in plan.customers.children
    if related or not all(map(plan.is_free, every)):
        return None
    plan.customers.by_hand.add(customer)
    draft = plan.draft("customer_by_hand", [first], form="structured")
    plan.take(every)
    draft.lines = plan.lines([first])
    draft.expect, draft.codes = "exception", "POL-HOLD"
    return [draft]


def _items_stale(plan: Planner) -> list[Draft] | None:
    """Of a company whose open items are older than its policy allows."""
    draft = _named(plan, "items_stale", "SYS-STALE")
    return None if draft is None else [draft]


RETURN_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "returned_payment": _returned_payment,
    "recalled_payment": _recalled_payment,
    "return_of_posted": _return_of_posted,
    "return_of_nothing": _return_of_nothing,
    "two_want_one": _two_want_one,
    "other_currency": _other_currency,
    "customer_by_hand": _customer_by_hand,
    "items_stale": _items_stale,
}
"""Scenario → what makes some of it (None where the rows it was dealt do not suit)."""
