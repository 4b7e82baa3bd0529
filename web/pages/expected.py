"""When open items will be paid, by their customers' own habits, and how good such dates were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from tieout.v1 import report_service_pb2 as contract
from web.calls import ask
from web.charts import Bar, bars
from web.csv_text import csv_answer
from web.frame import frame_of
from web.given import given
from web.wording import WORDING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

    from web.given import Given

__all__ = ["ROUTES"]

_PAGE_ROWS: Final = 100
_EXPORT_PAGE: Final = 1_000
_EXPORTED_MAX: Final = 100_000
_COLUMNS: Final = (
    *("company_id", "customer_id", "open_item_id", "document_number", "currency_code"),
    *("open_minor", "due_date", "early_date", "likely_date", "late_date", "settled_count"),
)


async def _show(request: Request) -> Response:
    said = given(request)
    page = await ask(
        request, "reports", "ListExpectedPayments", _wanted(said, said.text("after"), _PAGE_ROWS)
    )
    judged = page.HasField("record") and page.record.judged_count
    return frame_of(request).page(
        request,
        "expected.html",
        said=said,
        as_of=page.as_of,
        payments=page.payments,
        next_token=page.next_page_token,
        record=page.record if page.HasField("record") else None,
        chart=_chart(request, page.record) if judged else None,
    )


def _wanted(said: Given, token: str, rows: int) -> contract.ListExpectedPaymentsRequest:
    return contract.ListExpectedPaymentsRequest(
        company_id=said.text("company"),
        customer_id=said.text("customer"),
        as_of=said.text("as_of"),
        page_size=rows,
        page_token=token,
    )


def _chart(request: Request, record: contract.ForecastRecord) -> Markup:
    """Days that each way of telling was off, in the mean."""
    frame = frame_of(request)
    display = frame.display(request)
    drawn = [
        Bar(
            frame.say(request, WORDING.forecast_methods.get(one.method, one.method)),
            one.mean_days,
            display.tenths(one.mean_days),
            "1" if at == 0 else "2",
        )
        for at, one in enumerate(record.errors)
    ]
    title = frame.say(request, "Days off, in the mean")
    return bars(title, ", ".join(f"{bar.label}: {bar.figure}" for bar in drawn), drawn)


async def _export(request: Request) -> Response:
    said = given(request)
    rows = [[getattr(one, name) for name in _COLUMNS] async for one in _payments(request, said)]
    return csv_answer("expected.csv", _COLUMNS, rows)


async def _payments(request: Request, said: Given) -> AsyncIterator[contract.ExpectedPayment]:
    """Every item that fits, at most `_EXPORTED_MAX`."""
    token = ""
    for _ in range(_EXPORTED_MAX // _EXPORT_PAGE):
        wanted = _wanted(said, token, _EXPORT_PAGE)
        page = await ask(request, "reports", "ListExpectedPayments", wanted)
        for one in page.payments:
            yield one
        token = page.next_page_token
        if not token:
            return


ROUTES: Final = [
    Route("/figures/expected", _show, methods=["GET"]),
    Route("/figures/expected.csv", _export, methods=["GET"]),
]
"""What answers."""
