"""The one way to change a case: (case, act, actor, now, facts, authority) → what follows.

Whoever may act and whether the state allows it is decided here; what an act does stands in
`desk.working` (whose turn it is) and `desk.deciding` (where the money goes). Every result passes
the check of `desk.conservation` before anybody sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from desk import deciding, working
from desk.acts import act_name
from desk.cases import buckets
from desk.conservation import check_conserved
from desk.outcomes import Performed, Step
from desk.refusals import Refusal, refuse
from desk.states import ALLOWED, awakened

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk.acts import Act
    from desk.authority import Authority, Permission
    from desk.cases import Case
    from desk.facts import Actor, Facts

__all__ = ["PERMISSION_OF_ACT", "perform"]

PERMISSION_OF_ACT: Final[dict[str, Permission]] = {
    "claim": "work",
    "release": "work",
    "take_over": "take_over",
    "assign": "work",
    "park": "work",
    "wake": "work",
    "escalate": "work",
    "note": "comment",
    "identify": "work",
    "prepare": "work",
    "decide": "work",
    "approve": "work",
    "reject": "work",
    "withdraw": "work",
    "undo": "work",
    "deliver": "deliver",
    "attach_remittance": "work",
    "repropose": "deliver",
    "resolve": "work",
}
"""Act → permission without which nobody does it."""

_NEEDS_LEASE: Final = frozenset(
    {
        "claim",
        "release",
        "park",
        "escalate",
        "identify",
        "prepare",
        "decide",
        "undo",
        "attach_remittance",
        "resolve",
    }
)
"""Acts that nobody does to a case on which somebody else works."""

_HANDLERS: Final[dict[str, Callable[[Step, Any], Performed | Refusal]]] = {
    "claim": working.claim,
    "release": working.release,
    "take_over": working.take_over,
    "assign": working.assign,
    "park": working.park,
    "wake": working.wake,
    "escalate": working.escalate,
    "note": working.note,
    "identify": working.identify,
    "prepare": deciding.prepare,
    "decide": deciding.decide,
    "approve": deciding.approve,
    "reject": deciding.reject,
    "withdraw": deciding.withdraw,
    "undo": deciding.undo,
    "deliver": deciding.deliver,
    "attach_remittance": working.attach_remittance,
    "repropose": working.repropose,
    "resolve": deciding.resolve,
}


def perform(
    case: Case, act: Act, actor: Actor, now_ms: int, facts: Facts, authority: Authority
) -> Performed | Refusal:
    """What `act` makes of `case`, or why it is refused. A refusal changes nothing."""
    step = Step(
        case=awakened(case, now_ms), actor=actor, now_ms=now_ms, facts=facts, authority=authority
    )
    refusal = _refused(step, act)
    if refusal is not None:
        return refusal
    outcome = _HANDLERS[act_name(act)](step, act)
    if isinstance(outcome, Refusal):
        return outcome
    after = msgspec.structs.replace(outcome.case, version=case.version + 1)
    check_conserved(case, after, outcome.lines, buckets(after))
    return msgspec.structs.replace(outcome, case=after)


def _refused(step: Step, act: Act) -> Refusal | None:
    name = act_name(act)
    case, actor = step.case, step.actor
    if actor.companies is not None and case.company_id not in actor.companies:
        return refuse(
            "COMPANY_OUT_OF_SCOPE",
            f"{actor.name} does not work for company {case.company_id!r}",
            company_id=case.company_id,
        )
    permission = PERMISSION_OF_ACT[name]
    speaks_for_events = name == "wake" and step.authority.permits(actor, "deliver")
    if not step.authority.permits(actor, permission) and not speaks_for_events:
        return refuse(
            "AUTHORITY_EXCEEDED",
            f"none of the roles of {actor.name} ({', '.join(actor.roles)}) may {name}",
            act=name,
            permission=permission,
        )
    if case.state not in ALLOWED[name]:
        return refuse(
            "ACT_NOT_ALLOWED",
            f"{name} is not for a case that is {case.state}",
            act=name,
            state=case.state,
        )
    lease = case.lease
    if name in _NEEDS_LEASE and lease is not None and lease.holder != actor.name:
        return refuse(
            "LEASED",
            f"{lease.holder} works on the case; wait, or take it over",
            holder=lease.holder,
            until_ms=lease.until_ms,
        )
    return None
