"""Each tenant has a database of its own: equal ids never meet."""

import pytest

from engine.batches import PaymentBatch
from store import open_repository
from store.addresses import parse_address
from store.bank_file_records import ExceptionFilter
from store.errors import RequestIdReusedError, TenantNameError
from store.requests import RequestKey
from tests.store.raw_rows import raw_rows
from tests.store.stored_files import file_id_of, file_result


def key_of(request_id, file_id):
    return RequestKey(request_id, "SubmitBankFile", file_id)


def keep(repository, result, request_id):
    with repository.booking() as booking:
        booking.bank_files.keep(result)
        booking.requests.keep(key_of(request_id, result.receipt.record.file_id), b"kept", 0)


@pytest.fixture
def two(store_url):
    opened = [open_repository(store_url, tenant=name) for name in ("default", "other_1")]
    yield opened
    for one in opened:
        one.close()


def test_the_same_file_payments_and_request_ids_of_two_tenants_are_two(two, store_url):
    for repository, amount in zip(two, (1_000, 2_500), strict=True):
        keep(repository, file_result("monday", payments=2, amount=amount), "R-1")
    for repository, amount in zip(two, (1_000, 2_500), strict=True):
        (payments,) = repository.bank_files.read_table(file_id_of("monday"), PaymentBatch, 10)
        assert payments.int64("amount_minor").tolist() == [amount] * 2
        with repository.booking() as booking:
            assert booking.bank_files.seen_payments(["monday-0"]) == {"monday-0"}
    for tenant in ("default", "other_1"):
        assert raw_rows(store_url, "SELECT count(*) FROM payment", tenant=tenant) == [(2,)]


def test_what_one_tenant_keeps_another_does_not_find(two):
    mine, theirs = two
    keep(mine, file_result("monday", payments=2), "R-1")
    assert theirs.bank_files.find_file(file_id_of("monday")) is None
    assert theirs.requests.find(key_of("R-1", file_id_of("monday"))) is None
    assert len(theirs.bank_files.list_exceptions(ExceptionFilter(), 0, 10).exceptions) == 0
    keep(theirs, file_result("tuesday"), "R-1")
    with pytest.raises(RequestIdReusedError), mine.booking() as booking:
        booking.requests.find(key_of("R-1", file_id_of("tuesday")))


def test_bookings_of_two_tenants_run_side_by_side(two):
    mine, theirs = two
    with mine.booking() as first, theirs.booking() as second:
        first.bank_files.keep(file_result("monday"))
        second.bank_files.keep(file_result("monday"))
    assert mine.bank_files.find_file(file_id_of("monday"))
    assert theirs.bank_files.find_file(file_id_of("monday"))


@pytest.mark.parametrize(
    "name", ["", "A", "../x", "a-b", "1a", "a" * 41, "a;drop", "a b", "ä", "a\n", "x,public"]
)
def test_a_name_that_could_be_more_than_a_name_is_refused(store_url, name):
    with pytest.raises(TenantNameError, match="lower-case letter"):
        open_repository(store_url, tenant=name)


def test_tenants_of_a_store_are_listed(two, store_url):
    assert two
    address = parse_address(store_url)
    assert address.tenants() == ("default", "other_1")
