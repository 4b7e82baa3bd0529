"""Copies made while a writer writes, and stores made from them."""

import threading

import pytest

from engine.batches import PaymentBatch
from store import open_repository
from store.addresses import parse_address
from store.backups import back_up, restore
from store.checking import check_store
from store.errors import BackupError
from tests.store.kept_postings import (
    balances,
    keep_cash,
    keep_items,
    open_amounts,
    postings,
    robot,
)
from tests.store.stored_files import file_id_of


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    keep_cash(opened, payments=300, amount=100)
    keep_items(opened, A=50_000, B=-10)
    yield opened
    opened.close()


@pytest.fixture
def empty_url(store_url, tmp_path, request):
    """The address of a store that is not there yet, of the same kind."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'restored' / 'store.db'}"
    return request.getfixturevalue("postgresql").new_database()


def post(repository, number):
    with repository.booking() as booking:
        batch = postings((f"monday-{number}", "A", 100))
        return booking.decisions.post(batch, robot()).last_number


@pytest.mark.usefixtures("repository")
def test_a_backup_made_while_a_writer_writes_is_one_committed_state(store_url, empty_url, tmp_path):
    stop, done = threading.Event(), []

    def write():
        writer = open_repository(store_url)
        for number in range(300):
            if stop.is_set():
                break
            done.append(post(writer, number))
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    while len(done) < 5:
        thread.join(0.01)
    back_up(parse_address(store_url), tmp_path / "backup")
    stop.set()
    thread.join()
    restore(tmp_path / "backup", parse_address(empty_url))
    restored = open_repository(empty_url)
    assert check_store(restored.database) == ()
    posted = restored.database.rows("SELECT count(*) FROM posting")[0][0]
    assert 5 <= posted <= len(done)
    assert open_amounts(restored) == {"A": 50_000 - 100 * posted, "B": -10}
    (payments,) = restored.bank_files.read_table(file_id_of("monday"), PaymentBatch, 1_000)
    assert len(payments) == 300
    restored.close()


def test_a_restored_store_goes_on_where_it_was(repository, store_url, empty_url, tmp_path):
    last = post(repository, 1)
    other = open_repository(store_url, tenant="other")
    keep_cash(other, "monday", payments=1)
    other.close()
    manifest = back_up(parse_address(store_url), tmp_path / "backup")
    assert manifest.tenants == ("default", "other")
    restore(tmp_path / "backup", parse_address(empty_url))
    restored = open_repository(empty_url)
    feed = restored.open_items.read()
    assert post(restored, 2) == last + 1
    assert restored.open_items.changes_after(feed.number).changed.rows.strings("open_item_id")
    assert balances(restored, "monday-1", "monday-2") == {
        "monday-1": (100, 0),
        "monday-2": (100, 0),
    }
    restored.close()
    other = open_repository(empty_url, tenant="other")
    assert balances(other, "monday-0") == {"monday-0": (0, 10_000)}
    other.close()


def test_a_backup_that_changed_is_refused(repository, store_url, empty_url, tmp_path):
    post(repository, 1)
    back_up(parse_address(store_url), tmp_path / "backup")
    (path, *_) = (one for one in sorted((tmp_path / "backup").rglob("*")) if one.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BackupError, match="fetch the backup again"):
        restore(tmp_path / "backup", parse_address(empty_url))
    with pytest.raises(BackupError, match="is no backup of a store"):
        restore(tmp_path, parse_address(empty_url))


@pytest.mark.usefixtures("repository")
def test_a_store_in_use_is_not_restored_over(store_url, tmp_path):
    back_up(parse_address(store_url), tmp_path / "backup")
    with pytest.raises(BackupError, match="has tenants \\['default'\\] already"):
        restore(tmp_path / "backup", parse_address(store_url))
    with pytest.raises(BackupError, match="is not empty"):
        back_up(parse_address(store_url), tmp_path / "backup")
    with pytest.raises(BackupError, match="has the tenants"):
        back_up(parse_address(store_url), tmp_path / "other", ["nobody"])
