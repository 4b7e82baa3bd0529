"""How sure a count of mistakes makes us of a rate: exact and approximate bounds on a proportion.

Exact (Clopper–Pearson) bounds are one-sided: with `level` 0.95 the true rate lies beyond one of
them in at most 5 % of all samples, however small the sample. They judge strategies, where a wrong
claim costs money. The Wilson interval is two-sided and narrower; it draws error bars.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BOUND_LEVEL", "rate_at_least", "rate_at_most", "wilson_interval"]

BOUND_LEVEL: Final = 0.95
"""How sure a one-sided bound is, everywhere in the product."""

_WILSON_Z: Final = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""

_HALVINGS: Final = 80
"""Halvings of [0, 1]: below the spacing of floating point numbers near any rate that matters."""

_FRACTION_TERMS_MAX: Final = 20_000
"""Terms of the continued fraction: it needs about the square root of the sample's size."""

_TINY: Final = 1e-300


def rate_at_most(hits: int, total: int, level: float = BOUND_LEVEL) -> float:
    """Greatest rate that still gives `hits` or fewer of `total` with probability 1 − `level`."""
    if hits >= total:
        return 1.0
    return _solve(1.0 - level, lambda rate: 1.0 - _beta_share(rate, hits + 1, total - hits))


def rate_at_least(hits: int, total: int, level: float = BOUND_LEVEL) -> float:
    """Least rate that still gives `hits` or more of `total` with probability 1 − `level`."""
    if hits <= 0:
        return 0.0
    return _solve(level, lambda rate: 1.0 - _beta_share(rate, hits, total - hits + 1))


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """Bounds between which the rate lies with about 95 % certainty; (0, 1) where total is 0."""
    if not total:
        return 0.0, 1.0
    rate, square = hits / total, _WILSON_Z * _WILSON_Z
    centre = rate + square / (2 * total)
    spread = _WILSON_Z * math.sqrt((rate * (1 - rate) + square / (4 * total)) / total)
    scale = 1 + square / total
    low = 0.0 if not hits else (centre - spread) / scale
    high = 1.0 if hits == total else (centre + spread) / scale
    return low, high


def _solve(wanted: float, falling: Callable[[float], float]) -> float:
    """The rate at which a function that falls from 1 to 0 passes `wanted`."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if falling(middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_share(at: float, first: int, second: int) -> float:
    """The regularised incomplete beta function I_at(first, second)."""
    if at <= 0.0:
        return 0.0
    if at >= 1.0:
        return 1.0
    if at > (first + 1) / (first + second + 2):
        return 1.0 - _beta_share(1.0 - at, second, first)
    weight = math.exp(
        math.lgamma(first + second)
        - math.lgamma(first)
        - math.lgamma(second)
        + first * math.log(at)
        + second * math.log1p(-at)
    )
    return weight * _continued_fraction(at, first, second) / first


def _continued_fraction(at: float, first: int, second: int) -> float:
    """The continued fraction of the incomplete beta function, evaluated forwards (Lentz)."""
    numerator = 1.0
    denominator = 1.0 / _away_from_zero(1.0 - (first + second) * at / (first + 1))
    value = denominator
    for term in range(1, _FRACTION_TERMS_MAX):
        even = term * (second - term) * at / ((first + 2 * term - 1) * (first + 2 * term))
        odd = -(first + term) * (first + second + term) * at
        odd /= (first + 2 * term) * (first + 2 * term + 1)
        for step in (even, odd):
            denominator = 1.0 / _away_from_zero(1.0 + step * denominator)
            numerator = _away_from_zero(1.0 + step / numerator)
            value *= denominator * numerator
        if abs(denominator * numerator - 1.0) < 1e-15:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
