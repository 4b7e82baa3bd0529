"""The payments of a world: scenarios are drawn, played, dressed with a payer and judged.

Playing an idea may fail (the customer has no second item, the number has no zero to drop); it is
then tried again on other items, and in the end replaced by a plain payment with its reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tieout.worlds.by_amount import AMOUNT_SCENARIOS, LEDGER_WIDE
from tieout.worlds.by_difference import DIFFERENCE_SCENARIOS
from tieout.worlds.by_exception import EXCEPTION_SCENARIOS
from tieout.worlds.by_payer import PAYER_SCENARIOS, unknown_payer
from tieout.worlds.by_plan import PLAN_SCENARIOS
from tieout.worlds.by_reference import REFERENCE_SCENARIOS
from tieout.worlds.by_return import RETURN_SCENARIOS
from tieout.worlds.payers import dress_payer
from tieout.worlds.uniqueness import other_readings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.worlds.drafts import Draft
    from tieout.worlds.planner import Planner

__all__ = ["SCENARIOS", "plan_payments"]

SCENARIOS: Final[dict[str, Callable[[Planner], list[Draft] | None]]] = {
    **REFERENCE_SCENARIOS,
    **AMOUNT_SCENARIOS,
    **DIFFERENCE_SCENARIOS,
    **PAYER_SCENARIOS,
    **EXCEPTION_SCENARIOS,
    **RETURN_SCENARIOS,
    **PLAN_SCENARIOS,
}
"""Every scenario by name; the names are those of `spec.STANDARD_MIX`."""

_TRIES: Final = 40
_UNKNOWN: Final = "unknown"
_PAYER_CODES: Final = ("PAY-AMBIG", "PAY-UNKNOWN", "PAY-NEWACCT", "POL-CONFIDENCE", "REF-NONE")
_COLLISION_CODES: Final = (
    *("PAY-CROSS", "PAY-THIRD", "PAY-CONFLICT", "AMT-OVER", "AMT-SHORT", "AMT-NOMATCH"),
)
_OF_STATUS: Final = {
    "paid": ("REF-CLOSED",),
    "cancelled": ("REF-CANCELLED", "REF-CLOSED"),
    "disputed": ("ITM-DISPUTED",),
    "blocked": ("ITM-LOCKED",),
}
"""What is said of a number that is another item's, which nothing can be applied to."""
_TYPO_CODES: Final = ("REF-TYPO", "REF-NOTFOUND", "REF-TRUNC")
_OF_SEVERAL: Final = frozenset({"AMB-COMBO", "AMB-LIMIT"})
_NAMES_NOTHING: Final = (*AMOUNT_SCENARIOS, "name_conflict")


def plan_payments(plan: Planner) -> list[Draft]:
    """`payment_count` payments in random order, each with channel, payer and honest truth."""
    drafts: list[Draft] = []
    wanted = plan.spec.payment_count
    for scenario in _drawn(plan):
        if len(drafts) >= wanted:
            break
        drafts += _play(plan, scenario)
    order = plan.dice.generator.permutation(min(len(drafts), wanted))
    mixed = [drafts[at] for at in order.tolist()]
    for draft in mixed:
        plan.choose_channel(draft)
        dress_payer(plan, draft)
    named = _named_rows(mixed)
    for draft in mixed:
        _judge(plan, draft, named)
    return mixed


def _drawn(plan: Planner) -> list[str]:
    """Scenario names in the order they are played: those that need a whole ledger first."""
    spec = plan.spec
    weights = {name: weight for name, weight in spec.weights().items() if weight > 0}
    names = [*weights, _UNKNOWN]
    unknown = spec.unknown_payer_share
    known = np.array(list(weights.values())) * (1 - unknown) / sum(weights.values())
    drawn = plan.dice.generator.choice(
        len(names), size=spec.payment_count, p=np.append(known, unknown)
    )
    scenarios = [names[at] for at in drawn.tolist()]
    return sorted(scenarios, key=lambda name: name not in LEDGER_WIDE)


def _play(plan: Planner, scenario: str) -> list[Draft]:
    if scenario == _UNKNOWN:
        return unknown_payer(plan)
    for name in (scenario, "ref_structured"):
        build = SCENARIOS[name]
        for _ in range(_TRIES):
            drafts = build(plan)
            if drafts:
                return drafts
    message = (
        f"world {plan.spec.name!r}: {plan.spec.open_item_count} open items do not last for "
        f"{plan.spec.payment_count} payments; give it more items or fewer payments"
    )
    raise ValueError(message)


def _named_rows(drafts: list[Draft]) -> frozenset[int]:
    """Items that some payment names so that nothing else is needed to settle them."""
    return frozenset(
        line.row
        for draft in drafts
        if draft.scenario not in _NAMES_NOTHING and not draft.by_amount
        for line in draft.truth
    )


def _judge(plan: Planner, draft: Draft, named: frozenset[int]) -> None:
    """Correct what may be expected of a payment that its amount has to decide.

    An amount that fits twice, a payer nobody can be sure of, a damaged number that is another
    item's: each makes it a case for a clerk. Where the other readings hold items that payments of
    the same days name, they are those payments' items, and what is left may be decided.
    """
    if draft.scenario.startswith("ambiguous_"):
        # Whose items they are comes before which of them, and a search before what it would find.
        beside = [] if draft.identified else [*_PAYER_CODES]
        beside += ["AMB-LIMIT"] if "AMB-LIMIT" in _readings(plan, draft) else []
        draft.codes = ";".join(dict.fromkeys([*draft.codes.split(";"), *beside]))
        if not _readings(plan, draft, named):
            draft.expect, draft.codes = "auto_if_clear", f"{draft.codes};POL-CONFIDENCE;"
        return
    if not draft.by_amount:
        return
    codes, unread, draft.codes = _readings(plan, draft), draft.codes, ""
    # One item of the amount beside combinations of several: no rival of its own kind.
    weak = len(draft.truth) == 1 and set(codes) <= _OF_SEVERAL
    if codes:
        codes += ["AMB-COMBO", "AMB-LIMIT", "AMB-COMPETE", *(["POL-CONFIDENCE"] if weak else [])]
    eliminated = bool(codes) and not draft.damaged and not _readings(plan, draft, named)
    if not draft.identified:
        # A damaged name and an amount that nothing else has may be enough together.
        codes += [*_PAYER_CODES, *([] if codes else [""])]
    hit = plan.item_called(draft.company, draft.damaged) if draft.damaged else None
    collides = hit is not None
    if hit is not None:
        codes += (*_COLLISION_CODES, *_OF_STATUS.get(plan.items.status[hit], ()))
    if codes:
        codes += _TYPO_CODES if draft.scenario.startswith("ref_") else ()
        draft.expect = "exception"
        # A damaged number that is nobody else's still tells which of the readings is meant.
        if draft.identified and (eliminated or (draft.damaged and not collides)):
            codes += ["POL-CONFIDENCE", ""]
            draft.expect = "auto_if_clear"
        draft.codes = ";".join(dict.fromkeys([*codes, *([unread] if unread else [])]))


def _readings(plan: Planner, draft: Draft, named: frozenset[int] = frozenset()) -> list[str]:
    rows = [line.row for line in draft.truth]
    return other_readings(plan.items, draft.customer, draft.amount, draft.day, rows, named)
