"""What must survive a restart."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from store.addresses import DEFAULT_TENANT, SqliteAddress, parse_address
from store.errors import StoreUrlError
from store.key_ring import read_key_ring
from store.repository import Repository
from store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.addresses import PostgresqlAddress, StoreAddress
    from store.database import Database
    from store.postgresql import PostgresqlDatabase

__all__ = ["open_database", "open_existing", "open_postgresql", "open_repository"]


def open_repository(
    url: str,
    *,
    tenant: str = DEFAULT_TENANT,
    busy_seconds: float = 300,
    encryption_key_file: str = "",
) -> Repository:
    """Open the store of `tenant` at `url`, made where absent, made current.

    `url` is `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/name`.
    `busy_seconds` is how long a booking waits for the one before it. With a file of master keys
    (`store.key_ring`) personal data and contents are sealed. Raises `StoreUrlError`,
    `TenantNameError`, `StoreUnavailableError`, `StoreVersionError`, `MigrationError`,
    `KeyFileError` or `KeyMissingError`.
    """
    ring = read_key_ring(Path(encryption_key_file)) if encryption_key_file else None
    database = open_database(parse_address(url), tenant, busy_seconds=busy_seconds)
    try:
        return Repository(database, ring)
    except BaseException:
        database.close()
        raise


def open_database(
    address: StoreAddress, tenant: str = DEFAULT_TENANT, *, busy_seconds: float = 300
) -> Database:
    """The database of `tenant`, made where absent, as it is: see `open_repository`."""
    if isinstance(address, SqliteAddress):
        return SqliteDatabase(address.tenant_path(tenant), busy_seconds=busy_seconds)
    return open_postgresql(address, tenant, busy_seconds=busy_seconds)


def open_postgresql(
    address: PostgresqlAddress, tenant: str, *, busy_seconds: float = 300
) -> PostgresqlDatabase:
    """As `open_database`, for a store that is in PostgreSQL."""
    try:
        from store.postgresql import PostgresqlDatabase  # noqa: PLC0415 - psycopg is an extra
    except ImportError as error:
        message = (
            f"store {address.shown!r} needs psycopg, which is not installed ({error}); "
            "install tieout[postgresql]"
        )
        raise StoreUrlError(message, store=address.shown) from error
    return PostgresqlDatabase(address, tenant, busy_seconds=busy_seconds)


@contextmanager
def open_existing(address: StoreAddress, tenant: str = DEFAULT_TENANT) -> Iterator[Database]:
    """The database of a tenant that is there, for reading; raises `StoreUrlError` where not."""
    if tenant not in address.tenants():
        message = f"{address.shown} has no tenant {tenant!r}"
        raise StoreUrlError(message, store=address.shown, tenant=tenant)
    database = open_database(address, tenant)
    try:
        yield database
    finally:
        database.close()
