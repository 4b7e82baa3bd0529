"""What the store keeps about webhooks, as records."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "ATTEMPT_OUTCOMES",
    "AttemptRecord",
    "DeliveryFilter",
    "DeliveryRecord",
    "WaitingDelivery",
    "WebhookBacklog",
    "WebhookRecord",
]

ATTEMPT_OUTCOMES: Final = {
    "delivered": "The receiver answered with 2xx.",
    "refused": "The receiver answered with 4xx.",
    "failed": "The receiver answered with 5xx, or with something that is no HTTP.",
    "redirected": "The receiver answered with 3xx; redirects are not followed.",
    "gone": "The receiver answered with 410; the webhook is disabled.",
    "timeout": "No answer came in time.",
    "unreachable": "No connection came about.",
    "forbidden": "The address is one that may not be called.",
    "unsealed": "The secret cannot be opened with the keys that are configured.",
}
"""What may come of an attempt; a closed list."""


class WebhookRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription. `kinds` empty: all. `disabled_because`: `by_hand`, `gone`, `exhausted`."""

    webhook_id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    state: str
    disabled_because: str
    created_by: str
    created_at_ms: int
    proven_at_ms: int | None
    cursor_transaction: int
    cursor_number: int
    version: int


class WebhookBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits at a webhook, and what was given up."""

    waiting: int = 0
    failed: int = 0
    oldest_waiting_ms: int | None = None


class WaitingDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due."""

    delivery_number: int
    webhook_id: str
    url: str
    event_number: int
    body: str
    failed_count: int
    created_at_ms: int


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt; `outcome` is of `ATTEMPT_OUTCOMES`."""

    started_at_ms: int
    duration_ms: int
    outcome: str
    status: int | None = None
    detail: str = ""


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one webhook, with its attempts."""

    delivery_number: int
    webhook_id: str
    event_number: int
    kind: str
    state: str
    failed_count: int
    next_attempt_at_ms: int
    created_at_ms: int
    ended_at_ms: int | None
    attempts: tuple[AttemptRecord, ...] = ()


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries of a webhook; an empty state is every one."""

    webhook_id: str
    state: str = ""
