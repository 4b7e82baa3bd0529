"""Topic preferences: how each person likes the workbench, as the contract's message encodes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["PersonPreferences", "PreferenceChanges"]


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

    def save(self, person: str, content: str) -> None:
        """Keep `content` in place of what was kept."""
        self._database.rows(
            "INSERT INTO person_preference (person, content) VALUES (?, ?) "
            "ON CONFLICT (person) DO UPDATE SET content = excluded.content",
            person,
            content,
        )
