"""With a key file nothing personal lies in the store readably, and what is erased stays erased."""

import msgspec
import pytest

from engine.batches import (
    ApplicationBatch,
    BankAccountBatch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    RemittanceBatch,
)
from store.audit_leaves import RowSelection
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.audited_tables import FILE_TABLES
from store.bank_file_records import ExceptionFilter
from store.errors import KeyMissingError, SealBrokenError
from store.key_ring import add_master_key
from store.personal_data import PERSONAL_COLUMNS
from store.sealed_text import ERASED
from tests.store.raw_rows import raw_rows
from tests.store.stored_files import file_id_of, file_result

IN_2026, IN_2027 = 1_774_915_200_000, 1_806_451_200_000
SECRETS = ("EMBER VERTEX", "DE89370400440532013000", "INV-1 and thanks", "TYPO in")


def replaced(batch, **columns):
    names = batch.SCHEMA.names
    given = {name: batch.record_batch.column(name) for name in names}
    return type(batch).from_columns(given | columns)


def personal_result(name, payments=3):
    """A file of payments of C-0, C-1 and of nobody known, with personal data in every row."""
    result = file_result(name, payments=payments)
    many = list(range(payments))
    customers = ["C-0", "C-1", ""] * payments
    diagnostics = replaced(
        result.diagnostics, excerpt=["TYPO in"], message=["TYPO in line"], value=["x"]
    )
    receipt = msgspec.structs.replace(result.receipt, diagnostics=diagnostics)
    fields = {field: getattr(result, field) for field in result.__struct_fields__}
    return type(result)(
        **fields
        | {
            "payments": replaced(
                result.payments,
                payer_name=[f"EMBER VERTEX {at}" for at in many],
                payer_account=["DE89370400440532013000"] * payments,
                remittance_text=["INV-1 and thanks"] * payments,
                source_offset=[10 * at for at in many],
                source_length=[8] * payments,
            ),
            "outcomes": replaced(result.outcomes, customer_id=customers[:payments]),
            "applications": replaced(
                result.applications,
                explanation=["EMBER VERTEX named INV-1"] * payments,
                evidence=['{"payer": "EMBER VERTEX"}'] * payments,
            ),
            "exceptions": replaced(result.exceptions, message=["paid by EMBER VERTEX"] * payments),
            "diagnostics": diagnostics,
            "receipt": receipt,
        }
    )


def keep(repository, result, content=b""):
    file_id = result.receipt.record.file_id
    with repository.booking() as booking:
        keys = booking.bank_files.keep(result)
        spans = booking.personal.spans(result.payments, keys)
        booking.contents.keep(file_id, content, spans, BankAccountBatch.empty(), IN_2026)
        booking.audit.record(
            "bank_file",
            file_id,
            actor="robot",
            recorded_at_ms=IN_2026,
            selections=[RowSelection(table.name, "file_id", file_id) for table in FILE_TABLES],
        )


def read(repository, name, kind):
    return next(iter(repository.bank_files.read_table(file_id_of(name), kind, 100)))


def everything_stored(store_url):
    tables = (*(one.table for one in PERSONAL_COLUMNS.values()), "data_key", "file_content")
    return "".join(
        repr(row) for table in tables for row in raw_rows(store_url, f"SELECT * FROM {table}")
    )


def test_rows_come_back_and_lie_there_sealed(opened, store_url):
    result = personal_result("monday")
    keep(opened(), result)
    stored = everything_stored(store_url)
    assert not [secret for secret in SECRETS if secret in stored]
    again = opened()
    for batch in (
        result.payments,
        result.remittances,
        result.applications,
        result.exceptions,
        result.diagnostics,
    ):
        assert read(again, "monday", type(batch)) == batch
    page = again.bank_files.list_exceptions(ExceptionFilter(), 0, 10)
    assert page.exceptions == result.exceptions
    assert again.bank_files.find_file(file_id_of("monday")).diagnostics == result.diagnostics


def test_without_a_key_file_rows_lie_there_as_they_are(opened, store_url):
    keep(opened(path=None), personal_result("monday"))
    assert all(secret in everything_stored(store_url) for secret in SECRETS)


def test_a_store_that_is_sealed_does_not_open_without_its_keys(opened, tmp_path):
    keep(opened(), personal_result("monday"))
    with pytest.raises(KeyMissingError, match="no key file is configured"):
        opened(path=None)
    other = tmp_path / "other.keys"
    add_master_key(other, "k1")
    with pytest.raises(KeyMissingError, match="not the one"):
        opened(other)


