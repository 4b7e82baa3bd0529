"""When each open item will be paid: quantiles from its customer's own habits.

The delay from due date to settlement has a hazard per day: of the items still open that late, the
share that is settled that day. A customer's hazard is drawn towards that of its company, and that
towards all companies', as if so many further items had been seen (`_CUSTOMER_PRIOR`,
`_COMPANY_PRIOR`). Items still open count as open so long (censored), so that slow payers are not
left out. For an item that is late already only the days to come count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from tieout.receivables.history import NEVER

if TYPE_CHECKING:
    from tieout.receivables.history import History

__all__ = ["QUANTILES", "DelayModel", "ExpectedDays", "delay_model", "expected_days"]

QUANTILES: Final = (0.1, 0.5, 0.9)
"""Early, likely, late: the item is paid by that day with this probability."""

_FIRST, _LAST = -90, 365
"""Days of delay looked at; earlier and later ones count as these."""

_NOBODY_LEFT: Final = 1e-9
"""Share still open below which nothing that late was seen: then there is nothing to say."""

_CUSTOMER_PRIOR: Final = 6.0
_COMPANY_PRIOR: Final = 40.0
"""Items of the wider group a narrower one is mixed with."""


class DelayModel(msgspec.Struct, frozen=True, kw_only=True):
    """Survival by delay: the share not settled after each day from `_FIRST` on; settled items seen.

    Rows are customers; a customer nobody has seen has the last row.
    """

    survival: NDArray[np.float64]
    seen: NDArray[np.int64]


class ExpectedDays(msgspec.Struct, frozen=True, kw_only=True):
    """Day numbers by quantile (items × `QUANTILES`), `NEVER` where history does not reach that far.

    `seen` counts the customer's own settled items.
    """

    days: NDArray[np.int64]
    seen: NDArray[np.int64]


def delay_model(history: History, as_of: int) -> DelayModel:
    """The habits of each customer as they were known at the end of day `as_of`."""
    known = history.document_day <= as_of
    closed = np.where(history.closed <= as_of, history.closed, NEVER)
    settled = known & (closed < NEVER)
    until = np.where(settled, closed, as_of)
    delay = np.clip(until - history.due_day, _FIRST, _LAST)[known] - _FIRST
    # An item whose due date is far ahead is open, but says nothing about days of delay yet.
    reached = (until - history.due_day)[known] >= _FIRST
    event = settled[known]
    customer, company = history.customer[known], history.company[known]
    keep = reached | event
    width = _LAST - _FIRST + 1
    everyone = _hazard(
        np.zeros(int(keep.sum()), np.int64), delay[keep], event[keep], np.zeros((1, width)), 0.0
    )
    by_company = _hazard(
        company[keep],
        delay[keep],
        event[keep],
        np.repeat(everyone, len(history.companies), axis=0),
        _COMPANY_PRIOR,
    )
    home = np.zeros(len(history.customers), dtype=np.int64)
    home[history.customer] = history.company
    by_customer = _hazard(
        customer[keep], delay[keep], event[keep], by_company[home], _CUSTOMER_PRIOR
    )
    hazard = np.concatenate([by_customer, everyone])
    seen = np.bincount(customer[event], minlength=len(history.customers))
    survival: NDArray[np.float64] = np.cumprod(1.0 - hazard, axis=1, dtype=np.float64)
    return DelayModel(survival=survival, seen=np.append(seen, 0).astype(np.int64))


def _hazard(
    group: NDArray[np.int64],
    delay: NDArray[np.int64],
    event: NDArray[np.bool_],
    prior: NDArray[np.float64],
    strength: float,
) -> NDArray[np.float64]:
    """Hazard of each group by day, drawn towards `prior` (groups × days)."""
    groups, width = prior.shape
    events, leaving = np.zeros((groups, width)), np.zeros((groups, width))
    np.add.at(events, (group[event], delay[event]), 1.0)
    np.add.at(leaving, (group, delay), 1.0)
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    whole = at_risk + strength
    hazard: NDArray[np.float64] = np.divide(
        events + strength * prior, whole, out=np.zeros_like(events), where=whole > 0
    )
    return hazard


def expected_days(
    model: DelayModel, customer: NDArray[np.int64], due_day: NDArray[np.int64], as_of: int
) -> ExpectedDays:
    """When items open at the end of `as_of` are settled; `customer` is -1 where he is not known."""
    row = np.where(customer < 0, len(model.seen) - 1, customer)
    age = np.clip(as_of - due_day, _FIRST - 1, _LAST) - _FIRST
    survival = model.survival[row]
    places = np.arange(len(row))
    now = np.where(age >= 0, survival[places, np.maximum(age, 0)], 1.0)
    days = np.full((len(row), len(QUANTILES)), NEVER, dtype=np.int64)
    for at, quantile in enumerate(QUANTILES):
        reached = survival <= (1.0 - quantile) * now[:, None] + 1e-12
        reached &= np.arange(survival.shape[1])[None, :] > age[:, None]
        reached &= now[:, None] > _NOBODY_LEFT
        found = reached.any(axis=1)
        first = reached.argmax(axis=1)
        days[found, at] = due_day[found] + first[found] + _FIRST
    return ExpectedDays(days=days, seen=model.seen[row])
