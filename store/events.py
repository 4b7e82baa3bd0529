"""Topic events: what happened, in the order it was committed, for whoever wants to follow.

An event is written in the write block of its effect (an outbox): there is no effect without its
event, and no event without its effect. Readers keep a cursor and lose nothing.

On PostgreSQL numbers may become visible out of order where two transactions overlap. Write blocks
of a tenant follow each other, so ours do not; yet readers are shown no event of a transaction
younger than one that still runs, and are led by the transaction first: whatever else may write
there, nothing is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from store.audit_leaves import canonical_json
from store.errors import CursorError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from store.database import Database

__all__ = ["EVENT_KINDS", "START", "Event", "EventCursor", "EventLog"]

EVENT_KINDS: Final = {
    "bank_file.processed": "A bank file was read, matched and kept.",
    "bank_file.held": "A bank file was kept; its totals do not foot, nothing of it was applied.",
    "bank_file.repeated": "A bank file brought statements that were kept before, in other bytes.",
    "results.posted": "The result of a run made elsewhere was kept and posted.",
    "posting.posted": "Applications were posted.",
    "posting.reversed": "Applications were reversed.",
    "exception.changed": "A clerk's case changed its state.",
    "open_items.changed": "Open items were imported, changed or taken away.",
    "customers.changed": "Customers were imported, changed or taken away.",
    "user.changed": "A local user was added, changed, or got another password.",
    "webhook.changed": "A webhook was added, disabled, enabled, or given another secret.",
    "customer.erased": "The key to a customer's personal data was destroyed.",
    "content.purged": "Contents of bank files were deleted after their retention period.",
    "clearing.violated": "A file's money no longer adds up; posting is halted.",
    "posting.resumed": "An operator let posting go on after a violation.",
}
"""Kinds of events and what each says; a closed list."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `payload` is JSON text: ids, counts and amounts, never personal data."""

    number: int
    kind: str
    subject: str
    occurred_at_ms: int
    payload: str


class EventCursor(msgspec.Struct, frozen=True, order=True):
    """A place in the sequence of events: everything up to it has been read."""

    transaction: int
    number: int

    def __str__(self) -> str:
        """The cursor as text, for callers to keep."""
        return f"{self.transaction}.{self.number}"

    @classmethod
    def of(cls, text: str) -> EventCursor:
        """The cursor that `str` gave; the empty text is the start. Raises `CursorError`."""
        if not text:
            return START
        parts = text.split(".")
        if len(parts) != len(cls.__struct_fields__) or not all(map(str.isdecimal, parts)):
            message = f"cursor {text!r} was never given out; start without one"
            raise CursorError(message, cursor=text)
        return cls(*map(int, parts))


START: Final = EventCursor(0, 0)
"""Before the first event."""


class EventLog:
    """Events of one tenant."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def add(self, kind: str, subject: str, occurred_at_ms: int, payload: Mapping[str, Any]) -> None:
        """Write an event; called in the write block of its effect. `kind` is of `EVENT_KINDS`."""
        if kind not in EVENT_KINDS:
            message = f"{kind!r} is no kind of event"
            raise ValueError(message)
        self._database.rows(
            "INSERT INTO event (kind, subject, occurred_at_ms, payload) VALUES (?, ?, ?, ?)",
            kind,
            subject,
            occurred_at_ms,
            canonical_json(payload).decode(),
        )

    def after(
        self, cursor: EventCursor, limit: int, kinds: Collection[str] = ()
    ) -> tuple[list[Event], EventCursor]:
        """At most `limit` events after `cursor`, and the cursor behind the last one looked at.

        With `kinds`, others are passed over.
        """
        condition, values = "", list(kinds)
        if values:
            condition = f"AND kind IN ({', '.join('?' * len(values))})"
        stable = ""
        transaction = "?"
        if self._database.dialect == "postgresql":
            stable = "AND written_by < pg_snapshot_xmin(pg_current_snapshot())"
            transaction = "CAST(CAST(? AS text) AS xid8)"
        rows = self._database.rows(
            "SELECT CAST(CAST(written_by AS text) AS bigint), event_number, kind, subject, "  # noqa: S608 - fixed texts
            f"occurred_at_ms, payload FROM event WHERE (written_by, event_number) > "
            f"({transaction}, ?) {stable} {condition} ORDER BY written_by, event_number LIMIT ?",
            str(cursor.transaction) if stable else cursor.transaction,
            cursor.number,
            *values,
            limit,
        )
        events = [
            Event(number=number, kind=kind, subject=subject, occurred_at_ms=when, payload=payload)
            for _, number, kind, subject, when, payload in rows
        ]
        return events, EventCursor(*rows[-1][:2]) if rows else cursor

    def end(self) -> EventCursor:
        """The cursor behind everything that may be read now."""
        stable = ""
        if self._database.dialect == "postgresql":
            stable = "WHERE written_by < pg_snapshot_xmin(pg_current_snapshot())"
        rows = self._database.rows(
            "SELECT CAST(CAST(written_by AS text) AS bigint), event_number FROM event "  # noqa: S608 - fixed texts
            f"{stable} ORDER BY written_by DESC, event_number DESC LIMIT 1"
        )
        return EventCursor(*rows[0]) if rows else START

    def count_after(self, cursor: EventCursor) -> int:
        """How many events stand after `cursor`, those that may not be read yet among them."""
        is_postgresql = self._database.dialect == "postgresql"
        transaction = "CAST(CAST(? AS text) AS xid8)" if is_postgresql else "?"
        ((count,),) = self._database.rows(
            "SELECT count(*) FROM event WHERE (written_by, event_number) > "  # noqa: S608 - fixed texts
            f"({transaction}, ?)",
            str(cursor.transaction) if is_postgresql else cursor.transaction,
            cursor.number,
        )
        return int(count)

    def forget_before(self, occurred_before_ms: int) -> int:
        """Forget events older than that and give how many; called in a write block."""
        counted = self._database.rows(
            "SELECT count(*) FROM event WHERE occurred_at_ms < ?", occurred_before_ms
        )
        self._database.rows("DELETE FROM event WHERE occurred_at_ms < ?", occurred_before_ms)
        return int(counted[0][0])
