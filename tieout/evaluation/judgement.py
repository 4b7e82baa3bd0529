"""Each payment of the truth beside what runs did with it, and each set of items they put forward.

Right means: the same items with the same cash, and no discount, write-off or deduction beyond what
the truth knows. Leaving a difference open is right; booking one that is not there, or more of it,
is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray  # noqa: TC002 - msgspec reads the annotations

from engine.segments import first_of_runs
from tieout.evaluation.truth_matching import keys_of_payments, payments_of_keys
from tieout.exit_codes import RunDirectoryError

if TYPE_CHECKING:
    from tieout.evaluation.run_columns import RunColumns
    from tieout.evaluation.truth_tables import Truth

__all__ = ["LEFT", "PART", "RIGHT", "WRONG", "CandidateSets", "Judgement", "judge"]

LEFT, RIGHT, PART, WRONG = range(4)
"""What was applied automatically: nothing, all of it rightly, part of it rightly, some wrongly."""

_NO_RECEIVABLE: Final = "IN-NONAR|IN-DUPPAY|IN-DUPFILE|RET-"
_NO_STATUS: Final = ("non_ar", "returned", "reversed")


class CandidateSets(msgspec.Struct, frozen=True, kw_only=True):
    """Sets of items put forward for a payment: decided (rank 0) or proposed (rank from 1).

    payment: row of the truth; cash: what the set puts on items (10⁻⁴); right: see module; withheld:
    proposed only because of shadow mode or a precision ledger.
    """

    payment: NDArray[np.int64]
    rank: NDArray[np.int64]
    strategy: pa.StringArray
    uniqueness: pa.StringArray
    confidence: NDArray[np.float64]
    doubt_ppm: NDArray[np.int64]
    withheld: NDArray[np.bool_]
    cash: NDArray[np.int64]
    right: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of sets."""
        return len(self.payment)


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One entry per payment of the truth; amounts in 10⁻⁴ major units.

    run_row: the payment's row in the runs, −1 where it is missing; state: one of `LEFT`, `RIGHT`,
    `PART`, `WRONG`; receivable: counts in straight-through rates; decided: whole amount on items or
    on account; first_right, first_wrong: nothing automatic, and the proposal ranked first is (not)
    the truth; lines: rows of the truth, rows applied, and those of them that are right.

    One entry per application row of the runs: its payment's row in the truth (−1 where it is of
    none), and whether it was applied automatically and rightly.
    """

    run_row: NDArray[np.int64]
    repeated: int
    state: NDArray[np.int64]
    receivable: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    first_right: NDArray[np.bool_]
    first_wrong: NDArray[np.bool_]
    code: pa.StringArray
    code_wanted: NDArray[np.bool_]
    code_right: NDArray[np.bool_]
    lines_true: NDArray[np.int64]
    lines_applied: NDArray[np.int64]
    lines_right: NDArray[np.int64]
    cash_true: NDArray[np.int64]
    cash_applied: NDArray[np.int64]
    cash_wrong: NDArray[np.int64]
    row_owner: NDArray[np.int64]
    row_right: NDArray[np.bool_]
    sets: CandidateSets


def judge(truth: Truth, runs: RunColumns) -> Judgement:
    """Compare `runs` with `truth`; raises `RunDirectoryError` where they share no payment."""
    truth_row, run_row, repeated = _match_payments(truth, runs)
    if not (run_row >= 0).any():
        message = "the runs hold no payment of the truth: its keys are none of their references"
        raise RunDirectoryError(message)
    count = len(truth)
    owner = truth_row[runs.row_payment]
    cells = _Cells.of(truth, runs, owner)
    applied = cells.applied
    cash = np.abs(applied.amounts[:, 0])
    lines_applied = np.bincount(applied.payment, minlength=count)
    lines_wrong = np.bincount(applied.payment[~applied.right], minlength=count)
    lines_true = np.bincount(truth.line_payment, minlength=count)
    state = np.full(count, LEFT)
    state[lines_applied > 0] = PART
    state[(lines_applied > 0) & (lines_applied == lines_true)] = RIGHT
    state[lines_wrong > 0] = WRONG
    sets = _candidate_sets(runs, owner, cells, lines_true)
    first = np.zeros((count, 2), dtype=np.bool_)
    nothing = (state[sets.payment] == LEFT) & (sets.rank == 1)
    first[sets.payment[nothing], sets.right[nothing].astype(np.int64)] = True
    code, wanted, code_right = _codes(truth, runs, run_row)
    decided_cash = runs.buckets[:, 0] + runs.buckets[:, 1]
    present = run_row >= 0
    return Judgement(
        run_row=run_row,
        repeated=repeated,
        state=state,
        receivable=present & _receivable(truth, runs, run_row, lines_true),
        decided=present & (decided_cash == runs.amounts)[run_row],
        first_right=first[:, 1],
        first_wrong=first[:, 0],
        code=code,
        code_wanted=wanted & present,
        code_right=code_right & present,
        lines_true=lines_true,
        lines_applied=lines_applied,
        lines_right=lines_applied - lines_wrong,
        cash_true=_sum(np.abs(truth.line_amounts[:, 0]), truth.line_payment, count),
        cash_applied=_sum(cash, applied.payment, count),
        cash_wrong=_sum(np.where(applied.right, 0, cash), applied.payment, count),
        row_owner=owner,
        row_right=runs.automatic
        & (owner >= 0)
        & np.isin(cells.row_key, applied.key[applied.right]),
        sets=sets,
    )


def _sum(values: NDArray[np.int64], segment: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, segment, values)
    return total


def _match_payments(
    truth: Truth, runs: RunColumns
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Truth row of each payment, payment row of each truth row, and payments that share a key."""
    row = keys_of_payments(truth.keys, runs.text)
    of_truth = payments_of_keys(truth.keys, runs.text)
    found = of_truth >= 0
    kept = np.full(len(row), -1)
    kept[of_truth[found]] = np.flatnonzero(found)
    return kept, of_truth, int((row >= 0).sum() - found.sum())


