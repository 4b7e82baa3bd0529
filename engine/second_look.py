"""A second look at combinations that would be applied, and at those only a search limit holds back.

What would be applied is weighed against λ, the expected number of accidental sets of as many items
in this very ledger. What is certain enough but was not searched to the end is counted to the end
where few accidents are expected at all: the one set, or one of several, is then proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec
import numpy as np

from engine.accident import CLASS_WEIGHTS
from engine.accidental_sums import expected_accidents
from engine.candidates import AMBIGUOUS, NOT_PROVEN, STRATEGIES, UNIQUE_SET, strategy_code
from engine.exception_codes import code_number
from engine.limits import COUNTED_ITEMS_MAX, PROVEN_ACCIDENTS_MAX, PROVEN_WORK_MAX
from engine.payer_ledgers import lay_out
from engine.segments import expand_ranges, is_one_of, segment_sum
from engine.solution_counts import count_solutions, ways_to_sum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.candidates import Candidates
    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation

__all__ = ["second_look"]

_SIZES = ("pair", "triple", "four")
_SUMS = [strategy_code(name) for name in ("subset_sum", "subset_sum_net", "subset_sum_mixed")]
_ALL_BUT = [strategy_code(name) for name in ("all_but_one", "all_but_two", "all_but_three")]
_WIDTH_STEP = 8


def second_look(
    situation: Situation, candidates: Candidates, contradicted: NDArray[np.bool_], none: float
) -> Candidates:
    """`candidates` with λ in their doubt, and proofs where a count can give one; `none` is the
    weight of "it pays nothing listed".

    Few payments get so far: their ledgers are laid out again, for all of them together.
    """
    if not len(candidates):
        return candidates
    # Everything but a few of a small ledger's items is a sum of few like any other.
    left_out = is_one_of(candidates.strategy, _ALL_BUT)
    left_out &= (candidates.item_count() > 1) & (candidates.item_count() <= len(_SIZES) + 1)
    combined = is_one_of(candidates.strategy, _SUMS) | left_out
    budget = situation.rules.wrong_budget[situation.rule[candidates.payment]]
    limited = (
        combined & ~left_out & (candidates.wrong <= budget) & ~contradicted[candidates.payment]
    )
    limited &= (candidates.uniqueness == NOT_PROVEN) & (candidates.fits == 1)
    limited &= situation.payer[candidates.payment] >= 0
    again = np.zeros(len(situation), dtype=np.bool_)
    again[candidates.payment[limited | (candidates.automatic & combined)]] = True
    if not np.count_nonzero(again):
        return _certain(candidates, candidates.wrong, budget)
    ledgers = lay_out(situation, again.nonzero()[0])
    # With discounts on offer there are more choices than a count of sets covers.
    offers = np.zeros(len(situation), dtype=np.bool_)
    offers[ledgers.payment] = ledgers.views_with(ledgers.discount > 0)[ledgers.view]
    limited &= ~offers[candidates.payment]
    candidates = _proven(situation, ledgers, candidates, limited)
    looked = (candidates.automatic & combined).nonzero()[0]
    expected = _accidents(situation, ledgers, candidates, looked)
    own = _class_weights(candidates, looked)
    wrong = candidates.wrong.copy()
    by_accident = none * expected
    wrong[looked] = np.maximum(wrong[looked], by_accident / (own + by_accident))
    return _certain(candidates, wrong, budget)


def _certain(
    candidates: Candidates, wrong: NDArray[np.float64], budget: NDArray[np.float64]
) -> Candidates:
    """`candidates` with that doubt, automatic only as far as it is within the `budget` of each."""
    automatic = candidates.automatic & (wrong <= budget)
    code = np.where(
        candidates.automatic & ~automatic, code_number("POL-CONFIDENCE"), candidates.code
    )
    return msgspec.structs.replace(candidates, wrong=wrong, automatic=automatic, code=code)


def _class_weights(candidates: Candidates, looked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Prior weight of all sets of as many items as each candidate has; of everything but one, two
    or three items that of this class besides.
    """
    sizes = np.array([*(CLASS_WEIGHTS[name] for name in _SIZES), CLASS_WEIGHTS["more"]])
    weight: NDArray[np.float64] = sizes[
        np.minimum(candidates.item_count()[looked] - 2, len(_SIZES))
    ]
    for code in _ALL_BUT:
        weight[candidates.strategy[looked] == code] += CLASS_WEIGHTS[STRATEGIES[code]]
    return weight


