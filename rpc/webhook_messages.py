"""Webhooks and their messages as messages of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from rpc.webhooks.deliverer import message_id
from tieout.v1 import webhook_service_pb2 as contract

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from store.webhook_records import DeliveryRecord, WebhookRecord
    from store.webhooks import Webhooks

__all__ = ["delivery_message", "secret_answer", "webhook_message"]

_M = TypeVar("_M", bound="Message")

_DELIVERY_STATES: Final = {
    "waiting": contract.DELIVERY_STATE_WAITING,
    "delivered": contract.DELIVERY_STATE_DELIVERED,
    "failed": contract.DELIVERY_STATE_FAILED,
}


def webhook_message(webhooks: Webhooks, record: WebhookRecord) -> contract.Webhook:
    """A webhook and what waits there; never its secret."""
    backlog = webhooks.backlog(record.webhook_id)
    is_active = record.state == "active"
    message = contract.Webhook(
        webhook_id=record.webhook_id,
        url=record.url,
        description=record.description,
        kinds=record.kinds,
        state=contract.WEBHOOK_STATE_ACTIVE if is_active else contract.WEBHOOK_STATE_DISABLED,
        disabled_because=record.disabled_because,
        created_by=record.created_by,
        waiting_count=backlog.waiting,
        failed_count=backlog.failed,
        etag=str(record.version),
    )
    message.create_time.FromMilliseconds(record.created_at_ms)
    if record.proven_at_ms is not None:
        message.prove_time.FromMilliseconds(record.proven_at_ms)
    return message


def delivery_message(record: DeliveryRecord) -> contract.WebhookDelivery:
    """A message to a webhook, with every attempt."""
    message = contract.WebhookDelivery(
        message_id=message_id(record.webhook_id, record.event_number),
        event_number=record.event_number,
        kind=record.kind,
        state=_DELIVERY_STATES[record.state],
    )
    message.create_time.FromMilliseconds(record.created_at_ms)
    if record.state == "waiting":
        message.next_attempt_time.FromMilliseconds(record.next_attempt_at_ms)
    for one in record.attempts:
        attempt = message.attempts.add(
            duration_ms=one.duration_ms,
            outcome=one.outcome,
            http_status=one.status,
            detail=one.detail,
        )
        attempt.start_time.FromMilliseconds(one.started_at_ms)
    return message


def secret_answer(kept: bytes, answer: type[_M]) -> tuple[_M, int]:
    """A first answer, and the number of the secret it showed; 0 for none."""
    number, content = msgspec.msgpack.decode(kept, type=tuple[int, bytes])
    return answer.FromString(content), number
