"""An evaluation as text: what matters first, then one table per question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.reports.figures import grouped, odds, percent
from tieout.reports.text_table import text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tieout.evaluation.measures import Evaluation, MoneyShare, Proportion, StraightThrough

__all__ = [
    "CODE_HEADER",
    "IDENTIFIED_HEADER",
    "RATE_HEADER",
    "SCENARIO_HEADER",
    "STRATEGY_HEADER",
    "code_rows",
    "evaluation_text",
    "identified_rows",
    "of",
    "scenario_rates",
    "scenario_rows",
    "soundness_sentence",
    "strategy_rates",
    "strategy_rows",
    "wrong_sentence",
]

_NAMED: Final = 5

STRATEGY_HEADER: Final = (
    "strategy",
    "decided",
    "wrong",
    "wrong rate below",
    "proposed first",
    "right",
    "share",
)
SCENARIO_HEADER: Final = (
    *("scenario", "payments", "right", "in part", "wrong", "proposal right", "other proposal"),
    *("left", "code right", "most raised"),
)
RATE_HEADER: Final = (
    *("decided alone", "by payment", "by line", "by value", "precision by line", "recall by line"),
)
CODE_HEADER: Final = ("primary exception", "payments", "judged", "acceptable", "share")
IDENTIFIED_HEADER: Final = (
    "payer found by",
    "payments",
    "right",
    "family",
    "wrong",
    "stated confidence",
)


def evaluation_text(evaluation: Evaluation, wrong_shown: int = _NAMED) -> str:
    """One screen of figures and the tables behind them."""
    lines = [*_headlines(evaluation)]
    tables = (
        (STRATEGY_HEADER, strategy_rows(evaluation), (0,)),
        (RATE_HEADER, strategy_rates(evaluation), (0,)),
        (SCENARIO_HEADER, scenario_rows(evaluation), (0, 9)),
        (RATE_HEADER, scenario_rates(evaluation), (0,)),
        (CODE_HEADER, code_rows(evaluation), (0,)),
        (IDENTIFIED_HEADER, identified_rows(evaluation), (0,)),
        (_BIN_HEADER, _bin_rows(evaluation), (0,)),
    )
    for header, rows, left in tables:
        if rows:
            lines += ["", *text_table(header, rows, left)]
    if evaluation.wrong_payments:
        lines += ["", *_wrong_lines(evaluation, wrong_shown)]
    return "\n".join(lines)


def of(share: Proportion) -> str:
    """`91.5 % (7,204 of 7,871)`."""
    return f"{percent(share.rate)} ({share.hits:,} of {share.total:,})"


def soundness_sentence(evaluation: Evaluation) -> str:
    """Whether every cent is accounted for, and what is not."""
    faults = [
        f"{len(names):,} {what}: {', '.join(names[:_NAMED])}"
        for names, what in (
            (evaluation.unconserved, "payments do not add up"),
            (evaluation.over_applied, "items are over-applied"),
        )
        if names
    ]
    if evaluation.repeated:
        faults.append(f"{evaluation.repeated:,} payments share a key with another one")
    return "; ".join(faults) or "every cent is accounted for, no item is over-applied"


def wrong_sentence(evaluation: Evaluation) -> str:
    """How many are wrong, and what that proves."""
    wrong = evaluation.wrong
    if not wrong.total:
        return "nothing was applied automatically"
    return (
        f"{wrong.hits:,} of {wrong.total:,} payments ({percent(wrong.rate)}); with 95 % certainty "
        f"fewer than {odds(wrong.at_most)}"
    )


def _headlines(evaluation: Evaluation) -> Iterator[str]:
    runs = f"{len(evaluation.runs)} run{'s' if len(evaluation.runs) > 1 else ''}"
    yield f"{evaluation.payments:,} payments of the truth against {runs}"
    if evaluation.missing:
        yield f"  missing           {evaluation.missing:,} payments are in no run"
    yield f"  accounted for     {soundness_sentence(evaluation)}"
    yield (
        f"  decided alone     {of(evaluation.straight_through_by_payment)} by payment, "
        f"{percent(evaluation.straight_through_by_line.rate)} by line, "
        + _by_value(evaluation.straight_through_by_value)
    )
    yield f"  wrong             {wrong_sentence(evaluation)}"
    if evaluation.wrong.hits:
        yield "                    " + ", ".join(
            f"{grouped(share.part)} {name} of {grouped(share.whole)}"
            for name, share in evaluation.wrong_by_value.items()
        )
    precision = evaluation.precision
    yield (
        f"  precision         {percent(precision.precision_by_payment.rate)} by payment, "
        f"{percent(precision.precision_by_line.rate)} by line, "
        + _by_value(precision.precision_by_value)
    )
    yield (
        f"  recall            {percent(precision.recall_by_payment.rate)} by payment, "
        f"{percent(precision.recall_by_line.rate)} by line, " + _by_value(precision.recall_by_value)
    )
    yield f"  first proposal    right in {of(evaluation.first_proposals)} of those proposed"
    yield f"                    {of(evaluation.first_of_left)} of all left with items"
    yield f"                    {of(evaluation.first_of_determinable)} of what anybody could tell"
    yield f"  exception codes   acceptable in {of(evaluation.codes_left)} of those left to a clerk"
    confidence = evaluation.confidence
    yield (
        f"  confidence        off by {percent(confidence.expected_error)} on average "
        f"(expected calibration error over {confidence.sets:,} decisions and proposals)"
    )


def _by_value(shares: dict[str, MoneyShare]) -> str:
    told = ", ".join(f"{percent(share.rate)} ({name})" for name, share in shares.items())
    return f"by value {told}" if told else "by value –"


def strategy_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `STRATEGY_HEADER`."""
    return [
        (
            one.strategy,
            f"{one.automatic.total:,}",
            f"{one.automatic.hits:,}",
            odds(one.automatic.at_most) if one.automatic.total else "–",
            *_counts(one.first_proposals),
        )
        for one in evaluation.strategies
    ]


