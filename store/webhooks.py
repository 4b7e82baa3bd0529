"""Topic webhooks: subscriptions, their secrets, and the line of messages to each.

The outbox is the table of events. A webhook has a cursor in it: in one write block events behind
the cursor become messages and the cursor moves on, so that each event becomes one message, or none
yet. A message waits until an attempt is known to have come through; an attempt whose end was never
written down is made again, with the same message id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from store.errors import StaleRowError
from store.events import EventCursor
from store.webhook_records import (
    AttemptRecord,
    DeliveryRecord,
    WaitingDelivery,
    WebhookBacklog,
    WebhookRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from store.data_keys import DataKeyStore
    from store.database import Database
    from store.events import Event, EventLog
    from store.webhook_records import DeliveryFilter

__all__ = ["PING_KIND", "WebhookChanges", "Webhooks"]

PING_KIND: Final = "webhook.ping"
"""Kind of a message that is about no event."""

_COLUMNS: Final = ", ".join(WebhookRecord.__struct_fields__)
_DELIVERY: Final = ", ".join(DeliveryRecord.__struct_fields__[:-1])
_ATTEMPT: Final = ", ".join(AttemptRecord.__struct_fields__)
_KIND_SEPARATOR: Final = ";"


class Webhooks:
    """What may be asked about webhooks."""

    def __init__(self, database: Database, keys: DataKeyStore) -> None:
        """Ask `database`; `keys` open the secrets."""
        self._database = database
        self._keys = keys

    def find(self, webhook_id: str) -> WebhookRecord | None:
        """The webhook with that id."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM webhook WHERE webhook_id = ?",  # noqa: S608 - fixed texts
            webhook_id,
        )
        return _webhook(rows[0]) if rows else None

    def all(self, *, with_disabled: bool = True) -> list[WebhookRecord]:
        """Webhooks in the order they were made."""
        which = "" if with_disabled else "WHERE state = 'active'"
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM webhook {which} ORDER BY created_at_ms, webhook_id"  # noqa: S608 - fixed texts
        )
        return [_webhook(row) for row in rows]

    def secrets(self, webhook_id: str, now_ms: int) -> list[bytes]:
        """Secrets that are valid now, the one in force first; raises `KeyMissingError`."""
        rows = self._database.rows(
            "SELECT secret_number, master_key, wrapped FROM webhook_secret WHERE webhook_id = ? "
            "AND (valid_until_ms IS NULL OR valid_until_ms > ?) ORDER BY secret_number DESC",
            webhook_id,
            now_ms,
        )
        return [
            self._keys.open_secret(master_key, bytes(wrapped), _purpose(webhook_id, number))
            for number, master_key, wrapped in rows
        ]

    def secret(self, webhook_id: str, secret_number: int) -> bytes | None:
        """One secret by its number; raises `KeyMissingError`."""
        rows = self._database.rows(
            "SELECT master_key, wrapped FROM webhook_secret WHERE webhook_id = ? "
            "AND secret_number = ?",
            webhook_id,
            secret_number,
        )
        if not rows:
            return None
        purpose = _purpose(webhook_id, secret_number)
        return self._keys.open_secret(rows[0][0], bytes(rows[0][1]), purpose)

    def backlog(self, webhook_id: str) -> WebhookBacklog:
        """What waits, and what was given up."""
        rows = self._database.rows(
            "SELECT state, count(*), min(created_at_ms) FROM webhook_delivery "
            "WHERE webhook_id = ? AND state <> 'delivered' AND event_number > 0 GROUP BY state",
            webhook_id,
        )
        counted = {state: (count, oldest) for state, count, oldest in rows}
        waiting, oldest = counted.get("waiting", (0, None))
        return WebhookBacklog(
            waiting=waiting, failed=counted.get("failed", (0, 0))[0], oldest_waiting_ms=oldest
        )

    def due(
        self, webhook_id: str, now_ms: int, limit: int, without: Iterable[int]
    ) -> list[WaitingDelivery]:
        """Messages whose attempt is due, in the order of their events; `without` those numbers."""
        left_out = list(without)
        marks = ", ".join("?" * len(left_out)) or "0"
        rows = self._database.rows(
            "SELECT d.delivery_number, d.webhook_id, w.url, d.event_number, d.body, "  # noqa: S608 - fixed texts
            "d.failed_count, d.created_at_ms FROM webhook_delivery d "
            "JOIN webhook w ON w.webhook_id = d.webhook_id "
            "WHERE d.webhook_id = ? AND d.state = 'waiting' AND d.next_attempt_at_ms <= ? "
            f"AND d.delivery_number NOT IN ({marks}) "
            "ORDER BY d.failed_count > 0, d.delivery_number LIMIT ?",
            webhook_id,
            now_ms,
            *left_out,
            limit,
        )
        names = WaitingDelivery.__struct_fields__
        return [WaitingDelivery(**dict(zip(names, row, strict=True))) for row in rows]

    def deliveries(
        self, wanted: DeliveryFilter, before_number: int, limit: int
    ) -> list[DeliveryRecord]:
        """Messages of a webhook with their attempts, the latest first."""
        state = "AND state = ?" if wanted.state else ""
        rows = self._database.rows(
            f"SELECT {_DELIVERY} FROM webhook_delivery WHERE webhook_id = ? {state} "  # noqa: S608 - fixed texts
            "AND (? = 0 OR delivery_number < ?) ORDER BY delivery_number DESC LIMIT ?",
            wanted.webhook_id,
            *([wanted.state] if wanted.state else []),
            before_number,
            before_number,
            limit,
        )
        names = DeliveryRecord.__struct_fields__[:-1]
        return [
            DeliveryRecord(**dict(zip(names, row, strict=True)), attempts=self._attempts(row[0]))
            for row in rows
        ]

    def delivery(self, webhook_id: str, event_number: int) -> DeliveryRecord | None:
        """The message of one event, with its attempts."""
        rows = self._database.rows(
            f"SELECT {_DELIVERY} FROM webhook_delivery WHERE webhook_id = ? AND event_number = ?",  # noqa: S608 - fixed texts
            webhook_id,
            event_number,
        )
        names = DeliveryRecord.__struct_fields__[:-1]
        for row in rows:
            attempts = self._attempts(row[0])
            return DeliveryRecord(**dict(zip(names, row, strict=True)), attempts=attempts)
        return None

    def has_work(self) -> bool:
        """Whether anything is, or may have to be, sent."""
        return bool(self._database.rows("SELECT 1 FROM webhook WHERE state = 'active' LIMIT 1"))

    def _attempts(self, delivery_number: int) -> tuple[AttemptRecord, ...]:
        rows = self._database.rows(
            f"SELECT {_ATTEMPT} FROM webhook_attempt WHERE delivery_number = ? "  # noqa: S608 - fixed texts
            "ORDER BY attempt_number",
            delivery_number,
        )
        names = AttemptRecord.__struct_fields__
        return tuple(AttemptRecord(**dict(zip(names, row, strict=True))) for row in rows)


