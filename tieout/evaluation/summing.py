"""From one judgement per payment to the figures of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.candidates import STRATEGIES
from engine.exception_codes import CODES
from engine.identify import IDENTIFIED_BY
from engine.limits import PROPOSALS_MAX
from parsers.result_columns import currency_exponent
from tieout.evaluation.confidence import score_confidence
from tieout.evaluation.judgement import LEFT, PART, RIGHT, WRONG
from tieout.evaluation.measures import (
    CodeScore,
    Evaluation,
    IdentifiedScore,
    MoneyShare,
    Precision,
    Proportion,
    RankScore,
    ScenarioScore,
    StraightThrough,
    StrategyScore,
    money_share,
    proportion,
    wrong_rate,
)
from tieout.evaluation.wrong_payments import wrong_payments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.evaluation.determinable import Determinable
    from tieout.evaluation.judgement import Judgement
    from tieout.evaluation.run_columns import RunColumns
    from tieout.evaluation.truth_tables import Truth

__all__ = ["sum_up"]

_DECIDED: Final = 2
"""Buckets that count as decided: the first two, on items and on account."""


def sum_up(
    truth: Truth,
    runs: RunColumns,
    judged: Judgement,
    *,
    names: list[str],
    unconserved: list[str],
    over_applied: list[str],
    families: dict[str, str],
    determinable: Determinable,
) -> Evaluation:
    """Every figure; `families` maps a customer to the head of its family."""
    applied = judged.state != LEFT
    wrong = judged.state == WRONG
    money = _Money(runs, judged)
    everything = np.ones(len(truth), dtype=np.bool_)
    through = _straight_through(runs, judged, money, everything)
    left, clear = determinable.left, determinable.clear
    first_right = int(judged.first_right.sum())
    found = (judged.first_right | determinable.first_alike) & clear
    return Evaluation(
        runs=names,
        payments=len(truth),
        missing=int((judged.run_row < 0).sum()),
        repeated=judged.repeated,
        unconserved=unconserved,
        over_applied=over_applied,
        automatic=proportion(applied.sum(), len(truth)),
        wrong=wrong_rate(wrong.sum(), applied.sum()),
        wrong_by_value=money.share(judged.cash_wrong, judged.cash_applied),
        straight_through_by_payment=through.by_payment,
        straight_through_by_line=through.by_line,
        straight_through_by_value=through.by_value,
        precision=_precision(judged, money, everything),
        codes=proportion(judged.code_right.sum(), judged.code_wanted.sum()),
        codes_left=_codes_left(judged, everything),
        first_proposals=proportion(first_right, first_right + judged.first_wrong.sum()),
        first_of_left=proportion(first_right, left.sum()),
        first_of_determinable=proportion(found.sum(), clear.sum()),
        ranks=_ranks(judged, left),
        strategies=_strategies(runs, judged, money),
        scenarios=_scenarios(truth, runs, judged, money),
        identified_by=_identified(truth, runs, judged, families),
        exception_codes=_exception_codes(judged),
        confidence=score_confidence(judged.sets, len(truth)),
        wrong_payments=wrong_payments(truth, runs, judged),
    )


class _Money:
    """Sums of payments' amounts per currency."""

    def __init__(self, runs: RunColumns, judged: Judgement) -> None:
        """Number the currencies of the payments that were found."""
        encoded = runs.text("currency").dictionary_encode()
        self.names = encoded.dictionary.to_pylist()
        self._of_run = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self._of_truth = self._of_run[judged.run_row]
        self._found = judged.run_row >= 0

    def share(self, part: NDArray[np.int64], whole: NDArray[np.int64]) -> dict[str, MoneyShare]:
        """`part` of `whole` (one entry per payment of the truth) in each currency."""
        parts, wholes = self._sums(part, self._found), self._sums(whole, self._found)
        return {
            name: money_share(parts[at], wholes[at], currency_exponent(name))
            for at, name in sorted(enumerate(self.names), key=lambda pair: pair[1])
        }

    def texts(self, values: NDArray[np.int64], payment: NDArray[np.int64]) -> dict[str, str]:
        """Sum of `values` of payments of the truth in each currency that has any."""
        total = np.zeros(len(self.names), dtype=np.int64)
        np.add.at(total, self._of_truth[payment], values)
        return {
            name: money_share(total[at], 0, currency_exponent(name)).part
            for at, name in sorted(enumerate(self.names), key=lambda pair: pair[1])
            if total[at]
        }

    def _sums(self, values: NDArray[np.int64], found: NDArray[np.bool_]) -> list[int]:
        total = np.zeros(len(self.names), dtype=np.int64)
        np.add.at(total, self._of_truth[found], values[found])
        sums: list[int] = total.tolist()
        return sums


