"""Topic requests: the first answer to every request id, kept with the effect it answers.

A caller who sends a request again, for whatever reason, gets the bytes of the first answer; with
another content under the same id he is told so. Both are looked up and kept within the write block
of the effect, so that there is never one without the other.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from store.errors import AnswerErasedError, RequestIdReusedError
from store.key_scopes import answers_scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from store.database import Database
    from store.key_scopes import KeyScope
    from store.personal_data import PersonalData

__all__ = ["RequestKey", "RequestLog", "request_key"]


class RequestKey(msgspec.Struct, frozen=True):
    """What a caller asked: its own id, the method, and the SHA-256 of what it said."""

    request_id: str
    method: str
    content_sha256: str


def request_key(request_id: str, method: str, content: bytes) -> RequestKey:
    """The key of a request whose canonical bytes, without the id, are `content`."""
    return RequestKey(request_id, method, hashlib.sha256(content).hexdigest())


class RequestLog:
    """First answers of one tenant."""

    def __init__(self, database: Database, personal: PersonalData) -> None:
        """Keep them in `database`, sealed by `personal`."""
        self._database = database
        self._personal = personal

    def find(self, key: RequestKey) -> bytes | None:
        """The first answer to `key`.

        Raises `RequestIdReusedError` where its id says otherwise, `AnswerErasedError` where what
        was answered cannot be read any more.
        """
        found = self._database.rows(
            "SELECT method, content_sha256, answer FROM request WHERE request_id = ?",
            key.request_id,
        )
        if not found:
            return None
        method, content_sha256, answer = found[0]
        if (method, content_sha256) != (key.method, key.content_sha256):
            raise RequestIdReusedError.of(
                key.request_id, (method, content_sha256), (key.method, key.content_sha256)
            )
        opened = self._personal.opened_bytes(bytes(answer), _place(key.request_id))
        if opened is None:
            raise AnswerErasedError.of(key.request_id)
        return opened

    def keep(
        self,
        key: RequestKey,
        answer: bytes,
        now_ms: int,
        owner: KeyScope | None = None,
        concerning: Collection[KeyScope] = (),
    ) -> None:
        """Keep the first answer; called in the write block of the effect it answers.

        It is sealed by the key of `owner`, where it is about one customer or file; where it is
        about several customers and payments (`concerning`) by one of its own, which goes with any
        of them; else by that of its month.
        """
        month = answers_scope(now_ms)
        number = self._personal.number_of(owner, concerning, month, key.request_id, now_ms)
        answer = self._personal.sealed_bytes(answer, number, _place(key.request_id))
        self._database.rows(
            "INSERT INTO request (request_id, method, content_sha256, answer, answered_at_ms) "
            "VALUES (?, ?, ?, ?, ?)",
            key.request_id,
            key.method,
            key.content_sha256,
            answer,
            now_ms,
        )

    def forget_before(self, answered_before_ms: int) -> int:
        """Forget answers older than that and give how many; called in a write block."""
        counted = self._database.rows(
            "SELECT count(*) FROM request WHERE answered_at_ms < ?", answered_before_ms
        )
        self._database.rows("DELETE FROM request WHERE answered_at_ms < ?", answered_before_ms)
        return int(counted[0][0])


def _place(request_id: str) -> str:
    return f"request.answer/{request_id}"