def test_an_erased_customer_is_gone_from_every_row_and_the_audit_stands(opened):
    content = b"C-0 was   C-1 was   nobody was"
    result = personal_result("monday")
    repository = opened()
    keep(repository, result, content)
    with repository.booking() as booking:
        assert booking.keys.destroy_customer("K", "C-0", IN_2026) != []
    for reader in (repository, opened()):
        payments = read(reader, "monday", PaymentBatch)
        assert payments.strings("payer_name") == [ERASED, "EMBER VERTEX 1", "EMBER VERTEX 2"]
        assert payments.int64("amount_minor").tolist() == [10_000] * 3
        assert read(reader, "monday", RemittanceBatch).strings("reference")[0] == ERASED
        assert read(reader, "monday", ExceptionBatch).strings("message")[0] == ERASED
        assert read(reader, "monday", ApplicationBatch).strings("evidence")[0] == ""
        assert read(reader, "monday", DiagnosticBatch) == result.diagnostics
        found = reader.contents.read(file_id_of("monday"))
        assert found.erased == ((0, 8),)
        assert found.content == b" " * 8 + content[8:]
        assert verify_audit(StoredAudit(reader.database)).findings == ()


def test_a_customer_who_pays_again_gets_a_new_key(opened):
    repository = opened()
    keep(repository, personal_result("monday"))
    with repository.booking() as booking:
        booking.keys.destroy_customer("K", "C-0", IN_2026)
    keep(repository, personal_result("tuesday"))
    assert read(repository, "tuesday", PaymentBatch).strings("payer_name")[0] == "EMBER VERTEX 0"
    assert read(repository, "monday", PaymentBatch).strings("payer_name")[0] == ERASED


def test_a_payment_attributed_later_is_erased_with_its_customer(opened):
    repository = opened()
    keep(repository, personal_result("monday"))
    with repository.booking() as booking:
        booking.keys.attribute("monday-2", "K", "C-9")
        booking.keys.attribute("monday-2", "K", "C-9")
        assert len(booking.keys.destroy_customer("K", "C-9", IN_2026)) == 1
    assert read(repository, "monday", PaymentBatch).strings("payer_name")[2] == ERASED


def test_the_same_customer_of_another_company_is_another_one(opened):
    repository = opened()
    keep(repository, personal_result("monday"))
    with repository.booking() as booking:
        assert booking.keys.destroy_customer("L", "C-0", IN_2026) == []


def test_a_destroyed_key_stays_destroyed(opened, store_url):
    repository = opened()
    keep(repository, personal_result("monday"))
    with repository.booking() as booking:
        booking.keys.destroy_customer("K", "C-0", IN_2026)
    revive = "UPDATE data_key SET wrapped = x'00' WHERE wrapped IS NULL"
    if not store_url.startswith("sqlite"):
        revive = revive.replace("x'00'", "'\\x00'")
    for change in (revive, "DELETE FROM data_key"):
        with pytest.raises(Exception, match="destroyed"):
            raw_rows(store_url, change)


def test_master_keys_rotate_and_the_old_one_may_go(opened, key_file):
    keep(opened(), personal_result("monday"))
    add_master_key(key_file, "k2")
    both = opened()
    with both.booking() as booking:
        assert booking.keys.rotate() == 4
        assert booking.keys.rotate() == 0
    newest = key_file.read_text("utf-8").splitlines()[0]
    key_file.write_text(newest + "\n", "utf-8")
    alone = opened()
    assert read(alone, "monday", PaymentBatch).strings("payer_name")[0] == "EMBER VERTEX 0"


def test_keys_of_years_gone_by_are_destroyed_by_retention(opened):
    repository = opened()
    keep(repository, personal_result("monday"))
    with repository.booking() as booking:
        assert booking.keys.destroy_periods_before("2026", IN_2027) == []
        assert len(booking.keys.destroy_periods_before("2027", IN_2027)) == 2
        assert len(booking.keys.destroy_payments_before(IN_2027, IN_2027)) == 1
    assert set(read(repository, "monday", PaymentBatch).strings("payer_name")) == {ERASED}


def test_contents_are_purged_after_their_time(opened):
    repository = opened()
    result = personal_result("monday")
    keep(repository, result, b"bytes")
    with repository.booking() as booking:
        assert booking.contents.purge_before(IN_2026) == []
        assert booking.contents.purge_before(IN_2026 + 1) == [file_id_of("monday")]
    assert repository.contents.read(file_id_of("monday")) is None
    assert repository.bank_files.find_file(file_id_of("monday")) == result.receipt


def test_content_that_was_exchanged_is_noticed(opened):
    repository = opened(path=None)
    keep(repository, personal_result("monday"), b"other bytes than the hash says")
    with pytest.raises(SealBrokenError, match="it was changed"):
        repository.contents.read(file_id_of("monday"))