def _straight_through(
    runs: RunColumns, judged: Judgement, money: _Money, among: NDArray[np.bool_]
) -> StraightThrough:
    """What was decided without a clerk of the receivables `among` the payments of the truth."""
    kept = judged.receivable & among
    extra = judged.lines_applied - judged.lines_right
    cash = runs.buckets[:, :_DECIDED].sum(axis=1)[judged.run_row]
    return StraightThrough(
        by_payment=proportion((judged.decided & kept).sum(), kept.sum()),
        by_line=proportion(
            judged.lines_applied[kept].sum(), (judged.lines_true + extra)[kept].sum()
        ),
        by_value=money.share(
            np.where(kept, cash, 0), np.where(kept, runs.amounts[judged.run_row], 0)
        ),
    )


def _precision(judged: Judgement, money: _Money, among: NDArray[np.bool_]) -> Precision:
    """Precision and recall of the payments `among` those of the truth."""
    applied, wrong = (judged.state != LEFT) & among, (judged.state == WRONG) & among
    settles = (judged.lines_true > 0) & among
    whole = judged.state == RIGHT
    right, rows = judged.lines_right[among].sum(), judged.lines_applied[among].sum()
    cash = np.where(among, judged.cash_applied, 0)
    cash_right = np.where(among, judged.cash_applied - judged.cash_wrong, 0)
    return Precision(
        precision_by_payment=proportion((applied & ~wrong).sum(), applied.sum()),
        recall_by_payment=proportion((whole & settles).sum(), settles.sum()),
        precision_by_line=proportion(right, rows),
        recall_by_line=proportion(right, judged.lines_true[among].sum()),
        precision_by_value=money.share(cash_right, cash),
        recall_by_value=money.share(cash_right, np.where(among, judged.cash_true, 0)),
    )


def _codes_left(judged: Judgement, among: NDArray[np.bool_]) -> Proportion:
    open_still = judged.code_wanted & ~judged.decided & among
    return proportion((judged.code_right & open_still).sum(), open_still.sum())


def _codes_told(judged: Judgement, among: NDArray[np.bool_]) -> Proportion:
    raised = pc.not_equal(judged.code, "").to_numpy(zero_copy_only=False)
    told = judged.code_wanted & (raised | ~judged.decided) & among
    return proportion((judged.code_right & told).sum(), told.sum())


def _ranks(judged: Judgement, left: NDArray[np.bool_]) -> list[RankScore]:
    sets = judged.sets
    found = np.zeros(len(left), dtype=np.bool_)
    scores = []
    for rank in range(1, PROPOSALS_MAX + 1):
        of = sets.rank == rank
        hits = of & sets.right
        found[sets.payment[hits]] = True
        if of.any():
            scores.append(
                RankScore(
                    rank=rank,
                    proposals=proportion(hits.sum(), of.sum()),
                    found_by_here=proportion((found & left).sum(), left.sum()),
                )
            )
    return scores


def _strategies(runs: RunColumns, judged: Judgement, money: _Money) -> list[StrategyScore]:
    sets = judged.sets
    scores = []
    for name in _in_order(sets.strategy, STRATEGIES):
        of = pc.equal(sets.strategy, name).to_numpy(zero_copy_only=False)
        decided, first = of & (sets.rank == 0), of & (sets.rank == 1)
        rows = runs.automatic & (judged.row_owner >= 0)
        rows &= pc.equal(runs.strategy, name).to_numpy(zero_copy_only=False)
        right = rows & judged.row_right
        cash = np.abs(runs.row_amounts[:, 0])
        scores.append(
            StrategyScore(
                strategy=name,
                automatic=wrong_rate((decided & ~sets.right).sum(), decided.sum()),
                cash_applied=money.texts(sets.cash[decided], sets.payment[decided]),
                first_proposals=proportion((first & sets.right).sum(), first.sum()),
                straight_through=_part_of_all(runs, judged, money, rows),
                precision_by_line=proportion(right.sum(), rows.sum()),
                precision_by_value=money.share(
                    _per_payment(judged, right, cash), _per_payment(judged, rows, cash)
                ),
                recall_by_line=proportion(right.sum(), judged.lines_true.sum()),
            )
        )
    return scores


def _part_of_all(
    runs: RunColumns, judged: Judgement, money: _Money, rows: NDArray[np.bool_]
) -> StraightThrough:
    """What the automatic `rows` of one strategy decided of all receivables."""
    kept = judged.receivable
    extra = judged.lines_applied - judged.lines_right
    lines = _per_payment(judged, rows, np.ones(len(rows), dtype=np.int64))
    cash = _per_payment(judged, rows, runs.row_amounts[:, 0])
    return StraightThrough(
        by_payment=proportion((judged.decided & kept & (lines > 0)).sum(), kept.sum()),
        by_line=proportion(lines[kept].sum(), (judged.lines_true + extra)[kept].sum()),
        by_value=money.share(
            np.where(kept, cash, 0), np.where(kept, runs.amounts[judged.run_row], 0)
        ),
    )


