"""Topic identities: what tells that a bank file was kept before, in whatever wrapping.

A file is known by its bytes (`file_id`), by its text without line ends and padding, and by its
statements: account, the bank's own name of it, date and sum.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.database import Database

__all__ = ["FileIdentities", "KeptStatement", "text_sha256"]

_LINE_ENDS: Final = re.compile(rb"[ \t]*\r?\n|\r")
_PADDING: Final = b" \t\r\n\0\x1a"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class KeptStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as its bank knows it."""

    account: str
    statement_id: str
    date: str
    currency: str
    total_minor: int

    @property
    def is_telling(self) -> bool:
        """Whether two statements of this identity are one: the bank has named it."""
        return bool(self.statement_id.strip("/")) and bool(self.account)


def text_sha256(content: bytes) -> str:
    """Hash of a file's text: line ends, blanks before them, and padding at both ends left out."""
    text = content.removeprefix(_BYTE_ORDER_MARK).strip(_PADDING)
    return hashlib.sha256(_LINE_ENDS.sub(b"\n", text)).hexdigest()


class FileIdentities:
    """Identities of one tenant's bank files."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    def keep(self, file_id: str, text_hash: str, statements: Sequence[KeptStatement]) -> None:
        """Keep what `file_id` is known by; called in its write block."""
        self._database.rows(
            "INSERT INTO content_identity (text_sha256, file_id) VALUES (?, ?)", text_hash, file_id
        )
        self._database.execute_many(
            'INSERT INTO statement (file_id, account, statement_id, "date", currency, total_minor) '
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(file_id, *msgspec.structs.astuple(one)) for one in statements],
        )

    def file_of_text(self, text_hash: str) -> str | None:
        """The file of that text, if one was kept."""
        found = self._database.rows(
            "SELECT file_id FROM content_identity WHERE text_sha256 = ?", text_hash
        )
        return found[0][0] if found else None

    def files_of(self, statement: KeptStatement) -> list[str]:
        """Files that brought this statement, the first one first."""
        rows = self._database.rows(
            "SELECT file_id FROM statement WHERE account = ? AND statement_id = ? "
            'AND "date" = ? AND currency = ? AND total_minor = ? ORDER BY row_number',
            *msgspec.structs.astuple(statement),
        )
        return list(dict.fromkeys(row[0] for row in rows))
