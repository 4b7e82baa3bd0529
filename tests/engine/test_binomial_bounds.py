"""Bounds on a rate: against sums of exact fractions, and the figures people remember."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from engine.binomial_bounds import rate_at_least, rate_at_most, wilson_interval


def at_least(hits, total, rate):
    """Probability of `hits` or more, summed exactly."""
    p = Fraction(rate)
    terms = (comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(hits, total + 1))
    return float(sum(terms))


@pytest.mark.parametrize("total", [1, 2, 7, 40, 150])
def test_the_bounds_leave_five_percent_beyond_them(total):
    for hits in range(0, total + 1, max(1, total // 9)):
        low, high = rate_at_least(hits, total), rate_at_most(hits, total)
        if hits:
            assert at_least(hits, total, low) == pytest.approx(0.05, abs=1e-9)
        if hits < total:
            assert 1 - at_least(hits + 1, total, high) == pytest.approx(0.05, abs=1e-9)
        assert low <= hits / total <= high


def test_nothing_wrong_proves_one_in_ten_thousand_after_thirty_thousand():
    assert rate_at_most(0, 29_956) < 0.0001 < rate_at_most(0, 29_955)
    assert rate_at_most(0, 300) == pytest.approx(0.01, rel=0.01)  # the rule of three


def test_one_wrong_disproves_one_in_ten_thousand_until_five_hundred():
    assert rate_at_least(1, 512) > 0.0001 > rate_at_least(1, 513)


def test_the_ends_are_the_ends():
    assert (rate_at_least(0, 10), rate_at_most(10, 10)) == (0.0, 1.0)
    assert (rate_at_least(0, 0), rate_at_most(0, 0)) == (0.0, 1.0)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_wilson_is_the_published_formula():
    low, high = wilson_interval(9, 10)
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0


def test_more_outcomes_of_one_rate_bring_the_bounds_together():
    widths = [rate_at_most(n // 100, n) - rate_at_least(n // 100, n) for n in (100, 1_000, 100_000)]
    assert widths == sorted(widths, reverse=True)
    assert rate_at_most(3, 10**7) < 1e-6