def _per_payment(
    judged: Judgement, rows: NDArray[np.bool_], values: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sum of the `values` of some application rows per payment of the truth."""
    total = np.zeros(len(judged.run_row), dtype=np.int64)
    np.add.at(total, judged.row_owner[rows], values[rows])
    return total


def _in_order(values: pa.StringArray, order: Sequence[str]) -> list[str]:
    """Distinct `values`: those of `order` in that order, then the others."""
    there = set(values.unique().to_pylist())
    return [name for name in order if name in there] + sorted(there - set(order))


def _scenarios(
    truth: Truth, runs: RunColumns, judged: Judgement, money: _Money
) -> list[ScenarioScore]:
    encoded = truth.scenarios.dictionary_encode()
    number = encoded.indices.to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    scores = []
    for name in sorted(names):
        of = number == names.index(name)
        found = of & (judged.run_row >= 0)
        quiet = found & (judged.state == LEFT)
        codes = judged.code.filter(pa.array(found)).value_counts().to_pylist()
        counts = {one["values"]: one["counts"] for one in codes if one["values"]}
        scores.append(
            ScenarioScore(
                scenario=name,
                payments=int(of.sum()),
                missing=int((of & ~found).sum()),
                right=int((of & (judged.state == RIGHT)).sum()),
                part=int((of & (judged.state == PART)).sum()),
                wrong=int((of & (judged.state == WRONG)).sum()),
                proposal_right=int((of & judged.first_right).sum()),
                proposal_wrong=int((of & judged.first_wrong).sum()),
                left=int((quiet & ~judged.first_right & ~judged.first_wrong).sum()),
                codes=proportion((of & judged.code_right).sum(), (of & judged.code_wanted).sum()),
                codes_left=_codes_left(judged, of),
                codes_told=_codes_told(judged, of),
                primary_codes=dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))),
                straight_through=_straight_through(runs, judged, money, of),
                precision=_precision(judged, money, of),
            )
        )
    return scores


def _identified(
    truth: Truth, runs: RunColumns, judged: Judgement, families: dict[str, str]
) -> list[IdentifiedScore]:
    """Payers by the evidence that found them; only payments whose customer the truth knows."""
    known = np.flatnonzero(
        (judged.run_row >= 0) & pc.not_equal(truth.customers, "").to_numpy(zero_copy_only=False)
    )
    row = pa.array(judged.run_row[known])
    kinds = runs.text("identified_by").take(row)
    wanted = truth.customers.take(pa.array(known))
    got = runs.text("customer_id").take(row)
    right = pc.equal(wanted, got).to_numpy(zero_copy_only=False)
    head = pa.array(list(families), pa.string())
    heads = pa.array(list(families.values()), pa.string())

    def of_family(customers: pa.StringArray) -> pa.StringArray:
        return pc.coalesce(heads.take(pc.index_in(customers, value_set=head)), customers)

    same = pc.equal(of_family(wanted), of_family(got)).to_numpy(zero_copy_only=False) & ~right
    nobody = pc.equal(got, "").to_numpy(zero_copy_only=False)
    confidence = pc.fill_null(runs.payments["identification_confidence"], 0.0).to_numpy()
    scores = []
    for kind in _in_order(kinds, IDENTIFIED_BY):
        of = pc.equal(kinds, kind).to_numpy(zero_copy_only=False) & ~nobody
        if not of.any():
            continue
        scores.append(
            IdentifiedScore(
                identified_by=kind,
                payments=int(of.sum()),
                right=int((of & right).sum()),
                family=int((of & same).sum()),
                wrong=int((of & ~right & ~same).sum()),
                stated_confidence=round(float(confidence[judged.run_row[known]][of].mean()), 6),
            )
        )
    if nobody.any():
        scores.append(
            IdentifiedScore(
                identified_by="",
                payments=int(nobody.sum()),
                right=0,
                family=0,
                wrong=0,
                stated_confidence=None,
            )
        )
    return scores


def _exception_codes(judged: Judgement) -> list[CodeScore]:
    scores = []
    for code in _in_order(judged.code, CODES):
        if not code:
            continue
        of = pc.equal(judged.code, code).to_numpy(zero_copy_only=False)
        wanted = of & judged.code_wanted
        scores.append(
            CodeScore(
                code=code,
                payments=int(of.sum()),
                acceptable=proportion((wanted & judged.code_right).sum(), wanted.sum()),
            )
        )
    return scores
