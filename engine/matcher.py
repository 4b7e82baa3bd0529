"""The whole engine on one screen: payments and open items in, applications and exceptions out.

take in (sort, index, identify, read references) → decide by reference → decide by amount →
settle → audit. Each decision round proposes by all its strategies, settles differences by policy
and resolves who gets what (`engine.rounds`); what is not proven is proposed, and says why
(`engine.exception_queue`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from engine.audit import audit
from engine.batches import (
    AdviceBatch,
    ApplicationBatch,
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)
from engine.conclude import conclude, reverse_returns, write_applications, write_outcomes
from engine.exception_queue import raise_exceptions
from engine.intake import take_in
from engine.policy import PolicyBook
from engine.rounds import (
    decide_by_amount,
    decide_by_reference,
    paid_twins,
    unread_references,
)

if TYPE_CHECKING:
    import datetime

__all__ = ["MatchInput", "MatchResult", "StageObserver", "match_payments"]


class MatchInput(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a match depends on; nothing else may influence its result."""

    payments: PaymentBatch
    open_items: OpenItemBatch
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    advices: AdviceBatch = msgspec.field(default_factory=AdviceBatch.empty)
    customers: CustomerBatch = msgspec.field(default_factory=CustomerBatch.empty)
    bank_accounts: BankAccountBatch = msgspec.field(default_factory=BankAccountBatch.empty)
    policy: PolicyBook = PolicyBook()
    as_of: datetime.date | None = None


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a match decided and what it left, audited."""

    outcomes: PaymentOutcomeBatch
    applications: ApplicationBatch
    reversals: ReversalBatch
    exceptions: ExceptionBatch


class StageObserver(Protocol):
    """Called as each stage begins, with its name and the rows it will handle."""

    def __call__(self, stage: str, row_count: int) -> None:
        """A stage begins."""


def match_payments(match_input: MatchInput, observe: StageObserver) -> MatchResult:
    """Match every payment of `match_input`; raises `ConservationError` rather than lose a cent."""
    intake = take_in(match_input, observe)

    observe("references", len(intake.payments))
    named = decide_by_reference(intake, intake.situation)

    observe("amounts", int(named.situation.open_for_matching.sum()))
    by_amount = decide_by_amount(intake, named.situation)

    observe("settle", len(intake.payments))
    unread = unread_references(intake.situation)
    conclusion = conclude(intake, [named, by_amount], unread)
    applications = write_applications(intake, conclusion)
    reversals, original = reverse_returns(intake, applications)
    result = MatchResult(
        outcomes=write_outcomes(intake, conclusion),
        applications=applications,
        reversals=reversals,
        exceptions=raise_exceptions(
            intake, conclusion, original, unread, paid_twins(intake.situation)
        ),
    )

    observe("audit", len(intake.payments))
    audit(
        match_input.payments,
        match_input.open_items,
        result.outcomes,
        result.applications,
        result.reversals,
    )
    return result
