"""The pictures of an evaluation: what a threshold gives, how honest confidence is, who pays how."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tieout.reports.chart import BLUE, GREEN, GREY, ORANGE, RED, Axis, Chart
from tieout.reports.figures import percent
from tieout.reports.share_bars import share_bars

if TYPE_CHECKING:
    from tieout.evaluation.measures import Evaluation

__all__ = ["coverage_picture", "reliability_picture", "scenario_picture", "threshold_picture"]

_NINES: Final = Axis(
    low=0.0,
    high=0.99999,
    ticks=(
        (0.0, "0 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.9999, "99.99 %"),
        (0.99999, "99.999 %"),
    ),
    title="least confidence that is taken",
    scale="nines",
)
_CHANCES: Final = (
    *((0.001, "0.1 %"), (0.01, "1 %"), (0.05, "5 %"), (0.2, "20 %"), (0.5, "50 %")),
    *((0.8, "80 %"), (0.95, "95 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")),
)
_SHARES: Final = tuple((at / 10, f"{at * 10} %") for at in range(0, 11, 2))
_FLOORS: Final = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)


def threshold_picture(evaluation: Evaluation) -> str:
    """Coverage and precision over the threshold on confidence."""
    y = Axis(low=0.0, high=1.0, ticks=_SHARES, title="share of payments")
    chart = Chart("What a threshold on confidence gives", _NINES, y)
    points = [(one.threshold, one) for one in reversed(evaluation.confidence.curve)]
    for name, colour in (("precision", ORANGE), ("coverage", BLUE)):
        steps, before = [], 0.0
        for threshold, point in points:
            value = getattr(point, name)
            steps += [(before, value), (threshold, value)]
            before = threshold
        chart.line(steps, colour, _LABELS[name])
    return chart.svg()


_LABELS: Final = {
    "coverage": "coverage: payments that reach it",
    "precision": "precision: right ones of them",
}


def coverage_picture(evaluation: Evaluation) -> str:
    """Precision over coverage, and where the run's own decisions stand."""
    curve = evaluation.confidence.curve
    least = min((point.precision for point in curve), default=0.0)
    floor = next(one for one in _FLOORS if one <= least)
    ticks = tuple(
        (value, percent(value)) for value in (floor + (1 - floor) * at / 5 for at in range(6))
    )
    x = Axis(low=0.0, high=1.0, ticks=_SHARES, title="coverage: share of payments taken")
    chart = Chart(
        "Precision against coverage", x, Axis(low=floor, high=1.0, ticks=ticks, title="precision")
    )
    chart.line([(point.coverage, point.precision) for point in curve], BLUE)
    decided = evaluation.automatic
    if decided.rate is not None and decided.hits:
        right = evaluation.precision.precision_by_payment.rate or 0.0
        chart.dot(decided.rate, right, GREEN, 6, "decided without a clerk")
        chart.note(decided.rate, right - (1 - floor) * 0.06, "decided alone", GREEN, "end")
    return chart.svg()


def reliability_picture(evaluation: Evaluation) -> str:
    """Stated confidence against the share that was right, with intervals."""
    x = Axis(low=0.0005, high=0.99995, ticks=_CHANCES, title="confidence stated", scale="logit")
    y = Axis(low=0.0005, high=0.99995, ticks=_CHANCES, title="share that was right", scale="logit")
    chart = Chart("Is confidence honest?", x, y, height=400)
    chart.line([(0.0005, 0.0005), (0.99995, 0.99995)], GREY, "perfect honesty", dashed=True)
    chart.legend(BLUE, "decisions and proposals, with 95 % intervals")
    for one in evaluation.confidence.bins:
        observed = one.observed
        chart.whisker(one.stated, observed.low, observed.high, BLUE)
        hint = f"stated {percent(one.stated)}, right {observed.hits:,} of {observed.total:,}"
        radius = 2.5 + 1.3 * math.log10(max(observed.total, 1))
        chart.dot(one.stated, observed.rate or 0.0, BLUE, round(radius, 2), hint)
    return chart.svg()


_KINDS: Final = (
    ("right alone", GREEN),
    ("right in part", "#9ccbb0"),
    ("wrong", RED),
    ("first proposal right", BLUE),
    ("other proposal", "#a9c9d6"),
    ("left without proposal", "#dfe3e6"),
)


def scenario_picture(evaluation: Evaluation) -> str:
    """What became of the payments of each scenario."""
    ordered = sorted(evaluation.scenarios, key=lambda one: (-one.payments, one.scenario))
    rows = [
        (
            one.scenario,
            (one.right, one.part, one.wrong, one.proposal_right, one.proposal_wrong, one.left),
        )
        for one in ordered
    ]
    return share_bars("What became of the payments of each scenario", _KINDS, rows)
