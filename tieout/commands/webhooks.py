"""`tieout webhooks`: where a server sends its events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import as_dict, on_server
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tieout.client import Client
    from tieout.v1 import webhook_service_pb2

__all__ = ["webhooks_command"]

_CODES: Final = """
\b
Exit codes:
  0   done
  2   an option or its value is wrong
  3   the server keeps no secrets: it has no store.encryption_key_file; or the webhook is disabled
  4   a test message did not arrive
  65  the address, a kind or the secret is none
  66  no such webhook
  69  the server cannot be reached
  75  somebody was faster, or the server is busy; look again and retry
  77  not permitted
"""
_HELP = (
    """Addresses that get a server's events, signed, as they happen (docs/webhooks.md).

\b
Examples:
  tieout webhooks add https://erp.example.com/tieout --kind bank_file.processed > secret.txt
  tieout webhooks list
  tieout webhooks log wh_5f0c81d2a97b3e44
  tieout webhooks resend wh_5f0c81d2a97b3e44 --event 4711
  tieout webhooks rotate wh_5f0c81d2a97b3e44 --overlap-hours 48 > secret.txt
  tieout webhooks ping wh_5f0c81d2a97b3e44
  tieout webhooks disable wh_5f0c81d2a97b3e44
  tieout webhooks delete wh_5f0c81d2a97b3e44
"""
    + _CODES
)
_SHOWN: Final = 50
_SECRET = click.option(
    "--secret-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File with the secret (whsec_…); one is made and shown once where there is none.",
)


@click.group("webhooks", help=_HELP)
def webhooks_command() -> None:
    """The group of commands."""


def _command(name: str, text: str) -> Callable[[Callable[..., Any]], Any]:
    """A command of the group, with the options of a server."""

    def decorate(run: Callable[..., Any]) -> Any:
        return webhooks_command.command(name, help=text + "\n" + _CODES)(on_server(run))

    return decorate


_webhook = click.argument("webhook", metavar="WEBHOOK")


@_command("add", "Add a webhook for URL. The secret that was made is all there is on stdout.")
@click.argument("url", metavar="URL")
@click.option("--kind", "kinds", multiple=True, help="A kind of event; all where none is given.")
@click.option("--description", default="", help="What it is for.")
@click.option("--request-id", default="", help="Your own key of this call.")
@_SECRET
def _add(
    *,
    client: Client,
    as_json: bool,
    url: str,
    kinds: tuple[str, ...],
    description: str,
    request_id: str,
    secret_file: Path | None,
) -> None:
    """Add a webhook and show its secret."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.CreateWebhookRequest(
        request_id=request_id,
        url=url,
        description=description,
        kinds=kinds,
        secret=secret_file.read_text("ascii").strip() if secret_file else "",
    )
    answer = client.call(request, contract.CreateWebhookResponse)
    _print_secret(answer, as_json=as_json)


@_command("list", "List webhooks, and what waits at each.")
def _list(*, client: Client, as_json: bool) -> None:
    """List webhooks."""
    from tieout.v1 import webhook_service_pb2 as contract

    answer = client.call(contract.ListWebhooksRequest(), contract.ListWebhooksResponse)
    if as_json:
        click.echo(json.dumps([as_dict(one) for one in answer.webhooks], indent=2))
        return
    for one in answer.webhooks:
        state = contract.WebhookState.Name(one.state).removeprefix("WEBHOOK_STATE_").lower()
        why = f" ({one.disabled_because})" if one.disabled_because else ""
        click.echo(f"{one.webhook_id}  {state}{why}  {one.url}  {', '.join(one.kinds) or 'all'}")
        click.echo(f"  {one.waiting_count} wait, {one.failed_count} given up  {one.description}")


@_command("log", "Show messages to a webhook and what came of each attempt, the latest first.")
@_webhook
@click.option(
    "--state", type=click.Choice(["waiting", "delivered", "failed"]), help="Such messages only."
)
@click.option("--limit", type=click.IntRange(1), default=_SHOWN, show_default=True)
def _log(*, client: Client, as_json: bool, webhook: str, state: str | None, limit: int) -> None:
    """Show messages."""
    from tieout.v1 import webhook_service_pb2 as contract

    wanted = contract.DeliveryState.Value(f"DELIVERY_STATE_{(state or 'unspecified').upper()}")
    request = contract.ListWebhookDeliveriesRequest(
        webhook_id=webhook, state=wanted, page_size=min(limit, 1_000)
    )
    shown: list[webhook_service_pb2.WebhookDelivery] = []
    for page in client.pages(request, contract.ListWebhookDeliveriesResponse):
        shown += page.deliveries
        if len(shown) >= limit:
            break
    if as_json:
        click.echo(json.dumps([as_dict(one) for one in shown[:limit]], indent=2))
        return
    for delivery in shown[:limit]:
        for line in _lines_of(delivery):
            click.echo(line)


@_command("disable", "Send nothing more there. What waits is kept for `enable`.")
@_webhook
def _disable(*, client: Client, as_json: bool, webhook: str) -> None:
    """Stop a webhook."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.DisableWebhookRequest(webhook_id=webhook)
    _print_state(client.call(request, contract.DisableWebhookResponse).webhook, as_json=as_json)


@_command("enable", "Send there again, from where it stopped.")
@_webhook
def _enable(*, client: Client, as_json: bool, webhook: str) -> None:
    """Start a webhook."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.EnableWebhookRequest(webhook_id=webhook)
    _print_state(client.call(request, contract.EnableWebhookResponse).webhook, as_json=as_json)


