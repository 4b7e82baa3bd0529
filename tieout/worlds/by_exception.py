"""Scenarios made for one exception code each: limits of policy, advices that do not fit, rates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.drafts import Draft, Line, Truth
from tieout.worlds.open_items import NOT_LISTED
from tieout.worlds.references import DOCUMENT_STYLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.planner import Planner

__all__ = ["EXCEPTION_SCENARIOS"]

_LARGE: Final = 40_000_000
_DIGITS_LEFT_MIN: Final = 5
_TAX_PERCENT, _WITHHELD_PERCENT = 19, 10


def _named(
    plan: Planner, scenario: str, codes: str, least: int = 0, count: int = 1
) -> Draft | None:
    """A payment of `count` items that names them on lines of advice, for a clerk to look at."""
    rows = plan.seed_group(count)
    if rows is None or min(plan.items.face[row] for row in rows) < least:
        return None
    draft = plan.draft(scenario, rows, form="structured")
    draft.lines = plan.lines(rows)
    draft.expect, draft.codes = "exception", codes
    return draft


def _bill(plan: Planner, row: int, face: int) -> None:
    """Let the item be of `face` cents, without a cash discount."""
    items = plan.items
    items.face[row] = items.original[row] = face
    items.discount[row], items.discount_day[row], items.terms_only[row] = 0, -1, False
    items.terms[row] = "net 30"


def _short(draft: Draft, withheld: int, reason: str) -> list[Draft]:
    """`draft` less `withheld`, which its one line does not explain."""
    row, cash = draft.truth[0].row, draft.amount - withheld
    draft.amount = cash
    draft.truth = [Truth(row, cash, deduction=withheld, reason=reason)]
    draft.lines = [Line(draft.lines[0].reference, cash)]
    return [draft]


def _amount_large(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None:
        return None
    _bill(plan, rows[0], _LARGE + plan.dice.between(1, 9_000_000))
    draft = plan.draft("amount_large", rows, form="structured")
    draft.lines = plan.lines(rows)
    draft.expect, draft.codes = "exception", "AMT-LARGE"
    return [draft]


def _write_off_beyond(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "write_off_beyond", "POL-APPROVAL", 700_000)
    if draft is None:
        return None
    row, missing = draft.truth[0].row, plan.dice.between(1_301, 2_999)
    draft.amount -= missing
    draft.truth = [Truth(row, draft.amount, write_off=missing, reason="tolerance")]
    draft.lines = [Line(draft.lines[0].reference, draft.amount)]
    return [draft]


def _discount_beyond(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1, "discount")
    if rows is None:
        return None
    items, row = plan.items, rows[0]
    items.face[row] = items.original[row] = 2_000_000 + plan.dice.between(1, 900_000)
    items.discount[row] = items.face[row] // 50
    items.terms_only[row] = False
    draft = plan.draft("discount_beyond", rows, form="structured")
    taken = items.discount[row]
    draft.amount -= taken
    draft.truth = [Truth(row, draft.amount, discount=taken)]
    draft.lines = [Line(items.document[row], draft.amount, discount=taken)]
    draft.expect, draft.codes = "exception", "POL-LIMIT"
    return [draft]


def _item_changed(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None or plan.items.face[rows[0]] < 20_000:
        return None
    row = rows[0]
    credited = plan.items.face[row] // 5
    _bill(plan, row, plan.items.face[row])
    plan.items.original[row] += credited
    draft = plan.draft("item_changed", rows, form="structured")
    draft.amount += credited
    draft.on_account = credited
    draft.lines = [Line(plan.items.document[row], draft.amount)]
    draft.expect, draft.codes = "partial_auto", "ITM-CHANGED;AMT-OVER"
    return [draft]


def _not_listed(plan: Planner, scenario: str, codes: str) -> Draft | None:
    rows = plan.seed_group(1)
    if rows is None:
        return None
    draft = plan.draft(scenario, rows)
    plan.items.status[rows[0]] = NOT_LISTED
    draft.truth, draft.expect, draft.codes = [], "exception", codes
    return draft


def _says_nothing(plan: Planner) -> list[Draft] | None:
    codes = (
        "REF-NONE;AMT-NOMATCH;PAY-AMBIG;PAY-UNKNOWN;POL-CONFIDENCE;AMB-LIMIT;AMB-COMBO;REF-CLOSED"
    )
    draft = _not_listed(plan, "says_nothing", codes)
    return None if draft is None else [draft]


def _item_locked(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "item_locked", "ITM-LOCKED")
    if draft is None:
        return None
    plan.items.status[draft.truth[0].row] = "blocked"
    return [draft]


def _number_twice(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(2)
    if rows is None:
        return None
    plan.items.document[rows[1]] = plan.items.document[rows[0]]
    _bill(plan, rows[1], plan.items.face[rows[0]])
    plan.take(rows)
    draft = plan.draft("number_twice", rows[:1], form="structured")
    draft.lines = [Line(plan.items.document[rows[0]])]
    draft.expect, draft.codes = "exception", "REF-DUPNO;AMB-SINGLE;AMB-AMOUNTS"
    return [draft]


def _text_cut(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1)
    if rows is None or plan.items.face[rows[0]] < 20_000:
        return None
    cut = plan.items.document[rows[0]][:-1]
    if len(re.sub(r"\D", "", cut).lstrip("0")) < _DIGITS_LEFT_MIN:
        return None
    draft = plan.draft("text_cut", rows, form="text")
    draft.text = texts.reference_sentence(plan.dice, plan.country(draft.company), [cut])
    draft.amount = draft.amount * plan.dice.between(31, 79) // 100 - 7
    draft.truth = [Truth(rows[0], draft.amount)]
    draft.expect, draft.codes = "exception", "REF-TRUNC;REF-NOTFOUND;AMT-SHORT;REF-TYPO"
    return [draft]


def _advice_later(plan: Planner) -> list[Draft] | None:
    draft = _not_listed(
        plan,
        "advice_later",
        "RMT-WAIT;PAY-AMBIG;PAY-UNKNOWN;REF-CLOSED;POL-CONFIDENCE",
    )
    if draft is None:
        return None
    draft.text = {"US": "SEE REMITTANCE ADVICE", "DE": "siehe Avis", "NL": "zie avis"}[
        plan.country(draft.company)
    ]
    draft.form = "text"
    return [draft]


def _advice_off(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "advice_off", "RMT-SUM;AMT-SHORT;AMT-OVER;RMT-PARTIAL", 10_000, 3)
    if draft is None:
        return None
    draft.amount = draft.amount * 3 // 5 + 11
    draft.truth = []
    return [draft]


def _advice_partly(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "advice_partly", "RMT-PARTIAL;REF-NOTFOUND", 1_000, 3)
    if draft is None:
        return None
    unknown = f"X-{plan.dice.digits(9)}"
    draft.lines = [*draft.lines[:2], Line(unknown, draft.lines[2].amount)]
    draft.truth = draft.truth[:2]
    draft.expect = "partial_auto"
    return [draft]


def _tax_kept(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "tax_kept", "AMT-TAX", 30_000)
    if draft is None:
        return None
    _bill(plan, draft.truth[0].row, draft.amount)
    kept = (draft.amount * _TAX_PERCENT * 2 + 100 + _TAX_PERCENT) // (2 * (100 + _TAX_PERCENT))
    return _short(draft, kept, "tax")


def _withheld(plan: Planner) -> list[Draft] | None:
    draft = _named(plan, "withheld", "AMT-WHT", 30_000)
    if draft is None:
        return None
    _bill(plan, draft.truth[0].row, draft.amount)
    return _short(draft, (draft.amount * _WITHHELD_PERCENT + 50) // 100, "withholding")


def _discount_excess(plan: Planner) -> list[Draft] | None:
    rows = plan.seed_group(1, "discount")
    if rows is None or not 40_000 <= plan.items.face[rows[0]] <= 500_000:
        return None
    row = rows[0]
    draft = plan.draft("discount_excess", rows, form="structured")
    offered = plan.items.discount[row]
    taken = offered * 2 + 333
    draft.amount -= taken
    draft.truth = [Truth(row, draft.amount, discount=offered, deduction=taken - offered)]
    draft.lines = [Line(plan.items.document[row], draft.amount, discount=taken)]
    draft.expect, draft.codes = "exception", "DSC-EXCESS"
    return [draft]


def _discount_twice(plan: Planner) -> list[Draft] | None:
    """Part of the item was paid before, with its discount; the rest is paid less it again."""
    rows = plan.seed_group(1, "discount")
    if rows is None or not 40_000 <= plan.items.face[rows[0]] <= 500_000:
        return None
    items, row = plan.items, rows[0]
    items.original[row] = items.face[row] * 3 // 2
    items.terms_only[row] = False
    draft = plan.draft("discount_twice", rows, form="structured")
    draft.lines = plan.lines(rows)
    draft.expect, draft.codes = "exception", "DSC-TWICE"
    return _short(draft, items.discount[row], "unearned")


def _claimed_before(plan: Planner) -> list[Draft] | None:
    """What is withheld is exactly what the customer disputes of another item."""
    rows = plan.seed_group(2)
    if rows is None or plan.items.face[rows[0]] < 60_000:
        return None
    row, claim = rows
    _bill(plan, row, plan.items.face[row])
    withheld = plan.items.face[row] * plan.dice.between(31, 87) // 1_000 + 13
    _bill(plan, claim, withheld)
    plan.items.status[claim] = "disputed"
    plan.take(rows)
    draft = plan.draft("claimed_before", [row], form="structured")
    draft.lines = plan.lines([row])
    draft.expect, draft.codes = "exception", "DED-PRIOR"
    return _short(draft, withheld, "unknown")


def _short_again(plan: Planner) -> list[Draft] | None:
    """A customer pays three of its items short by the same share, and says nothing of it."""
    rows = plan.seed_group(3)
    if rows is None or min(plan.items.face[row] for row in rows) < 60_000:
        return None
    percent = plan.dice.between(6, 8)
    drafts: list[Draft] = []
    for row in rows:
        _bill(plan, row, plan.items.face[row])
        draft = plan.draft("short_again", [row], form="structured")
        draft.lines = plan.lines([row])
        draft.expect, draft.codes = "exception", "DED-REPEAT"
        drafts += _short(draft, plan.items.face[row] * percent // 100, "unknown")
    return drafts


def _pays_another(plan: Planner) -> list[Draft] | None:
    """A customer names two items of another one, whose payer nobody has declared it to be; that
    they are worth its payment is all that speaks for them.
    """
    rows = plan.seed_group(2)
    other = plan.seed("payable")
    if rows is None or other is None:
        return None
    items, customers = plan.items, plan.customers
    owner, payer = items.customer[rows[0]], items.customer[other]
    related = any(customers.parent[one] >= 0 or one in customers.children for one in (owner, payer))
    if related or owner == payer or items.company[other] != items.company[rows[0]]:
        return None
    if not customers.account[payer] or customers.has_namesake[payer]:
        return None
    draft = plan.draft("pays_another", rows, form="text")
    documents = [items.document[row] for row in rows]
    draft.text = texts.reference_sentence(plan.dice, plan.country(draft.company), documents)
    draft.payer = payer
    draft.expect, draft.codes = "exception", "PAY-CROSS;PAY-THIRD"
    return [draft]


def _number_unknown(plan: Planner) -> list[Draft] | None:
    """Names an item that nobody listed, with the whole number."""
    codes = "REF-NOTFOUND;PAY-AMBIG;PAY-UNKNOWN;REF-CLOSED;REF-TYPO"
    draft = _not_listed(plan, "number_unknown", codes)
    if draft is None:
        return None
    style = DOCUMENT_STYLES[plan.spec.companies[draft.company].document_style]
    number = style(plan.dice.between(700_000, 999_999), 2026)
    if plan.item_called(draft.company, number) is not None:
        return None
    draft.text = texts.reference_sentence(plan.dice, plan.country(draft.company), [number])
    draft.form = "text"
    return [draft]


def _payer_inactive(plan: Planner) -> list[Draft] | None:
    """A customer nobody should take money for unasked; he makes no other payment."""
    first = plan.seed("payable")
    if first is None:
        return None
    customer = plan.items.customer[first]
    every = plan.items.rows_of_customer[customer]
    related = plan.customers.parent[customer] >= 0 or customer in plan.customers.children
    if related or not all(map(plan.is_free, every)):
        return None
    plan.customers.inactive.add(customer)
    draft = plan.draft("payer_inactive", [first], form="structured")
    plan.take(every)
    draft.lines = plan.lines([first])
    draft.expect, draft.codes = "exception", "PAY-INACTIVE"
    return [draft]


EXCEPTION_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "amount_large": _amount_large,
    "write_off_beyond": _write_off_beyond,
    "discount_beyond": _discount_beyond,
    "item_changed": _item_changed,
    "says_nothing": _says_nothing,
    "item_locked": _item_locked,
    "number_twice": _number_twice,
    "text_cut": _text_cut,
    "advice_later": _advice_later,
    "advice_off": _advice_off,
    "advice_partly": _advice_partly,
    "tax_kept": _tax_kept,
    "withheld": _withheld,
    "discount_excess": _discount_excess,
    "discount_twice": _discount_twice,
    "claimed_before": _claimed_before,
    "short_again": _short_again,
    "pays_another": _pays_another,
    "number_unknown": _number_unknown,
    "payer_inactive": _payer_inactive,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
