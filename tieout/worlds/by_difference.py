"""Scenarios whose cash is not what the items say: discounts, fees, deductions, too much, again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds import texts
from tieout.worlds.drafts import Draft, Line, Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.planner import Planner

__all__ = ["DIFFERENCE_SCENARIOS"]

_COUNTRY_AT: Final = {"US": 0, "DE": 1, "NL": 2}


def _one(plan: Planner, scenario: str, least: int, pool: str = "payable") -> Draft | None:
    """A payment of one item of at least `least` cents that names it, structured or in text."""
    rows = plan.seed_group(1, pool)
    if rows is None or plan.items.face[rows[0]] < least:
        return None
    structured = plan.dice.chance(0.6)
    draft = plan.draft(scenario, rows, form="structured" if structured else "text")
    if structured:
        draft.lines = plan.lines(rows)
    else:
        document = plan.items.document[rows[0]]
        draft.text = texts.reference_sentence(plan.dice, plan.country(draft.company), [document])
    return draft


def _pay(draft: Draft, *, cash: int, **rest: int | str) -> None:
    """Let `draft` pay `cash` on its one item, with `rest` as the truth about the difference."""
    row = draft.truth[0].row
    draft.amount = cash
    draft.truth = [Truth(row, cash, **rest)]  # type: ignore[arg-type]  # named amounts and a reason
    if draft.lines:
        draft.lines = [Line(draft.lines[0].reference, cash)]


def _discount_ref(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "discount_ref", 0, "discount")
    if draft is None:
        return None
    row = draft.truth[0].row
    taken = plan.items.discount[row]
    _pay(draft, cash=draft.amount - taken, discount=taken)
    if draft.lines and plan.dice.chance(0.7):
        draft.lines = [Line(draft.lines[0].reference, draft.amount, discount=taken)]
    return [draft]


def _discount_after(plan: Planner, scenario: str, codes: str) -> list[Draft] | None:
    draft = _one(plan, scenario, 20_000, scenario)
    if draft is None:
        return None
    taken = plan.items.discount[draft.truth[0].row]
    _pay(draft, cash=draft.amount - taken, deduction=taken, reason="unearned")
    if draft.lines:
        draft.lines = [Line(draft.lines[0].reference, draft.amount, discount=taken)]
    draft.expect, draft.codes = "exception", codes
    return [draft]


def _discount_late(plan: Planner) -> list[Draft] | None:
    return _discount_after(plan, "discount_late", "DSC-LATE;AMT-SHORT")


def _discount_grace(plan: Planner) -> list[Draft] | None:
    return _discount_after(plan, "discount_grace", "DSC-GRACE;DSC-LATE;AMT-SHORT")


def _partial_ref(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "partial_ref", 20_000)
    if draft is None:
        return None
    _pay(draft, cash=draft.amount * plan.dice.between(20, 75) // 10_000 * 100)
    draft.expect, draft.codes = "partial_item", "AMT-SHORT;ITM-INSTALL;DED-UNCODED"
    return [draft]


def _withheld(plan: Planner, face: int) -> int:
    """What a payer withholds: beyond any tolerance or bank fee, less than a fifth."""
    return max(face * plan.dice.between(30, 190) // 1000, 1_500)


def _short_coded(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "short_coded", 30_000)
    if draft is None:
        return None
    reason = plan.dice.pick(list(texts.DEDUCTION_REASONS))
    said = texts.DEDUCTION_REASONS[reason][_COUNTRY_AT[plan.country(draft.company)]]
    withheld = _withheld(plan, draft.amount)
    _pay(draft, cash=draft.amount - withheld, deduction=withheld, reason=reason)
    if draft.lines:
        reference = draft.lines[0].reference
        draft.lines = [Line(reference, draft.amount, deduction=withheld, reason=reason)]
    else:
        amount = texts.amount_text(withheld, plan.country(draft.company))
        draft.text = f"{draft.text} {said}{f' {amount}' if plan.dice.chance(0.5) else ''}"
    draft.expect, draft.codes = "exception", "DED-CODED;AMT-SHORT"
    return [draft]


def _short_uncoded(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "short_uncoded", 30_000)
    if draft is None:
        return None
    withheld = _withheld(plan, draft.amount)
    # Who pays less by the discount on offer, give or take a tolerance, has taken that: nobody can
    # see anything else in it.
    offered = plan.items.discounted(draft.truth[0].row, draft.day)
    if offered and abs(withheld - offered) * 200 <= draft.amount:
        return None
    _pay(draft, cash=draft.amount - withheld, deduction=withheld, reason="unknown")
    draft.expect, draft.codes = "exception", "DED-UNCODED;AMT-SHORT"
    return [draft]


def _bank_fee(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "bank_fee", 60_000)
    if draft is None:
        return None
    fee = plan.dice.pick((300, 450, 500, 750, 800, 1_000))
    _pay(draft, cash=draft.amount - fee, write_off=fee, reason="bank_charge")
    if draft.text and plan.dice.chance(0.5):
        draft.text += " SHA charges"
    draft.expect, draft.codes = "auto_tolerance", "AMT-BANKFEE;AMT-TOLERANCE;AMT-SHORT"
    return [draft]


def _within_tolerance(plan: Planner, scenario: str, sign: int) -> list[Draft] | None:
    draft = _one(plan, scenario, 2_500)
    if draft is None:
        return None
    difference = sign * plan.dice.between(1, min(100, draft.amount // 200))
    _pay(draft, cash=draft.amount - difference, write_off=difference, reason="tolerance")
    draft.expect, draft.codes = "auto_tolerance", "AMT-TOLERANCE;"
    return [draft]


def _tolerance_under(plan: Planner) -> list[Draft] | None:
    return _within_tolerance(plan, "tolerance_under", 1)


def _tolerance_over(plan: Planner) -> list[Draft] | None:
    return _within_tolerance(plan, "tolerance_over", -1)


def _overpaid(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "overpaid", 1_000)
    if draft is None:
        return None
    surplus = plan.dice.pick((250, 999, 1_000, 5_000, 10_000, 27_345, 100_000))
    draft.amount += surplus
    draft.on_account = surplus
    # Lines that state the item alone do not add up to the payment, which is said first.
    stated = "RMT-SUM;" if draft.lines else ""
    draft.expect, draft.codes = "partial_auto", f"AMT-OVER;{stated}"
    return [draft]


def _repeat_of_paid(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "repeat_of_paid", 0, "paid")
    if draft is None:
        return None
    draft.truth, draft.expect, draft.codes = [], "exception", "REF-CLOSED;IN-DUPPAY"
    return [draft]


def _cancelled_invoice(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "cancelled_invoice", 0, "cancelled")
    if draft is None:
        return None
    draft.truth, draft.expect, draft.codes = [], "exception", "REF-CANCELLED;REF-CLOSED"
    return [draft]


def _disputed_item(plan: Planner) -> list[Draft] | None:
    draft = _one(plan, "disputed_item", 0, "disputed")
    if draft is None:
        return None
    draft.expect, draft.codes = "exception", "ITM-DISPUTED;"
    return [draft]


def _paid_twice(plan: Planner) -> list[Draft] | None:
    first = _one(plan, "paid_twice_first", 0)
    if first is None:
        return None
    second = _again(first)
    first.day = plan.dice.pick(plan.days[:3])
    second.day = plan.dice.pick(plan.days[3:])
    first.codes = "IN-DUPPAY;AMB-COMPETE;"
    second.truth, second.expect = [], "exception"
    second.codes = "REF-CLOSED;IN-DUPPAY;AMB-COMPETE"
    return [first, second]


def _again(first: Draft) -> Draft:
    return Draft(
        scenario="paid_twice_second",
        company=first.company,
        customer=first.customer,
        payer=first.payer,
        amount=first.amount,
        day=first.day,
        form=first.form,
        lines=list(first.lines),
        text=first.text,
    )


DIFFERENCE_SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    "discount_ref": _discount_ref,
    "discount_late": _discount_late,
    "discount_grace": _discount_grace,
    "partial_ref": _partial_ref,
    "short_coded": _short_coded,
    "short_uncoded": _short_uncoded,
    "bank_fee": _bank_fee,
    "tolerance_under": _tolerance_under,
    "tolerance_over": _tolerance_over,
    "overpaid": _overpaid,
    "repeat_of_paid": _repeat_of_paid,
    "cancelled_invoice": _cancelled_invoice,
    "disputed_item": _disputed_item,
    "paid_twice": _paid_twice,
}
"""Scenario → what makes one of it (None where the rows it was dealt do not suit)."""
