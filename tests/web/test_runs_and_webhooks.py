"""Screens of runs and webhooks: what stands on them, and which calls their buttons make."""

import asyncio
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from store.webhook_records import ATTEMPT_OUTCOMES
from tieout.v1 import run_service_pb2, webhook_service_pb2
from web.frame import Frame
from web.pages import runs, webhooks

FRAME = Frame()
RUNS = run_service_pb2.ListRunsResponse(
    runs=[
        run_service_pb2.Run(
            run_id="R-1", state=2, kind=1, file_name="monday.bai", size_bytes=12_345
        ),
        run_service_pb2.Run(
            run_id="R-2",
            state=4,
            kind=2,
            file_name="items.csv",
            error=run_service_pb2.RunError(reason="TABLE_MALFORMED", message="row 7 <b>"),
        ),
    ]
)
DELIVERIES = webhook_service_pb2.ListWebhookDeliveriesResponse(
    deliveries=[
        webhook_service_pb2.WebhookDelivery(
            event_number=41,
            kind="posting.posted",
            state=3,
            attempts=[
                webhook_service_pb2.DeliveryAttempt(
                    outcome="refused", http_status=503, detail="busy"
                )
            ],
        ),
        webhook_service_pb2.WebhookDelivery(event_number=42, kind="posting.posted", state=1),
    ],
    next_page_token="more",
)
WEBHOOKS = webhook_service_pb2.ListWebhooksResponse(
    webhooks=[
        webhook_service_pb2.Webhook(webhook_id="w", url="https://erp.example/hook", failed_count=3),
        webhook_service_pb2.Webhook(
            webhook_id="v", url="https://gone.example", state=2, disabled_because="410"
        ),
    ]
)


class Desk:
    """Answers calls as a front would, and keeps what was asked."""

    def __init__(self, monkeypatch, answer):
        self.asked = []

        async def ask(_, service, call, message):
            self.asked.append((service, call, message))
            return answer

        monkeypatch.setattr(runs, "ask", ask)
        monkeypatch.setattr(webhooks, "ask", ask)

    def show(self, endpoint, language="en", query="", form=None, permissions=("submit",), **path):
        body = urlencode(form or {}, doseq=True).encode()

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        kind = b"application/x-www-form-urlencoded"
        scope = {
            "type": "http",
            "method": "POST" if form else "GET",
            "path": "/",
            "query_string": query.encode(),
            "headers": [(b"accept-language", language.encode()), (b"content-type", kind)],
            "path_params": path,
            "state": {"permissions": frozenset(permissions)},
            "app": SimpleNamespace(state=SimpleNamespace(frame=FRAME)),
        }
        return asyncio.run(endpoint(Request(scope, receive)))


def endpoint_of(module, path):
    return next(route.endpoint for route in module.ROUTES if route.path == path)


def test_runs_say_how_far_they_are_and_why_they_failed(monkeypatch):
    desk = Desk(monkeypatch, RUNS)
    page = desk.show(endpoint_of(runs, "/runs"), "de", "state=4").body.decode()
    assert "läuft" in page
    assert "gescheitert" in page
    assert "12.345" in page
    assert "row 7 &lt;b&gt;" in page
    assert page.count("/cancel") == 1
    assert desk.asked[0][2].state == run_service_pb2.RUN_STATE_FAILED
    reader = desk.show(endpoint_of(runs, "/runs"), query="state=nonsense", permissions=())
    assert "/cancel" not in reader.body.decode()
    assert desk.asked[1][2].state == run_service_pb2.RUN_STATE_UNSPECIFIED


def test_a_run_is_cancelled(monkeypatch):
    desk = Desk(monkeypatch, None)
    answer = desk.show(endpoint_of(runs, "/runs/{run_id}/cancel"), form={"x": "y"}, run_id="R-1")
    assert answer.headers["location"] == "/runs"
    ((service, call, message),) = desk.asked
    assert (service, call, message.run_id) == ("runs", "CancelRun", "R-1")


def test_webhooks_show_what_did_not_arrive(monkeypatch):
    page = Desk(monkeypatch, WEBHOOKS).show(endpoint_of(webhooks, "/webhooks")).body.decode()
    assert 'href="/webhooks/w"' in page
    assert "switched off" in page
    assert "410" in page
    desk = Desk(monkeypatch, DELIVERIES)
    shown = desk.show(endpoint_of(webhooks, "/webhooks/{webhook_id}"), "de", webhook_id="w")
    text = shown.body.decode()
    assert "503" in text
    assert "after=more" in text
    assert text.count("Erneut senden") == 2


@pytest.mark.parametrize(("given", "sent"), [(["41"], [41]), (["41", "x", "42"], [41, 42])])
def test_a_message_is_sent_again_once_however_often_its_form_is(monkeypatch, given, sent):
    desk = Desk(monkeypatch, None)
    form = {"event": given, "request_id": "one"}
    path = "/webhooks/{webhook_id}/resend"
    answer = desk.show(endpoint_of(webhooks, path), form=form, webhook_id="w")
    assert answer.headers["location"] == "/webhooks/w"
    ((service, call, message),) = desk.asked
    assert (service, call) == ("webhooks", "ResendWebhookDeliveries")
    assert (message.webhook_id, message.request_id) == ("w", "one")
    assert list(message.event_numbers) == sent


@pytest.mark.parametrize(
    ("act", "call", "then"),
    [("ping", "PingWebhook", "/webhooks/w"), ("delete", "DeleteWebhook", "/webhooks")],
)
def test_a_webhook_is_tried_and_deleted_once(monkeypatch, act, call, then):
    desk = Desk(monkeypatch, None)
    endpoint = endpoint_of(webhooks, f"/webhooks/{{webhook_id}}/{act}")
    answer = desk.show(endpoint, form={"request_id": "one"}, webhook_id="w")
    assert answer.headers["location"] == then
    ((service, asked, message),) = desk.asked
    assert (service, asked) == ("webhooks", call)
    assert (message.request_id, message.webhook_id) == ("one", "w")


def test_every_state_and_kind_has_its_words():
    assert set(webhooks.OUTCOMES) == set(ATTEMPT_OUTCOMES)
    assert set(runs.STATES) == set(run_service_pb2.RunState.values()) - {0}
    assert set(runs.KINDS) == set(run_service_pb2.RunKind.values()) - {0}
    assert set(webhooks.DELIVERIES) == set(webhook_service_pb2.DeliveryState.values()) - {0}
