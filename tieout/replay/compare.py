"""What one policy did that another did not: per payment, in money, per strategy and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.candidates import STRATEGIES
from engine.segments import first_of_runs
from parsers.result_columns import currency_exponent
from tieout.evaluation.judgement import LEFT, WRONG
from tieout.evaluation.measures import money_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tieout.evaluation.judgement import Judgement
    from tieout.evaluation.run_columns import RunColumns

__all__ = ["CHANGES", "Change", "Comparison", "PeriodScore", "StrategyChange", "compare_arms"]

CHANGES: Final = ("same", "newly automatic", "no longer automatic", "applied otherwise")
"""What became of a payment's automatic applications under the new policy."""

SAME, NEW, LOST, OTHERWISE = range(4)
_JUDGED: Final = ("", "newly right", "no longer right", "newly wrong", "no longer wrong")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one kind of change, and the cash they move on items, before and after."""

    payments: int
    cash_before: dict[str, str]
    cash_after: dict[str, str]


class StrategyChange(msgspec.Struct, frozen=True, kw_only=True):
    """Payments decided by one strategy, under the old policy and the new one."""

    strategy: str
    before: int
    after: int
    newly: int
    no_longer: int


class PeriodScore(msgspec.Struct, frozen=True, kw_only=True):
    """One day or week: payments, decided ones, wrong ones (0 where nobody knows the truth)."""

    first_day: str
    payments: int
    decided_before: int
    decided_after: int
    wrong_before: int
    wrong_after: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What `replay.json` says; keys are only ever added to. `judged` is empty without a truth."""

    schema_version: int = 1
    policy: str
    baseline: str
    period: str
    payments: int
    decided_before: int
    decided_after: int
    cash_before: dict[str, str]
    cash_after: dict[str, str]
    changes: dict[str, Change]
    judged: dict[str, Change]
    wrong_before: int | None
    wrong_after: int | None
    strategies: list[StrategyChange]
    periods: list[PeriodScore]


class _Arm:
    """One policy's decisions, one entry per payment."""

    def __init__(self, runs: RunColumns, judged: Judgement | None) -> None:
        """Gather cash, strategy and verdict of each payment."""
        self.runs = runs
        count = len(runs.amounts)
        rows = np.flatnonzero(runs.automatic)
        owner = runs.row_payment[rows]
        self.cash = np.zeros(count, dtype=np.int64)
        np.add.at(self.cash, owner, runs.row_amounts[rows, 0])
        self.decided = np.bincount(owner, minlength=count) > 0
        strategies = runs.strategy.dictionary_encode()
        codes = strategies.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        names = strategies.dictionary.to_pylist()
        self.strategy = np.full(count, -1)
        number = [STRATEGIES.index(name) if name in STRATEGIES else -1 for name in names]
        self.strategy[owner] = np.array([*number, -1])[codes[rows]]
        self.is_wrong = np.zeros(count, dtype=np.bool_)
        self.is_right = np.zeros(count, dtype=np.bool_)
        if judged is not None:
            at = judged.run_row[judged.run_row >= 0]
            state = judged.state[judged.run_row >= 0]
            self.is_wrong[at] = state == WRONG
            self.is_right[at] = (state != WRONG) & (state != LEFT)


def compare_arms(
    before: tuple[RunColumns, Judgement | None],
    after: tuple[RunColumns, Judgement | None],
    first_day: dict[str, str],
    *,
    policy: str,
    baseline: str,
    period: str,
) -> tuple[Comparison, pa.Table]:
    """The comparison, and one row per payment that changed.

    Both arms hold the same payments in the same order; `first_day` is each payment's period.
    """
    old, new = _Arm(*before), _Arm(*after)
    kind = _kinds(old, new)
    verdict = _verdicts(old, new)
    money = _Money(old.runs)
    everyone = np.ones(len(kind), dtype=np.bool_)
    known = after[1] is not None
    comparison = Comparison(
        policy=policy,
        baseline=baseline,
        period=period,
        payments=len(kind),
        decided_before=int(old.decided.sum()),
        decided_after=int(new.decided.sum()),
        cash_before=money.sums(old.cash, everyone),
        cash_after=money.sums(new.cash, everyone),
        changes={
            name: _change(money, old, new, kind == number)
            for number, name in enumerate(CHANGES)
            if number != SAME
        },
        judged={
            name: _change(money, old, new, verdict == number)
            for number, name in enumerate(_JUDGED)
            if number and known
        },
        wrong_before=int(old.is_wrong.sum()) if known else None,
        wrong_after=int(new.is_wrong.sum()) if known else None,
        strategies=_strategies(old, new),
        periods=_periods(old, new, first_day),
    )
    return comparison, _changed_rows(old, new, kind, verdict, first_day)


def _kinds(old: _Arm, new: _Arm) -> NDArray[np.int64]:
    """What became of each payment: an index into `CHANGES`."""
    kind = np.full(len(old.decided), SAME)
    kind[~old.decided & new.decided] = NEW
    kind[old.decided & ~new.decided] = LOST
    kind[old.decided & new.decided & ~_alike(old.runs, new.runs)] = OTHERWISE
    return kind