class _Applied(msgspec.Struct, frozen=True):
    """Automatic amounts per payment and item, and whether the truth has them so."""

    payment: NDArray[np.int64]
    key: NDArray[np.int64]
    amounts: NDArray[np.int64]
    right: NDArray[np.bool_]


class _Cells(msgspec.Struct, frozen=True):
    """Payment × item as one integer: of the truth's lines (sorted), of every application row."""

    true_key: NDArray[np.int64]
    true_amounts: NDArray[np.int64]
    row_key: NDArray[np.int64]
    applied: _Applied

    @classmethod
    def of(cls, truth: Truth, runs: RunColumns, owner: NDArray[np.int64]) -> _Cells:
        """Number the items of both sides alike and sum what stands in one cell."""
        items = pa.concat_arrays([truth.line_item, runs.row_item]).dictionary_encode()
        codes = items.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        width = max(len(items.dictionary), 1)
        lines = len(truth.line_item)
        true_key, true_amounts = _summed(
            truth.line_payment * width + codes[:lines], truth.line_amounts
        )
        row_key = owner * width + codes[lines:]
        automatic = runs.automatic & (owner >= 0)
        key, amounts = _summed(row_key[automatic], runs.row_amounts[automatic])
        known, true = _lookup(true_key, true_amounts, key)
        cash, discount, deduction, write_off = amounts.T
        right = known & (cash == true[:, 0]) & ((discount == 0) | (discount == true[:, 1]))
        right &= np.abs(deduction) <= np.abs(true[:, 2])
        right &= np.abs(write_off) <= np.abs(true[:, 3])
        return cls(true_key, true_amounts, row_key, _Applied(key // width, key, amounts, right))


def _summed(
    key: NDArray[np.int64], amounts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct keys in order, and the sums of their rows."""
    if not len(key):
        return key, amounts
    order = np.argsort(key, kind="stable")
    head = np.flatnonzero(first_of_runs(key[order]))
    return key[order][head], np.add.reduceat(amounts[order], head, axis=0)


def _lookup(
    keys: NDArray[np.int64], values: NDArray[np.int64], wanted: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each of `wanted` is among the sorted `keys`, and its values (0 where not)."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.bool_), np.zeros((len(wanted), 4), dtype=np.int64)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    known = keys[at] == wanted
    return known, np.where(known[:, None], values[at], 0)


def _candidate_sets(
    runs: RunColumns,
    owner: NDArray[np.int64],
    cells: _Cells,
    lines_true: NDArray[np.int64],
) -> CandidateSets:
    """Group application rows to sets; a decided set is right where none of its rows is wrong, a
    proposed one where it is exactly what the truth has and nothing automatic has settled.
    """
    rows = np.flatnonzero(owner >= 0)
    strategies = runs.strategy.dictionary_encode()
    strategy = strategies.indices.to_numpy(zero_copy_only=False)[rows]
    rank = np.where(runs.automatic[rows], 0, runs.rank[rows])
    order = np.lexsort((strategy, rank, owner[rows]))
    rows, rank, strategy = rows[order], rank[order], strategy[order]
    payment = owner[rows]
    first = first_of_runs(payment, rank, strategy) if len(rows) else np.empty(0, dtype=np.bool_)
    head = np.flatnonzero(first)
    of_set = np.cumsum(first) - 1
    known, applied = _lookup(cells.applied.key, cells.applied.amounts, cells.row_key[rows])
    good_key = cells.applied.key[cells.applied.right]
    good = np.isin(cells.row_key[rows], good_key)
    done = np.bincount(cells.applied.payment[cells.applied.right], minlength=len(lines_true))
    in_truth, true = _lookup(cells.true_key, cells.true_amounts, cells.row_key[rows])
    cash = runs.row_amounts[rows, 0]
    proposed = in_truth & (cash == true[:, 0]) & ~(known & (applied[:, 0] != 0))
    fits = np.where(rank == 0, good, proposed)
    size = np.bincount(of_set, minlength=len(head))
    fitting = np.bincount(of_set[fits], minlength=len(head))
    whole = (rank[head] == 0) | (size == (lines_true - done)[payment[head]])
    at = pa.array(rows[head])
    return CandidateSets(
        payment=payment[head],
        rank=rank[head],
        strategy=runs.strategy.take(at),
        uniqueness=runs.uniqueness.take(at),
        confidence=runs.confidence[rows[head]],
        doubt_ppm=runs.doubt_ppm[rows[head]],
        withheld=runs.withheld[rows[head]],
        cash=_sum(np.abs(cash), of_set, len(head)),
        right=(fitting == size) & whole,
    )


def _codes(
    truth: Truth, runs: RunColumns, run_row: NDArray[np.int64]
) -> tuple[pa.StringArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Primary code of each payment, whether the truth names acceptable ones, whether it is one."""
    codes = pa.concat_arrays([runs.primary, pa.array([""], pa.string())])
    code = codes.take(pa.array(np.where(run_row < 0, len(runs.primary), run_row)))
    listed = pc.binary_join_element_wise(";", truth.codes, ";", "")
    wanted = pc.not_equal(truth.codes, "").to_numpy(zero_copy_only=False)
    # ";a;b;" holds ";a;"; without an exception ";;" must be there: an empty code is acceptable.
    places = pc.binary_join_element_wise(";", code, ";", "").to_pylist()
    right = [said in of for said, of in zip(places, listed.to_pylist(), strict=True)]
    return code, wanted, wanted & np.array(right, dtype=np.bool_)


def _receivable(
    truth: Truth, runs: RunColumns, run_row: NDArray[np.int64], lines_true: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Payments of straight-through rates: no income of other kinds, no return, no repetition."""
    other = pc.match_substring_regex(truth.codes, _NO_RECEIVABLE).to_numpy(zero_copy_only=False)
    status = pc.is_in(runs.text("status"), value_set=pa.array(_NO_STATUS))
    back = status.to_numpy(zero_copy_only=False)[run_row] & (lines_true == 0)
    credit = (runs.amounts > 0)[run_row]
    receivable: NDArray[np.bool_] = ~(other & (lines_true == 0)) & ~back & credit
    return receivable
