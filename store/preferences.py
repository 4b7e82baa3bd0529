"""Topic preferences: how each person likes the workbench, as the contract's message encodes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from store.content_etags import NOTHING, check_etag, content_etag

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["PersonPreferences", "PreferenceChanges", "preferences_etag"]

_TABLE: Final = "preferences"


def preferences_etag(content: str | None) -> str:
    """The version of what was kept: what it says; of nothing, `NOTHING`."""
    return NOTHING if content is None else content_etag(content)


class PersonPreferences:
    """What may be asked about preferences."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def of_person(self, person: str) -> str | None:
        """What was kept last; None where nothing was."""
        rows = self._database.rows("SELECT content FROM person_preference WHERE person = ?", person)
        return str(rows[0][0]) if rows else None


class PreferenceChanges(PersonPreferences):
    """What a booking may do with preferences."""

    def save(self, person: str, content: str, seen: str = "") -> None:
        """Keep `content` in place of what was kept.

        Raises `StaleRowError` where that is not what was `seen` (empty: whichever).
        """
        check_etag(seen, preferences_etag(self.of_person(person)), _TABLE, person)
        self._database.rows(
            "INSERT INTO person_preference (person, content) VALUES (?, ?) "
            "ON CONFLICT (person) DO UPDATE SET content = excluded.content",
            person,
            content,
        )
