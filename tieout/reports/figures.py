"""Figures as people read them: percentages that never round a mistake away, odds, money."""

from __future__ import annotations

import math
from decimal import Decimal

__all__ = ["grouped", "odds", "percent"]


def percent(rate: float | None) -> str:
    """`rate` with as many decimals as its distance from 0 or 1 needs: `99.986 %`, `91.5 %`."""
    if rate is None:
        return "–"
    edge = min(rate, 1 - rate)
    if edge <= 0:
        return f"{rate:.0%}".replace("%", " %")
    places = max(1, math.ceil(-math.log10(edge * 100)) + 1)
    return f"{rate * 100:.{places}f} %"


def odds(rate: float) -> str:
    """A small probability as `1 in 7,205`; larger ones as a percentage."""
    if rate <= 0:
        return "never"
    return f"1 in {round(1 / rate):,}" if rate < 0.1 else percent(rate)


def grouped(amount: str) -> str:
    """Decimal text with separators between thousands."""
    return f"{Decimal(amount):,f}"
