"""Customers: found by any word, and one of them with names, accounts, habits and open items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from tieout.v1 import (
    customer_service_pb2,
    fact_service_pb2,
    open_item_service_pb2,
    report_service_pb2,
)
from web.calls import ask
from web.charts import Bar, stacked
from web.frame import frame_of
from web.given import given
from web.languages import marked as _

if TYPE_CHECKING:
    from markupsafe import Markup
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["AGING", "ROUTES", "aging_chart"]

_FOUND_MAX: Final = 50
_ITEMS_MAX: Final = 200
AGING: Final = ("not_due", "days_1_30", "days_31_60", "days_61_90", "days_over_90")
"""Buckets of age, the youngest first, as the report names them."""


async def _list(request: Request) -> Response:
    said = given(request)
    if said.text("text"):
        wanted = customer_service_pb2.FindCustomersRequest(
            text=said.text("text"), page_size=_FOUND_MAX
        )
        found = await ask(request, "customers", "FindCustomers", wanted)
        customers, further = list(found.customers), ""
    else:
        listed = customer_service_pb2.ListCustomersRequest(
            page_size=_FOUND_MAX, page_token=said.text("after")
        )
        page = await ask(request, "customers", "ListCustomers", listed)
        customers, further = [one.customer for one in page.customers], page.next_page_token
    return frame_of(request).page(
        request, "customers.html", said=said, customers=customers, next_token=further
    )


async def _show(request: Request) -> Response:
    said = given(request)
    key: dict[str, Any] = {"company_id": said.text("company"), "customer_id": said.text("customer")}
    found = await ask(
        request, "customers", "GetCustomer", customer_service_pb2.GetCustomerRequest(**key)
    )
    report = await ask(
        request, "reports", "GetCustomerReport", report_service_pb2.GetCustomerReportRequest(**key)
    )
    items = await ask(
        request,
        "open_items",
        "ListOpenItems",
        open_item_service_pb2.ListOpenItemsRequest(
            **key, page_size=_ITEMS_MAX, page_token=said.text("after")
        ),
    )
    facts = await ask(request, "facts", "ListFacts", fact_service_pb2.ListFactsRequest(**key))
    return frame_of(request).page(
        request,
        "customer.html",
        said=said,
        customer=found.customer,
        report=report,
        charts=[(one, aging_chart(request, one)) for one in report.aging],
        items=[one.open_item for one in items.open_items if one.open_item.open_minor],
        next_token=items.next_page_token,
        facts=facts.facts,
    )


def aging_chart(request: Request, total: Any) -> Markup:
    """One currency's open amounts by age."""
    frame = frame_of(request)
    display = frame.display(request)
    wording = {name: frame.say(request, text) for name, text in _AGES.items()}
    parts = [
        Bar(
            wording[name],
            getattr(total, f"{name}_minor"),
            display.money(getattr(total, f"{name}_minor"), total.currency_code),
            str(at + 1),
        )
        for at, name in enumerate(AGING)
    ]
    title = frame.say(request, "Open items by age, %(currency)s", currency=total.currency_code)
    told = ", ".join(f"{part.label}: {part.figure}" for part in parts)
    return stacked(title, told, parts)


_AGES: Final = {
    "not_due": _("not due"),
    "days_1_30": _("1–30 days"),
    "days_31_60": _("31–60 days"),
    "days_61_90": _("61–90 days"),
    "days_over_90": _("over 90 days"),
}

ROUTES: Final = [
    Route("/customers", _list, methods=["GET"]),
    Route("/customers/show", _show, methods=["GET"]),
]
"""What answers."""
