"""Is what fits by amount certain enough? All sets of all strategies, weighed against each other.

Strategies propose every set they find with its prior weight. Here equal sets become one, the
doubt about the best is worked out (`engine.accident`), and what is unique, what is only unique in
its amounts and what is ambiguous is told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import msgspec
import numpy as np

from engine.batches import NO_DATE
from engine.candidates import (
    AMBIGUOUS,
    NOT_PROVEN,
    UNIQUE_AMOUNTS,
    UNIQUE_SET,
    Candidates,
    strategy_code,
)
from engine.exception_codes import code_number
from engine.ranking import tilts
from engine.segments import first_of_runs, is_one_of, mix64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.accident import AmountHabits
    from engine.due_habits import DueHabits
    from engine.situation import Situation

__all__ = ["Search", "judge_amounts", "odds_of_listed", "set_keys"]

_FIRST_TOTAL = strategy_code("balance")
_LAST_TOTAL = strategy_code("payment_term")
_FIRST_COMBINATION = strategy_code("subset_sum")
_FITS_MAX: Final = float(1 << 53)


def set_keys(candidates: Candidates) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Per candidate a key of its set (items and cash) and of its multiset of amounts alone.

    Keys tell the sets of one payment apart. What items others have does not change them.
    """
    rows = candidates.rows
    place = _places(candidates.payment[rows.candidate], rows.item)
    keys = []
    for hashed in (mix64(place, rows.cash), mix64(rows.cash, rows.discount)):
        total = np.zeros(len(candidates), dtype=np.uint64)
        np.add.at(total, rows.candidate, hashed)
        keys.append(total.view(np.int64))
    return keys[0], keys[1]


def _places(payment: NDArray[np.int64], item: NDArray[np.int64]) -> NDArray[np.int64]:
    """Which of all items of its payment's rows each one is, in their order."""
    order = np.lexsort((item, payment))
    place = np.empty(len(order), dtype=np.int64)
    if len(order):
        number = first_of_runs(payment[order], item[order]).cumsum()
        first = first_of_runs(payment[order])
        place[order] = number - number[first][first.cumsum() - 1]
    return place


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, per payment of the situation; written to while it is looked.

    searched: every choice was tried; stopped: a search found more than it tells; unsearched: prior
    weight of classes nobody looked at; sets, weight: further sets that fit and equal some candidate
    in their amounts, and their prior weight.
    """

    searched: NDArray[np.bool_]
    stopped: NDArray[np.bool_]
    unsearched: NDArray[np.float64]
    sets: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def nothing(cls, count: int) -> Self:
        """Before anything was looked at."""
        return cls(
            searched=np.zeros(count, dtype=np.bool_),
            stopped=np.zeros(count, dtype=np.bool_),
            unsearched=np.zeros(count, dtype=np.float64),
            sets=np.zeros(count, dtype=np.float64),
            weight=np.zeros(count, dtype=np.float64),
        )


def judge_amounts(
    situation: Situation,
    candidates: Candidates,
    *,
    search: Search,
    contradicted: NDArray[np.bool_],
    habits: AmountHabits,
    due: DueHabits,
    none: float,
) -> Candidates:
    """Distinct sets with doubt, uniqueness and permission.

    Per payment `contradicted` says whether references speak against any decision by amount.
    `habits` say how likely an amount is by itself, `due` by when items are paid; `none` is the
    weight of "it pays nothing listed" beside those of the sets. Sets in which something is that
    must not be paid make others ambiguous and are then dropped.
    """
    if not len(candidates):
        return candidates
    candidates, amounts = _distinct(candidates)
    payment, count = candidates.payment, len(situation)
    nothing = _nothing(situation, candidates, search, habits, none)
    fits = np.bincount(payment, minlength=count) + search.sets
    total = np.bincount(payment, weights=candidates.weight, minlength=count) + nothing
    total += search.weight
    wrong = _relative_doubt(situation, candidates, due, nothing + search.weight)
    # 1 - p loses the small numbers that matter: a lone candidate's doubt is worked out directly.
    lone = fits[payment] == 1
    other = nothing[payment[lone]] + none * _recurrence(situation, candidates.at(lone), habits)
    wrong[lone] = other / (candidates.weight[lone] + other)

    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, payment, amounts)
    np.maximum.at(high, payment, amounts)
    alike = (low == high)[payment] & ~search.stopped[payment]
    unproven = search.stopped[payment]
    unproven |= ~search.searched[payment] & (candidates.strategy >= _FIRST_COMBINATION)
    uniqueness = np.where(alike, UNIQUE_AMOUNTS, AMBIGUOUS)
    uniqueness[lone] = np.where(unproven[lone], NOT_PROVEN, UNIQUE_SET)
    uniqueness[alike & ~lone & unproven] = AMBIGUOUS
    barred = _barred(situation, candidates)
    some_barred = np.zeros(count, dtype=np.bool_)
    some_barred[payment[barred]] = True
    budget = situation.rules.wrong_budget[situation.rule[payment]]
    allowed = (situation.payer[payment] >= 0) & ~contradicted[payment] & ~barred
    automatic = (uniqueness == UNIQUE_SET) & (wrong <= budget) & allowed
    equal = (uniqueness == UNIQUE_AMOUNTS) & ~some_barred[payment]
    oldest = _oldest_of_alike(situation, candidates, equal)
    # Among interchangeable sets the doubt is whether it is any of them, not which.
    wrong[oldest] = nothing[payment[oldest]] / total[payment[oldest]]
    automatic |= oldest & allowed
    return msgspec.structs.replace(
        candidates,
        wrong=wrong,
        fits=np.minimum(fits, _FITS_MAX).astype(np.int64)[payment],
        uniqueness=uniqueness,
        automatic=automatic,
        code=_codes(candidates, uniqueness, automatic),
    ).at(~barred)


def _relative_doubt(
    situation: Situation, candidates: Candidates, due: DueHabits, beside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Doubt about each of several sets, by their weights and what else tilts one against another;
    it ranks what is proposed and never permits anything.
    """
    weight = candidates.weight * np.exp(tilts(situation, candidates, due))
    total = np.bincount(candidates.payment, weights=weight, minlength=len(situation)) + beside
    doubt: NDArray[np.float64] = 1.0 - weight / total[candidates.payment]
    return doubt


