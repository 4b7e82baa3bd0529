"""Topic mentions: who was asked in a note to look at a case, and whether they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from desk.acts import Act, Note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from store.case_records import ActRecord
    from store.database import Database

__all__ = ["MENTIONED", "Mention", "MentionChanges", "Mentions", "keep_mentions"]

MENTIONED: Final = "case.mentioned"
"""The event of an act that names people."""

_LATEST: Final = 1 << 62
_LISTED: Final = (
    "SELECT m.row_number, m.case_id, m.act_number, a.actor, a.act, m.mentioned_at_ms, "
    "m.read_at_ms FROM mention m JOIN case_act a "
    "ON a.case_id = m.case_id AND a.act_number = m.act_number"
)


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """One person in one note; `read_at_ms` 0: not read yet. `number` grows with time."""

    number: int
    case_id: str
    act_number: int
    author: str
    text: str
    mentioned_at_ms: int
    read_at_ms: int


class Mentions:
    """What may be asked about mentions."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def of_person(
        self, person: str, before_number: int, limit: int, *, with_read: bool
    ) -> list[Mention]:
        """At most `limit` mentions, the latest first, before a number (0: from the latest)."""
        condition = "" if with_read else "AND m.read_at_ms = 0 "
        rows = self._database.rows(
            f"{_LISTED} WHERE m.person = ? AND m.row_number < ? {condition}"
            "ORDER BY m.row_number DESC LIMIT ?",
            person,
            before_number or _LATEST,
            limit,
        )
        return [_mention(row) for row in rows]

    def unread_count(self, person: str) -> int:
        """How many a person has not read."""
        ((count,),) = self._database.rows(
            "SELECT count(*) FROM mention WHERE person = ? AND read_at_ms = 0", person
        )
        return int(count)

    def unread_acts(self, person: str, case_id: str) -> list[int]:
        """The acts of a case in which a person has something to read."""
        rows = self._database.rows(
            "SELECT act_number FROM mention WHERE case_id = ? AND person = ? AND read_at_ms = 0 "
            "ORDER BY act_number",
            case_id,
            person,
        )
        return [int(row[0]) for row in rows]

    def rows_of_cases(self, person: str) -> NDArray[np.int64]:
        """Row numbers of the cases in which a person has something to read, in order."""
        rows = self._database.rows(
            "SELECT DISTINCT c.row_number FROM mention m "
            "JOIN exception_case c ON c.case_id = m.case_id "
            "WHERE m.person = ? AND m.read_at_ms = 0 ORDER BY c.row_number",
            person,
        )
        return np.array([row[0] for row in rows], dtype=np.int64)


class MentionChanges(Mentions):
    """What a booking may do with mentions."""

    def read(self, person: str, case_ids: Sequence[str], now_ms: int) -> None:
        """A person has read them, in these cases or (none) everywhere."""
        marks = ", ".join("?" * len(case_ids))
        of_cases = f"AND case_id IN ({marks})" if case_ids else ""
        self._database.rows(
            "UPDATE mention SET read_at_ms = ? "  # noqa: S608 - marks alone
            f"WHERE person = ? AND read_at_ms = 0 {of_cases}",
            now_ms,
            person,
            *case_ids,
        )


def keep_mentions(database: Database, act: ActRecord) -> None:
    """Whoever an act names has something to read; whoever acts has read what was there."""
    database.rows(
        "UPDATE mention SET read_at_ms = ? WHERE person = ? AND case_id = ? AND read_at_ms = 0",
        act.performed_at_ms,
        act.actor,
        act.case_id,
    )
    named = [name for event in act.events if event.kind == MENTIONED for name in event.names]
    database.execute_many(
        "INSERT INTO mention (case_id, act_number, person, mentioned_at_ms) VALUES (?, ?, ?, ?)",
        [
            (act.case_id, act.act_number, name, act.performed_at_ms)
            for name in dict.fromkeys(named)
            if name != act.actor
        ],
    )


def _mention(row: Sequence[Any]) -> Mention:
    number, case_id, act_number, author, said, mentioned_at_ms, read_at_ms = row
    act = msgspec.json.decode(said, type=Act)
    return Mention(
        number=number,
        case_id=case_id,
        act_number=act_number,
        author=author,
        text=act.text if isinstance(act, Note) else "",
        mentioned_at_ms=mentioned_at_ms,
        read_at_ms=read_at_ms,
    )