def scenario_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `SCENARIO_HEADER`, the most frequent first."""
    ordered = sorted(evaluation.scenarios, key=lambda one: (-one.payments, one.scenario))
    return [
        (
            one.scenario,
            *(f"{count:,}" for count in (one.payments, one.right, one.part, one.wrong)),
            f"{one.proposal_right:,}",
            f"{one.proposal_wrong:,}",
            f"{one.left:,}",
            percent(one.codes_left.rate),
            ", ".join(f"{code} {count:,}" for code, count in _first(one.primary_codes.items(), 3)),
        )
        for one in ordered
    ]


def strategy_rates(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `RATE_HEADER`, one per strategy that decided something: its part of everything."""
    return [
        (
            one.strategy,
            *_through(one.straight_through),
            percent(one.precision_by_line.rate),
            percent(one.recall_by_line.rate),
        )
        for one in evaluation.strategies
        if one.automatic.total
    ]


def scenario_rates(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `RATE_HEADER`, one per scenario, the most frequent first."""
    ordered = sorted(evaluation.scenarios, key=lambda one: (-one.payments, one.scenario))
    return [
        (
            one.scenario,
            *_through(one.straight_through),
            percent(one.precision.precision_by_line.rate),
            percent(one.precision.recall_by_line.rate),
        )
        for one in ordered
    ]


def _through(part: StraightThrough) -> tuple[str, str, str]:
    value = ", ".join(
        f"{percent(share.rate)} {name}"
        for name, share in part.by_value.items()
        if share.rate is not None
    )
    return percent(part.by_payment.rate), percent(part.by_line.rate), value or "–"


def code_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `CODE_HEADER`."""
    return [
        (
            one.code,
            f"{one.payments:,}",
            f"{one.acceptable.total:,}",
            f"{one.acceptable.hits:,}",
            percent(one.acceptable.rate),
        )
        for one in evaluation.exception_codes
    ]


def identified_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    """Rows under `IDENTIFIED_HEADER`."""
    return [
        (
            one.identified_by or "(nobody)",
            *(f"{count:,}" for count in (one.payments, one.right, one.family, one.wrong)),
            percent(one.stated_confidence),
        )
        for one in evaluation.identified_by
    ]


_BIN_HEADER: Final = ("confidence", "sets", "stated", "observed", "between")


def _bin_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    return [
        (
            f"{one.from_confidence:g} to {one.to_confidence:g}",
            f"{one.observed.total:,}",
            percent(one.stated),
            percent(one.observed.rate),
            f"{percent(one.observed.low)} and {percent(one.observed.high)}",
        )
        for one in evaluation.confidence.bins
    ]


def _counts(share: Proportion) -> tuple[str, str, str]:
    return f"{share.total:,}", f"{share.hits:,}", percent(share.rate)


def _first(pairs: Iterable[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    return list(pairs)[:count]


def _wrong_lines(evaluation: Evaluation, shown: int) -> Iterator[str]:
    wrong = evaluation.wrong_payments
    yield f"Wrong ({min(shown, len(wrong)):,} of {len(wrong):,} shown)"
    for one in wrong[:shown]:
        yield (
            f"  {one.payment_id}  {one.scenario}, by {one.strategy}, "
            f"confidence {one.confidence:.6f}"
        )
        yield f"    applied  {_items(one.got)}"
        yield f"    truth    {_items(one.wanted)}"


def _items(amounts: dict[str, str]) -> str:
    return ", ".join(f"{amount} on {item}" for item, amount in amounts.items()) or "nothing"
