"""A replay as one HTML page: before and after, over time, and whether it was right."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from tieout.replay.report_text import CHANGE_HEADER, STRATEGY_HEADER, change_rows, strategy_rows
from tieout.reports.chart import BLUE, GREEN, GREY, RED, Axis, Chart, linear_axis
from tieout.reports.figures import percent
from tieout.reports.page import html_page, html_table, html_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.replay.compare import Comparison, PeriodScore

__all__ = ["replay_page", "time_picture"]

_SHARES: Final = tuple((at / 10, f"{at * 10} %") for at in range(0, 11, 2))
_LABELS_MAX: Final = 8
_WIDTH: Final = 860


def replay_page(comparison: Comparison) -> str:
    """The whole page."""
    subtitle = (
        f"{comparison.payments:,} payments, {comparison.period} by {comparison.period}: "
        f"{comparison.policy} instead of {comparison.baseline}"
    )
    return html_page("What would another policy have done?", subtitle, [*_parts(comparison)])


def _parts(comparison: Comparison) -> Iterator[str]:
    total = comparison.payments or 1
    changes = comparison.changes
    before, after = comparison.wrong_before, comparison.wrong_after
    judged = "no truth was given" if before is None else f"{before:,} under {comparison.baseline}"
    yield html_tiles(
        [
            (
                "decided without a clerk",
                percent(comparison.decided_after / total),
                f"{percent(comparison.decided_before / total)} under {comparison.baseline}",
            ),
            ("newly automatic", f"{changes['newly automatic'].payments:,}", "payments"),
            ("no longer automatic", f"{changes['no longer automatic'].payments:,}", "payments"),
            ("wrong", "–" if after is None else f"{after:,}", judged),
        ],
        bad=[3] if (after or 0) > (before or 0) else [],
    )
    yield "<h2>Over time</h2>"
    yield f"<figure>{time_picture(comparison)}</figure>"
    yield "<h2>What changes</h2>"
    yield html_table(CHANGE_HEADER, change_rows(comparison))
    yield "<h2>Strategies</h2>"
    yield html_table(STRATEGY_HEADER, strategy_rows(comparison))
    yield (
        '<p class="quiet">'
        + escape(
            "Every payment that changed stands in changes.parquet; the two runs beside it can be "
            "explained: tieout explain DIR/policy PAYMENT."
        )
        + "</p>"
    )


def time_picture(comparison: Comparison) -> str:
    """Share decided per period, before and after, and the wrong ones."""
    periods = comparison.periods
    x = _time_axis(periods)
    y = Axis(low=0.0, high=1.0, ticks=_SHARES, title="share of payments decided")
    chart = Chart("Decided without a clerk", x, y, width=_WIDTH)
    most = max((one.payments for one in periods), default=1)
    for at, one in enumerate(periods):
        chart.bar(
            at,
            0.0,
            0.25 * one.payments / most,
            "#e3e7ea",
            share=0.6 / max(len(periods), 1),
            hint=f"{one.first_day}: {one.payments:,} payments",
        )
    chart.legend("#e3e7ea", "payments")
    for name, colour, label in (
        ("decided_before", GREY, comparison.baseline),
        ("decided_after", BLUE, comparison.policy),
    ):
        points = [
            (float(at), getattr(one, name) / max(one.payments, 1)) for at, one in enumerate(periods)
        ]
        chart.line(points, colour, label)
        for (place, share), one in zip(points, periods, strict=True):
            count = getattr(one, name)
            chart.dot(place, share, colour, 3, f"{one.first_day}: {count:,} of {one.payments:,}")
    for at, one in enumerate(periods):
        if one.wrong_after:
            chart.dot(at, 0.02, RED, 5, f"{one.first_day}: {one.wrong_after:,} wrong")
        elif one.wrong_before:
            chart.dot(at, 0.02, GREEN, 5, f"{one.first_day}: {one.wrong_before:,} wrong avoided")
    return chart.svg()


def _time_axis(periods: list[PeriodScore]) -> Axis:
    count = len(periods)
    if not count:
        return linear_axis(0, 1)
    every = -(-count // _LABELS_MAX)
    ticks = tuple((float(at), periods[at].first_day) for at in range(0, count, every))
    return Axis(low=-0.5, high=count - 0.5, ticks=ticks, title="")
