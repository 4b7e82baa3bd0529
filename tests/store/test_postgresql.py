"""What only PostgreSQL has to promise."""

import pytest

from store import open_repository
from store.addresses import parse_address
from store.errors import StoreIntegrityError, StoreLockedError, StoreUnavailableError
from store.locking import held_store
from store.postgresql import PostgresqlDatabase
from store.row_tables import ROW_TABLES
from tests.store.raw_rows import raw_rows
from tests.store.stored_files import file_id_of, file_result


@pytest.fixture
def url(postgresql):
    return postgresql.new_database()


@pytest.fixture
def repository(url):
    opened = open_repository(url, busy_seconds=0.05)
    yield opened
    opened.close()


def keep(repository, name):
    with repository.booking() as booking:
        booking.bank_files.keep(file_result(name))


@pytest.mark.usefixtures("repository")
def test_every_batch_has_its_columns_in_the_store(url):
    for table in ROW_TABLES.values():
        found = raw_rows(
            url,
            "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
            " AND table_schema = 'tieout_default' ORDER BY ordinal_position",
            table.name,
        )
        names = table.batch_class.SCHEMA.names
        own = [] if "file_id" in names else ["file_id"]
        assert [row[0] for row in found] == ["row_number", *own, *names]


def test_not_even_a_superuser_changes_what_was_decided(postgresql, url, repository):
    keep(repository, "monday")
    admin = url.replace("tieout@", "admin@")
    assert admin != url
    database = PostgresqlDatabase(parse_address(admin), "default", busy_seconds=1)
    for change in ("UPDATE payment SET file_id = ''", "DELETE FROM payment", "TRUNCATE payment"):
        with pytest.raises(StoreIntegrityError, match="append-only"):
            database.rows(change)
    database.close()
    assert postgresql.process.poll() is None


def test_a_connection_that_ended_is_made_anew_at_the_next_question(postgresql, repository):
    keep(repository, "monday")
    with postgresql.connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tieout'"
        )
    assert repository.bank_files.find_file(file_id_of("monday"))
    with postgresql.connect() as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tieout'"
        )
    keep(repository, "tuesday")
    assert repository.bank_files.find_file(file_id_of("tuesday"))


def test_a_connection_that_ends_in_a_booking_undoes_it(postgresql, repository):
    def keep_and_lose(booking):
        booking.bank_files.keep(file_result("monday"))
        with postgresql.connect() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tieout'"
            )
        booking.bank_files.find_file("")

    with pytest.raises(StoreUnavailableError), repository.booking() as booking:
        keep_and_lose(booking)
    assert repository.bank_files.find_file(file_id_of("monday")) is None
    keep(repository, "monday")


def test_a_server_that_is_not_there_is_said_without_the_password():
    with pytest.raises(StoreUnavailableError, match="does not answer") as caught:
        open_repository("postgresql://u:secret@127.0.0.1:1/name")
    assert "secret" not in str(caught.value)


def test_two_servers_cannot_share_a_store(url):
    address = parse_address(url)
    with (
        held_store(address),
        pytest.raises(StoreLockedError, match="held by another server"),
        held_store(address),
    ):
        pass
    with held_store(address):
        pass
