"""What runs were given to do: kept on disk until they have ended, sealed where the store is."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from rpc.sealed_files import seal_file, write_unsealed
from store.errors import KeyMissingError
from store.key_ring import new_data_key
from store.key_scopes import run_scope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from pathlib import Path

    from rpc.reading import StoreReader
    from store.repository import Repository

__all__ = ["RunContents"]


class RunContents:
    """Contents of the runs of all tenants; a sealed one has a key in its tenant's store."""

    def __init__(
        self, folder: Path, working: Path, writer: StoreReader, now_ms: Callable[[], int]
    ) -> None:
        """Keep them in `folder`, keys by `writer`; what is sealed is opened in `working`."""
        self._folder = folder
        self._working = working
        self._writer = writer
        self._now_ms = now_ms
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def take(self, run_id: str, content: Path) -> bytes:
        """Take over `content`, on disk when this returns; gives its key, empty where not sealed."""
        if await self._writer.ask(lambda store: store.keys.is_sealing):
            key = new_data_key()
            await asyncio.to_thread(_seal, content, self._sealed(run_id), key)
            return key
        await asyncio.to_thread(_move, content, self._plain(run_id))
        return b""

    @asynccontextmanager
    async def opened(self, run_id: str) -> AsyncIterator[Path]:
        """Where a worker reads the content, while the block lasts; raises `KeyMissingError`."""
        sealed = self._sealed(run_id)
        if not sealed.exists():
            yield self._plain(run_id)
            return
        key = await self._writer.ask(lambda store: store.keys.key_of(run_scope(run_id)))
        if key is None:
            message = f"the key of run {run_id} is not in the store"
            raise KeyMissingError(message, run_id=run_id)
        path = self._working / f"{run_id}.content"
        try:
            await asyncio.to_thread(write_unsealed, sealed, path, key)
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def forget(self, run_id: str) -> None:
        """Remove the content of a run that has ended, and destroy its key."""
        was_sealed = self._sealed(run_id).exists()
        self.drop(run_id)
        if was_sealed:
            await self._writer.ask(lambda store: self._destroy(store, run_id))

    def drop(self, run_id: str) -> None:
        """Remove the content of a run that nobody knows of."""
        self._sealed(run_id).unlink(missing_ok=True)
        self._plain(run_id).unlink(missing_ok=True)

    def keep_only(self, run_ids: Collection[str]) -> None:
        """Remove what a server that was killed left of other runs."""
        for path in self._folder.iterdir():
            if path.stem not in run_ids:
                path.unlink(missing_ok=True)

    def _destroy(self, store: Repository, run_id: str) -> None:
        with store.booking() as booking:
            booking.keys.destroy_scope([run_scope(run_id)], self._now_ms())

    def _sealed(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.sealed"

    def _plain(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.content"


def _seal(content: Path, path: Path, key: bytes) -> None:
    seal_file(content, path, key)
    _sync_folder(path.parent)


def _move(content: Path, path: Path) -> None:
    """Move `content` to `path`, on disk before anybody is told."""
    with content.open("rb") as file:
        os.fsync(file.fileno())
    content.replace(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
