"""Stored rows as messages, each with its etag, in pages that fit a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rpc.conversions import row_messages
from rpc.limits import MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from rpc.import_tables import ImportTable
    from store.keyed_rows import Key, StoredRows

__all__ = ["fitting_page", "stored_messages"]

_PAGE_BYTES: Final = MESSAGE_BYTES_MAX // 2
"""A page ends behind the row that reaches it; a row came in a message of 1 MiB."""


def stored_messages(kind: ImportTable, found: StoredRows[Any]) -> list[Any]:
    """One message per row."""
    rows = row_messages(kind.rows, found.rows)
    return [
        kind.stored_class(**{kind.message_field: row, "etag": str(version)})
        for row, version in zip(rows, found.versions.tolist(), strict=True)
    ]


def fitting_page(
    kind: ImportTable, found: StoredRows[Any], after: Key | None
) -> tuple[list[Any], Key | None]:
    """The first rows of a page that fit one message, and the key to continue after, if any."""
    messages = stored_messages(kind, found)
    size = 0
    for number, message in enumerate(messages, 1):
        size += message.ByteSize()
        if size >= _PAGE_BYTES and number < len(messages):
            row = getattr(message, kind.message_field)
            company, identity = kind.rows.batch_class.KEY
            return messages[:number], (getattr(row, company), getattr(row, identity))
    return messages, after
