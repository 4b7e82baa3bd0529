"""Views of the queue that people keep: a name for what the address of the queue says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from store.content_etags import NOTHING, check_etag, content_etag

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["VIEWS_MAX", "SavedView", "ViewChanges", "Views"]

_TABLE: Final = "saved_view"

VIEWS_MAX: Final = 200
"""Views one person is shown; who keeps more finds none of them again."""


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """One view; one of the team is shown to everybody."""

    view_id: str
    owner: str
    is_team: bool
    name: str
    query: str

    @property
    def etag(self) -> str:
        """Its version: what it says."""
        return content_etag(self.owner, self.is_team, self.name, self.query)


class Views:
    """What may be asked about views."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def shown_to(self, person: str) -> tuple[SavedView, ...]:
        """The views of `person` and those of the team, by name."""
        return self._views("owner = ? OR is_team = 1 ORDER BY name, view_id LIMIT ?", person)

    def find(self, view_id: str) -> SavedView | None:
        """One view."""
        found = self._views("view_id = ? LIMIT ?", view_id)
        return found[0] if found else None

    def named(self, owner: str, name: str) -> SavedView | None:
        """The view of that owner and name."""
        found = self._views("owner = ? AND name = ? LIMIT ?", owner, name)
        return found[0] if found else None

    def _views(self, condition: str, *values: str) -> tuple[SavedView, ...]:
        rows = self._database.rows(
            f"SELECT view_id, owner, is_team, name, query FROM saved_view WHERE {condition}",  # noqa: S608 - conditions of ours
            *values,
            VIEWS_MAX,
        )
        return tuple(
            SavedView(view_id=key, owner=owner, is_team=bool(team), name=name, query=query)
            for key, owner, team, name, query in rows
        )


class ViewChanges(Views):
    """What a booking may do with views."""

    def save(self, view: SavedView, seen: str = "") -> SavedView:
        """Keep `view` in place of the owner's view of that name, if there is one, under its key.

        Raises `StaleRowError` where that is not what was `seen`: its etag, `NOTHING`, or empty for
        whichever.
        """
        before = self.named(view.owner, view.name)
        check_etag(seen, before.etag if before else NOTHING, _TABLE, view.name)
        if before is not None:
            view = msgspec.structs.replace(view, view_id=before.view_id)
        self._database.rows(
            "DELETE FROM saved_view WHERE owner = ? AND name = ?", view.owner, view.name
        )
        self._database.rows(
            "INSERT INTO saved_view (view_id, owner, is_team, name, query) VALUES (?, ?, ?, ?, ?)",
            view.view_id,
            view.owner,
            int(view.is_team),
            view.name,
            view.query,
        )
        return view

    def delete(self, view_id: str, seen: str = "") -> None:
        """Forget a view; one that is not there is forgotten already.

        Raises `StaleRowError` where it is there and not what was `seen` (empty: whichever).
        """
        before = self.find(view_id)
        if before is not None:
            check_etag(seen, before.etag, _TABLE, before.name)
        self._database.rows("DELETE FROM saved_view WHERE view_id = ?", view_id)
