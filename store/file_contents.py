"""Topic file contents: the bytes of bank files, so that a clerk can be shown what the bank wrote.

Contents are the only rows of a file that go away: after their retention period. The file's hash,
its rows and their audit stay.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pyarrow as pa

from engine.batches import BankAccountBatch
from store.errors import SealBrokenError
from store.key_scopes import file_scope
from store.sealed_content import ContentPart, OpenedContent, open_content, seal_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.data_keys import DataKeyStore
    from store.database import Database
    from store.sealed_content import OwnedSpan

__all__ = ["FileContents"]


class FileContents:
    """Contents of one tenant's bank files."""

    def __init__(self, database: Database, keys: DataKeyStore) -> None:
        """Keep them in `database`, sealed by `keys`."""
        self._database = database
        self._keys = keys

    def keep(
        self,
        file_id: str,
        content: bytes,
        spans: Iterable[OwnedSpan],
        accounts: BankAccountBatch,
        now_ms: int,
    ) -> None:
        """Keep `content`, whose hash is `file_id`; called in the write block of the file.

        Bytes in `spans` are sealed by the keys named there, the rest by the file's own. `accounts`
        are our bank accounts it was read by.
        """
        context = self._keep_context(accounts)
        scope = file_scope(file_id)
        file_key = self._keys.numbers([scope], now_ms)[scope]
        parts = seal_content(content, spans, file_id, file_key, self._keys)
        self._database.execute_many(
            "INSERT INTO file_content (file_id, part_number, key_number, size_bytes, stored, "
            "kept_at_ms, context_sha256) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (file_id, at, part.key_number, part.size_bytes, part.stored, now_ms, context)
                for at, part in enumerate(parts)
            ],
        )

    def read(self, file_id: str) -> OpenedContent | None:
        """The bytes; None where they were purged or erased. Raises `SealBrokenError`."""
        rows = self._database.rows(
            "SELECT key_number, size_bytes, stored FROM file_content WHERE file_id = ? "
            "ORDER BY part_number",
            file_id,
        )
        if not rows:
            return None
        parts = [ContentPart(number, size, bytes(stored)) for number, size, stored in rows]
        opened = open_content(parts, file_id, self._keys)
        if opened is None or opened.erased:
            return opened
        found = hashlib.sha256(opened.content).hexdigest()
        if found != file_id:
            message = f"the content kept of file {file_id} has the hash {found}: it was changed"
            raise SealBrokenError(message, file_id=file_id)
        return opened

    def accounts_of(self, file_id: str) -> BankAccountBatch:
        """Our bank accounts as they were when the file was read; none where it was purged."""
        rows = self._database.rows(
            "SELECT c.content FROM file_content f JOIN reading_context c "
            "ON c.context_sha256 = f.context_sha256 WHERE f.file_id = ? AND f.part_number = 0",
            file_id,
        )
        if not rows:
            return BankAccountBatch.empty()
        with pa.ipc.open_stream(pa.py_buffer(bytes(rows[0][0]))) as reader:
            table = reader.read_all()
        batches = table.combine_chunks().to_batches()
        return BankAccountBatch.of(batches[0]) if batches else BankAccountBatch.empty()

    def _keep_context(self, accounts: BankAccountBatch) -> str:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, accounts.SCHEMA) as writer:
            writer.write_batch(accounts.record_batch)
        content = sink.getvalue().to_pybytes()
        context = hashlib.sha256(content).hexdigest()
        self._database.rows(
            "INSERT INTO reading_context (context_sha256, content) VALUES (?, ?) "
            "ON CONFLICT (context_sha256) DO NOTHING",
            context,
            content,
        )
        return context

    def purge_before(self, kept_before_ms: int) -> list[str]:
        """Delete contents kept before that and give their files; called in a write block."""
        rows = self._database.rows(
            "SELECT DISTINCT file_id FROM file_content WHERE kept_at_ms < ? ORDER BY file_id",
            kept_before_ms,
        )
        self._database.rows("DELETE FROM file_content WHERE kept_at_ms < ?", kept_before_ms)
        return [row[0] for row in rows]
