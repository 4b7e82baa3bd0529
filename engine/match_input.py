"""What goes into a match and what comes out of it, as one value each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from engine.batches import (
    AdviceBatch,
    ApplicationBatch,
    BankAccountBatch,
    CustomerBatch,
    ExceptionBatch,
    LearnedFactBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
    SettledBatch,
)
from engine.policy import PolicyBook
from engine.precision_ledger import PrecisionLedger
from engine.shipped_calibration import SHIPPED_CALIBRATION

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from engine.batches import PayerBatch
    from engine.calibration import Calibration
    from engine.resident import Resident
    from engine.whole import Whole

__all__ = ["MapOrdered", "MatchInput", "MatchResult", "StageObserver"]


class MatchInput(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a match depends on; nothing else may influence its result.

    `days` is the day of the match payment by payment (days since 1970), where they differ
    (`engine.apart`); without it all have `as_of`. `resident` is made of the open items, customers,
    accounts, policy and outcomes given (`against`), so that they need not be indexed again; without
    it they are. Of a run of which this is a part `whole` tells what is true of all items; `payers`
    who paid, found out before (`engine.payer_table`); `originals` of which payments returns are
    (`engine.returns.find_originals`).
    """

    payments: PaymentBatch
    open_items: OpenItemBatch
    remittances: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)
    advices: AdviceBatch = msgspec.field(default_factory=AdviceBatch.empty)
    customers: CustomerBatch = msgspec.field(default_factory=CustomerBatch.empty)
    bank_accounts: BankAccountBatch = msgspec.field(default_factory=BankAccountBatch.empty)
    earlier: SettledBatch = msgspec.field(default_factory=SettledBatch.empty)
    learned: LearnedFactBatch = msgspec.field(default_factory=LearnedFactBatch.empty)
    policy: PolicyBook = PolicyBook()
    calibration: Calibration = SHIPPED_CALIBRATION
    precision: PrecisionLedger = PrecisionLedger()
    as_of: datetime.date | None = None
    days: NDArray[np.int64] | None = None
    resident: Resident | None = None
    whole: Whole | None = None
    payers: PayerBatch | None = None
    originals: Mapping[str, str] | None = None

    @classmethod
    def against(cls, resident: Resident, payments: PaymentBatch, **more: Any) -> Self:
        """A match of `payments` with what is indexed already; `more` are other fields."""
        return cls(
            payments=payments,
            open_items=resident.open_items,
            bank_accounts=resident.bank_accounts,
            policy=resident.policy,
            calibration=resident.outcomes.calibration,
            precision=resident.outcomes.precision,
            resident=resident,
            **more,
        )


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a match decided and what it left, audited; `joined` are the lines of advices it used."""

    outcomes: PaymentOutcomeBatch
    applications: ApplicationBatch
    reversals: ReversalBatch
    exceptions: ExceptionBatch
    joined: RemittanceBatch = msgspec.field(default_factory=RemittanceBatch.empty)


class StageObserver(Protocol):
    """Called as each stage begins, with its name and the rows it will handle."""

    def __call__(self, stage: str, row_count: int) -> None:
        """A stage begins."""


class MapOrdered(Protocol):
    """`map`, or one that works on several values at once and gives the results in their order."""

    def __call__(self, function: Callable[[Any], Any], values: Iterable[Any], /) -> Iterator[Any]:
        """Results of `function`, in the order of `values`."""
        ...
