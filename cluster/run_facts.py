"""What holds for a whole run, told to every task: rules, accounts, what is true of all items."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec

from engine.batches import NO_DATE, BankAccountBatch, LearnedFactBatch, OpenItemBatch, PaymentBatch
from engine.match_input import MatchInput
from engine.outcomes import Outcomes

if TYPE_CHECKING:
    import pyarrow as pa

    from engine.policy import PolicyBook
    from engine.whole import Whole

__all__ = ["RunFacts"]

_EPOCH = datetime.date(1970, 1, 1)


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a run: its day (since 1970), rules, our accounts, what was learned about payers,
    counts of all items, originals of returns, what outcomes have taught. Batches travel as their
    record batches.
    """

    day: int
    policy: PolicyBook
    accounts: pa.RecordBatch
    facts: pa.RecordBatch
    whole: Whole
    originals: dict[str, str]
    outcomes: Outcomes = Outcomes()

    @property
    def bank_accounts(self) -> BankAccountBatch:
        """Our own bank accounts."""
        return BankAccountBatch.of_distinct(self.accounts)

    @property
    def learned(self) -> LearnedFactBatch:
        """What was learned about payers."""
        return LearnedFactBatch.of_distinct(self.facts)

    def match_input(self) -> MatchInput:
        """An input with all of this, and no rows yet."""
        return MatchInput(
            payments=PaymentBatch.empty(),
            open_items=OpenItemBatch.empty(),
            bank_accounts=self.bank_accounts,
            learned=self.learned,
            policy=self.policy,
            as_of=None if self.day == NO_DATE else _EPOCH + datetime.timedelta(days=self.day),
            whole=self.whole,
            originals=self.originals,
            calibration=self.outcomes.calibration,
            precision=self.outcomes.precision,
        )
