"""Delivers one tenant's messages: looks, sends, writes down, again and again.

A message is sent until an attempt is known to have come through: what was on its way when the
process died is sent again, with the same id, by which receivers tell. Several messages are on their
way to a webhook at once; to one that fails, a single one, until it answers well again.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from rpc.webhooks.schedule import next_attempt_ms
from rpc.webhooks.sending import Answer
from rpc.webhooks.signatures import signatures
from store.audit_leaves import canonical_json
from store.errors import KeyMissingError, StoreBusyError
from store.events import Event, EventCursor
from store.webhook_records import AttemptRecord
from store.webhooks import PING_KIND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rpc.webhooks.sending import Sender
    from store.repository import Booking, Repository
    from store.webhook_records import WaitingDelivery, WebhookBacklog, WebhookRecord

__all__ = ["Deliverer", "DelivererReport", "message_body", "message_id", "ping_body"]

_T = TypeVar("_T")

_EVENTS_PER_LOOK: Final = 500
_AT_ONCE: Final = 4
"""Messages on their way to one webhook."""
_STRUGGLING: Final = 3
"""Failures in a row after which a webhook gets one message at a time."""
_LOOK_SECONDS: Final = 0.25
"""How often it looks for events and for messages that are due."""
_DETAIL_LENGTH_MAX: Final = 300
_ACTOR: Final = "webhook delivery"
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_log = logging.getLogger(__name__)


class DelivererReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the last report, and what waits now.

    `pending` are events that some webhook has yet to get; `delivered_after_ms` says of each message
    that came through how long ago what it tells of had happened.
    """

    tenant: str
    attempts: dict[str, int]
    waiting: int
    pending: int = 0
    delivered_after_ms: list[int] = []
    oldest_waiting_ms: int | None = None


class _Result(msgspec.Struct, frozen=True):
    """An attempt that ended."""

    delivery: WaitingDelivery
    started_at_ms: int
    ended_at_ms: int
    answer: Answer


def message_id(webhook_id: str, event_number: int) -> str:
    """The id of a message: the same for every attempt, by hand or not."""
    if event_number < 0:
        return f"{webhook_id}_ping{-event_number}"
    return f"{webhook_id}_{event_number}"


def message_body(tenant: str, event: Event) -> str:
    """The body of the message of an event, in the specification's shape."""
    moment = _EPOCH + datetime.timedelta(milliseconds=event.occurred_at_ms)
    data = {
        "tenant": tenant,
        "event_number": event.number,
        "subject": event.subject,
        "payload": msgspec.json.decode(event.payload),
    }
    when = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return canonical_json({"type": event.kind, "timestamp": when, "data": data}).decode()


def ping_body(tenant: str, number: int, at_ms: int, asked_by: str) -> str:
    """The body of a ping, as of the message of an event."""
    payload = msgspec.json.encode({"asked_by": asked_by}).decode()
    ping = Event(
        number=number,
        kind=PING_KIND,
        subject="",
        occurred_at_ms=at_ms,
        payload=payload,
    )
    return message_body(tenant, ping)


def _happened_at_ms(body: str) -> int:
    """When what a message tells of happened, as it says itself."""
    told = msgspec.json.decode(body, type=_Dated).timestamp
    return (told - _EPOCH) // datetime.timedelta(milliseconds=1)


class _Dated(msgspec.Struct):
    timestamp: datetime.datetime


