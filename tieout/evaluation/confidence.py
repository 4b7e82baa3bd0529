"""Is confidence honest, and what would another threshold give? Bins, errors, the curve."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from engine.segments import first_of_runs
from tieout.evaluation.measures import Bin, ConfidenceScore, CurvePoint, proportion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.evaluation.judgement import CandidateSets

__all__ = ["BIN_EDGES", "score_confidence"]

BIN_EDGES: Final = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 1)
"""Tenths, and finer where decisions are taken: 0.99 and 0.9999 differ by a hundred mistakes."""

_POINTS_MAX: Final = 400
_RANKS: Final = {"decided": 0, "rank 1": 1, "rank 2": 2, "rank 3": 3, "rank 4": 4, "rank 5": 5}


def score_confidence(sets: CandidateSets, payments: int) -> ConfidenceScore:
    """Bins, calibration errors and curve of `sets` put forward for `payments`."""
    bins = _bins(sets.confidence, sets.right)
    count = len(sets)
    return ConfidenceScore(
        sets=count,
        expected_error=_expected_error(sets.confidence, sets.right),
        expected_error_by_rank={
            name: _expected_error(sets.confidence[of], sets.right[of])
            for name, rank in _RANKS.items()
            for of in (sets.rank == rank,)
            if of.any()
        },
        brier=round(float(np.mean((sets.confidence - sets.right) ** 2)), 8) if count else 0.0,
        bins=bins,
        curve=_curve(sets, payments),
    )


def _bin_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    number = np.searchsorted(np.array(BIN_EDGES), confidence, side="right") - 1
    clipped: NDArray[np.int64] = np.clip(number, 0, len(BIN_EDGES) - 2)
    return clipped


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    number = _bin_of(confidence)
    found = []
    for place, (low, high) in enumerate(itertools.pairwise(BIN_EDGES)):
        inside = number == place
        if not inside.any():
            continue
        found.append(
            Bin(
                from_confidence=low,
                to_confidence=high,
                stated=round(float(np.mean(confidence[inside])), 8),
                observed=proportion(int(right[inside].sum()), int(inside.sum())),
            )
        )
    return found


def _expected_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    if not len(confidence):
        return 0.0
    number = _bin_of(confidence)
    off = np.bincount(number, weights=confidence) - np.bincount(number, weights=right)
    return round(float(np.abs(off).sum() / len(confidence)), 8)


def _curve(sets: CandidateSets, payments: int) -> list[CurvePoint]:
    """Coverage and precision over thresholds, of each payment's best set: decided, or rank 1."""
    best = np.flatnonzero(sets.rank <= 1)
    order = np.lexsort((-sets.confidence[best], sets.rank[best], sets.payment[best]))
    best = best[order]
    if not len(best):
        return []
    best = best[first_of_runs(sets.payment[best])]
    best = best[np.argsort(-sets.confidence[best], kind="stable")]
    confidence, right = sets.confidence[best], sets.right[best]
    last = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    if len(last) > _POINTS_MAX:
        last = last[np.unique(np.linspace(0, len(last) - 1, _POINTS_MAX).astype(np.int64))]
    taken = last + 1
    good = np.cumsum(right)[last]
    return [
        CurvePoint(
            threshold=round(float(threshold), 8),
            coverage=round(int(count) / payments, 6),
            precision=round(int(hits) / int(count), 6),
            wrong=int(count) - int(hits),
        )
        for threshold, count, hits in zip(confidence[last], taken, good, strict=True)
    ]
