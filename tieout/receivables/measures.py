"""How fast receivables are collected, over a period, from a dated history; per currency.

Formulas are those the Credit Research Foundation publishes; `docs/receivables.md` has each with a
worked example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.receivables.history import History

__all__ = ["CollectionMeasures", "DiscountLeakage", "collection_measures", "discount_leakage"]


class CollectionMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of one currency over the days after `first` up to `last` (day numbers).

    A ratio whose denominator is 0 is None. `days_late` weighs each settlement of the period by its
    amount: days after the due date, before it negative; `days_late_late` counts early ones as 0.
    """

    currency: str
    days: int
    opening_minor: int
    sales_minor: int
    collected_minor: int
    closing_minor: int
    closing_current_minor: int
    dso: float | None
    best_possible_dso: float | None
    days_delinquent: float | None
    cei: float | None
    days_late: float | None
    days_late_late: float | None


class DiscountLeakage(msgspec.Struct, frozen=True, kw_only=True):
    """Cash discounts taken in the period: in time, and after their date (leakage)."""

    currency: str
    taken_minor: int
    unearned_minor: int
    unearned_count: int


def collection_measures(history: History, last: int, days: int) -> list[CollectionMeasures]:
    """Measures of each currency over the `days` that end with day `last`."""
    first = last - days
    opening, closing = history.open_at(first), history.open_at(last)
    current = np.where(history.due_day >= last, closing, 0)
    sold = (history.document_day > first) & (history.document_day <= last)
    sales = np.where(sold & (history.original > 0), history.original, 0)
    within = (history.settled_day > first) & (history.settled_day <= last)
    late = history.settled_day - history.due_day[history.of]
    found = []
    for code, currency in enumerate(history.currencies):
        own = history.currency == code
        settled = within & own[history.of]
        weights = history.settled[settled]
        found.append(
            _measures(
                currency,
                days,
                tuple(int(column[own].sum()) for column in (opening, sales, closing, current)),
                int(weights.sum()),
                (_mean(late[settled], weights), _mean(np.maximum(late[settled], 0), weights)),
            )
        )
    return sorted(found, key=lambda one: one.currency)


def _measures(
    currency: str,
    days: int,
    sums: tuple[int, ...],
    collected: int,
    late: tuple[float | None, float | None],
) -> CollectionMeasures:
    opening, sales, closing, current = sums
    collectible = opening + sales
    dso = closing / sales * days if sales else None
    best = current / sales * days if sales else None
    due = collectible - current
    return CollectionMeasures(
        currency=currency,
        days=days,
        opening_minor=opening,
        sales_minor=sales,
        collected_minor=collected,
        closing_minor=closing,
        closing_current_minor=current,
        dso=dso,
        best_possible_dso=best,
        days_delinquent=None if dso is None or best is None else dso - best,
        cei=(collectible - closing) / due * 100 if due else None,
        days_late=late[0],
        days_late_late=late[1],
    )


def _mean(values: NDArray[np.int64], weights: NDArray[np.int64]) -> float | None:
    total = int(weights.sum())
    return int((values * weights).sum()) / total if total else None


def discount_leakage(history: History, last: int, days: int) -> list[DiscountLeakage]:
    """Discounts taken in the `days` that end with day `last`, per currency."""
    within = (history.settled_day > last - days) & (history.settled_day <= last)
    taken = np.where(within, history.discount_taken, 0)
    unearned = np.where(history.settled_day > history.discount_day[history.of], taken, 0)
    found = []
    for code, currency in enumerate(history.currencies):
        own = history.currency[history.of] == code
        found.append(
            DiscountLeakage(
                currency=currency,
                taken_minor=int(taken[own].sum()),
                unearned_minor=int(unearned[own].sum()),
                unearned_count=int(np.count_nonzero(unearned[own])),
            )
        )
    return sorted(found, key=lambda one: one.currency)
