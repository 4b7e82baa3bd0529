"""Topic halts: whether a tenant may post. Halting and resuming are rows, nothing is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from store.errors import PostingHaltedError

if TYPE_CHECKING:
    from store.database import Database

__all__ = ["Halt", "PostingHalts"]


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is posted, who said so, and when."""

    reason: str
    changed_by: str
    changed_at_ms: int


class PostingHalts:
    """The halts of one tenant."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def current(self) -> Halt | None:
        """The halt in force; None where posting goes on."""
        found = self._database.rows(
            "SELECT is_halted, reason, changed_by, changed_at_ms FROM posting_halt "
            "ORDER BY row_number DESC LIMIT 1"
        )
        if not found or not found[0][0]:
            return None
        _, reason, changed_by, changed_at_ms = found[0]
        return Halt(reason=reason, changed_by=changed_by, changed_at_ms=changed_at_ms)

    def check(self) -> None:
        """Raise `PostingHaltedError` where nothing may be posted."""
        halt = self.current()
        if halt is not None:
            message = (
                f"posting is halted: {halt.reason}; nothing is booked until an operator has looked "
                "at it and run `tieout store resume`"
            )
            raise PostingHaltedError(message, halted_by=halt.changed_by)

    def halt(self, reason: str, changed_by: str, now_ms: int) -> None:
        """Halt posting; called in a write block."""
        self._change(1, reason, changed_by, now_ms)

    def resume(self, reason: str, changed_by: str, now_ms: int) -> None:
        """Let posting go on; called in a write block."""
        self._change(0, reason, changed_by, now_ms)

    def _change(self, is_halted: int, reason: str, changed_by: str, now_ms: int) -> None:
        self._database.rows(
            "INSERT INTO posting_halt (is_halted, reason, changed_by, changed_at_ms) "
            "VALUES (?, ?, ?, ?)",
            is_halted,
            reason,
            changed_by,
            now_ms,
        )
