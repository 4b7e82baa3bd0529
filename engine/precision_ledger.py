"""How often each strategy was wrong so far, and which may therefore not decide alone.

Outcomes come in as data (from clerks' postings, or from the truth of a world). A strategy is
*worse than the budget* when even the least wrong rate its outcomes allow (one-sided 95 %,
Clopper–Pearson) is above the budget, and *proven* when even the greatest they allow is within it.
At a budget of 1 in 10,000 one wrong decision among the first 512 proves a strategy worse, and
nothing less than 29,956 decisions without a wrong one prove it good: between the two the policy
decides (`automation.precision`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.binomial_bounds import rate_at_least, rate_at_most
from engine.candidates import STRATEGIES
from engine.errors import EvidenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DEMOTE", "PRECISION_MODES", "PROMOTE", "PrecisionLedger", "StrategyRecord"]

PRECISION_MODES: Final = ("ignore", "demote", "promote")
"""Values of the policy's `automation.precision`; a rule holds the index."""

DEMOTE, PROMOTE = 1, 2


class StrategyRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decisions of one strategy that turned out right and wrong."""

    strategy: str
    right: int
    wrong: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if self.right < 0 or self.wrong < 0:
            message = f"precision ledger: {self.strategy} has a negative count"
            raise EvidenceError(message)


class PrecisionLedger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The records of all strategies; `source` says in words where the outcomes come from."""

    version: int = 1
    source: str = ""
    records: tuple[StrategyRecord, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a shape of another version, and two records of one strategy."""
        names = [record.strategy for record in self.records]
        if self.version != 1 or len(set(names)) < len(names):
            message = f"precision ledger: version {self.version}, or a strategy stands there twice"
            raise EvidenceError(message)

    def refused(
        self,
        strategy: NDArray[np.int64],
        budget: NDArray[np.float64],
        mode: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Whether each candidate's strategy may not decide alone (shapes equal).

        `mode` is the index into `PRECISION_MODES` of each candidate's rules; where all ignore the
        records, none is looked at.
        """
        if not np.count_nonzero(mode):
            return np.zeros(len(strategy), dtype=np.bool_)
        least = np.zeros(len(STRATEGIES), dtype=np.float64)
        most = np.ones(len(STRATEGIES), dtype=np.float64)
        for record in self.records:
            if record.strategy in STRATEGIES:
                number = STRATEGIES.index(record.strategy)
                total = record.right + record.wrong
                least[number] = rate_at_least(record.wrong, total)
                most[number] = rate_at_most(record.wrong, total)
        demoted = (mode == DEMOTE) & (least[strategy] > budget)
        unproven = (mode == PROMOTE) & (most[strategy] > budget)
        refused: NDArray[np.bool_] = demoted | unproven
        return refused

    def sentences(self) -> list[str]:
        """Per strategy what keeps it from deciding alone, in words."""
        known = {record.strategy: record for record in self.records}
        told = []
        for name in STRATEGIES:
            record = known.get(name, StrategyRecord(strategy=name, right=0, wrong=0))
            total = record.right + record.wrong
            told.append(
                f"decisions by {name} were wrong in {record.wrong:,} of {total:,} outcomes, "
                "which is not within the policy's budget"
            )
        return told