def _nothing(
    situation: Situation,
    candidates: Candidates,
    search: Search,
    habits: AmountHabits,
    none: float,
) -> NDArray[np.float64]:
    """Per payment, the weight of "none of the sets looked at": another item, another payer, a set
    nobody searched. 0 for payments without candidates.
    """
    nothing = np.zeros(len(situation), dtype=np.float64)
    some = np.bincount(candidates.payment, minlength=len(situation)).nonzero()[0]
    cash, currency, payer = situation.cash[some], situation.currency[some], situation.payer[some]
    density = habits.density(cash, currency)
    single, _ = habits.recurrence(cash, currency, payer)
    other = (none + situation.payer_doubt[some]) * np.maximum(density, single)
    nothing[some] = other + np.maximum(search.unsearched[some], 0.0) * density
    return nothing


def odds_of_listed(
    situation: Situation,
    payment: NDArray[np.int64],
    candidates: Candidates,
    search: Search,
    habits: AmountHabits,
) -> NDArray[np.float64]:
    """How much more likely each of `payment` has its amount as one that pays a set of items than as
    one that pays nothing listed; 0 where everything was searched and nothing fits.
    """
    count = len(situation)
    found = np.bincount(candidates.payment, weights=candidates.weight, minlength=count)
    weight = found + search.weight
    alike = np.zeros(count, dtype=np.float64)
    np.maximum.at(alike, candidates.payment, _recurrence(situation, candidates, habits))
    cash, currency = situation.cash[payment], situation.currency[payment]
    density = habits.density(cash, currency)
    single, _ = habits.recurrence(cash, currency, situation.payer[payment])
    # A set nobody looked at has any amount at all.
    listed = weight[payment] + np.maximum(search.unsearched[payment], 0.0) * density
    odds: NDArray[np.float64] = listed / np.maximum(np.maximum(density, single), alike[payment])
    return odds


