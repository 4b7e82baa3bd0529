"""How many payments pay nothing that is listed: learned from those left to amounts.

Where one payment in fifty is for something that is no open item, a set of items with its amount is
hardly an accident; where every second one is, it may well be. So a sample of the payments whose
payers are known and that name nothing is searched before any of them is decided. Of each it is
known how much more likely its amount is if it pays items than if it pays nothing listed: its odds.
They are counted by powers of two, so that the counts of parts of a run add up, and from the counts
follows the largest share of unlisted ones that they do not contradict.

Derivation: `docs/decisions/0035-what-is-not-listed.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engine.accident import NONE_WEIGHT
from engine.limits import UNLISTED_SAMPLE
from engine.text_hashes import text_hashes

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["ODDS", "count_odds", "none_weight", "sampled"]

_LOWEST, _HIGHEST = -30, 40
ODDS: Final = _HIGHEST - _LOWEST + 1
"""Powers of two that odds are counted by, from those of payments that nothing fits."""

_PAYMENTS_MIN: Final = 100
"""Fewer payments than that say too little: without one that nothing fits among them they would not
contradict a share of two in a hundred."""

_UNLIKELY: Final = 1.353
"""Half the 90 % quantile of χ² with one degree of freedom: a share whose logarithm of likelihood is
that much below the likeliest one's is beyond the one-sided 95 % bound."""

_DOUBLINGS: Final = 10
_STEPS: Final = 4
"""Weights are tried in quarters of a doubling, from a thousandth of what is assumed to a thousand
times as much."""


def sampled(names: pa.StringArray, among: int) -> NDArray[np.bool_]:
    """Which payments to look at of a run that has `among` of them: by their own names, so that it
    is the same ones whatever else is matched at once.
    """
    halvings = max((among // UNLISTED_SAMPLE).bit_length() - 1, 0)
    chosen: NDArray[np.bool_] = text_hashes(names) % np.uint64(1 << halvings) == 0
    return chosen


def count_odds(odds: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of `odds` are of each power of two, rounded down (shape: `ODDS`)."""
    power = np.frexp(np.clip(odds, np.ldexp(1.0, _LOWEST), np.ldexp(1.0, _HIGHEST)))[1] - 1
    return np.bincount(power - _LOWEST, minlength=ODDS)


def none_weight(counts: NDArray[np.int64]) -> float:
    """Weight of "it pays nothing listed", beside 1 for everything listed, by `counts` of odds.

    Never less than what is taken where nothing was learned.
    """
    if counts.sum() < _PAYMENTS_MIN:
        return NONE_WEIGHT
    steps = _DOUBLINGS * _STEPS
    weights = NONE_WEIGHT * np.exp2(np.arange(-steps, steps + 1) / _STEPS)
    odds = np.ldexp(1.0, np.arange(_LOWEST, _HIGHEST + 1))[:, None]
    likely = (counts[:, None] * np.log((weights + odds) / (1.0 + weights))).sum(axis=0)
    not_contradicted = (likely >= likely.max() - _UNLIKELY).nonzero()[0]
    return max(float(weights[not_contradicted[-1]]), NONE_WEIGHT)
