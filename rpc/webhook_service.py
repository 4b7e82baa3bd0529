"""WebhookService: subscriptions to events. Messages are delivered by a process of their own."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from rpc.caller import current_caller
from rpc.desk_work import key_of
from rpc.errors import (
    CompanyNotPermittedError,
    FieldError,
    WebhookDisabledError,
    WebhookNotFoundError,
)
from rpc.etags import version_in
from rpc.limits import PAGE_SIZE_MAX, REQUEST_ID_LENGTH_MAX, WEBHOOKS_MAX
from rpc.page_tokens import page_limit, page_token, read_page_token
from rpc.webhook_messages import delivery_message, secret_answer, webhook_message
from rpc.webhooks.deliverer import ping_body
from rpc.webhooks.destinations import DestinationError
from rpc.webhooks.signatures import new_secret, secret_of, secret_text
from store.events import EVENT_KINDS
from store.webhook_records import DeliveryFilter, WebhookRecord
from tieout.v1 import webhook_service_pb2 as contract
from tieout.v1 import webhook_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import grpc.aio
    from google.protobuf.message import Message

    from rpc.reading import StoreReader
    from rpc.webhooks.destinations import Guard
    from store.repository import Booking, Repository
    from store.requests import RequestKey

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["WebhookService"]

_M = TypeVar("_M", bound="Message")

_DESCRIPTION_LENGTH_MAX: Final = 200
_OVERLAP_SECONDS: Final = 24 * 3600
_OVERLAP_SECONDS_MAX: Final = 30 * 24 * 3600
_PING_SECONDS_MAX: Final = 30
_LOOK_SECONDS: Final = 0.1
"""How often a ping is looked at that somebody waits for."""
_ORDER: Final = "latest"
_STATES: Final = {
    contract.DELIVERY_STATE_UNSPECIFIED: "",
    contract.DELIVERY_STATE_WAITING: "waiting",
    contract.DELIVERY_STATE_DELIVERED: "delivered",
    contract.DELIVERY_STATE_FAILED: "failed",
}


class WebhookService(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Answers `tieout.v1.WebhookService`."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        writer: StoreReader,
        guard: Guard,
        now_ms: Callable[[], int],
        on_work: Callable[[], None],
    ) -> None:
        """Keep webhooks by `writer`; `guard` says where to. `on_work` hears of messages to come."""
        self._reader = reader
        self._writer = writer
        self._guard = guard
        self._now_ms = now_ms
        self._on_work = on_work

    async def CreateWebhook(  # noqa: N802 - the contract's name
        self,
        request: contract.CreateWebhookRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.CreateWebhookResponse:
        """Add a webhook."""
        secret = self._checked_new(request)
        caller = current_caller()
        now_ms = self._now_ms()
        record = WebhookRecord(
            webhook_id=f"wh_{secrets.token_hex(8)}",
            url=request.url,
            description=request.description,
            kinds=tuple(sorted(set(request.kinds))),
            state="active",
            disabled_because="",
            created_by=caller.name,
            created_at_ms=now_ms,
            proven_at_ms=None,
            cursor_transaction=0,
            cursor_number=0,
            version=1,
        )
        if request.validate_only:
            webhook = await self._reader.ask(lambda store: webhook_message(store.webhooks, record))
            return contract.CreateWebhookResponse(webhook=webhook)

        def add(booking: Booking) -> tuple[contract.CreateWebhookResponse, int]:
            if len(booking.webhooks.all()) >= WEBHOOKS_MAX:
                message = f"there are {WEBHOOKS_MAX} webhooks already"
                raise FieldError(message, field="url", value=request.url)
            end = booking.events.end()
            added = msgspec.structs.replace(
                record, cursor_transaction=end.transaction, cursor_number=end.number
            )
            booking.webhooks.add(added, secret)
            _tell(booking, "webhook_added", record.webhook_id, now_ms, state="active")
            webhook = webhook_message(booking.webhooks, added)
            return contract.CreateWebhookResponse(webhook=webhook), 1

        key = key_of("CreateWebhook", request, caller)
        response, number = await self._once(key, contract.CreateWebhookResponse, add)
        self._on_work()
        if not request.secret:
            response.secret = await self._shown(response.webhook.webhook_id, number)
        return response

    async def ListWebhooks(  # noqa: N802 - the contract's name
        self,
        request: contract.ListWebhooksRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListWebhooksResponse:
        """All of them: there are at most `WEBHOOKS_MAX`."""
        _check_scope()
        page_limit(request.page_size)

        def ask(store: Repository) -> list[contract.Webhook]:
            with store.reading():
                return [webhook_message(store.webhooks, one) for one in store.webhooks.all()]

        return contract.ListWebhooksResponse(webhooks=await self._reader.ask(ask))

    async def DisableWebhook(  # noqa: N802 - the contract's name
        self,
        request: contract.DisableWebhookRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DisableWebhookResponse:
        """Stop a webhook."""
        webhook = await self._set_state(request, "disabled", "by_hand")
        return contract.DisableWebhookResponse(webhook=webhook)

    async def EnableWebhook(  # noqa: N802 - the contract's name
        self,
        request: contract.EnableWebhookRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.EnableWebhookResponse:
        """Start a webhook."""
        webhook = await self._set_state(request, "active", "")
        self._on_work()
        return contract.EnableWebhookResponse(webhook=webhook)

    async def DeleteWebhook(  # noqa: N802 - the contract's name
        self,
        request: contract.DeleteWebhookRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DeleteWebhookResponse:
        """Take a webhook away."""
        _check_mutation(request)
        version = version_in(request.etag)
        now_ms = self._now_ms()

        def delete(booking: Booking) -> tuple[contract.DeleteWebhookResponse, int]:
            webhook = _found(booking, request.webhook_id)
            dropped = booking.webhooks.remove(webhook.webhook_id, version)
            told = {"state": "deleted", "url": webhook.url, "dropped": str(dropped)}
            _tell(booking, "webhook_deleted", webhook.webhook_id, now_ms, **told)
            return contract.DeleteWebhookResponse(dropped_count=dropped), 0

        key = key_of("DeleteWebhook", request, current_caller())
        return (await self._once(key, contract.DeleteWebhookResponse, delete))[0]

    async def PingWebhook(  # noqa: N802 - the contract's name
        self,
        request: contract.PingWebhookRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.PingWebhookResponse:
        """Try a webhook with a message about nothing."""
        _check_mutation(request)
        if not 0 <= request.wait_seconds <= _PING_SECONDS_MAX:
            message = f"wait_seconds is not between 0 and {_PING_SECONDS_MAX}"
            raise FieldError(message, field="wait_seconds", value=str(request.wait_seconds))
        caller, now_ms = current_caller(), self._now_ms()

        def ping(booking: Booking) -> tuple[contract.PingWebhookResponse, int]:
            webhook = _found(booking, request.webhook_id)
            if webhook.state != "active":
                message = f"webhook {webhook.webhook_id!r} is disabled; enable it first"
                raise WebhookDisabledError(message, webhook_id=webhook.webhook_id)
            number = booking.webhooks.add_ping(
                webhook.webhook_id,
                lambda number: ping_body(caller.tenant, number, now_ms, caller.name),
                now_ms,
            )
            booking.audit.record(
                "webhook_pinged",
                webhook.webhook_id,
                actor=caller.name,
                recorded_at_ms=now_ms,
                facts={"message": str(number)},
            )
            return _ping_answer(booking, webhook.webhook_id, number), 0

        key = key_of("PingWebhook", request, caller)
        response, _ = await self._once(key, contract.PingWebhookResponse, ping)
        self._on_work()
        return await self._answered(request, response.delivery.event_number)

    async def _answered(
        self, request: contract.PingWebhookRequest, number: int
    ) -> contract.PingWebhookResponse:
        """The ping once its attempt has ended, or as it stands when the time is over."""
        looks = 1 + int(request.wait_seconds / _LOOK_SECONDS)
        response = contract.PingWebhookResponse()
        for look in range(looks):
            if look:
                await asyncio.sleep(_LOOK_SECONDS)
            response = await self._reader.ask(
                lambda store: _ping_answer(store, request.webhook_id, number)
            )
            if response.delivery.state != contract.DELIVERY_STATE_WAITING:
                break
        return response

    async def RotateWebhookSecret(  # noqa: N802 - the contract's name
        self,
        request: contract.RotateWebhookSecretRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.RotateWebhookSecretResponse:
        """Give a webhook another secret."""
        _check_mutation(request)
        version = version_in(request.etag)
        secret = _secret(request.secret)
        if not 0 <= request.overlap_seconds <= _OVERLAP_SECONDS_MAX:
            message = f"overlap_seconds is not between 0 and {_OVERLAP_SECONDS_MAX}"
            raise FieldError(message, field="overlap_seconds", value=str(request.overlap_seconds))
        seconds = 0 if request.at_once else request.overlap_seconds or _OVERLAP_SECONDS
        now_ms = self._now_ms()
        until_ms = now_ms + seconds * 1000

        def rotate(booking: Booking) -> tuple[contract.RotateWebhookSecretResponse, int]:
            webhook = _found(booking, request.webhook_id)
            number = booking.webhooks.rotate(webhook.webhook_id, secret, now_ms, until_ms, version)
            _tell(booking, "webhook_secret_rotated", webhook.webhook_id, now_ms, secret=str(number))
            message = webhook_message(booking.webhooks, _found(booking, webhook.webhook_id))
            response = contract.RotateWebhookSecretResponse(webhook=message)
            if seconds:
                response.overlap_end_time.FromMilliseconds(until_ms)
            return response, number

        key = key_of("RotateWebhookSecret", request, current_caller())
        response, number = await self._once(key, contract.RotateWebhookSecretResponse, rotate)
        if not request.secret:
            response.secret = await self._shown(request.webhook_id, number)
        return response

    async def ListWebhookDeliveries(  # noqa: N802 - the contract's name
        self,
        request: contract.ListWebhookDeliveriesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListWebhookDeliveriesResponse:
        """One page of messages."""
        _check_scope()
        wanted = DeliveryFilter(webhook_id=request.webhook_id, state=_STATES[request.state])
        limit = page_limit(request.page_size)
        before = read_page_token(request.page_token, wanted, _ORDER) or (0, 0)

        def ask(store: Repository) -> list[contract.WebhookDelivery]:
            with store.reading():
                _found(store, request.webhook_id)
                found = store.webhooks.deliveries(wanted, before[0], limit + 1)
            numbers.extend(one.delivery_number for one in found)
            return [delivery_message(one) for one in found]

        numbers: list[int] = []
        messages = await self._reader.ask(ask)
        last = (numbers[limit - 1], 0) if len(messages) > limit else None
        return contract.ListWebhookDeliveriesResponse(
            deliveries=messages[:limit], next_page_token=page_token(last, wanted, _ORDER)
        )

    async def ResendWebhookDeliveries(  # noqa: N802 - the contract's name
        self,
        request: contract.ResendWebhookDeliveriesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ResendWebhookDeliveriesResponse:
        """Send messages again."""
        _check_mutation(request)
        if len(request.event_numbers) > PAGE_SIZE_MAX:
            message = f"event_numbers has more than {PAGE_SIZE_MAX} entries"
            raise FieldError(message, field="event_numbers")
        now_ms = self._now_ms()

        def resend(booking: Booking) -> tuple[contract.ResendWebhookDeliveriesResponse, int]:
            webhook = _found(booking, request.webhook_id)
            numbers = list(request.event_numbers)
            count = booking.webhooks.resend(webhook.webhook_id, numbers, now_ms)
            return contract.ResendWebhookDeliveriesResponse(resent_count=count), 0

        key = key_of("ResendWebhookDeliveries", request, current_caller())
        response, _ = await self._once(key, contract.ResendWebhookDeliveriesResponse, resend)
        self._on_work()
        return response

    def _checked_new(self, request: contract.CreateWebhookRequest) -> bytes:
        """The secret of a new webhook; raises a `ServiceError` where the request is amiss."""
        _check_mutation(request)
        _check_length("description", request.description, _DESCRIPTION_LENGTH_MAX)
        try:
            self._guard.check_url(request.url)
        except DestinationError as error:
            message = f"url: {error}"
            raise FieldError(message, field="url", value=request.url) from None
        for kind in request.kinds:
            if kind not in EVENT_KINDS:
                message = f"kinds has {kind!r}, expected of {', '.join(EVENT_KINDS)}"
                raise FieldError(message, field="kinds", value=kind)
        return _secret(request.secret)

    async def _set_state(self, request: Any, state: str, because: str) -> contract.Webhook:
        _check_mutation(request)
        version = version_in(request.etag)
        now_ms = self._now_ms()

        def change(booking: Booking) -> tuple[contract.Webhook, int]:
            webhook = _found(booking, request.webhook_id)
            booking.webhooks.set_state(webhook.webhook_id, state, because, version)
            _tell(booking, f"webhook_{state}", webhook.webhook_id, now_ms, state=state)
            return webhook_message(booking.webhooks, _found(booking, request.webhook_id)), 0

        key = key_of(type(request).DESCRIPTOR.name, request, current_caller())
        webhook, _ = await self._once(key, contract.Webhook, change)
        return webhook

    async def _once(
        self,
        key: RequestKey | None,
        answer: type[_M],
        change: Callable[[Booking], tuple[_M, int]],
    ) -> tuple[_M, int]:
        """Perform `change`, or give what it answered to the same request before.

        A secret is no part of what is kept: only its number is.
        """

        def perform(store: Repository) -> tuple[_M, int]:
            with store.booking() as booking:
                kept = booking.requests.find(key) if key else None
                if kept is not None:
                    return secret_answer(kept, answer)
                response, number = change(booking)
                if key is not None:
                    packed = msgspec.msgpack.encode((number, response.SerializeToString()))
                    booking.requests.keep(key, packed, self._now_ms())
                return response, number

        return await self._writer.ask(perform)

    async def _shown(self, webhook_id: str, number: int) -> str:
        """The secret that was made, for whoever made it."""
        return await self._reader.ask(partial(_text_of_secret, webhook_id, number))


def _text_of_secret(webhook_id: str, number: int, store: Repository) -> str:
    secret = store.webhooks.secret(webhook_id, number)
    return secret_text(secret) if secret is not None else ""


def _ping_answer(
    store: Repository | Booking, webhook_id: str, number: int
) -> contract.PingWebhookResponse:
    found = store.webhooks.delivery(webhook_id, number)
    if found is None:
        message = f"there is no webhook {webhook_id!r} any more"
        raise WebhookNotFoundError(message, webhook_id=webhook_id)
    return contract.PingWebhookResponse(delivery=delivery_message(found))


def _found(store: Repository | Booking, webhook_id: str) -> WebhookRecord:
    webhook = store.webhooks.find(webhook_id)
    if webhook is None:
        message = f"there is no webhook {webhook_id!r}"
        raise WebhookNotFoundError(message, webhook_id=webhook_id)
    return webhook


def _tell(booking: Booking, kind: str, webhook_id: str, now_ms: int, **facts: str) -> None:
    """Leave an event and an audit leaf."""
    booking.events.add("webhook.changed", webhook_id, now_ms, facts)
    booking.audit.record(
        kind, webhook_id, actor=current_caller().name, recorded_at_ms=now_ms, facts=facts
    )


def _check_scope() -> None:
    """Events are those of the whole tenant; raises `CompanyNotPermittedError`."""
    caller = current_caller()
    if caller.companies is not None:
        message = f"{caller.name!r} sees some companies only; webhooks tell of the whole tenant"
        raise CompanyNotPermittedError(message, caller=caller.name)


def _check_mutation(request: Any) -> None:
    """Who may, and a key that may be kept; raises as `_check_scope`, or `FieldError`."""
    _check_scope()
    _check_length("request_id", request.request_id, REQUEST_ID_LENGTH_MAX)


def _check_length(field: str, value: Sequence[object], length_max: int) -> None:
    if len(value) > length_max:
        message = f"{field} has {len(value)} characters, at most {length_max} are accepted"
        raise FieldError(message, field=field)


def _secret(text: str) -> bytes:
    if not text:
        return new_secret()
    secret = secret_of(text)
    if secret is None:
        message = "secret is none; expected whsec_ and base64 of 24 to 64 bytes"
        raise FieldError(message, field="secret")
    return secret
