"""Migrations run once, in order, and refuse changed files."""

import apsw
import pytest

from store.errors import MigrationError
from store.migrations import Migration, apply_migrations, read_migrations


@pytest.fixture
def connection():
    opened = apsw.Connection(":memory:")
    yield opened
    opened.close()


def test_each_migration_is_applied_once(connection):
    migrations = read_migrations()
    assert apply_migrations(connection, migrations) == len(migrations)
    assert apply_migrations(connection, migrations) == 0


def test_a_later_release_adds_only_what_is_new(connection):
    first = Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")
    second = Migration(2, "0002_b.sql", "CREATE TABLE b (x INTEGER)")
    apply_migrations(connection, (first,))
    assert apply_migrations(connection, (first, second)) == 1


def test_a_migration_changed_afterwards_is_refused(connection):
    apply_migrations(connection, (Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)"),))
    changed = Migration(1, "0001_a.sql", "CREATE TABLE a (y INTEGER)")
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed after it was applied"):
        apply_migrations(connection, (changed,))


def test_a_store_of_a_newer_release_is_refused(connection):
    apply_migrations(connection, (Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)"),))
    with pytest.raises(MigrationError, match="written by a newer release"):
        apply_migrations(connection, ())


def test_a_migration_that_fails_leaves_nothing_behind(connection):
    broken = Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER); CREATE TABLE a (x INTEGER)")
    with pytest.raises(apsw.SQLError):
        apply_migrations(connection, (broken,))
    assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []


def test_a_gap_in_the_numbers_is_refused(tmp_path):
    (tmp_path / "0001_a.sql").write_text("SELECT 1", "utf-8")
    (tmp_path / "0003_c.sql").write_text("SELECT 1", "utf-8")
    with pytest.raises(MigrationError, match=r"0003_c\.sql: expected 0002_name\.sql"):
        read_migrations(tmp_path)
