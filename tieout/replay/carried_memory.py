"""What one period of a replay leaves for the next: settlements, and what payers taught."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np
import pyarrow as pa

from engine.match_input import MatchInput  # noqa: TC001 - msgspec reads the annotations
from tieout.payer_lessons import Decision, lessons_of_decisions, lessons_of_run
from tieout.payer_memory import PayerMemory, RelianceBatch
from tieout.settlement_memory import SettlementMemory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.match_input import MatchResult

__all__ = ["CarriedMemory"]

_NOWHERE = Path()
_CLERK = "truth"


class CarriedMemory(msgspec.Struct, frozen=True):
    """The memories of a run, carried in hand: nothing of them is written."""

    settled: SettlementMemory
    payers: PayerMemory

    @classmethod
    def of(cls, match_input: MatchInput) -> Self:
        """Before the first period: what the whole match was given."""
        return cls(
            SettlementMemory(match_input.earlier),
            PayerMemory(_NOWHERE, match_input.learned, RelianceBatch.empty()),
        )

    def into(self, match_input: MatchInput) -> MatchInput:
        """A period's input, with what earlier periods left."""
        return msgspec.structs.replace(
            match_input, earlier=self.settled.settled, learned=self.payers.facts
        )

    def after(self, match_input: MatchInput, result: MatchResult, customers: list[str]) -> Self:
        """The memories after a period. `customers` are whose account each payment settles, where a
        truth knows (else empty): clerks say so of what was left to them.
        """
        payers = self.payers.taught(lessons_of_run(match_input, result))
        left = np.flatnonzero(result.outcomes.int64("applied_minor") == 0)
        said = _decisions(match_input, left, customers)
        payers = payers.taught(lessons_of_decisions(said, _payers_of(match_input, result)))
        return type(self)(self.settled.after(match_input, result), payers)


def _decisions(
    match_input: MatchInput, rows: NDArray[np.int64], customers: list[str]
) -> list[Decision]:
    day = match_input.as_of
    if day is None or not customers:
        return []
    ids = match_input.payments.strings("payment_id")
    return [
        Decision(
            payment_id=ids[row],
            decision="accept",
            customer_id=customers[row],
            decided_by=_CLERK,
            decided_on=day,
        )
        for row in rows.tolist()
        if customers[row]
    ]


def _payers_of(match_input: MatchInput, result: MatchResult) -> pa.Table:
    """The columns lessons are read from, as the payments of a run have them."""
    payments, outcomes = match_input.payments, result.outcomes
    return pa.table(
        {
            "payment_id": payments.text("payment_id"),
            "company_id": outcomes.text("company_id"),
            "payer_name": payments.text("payer_name"),
            "payer_account": payments.text("payer_account"),
            "payer_customer_id": outcomes.text("payer_customer_id"),
        }
    )
