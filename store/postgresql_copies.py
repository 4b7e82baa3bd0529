"""Every table of a tenant's schema as files of `COPY … (FORMAT binary)`, out and in."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CopyingDatabase", "copy_tables_in", "copy_tables_out"]

_TABLES: Final = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname <> 'migration'
ORDER BY relname
"""
_IDENTITIES: Final = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND is_identity = 'YES'
"""


class CopyingDatabase(Database, Protocol):
    """A database that gives and takes tables as they are."""

    def copy_out(self, statement: str) -> Iterator[bytes]:
        """The blocks of `COPY … TO STDOUT`."""

    def copy_in(self, statement: str, file: BinaryIO) -> None:
        """Run `COPY … FROM STDIN` over what `file` holds."""


def copy_tables_out(database: CopyingDatabase, folder: Path) -> None:
    """Write each table to `folder`, within a reading block: all are of one state."""
    for (table,) in database.rows(_TABLES):
        with (folder / f"{table}.copy").open("xb") as file:
            for block in database.copy_out(f"COPY {table} TO STDOUT (FORMAT binary)"):
                file.write(block)


def copy_tables_in(database: CopyingDatabase, folder: Path) -> None:
    """Read each table from `folder` into empty ones, and let numbers go on behind theirs."""
    for (table,) in database.rows(_TABLES):
        with (folder / f"{table}.copy").open("rb") as file:
            database.copy_in(f"COPY {table} FROM STDIN (FORMAT binary)", file)
    for table, column in database.rows(_IDENTITIES):
        database.rows(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "  # noqa: S608 - catalog names
            f"coalesce(max({column}), 1), max({column}) IS NOT NULL) FROM {table}"
        )
