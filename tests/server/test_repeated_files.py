"""A file, a statement, a payment counts once, however it is wrapped; a request has one answer."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from desk.acts import Identify
from desk.authority import DEFAULT_AUTHORITY
from desk.facts import Actor
from rpc.desk_work import Command, DeskWork
from rpc.jobs import ClearingDone, ClearingJob, JobFailure
from store import open_repository
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.events import START
from store.key_ring import add_master_key
from tests.server.requests import bai2_file
from tests.server.test_jobs import Server
from tests.store.raw_rows import raw_rows
from tests.store.test_audit_log import tamper

GOLDEN = Path(__file__).parents[1] / "golden"
CONTENT = bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU"))
NOW = 1_774_915_200_000


class Store(Server):
    """A worker's side over any store, sealed by a key where there is one."""

    def restart(self, *arguments):
        self.close()
        super().restart(*arguments)

    def close(self):
        tenants = self.runner._tenants.values() if hasattr(self, "runner") else ()
        for tenant in tenants:
            if tenant._repository is not None:
                tenant._repository.close()

    def open(self):
        return open_repository(
            self.settings.store_url, encryption_key_file=self.settings.encryption_key_file
        )

    def count(self, table):
        return raw_rows(self.settings.store_url, f"SELECT count(*) FROM {table}")[0][0]

    def prove(self, file_id):
        done = self.run(ClearingJob(file_id, NOW))
        assert isinstance(done, ClearingDone), done
        return done

    def exceptions(self, sent):
        tables = self.result(sent.bank_file.file_id)["exceptions"]
        return [row.code for table in tables for row in table.messages.exception_items]


@pytest.fixture
def store(tmp_path, store_url):
    found = Store(tmp_path, store_url)
    yield found
    found.close()


@pytest.fixture
def sealed(tmp_path, store_url):
    add_master_key(tmp_path / "keys", "k1")
    found = Store(tmp_path, store_url, tmp_path / "keys")
    yield found
    found.close()


def zipped(*files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


WRAPPINGS = {
    "another name": CONTENT,
    "gzip": gzip.compress(CONTENT),
    "gzip of another day": gzip.compress(CONTENT, mtime=1),
    "zip": zipped(("inner.bai", CONTENT)),
    "CRLF": CONTENT.replace(b"\n", b"\r\n"),
    "padding": CONTENT + b"\n\n\x1a",
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_content_in_another_wrapping_gets_the_first_receipt(store, wrapping):
    first = store.send(CONTENT, request_id="R-1")
    again = store.send(WRAPPINGS[wrapping], name="again", request_id="R-2")
    assert again.already_processed
    assert again.bank_file == first.bank_file
    assert (store.count("bank_file"), store.count("payment")) == (1, 2)


def test_a_packed_file_is_taken_as_if_it_had_come_unpacked(store):
    first = store.send(WRAPPINGS["gzip"])
    assert not first.already_processed
    assert first.bank_file.size_bytes == len(CONTENT)
    assert store.send(CONTENT).bank_file == first.bank_file


def test_an_archive_of_several_files_is_refused_with_advice(store):
    reply = store.send(zipped(("a.bai", CONTENT), ("b.bai", CONTENT)))
    assert isinstance(reply, JobFailure)
    assert (reply.reason, "send each on its own" in reply.message) == ("ARCHIVE_UNREADABLE", True)


def test_a_statement_exported_again_gets_the_first_receipt(store):
    """Another creation time and blanks: other bytes, other text, the same statement."""
    first = store.send(CONTENT)
    again = store.send(CONTENT.replace(b"01,BANK,US,260331,0800,1", b"01,BANK,US,260401,0930,2"))
    assert again.already_processed
    assert again.bank_file == first.bank_file


def test_a_new_payment_in_a_known_statement_is_held(store):
    """The bank writes a text differently: the same money must not be applied twice."""
    store.send(bai2_file((10_000, "INV-20431"), account="HELD"))
    again = store.send(bai2_file((10_000, "INV-20544"), account="HELD"))
    assert not again.already_processed
    assert again.bank_file.application_count == 0
    assert store.exceptions(again)[0] == "IN-DUPFILE"
    assert store.consumed() == {"I-1": 10_000}


def test_the_same_payments_on_another_day_are_another_statement(store):
    store.send(CONTENT)
    later = store.send(CONTENT.replace(b"260331", b"260401"))
    assert not later.already_processed
    assert store.count("payment") == 4


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("camt/*.xml")), ids=lambda path: path.name)
def test_statements_of_iso_20022_with_other_blanks_are_known(store, path):
    content = path.read_bytes()
    first = store.send(content)
    again = store.send(content.replace(b"><", b">\n  <"))
    assert again.already_processed
    assert again.bank_file == first.bank_file


def test_a_request_gets_the_bytes_of_its_first_answer(store):
    first = store.send(CONTENT, request_id="R-1")
    assert not first.already_processed
    for content in (CONTENT, WRAPPINGS["gzip"]):
        assert store.send(content, request_id="R-1") == first
    other = store.send(bai2_file((1, "X")), request_id="R-1")
    assert isinstance(other, JobFailure)
    assert other.reason == "REQUEST_ID_REUSED"


def test_a_preview_keeps_no_answer_and_no_file(store):
    store.send(CONTENT, request_id="R-1", validate_only=True)
    assert [store.count(table) for table in ("request", "bank_file", "event")] == [0, 0, 0]
    assert not store.send(CONTENT, request_id="R-1").already_processed


