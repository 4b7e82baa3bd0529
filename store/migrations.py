"""Numbered SQL files, each applied once, in order, in a transaction, remembered by checksum."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from store.errors import MigrationError

if TYPE_CHECKING:
    from store.database import Database, Dialect

__all__ = ["Migration", "apply_migrations", "pending_migrations", "read_migrations"]

_FOLDER: Final = Path(__file__).parent / "sql"
_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_OWN_TABLE: Final = {
    "sqlite": """
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT
""",
    "postgresql": """
CREATE TABLE IF NOT EXISTS migration (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
)
""",
}
_OWN_TABLE_THERE: Final = {
    "sqlite": "SELECT 1 FROM sqlite_schema WHERE name = 'migration'",
    "postgresql": "SELECT 1 FROM pg_class WHERE oid = to_regclass('migration')",
}


class Migration(msgspec.Struct, frozen=True):
    """One numbered file; numbers start at 1 without gaps."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the SQL text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(dialect: Dialect, folder: Path = _FOLDER) -> tuple[Migration, ...]:
    """The migrations of `dialect`; raises `MigrationError` on a gap or a name out of order."""
    migrations = []
    for number, path in enumerate(sorted((folder / dialect).glob("*.sql")), start=1):
        found = _NAME.fullmatch(path.name)
        if found is None or int(found[1]) != number:
            message = f"migration {path.name}: expected {number:04d}_name.sql"
            raise MigrationError(message)
        migrations.append(Migration(number, path.name, path.read_text("utf-8")))
    return tuple(migrations)


def apply_migrations(database: Database, migrations: tuple[Migration, ...]) -> int:
    """Apply what is missing and give how many; raises `MigrationError` on another history.

    A store that is current is only read: nobody waits for the booking of another.
    """
    if _has_own_table(database) and not _missing(database, migrations):
        return 0
    with database.writing():
        database.run_script(_OWN_TABLE[database.dialect])
        missing = _missing(database, migrations)
        for migration in missing:
            database.run_script(migration.sql)
            database.rows(
                "INSERT INTO migration VALUES (?, ?, ?)",
                migration.number,
                migration.name,
                migration.sha256,
            )
    return len(missing)


def pending_migrations(
    database: Database, migrations: tuple[Migration, ...]
) -> tuple[Migration, ...]:
    """Those the store has not seen, nothing applied; raises `MigrationError` as above."""
    return tuple(_missing(database, migrations) if _has_own_table(database) else migrations)


def _has_own_table(database: Database) -> bool:
    return bool(database.rows(_OWN_TABLE_THERE[database.dialect]))


def _missing(database: Database, migrations: tuple[Migration, ...]) -> list[Migration]:
    """Those the store has not seen; raises `MigrationError` where it has seen others."""
    known: dict[int, str] = dict(database.rows("SELECT number, sha256 FROM migration"))
    if known.keys() - {migration.number for migration in migrations}:
        message = (
            f"the store has migration {max(known)}, this release knows {len(migrations)}: "
            "it was written by a newer release; start that one"
        )
        raise MigrationError(message)
    for migration in migrations:
        applied = known.get(migration.number, migration.sha256)
        if applied != migration.sha256:
            message = (
                f"migration {migration.name} was changed after it was applied: the store has "
                f"{applied}, the file is {migration.sha256}"
            )
            raise MigrationError(message, migration=migration.name)
    return [migration for migration in migrations if migration.number not in known]