def _recurrence(
    situation: Situation, candidates: Candidates, habits: AmountHabits
) -> NDArray[np.float64]:
    """How likely a payment of nothing listed pays "items of just these amounts, but not these".

    For sets of several items. Next to nothing where amounts do not recur; for list prices and rents
    the main doubt.
    """
    rows = candidates.rows
    payment = candidates.payment[rows.candidate]
    others, own = habits.recurrence(
        rows.cash + rows.discount, situation.currency[payment], situation.payer[payment]
    )
    alike = np.ones(len(candidates), dtype=np.float64)
    # In whatever order they are written: n items are n! orders of the same n amounts.
    place = np.arange(len(rows)) - rows.candidate.searchsorted(rows.candidate, side="left") + 1
    np.multiply.at(alike, rows.candidate, np.maximum(others, own) * place)
    several = candidates.item_count() > 1
    return np.where(several, np.minimum(alike, 1.0), 0.0)


def _distinct(candidates: Candidates) -> tuple[Candidates, NDArray[np.int64]]:
    """One candidate per set of a payment, weights added up, and the key of its amounts."""
    sets, amounts = set_keys(candidates)
    order = np.lexsort((candidates.strategy, sets, candidates.payment))
    head = first_of_runs(candidates.payment[order], sets[order])
    kept = np.zeros(len(candidates), dtype=np.bool_)
    kept[order[head]] = True
    weight = np.zeros(len(candidates), dtype=np.float64)
    weight[order[head]] = np.add.reduceat(candidates.weight[order], head.nonzero()[0])
    return msgspec.structs.replace(candidates, weight=weight).at(kept), amounts[kept]


def _barred(situation: Situation, candidates: Candidates) -> NDArray[np.bool_]:
    """Candidates with an item that is disputed, blocked, or dated after the payment."""
    rows = candidates.rows
    payment = candidates.payment[rows.candidate]
    day = situation.index.document_day[rows.item]
    future = (day != NO_DATE) & (day > situation.pay_day[payment])
    future &= ~situation.rules.future_items[situation.rule[payment]]
    barred = np.zeros(len(candidates), dtype=np.bool_)
    barred[rows.candidate[future | ~situation.payable(rows.item)]] = True
    return barred


def _oldest_of_alike(
    situation: Situation, candidates: Candidates, alike: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Where policy applies interchangeable sets: the one with the oldest items of each payment."""
    allowed = alike & situation.rules.apply_unique_amounts[situation.rule[candidates.payment]]
    chosen = np.zeros(len(candidates), dtype=np.bool_)
    if not np.count_nonzero(allowed):
        return chosen
    due = np.zeros(len(candidates), dtype=np.int64)
    np.add.at(due, candidates.rows.candidate, situation.index.due_day[candidates.rows.item])
    first_item = np.full(len(candidates), np.iinfo(np.int64).max)
    np.minimum.at(first_item, candidates.rows.candidate, candidates.rows.item)
    rows = allowed.nonzero()[0]
    order = rows[np.lexsort((first_item[rows], due[rows], candidates.payment[rows]))]
    chosen[order[first_of_runs(candidates.payment[order])]] = True
    return chosen


def _codes(
    candidates: Candidates, uniqueness: NDArray[np.int64], automatic: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Exception code of each set that is not applied: what keeps it from being certain.

    Two items of the very amount are a closer question than sums that happen to fit as well; one
    total among other sets is only one of several combinations.
    """
    payment = candidates.payment
    count = int(payment.max()) + 1
    single_item = candidates.item_count() == 1
    singles = np.bincount(payment[single_item], minlength=count)[payment]
    any_several = np.bincount(payment[~single_item], minlength=count)[payment] > 0
    totals = (candidates.strategy >= _FIRST_TOTAL) & (candidates.strategy <= _LAST_TOTAL)
    several_totals = np.bincount(payment[totals], minlength=count)[payment] > 1
    code = np.full(len(candidates), code_number("POL-CONFIDENCE"), dtype=np.int64)
    code[uniqueness == NOT_PROVEN] = code_number("AMB-LIMIT")
    code[uniqueness == UNIQUE_AMOUNTS] = code_number("AMB-AMOUNTS")
    code[uniqueness == AMBIGUOUS] = code_number("AMB-COMBO")
    code[(uniqueness == AMBIGUOUS) & several_totals] = code_number("AMB-TOTAL")
    single = is_one_of(uniqueness, (AMBIGUOUS, UNIQUE_AMOUNTS)) & (~any_several | (singles > 1))
    code[single] = code_number("AMB-SINGLE")
    code[automatic] = 0
    return code
