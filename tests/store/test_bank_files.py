"""Bank files in the store: whole files, append-only, the same in every database."""

import apsw
import psycopg
import pytest

from engine.batches import ApplicationBatch, ExceptionBatch, PaymentBatch
from store import open_repository
from store.bank_file_records import ExceptionFilter
from store.errors import StoreIntegrityError
from store.row_tables import ROW_TABLES
from tests.store.raw_rows import raw_rows
from tests.store.stored_files import file_id_of, file_result

APPEND_ONLY = (
    *(table.name for table in ROW_TABLES.values()),
    "bank_file",
    "counted_row",
    "currency_total",
)


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url, busy_seconds=0.05)
    yield opened
    opened.close()


def keep(repository, result):
    with repository.booking() as booking:
        booking.bank_files.keep(result)


def test_a_kept_file_gives_the_same_receipt_after_a_restart(store_url, repository):
    result = file_result("monday", payments=3)
    keep(repository, result)
    repository.close()
    reopened = open_repository(store_url)
    assert reopened.bank_files.find_file(file_id_of("monday")) == result.receipt
    reopened.close()


def test_kept_rows_come_back_as_they_were_in_chunks(repository):
    result = file_result("monday", payments=5)
    keep(repository, result)
    keep(repository, file_result("tuesday"))
    for batch in (result.payments, result.applications, result.outcomes, result.exceptions):
        chunks = list(repository.bank_files.read_table(file_id_of("monday"), type(batch), 2))
        assert [len(chunk) for chunk in chunks] == [2, 2, 1]
        assert type(batch).concat(chunks) == batch


def test_a_file_nobody_sent_is_not_found(repository):
    assert repository.bank_files.find_file(file_id_of("never")) is None
    assert list(repository.bank_files.read_table(file_id_of("never"), PaymentBatch, 10)) == []


def keep_and_fail(booking):
    booking.bank_files.keep(file_result("monday"))
    raise KeyError


def test_an_error_within_a_booking_leaves_nothing_behind(repository):
    with pytest.raises(KeyError), repository.booking() as booking:
        keep_and_fail(booking)
    assert repository.bank_files.find_file(file_id_of("monday")) is None
    assert list(repository.bank_files.read_table(file_id_of("monday"), ApplicationBatch, 10)) == []


def test_a_payment_whose_buckets_do_not_add_up_is_refused(repository):
    wrong = file_result("monday", bucket="on_account_minor", applied=0)
    broken = wrong.payments.record_batch.set_column(
        wrong.payments.record_batch.schema.get_field_index("amount_minor"),
        wrong.payments.record_batch.schema.field("amount_minor"),
        [9_999],
    )
    result = type(wrong)(
        **{name: getattr(wrong, name) for name in wrong.__struct_fields__ if name != "payments"},
        payments=PaymentBatch.of(broken),
    )
    with pytest.raises(StoreIntegrityError, match=r"9999 minor units.*buckets do not add up"):
        keep(repository, result)
    assert repository.bank_files.find_file(file_id_of("monday")) is None


def test_applications_that_are_not_the_applied_amount_are_refused(repository):
    with pytest.raises(StoreIntegrityError, match="decided applications do not add up"):
        keep(repository, file_result("monday", applied=9_999))
    assert repository.bank_files.find_file(file_id_of("monday")) is None


def test_the_same_payment_twice_is_refused(repository):
    keep(repository, file_result("monday"))
    with pytest.raises(StoreIntegrityError, match="cannot be kept"):
        keep(repository, file_result("monday"))


def test_payments_of_earlier_files_are_known(repository):
    keep(repository, file_result("monday", payments=3))
    with repository.booking() as booking:
        asked = [f"new-{number}" for number in range(600)] + ["monday-1"]
        assert booking.bank_files.seen_payments(asked) == {"monday-1"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full_store(request, tmp_path_factory):
    """A store with a row in every table, for tests that change nothing."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('full') / 'store.db'}"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    repository = open_repository(url)
    keep(repository, file_result("monday", payments=2))
    repository.close()
    raw_rows(
        url,
        "INSERT INTO reversal (file_id, payment_id, original_payment_id, open_item_id,"
        " currency, amount_minor) VALUES (?, 'monday-0', '', 'I-1', 'USD', 1)",
        file_id_of("monday"),
    )
    return url


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_nothing_decided_is_ever_changed(full_store, table):
    assert raw_rows(full_store, f"SELECT count(*) FROM {table}")[0][0]
    for change in ("UPDATE {} SET file_id = ''", "DELETE FROM {}"):
        with pytest.raises((apsw.ConstraintError, psycopg.Error), match=r"append-only|denied"):
            raw_rows(full_store, change.format(table))


def test_exceptions_are_listed_by_code_file_and_customer(repository):
    keep(repository, file_result("monday", payments=4))
    keep(repository, file_result("tuesday", payments=2))

    def listed(**wanted):
        page = repository.bank_files.list_exceptions(ExceptionFilter(**wanted), 0, 100)
        return page.exceptions.strings("payment_id")

    assert listed(code="REF-NONE") == ["monday-0", "monday-3", "tuesday-0"]
    assert listed(file_id=file_id_of("tuesday")) == ["tuesday-0", "tuesday-1"]
    assert listed(customer_id="C-1", code="AMT-SHORT") == ["monday-1", "tuesday-1"]
    assert listed(code="RET-NSF") == []


def test_pages_stay_stable_while_files_come_in(repository):
    keep(repository, file_result("monday", payments=4))
    first = repository.bank_files.list_exceptions(ExceptionFilter(), 0, 3)
    keep(repository, file_result("tuesday", payments=1))
    second = repository.bank_files.list_exceptions(ExceptionFilter(), first.last_number, 3)
    assert first.exceptions.strings("payment_id") == ["monday-0", "monday-1", "monday-2"]
    assert second.exceptions.strings("payment_id") == ["monday-3", "tuesday-0"]
    assert second.customer_ids == ("C-1", "C-0")
    assert second.file_ids == (file_id_of("monday"), file_id_of("tuesday"))
    assert second.last_number is None


def test_exceptions_read_back_one_by_one_are_all_of_them(repository):
    result = file_result("monday", payments=7)
    keep(repository, result)
    found, after = [], 0
    while after is not None:
        page = repository.bank_files.list_exceptions(ExceptionFilter(), after, 1)
        found.append(page.exceptions)
        after = page.last_number
    assert ExceptionBatch.concat(found) == result.exceptions
