"""Acts about whose turn it is: claim, assign, park, escalate, note. They move no money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from desk.cases import Escalation, Parking
from desk.outcomes import Event, Performed
from desk.reason_codes import PARK_EVENTS
from desk.refusals import Refusal, refuse
from desk.states import CLAIMABLE, unworked_state

if TYPE_CHECKING:
    from desk.acts import (
        Assign,
        AttachRemittance,
        Claim,
        Escalate,
        Identify,
        Note,
        Park,
        Release,
        Repropose,
        TakeOver,
        Wake,
    )
    from desk.outcomes import Step

__all__ = [
    "assign",
    "attach_remittance",
    "claim",
    "escalate",
    "identify",
    "note",
    "park",
    "release",
    "repropose",
    "take_over",
    "wake",
]

_DAY_MS: Final = 86_400_000


def claim(step: Step, act: Claim) -> Performed:  # noqa: ARG001 - every act has one shape
    """The actor works on it from now on; for the holder it renews the lease."""
    return step.told("case.claimed", state="in_work", lease=step.lease(), parking=None)


def release(step: Step, act: Release) -> Performed:  # noqa: ARG001 - every act has one shape
    """Nobody works on it; the draft stays."""
    return step.told("case.released", state=unworked_state(step.case), lease=None)


def take_over(step: Step, act: TakeOver) -> Performed:  # noqa: ARG001 - every act has one shape
    """The actor works on it instead of who did."""
    holder = step.case.lease.holder if step.case.lease else ""
    return step.told("case.taken_over", holder, lease=step.lease())


def assign(step: Step, act: Assign) -> Performed | Refusal:
    """It is somebody's; to others than oneself only with the permission."""
    own = {step.actor.name, ""}
    case = step.case
    if not step.authority.permits(step.actor, "assign_others") and not (
        act.assignee in own and case.assignee in own
    ):
        return refuse(
            "AUTHORITY_EXCEEDED",
            f"{step.actor.name} may take cases and give them back, not assign them to others",
            act="assign",
            permission="assign_others",
        )
    return step.told(
        "case.assigned",
        *(one for one in (act.assignee, act.backup) if one),
        state="open" if case.state == "new" else case.state,
        assignee=act.assignee,
        backup=act.backup,
        due_ms=act.due_ms or case.due_ms,
    )


def park(step: Step, act: Park) -> Performed | Refusal:
    """Aside until a moment, at most `park_days_max` away, or the event before it."""
    latest = step.now_ms + step.authority.park_days_max * _DAY_MS
    until = act.until_ms or (latest if act.event else 0)
    if not step.now_ms < until <= latest:
        return refuse(
            "UNTIL_INVALID",
            f"park until a moment within {step.authority.park_days_max} days, or for an event",
            until_ms=act.until_ms,
        )
    if act.event and act.event not in PARK_EVENTS:
        return refuse(
            "REASON_UNKNOWN",
            f"event {act.event!r} is not one of {', '.join(PARK_EVENTS)}",
            field="event",
            value=act.event,
        )
    if not act.reason:
        return refuse("REASON_MISSING", "say why the case is parked", field="reason")
    parking = Parking(until_ms=until, event=act.event, reason=act.reason)
    return step.told("case.parked", detail=act.reason, state="parked", parking=parking, lease=None)


def wake(step: Step, act: Wake) -> Performed | Refusal:
    """A parked case comes back, by hand or by the event it waits for."""
    case = step.case
    by_event = case.parking is not None and act.event in ("", case.parking.event)
    if case.state != "parked" or not by_event:
        return refuse(
            "ACT_NOT_ALLOWED",
            f"the case does not wait for {act.event or 'anything'}",
            act="wake",
            state=case.state,
        )
    return step.told("case.woken", act.subject, detail=act.event, state="open", parking=None)


def escalate(step: Step, act: Escalate) -> Performed | Refusal:
    """Handed up; whoever it goes to is its assignee."""
    if not act.reason:
        return refuse("REASON_MISSING", "say why the case is escalated", field="reason")
    return step.told(
        "case.escalated",
        act.to,
        detail=act.reason,
        state="escalated",
        escalation=Escalation(act.to, act.reason),
        assignee=act.to or step.case.assignee,
        lease=None,
        parking=None,
    )


def note(step: Step, act: Note) -> Performed | Refusal:
    """Said and kept with the acts; who is mentioned hears of it."""
    if not act.text.strip():
        return refuse("ENTRY_MALFORMED", "the note is empty", field="text")
    told = step.told("case.noted", detail=act.text)
    if not act.mentions:
        return told
    mention = Event(kind="case.mentioned", names=act.mentions, detail=act.text)
    return Performed(case=told.case, events=(*told.events, mention))


def identify(step: Step, act: Identify) -> Performed:
    """The payment settles that customer's account; the actor works on it."""
    return step.told(
        "case.identified",
        act.customer_id,
        state="in_work",
        lease=step.lease(),
        parking=None,
        customer_id=act.customer_id,
    )


def attach_remittance(step: Step, act: AttachRemittance) -> Performed:
    """What the payer says arrived late; a parked case that waited for it comes back."""
    state = "open" if step.case.state in CLAIMABLE else step.case.state
    return step.told("remittance.attached", act.remittance_id, state=state, parking=None)


def repropose(step: Step, act: Repropose) -> Performed:
    """There is other evidence now: the proposals are new, all else stays as people left it."""
    return step.told("case.reproposed", act.because)
