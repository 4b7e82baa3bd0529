"""A case: the money of one payment (or one exception without money) and what people did to it.

Lines are append-only. A line decides cash of the payment: on an open item, on account, to be
refunded, as no receivable; or it teaches a fact about a payer. A line that was wrong is reversed by
another one that negates it. What no line has decided is *undecided*:

    amount = Σ cash of all lines + undecided

Amounts are integer minor units of the payment's currency. Times are milliseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "Buckets",
    "Case",
    "Delivery",
    "Draft",
    "Entry",
    "EntryKind",
    "Escalation",
    "Exercise",
    "Lease",
    "Line",
    "Parking",
    "Power",
    "State",
    "buckets",
    "standing_lines",
    "undecided_minor",
]

State = Literal[
    "new",
    "open",
    "in_work",
    "proposed",
    "pending_approval",
    "approved",
    "posting",
    "posted",
    "confirmed",
    "parked",
    "escalated",
    "rejected",
    "post_failed",
    "reversed",
]
EntryKind = Literal["item", "on_account", "refund", "non_ar", "returned", "fact"]
Delivery = Literal["none", "posting", "posted", "confirmed", "failed", "cancelled", "local"]
"""Where a line is on its way to the ledger; `cancelled`: reversed before it was sent; `local`: it
concerns no ledger."""
Power = Literal[
    "apply",
    "write_off",
    "late_discount",
    "deduction",
    "on_account",
    "non_ar",
    "refund",
    "cross_customer",
    "cross_company",
    "override_confidence",
    "release_hold",
    "undo_posted",
    "learn_fact",
]


class Exercise(msgspec.Struct, frozen=True):
    """A power that something needs, and for how much."""

    power: Power
    amount_minor: int


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line would decide.

    `reverses` is the number of the line it takes back; its amounts are then that line's, negated.
    Of a fact (kind `fact`): `fact_kind` as in the table of learned facts, `value` the name, account
    or customer it is about.
    """

    kind: EntryKind = "item"
    company_id: str = ""
    customer_id: str = ""
    open_item_id: str = ""
    cash_minor: int = 0
    discount_minor: int = 0
    deduction_minor: int = 0
    write_off_minor: int = 0
    deduction_reason: str = ""
    write_off_reason: str = ""
    link: str = ""
    fact_kind: str = ""
    value: str = ""
    reverses: int = 0

    @property
    def settled_minor(self) -> int:
        """What it takes from the open amount of its item."""
        return self.cash_minor + self.discount_minor + self.deduction_minor + self.write_off_minor


class Line(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """A decided entry. `number` counts from 1 within the case; act 0 is the engine's.

    `approved_by` is empty where those who prepared it had the authority alone.
    """

    number: int
    act_number: int
    delivery: Delivery = "none"
    prepared_by: tuple[str, ...] = ()
    approved_by: str = ""
    exercises: tuple[Exercise, ...] = ()


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Entries that are not decided. `prepared_by`: everybody who had a hand in them.

    `proposal_rank` and `confidence_bps` (of 10,000) tell which proposal it came from, if any.
    """

    entries: tuple[Entry, ...] = ()
    prepared_by: tuple[str, ...] = ()
    proposal_rank: int = 0
    confidence_bps: int = 10_000
    demands: tuple[Exercise, ...] = ()


class Lease(msgspec.Struct, frozen=True):
    """Who works on the case, and until when nobody else may."""

    holder: str
    until_ms: int


class Parking(msgspec.Struct, frozen=True, kw_only=True):
    """Put aside until a moment, or an event (`advice`, `open_item`, …) before it."""

    until_ms: int
    event: str = ""
    reason: str


class Escalation(msgspec.Struct, frozen=True):
    """Handed up: to whom, and why."""

    to: str
    reason: str


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case; see the module. `version` counts the acts performed."""

    case_id: str
    payment_id: str = ""
    company_id: str = ""
    currency: str = ""
    amount_minor: int = 0
    customer_id: str = ""
    state: State = "new"
    version: int = 0
    assignee: str = ""
    backup: str = ""
    due_ms: int = 0
    lease: Lease | None = None
    parking: Parking | None = None
    escalation: Escalation | None = None
    rejection: str = ""
    resolution: str = ""
    draft: Draft = Draft()
    lines: tuple[Line, ...] = ()


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Where the payment's money is; the eight add up to its amount."""

    applied_minor: int = 0
    on_account_minor: int = 0
    unapplied_minor: int = 0
    unidentified_minor: int = 0
    suspense_minor: int = 0
    non_ar_minor: int = 0
    refund_minor: int = 0
    returned_minor: int = 0


def undecided_minor(case: Case) -> int:
    """Cash that no line has decided."""
    return case.amount_minor - sum(line.cash_minor for line in case.lines)


def standing_lines(case: Case) -> tuple[Line, ...]:
    """Lines that were not taken back, without those that take back."""
    gone = {line.reverses for line in case.lines if line.reverses}
    return tuple(line for line in case.lines if not line.reverses and line.number not in gone)


def buckets(case: Case) -> Buckets:
    """Where the money is, derived and never set by hand: undecided money of a parked case is in
    suspense, of a known customer unapplied, of an unknown one unidentified.
    """
    sums = dict.fromkeys(("item", "on_account", "refund", "non_ar", "returned", "fact"), 0)
    for line in case.lines:
        sums[line.kind] += line.cash_minor
    undecided = undecided_minor(case)
    parked = case.state == "parked"
    known = bool(case.customer_id) and not parked
    return Buckets(
        applied_minor=sums["item"],
        on_account_minor=sums["on_account"],
        unapplied_minor=undecided if known else 0,
        unidentified_minor=0 if known or parked else undecided,
        suspense_minor=undecided if parked else 0,
        non_ar_minor=sums["non_ar"],
        refund_minor=sums["refund"],
        returned_minor=sums["returned"],
    )
