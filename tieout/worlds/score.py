"""Compares a run directory with the truth of a world; shares no code with the engine.

Right means: the same items with the same cash, and no discount, write-off or deduction beyond what
the truth knows. Conservation and over-application are recomputed from the run's own files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.worlds.score_tables import TruthPayment, load_run, load_truth

if TYPE_CHECKING:
    from tieout.worlds.score_tables import RunRows, TruthRows

__all__ = ["ScenarioScore", "Score", "WrongApplication", "score_run"]

_BUCKETS: Final = (
    "applied_amount",
    "on_account_amount",
    "unapplied_amount",
    "unidentified_amount",
    "suspense_amount",
    "non_ar_amount",
    "refund_amount",
    "returned_amount",
)
_NOT_RECEIVABLE: Final = ("not_receivable", "paid_twice_second", "repeat_of_paid")
_DECIDED: Final = ("applied_amount", "on_account_amount")


class WrongApplication(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of which something was applied automatically that the truth does not have.

    `wanted` and `got` map open item ids to minor units of 10⁻⁴ of the currency.
    """

    key: str
    payment_id: str
    scenario: str
    wanted: dict[str, int]
    got: dict[str, int]


class ScenarioScore(msgspec.Struct, kw_only=True):
    """Counts of payments of one scenario (or of all).

    `right_automatic`: every item and amount as in the truth. `part_automatic`: what was applied is
    right but not everything. `first_proposal_right`: nothing automatic, the proposal ranked first
    is the truth. `code_wanted` and `code_right`: payments whose truth names acceptable primary
    codes, and those that got one of them.
    """

    payments: int = 0
    missing: int = 0
    right_automatic: int = 0
    part_automatic: int = 0
    wrong_automatic: int = 0
    first_proposal_right: int = 0
    first_proposal_wrong: int = 0
    left: int = 0
    code_wanted: int = 0
    code_right: int = 0
    first_codes: dict[str, int] = {}


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How a run did against the truth; shares are between 0 and 1.

    Automatic shares leave out what is no receivable (as the contract's straight-through rate does).
    `wrong_rate` is wrong payments ÷ payments with anything automatic, `wrong_value_rate` the same
    by cash. `undecidable_count` payments were made so that no careful engine decides them alone;
    `ambiguous_automatic` were decided although several readings of their amount fit.
    """

    payment_count: int
    automatic_by_payment: float
    automatic_by_line: float
    automatic_by_value: float
    automatic_count: int
    wrong_count: int
    wrong_rate: float
    wrong_value_rate: float
    ambiguous_automatic: int
    undecidable_count: int
    missing_payments: int
    repeated_keys: int
    unconserved_payments: tuple[str, ...]
    over_applied_items: tuple[str, ...]
    code_right_share: float
    first_proposal_right_share: float
    total: ScenarioScore
    scenarios: dict[str, ScenarioScore]
    wrong: tuple[WrongApplication, ...]

    @property
    def is_sound(self) -> bool:
        """Every cent accounted for, no item over-applied, no payment lost or doubled."""
        return not (
            self.unconserved_payments
            or self.over_applied_items
            or self.missing_payments
            or self.repeated_keys
        )


class _Tally(msgspec.Struct):
    """Running sums while payments are judged; amounts in 10⁻⁴ major units."""

    scenarios: dict[str, ScenarioScore]
    wrong: list[WrongApplication]
    unconserved: list[str]
    receivables: int = 0
    decided: int = 0
    cash: int = 0
    cash_decided: int = 0
    cash_applied: int = 0
    cash_wrong: int = 0
    automatic: int = 0
    ambiguous: int = 0


def score_run(world_dir: str | Path, run_dir: str | Path) -> Score:
    """Score the run in `run_dir` against the world in `world_dir`.

    Reads `payments`, `applications`, `exceptions` (Parquet, CSV or JSONL) of the run and `truth`,
    `truth_payments`, `open_items` of the world. Raises `FileNotFoundError` where one is absent.
    """
    truth = load_truth(Path(world_dir))
    run = load_run(Path(run_dir))
    tally = _Tally(scenarios={}, wrong=[], unconserved=[])
    for payment in truth.payments:
        _judge(payment, truth, run, tally)
    return _summed(truth, run, tally)


def _judge(payment: TruthPayment, truth: TruthRows, run: RunRows, tally: _Tally) -> None:
    """Compare one payment of the truth with what the run says about it."""
    score = tally.scenarios.setdefault(payment.scenario, ScenarioScore())
    score.payments += 1
    row = run.payments.get(payment.key)
    if row is None or row["amount"] != payment.amount:
        score.missing += 1
        return
    payment_id = row["payment_id"]
    applied = run.automatic.get(payment_id, {})
    got = {item: amounts[0] for item, amounts in applied.items()}
    in_buckets, applied_cash = sum(row[name] for name in _BUCKETS), sum(got.values())
    if in_buckets != row["amount"] or applied_cash != row["applied_amount"]:
        tally.unconserved.append(payment_id)
    wanted = {item: amounts[0] for item, amounts in truth.lines.get(payment.key, {}).items()}
    if payment.scenario not in _NOT_RECEIVABLE:
        tally.receivables += 1
        tally.decided += sum(row[name] for name in _DECIDED) == row["amount"]
        tally.cash += row["amount"]
        tally.cash_decided += sum(row[name] for name in _DECIDED)
    _judge_code(payment, run.codes.get(payment_id, ""), score)
    if not got:
        _judge_proposal(wanted, run.first_proposals.get(payment_id, {}), score)
        return
    bad = _wrong_items(applied, truth.lines.get(payment.key, {}))
    tally.automatic += 1
    tally.cash_applied += sum(map(abs, got.values()))
    tally.cash_wrong += sum(abs(got[item]) for item in bad)
    tally.ambiguous += _is_ambiguous(payment)
    if bad:
        score.wrong_automatic += 1
        tally.wrong.append(
            WrongApplication(
                key=payment.key,
                payment_id=payment_id,
                scenario=payment.scenario,
                wanted=wanted,
                got=got,
            )
        )
    elif got == wanted:
        score.right_automatic += 1
    else:
        score.part_automatic += 1


def _is_ambiguous(payment: TruthPayment) -> bool:
    """Whether nothing but an amount speaks for the items, and it fits others as well."""
    by_amount = not payment.scenario.startswith("ref_")
    return by_amount and payment.expect == "exception" and payment.codes[0].startswith("AMB-")


def _wrong_items(
    applied: dict[str, tuple[int, int, int, int]], wanted: dict[str, tuple[int, int, int, int]]
) -> list[str]:
    """Items applied automatically that the truth does not have so.

    Amounts are (cash, discount, deduction, write-off). Leaving a difference open is right; booking
    one that is not there, or more of it, is wrong.
    """
    bad = []
    for item, (cash, discount, deduction, write_off) in applied.items():
        true_cash, true_discount, true_deduction, true_write_off = wanted.get(item, (0, 0, 0, 0))
        if (
            cash != true_cash
            or discount not in (0, true_discount)
            or abs(deduction) > abs(true_deduction)
            or abs(write_off) > abs(true_write_off)
        ):
            bad.append(item)
    return bad


def _judge_code(payment: TruthPayment, first: str, score: ScenarioScore) -> None:
    if first:
        score.first_codes[first] = score.first_codes.get(first, 0) + 1
    if any(payment.codes):
        score.code_wanted += 1
        score.code_right += first in payment.codes


def _judge_proposal(wanted: dict[str, int], best: dict[str, int], score: ScenarioScore) -> None:
    if not best:
        score.left += 1
    elif best == wanted:
        score.first_proposal_right += 1
    else:
        score.first_proposal_wrong += 1


def _summed(truth: TruthRows, run: RunRows, tally: _Tally) -> Score:
    total = _total(tally.scenarios)
    proposed = total.first_proposal_right + total.first_proposal_wrong
    rows = run.automatic_rows + run.open_rows
    return Score(
        payment_count=len(truth.payments),
        automatic_by_payment=_share(tally.decided, tally.receivables),
        automatic_by_line=_share(run.automatic_rows, rows),
        automatic_by_value=_share(tally.cash_decided, tally.cash),
        automatic_count=tally.automatic,
        wrong_count=len(tally.wrong),
        wrong_rate=_share(len(tally.wrong), tally.automatic),
        wrong_value_rate=_share(tally.cash_wrong, tally.cash_applied),
        ambiguous_automatic=tally.ambiguous,
        undecidable_count=sum(one.expect == "exception" for one in truth.payments),
        missing_payments=total.missing,
        repeated_keys=run.repeated_keys,
        unconserved_payments=tuple(tally.unconserved),
        over_applied_items=tuple(_over_applied(truth.open_amounts, run)),
        code_right_share=_share(total.code_right, total.code_wanted),
        first_proposal_right_share=_share(total.first_proposal_right, proposed),
        total=total,
        scenarios=dict(sorted(tally.scenarios.items())),
        wrong=tuple(tally.wrong),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _total(scenarios: dict[str, ScenarioScore]) -> ScenarioScore:
    total = ScenarioScore()
    codes: Counter[str] = Counter()
    for score in scenarios.values():
        codes.update(score.first_codes)
        for name in ScenarioScore.__struct_fields__[:-1]:
            setattr(total, name, getattr(total, name) + getattr(score, name))
    total.first_codes = dict(sorted(codes.items()))
    return total


def _over_applied(open_amounts: dict[str, int], run: RunRows) -> list[str]:
    """Items with more booked than was open, or with the wrong sign, or that nobody knows."""
    booked: defaultdict[str, int] = defaultdict(int)
    for applied in run.automatic.values():
        for item, amounts in applied.items():
            booked[item] += sum(amounts)
    found: list[str] = []
    for item, amount in sorted(booked.items()):
        open_amount: Any = open_amounts.get(item)
        if open_amount is None or abs(amount) > abs(open_amount) or amount * open_amount < 0:
            found.append(item)
    return found
