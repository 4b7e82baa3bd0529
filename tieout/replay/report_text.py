"""A replay as text: what changes, in payments and in money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.reports.figures import grouped, percent
from tieout.reports.text_table import text_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.replay.compare import Change, Comparison

__all__ = ["CHANGE_HEADER", "STRATEGY_HEADER", "change_rows", "replay_text", "strategy_rows"]

CHANGE_HEADER: Final = ("under the new policy", "payments", "applied before", "applied after")
STRATEGY_HEADER: Final = ("decided by", "before", "after", "newly", "no longer")
_PERIOD_HEADER: Final = ("from", "payments", "decided before", "after", "wrong before", "after")
_PERIODS_SHOWN: Final = 40


def replay_text(comparison: Comparison) -> str:
    """One screen."""
    lines = [*_headlines(comparison), "", *text_table(CHANGE_HEADER, change_rows(comparison))]
    lines += ["", *text_table(STRATEGY_HEADER, strategy_rows(comparison))]
    periods = [
        (
            one.first_day,
            *(f"{count:,}" for count in (one.payments, one.decided_before, one.decided_after)),
            *(f"{count:,}" for count in (one.wrong_before, one.wrong_after)),
        )
        for one in comparison.periods
    ]
    lines += ["", *text_table(_PERIOD_HEADER, periods[:_PERIODS_SHOWN])]
    if len(periods) > _PERIODS_SHOWN:
        lines.append(f"… and {len(periods) - _PERIODS_SHOWN:,} more")
    return "\n".join(lines)


def _headlines(comparison: Comparison) -> Iterator[str]:
    total = comparison.payments or 1
    yield (
        f"{comparison.payments:,} payments, {comparison.period} by {comparison.period}: "
        f"{comparison.policy} instead of {comparison.baseline}"
    )
    yield (
        f"  decided alone  {comparison.decided_before:,} "
        f"({percent(comparison.decided_before / total)}) before, {comparison.decided_after:,} "
        f"({percent(comparison.decided_after / total)}) after"
    )
    yield f"  applied        {_money(comparison.cash_before)} before"
    yield f"                 {_money(comparison.cash_after)} after"
    if comparison.wrong_before is None:
        yield "  wrong          nobody knows: no truth was given (--truth)"
    else:
        before, after = comparison.wrong_before, comparison.wrong_after
        yield f"  wrong          {before:,} before, {after:,} after"


def change_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Rows under `CHANGE_HEADER`: what changed, then what the truth says of it."""
    every: list[tuple[str, Change]] = [*comparison.changes.items(), *comparison.judged.items()]
    return [
        (name, f"{change.payments:,}", _money(change.cash_before), _money(change.cash_after))
        for name, change in every
    ]


def strategy_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Rows under `STRATEGY_HEADER`."""
    return [
        (
            one.strategy,
            *(f"{count:,}" for count in (one.before, one.after, one.newly, one.no_longer)),
        )
        for one in comparison.strategies
    ]


def _money(amounts: dict[str, str]) -> str:
    return ", ".join(f"{grouped(amount)} {name}" for name, amount in amounts.items()) or "0"