@_command(
    "ping", "Send one message about nothing, and say what came of it. Exit 4: it did not arrive."
)
@_webhook
@click.option("--wait", type=click.IntRange(0, 30), default=15, show_default=True, help="Seconds.")
def _ping(*, client: Client, as_json: bool, webhook: str, wait: int) -> int:
    """Try a webhook."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.PingWebhookRequest(webhook_id=webhook, wait_seconds=wait)
    delivery = client.call(request, contract.PingWebhookResponse).delivery
    if as_json:
        click.echo(json.dumps(as_dict(delivery), indent=2))
    elif delivery.attempts:
        last = delivery.attempts[-1]
        status = f", HTTP {last.http_status}" if last.HasField("http_status") else ""
        detail = f": {last.detail}" if last.detail else ""
        click.echo(f"{delivery.message_id}: {last.outcome}{status}{detail}")
    else:
        click.echo(f"{delivery.message_id}: no attempt has ended yet")
    came_through = delivery.state == contract.DELIVERY_STATE_DELIVERED
    return int(ExitCode.DONE if came_through else ExitCode.PARTIAL)


@_command("delete", "Take a webhook away with its secrets and messages; what waits is not sent.")
@_webhook
def _delete(*, client: Client, as_json: bool, webhook: str) -> None:
    """Delete a webhook."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.DeleteWebhookRequest(webhook_id=webhook)
    answer = client.call(request, contract.DeleteWebhookResponse)
    if as_json:
        click.echo(json.dumps({"webhook_id": webhook, "dropped_count": answer.dropped_count}))
        return
    click.echo(f"{webhook} is deleted; {answer.dropped_count} messages that waited are not sent")


@_command("resend", "Send messages again: those of --event, or all that were given up.")
@_webhook
@click.option("--event", "events", multiple=True, type=int, help="Number of an event.")
@click.option("--request-id", default="", help="Your own key of this call.")
def _resend(
    *, client: Client, as_json: bool, webhook: str, events: tuple[int, ...], request_id: str
) -> None:
    """Send messages again."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.ResendWebhookDeliveriesRequest(
        request_id=request_id, webhook_id=webhook, event_numbers=events
    )
    answer = client.call(request, contract.ResendWebhookDeliveriesResponse)
    if as_json:
        click.echo(json.dumps(as_dict(answer)))
    else:
        click.echo(f"{answer.resent_count} messages wait to be sent again")


@_command(
    "rotate",
    "Give a webhook another secret. For a while messages carry the signatures of both. The secret "
    "that was made is all there is on stdout.",
)
@_webhook
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 720),
    default=24,
    show_default=True,
    help="How long the secret before stays good; 0: not at all.",
)
@click.option("--request-id", default="", help="Your own key of this call.")
@click.option("--etag", default="", help="Only if the webhook still has this etag.")
@_SECRET
def _rotate(
    *,
    client: Client,
    as_json: bool,
    webhook: str,
    overlap_hours: int,
    request_id: str,
    etag: str,
    secret_file: Path | None,
) -> None:
    """Give a webhook another secret and show it."""
    from tieout.v1 import webhook_service_pb2 as contract

    request = contract.RotateWebhookSecretRequest(
        request_id=request_id,
        webhook_id=webhook,
        secret=secret_file.read_text("ascii").strip() if secret_file else "",
        overlap_seconds=overlap_hours * 3_600,
        at_once=not overlap_hours,
        etag=etag,
    )
    answer = client.call(request, contract.RotateWebhookSecretResponse)
    _print_secret(answer, as_json=as_json)


def _print_secret(answer: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(as_dict(answer), indent=2))
        return
    if answer.secret:
        click.echo(answer.secret)
    click.echo(f"tieout: {answer.webhook.webhook_id} {answer.webhook.url}", err=True)


def _print_state(webhook: webhook_service_pb2.Webhook, *, as_json: bool) -> None:
    from tieout.v1 import webhook_service_pb2 as contract

    if as_json:
        click.echo(json.dumps(as_dict(webhook), indent=2))
        return
    state = contract.WebhookState.Name(webhook.state).removeprefix("WEBHOOK_STATE_").lower()
    click.echo(f"{webhook.webhook_id} is {state}, {webhook.waiting_count} messages wait")


def _lines_of(delivery: webhook_service_pb2.WebhookDelivery) -> Iterator[str]:
    from tieout.v1 import webhook_service_pb2 as contract

    state = contract.DeliveryState.Name(delivery.state).removeprefix("DELIVERY_STATE_").lower()
    then = ""
    if delivery.HasField("next_attempt_time"):
        then = f", next attempt {delivery.next_attempt_time.ToJsonString()[:19]}Z"
    yield f"event {delivery.event_number}  {delivery.kind}  {state}{then}"
    for one in delivery.attempts:
        status = f" {one.http_status}" if one.HasField("http_status") else ""
        words = (
            f"  {one.start_time.ToJsonString()[:19]}Z {one.duration_ms} ms {one.outcome}{status}"
        )
        yield f"{words} {one.detail}".rstrip()
