"""Topic sessions: who is signed in, until when; and how often sign-in failed.

A session is found by the hash of its token. It ends at its time, when it was not used for a while
(whoever asks knows for how long), when its owner signs out, or when somebody ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.database import Database

__all__ = ["Failures", "SessionChanges", "Sessions", "UserSession"]

_COLUMNS: Final = (
    "session_id, token_sha256, user_name, begun_at_ms, used_at_ms, ends_at_ms, ended_at_ms, "
    "source, user_agent"
)


class UserSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session; times are milliseconds since 1970 UTC, `ended_at_ms` 0: it has not ended."""

    session_id: str
    token_sha256: str
    user_name: str
    begun_at_ms: int
    used_at_ms: int
    ends_at_ms: int
    ended_at_ms: int = 0
    source: str = ""
    user_agent: str = ""


class Failures(msgspec.Struct, frozen=True):
    """How often sign-in failed for one subject, and when it last did."""

    count: int = 0
    last_ms: int = 0


class Sessions:
    """What may be asked about the sessions of one tenant."""

    def __init__(self, database: Database) -> None:
        """Ask `database`."""
        self._database = database

    def find(self, token_sha256: str) -> UserSession | None:
        """The session of that token, whether it has ended or not."""
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM user_session WHERE token_sha256 = ?",  # noqa: S608 - a constant
            token_sha256,
        )
        return _session(found[0]) if found else None

    def of_user(self, user_name: str, now_ms: int, used_after_ms: int) -> list[UserSession]:
        """Sessions of the user that have not ended, the newest first."""
        found = self._database.rows(
            f"SELECT {_COLUMNS} FROM user_session WHERE user_name = ? AND ended_at_ms = 0 "  # noqa: S608 - a constant
            "AND ends_at_ms > ? AND used_at_ms > ? ORDER BY begun_at_ms DESC, session_id",
            user_name,
            now_ms,
            used_after_ms,
        )
        return [_session(row) for row in found]

    def has_come_from(self, user_name: str, source: str, since_ms: int) -> bool:
        """Whether the user began a session from `source` since then."""
        found = self._database.rows(
            "SELECT 1 FROM user_session WHERE user_name = ? AND source = ? AND begun_at_ms >= ? "
            "LIMIT 1",
            user_name,
            source,
            since_ms,
        )
        return bool(found)

    def failures(self, subjects: Sequence[str]) -> list[Failures]:
        """Failed attempts of each of `subjects`, in their order."""
        marks = ", ".join("?" * len(subjects))
        found = self._database.rows(
            "SELECT subject, failure_count, failed_at_ms FROM sign_in_failure "  # noqa: S608 - marks
            f"WHERE subject IN ({marks})",
            *subjects,
        )
        by_subject = {row[0]: Failures(int(row[1]), int(row[2])) for row in found}
        return [by_subject.get(subject, Failures()) for subject in subjects]


class SessionChanges(Sessions):
    """What a booking may do with sessions."""

    def begin(self, session: UserSession) -> None:
        """Keep a new session."""
        self._database.change(
            f"INSERT INTO user_session ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
            *msgspec.structs.astuple(session),
        )

    def use(self, token_sha256: str, now_ms: int) -> None:
        """Keep that a session was used; one that has ended stays as it was."""
        self._database.change(
            "UPDATE user_session SET used_at_ms = ? WHERE token_sha256 = ? AND ended_at_ms = 0 "
            "AND used_at_ms < ?",
            now_ms,
            token_sha256,
            now_ms,
        )

    def end(self, user_name: str, session_id: str, now_ms: int) -> bool:
        """End one session of the user; gives whether there was one to end."""
        return bool(
            self._database.change(
                "UPDATE user_session SET ended_at_ms = ? WHERE session_id = ? AND user_name = ? "
                "AND ended_at_ms = 0",
                now_ms,
                session_id,
                user_name,
            )
        )

    def end_others(self, user_name: str, kept_session_id: str, now_ms: int) -> int:
        """End every session of the user but `kept_session_id` (empty: all); gives how many."""
        return self._database.change(
            "UPDATE user_session SET ended_at_ms = ? WHERE user_name = ? AND session_id <> ? "
            "AND ended_at_ms = 0",
            now_ms,
            user_name,
            kept_session_id,
        )

    def set_failures(self, subject: str, failures: Failures) -> None:
        """Keep how often sign-in failed for `subject`; 0 forgets it."""
        if not failures.count:
            self._database.change("DELETE FROM sign_in_failure WHERE subject = ?", subject)
            return
        self._database.change(
            "INSERT INTO sign_in_failure (subject, failure_count, failed_at_ms) VALUES (?, ?, ?) "
            "ON CONFLICT (subject) DO UPDATE SET failure_count = excluded.failure_count, "
            "failed_at_ms = excluded.failed_at_ms",
            subject,
            failures.count,
            failures.last_ms,
        )

    def forget_before(self, ended_before_ms: int, failed_before_ms: int) -> None:
        """Forget sessions that were over before then, and failures older than that."""
        self._database.change("DELETE FROM user_session WHERE ends_at_ms < ?", ended_before_ms)
        self._database.change(
            "DELETE FROM sign_in_failure WHERE failed_at_ms < ?", failed_before_ms
        )


def _session(row: tuple[Any, ...]) -> UserSession:
    session_id, token, user, begun, used, ends, ended, source, agent = row
    return UserSession(
        session_id=session_id,
        token_sha256=token,
        user_name=user,
        begun_at_ms=int(begun),
        used_at_ms=int(used),
        ends_at_ms=int(ends),
        ended_at_ms=int(ended),
        source=source,
        user_agent=agent,
    )
