"""Confidence that means what it says: doubt as strategies work it out → share that was right.

A strategy's own doubt is a model's; outcomes say how often a set with that doubt was right. The
table groups outcomes by rank (0 decided), strategy and uniqueness; within a group right shares fall
as doubt grows (isotonic steps, fitted elsewhere). A calibration never changes what is decided or
how proposals are ranked, only how sure each claims to be.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.candidates import STRATEGIES, UNIQUENESS
from engine.errors import EvidenceError
from engine.limits import PROPOSALS_MAX

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CALIBRATION_VERSION", "MILLION", "Calibration", "Group", "Step", "right_share"]

CALIBRATION_VERSION: Final = 1
"""Version of the table's shape."""

MILLION: Final = 1_000_000
"""Doubt is kept in whole parts per million: exact, and the same on every machine."""


class Step(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Outcomes of sets whose doubt is above the step before and at most `doubt_ppm`."""

    doubt_ppm: int
    right: int
    total: int

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if not (0 <= self.doubt_ppm <= MILLION and 0 <= self.right <= self.total):
            message = f"calibration: no outcomes can be {self.right} of {self.total}"
            raise EvidenceError(message)


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """Steps of one kind of set, doubt rising; empty `strategy` or `uniqueness` means any."""

    rank: int
    strategy: str = ""
    uniqueness: str = ""
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        """Refuse a rank nobody proposes, and steps out of order."""
        doubts = [step.doubt_ppm for step in self.steps]
        if not (0 <= self.rank <= PROPOSALS_MAX and doubts and doubts == sorted(set(doubts))):
            message = f"calibration: the group {self.rank} {self.strategy} has no rising steps"
            raise EvidenceError(message)


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All groups; `source` says in words where the outcomes come from."""

    version: int = CALIBRATION_VERSION
    source: str = ""
    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a shape of another version."""
        if self.version != CALIBRATION_VERSION:
            message = f"calibration: version {self.version}, expected {CALIBRATION_VERSION}"
            raise EvidenceError(message)

    def confidences(
        self,
        rank: NDArray[np.int64],
        strategy: NDArray[np.int64],
        uniqueness: NDArray[np.int64],
        wrong: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Probability that each set is right (shapes equal).

        Without a group of its own a set has that of its strategy, then that of its rank, but never
        more than its own doubt leaves; without any, what its own doubt leaves.
        """
        raw: NDArray[np.float64] = (1.0 - wrong).clip(0.0, 1.0)
        if not self.groups:
            return raw
        table, is_exact = _table(self.groups)
        place = rank, strategy, uniqueness
        group = table[place]
        doubt = np.rint((1.0 - raw) * MILLION).astype(np.int64)
        shares = _shares(self.groups, np.maximum(group, 0), doubt)
        shares = np.where(is_exact[place], shares, np.minimum(shares, raw))
        return np.where(group < 0, raw, shares)


@lru_cache(maxsize=4)
def _table(groups: tuple[Group, ...]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Group of every (rank, strategy, uniqueness), -1 for none, and whether it is its own."""
    shape = (PROPOSALS_MAX + 1, len(STRATEGIES), len(UNIQUENESS))
    table = np.full(shape, -1, dtype=np.int64)
    is_exact = np.zeros(shape, dtype=np.bool_)
    every = slice(None)
    wide_first = sorted(
        enumerate(groups),
        key=lambda pair: (pair[1].strategy != "", pair[1].uniqueness != ""),
    )
    for number, group in wide_first:
        known = group.strategy in ("", *STRATEGIES) and group.uniqueness in ("", *UNIQUENESS)
        if not known:  # outcomes of a strategy this version does not have
            continue
        at = (
            group.rank,
            STRATEGIES.index(group.strategy) if group.strategy else every,
            UNIQUENESS.index(group.uniqueness) if group.uniqueness else every,
        )
        table[at] = number
        is_exact[at] = bool(group.strategy and group.uniqueness)
    return table, is_exact


@lru_cache(maxsize=4)
def _steps(
    groups: tuple[Group, ...],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Where every step of every group ends, the right share on it, and each group's last one."""
    steps = [step for one in groups for step in one.steps]
    owner = np.arange(len(groups)).repeat([len(one.steps) for one in groups])
    edges = owner * (MILLION + 1) + np.array([step.doubt_ppm for step in steps])
    share = np.array([right_share(step.right, step.total) for step in steps])
    return edges, share, np.cumsum([len(one.steps) for one in groups]) - 1


def _shares(
    groups: tuple[Group, ...], group: NDArray[np.int64], doubt: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Right share of the step each doubt falls on; beyond the last step, that of the last."""
    edges, share, last = _steps(groups)
    at = edges.searchsorted(group * (MILLION + 1) + doubt, side="left")
    shares: NDArray[np.float64] = share[np.minimum(at, last[group])]
    return shares


def right_share(right: int, total: int) -> float:
    """Expected share of right ones after `right` of `total`: never quite 0 or 1 (Jeffreys)."""
    return (right + 0.5) / (total + 1.0)
