"""What only SQLite has to promise."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from store import open_repository
from store.errors import StoreLockedError, StoreVersionError
from store.locking import exclusive_lock
from store.row_tables import ROW_TABLES
from store.sqlite import check_sqlite_version
from tests.store.raw_rows import raw_rows
from tests.store.stored_files import file_id_of, file_result


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def repository(url):
    opened = open_repository(url, busy_seconds=0.05)
    yield opened
    opened.close()


def test_a_writer_killed_in_a_booking_leaves_nothing_behind(url, repository):
    script = (
        "import os, signal, sys\n"
        "from store import open_repository\n"
        "from tests.store.stored_files import file_result\n"
        "with open_repository(sys.argv[1]).booking() as booking:\n"
        "    booking.bank_files.keep(file_result('monday', payments=500))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, url],
        check=False,
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ,
    )
    assert killed.returncode == -signal.SIGKILL
    assert repository.bank_files.find_file(file_id_of("monday")) is None
    with repository.booking() as booking:
        booking.bank_files.keep(file_result("monday", payments=500))
    assert raw_rows(url, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.usefixtures("repository")
def test_every_batch_has_its_columns_in_the_store(url):
    for table in ROW_TABLES.values():
        columns = [row[1] for row in raw_rows(url, f"PRAGMA table_info({table.name})")]
        names = table.batch_class.SCHEMA.names
        own = [] if "file_id" in names else ["file_id"]
        assert columns == ["row_number", *own, *names]


def test_commits_are_on_disk_when_they_return(repository):
    assert repository.database.rows("PRAGMA journal_mode") == [("wal",)]
    assert repository.database.rows("PRAGMA synchronous") == [(2,)]


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.7.0"])
def test_an_sqlite_that_may_lose_commits_is_refused(version):
    with pytest.raises(StoreVersionError, match=rf"SQLite {version}.*apsw >= 3\.51\.3"):
        check_sqlite_version(version)


def test_two_servers_cannot_share_a_store(tmp_path):
    path = tmp_path / "store.lock"
    with (
        exclusive_lock(path),
        pytest.raises(StoreLockedError, match="held by another server"),
        exclusive_lock(path),
    ):
        pass
    with exclusive_lock(path):
        assert path.exists()
