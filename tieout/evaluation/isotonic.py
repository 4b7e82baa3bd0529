"""Isotonic regression of shares, exactly: pool adjacent violators over counts.

Shares of right outcomes must not rise as doubt grows. Neighbouring groups that contradict this are
pooled until none does; counts are integers and shares are compared as fractions, so that the
result is the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.segments import first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pool", "falling_shares", "outcomes_by_doubt"]

Pool = tuple[int, int, int]
"""Greatest doubt, right outcomes, all outcomes."""


def outcomes_by_doubt(doubt: NDArray[np.int64], right: NDArray[np.bool_], least: int) -> list[Pool]:
    """Outcomes of equal doubt together, doubt rising, and of near ones until there are `least`."""
    if not len(doubt):
        return []
    order = np.argsort(doubt, kind="stable")
    ordered, hits = doubt[order], right[order].astype(np.int64)
    head = np.flatnonzero(first_of_runs(ordered))
    totals = np.diff(np.append(head, len(ordered)))
    pools: list[Pool] = []
    open_right = open_total = 0
    for value, good, total in zip(
        ordered[head].tolist(),
        np.add.reduceat(hits, head).tolist(),
        totals.tolist(),
        strict=True,
    ):
        open_right, open_total = open_right + good, open_total + total
        if open_total >= least:
            pools.append((value, open_right, open_total))
            open_right = open_total = 0
    if open_total and pools:
        _, good, total = pools.pop()
        pools.append((int(ordered[-1]), good + open_right, total + open_total))
    elif open_total:
        pools.append((int(ordered[-1]), open_right, open_total))
    return pools


def falling_shares(pools: list[Pool], prior: int = 0) -> list[Pool]:
    """`pools` (doubt rising) merged until their shares fall.

    `prior` half outcomes are added to either side before shares are compared: 1 compares the
    shares that a small sample makes likely, 0 is the plain isotonic regression.
    """
    kept: list[Pool] = []
    for pool in pools:
        kept.append(pool)
        while len(kept) > 1 and not _falls(kept[-2], kept[-1], prior):
            (_, right_before, total_before), (doubt, right, total) = kept[-2:]
            kept[-2:] = [(doubt, right_before + right, total_before + total)]
    return kept


def _falls(first: Pool, second: Pool, prior: int) -> bool:
    """The share of `first` is greater than that of `second`."""
    (_, right, total), (_, other_right, other_total) = first, second
    left = (2 * right + prior) * (other_total + prior)
    return left > (2 * other_right + prior) * (total + prior)
