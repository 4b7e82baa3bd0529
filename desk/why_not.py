"""Why an open item is not what a payment settles: facts for and against, the weightiest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from desk.cases import standing_lines, undecided_minor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desk.cases import Case
    from desk.facts import Facts, ItemFact, Proposal

__all__ = ["Verdict", "why_not"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What stands against an item, what speaks for it, and the proposal that has it (0: none)."""

    obstacles: tuple[str, ...]
    supports: tuple[str, ...]
    proposal_rank: int


def why_not(
    case: Case,
    item: ItemFact | None,
    facts: Facts,
    names: Sequence[str],
    texts: Sequence[str],
) -> Verdict:
    """Judge one item. `names` are what it is called, `texts` what the payer wrote."""
    if item is None:
        return Verdict(
            obstacles=("no open item of that id or document number is known",),
            supports=(),
            proposal_rank=0,
        )
    rank, best = _proposal_with(item, facts)
    found = _written(names, texts)
    obstacles = [*_decided(case, item), *_closed(case, item), *_other_party(case, item, facts)]
    obstacles += _amounts(case, item)
    if not found:
        obstacles.append("the payer wrote none of its numbers")
    if facts.held:
        obstacles.append("the bank file is held: its totals or its rows are in doubt")
    if best is not None and best.rank != 1:
        obstacles.append(f"another proposal is more likely; this one has rank {best.rank}")
    if best is not None:
        obstacles.append(f"the engine is {best.confidence_bps / 100:.2f} % sure of its proposal")
    supports = [f"the payer wrote {name!r}" for name in found]
    if item.customer_id and item.customer_id == case.customer_id:
        supports.append(f"it is an item of the payer, {item.customer_id}")
    if item.open_minor == undecided_minor(case) and item.open_minor:
        supports.append("its open amount is exactly the undecided cash")
    return Verdict(obstacles=tuple(obstacles), supports=tuple(supports), proposal_rank=rank)


def _proposal_with(item: ItemFact, facts: Facts) -> tuple[int, Proposal | None]:
    for proposal in facts.proposals:
        for entry in proposal.entries:
            if (entry.company_id, entry.open_item_id) == (item.company_id, item.open_item_id):
                return proposal.rank, proposal
    return 0, None


def _written(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    folded = ["".join(filter(str.isalnum, text)).upper() for text in texts]
    wanted = {name: "".join(filter(str.isalnum, name)).upper() for name in names}
    return [name for name, key in wanted.items() if key and any(key in text for text in folded)]


def _decided(case: Case, item: ItemFact) -> list[str]:
    cash = sum(
        line.cash_minor
        for line in standing_lines(case)
        if (line.company_id, line.open_item_id) == (item.company_id, item.open_item_id)
    )
    return [f"this payment has settled {cash} minor units of it already"] if cash else []


def _closed(case: Case, item: ItemFact) -> list[str]:
    found = []
    if item.currency != case.currency:
        found.append(f"it is in {item.currency}, the payment in {case.currency}")
    if not item.open_minor:
        found.append("nothing of it is open")
    elif item.status != "open":
        found.append(f"it is {item.status}")
    return found


def _other_party(case: Case, item: ItemFact, facts: Facts) -> list[str]:
    found = []
    if item.company_id != case.company_id:
        found.append(f"it belongs to company {item.company_id!r}, the money to {case.company_id!r}")
    if not case.customer_id:
        found.append("the payer is not identified")
    elif item.customer_id not in {case.customer_id, *facts.related_customers}:
        found.append(f"it is of customer {item.customer_id}, the payer is {case.customer_id}")
    return found


def _amounts(case: Case, item: ItemFact) -> list[str]:
    left = undecided_minor(case)
    if not left:
        return ["all cash of the payment is decided"]
    if item.open_minor and item.open_minor != left:
        return [f"{item.open_minor} minor units are open, {left} are undecided"]
    return []