def test_one_file_leaves_one_of_everything(sealed):
    sent = sealed.send(CONTENT, request_id="R-1")
    sealed.send(CONTENT, request_id="R-2")
    repository = sealed.open()
    events, _ = repository.events.after(START, 10)
    assert [(event.kind, event.subject) for event in events] == [
        ("bank_file.processed", sent.bank_file.file_id)
    ]
    assert sealed.count("audit_leaf WHERE kind = 'bank_file'") == 1
    assert repository.contents.read(sent.bank_file.file_id).content == CONTENT
    assert verify_audit(StoredAudit(repository.database)).findings == ()
    repository.close()


def test_the_bytes_of_a_payment_can_be_shown(sealed):
    sent = sealed.send(CONTENT)
    payments = sealed.result(sent.bank_file.file_id)["payments"][0].messages.payments
    repository = sealed.open()
    content = repository.contents.read(sent.bank_file.file_id).content
    repository.close()
    for payment in payments:
        shown = content[payment.source_offset : payment.source_offset + payment.source_length]
        assert shown.startswith(b"16,165,")
        assert payment.remittance_text.encode() in shown


@pytest.mark.parametrize(
    "path",
    sorted(path for path in GOLDEN.rglob("*.*") if path.suffix != ".json"),
    ids=lambda path: path.name,
)
def test_the_money_of_every_format_is_proven_from_its_bytes(sealed, path):
    sent = sealed.send(path.read_bytes(), name=path.name)
    done = sealed.prove(sent.bank_file.file_id)
    assert (done.outcome, done.message) == ("proven", "")


def test_repeated_payments_are_part_of_the_proof(store):
    store.send(bai2_file((100, "A"), (200, "B")))
    second = store.send(bai2_file((100, "A"), (300, "C")))
    assert second.bank_file.repeated_payment_count >= 0
    assert store.prove(second.bank_file.file_id).outcome == "proven"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payment SET amount_minor = amount_minor + 1",
        "UPDATE currency_total SET amount_minor = 1",
        "UPDATE application SET applied_minor = 1",
        "DELETE FROM exception_item",
        "DELETE FROM payment_outcome",
    ],
)
def test_money_that_no_longer_adds_up_halts_posting(store, change):
    sent = store.send(CONTENT)
    tamper(store.settings.store_url, change)
    done = store.prove(sent.bank_file.file_id)
    assert (done.outcome, done.halted) == ("violated", True)
    assert not store.prove(sent.bank_file.file_id).halted
    reply = store.send(bai2_file((1, "X")))
    assert isinstance(reply, JobFailure)
    assert reply.reason == "POSTING_HALTED"
    assert store.send(CONTENT).already_processed
    repository = store.open()
    with repository.booking() as booking:
        booking.halts.resume("looked at", "operator", NOW)
    repository.close()
    assert not isinstance(store.send(bai2_file((1, "X"))), JobFailure)


def test_an_erased_customer_leaves_rows_that_add_up(sealed):
    sent = sealed.send(CONTENT)
    file_id = sent.bank_file.file_id
    repository = sealed.open()
    with repository.booking() as booking:
        assert booking.keys.destroy_customer("K", "C-1", NOW)
    content = repository.contents.read(file_id)
    assert b"INV-20431" not in content.content
    assert b"THANK YOU" in content.content
    assert verify_audit(StoredAudit(repository.database)).findings == ()
    repository.close()
    assert sealed.prove(file_id).outcome == "partly"


def test_a_worker_gives_no_answer_twice_for_a_job_that_fails(store):
    reply = store.send(b"no bank file at all", request_id="R-9")
    assert isinstance(reply, JobFailure)
    assert store.count("request") == 0
    done = store.send(CONTENT, request_id="R-9")
    assert not done.already_processed


SAME = Path(__file__).parents[1] / "errors" / "FILE-SAME-MONEY"


@pytest.mark.parametrize("first", ["statement.bai", "notification.xml"])
def test_a_payment_that_comes_in_another_format_counts_once(store, first):
    names = sorted(one.name for one in SAME.iterdir())
    names.sort(key=lambda name: name != first)
    one, other = (store.send((SAME / name).read_bytes(), name=name) for name in names)
    assert (one.bank_file.payment_count, other.bank_file.payment_count) == (1, 0)
    assert other.bank_file.repeated_payment_count == 1
    assert [one.code for one in other.bank_file.diagnostics] == ["FILE-SAME-MONEY"]
    assert store.count("payment") == 1
    assert store.prove(other.bank_file.file_id).outcome == "proven"


def test_a_payment_that_a_person_identified_is_erased_with_its_customer(sealed):
    sent = sealed.send(CONTENT)
    repository = sealed.open()
    (exception,) = (
        row.payment_id
        for table in sealed.result(sent.bank_file.file_id)["exceptions"]
        for row in table.messages.exception_items
        if row.is_primary
    )
    desk = DeskWork(DEFAULT_AUTHORITY, lambda: NOW)
    actor = Actor(name="ann", roles=("admin",))
    identify = Command(identity=exception, act=Identify(customer_id="C-2"), actor=actor)
    with repository.booking() as booking:
        desk.perform(booking, identify)
    assert repository.cases.payment_of(exception).strings("remittance_text") == ["THANK YOU"]
    with repository.booking() as booking:
        booking.keys.destroy_customer("", "C-2", NOW)
        booking.keys.destroy_customer("K", "C-2", NOW)
    repository.close()
    repository = sealed.open()
    assert repository.cases.payment_of(exception).strings("remittance_text") == ["[erased]"]
    repository.close()
