"""Webhooks: who is told of events, what did not arrive, and sending it again."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from tieout.v1 import webhook_service_pb2 as contract
from web.calls import ask
from web.frame import frame_of, go_to
from web.given import given
from web.languages import marked as _

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["DELIVERIES", "OUTCOMES", "ROUTES"]

_PAGE_ROWS: Final = 100
_PING_SECONDS: Final = 5
"""What comes of a test message is mostly there when its page is."""

DELIVERIES: Final = {
    contract.DELIVERY_STATE_WAITING: _("waiting"),
    contract.DELIVERY_STATE_DELIVERED: _("delivered"),
    contract.DELIVERY_STATE_FAILED: _("failed"),
}
"""State of a message → its words."""


OUTCOMES: Final = {
    "delivered": _("arrived"),
    "refused": _("refused"),
    "failed": _("its server failed"),
    "gone": _("it is no longer there"),
    "redirected": _("it sends elsewhere, which is not followed"),
    "timeout": _("no answer in time"),
    "unreachable": _("could not be reached"),
    "forbidden": _("the address may not be called"),
    "unsealed": _("its secret cannot be opened"),
}
"""What came of an attempt → its words."""


async def _show(request: Request) -> Response:
    message = contract.ListWebhooksRequest(page_size=_PAGE_ROWS)
    page = await ask(request, "webhooks", "ListWebhooks", message)
    return frame_of(request).page(
        request,
        "webhooks.html",
        webhooks=page.webhooks,
        disabled=contract.WEBHOOK_STATE_DISABLED,
    )


async def _deliveries(request: Request) -> Response:
    said = given(request)
    state = said.text("state")
    message = contract.ListWebhookDeliveriesRequest(
        webhook_id=request.path_params["webhook_id"],
        state=int(state) if state.isdecimal() and int(state) in DELIVERIES else 0,  # type: ignore[arg-type]  # a number of the enum
        page_size=_PAGE_ROWS,
        page_token=said.text("after"),
    )
    page = await ask(request, "webhooks", "ListWebhookDeliveries", message)
    return frame_of(request).page(
        request,
        "deliveries.html",
        said=said,
        webhook_id=message.webhook_id,
        deliveries=page.deliveries,
        states=DELIVERIES,
        outcomes=OUTCOMES,
        request_id=uuid.uuid4().hex,
        next_token=page.next_page_token,
    )


async def _resend(request: Request) -> Response:
    form = await request.form()
    identity = request.path_params["webhook_id"]
    numbers = [int(str(one)) for one in form.getlist("event") if str(one).isdecimal()]
    message = contract.ResendWebhookDeliveriesRequest(
        request_id=str(form.get("request_id", "")), webhook_id=identity, event_numbers=numbers
    )
    await ask(request, "webhooks", "ResendWebhookDeliveries", message)
    return go_to(f"/webhooks/{identity}")


async def _ping(request: Request) -> Response:
    form = await request.form()
    identity = request.path_params["webhook_id"]
    message = contract.PingWebhookRequest(
        request_id=str(form.get("request_id", "")),
        webhook_id=identity,
        wait_seconds=_PING_SECONDS,
    )
    await ask(request, "webhooks", "PingWebhook", message)
    return go_to(f"/webhooks/{identity}")


async def _delete(request: Request) -> Response:
    form = await request.form()
    message = contract.DeleteWebhookRequest(
        request_id=str(form.get("request_id", "")), webhook_id=request.path_params["webhook_id"]
    )
    await ask(request, "webhooks", "DeleteWebhook", message)
    return go_to("/webhooks")


ROUTES: Final = [
    Route("/webhooks", _show, methods=["GET"]),
    Route("/webhooks/{webhook_id}", _deliveries, methods=["GET"]),
    Route("/webhooks/{webhook_id}/ping", _ping, methods=["POST"]),
    Route("/webhooks/{webhook_id}/delete", _delete, methods=["POST"]),
    Route("/webhooks/{webhook_id}/resend", _resend, methods=["POST"]),
]
"""What answers."""
