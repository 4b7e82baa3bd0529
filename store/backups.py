"""Copies of a store, made while it runs, and stores made from them.

A backup is a folder. In it each tenant has what its database is best restored from: an SQLite file,
or the rows of every table as PostgreSQL gives them (`COPY`, binary), all of one and the same state.
`manifest.json` says what there must be, by size and checksum, and which migrations made it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING, Final

import msgspec

from store import open_postgresql
from store.addresses import SqliteAddress
from store.database import Dialect  # noqa: TC001 - msgspec reads annotations
from store.errors import BackupError
from store.migrations import apply_migrations, read_migrations
from store.postgresql_copies import copy_tables_in, copy_tables_out
from store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from store.addresses import PostgresqlAddress, StoreAddress

__all__ = ["BackupFile", "BackupManifest", "back_up", "read_manifest", "restore"]

_MANIFEST: Final = "manifest.json"
_BLOCK_BYTES: Final = 1 << 20
_BUSY_SECONDS: Final = 300


class BackupFile(msgspec.Struct, frozen=True):
    """One file of a backup, by its path within the folder."""

    path: str
    size_bytes: int
    sha256: str


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; `migrations` are numbers and checksums."""

    dialect: Dialect
    tenants: tuple[str, ...]
    migrations: tuple[tuple[int, str], ...]
    files: tuple[BackupFile, ...]


def back_up(address: StoreAddress, folder: Path, tenants: Sequence[str] = ()) -> BackupManifest:
    """Copy `tenants` (empty: all) of the store into `folder`, which must be new or empty.

    Bookings go on meanwhile; each tenant's copy is one committed state. Raises `BackupError`.
    """
    wanted = tuple(tenants) or address.tenants()
    if not wanted or set(wanted) - set(address.tenants()):
        message = f"{address.shown} has the tenants {list(address.tenants())}, not {list(wanted)}"
        raise BackupError(message)
    _make_empty(folder)
    for tenant in wanted:
        _copy_tenant(address, tenant, folder)
    dialect: Dialect = "sqlite" if isinstance(address, SqliteAddress) else "postgresql"
    manifest = BackupManifest(
        dialect=dialect,
        tenants=wanted,
        migrations=tuple((one.number, one.sha256) for one in read_migrations(dialect)),
        files=tuple(_described(path, folder) for path in _files_of(folder)),
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / _MANIFEST).write_bytes(text + b"\n")
    return manifest


def read_manifest(folder: Path) -> BackupManifest:
    """What the backup in `folder` holds, each file as it was written; raises `BackupError`."""
    try:
        text = (folder / _MANIFEST).read_bytes()
        manifest = msgspec.json.decode(text, type=BackupManifest)
    except (OSError, msgspec.MsgspecError) as error:
        message = f"{folder} is no backup of a store: {error}"
        raise BackupError(message) from error
    for said in manifest.files:
        path = folder / said.path
        found = _described(path, folder) if path.is_file() else None
        if found != said:
            message = f"{path} is not the file the backup was made with; fetch the backup again"
            raise BackupError(message, path=str(path))
    return manifest


def restore(folder: Path, address: StoreAddress) -> BackupManifest:
    """Make a store at `address`, which must have none of its tenants, from the backup in `folder`.

    Raises `BackupError`; what was begun in PostgreSQL is undone then.
    """
    manifest = read_manifest(folder)
    if (manifest.dialect == "sqlite") != isinstance(address, SqliteAddress):
        message = f"a backup of {manifest.dialect} does not fit {address.shown}"
        raise BackupError(message)
    there = sorted(set(manifest.tenants) & set(address.tenants()))
    if there:
        message = f"{address.shown} has tenants {there} already; restore into an empty store"
        raise BackupError(message)
    for tenant in manifest.tenants:
        if isinstance(address, SqliteAddress):
            path = address.tenant_path(tenant)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / f"{tenant}.db", path)
        else:
            _restore_schema(address, tenant, folder / tenant, manifest)
    return manifest


def _restore_schema(
    address: PostgresqlAddress, tenant: str, folder: Path, manifest: BackupManifest
) -> None:
    """The migrations the backup was made with, its rows, then what this release adds."""
    ours = read_migrations("postgresql")
    theirs = tuple((one.number, one.sha256) for one in ours[: len(manifest.migrations)])
    if theirs != manifest.migrations:
        message = "the backup was made by other migrations than this release has; use that release"
        raise BackupError(message)
    database = open_postgresql(address, tenant)
    try:
        apply_migrations(database, ours[: len(theirs)])
        with database.writing():
            copy_tables_in(database, folder)
        apply_migrations(database, ours)
    finally:
        database.close()


def _copy_tenant(address: StoreAddress, tenant: str, folder: Path) -> None:
    if isinstance(address, SqliteAddress):
        file = SqliteDatabase(address.tenant_path(tenant), busy_seconds=_BUSY_SECONDS)
        try:
            file.copy_to(folder / f"{tenant}.db")
        finally:
            file.close()
        return
    target = folder / tenant
    target.mkdir()
    database = open_postgresql(address, tenant)
    try:
        with database.reading():
            copy_tables_out(database, target)
    finally:
        database.close()


def _make_empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        message = f"{folder} is not empty; a backup wants a folder of its own"
        raise BackupError(message, path=str(folder))


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _described(path: Path, folder: Path) -> BackupFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
        size = os.fstat(file.fileno()).st_size
    return BackupFile(path.relative_to(folder).as_posix(), size, digest.hexdigest())
