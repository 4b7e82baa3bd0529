"""The whole engine on one screen: payments and open items in, applications and exceptions out.

take in (sort, index, identify, read references) → decide by reference → decide by amount →
decide by custom (oldest first, where policy says so) → settle → audit. Each decision round proposes
by all its strategies, settles differences by policy and resolves who gets what (`engine.rounds`);
what is not proven is proposed, and says why (`engine.exception_queue`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.audit import audit
from engine.conclude import conclude, touched_items, write_applications, write_outcomes
from engine.exception_queue import raise_exceptions
from engine.intake import take_in
from engine.match_input import MapOrdered, MatchInput, MatchResult, StageObserver
from engine.returns import reverse_returns
from engine.rounds import decide_by_amount, decide_by_custom, decide_by_reference

if TYPE_CHECKING:
    from engine.intake import Intake
    from engine.rounds import Round

__all__ = [
    "MatchInput",
    "MatchResult",
    "Matched",
    "StageObserver",
    "match_payments",
    "match_traceably",
]


def match_payments(
    match_input: MatchInput, observe: StageObserver, map_ordered: MapOrdered = map
) -> MatchResult:
    """Match every payment of `match_input`; raises `ConservationError` rather than lose a cent.

    `map_ordered` spreads work over cores where it is not `map`; the result is the same.
    """
    return match_traceably(match_input, observe, map_ordered).result


class Matched(msgspec.Struct, frozen=True):
    """A result, and what it came out of."""

    result: MatchResult
    intake: Intake
    rounds: tuple[Round, ...]


def match_traceably(
    match_input: MatchInput, observe: StageObserver, map_ordered: MapOrdered = map
) -> Matched:
    """As `match_payments`, for who asks what a payment had to do with others."""
    intake = take_in(match_input, observe, map_ordered)

    observe("references", len(intake.payments))
    named = decide_by_reference(intake, intake.situation, map_ordered)

    observe("amounts", int(named.situation.open_for_matching.sum()))
    by_amount = decide_by_amount(intake, named, map_ordered)
    by_custom = decide_by_custom(intake, by_amount.situation, map_ordered)

    rounds = (named, by_amount, by_custom)
    observe("settle", sum(len(one.candidates) for one in rounds))
    conclusion = conclude(intake, list(rounds))
    applications = write_applications(intake, conclusion, map_ordered)
    returns = reverse_returns(intake, applications, match_input.earlier, match_input.originals)
    result = MatchResult(
        outcomes=write_outcomes(intake, conclusion),
        applications=applications,
        reversals=returns.reversals,
        exceptions=raise_exceptions(intake, conclusion, returns),
        joined=intake.advices.joined,
    )

    observe("audit", len(intake.payments))
    audit(
        match_input.payments,
        touched_items(intake, conclusion, returns.reversals),
        result.outcomes,
        result.applications,
        result.reversals,
        match_input.earlier,
        match_input.policy,
    )
    return Matched(result, intake, rounds)
