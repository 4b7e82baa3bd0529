"""What a payer says late leads to proposals on its payment, is sealed, audited, not applied."""

import pytest

from desk.acts import AttachRemittance
from desk.authority import DEFAULT_AUTHORITY
from desk.facts import Actor
from engine.batches import BankAccountBatch
from engine.matcher import match_payments
from engine.policy import PolicyBook
from engine.resident import build_resident
from parsers.errors import TableError
from rpc.case_detail import case_detail
from rpc.desk_work import Command, DeskWork
from rpc.errors import CaseNotFoundError, FieldError
from rpc.jobs import AttachRemittanceJob
from rpc.remittance_job import attach_remittance_job
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.key_ring import add_master_key
from tests.server.requests import bai2_file
from tests.server.test_permissions import Caller, Role
from tests.server.test_repeated_files import NOW, Store
from tests.store.raw_rows import raw_rows

TABLE = b"invoice number,amount paid\nINV-20544,200.50\nINV-30777,50.00\n"
ADVICES = b"remittance_id,trace_number,reference,amount\nA,77,INV-20544,1\nB,78,INV-30777,1\n"
ADMIN = Caller(name="ann", roles=frozenset({Role.ADMIN}))


class Late:
    """A sealed store with one payment of 250.50 that says nothing."""

    def __init__(self, folder, url):
        add_master_key(folder / "keys", "k1")
        self.url = url
        self.worker = Store(folder, url, folder / "keys")
        self.worker.send(bai2_file((25_050, "THANK YOU")))
        self.store = self.worker.open()
        ((self.payment,),) = raw_rows(url, "SELECT payment_id FROM payment")
        self.desk = DeskWork(DEFAULT_AUTHORITY, lambda: NOW)

    def read(self, text="", content=b"", name="", companies=None):
        job = AttachRemittanceJob(
            identity=self.payment,
            text=text,
            content=content,
            file_name=name,
            companies=companies,
            snapshot_path="",
            now_ms=NOW,
        )
        resident = build_resident(
            self.store.open_items.read().changed.rows,
            self.store.customers.read().changed.rows,
            BankAccountBatch.empty(),
            PolicyBook(),
        )
        return attach_remittance_job(self.store, job, resident, match_payments).attachment

    def attach(self, **said):
        attachment = self.read(**said)
        act = AttachRemittance(remittance_id=attachment.remittance_id, line_count=0)
        actor = Actor(name="ann", roles=("admin",))
        command = Command(identity=self.payment, act=act, actor=actor, attachment=attachment)
        with self.store.booking() as booking:
            self.desk.perform(booking, command)
        return self.detail()

    def detail(self):
        return case_detail(self.store, self.desk, self.payment, ADMIN)

    def proposed(self, detail):
        return {
            (row.proposal_rank, row.open_item_id, row.applied_minor) for row in detail.proposals
        }


@pytest.fixture
def late(tmp_path, store_url):
    found = Late(tmp_path, store_url)
    yield found
    found.store.close()
    found.worker.close()


def test_a_mail_that_names_the_invoice_is_the_first_proposal_and_nothing_is_applied(late):
    detail = late.attach(text="Dear all,\nwe paid INV-20544. Kind regards")
    assert (1, "I-2", 25_050) in late.proposed(detail)
    assert raw_rows(late.url, "SELECT sum(decided_minor) FROM open_item") == [(0,)]
    assert len(detail.acts) == 1


def test_a_table_gives_its_lines_and_the_last_one_counts(late):
    late.attach(text="for INV-30777")
    detail = late.attach(content=TABLE, name="advice.csv")
    lines = [(line.reference, line.amount_minor) for line in detail.remittance_lines]
    assert lines == [("INV-20544", 20_050), ("INV-30777", 5_000)]
    named = {item for _, item, _ in late.proposed(detail)}
    assert named == {"I-2", "I-3"}


def test_what_was_attached_is_sealed_and_audited(late):
    late.attach(text="we paid INV-20544")
    kept = raw_rows(late.url, "SELECT content_text, proposals FROM late_remittance")[0]
    assert "INV-20544" not in kept[0]
    assert "I-2" not in kept[1]
    assert [one.content_text for one in late.store.late.attached_to(late.payment)] == [
        "we paid INV-20544"
    ]
    late.store.audit.seal(NOW, None)
    assert verify_audit(StoredAudit(late.store.database)).findings == ()


def test_advice_of_other_payments_nothing_at_all_and_no_table_are_refused(late):
    with pytest.raises(FieldError, match="none of its advices"):
        late.read(content=ADVICES, name="advice.csv")
    with pytest.raises(FieldError, match="empty"):
        late.read(text=" ")
    with pytest.raises(TableError):
        late.read(content=b"nothing of use", name="advice.csv")
    with pytest.raises(CaseNotFoundError):
        late.read(text="INV-20544", companies=("L",))
