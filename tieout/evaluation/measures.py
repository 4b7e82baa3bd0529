"""What an evaluation says, as one record: every figure with what it was counted from.

Shares carry the interval their sample allows; a rate of wrong applications carries the bound it is
below with 95 % certainty, because "none of 300" is no proof of 1 in 10,000.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from engine.binomial_bounds import rate_at_most, wilson_interval

__all__ = [
    "Bin",
    "CodeScore",
    "ConfidenceScore",
    "CurvePoint",
    "Evaluation",
    "IdentifiedScore",
    "MoneyShare",
    "Precision",
    "Proportion",
    "RankScore",
    "ScenarioScore",
    "StraightThrough",
    "StrategyScore",
    "WrongPayment",
    "WrongRate",
    "money_share",
    "proportion",
    "wrong_rate",
]

_PLACES: Final = 6


class Proportion(msgspec.Struct, frozen=True):
    """`hits` of `total`; `low` to `high` is its Wilson interval (95 %); rate null for 0 of 0."""

    hits: int
    total: int
    rate: float | None
    low: float
    high: float


class WrongRate(msgspec.Struct, frozen=True):
    """Wrong ones of those applied automatically.

    `at_most`: the true rate is below it with 95 % certainty (Clopper–Pearson, one-sided).
    """

    hits: int
    total: int
    rate: float | None
    at_most: float


class MoneyShare(msgspec.Struct, frozen=True):
    """Money of one currency as decimal text, and its share."""

    part: str
    whole: str
    rate: float | None


class Precision(msgspec.Struct, frozen=True, kw_only=True):
    """Precision: right ones of those applied. Recall: those applied rightly of all there are.

    by_payment: payments applied without a wrong row, of payments applied; payments applied whole
    and rightly, of payments that settle items. by_line: rows. by_value: cash, per currency.
    """

    precision_by_payment: Proportion
    recall_by_payment: Proportion
    precision_by_line: Proportion
    recall_by_line: Proportion
    precision_by_value: dict[str, MoneyShare]
    recall_by_value: dict[str, MoneyShare]


class StraightThrough(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided without a clerk, over payments that are receivables.

    by_payment: payments decided whole, on items or on account; by_line: automatic rows of all rows
    of the truth and wrong ones; by_value: decided cash of all cash, per currency.
    """

    by_payment: Proportion
    by_line: Proportion
    by_value: dict[str, MoneyShare]