class Deliverer:
    """Delivers the messages of one tenant."""

    def __init__(
        self,
        tenant: str,
        repository: Repository,
        sender: Sender,
        *,
        now_ms: Callable[[], int],
        chance: Callable[[], float],
        ask: Callable[[Callable[[], _T]], Awaitable[_T]],
    ) -> None:
        """Keep account in `repository`, asked by way of `ask`, which does so on its thread."""
        self._tenant = tenant
        self._repository = repository
        self._sender = sender
        self._now_ms = now_ms
        self._chance = chance
        self._ask: Any = ask
        self._under_way: dict[asyncio.Task[_Result], WaitingDelivery] = {}
        self._unwritten: list[_Result] = []
        self._failures = Counter[str]()
        self._attempts = Counter[str]()
        self._delivered_after_ms: list[int] = []

    async def look(self) -> None:
        """Write down what ended, make messages of new events, send what is due."""
        await self._write_down()
        for webhook in await self._ask(self._moved_on):
            webhook_id = webhook.webhook_id
            busy = {number for number, one in self._busy().items() if one.webhook_id == webhook_id}
            room = 1 if self._failures[webhook_id] >= _STRUGGLING else _AT_ONCE
            if len(busy) >= room:
                continue
            due, secrets = await self._ask(
                partial(self._due, webhook_id, room - len(busy), frozenset(busy))
            )
            for delivery in due:
                task = asyncio.create_task(self._attempt(delivery, secrets))
                self._under_way[task] = delivery

    async def wait(self) -> None:
        """Wait for the end of an attempt, or until it is time to look again."""
        if self._under_way:
            await asyncio.wait(
                self._under_way, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(_LOOK_SECONDS)

    async def finish(self, seconds: float) -> None:
        """Wait for attempts under way, so long, and write down what ended."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        await self._write_down()

    async def report(self) -> DelivererReport:
        """What happened since the last report."""

        def backlogs() -> tuple[list[WebhookBacklog], int]:
            store = self._repository
            active = store.webhooks.all(with_disabled=False)
            cursors = [EventCursor(one.cursor_transaction, one.cursor_number) for one in active]
            ahead = sum(map(store.events.count_after, cursors))
            return [store.webhooks.backlog(one.webhook_id) for one in active], ahead

        found, ahead = await self._ask(backlogs)
        attempts, self._attempts = dict(self._attempts), Counter()
        delivered, self._delivered_after_ms = self._delivered_after_ms, []
        waiting = sum(one.waiting for one in found)
        oldest = [one.oldest_waiting_ms for one in found if one.oldest_waiting_ms is not None]
        return DelivererReport(
            tenant=self._tenant,
            attempts=attempts,
            waiting=waiting,
            pending=waiting + ahead,
            delivered_after_ms=delivered,
            oldest_waiting_ms=min(oldest, default=None),
        )

    def _busy(self) -> dict[int, WaitingDelivery]:
        """What is on its way, or came back and is not written down yet."""
        found = [*self._under_way.values(), *(one.delivery for one in self._unwritten)]
        return {one.delivery_number: one for one in found}

    def _moved_on(self) -> list[WebhookRecord]:
        """The active webhooks, after new events became messages."""
        store = self._repository
        active = store.webhooks.all(with_disabled=False)
        end = store.events.end()
        for webhook in active:
            if (webhook.cursor_transaction, webhook.cursor_number) >= (end.transaction, end.number):
                continue
            try:
                with store.booking() as booking:
                    booking.webhooks.fan_out(
                        webhook, booking.events, _EVENTS_PER_LOOK, self._now_ms(), self._body
                    )
            except StoreBusyError:
                _log.debug("tenant %s: a booking holds the store; events wait", self._tenant)
        return active

    def _body(self, event: Event) -> str:
        return message_body(self._tenant, event)

    def _due(
        self, webhook_id: str, room: int, busy: frozenset[int]
    ) -> tuple[list[WaitingDelivery], list[bytes] | None]:
        """What is due, and the secrets to sign it with; None where they cannot be opened."""
        webhooks = self._repository.webhooks
        due = webhooks.due(webhook_id, self._now_ms(), room, busy)
        if not due:
            return [], []
        try:
            return due, webhooks.secrets(webhook_id, self._now_ms())
        except KeyMissingError as error:
            _log.error("tenant %s, webhook %s: %s", self._tenant, webhook_id, error)
            return due, None

    async def _attempt(self, delivery: WaitingDelivery, secrets: list[bytes] | None) -> _Result:
        started_at_ms = self._now_ms()
        if secrets is None:
            detail = "the secret cannot be opened with the keys that are configured"
            answer = Answer(outcome="unsealed", detail=detail)
        else:
            body = delivery.body.encode()
            identity = message_id(delivery.webhook_id, delivery.event_number)
            seconds = started_at_ms // 1000
            headers = {
                "webhook-id": identity,
                "webhook-timestamp": str(seconds),
                "webhook-signature": signatures(secrets, identity, seconds, body),
                "Content-Type": "application/json",
                "User-Agent": "Tieout",
            }
            answer = await self._sender.send(delivery.url, headers, body)
        return _Result(delivery, started_at_ms, self._now_ms(), answer)

    async def _write_down(self) -> None:
        """Keep what came of attempts; what the store has no time for is kept the next time."""
        for task in [one for one in self._under_way if one.done()]:
            del self._under_way[task]
            result = task.result()
            self._unwritten.append(result)
            self._attempts[result.answer.outcome] += 1
            is_good = result.answer.outcome == "delivered"
            if is_good and result.delivery.event_number > 0:
                happened_at_ms = _happened_at_ms(result.delivery.body)
                self._delivered_after_ms.append(result.ended_at_ms - happened_at_ms)
            webhook_id = result.delivery.webhook_id
            self._failures[webhook_id] = 0 if is_good else self._failures[webhook_id] + 1
        if not self._unwritten:
            return
        try:
            await self._ask(partial(self._keep, tuple(self._unwritten)))
        except StoreBusyError:
            _log.debug("tenant %s: a booking holds the store; attempts wait", self._tenant)
        else:
            self._unwritten.clear()

    def _keep(self, results: tuple[_Result, ...]) -> None:
        with self._repository.booking() as booking:
            for result in results:
                self._keep_one(booking, result)

    def _keep_one(self, booking: Booking, result: _Result) -> None:
        delivery, answer = result.delivery, result.answer
        next_at_ms = None
        is_ping = delivery.event_number < 0
        if answer.outcome != "delivered" and not is_ping:
            next_at_ms = next_attempt_ms(
                delivery.failed_count + 1,
                result.ended_at_ms,
                self._chance(),
                answer.retry_after_seconds,
            )
        record = AttemptRecord(
            started_at_ms=result.started_at_ms,
            duration_ms=result.ended_at_ms - result.started_at_ms,
            outcome=answer.outcome,
            status=answer.status,
            detail=answer.detail[:_DETAIL_LENGTH_MAX],
        )
        booking.webhooks.attempted(delivery, record, next_at_ms)
        if answer.outcome == "gone":
            self._disable(booking, delivery.webhook_id, "gone")
        elif answer.outcome != "delivered" and next_at_ms is None and not is_ping:
            webhook = booking.webhooks.find(delivery.webhook_id)
            if webhook is not None and (webhook.proven_at_ms or 0) < delivery.created_at_ms:
                self._disable(booking, delivery.webhook_id, "exhausted")

    def _disable(self, booking: Booking, webhook_id: str, because: str) -> None:
        """Nobody takes messages there: send no more until somebody enables it again."""
        webhook = booking.webhooks.find(webhook_id)
        if webhook is None or webhook.state == "disabled":
            return
        now_ms = self._now_ms()
        booking.webhooks.set_state(webhook_id, "disabled", because, None)
        told = {"state": "disabled", "because": because}
        booking.events.add("webhook.changed", webhook_id, now_ms, told)
        booking.audit.record(
            "webhook_disabled", webhook_id, actor=_ACTOR, recorded_at_ms=now_ms, facts=told
        )
        _log.warning("tenant %s, webhook %s is disabled: %s", self._tenant, webhook_id, because)
