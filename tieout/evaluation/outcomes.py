"""What judged sets teach: a calibration of confidence, and the strategies' record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from engine.calibration import Calibration, Group, Step
from engine.candidates import STRATEGIES, UNIQUENESS
from engine.limits import PROPOSALS_MAX
from engine.precision_ledger import PrecisionLedger, StrategyRecord
from engine.shipped_calibration import SHIPPED_CALIBRATION
from tieout.evaluation.isotonic import falling_shares, outcomes_by_doubt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tieout.evaluation.judgement import CandidateSets

__all__ = ["GROUP_MIN", "calibration_with_shipped", "fit_calibration", "precision_of"]

GROUP_MIN: Final = 50
"""Outcomes a group needs to say anything: a share of 50 is known to about ± 7 %."""

_STEP_MIN: Final = 100
"""Outcomes of one step: fewer would follow the noise."""


def fit_calibration(sets: CandidateSets, source: str) -> Calibration:
    """Steps of every group with enough outcomes, from single kinds of sets to whole ranks."""
    return Calibration(source=source, groups=tuple(_groups(sets)))


def calibration_with_shipped(sets: CandidateSets, source: str) -> Calibration:
    """As `fit_calibration`; groups without enough outcomes of their own keep the shipped steps."""
    own = fit_calibration(sets, source)
    known = {(group.rank, group.strategy, group.uniqueness) for group in own.groups}
    kept = [
        group
        for group in SHIPPED_CALIBRATION.groups
        if (group.rank, group.strategy, group.uniqueness) not in known
    ]
    groups = sorted([*own.groups, *kept], key=lambda one: (one.rank, one.strategy, one.uniqueness))
    return Calibration(
        source=f"{source}; where too few, {SHIPPED_CALIBRATION.source}", groups=tuple(groups)
    )


def precision_of(sets: CandidateSets, source: str) -> PrecisionLedger:
    """Decisions of each strategy, also those only shadow mode or a ledger kept back."""
    decided = (sets.rank == 0) | (sets.withheld & (sets.rank == 1))
    records = []
    for name in STRATEGIES:
        of = decided & pc.equal(sets.strategy, name).to_numpy(zero_copy_only=False)
        if of.any():
            right = int((of & sets.right).sum())
            wrong = int(of.sum()) - right
            records.append(StrategyRecord(strategy=name, right=right, wrong=wrong))
    return PrecisionLedger(source=source, records=tuple(records))


def _groups(sets: CandidateSets) -> Iterator[Group]:
    for rank in range(PROPOSALS_MAX + 1):
        of_rank = sets.rank == rank
        yield from _group(sets, of_rank, rank)
        for strategy in sorted(STRATEGIES):
            named = pc.equal(sets.strategy, strategy).to_numpy(zero_copy_only=False)
            of_strategy = of_rank & named
            yield from _group(sets, of_strategy, rank, strategy)
            for uniqueness in sorted(UNIQUENESS):
                alike = pc.equal(sets.uniqueness, uniqueness).to_numpy(zero_copy_only=False)
                yield from _group(sets, of_strategy & alike, rank, strategy, uniqueness)


def _group(
    sets: CandidateSets,
    of: NDArray[np.bool_],
    rank: int,
    strategy: str = "",
    uniqueness: str = "",
) -> Iterator[Group]:
    if np.count_nonzero(of) < GROUP_MIN:
        return
    pools = outcomes_by_doubt(sets.doubt_ppm[of], sets.right[of], _STEP_MIN)
    steps = falling_shares(falling_shares(pools), prior=1)
    yield Group(
        rank=rank,
        strategy=strategy,
        uniqueness=uniqueness,
        steps=tuple(Step(*pool) for pool in steps),
    )
