"""How good the expected dates are: told on past days, compared with what then happened.

At each of several month's ends the habits known that day say when the items then open will be paid.
Beside them stand what is usually done: the due date, the due date and everybody's median delay, the
due date and the customer's mean delay; none of them before the next day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from tieout.receivables.expected_dates import QUANTILES, delay_model, expected_days
from tieout.receivables.history import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.receivables.history import History

__all__ = ["Backtest", "MethodError", "backtest", "cut_days"]

_STEP: Final = 30
_CUTS_MAX: Final = 6
_LEAD: Final = 120
"""Days of history before the first cut: without habits there is nothing to say."""


class MethodError(msgspec.Struct, frozen=True, kw_only=True):
    """How far one method was off, in days; `bias` is positive where it says too late."""

    method: str
    mean_absolute_error: float
    median_absolute_error: float
    bias: float
    within_7_days: float


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """Errors over all cuts.

    `judged` were told and then settled; `open_still` were not settled by the end of the history and
    are left out, `untold` are older than anything seen. `coverage` is the share settled between the
    first and the last quantile, which means to be `coverage_meant`.
    """

    cuts: int
    judged: int
    open_still: int
    untold: int
    coverage: float | None
    coverage_meant: float
    methods: list[MethodError]


def cut_days(history: History) -> list[int]:
    """The days told on: every thirtieth before the last one, at most six."""
    end = history.last_day
    first = int(history.document_day.min()) + _LEAD
    cuts = [end - _STEP * step for step in range(1, _CUTS_MAX + 1)]
    return [one for one in reversed(cuts) if one >= first]


def backtest(history: History) -> Backtest:
    """Tell on past days, and compare."""
    errors: dict[str, list[NDArray[np.int64]]] = {}
    inside: list[NDArray[np.bool_]] = []
    open_still = untold = 0
    cuts = cut_days(history)
    for cut in cuts:
        is_open = (history.document_day <= cut) & (history.closed > cut) & (history.original > 0)
        open_still += int(np.count_nonzero(is_open & (history.closed == NEVER)))
        rows = np.flatnonzero(is_open & (history.closed < NEVER))
        model = delay_model(history, cut)
        told = expected_days(model, history.customer[rows], history.due_day[rows], cut)
        likely = told.days[:, QUANTILES.index(0.5)]
        untold += int(np.count_nonzero(likely == NEVER))
        rows, days = rows[likely < NEVER], told.days[likely < NEVER]
        actual = history.closed[rows]
        for method, day in _methods(history, rows, days, cut).items():
            errors.setdefault(method, []).append(day - actual)
        inside.append((actual >= days[:, 0]) & (actual <= days[:, -1]))
    joined = {name: np.concatenate(parts) for name, parts in errors.items()}
    judged = len(next(iter(joined.values()), ()))
    covered = np.concatenate(inside) if inside else np.empty(0, dtype=np.bool_)
    return Backtest(
        cuts=len(cuts),
        judged=judged,
        open_still=open_still,
        untold=untold,
        coverage=int(covered.sum()) / judged if judged else None,
        coverage_meant=QUANTILES[-1] - QUANTILES[0],
        methods=[_error(name, parts) for name, parts in joined.items() if judged],
    )


def _methods(
    history: History, rows: NDArray[np.int64], days: NDArray[np.int64], cut: int
) -> dict[str, NDArray[np.int64]]:
    """The likely day, and the naive ones, none before the next day."""
    due, customer = history.due_day[rows], history.customer[rows]
    known = history.closed <= cut
    delay = (history.closed - history.due_day)[known]
    median = int(np.median(delay)) if len(delay) else 0
    count = np.bincount(history.customer[known], minlength=len(history.customers))
    total = np.zeros(len(history.customers), dtype=np.int64)
    np.add.at(total, history.customer[known], delay)
    mean = np.where(count > 0, np.rint(total / np.maximum(count, 1)), median).astype(np.int64)
    return {
        "own habits": days[:, QUANTILES.index(0.5)],
        "due date": np.maximum(due, cut + 1),
        "due date and everybody's median delay": np.maximum(due + median, cut + 1),
        "due date and the customer's mean delay": np.maximum(due + mean[customer], cut + 1),
    }


def _error(method: str, error: NDArray[np.int64]) -> MethodError:
    size = np.abs(error)
    return MethodError(
        method=method,
        mean_absolute_error=round(size.mean().item(), 3),
        median_absolute_error=round(np.median(size).item(), 3),
        bias=round(error.mean().item(), 3),
        within_7_days=round((size <= 7).mean().item(), 4),
    )
