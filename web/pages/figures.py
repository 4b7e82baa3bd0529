"""Figures: how well the automatic works, what waits, what it costs, how fast money is collected."""

from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from markupsafe import Markup  # noqa: TC002 - msgspec reads annotations
from starlette.routing import Route

from tieout.v1 import report_service_pb2 as contract
from web.calls import ask
from web.charts import Bar, bars
from web.frame import frame_of
from web.given import Given, given, period
from web.pages.customers import AGING, aging_chart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ROUTES", "Rate", "waiting_table"]

_PERIOD_DAYS: Final = 30
_AGES: Final = (0, 1, 3, 7, 30)
_CODES_DRAWN: Final = 12


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Straight-through rates of one currency, always together, and the rate that was kept."""

    currency: str
    counts: Any
    kept: Any
    chart: Markup


async def _show(request: Request) -> Response:
    said = given(request)
    today = datetime.datetime.now(datetime.UTC).date()
    first = said.day("from") or today - datetime.timedelta(days=_PERIOD_DAYS)
    last = said.day("to") or today
    days = Given(request.url.path, {"from": first.isoformat(), "to": last.isoformat()})
    begin, end = period(days, "from", "to")
    company: dict[str, Any] = {"company_id": said.text("company")}
    activity, work, ledger = await asyncio.gather(
        ask(
            request,
            "reports",
            "GetActivityReport",
            contract.GetActivityReportRequest(
                receive_time_min=begin, receive_time_end=end, **company
            ),
        ),
        ask(
            request,
            "reports",
            "GetWorkReport",
            contract.GetWorkReportRequest(decide_time_min=begin, decide_time_end=end, **company),
        ),
        ask(
            request,
            "reports",
            "GetReceivablesReport",
            contract.GetReceivablesReportRequest(as_of=last.isoformat(), **company),
        ),
    )
    return frame_of(request).page(
        request,
        "figures.html",
        said=said,
        first=first,
        last=last,
        rates=_rates(request, activity, work),
        waiting=waiting_table(activity.waiting_cases),
        waiting_chart=_waiting_chart(request, activity.waiting_cases),
        ages=_AGES,
        cash=activity.cash_positions,
        files=activity.files,
        work=work,
        ledger=ledger,
        aging=[(one, aging_chart(request, one)) for one in ledger.aging],
        buckets=AGING,
    )


def _rates(request: Request, activity: Any, work: Any) -> list[Rate]:
    frame = frame_of(request)
    share = frame.display(request).share
    kept = {one.currency_code: one for one in work.kept_rates}
    found = []
    for one in activity.straight_through:
        own = kept.get(one.currency_code)
        rows = [
            (frame.say(request, "by payment"), one.automatic_payment_count, one.payment_count),
            (frame.say(request, "by line"), one.automatic_line_count, one.line_count),
            (frame.say(request, "by value"), one.automatic_minor, one.amount_minor),
        ]
        drawn = [
            Bar(name, part / whole if whole else 0, share(part, whole))
            for name, part, whole in rows
        ]
        if own is not None:
            stays = own.payment_count - own.reversed_payment_count
            part = stays / own.payment_count if own.payment_count else 0
            name = frame.say(request, "kept")
            drawn.append(Bar(name, part, share(stays, own.payment_count), "2"))
        title = frame.say(
            request, "Straight-through rates, %(currency)s", currency=one.currency_code
        )
        told = ", ".join(f"{bar.label}: {bar.figure}" for bar in drawn)
        chart = bars(title, told, drawn, longest=1)
        found.append(Rate(currency=one.currency_code, counts=one, kept=own, chart=chart))
    return found


def waiting_table(waiting: Iterable[Any]) -> list[tuple[str, list[int], int]]:
    """Exception code, cases per age (in the order of the report's ages), and all of them."""
    by_code: dict[str, list[int]] = {}
    for one in waiting:
        counts = by_code.setdefault(one.code, [0] * len(_AGES))
        counts[_AGES.index(one.days_min)] += one.case_count
    rows = [(code, counts, sum(counts)) for code, counts in by_code.items()]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def _waiting_chart(request: Request, waiting: Iterable[Any]) -> Markup:
    frame = frame_of(request)
    count = frame.display(request).count
    drawn = [Bar(code, total, count(total)) for code, _, total in waiting_table(waiting)]
    title = frame.say(request, "Exceptions that wait, by code")
    told = ", ".join(f"{bar.label}: {bar.figure}" for bar in drawn[:_CODES_DRAWN])
    return bars(title, told, drawn[:_CODES_DRAWN])


ROUTES: Final = [Route("/figures", _show, methods=["GET"])]
"""What answers."""