def _alike(old: RunColumns, new: RunColumns) -> NDArray[np.bool_]:
    """Payments whose automatic rows put the same amounts on the same items."""
    ids = pa.concat_arrays([old.row_item, new.row_item]).dictionary_encode()
    codes = ids.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    parts = []
    for at, runs, item in (
        (0, old, codes[: len(old.row_item)]),
        (1, new, codes[len(old.row_item) :]),
    ):
        rows = np.flatnonzero(runs.automatic)
        columns = (runs.row_payment[rows], item[rows], *runs.row_amounts[rows].T)
        parts.append(np.stack([*columns, np.full(len(rows), at)], axis=1))
    table = np.concatenate(parts)
    table = table[np.lexsort(table.T[::-1])]
    if not len(table):
        return np.ones(len(old.amounts), dtype=np.bool_)
    head = first_of_runs(*table.T[:-1])
    group = np.cumsum(head) - 1
    lone = np.bincount(group)[group] != 2
    odd = np.zeros(len(old.amounts), dtype=np.bool_)
    odd[table[lone, 0]] = True
    return ~odd


def _verdicts(old: _Arm, new: _Arm) -> NDArray[np.int64]:
    """What the truth says of each payment's change: an index into `_JUDGED`."""
    verdict = np.zeros(len(old.decided), dtype=np.int64)
    verdict[~old.is_right & new.is_right] = 1
    verdict[old.is_right & ~new.is_right & ~new.is_wrong] = 2
    verdict[old.is_wrong & ~new.is_wrong & ~new.is_right] = 4
    verdict[~old.is_wrong & new.is_wrong] = 3
    return verdict


class _Money:
    """Sums per currency."""

    def __init__(self, runs: RunColumns) -> None:
        encoded = runs.text("currency").dictionary_encode()
        self._names = encoded.dictionary.to_pylist()
        self._codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)

    def sums(self, cash: NDArray[np.int64], of: NDArray[np.bool_]) -> dict[str, str]:
        """Sum of `cash` of the payments `of` in each currency that has some."""
        total = np.zeros(len(self._names), dtype=np.int64)
        np.add.at(total, self._codes[of], cash[of])
        return {
            name: money_share(total[at], 0, currency_exponent(name)).part
            for at, name in sorted(enumerate(self._names), key=lambda pair: pair[1])
            if total[at]
        }


def _change(money: _Money, old: _Arm, new: _Arm, of: NDArray[np.bool_]) -> Change:
    return Change(
        payments=int(of.sum()),
        cash_before=money.sums(old.cash, of),
        cash_after=money.sums(new.cash, of),
    )


def _strategies(old: _Arm, new: _Arm) -> list[StrategyChange]:
    found = []
    for number, name in enumerate(STRATEGIES):
        before, after = old.strategy == number, new.strategy == number
        if before.any() or after.any():
            found.append(
                StrategyChange(
                    strategy=name,
                    before=int(before.sum()),
                    after=int(after.sum()),
                    newly=int((after & ~before).sum()),
                    no_longer=int((before & ~after).sum()),
                )
            )
    return found


def _periods(old: _Arm, new: _Arm, first_day: dict[str, str]) -> list[PeriodScore]:
    days = np.array([first_day[one] for one in old.runs.text("payment_id").to_pylist()])
    found = []
    for day in sorted(set(days.tolist())):
        of = days == day
        found.append(
            PeriodScore(
                first_day=day,
                payments=int(of.sum()),
                decided_before=int((of & old.decided).sum()),
                decided_after=int((of & new.decided).sum()),
                wrong_before=int((of & old.is_wrong).sum()),
                wrong_after=int((of & new.is_wrong).sum()),
            )
        )
    return found


def _changed_rows(
    old: _Arm,
    new: _Arm,
    kind: NDArray[np.int64],
    verdict: NDArray[np.int64],
    first_day: dict[str, str],
) -> pa.Table:
    rows = pa.array(np.flatnonzero((kind != SAME) | (verdict > 0)))
    ids = old.runs.text("payment_id").take(rows)
    names = pa.array([*STRATEGIES, ""], pa.string())

    def strategy(arm: _Arm) -> pa.StringArray:
        return names.take(pa.array(arm.strategy % len(names)).take(rows))

    def cash(arm: _Arm) -> pa.Array:
        applied = arm.runs.payments["applied_amount"].combine_chunks()
        return pc.fill_null(applied, 0).take(rows)

    return pa.table(
        {
            "payment_id": ids,
            "first_day": pa.array([first_day[one] for one in ids.to_pylist()], pa.string()),
            "amount": old.runs.payments["amount"].combine_chunks().take(rows),
            "currency": old.runs.text("currency").take(rows),
            "change": pa.array(CHANGES, pa.string()).take(pa.array(kind).take(rows)),
            "judged": pa.array(_JUDGED, pa.string()).take(pa.array(verdict).take(rows)),
            "strategy_before": strategy(old),
            "strategy_after": strategy(new),
            "applied_before": cash(old),
            "applied_after": cash(new),
            "code_before": old.runs.primary.take(rows),
            "code_after": new.runs.primary.take(rows),
        }
    )