class WebhookChanges(Webhooks):
    """What a booking may do about webhooks."""

    def add(self, record: WebhookRecord, secret: bytes) -> None:
        """Keep a new webhook with its first secret; raises `KeyMissingError`."""
        values = msgspec.structs.asdict(record) | {"kinds": _KIND_SEPARATOR.join(record.kinds)}
        marks = ", ".join("?" * len(values))
        self._database.rows(
            f"INSERT INTO webhook ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - fixed texts
            *values.values(),
        )
        self._keep_secret(record.webhook_id, 1, secret, record.created_at_ms)

    def rotate(
        self,
        webhook_id: str,
        secret: bytes,
        now_ms: int,
        old_until_ms: int,
        version: int | None = None,
    ) -> int:
        """Let `secret` be in force, and the one before valid until then; gives its number.

        Raises `StaleRowError` where `version` is not the row's any more.
        """
        changed = self._database.change(
            "UPDATE webhook SET version = version + 1 "
            "WHERE webhook_id = ? AND (CAST(? AS BIGINT) IS NULL OR version = ?)",
            webhook_id,
            version,
            version,
        )
        if not changed:
            raise _stale(webhook_id)
        self._database.rows(
            "UPDATE webhook_secret SET valid_until_ms = ? WHERE webhook_id = ? "
            "AND (valid_until_ms IS NULL OR valid_until_ms > ?)",
            old_until_ms,
            webhook_id,
            old_until_ms,
        )
        self._database.rows(
            "DELETE FROM webhook_secret WHERE webhook_id = ? AND valid_until_ms <= ?",
            webhook_id,
            now_ms,
        )
        ((last,),) = self._database.rows(
            "SELECT coalesce(max(secret_number), 0) FROM webhook_secret WHERE webhook_id = ?",
            webhook_id,
        )
        self._keep_secret(webhook_id, last + 1, secret, now_ms)
        return int(last) + 1

    def set_state(self, webhook_id: str, state: str, because: str, version: int | None) -> None:
        """Disable or enable; raises `StaleRowError` where `version` is not the row's any more."""
        changed = self._database.change(
            "UPDATE webhook SET state = ?, disabled_because = ?, version = version + 1 "
            "WHERE webhook_id = ? AND (CAST(? AS BIGINT) IS NULL OR version = ?)",
            state,
            because,
            webhook_id,
            version,
            version,
        )
        if not changed:
            raise _stale(webhook_id)

    def remove(self, webhook_id: str, version: int | None) -> int:
        """Take a webhook away with all that belongs to it; gives how many messages waited.

        Raises `StaleRowError` where `version` is not the row's any more.
        """
        found = self.find(webhook_id)
        if found is None or version not in (None, found.version):
            raise _stale(webhook_id)
        waiting = self.backlog(webhook_id).waiting
        of_deliveries = "SELECT delivery_number FROM webhook_delivery WHERE webhook_id = ?"
        for which in (
            f"webhook_attempt WHERE delivery_number IN ({of_deliveries})",
            "webhook_delivery WHERE webhook_id = ?",
            "webhook_secret WHERE webhook_id = ?",
            "webhook WHERE webhook_id = ?",
        ):
            self._database.rows(f"DELETE FROM {which}", webhook_id)  # noqa: S608 - fixed texts
        return waiting

    def add_ping(self, webhook_id: str, body_of: Callable[[int], str], now_ms: int) -> int:
        """Put a ping in the line of a webhook, and give its number, which no event has."""
        ((least,),) = self._database.rows(
            "SELECT coalesce(min(event_number), 0) FROM webhook_delivery WHERE webhook_id = ?",
            webhook_id,
        )
        number = min(int(least), 0) - 1
        self._database.rows(
            "INSERT INTO webhook_delivery (webhook_id, event_number, kind, body, state, "
            "next_attempt_at_ms, created_at_ms) VALUES (?, ?, ?, ?, 'waiting', ?, ?)",
            webhook_id,
            number,
            PING_KIND,
            body_of(number),
            now_ms,
            now_ms,
        )
        return number

    def fan_out(
        self,
        webhook: WebhookRecord,
        events: EventLog,
        limit: int,
        now_ms: int,
        body_of: Callable[[Event], str],
    ) -> int:
        """Make messages of the events behind the webhook's cursor; gives how many were read."""
        cursor = EventCursor(webhook.cursor_transaction, webhook.cursor_number)
        found, after = events.after(cursor, limit)
        if after == cursor:
            return 0
        moved = self._database.change(
            "UPDATE webhook SET cursor_transaction = ?, cursor_number = ? WHERE webhook_id = ? "
            "AND state = 'active' AND cursor_transaction = ? AND cursor_number = ?",
            after.transaction,
            after.number,
            webhook.webhook_id,
            cursor.transaction,
            cursor.number,
        )
        if not moved:
            return 0
        self._database.execute_many(
            "INSERT INTO webhook_delivery (webhook_id, event_number, kind, body, state, "
            "next_attempt_at_ms, created_at_ms) VALUES (?, ?, ?, ?, 'waiting', ?, ?) "
            "ON CONFLICT (webhook_id, event_number) DO NOTHING",
            [
                (webhook.webhook_id, one.number, one.kind, body_of(one), now_ms, now_ms)
                for one in found
                if not webhook.kinds or one.kind in webhook.kinds
            ],
        )
        return len(found)

    def attempted(
        self, delivery: WaitingDelivery, attempt: AttemptRecord, next_at_ms: int | None
    ) -> None:
        """Write down an attempt. It came through, or there is another at `next_at_ms`, or none.

        What came of a message whose webhook was taken away meanwhile is nobody's.
        """
        if not self._database.rows(
            "SELECT 1 FROM webhook_delivery WHERE delivery_number = ?", delivery.delivery_number
        ):
            return
        ((number,),) = self._database.rows(
            "SELECT coalesce(max(attempt_number), 0) + 1 FROM webhook_attempt "
            "WHERE delivery_number = ?",
            delivery.delivery_number,
        )
        marks = ", ".join("?" * (2 + len(AttemptRecord.__struct_fields__)))
        self._database.rows(
            f"INSERT INTO webhook_attempt (delivery_number, attempt_number, {_ATTEMPT}) "  # noqa: S608 - fixed texts
            f"VALUES ({marks})",
            delivery.delivery_number,
            number,
            *msgspec.structs.astuple(attempt),
        )
        ended_at_ms = attempt.started_at_ms + attempt.duration_ms
        came_through = attempt.outcome == "delivered"
        state = "delivered" if came_through else "waiting" if next_at_ms is not None else "failed"
        self._database.rows(
            "UPDATE webhook_delivery SET state = ?, failed_count = failed_count + ?, "
            "next_attempt_at_ms = ?, ended_at_ms = ? "
            "WHERE delivery_number = ? AND state = 'waiting'",
            state,
            int(not came_through),
            next_at_ms or ended_at_ms,
            None if state == "waiting" else ended_at_ms,
            delivery.delivery_number,
        )
        if came_through:
            self._database.rows(
                "UPDATE webhook SET proven_at_ms = ? WHERE webhook_id = ?",
                ended_at_ms,
                delivery.webhook_id,
            )

    def resend(self, webhook_id: str, event_numbers: Sequence[int], now_ms: int) -> int:
        """Let messages be sent again from the first attempt on; gives how many.

        Without numbers, all that were given up.
        """
        which = "state = 'failed' AND event_number > 0"
        if event_numbers:
            which = f"event_number IN ({', '.join('?' * len(event_numbers))})"
        return self._database.change(
            "UPDATE webhook_delivery SET state = 'waiting', failed_count = 0, "  # noqa: S608 - fixed texts
            f"next_attempt_at_ms = ?, ended_at_ms = NULL WHERE webhook_id = ? AND {which}",
            now_ms,
            webhook_id,
            *event_numbers,
        )

    def forget_before(self, ended_before_ms: int) -> int:
        """Forget messages that ended before, and their attempts; gives how many."""
        self._database.rows(
            "DELETE FROM webhook_attempt WHERE delivery_number IN (SELECT delivery_number "
            "FROM webhook_delivery WHERE ended_at_ms < ?)",
            ended_before_ms,
        )
        return self._database.change(
            "DELETE FROM webhook_delivery WHERE ended_at_ms < ?", ended_before_ms
        )

    def _keep_secret(self, webhook_id: str, number: int, secret: bytes, now_ms: int) -> None:
        master_key, wrapped = self._keys.seal_secret(secret, _purpose(webhook_id, number))
        self._database.rows(
            "INSERT INTO webhook_secret (webhook_id, secret_number, master_key, wrapped, "
            "created_at_ms) VALUES (?, ?, ?, ?, ?)",
            webhook_id,
            number,
            master_key,
            wrapped,
            now_ms,
        )

    def rewrap(self) -> int:
        """Wrap every secret by the master key in force; gives how many were not yet."""
        current = self._keys.master_key
        rows = self._database.rows(
            "SELECT webhook_id, secret_number, master_key, wrapped FROM webhook_secret "
            "WHERE master_key <> ?",
            current,
        )
        for webhook_id, number, master_key, wrapped in rows:
            purpose = _purpose(webhook_id, number)
            secret = self._keys.open_secret(master_key, bytes(wrapped), purpose)
            self._database.rows(
                "UPDATE webhook_secret SET master_key = ?, wrapped = ? "
                "WHERE webhook_id = ? AND secret_number = ?",
                *self._keys.seal_secret(secret, purpose),
                webhook_id,
                number,
            )
        return len(rows)


def _webhook(row: tuple[object, ...]) -> WebhookRecord:
    values = dict(zip(WebhookRecord.__struct_fields__, row, strict=True))
    kinds = tuple(filter(None, str(values["kinds"]).split(_KIND_SEPARATOR)))
    return msgspec.convert(values | {"kinds": kinds}, WebhookRecord)


def _stale(webhook_id: str) -> StaleRowError:
    message = f"webhook {webhook_id!r} was changed by somebody else; look at it again"
    return StaleRowError(message, webhook_id=webhook_id)


def _purpose(webhook_id: str, secret_number: int) -> str:
    return f"tieout webhook secret {webhook_id}/{secret_number}"