class StrategyScore(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy: what it decided and how much of it was wrong, what it proposed first.

    straight_through: its part of all receivables; a payment that two strategies decided together
    counts for both, one that went on account whole for none. Precision: its rows, and their cash,
    that are right; recall: its right rows of all rows of the truth.
    """

    strategy: str
    automatic: WrongRate
    cash_applied: dict[str, str]
    first_proposals: Proportion
    straight_through: StraightThrough
    precision_by_line: Proportion
    precision_by_value: dict[str, MoneyShare]
    recall_by_line: Proportion


class ScenarioScore(msgspec.Struct, frozen=True, kw_only=True):
    """Payments of one scenario. `codes`: acceptable primary codes among payments that name some;
    `codes_left`: the same among those that were not decided whole; `codes_told`: among those and
    the decided ones of which a code was raised beside.
    """

    scenario: str
    payments: int
    missing: int
    right: int
    part: int
    wrong: int
    proposal_right: int
    proposal_wrong: int
    left: int
    codes: Proportion
    codes_left: Proportion
    codes_told: Proportion
    primary_codes: dict[str, int]
    straight_through: StraightThrough
    precision: Precision


class IdentifiedScore(msgspec.Struct, frozen=True, kw_only=True):
    """Payers found by one kind of evidence: right customer, another of the family, a wrong one."""

    identified_by: str
    payments: int
    right: int
    family: int
    wrong: int
    stated_confidence: float | None


class CodeScore(msgspec.Struct, frozen=True, kw_only=True):
    """A primary exception code: how often raised, how often among the acceptable ones."""

    code: str
    payments: int
    acceptable: Proportion


class RankScore(msgspec.Struct, frozen=True, kw_only=True):
    """Proposals of one rank; `found_by_here`: payments whose truth is among ranks 1 to this."""

    rank: int
    proposals: Proportion
    found_by_here: Proportion


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Sets whose confidence lies in [from_confidence, to_confidence): stated, and observed."""

    from_confidence: float
    to_confidence: float
    stated: float
    observed: Proportion


class CurvePoint(msgspec.Struct, frozen=True):
    """Taking every payment whose best set has at least this confidence."""

    threshold: float
    coverage: float
    precision: float
    wrong: int


class ConfidenceScore(msgspec.Struct, frozen=True, kw_only=True):
    """How honest confidence is, over decided sets and proposals of every rank.

    `expected_error`: expected calibration error, the mean distance between stated and observed over
    `bins`, weighed by their sets. `brier`: mean squared error. Both 0 where confidence is perfect.
    """

    sets: int
    expected_error: float
    expected_error_by_rank: dict[str, float]
    brier: float
    bins: list[Bin]
    curve: list[CurvePoint]


class WrongPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of which something was applied that the truth does not have; amounts as text."""

    key: str
    payment_id: str
    scenario: str
    strategy: str
    confidence: float
    wanted: dict[str, str]
    got: dict[str, str]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What `evaluation.json` says; keys are only ever added to.

    first_proposals: right ones of those proposed first; first_of_left: of every payment left with
    items to settle; first_of_determinable: of those whose truth is the only answer
    (`tieout.evaluation.determinable`).
    """

    schema_version: int = 1
    runs: list[str]
    payments: int
    missing: int
    repeated: int
    unconserved: list[str]
    over_applied: list[str]
    automatic: Proportion
    wrong: WrongRate
    wrong_by_value: dict[str, MoneyShare]
    straight_through_by_payment: Proportion
    straight_through_by_line: Proportion
    straight_through_by_value: dict[str, MoneyShare]
    precision: Precision
    codes: Proportion
    codes_left: Proportion
    first_proposals: Proportion
    first_of_left: Proportion
    first_of_determinable: Proportion
    ranks: list[RankScore]
    strategies: list[StrategyScore]
    scenarios: list[ScenarioScore]
    identified_by: list[IdentifiedScore]
    exception_codes: list[CodeScore]
    confidence: ConfidenceScore
    wrong_payments: list[WrongPayment]

    @property
    def is_sound(self) -> bool:
        """Every cent accounted for, no item over-applied, no payment counted twice."""
        return not (self.unconserved or self.over_applied or self.repeated)


def proportion(hits: int, total: int) -> Proportion:
    """`hits` of `total` with its interval."""
    hits, total = int(hits), int(total)
    low, high = wilson_interval(hits, total)
    rate = round(hits / total, _PLACES) if total else None
    return Proportion(hits, total, rate, round(low, _PLACES), round(high, _PLACES))


def wrong_rate(hits: int, total: int) -> WrongRate:
    """`hits` wrong ones of `total` with the bound they allow."""
    hits, total = int(hits), int(total)
    rate = round(hits / total, 8) if total else None
    return WrongRate(hits, total, rate, round(rate_at_most(hits, total), 8))


def money_share(part: int, whole: int, places: int) -> MoneyShare:
    """Amounts in 10⁻⁴ major units of a currency with `places` decimals, and their share."""
    rate = round(float(Decimal(int(part)) / Decimal(int(whole))), _PLACES) if whole else None
    return MoneyShare(_text(part, places), _text(whole, places), rate)


def _text(amount: int, places: int) -> str:
    exact = Decimal(int(amount)).scaleb(-4)
    return f"{exact.quantize(Decimal(1).scaleb(-places)):f}"
