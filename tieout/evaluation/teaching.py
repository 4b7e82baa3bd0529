"""What outcomes teach: each strategy's record by a budget, and how honest confidence is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from engine.binomial_bounds import rate_at_least, rate_at_most
from tieout.evaluation.confidence import score_confidence
from tieout.evaluation.measures import Bin  # noqa: TC001 - msgspec reads the annotation
from tieout.evaluation.outcomes import precision_of
from tieout.reports.figures import odds, percent
from tieout.reports.text_table import text_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.evaluation.judgement import CandidateSets

__all__ = ["StrategyVerdict", "Teaching", "teaching_of", "teaching_text"]

Verdict = Literal["demoted", "open", "proven"]
"""`demoted`: proven worse than the budget; `proven`: within it; `open`: neither yet."""


class StrategyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of a strategy that turned out right and wrong; the wrong rate is, each with 95 %
    certainty, at least and at most so much.
    """

    strategy: str
    right: int
    wrong: int
    wrong_at_least: float
    wrong_at_most: float
    verdict: Verdict


class Teaching(msgspec.Struct, frozen=True, kw_only=True):
    """What outcomes say. `bins` compare stated confidence with the share that was right."""

    sets: int
    payments: int
    wrong_budget: float
    strategies: list[StrategyVerdict]
    expected_error: float
    bins: list[Bin]


def teaching_of(sets: CandidateSets, wrong_budget: float) -> Teaching:
    """The figures of `sets`; verdicts by `wrong_budget`, as the policy's default gives them."""
    payments = int(sets.payment.max(initial=-1)) + 1
    score = score_confidence(sets, max(payments, 1))
    return Teaching(
        sets=len(sets),
        payments=payments,
        wrong_budget=wrong_budget,
        strategies=[
            _verdict(one.strategy, one.right, one.wrong, wrong_budget)
            for one in precision_of(sets, "").records
        ],
        expected_error=score.expected_error,
        bins=score.bins,
    )


def _verdict(strategy: str, right: int, wrong: int, budget: float) -> StrategyVerdict:
    least, most = rate_at_least(wrong, right + wrong), rate_at_most(wrong, right + wrong)
    return StrategyVerdict(
        strategy=strategy,
        right=right,
        wrong=wrong,
        wrong_at_least=least,
        wrong_at_most=most,
        verdict="demoted" if least > budget else "proven" if most <= budget else "open",
    )


def teaching_text(found: Teaching) -> str:
    """The figures for people: one line of what there is, then the two tables."""
    return "\n".join(_lines(found))


def _lines(found: Teaching) -> Iterator[str]:
    yield f"{found.sets:,} outcomes of {found.payments:,} payments"
    yield (
        f"confidence off by {percent(found.expected_error)} on average; "
        f"a strategy may be wrong in {odds(found.wrong_budget)}"
    )
    if found.strategies:
        header = ("strategy", "right", "wrong", "wrong at least", "wrong at most", "record")
        rows = [
            (
                one.strategy,
                f"{one.right:,}",
                f"{one.wrong:,}",
                odds(one.wrong_at_least),
                odds(one.wrong_at_most),
                one.verdict,
            )
            for one in found.strategies
        ]
        yield from ("", *text_table(header, rows, (0, 5)))
    if found.bins:
        heads = ("confidence", "sets", "stated", "right", "between")
        shares = [
            (
                f"{one.from_confidence:g} to {one.to_confidence:g}",
                f"{one.observed.total:,}",
                percent(one.stated),
                percent(one.observed.rate),
                f"{percent(one.observed.low)} and {percent(one.observed.high)}",
            )
            for one in found.bins
        ]
        yield from ("", *text_table(heads, shares))
