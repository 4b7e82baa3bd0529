"""Where a store is: `sqlite:///file.db` or `postgresql://…`, and a tenant's own part of it.

Every tenant has a database of its own. In SQLite that is a file: `file.db` is the tenant
`default`, `file.db.tenants/NAME.db` any other. In PostgreSQL it is the schema `tieout_NAME`, the
only one a tenant's connection looks into.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from store.errors import StoreUrlError, TenantNameError

__all__ = [
    "DEFAULT_TENANT",
    "PostgresqlAddress",
    "SqliteAddress",
    "StoreAddress",
    "parse_address",
    "schema_of",
    "tenant_of_schema",
]

DEFAULT_TENANT: Final = "default"
_TENANT: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TENANTS_SUFFIX: Final = ".tenants"
_SCHEMA_PREFIX: Final = "tieout_"


class SqliteAddress(msgspec.Struct, frozen=True):
    """A store in files; `path` is the one of the tenant `default`."""

    path: Path

    @property
    def shown(self) -> str:
        """The address for people."""
        return f"sqlite:///{self.path}"

    def absolute(self) -> SqliteAddress:
        """The same store, whatever folder one stands in."""
        return SqliteAddress(self.path.resolve())

    @property
    def url(self) -> str:
        """The address for another process."""
        return f"sqlite:///{self.path}"

    def tenant_path(self, tenant: str) -> Path:
        """The file of `tenant`; raises `TenantNameError`."""
        if _checked(tenant) == DEFAULT_TENANT:
            return self.path
        return self._tenants_folder / f"{tenant}.db"

    def beside(self, suffix: str) -> Path:
        """A path next to the store, for what one server keeps on this machine."""
        return self.path.with_name(f"{self.path.name}.{suffix}")

    def tenants(self) -> tuple[str, ...]:
        """The tenants that have a file, in order of their names."""
        found = {path.stem for path in self._tenants_folder.glob("*.db")}
        if self.path.exists():
            found.add(DEFAULT_TENANT)
        return tuple(sorted(name for name in found if _TENANT.fullmatch(name)))

    @property
    def _tenants_folder(self) -> Path:
        return self.path.with_name(f"{self.path.name}{_TENANTS_SUFFIX}")


class PostgresqlAddress(msgspec.Struct, frozen=True):
    """A store in one PostgreSQL database; `url` may hold a password and is not for people."""

    url: str

    @property
    def shown(self) -> str:
        """The address without its password."""
        parts = urlsplit(self.url)
        userinfo, at, host = parts.netloc.rpartition("@")
        user = userinfo.partition(":")[0]
        query = re.sub(r"(?i)(password=)[^&]*", r"\1***", parts.query)
        return urlunsplit((parts.scheme, f"{user}{at}{host}", parts.path, query, ""))

    def absolute(self) -> PostgresqlAddress:
        """The same store, whatever folder one stands in."""
        return self

    def tenants(self) -> tuple[str, ...]:
        """The tenants that have a schema, in order of their names."""
        from store.postgresql import tenants_in  # noqa: PLC0415 - psycopg is an extra

        return tenants_in(self)


StoreAddress = SqliteAddress | PostgresqlAddress


def parse_address(url: str) -> StoreAddress:
    """The store that `url` names; raises `StoreUrlError`."""
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresqlAddress(url)
    path = url.removeprefix("sqlite:///")
    if path == url or not path or "?" in path:
        message = f"store {url!r} names none; expected sqlite:///file.db or postgresql://host/name"
        raise StoreUrlError(message, url=url)
    return SqliteAddress(Path(path))


def schema_of(tenant: str) -> str:
    """The PostgreSQL schema of `tenant`; raises `TenantNameError`."""
    return _SCHEMA_PREFIX + _checked(tenant)


def tenant_of_schema(schema: str) -> str:
    """The tenant whose schema this is."""
    return schema.removeprefix(_SCHEMA_PREFIX)


def _checked(tenant: str) -> str:
    if _TENANT.fullmatch(tenant) is None:
        message = (
            f"tenant {tenant!r} is no name; expected a lower-case letter, then at most 39 "
            "lower-case letters, digits or underscores"
        )
        raise TenantNameError(message, tenant=tenant)
    return tenant