class _Tables(msgspec.Struct, frozen=True):
    """Open amounts that can be part of each payment's sum, side by side."""

    value: NDArray[np.int64]
    begin: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(cls, ledgers: PayerLedgers, payment: NDArray[np.int64], cash: NDArray[np.int64]) -> Self:
        """Of everything open to each of `payment`, gross."""
        problem_of = np.full(int(ledgers.payment.max(initial=-1)) + 1, -1)
        problem_of[ledgers.payment] = np.arange(len(ledgers))
        position, row = ledgers.rows_of(problem_of[payment])
        gross = ledgers.value[row] + ledgers.discount[row]
        credit = -segment_sum(np.minimum(gross, 0), position, len(payment))
        fits = gross <= (cash + credit)[position]
        size = np.bincount(position[fits], minlength=len(payment))
        return cls(gross[fits], size.cumsum() - size, size)

    def by_width(
        self, wanted: NDArray[np.bool_]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The `wanted` payments of about one size, and their amounts as a table, 0 for none."""
        for width in range(_WIDTH_STEP, int(self.size.max(initial=0)) + _WIDTH_STEP, _WIDTH_STEP):
            at = (wanted & (self.size <= width) & (self.size > width - _WIDTH_STEP)).nonzero()[0]
            if len(at):
                table = np.zeros((len(at), width), dtype=np.int64)
                row, place = expand_ranges(self.begin[at], self.begin[at] + self.size[at])
                table[row, place - self.begin[at][row]] = self.value[place]
                yield at, table


def _accidents(
    situation: Situation,
    ledgers: PayerLedgers,
    candidates: Candidates,
    looked: NDArray[np.int64],
) -> NDArray[np.float64]:
    """λ of as many items as each candidate has (of any number beyond four), the candidate itself
    not counted.
    """
    payment = candidates.payment[looked]
    cash = situation.cash[payment]
    tables = _Tables.of(ledgers, payment, cash)
    used = candidates.item_count()[looked]
    expected = np.zeros(len(looked), dtype=np.float64)
    few = len(_SIZES) + 1
    for at, table in tables.by_width(used <= few):
        known = (np.arange(few) == used[at][:, None] - 1).astype(np.int64)
        found = expected_accidents(table, cash[at], few, known)
        expected[at] = found[np.arange(len(at)), used[at] - 1]
    for at, table in tables.by_width(used > few):
        known = np.ones((len(at), 1), dtype=np.int64)
        expected[at] = expected_accidents(table, cash[at], None, known)[:, 0]
    return expected


def _proven(
    situation: Situation,
    ledgers: PayerLedgers,
    candidates: Candidates,
    limited: NDArray[np.bool_],
) -> Candidates:
    """Of the `limited` ones those applied that are the only set at all, by an exact count.

    Counted where few accidental sets of any size are expected: elsewhere there are several anyway.
    """
    at = limited.nonzero()[0]
    payment = candidates.payment[at]
    cash = situation.cash[payment]
    tables = _Tables.of(ledgers, payment, cash)
    uniqueness, automatic = candidates.uniqueness.copy(), candidates.automatic.copy()
    code = candidates.code.copy()
    for several, table in tables.by_width(np.ones(len(at), dtype=np.bool_)):
        expected = expected_accidents(table, cash[several], None)[:, 0]
        for number in several[expected <= PROVEN_ACCIDENTS_MAX].tolist():
            amounts = tables.value[tables.begin[number] :][: tables.size[number]]
            ways = _ways(amounts, int(cash[number]))
            if ways is not None:
                uniqueness[at[number]] = UNIQUE_SET if ways == 1 else AMBIGUOUS
                automatic[at[number]] = ways == 1
                code[at[number]] = 0 if ways == 1 else code_number("AMB-COMBO")
    return msgspec.structs.replace(
        candidates, uniqueness=uniqueness, automatic=automatic, code=code
    )


def _ways(amounts: NDArray[np.int64], target: int) -> int | None:
    """How many sets there are (several is enough), None where that is too much work."""
    if len(amounts) <= COUNTED_ITEMS_MAX:
        return int(count_solutions(amounts[None, :], np.array([target]))[0])
    return ways_to_sum(amounts.tolist(), target, work_max=PROVEN_WORK_MAX)
