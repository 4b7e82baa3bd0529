"""What an act gives: the case after it, the lines it decided, and what others must hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from desk.cases import Case, Lease, Line

if TYPE_CHECKING:
    from desk.authority import Authority
    from desk.facts import Actor, Facts

__all__ = ["Event", "Performed", "Step"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that others must hear: `kind` such as `case.claimed`, `refund.requested`."""

    kind: str
    names: tuple[str, ...] = ()
    line_numbers: tuple[int, ...] = ()
    detail: str = ""


class Performed(msgspec.Struct, frozen=True, kw_only=True):
    """An act that was performed. `lines` are those it added, to be booked with it or not at all."""

    case: Case
    lines: tuple[Line, ...] = ()
    events: tuple[Event, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a handler may look at."""

    case: Case
    actor: Actor
    now_ms: int
    facts: Facts
    authority: Authority

    @property
    def act_number(self) -> int:
        """Number of the act that is being performed."""
        return self.case.version + 1

    def lease(self) -> Lease:
        """A lease from now on for the actor."""
        return Lease(self.actor.name, self.now_ms + 1000 * self.authority.lease_seconds_max)

    def told(self, kind: str, *names: str, detail: str = "", **changes: object) -> Performed:
        """The case with `changes`, and one event."""
        return Performed(
            case=msgspec.structs.replace(self.case, **changes),
            events=(Event(kind=kind, names=names, detail=detail),),
        )
