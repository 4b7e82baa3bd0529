"""The report on receivables for people: lines of text, a page with charts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from engine.money import format_minor
from tieout.receivables.aging import AGING_BUCKETS, CREDITS
from tieout.receivables.expected_dates import QUANTILES
from tieout.reports.chart import BLUE, GREY, ORANGE, Axis, Chart, linear_axis
from tieout.reports.figures import grouped, percent
from tieout.reports.page import Tile, html_page, html_table, html_tiles
from tieout.reports.text_table import text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tieout.receivables.measures import CollectionMeasures
    from tieout.receivables.report import Report

__all__ = ["report_charts", "report_page", "report_text"]

_BUCKET_WORDS: Final = ("not due", "1–30", "31–60", "61–90", "over 90", "credits")
_METHOD_WORDS: Final = {
    "due date and everybody's median delay": "median delay of all",
    "due date and the customer's mean delay": "mean of customer",
}
_WEEKS: Final = 13
_SHOWN: Final = 10


def _number(value: float | None, places: int = 1) -> str:
    return "–" if value is None else f"{value:.{places}f}"


def _aging_rows(table: pa.Table) -> list[tuple[str, ...]]:
    """Sums of the aging by currency, as text."""
    names = [*AGING_BUCKETS, CREDITS, "total"]
    grouped_table = table.group_by("currency").aggregate([(name, "sum") for name in names])
    rows = sorted(grouped_table.to_pylist(), key=lambda row: row["currency"])
    return [(row["currency"], *(_amount(row[f"{name}_sum"]) for name in names)) for row in rows]


def _amount(value: Decimal) -> str:
    cents = value.quantize(Decimal("0.01"))
    return grouped(f"{cents:f}" if cents == value else f"{value.normalize():f}")


def _measure_rows(measures: Sequence[CollectionMeasures]) -> list[tuple[str, ...]]:
    return [
        (
            one.currency,
            grouped(format_minor(one.closing_minor, one.currency)),
            grouped(format_minor(one.sales_minor, one.currency)),
            _number(one.dso),
            _number(one.best_possible_dso),
            _number(one.days_delinquent),
            _number(one.cei),
            _number(one.days_late),
        )
        for one in measures
    ]


_AGING_HEAD: Final = ("", *_BUCKET_WORDS, "total")
_MEASURE_HEAD: Final = (
    *("", "receivables", "sales", "DSO", "best DSO", "delinquent", "CEI", "days late"),
)
_ERROR_HEAD: Final = ("method", "mean error", "median", "bias", "within 7 days")


def report_text(report: Report) -> str:
    """The report on one screen."""
    lines = [f"Receivables as of {report.as_of}, {report.days} days"]
    if "aging" in report.tables:
        lines += [
            "",
            "Open by days past due",
            *text_table(_AGING_HEAD, _aging_rows(report.tables["aging"])),
        ]
    if report.measures:
        lines += ["", "Collection", *text_table(_MEASURE_HEAD, _measure_rows(report.measures))]
    for leak in report.leakage:
        if leak.taken_minor:
            taken, lost = (
                format_minor(one, leak.currency) for one in (leak.taken_minor, leak.unearned_minor)
            )
            lines.append(
                f"discounts  {leak.currency} {grouped(taken)} taken, {grouped(lost)} after their "
                f"date ({leak.unearned_count} times)"
            )
    if report.backtest is not None and report.backtest.judged:
        lines += ["", *_backtest_text(report)]
    for row in report.tables["waiting_cash"].to_pylist() if "waiting_cash" in report.tables else ():
        lines.append(f"waiting  {row['currency']} {_amount(row['total'])} {row['why']}")
    for one in report.rates:
        rate = one.straight_through.by_payment.rate
        lines.append(
            f"straight through  {percent(None if rate is None else float(rate))} ({one.run})"
        )
    if report.kept is not None and report.kept.kept is not None:
        lines.append(f"kept  {percent(report.kept.kept)} of {report.kept.automatic:,} payments")
    return "\n".join(lines)


def _backtest_text(report: Report) -> list[str]:
    told = report.backtest
    if told is None:
        return []
    meant = percent(told.coverage_meant)
    return [
        f"Expected dates, told on {told.cuts} past days for {told.judged:,} items (days)",
        *text_table(_ERROR_HEAD, _error_rows(report)),
        f"settled between early and late: {percent(told.coverage)}, meant {meant}; "
        f"{told.open_still:,} still open, {told.untold:,} older than anything seen",
    ]


def _error_rows(report: Report) -> list[tuple[str, ...]]:
    methods = [] if report.backtest is None else report.backtest.methods
    return [
        (
            one.method,
            _number(one.mean_absolute_error),
            _number(one.median_absolute_error),
            f"{one.bias:+.1f}",
            percent(one.within_7_days),
        )
        for one in methods
    ]


def report_charts(report: Report) -> dict[str, str]:
    """Charts by file name."""
    charts = {}
    if "aging" in report.tables:
        for row in _sums(report.tables["aging"]):
            name = f"aging_{row[0].lower()}.svg"
            title = f"Open by days past due, {row[0]}"
            charts[name] = _bars(title, _BUCKET_WORDS, row[1], first=BLUE)
    if "expected_dates" in report.tables:
        charts |= _cash_charts(report)
    if report.backtest is not None and report.backtest.judged:
        methods = report.backtest.methods
        charts["backtest.svg"] = _bars(
            "Mean error of expected dates, days",
            [_METHOD_WORDS.get(one.method, one.method) for one in methods],
            [one.mean_absolute_error for one in methods],
            first=BLUE,
        )
    return charts


def _sums(table: pa.Table) -> list[tuple[str, list[float]]]:
    names = [*AGING_BUCKETS, CREDITS]
    grouped_table = table.group_by("currency").aggregate([(name, "sum") for name in names])
    rows = sorted(grouped_table.to_pylist(), key=lambda row: row["currency"])
    return [(row["currency"], [_plotted(row[f"{name}_sum"]) for name in names]) for row in rows]


def _plotted(value: Decimal) -> float:
    """Where a value is drawn: a place on paper, not a sum anybody adds up."""
    return float(value)


def _cash_charts(report: Report) -> dict[str, str]:
    """Expected cash by week, by likely date."""
    weeks: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * _WEEKS)
    for row in report.tables["expected_dates"].to_pylist():
        likely = row["expected_likely"]
        week = None if likely is None else (likely - report.as_of).days // 7
        if week is not None and 0 <= week < _WEEKS:
            weeks[row["currency"]][week] += row["open_amount"]
    labels = [
        f"{report.as_of + dt.timedelta(days=7 * week):%d %b}" if week % 2 == 0 else ""
        for week in range(_WEEKS)
    ]
    return {
        f"expected_cash_{currency.lower()}.svg": _bars(
            f"Expected cash by week, {currency}", labels, [_plotted(one) for one in amounts]
        )
        for currency, amounts in sorted(weeks.items())
    }


def _bars(title: str, labels: Sequence[str], values: Sequence[float], first: str = ORANGE) -> str:
    """Bars over labels; the one that differs in kind from the others is the `first`."""
    low, high = min(0.0, *values), max(0.0, *values) or 1.0
    across = Axis(
        low=-0.5,
        high=len(values) - 0.5,
        ticks=tuple((at, label) for at, label in enumerate(labels)),
    )
    chart = Chart(title, across, linear_axis(low, high * 1.08), width=640)
    for at, value in enumerate(values):
        colour = GREY if value < 0 else first if at == 0 else ORANGE
        share = 0.62 / len(values)
        chart.bar(at, min(value, 0.0), max(value, 0.0), colour, share=share, hint=f"{value:,.2f}")
    return chart.svg()


def report_page(report: Report) -> str:
    """The report as one page."""
    body = [html_tiles(_tiles(report))]
    charts = report_charts(report)
    figures = [f"<figure>{svg}</figure>" for svg in charts.values()]
    if "aging" in report.tables:
        body += [
            "<h2>Open by days past due</h2>",
            html_table(_AGING_HEAD, _aging_rows(report.tables["aging"])),
        ]
    if report.measures:
        body += ["<h2>Collection</h2>", html_table(_MEASURE_HEAD, _measure_rows(report.measures))]
    if report.backtest is not None and report.backtest.judged:
        *_, last = _backtest_text(report)
        body += [
            "<h2>Expected dates against what happened</h2>",
            html_table(_ERROR_HEAD, _error_rows(report)),
            f"<p>{last}</p>",
        ]
    if "expected_dates" in report.tables:
        body += ["<h2>Next to be paid</h2>", _next_table(report.tables["expected_dates"])]
    body.append(f'<div class="pair">{"".join(figures)}</div>')
    return html_page("Receivables", f"as of {report.as_of}, {report.days} days", body)


def _next_table(table: pa.Table) -> str:
    table = table.filter(pc.is_valid(table["expected_likely"])).slice(0, _SHOWN)
    share = percent(QUANTILES[-1])
    head = ("item", "customer", "open", "due", "likely", f"with {share} by", "seen")
    rows = [
        (
            row["document_number"],
            row["customer_id"],
            f"{row['currency']} {_amount(row['open_amount'])}",
            str(row["due_date"]),
            str(row["expected_likely"]),
            str(row["expected_late"] or "–"),
            str(row["settled_before"]),
        )
        for row in table.to_pylist()
    ]
    return html_table(head, rows, left=(0, 1))


def _tiles(report: Report) -> list[Tile]:
    tiles: list[Tile] = []
    for one in report.measures[:2]:
        tiles.append(
            (
                f"DSO, {one.currency}",
                _number(one.dso),
                f"best possible {_number(one.best_possible_dso)}",
            )
        )
        tiles.append((f"CEI, {one.currency}", _number(one.cei), "100 is all that was due"))
    if report.backtest is not None and report.backtest.methods:
        best = report.backtest.methods[0]
        tiles.append(
            (
                "expected dates",
                f"± {_number(best.mean_absolute_error)} days",
                "mean error on past days",
            )
        )
    for rate in report.rates[-1:]:
        by_payment = rate.straight_through.by_payment.rate
        tiles.append(
            (
                "straight through",
                percent(None if by_payment is None else float(by_payment)),
                "of payments",
            )
        )
    return tiles
