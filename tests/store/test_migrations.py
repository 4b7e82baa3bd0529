"""Migrations run once, in order, and refuse changed files."""

import pytest

from store import open_database
from store.addresses import parse_address
from store.errors import MigrationError, StoreBusyError
from store.migrations import Migration, apply_migrations, read_migrations


@pytest.fixture
def database(new_store_url):
    opened = open_database(parse_address(new_store_url), busy_seconds=0.05)
    yield opened
    opened.close()


def test_each_migration_is_applied_once(database):
    migrations = read_migrations(database.dialect)
    assert apply_migrations(database, migrations) == len(migrations)
    assert apply_migrations(database, migrations) == 0


def test_a_later_release_adds_only_what_is_new(database):
    first = Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")
    second = Migration(2, "0002_b.sql", "CREATE TABLE b (x INTEGER)")
    apply_migrations(database, (first,))
    assert apply_migrations(database, (first, second)) == 1


def test_a_migration_changed_afterwards_is_refused(database):
    apply_migrations(database, (Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)"),))
    changed = Migration(1, "0001_a.sql", "CREATE TABLE a (y INTEGER)")
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed after it was applied"):
        apply_migrations(database, (changed,))


def test_a_store_of_a_newer_release_is_refused(database):
    apply_migrations(database, (Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)"),))
    with pytest.raises(MigrationError, match="written by a newer release"):
        apply_migrations(database, ())


def test_a_migration_that_fails_leaves_nothing_behind(database):
    broken = Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER); CREATE TABLE a (x INTEGER)")
    with pytest.raises(Exception, match="already exists"):
        apply_migrations(database, (broken,))
    whole = Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")
    assert apply_migrations(database, (whole,)) == 1


def test_a_store_that_is_current_opens_while_a_booking_runs(new_store_url, database):
    migrations = read_migrations(database.dialect)
    apply_migrations(database, migrations)
    other = open_database(parse_address(new_store_url), busy_seconds=0.05)
    with database.writing():
        assert apply_migrations(other, migrations) == 0
        with pytest.raises(StoreBusyError), other.writing():
            pass
    other.close()


def test_every_database_has_the_same_migrations():
    names = [[one.name for one in read_migrations(kind)] for kind in ("sqlite", "postgresql")]
    assert names[0] == names[1]


def test_a_gap_in_the_numbers_is_refused(tmp_path):
    folder = tmp_path / "sqlite"
    folder.mkdir()
    (folder / "0001_a.sql").write_text("SELECT 1", "utf-8")
    (folder / "0003_c.sql").write_text("SELECT 1", "utf-8")
    with pytest.raises(MigrationError, match=r"0003_c\.sql: expected 0002_name\.sql"):
        read_migrations("sqlite", tmp_path)
