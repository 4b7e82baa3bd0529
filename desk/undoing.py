"""Taking back acts that decided nothing: parking, assignment, escalation, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from desk.acts import Assign, Escalate, Identify, Park, Resolve, act_name
from desk.refusals import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk.acts import Undo
    from desk.facts import LoggedAct
    from desk.outcomes import Performed, Step

__all__ = ["taken_back"]


def taken_back(step: Step, act: Undo) -> Performed | Refusal:
    """What the logged act changed is as before, where it still stands."""
    logged = step.facts.logged
    if logged is None or logged.number != act.act_number:
        return _nothing(act, "there is no such act")
    for kind, take_back in _TAKE_BACK.items():
        if isinstance(logged.act, kind):
            performed = take_back(step, logged)
            if performed is not None:
                return performed
    return _nothing(act, f"{act_name(logged.act)} has nothing left to take back")


def _parked(step: Step, logged: LoggedAct) -> Performed | None:  # noqa: ARG001 - one shape
    if step.case.state != "parked":
        return None
    return step.told("case.woken", state="open", parking=None)


def _escalated(step: Step, logged: LoggedAct) -> Performed | None:
    if step.case.state != "escalated":
        return None
    return step.told(
        "case.deescalated", state="open", escalation=None, assignee=logged.assignee_before
    )


def _resolved(step: Step, logged: LoggedAct) -> Performed | None:  # noqa: ARG001 - one shape
    if not step.case.resolution:
        return None
    return step.told("case.reopened", state="open", resolution="")


def _assigned(step: Step, logged: LoggedAct) -> Performed | None:
    act = logged.act
    if not isinstance(act, Assign) or step.case.assignee != act.assignee:
        return None
    return step.told(
        "case.assigned",
        logged.assignee_before,
        assignee=logged.assignee_before,
        backup=logged.backup_before,
        due_ms=logged.due_ms_before,
    )


def _identified(step: Step, logged: LoggedAct) -> Performed | None:
    act = logged.act
    if not isinstance(act, Identify) or step.case.customer_id != act.customer_id:
        return None
    return step.told("case.identified", logged.customer_before, customer_id=logged.customer_before)


_TAKE_BACK: Final[dict[type, Callable[[Step, LoggedAct], Performed | None]]] = {
    Park: _parked,
    Escalate: _escalated,
    Resolve: _resolved,
    Assign: _assigned,
    Identify: _identified,
}


def _nothing(act: Undo, why: str) -> Refusal:
    return refuse("NOTHING_TO_UNDO", f"act {act.act_number}: {why}", act_number=act.act_number)
