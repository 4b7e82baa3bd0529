"""States of a case: which acts each allows, and what time and lines make of it.

    new → open → in_work (lease) → proposed → [pending_approval] → approved → posting → posted
        → confirmed

    parked (until a moment or an event), escalated, rejected, post_failed, reversed

The states from `approved` to `confirmed`, with `post_failed`, are not set: they follow from where
the lines are on their way to the ledger (`decided_state`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from desk.cases import Case, Line, State, standing_lines, undecided_minor

__all__ = [
    "ALLOWED",
    "CLAIMABLE",
    "DECIDED",
    "awakened",
    "decided_state",
    "resting_state",
    "unworked_state",
]

CLAIMABLE: Final[frozenset[State]] = frozenset(
    {"new", "open", "parked", "escalated", "rejected", "reversed"}
)
"""Nobody works on it, and there is work to do."""

DECIDED: Final[frozenset[State]] = frozenset(
    {"approved", "posting", "posted", "confirmed", "post_failed"}
)
"""Nothing is left to decide."""

_WAITING: Final[frozenset[State]] = frozenset({"proposed", "pending_approval"})
_WORKABLE: Final[frozenset[State]] = CLAIMABLE | {"in_work"}
_ANY: Final[frozenset[State]] = _WORKABLE | DECIDED | _WAITING

ALLOWED: Final[dict[str, frozenset[State]]] = {
    "claim": _WORKABLE,
    "release": frozenset({"in_work"}),
    "take_over": frozenset({"in_work"}),
    "assign": _ANY,
    "park": _WORKABLE,
    "wake": _ANY,
    "escalate": _WORKABLE,
    "note": _ANY,
    "identify": _WORKABLE,
    "prepare": _WORKABLE,
    "decide": _WORKABLE,
    "approve": _WAITING,
    "reject": _WAITING,
    "withdraw": _WAITING,
    "undo": _WORKABLE | DECIDED,
    "deliver": _ANY,
    "attach_remittance": _WORKABLE,
    "repropose": CLAIMABLE,
    "resolve": _WORKABLE,
}
"""Act → states that allow it."""


def awakened(case: Case, now_ms: int) -> Case:
    """The case as it is now: leases run out, parked cases come back on their day."""
    if case.state == "in_work" and (case.lease is None or case.lease.until_ms <= now_ms):
        return msgspec.structs.replace(case, state="open", lease=None)
    if case.state == "parked" and case.parking is not None and case.parking.until_ms <= now_ms:
        return msgspec.structs.replace(case, state="open", parking=None)
    return case


def decided_state(lines: tuple[Line, ...]) -> State:
    """How far the lines are on their way to the ledger: as far as the last of them."""
    found = {line.delivery for line in lines}
    for delivery, state in _BY_DELIVERY:
        if delivery in found:
            return state
    return "confirmed"


_BY_DELIVERY: Final[tuple[tuple[str, State], ...]] = (
    ("failed", "post_failed"),
    ("posting", "posting"),
    ("none", "approved"),
    ("posted", "posted"),
)


def resting_state(case: Case) -> State:
    """The state of a case after a decision: decided, or what is left of it to do."""
    return unworked_state(case) if undecided_minor(case) else decided_state(case.lines)


def unworked_state(case: Case) -> State:
    """The state of a case with work to do that nobody works on."""
    sent = any(line.reverses and line.delivery != "cancelled" for line in case.lines)
    return "reversed" if sent and not standing_lines(case) else "open"
