"""Numbered SQL files, each applied once, in order, in a transaction, remembered by checksum."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from store.errors import MigrationError
from store.transactions import write_transaction

if TYPE_CHECKING:
    import apsw

__all__ = ["Migration", "apply_migrations", "read_migrations"]

_FOLDER: Final = Path(__file__).parent / "sql" / "sqlite"
_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_OWN_TABLE: Final = """
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
) STRICT
"""


class Migration(msgspec.Struct, frozen=True):
    """One numbered file; numbers start at 1 without gaps."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the SQL text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = _FOLDER) -> tuple[Migration, ...]:
    """The migrations in `folder`; raises `MigrationError` on a gap or a name out of order."""
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        found = _NAME.fullmatch(path.name)
        if found is None or int(found[1]) != number:
            message = f"migration {path.name}: expected {number:04d}_name.sql"
            raise MigrationError(message)
        migrations.append(Migration(number, path.name, path.read_text("utf-8")))
    return tuple(migrations)


def apply_migrations(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> int:
    """Apply what is missing and give how many; raises `MigrationError` on another history."""
    applied = 0
    with write_transaction(connection):
        connection.execute(_OWN_TABLE)
        rows: list[Any] = connection.execute("SELECT number, sha256 FROM migration").fetchall()
        known: dict[int, str] = dict(rows)
        if known.keys() - {migration.number for migration in migrations}:
            message = (
                f"the store has migration {max(known)}, this release knows {len(migrations)}: "
                "it was written by a newer release; start that one"
            )
            raise MigrationError(message)
        for migration in migrations:
            if migration.number not in known:
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO migration VALUES (?, ?, ?)",
                    (migration.number, migration.name, migration.sha256),
                )
                applied += 1
            elif known[migration.number] != migration.sha256:
                message = (
                    f"migration {migration.name} was changed after it was applied: the store has "
                    f"{known[migration.number]}, the file is {migration.sha256}"
                )
                raise MigrationError(message, migration=migration.name)
    return applied
