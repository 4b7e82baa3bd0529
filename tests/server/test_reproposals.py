"""New evidence: open cases show what a fresh match would propose; what people do stays as it is."""

import random

import grpc
import pytest

from desk.acts import Claim, Decide, Note, Park
from desk.authority import DEFAULT_AUTHORITY
from desk.cases import Entry, undecided_minor
from desk.facts import Actor
from engine.batches import BankAccountBatch
from engine.matcher import MatchInput, match_payments
from engine.policy import PolicyBook
from engine.resident import build_resident
from rpc import reproposing_job
from rpc.desk_work import Command, DeskWork
from rpc.jobs import ReproposeJob
from rpc.remittance_job import as_proposals, undecided_payment
from rpc.reproposing_job import run_repropose
from store.audit_log import StoredAudit
from store.audit_verification import verify_audit
from store.key_ring import add_master_key
from tests.server.requests import bai2_file, table
from tests.server.running_server import RunningServer
from tests.server.test_repeated_files import NOW, Store
from tests.store.item_rows import customers, items_of
from tests.store.raw_rows import raw_rows
from tieout.client import Client
from tieout.v1 import event_service_pb2, event_service_pb2_grpc
from tieout.v1 import exception_service_pb2 as exceptions
from tieout.v1 import open_item_service_pb2 as open_items

pytestmark = pytest.mark.xdist_group("server")

SAID = ("INV-40001", "THANK YOU", "INV-40002 INV-40003", "ACME HOLDING")
AMOUNTS = (40_100, 25_050, 90_000, 66_600)
PERSON = Actor(name="ann", roles=("admin",))


class Desk:
    """A sealed store with open cases, what is resident as of now, and the people at work."""

    def __init__(self, folder, url):
        add_master_key(folder / "keys", "k1")
        self.url = url
        self.worker = Store(folder, url, folder / "keys")
        self.worker.send(bai2_file(*zip(AMOUNTS, SAID, strict=True)))
        self.store = self.worker.open()
        self.desk = DeskWork(DEFAULT_AUTHORITY, lambda: NOW)
        self.look()

    def resident(self):
        return build_resident(
            self.store.open_items.read().changed.rows,
            self.store.customers.read().changed.rows,
            BankAccountBatch.empty(),
            PolicyBook(),
        )

    def look(self, seen=None, **more):
        """Look again with what is resident now, or was when `seen` was taken."""
        resident, booked = seen or self.seen()
        job = ReproposeJob(snapshot_path="", now_ms=NOW, **more)
        return run_repropose(self.store, job, resident, booked, DEFAULT_AUTHORITY)

    def seen(self):
        return self.resident(), self.store.open_items.last_number()

    def book(self, act):
        with self.store.booking() as booking:
            act(booking)

    def upsert(self, customer="C-1", **amounts):
        named = {name.replace("_", "-"): amount for name, amount in amounts.items()}
        self.book(lambda one: one.open_items.upsert(items_of("K", named, customer_id=customer)))

    def act(self, payment, act):
        command = Command(identity=payment, act=act, actor=PERSON)
        with self.store.booking() as booking:
            return self.desk.perform(booking, command).case

    def case(self, payment):
        return self.store.cases.load(self.store.cases.find(payment, NOW))

    def payments(self):
        rows = raw_rows(self.url, "SELECT payment_id, amount_minor FROM payment")
        return {amount: payment for payment, amount in rows}

    def shown(self, payment):
        return shape(self.store.cases.proposals_of(payment))

    def fresh(self, payment):
        """What a match of that payment alone proposes now, worked out by the engine's own door."""
        undecided = undecided_payment(
            self.store.cases.payment_of(payment), undecided_minor(self.case(payment)), []
        )
        result = match_payments(
            MatchInput.against(
                self.resident(),
                undecided,
                remittances=self.store.cases.remittances_of(payment),
                learned=self.store.facts.read(),
            ),
            lambda *_: None,
        )
        return shape(as_proposals(result.applications))

    def history(self, payment):
        return [one.act for one in self.store.cases.acts(payment, 0, 100)]


def shape(proposals):
    names = ("proposal_rank", "open_item_id", "applied_minor", "discount_minor")
    return sorted(
        map(tuple, zip(*(proposals.record_batch[n].to_pylist() for n in names), strict=False))
    )


@pytest.fixture
def desk(tmp_path, store_url):
    found = Desk(tmp_path, store_url)
    yield found
    found.store.audit.seal(NOW, None)
    assert verify_audit(StoredAudit(found.store.database)).findings == ()
    found.store.close()
    found.worker.close()


def test_an_item_that_arrives_is_proposed_and_the_history_says_so(desk):
    payment = desk.payments()[40_100]
    desk.upsert(**{"40001": 40_100})
    assert desk.look().reproposed_count == 1
    assert desk.shown(payment) == desk.fresh(payment) == [(1, "40001", 40_100, 0)]
    (act,) = desk.history(payment)
    assert (act.because, act.proposal_count) == ("INV-40001 came or changed", 1)
    event = "SELECT count(*) FROM event WHERE kind = 'exception.changed'"
    assert raw_rows(desk.url, event) == [(1,)]
    assert "40001" not in raw_rows(desk.url, "SELECT proposals FROM reproposal")[0][0], "sealed"
    assert desk.look().examined_count == 0, "nothing has changed since"
    desk.upsert(**{"40001": 0})
    desk.look()
    assert desk.shown(payment) == []
    assert desk.history(payment)[-1].because == "INV-40001 changed or is no longer open"
    assert raw_rows(desk.url, "SELECT sum(decided_minor) FROM open_item") == [(0,)]


def test_a_change_that_is_not_resident_yet_is_followed_once_it_is(desk):
    payment = desk.payments()[40_100]
    before = desk.seen()
    desk.upsert(**{"40001": 40_100})
    assert desk.look(before).reproposed_count == 0
    assert desk.look().reproposed_count == 1
    assert desk.shown(payment) == desk.fresh(payment) == [(1, "40001", 40_100, 0)]


def test_a_change_that_concerns_many_cases_is_followed_in_several_looks(desk, monkeypatch):
    monkeypatch.setattr(reproposing_job, "REPROPOSED_MAX", 1)
    desk.upsert(I_40001=40_100, I_40002=50_000, I_40003=40_000, I_9=66_600)
    before = desk.store.reproposals.followed()
    looks = [desk.look()]
    assert looks[0].examined_count == 1
    assert desk.store.reproposals.followed() == before, "others are left"
    desk.upsert(I_40001=40_000, I_1=40_100)
    while looks[-1].round is not None or looks[-1].examined_count:
        looks.append(desk.look(round=looks[-1].round))
        assert len(looks) < 20
    assert desk.store.reproposals.followed() != before
    for payment in desk.payments().values():
        assert desk.shown(payment) == desk.fresh(payment)
    assert max(one.examined_count for one in looks) == 1
    assert desk.look().examined_count == 0, "nothing is left to follow"


def test_what_somebody_works_on_or_has_decided_is_left_alone(desk):
    worked, decided, parked = (desk.payments()[one] for one in (40_100, 90_000, 66_600))
    desk.act(worked, Claim())
    desk.act(decided, Decide(entries=(Entry(kind="non_ar", cash_minor=90_000),)))
    desk.act(parked, Park(until_ms=NOW + 1_000, reason="asks"))
    before = [desk.case(one) for one in (worked, decided)]
    desk.upsert(**{"40001": 40_100, "40002": 50_000, "40003": 40_000})
    desk.look()
    assert [desk.case(one) for one in (worked, decided)] == before
    assert desk.case(parked).state == "parked"
    assert desk.shown(worked) == []


def test_any_sequence_of_changes_leaves_what_a_fresh_match_proposes(desk):
    dice = random.Random(7)  # noqa: S311 - chance that can be repeated
    names = ("40001", "40002", "40003", "40004")
    payments = list(desk.payments().values())

    def taught():
        entry = Entry(
            kind="fact", fact_kind="name", value="ACME HOLDING", customer_id="C-2", company_id="K"
        )
        desk.act(desk.payments()[66_600], Decide(entries=(entry,)))

    changes = (
        lambda: desk.upsert(**{dice.choice(names): dice.choice((0, 25_050, 40_100, 50_000))}),
        lambda: desk.upsert("C-2", **{"40003": dice.choice((40_000, 66_600))}),
        lambda: desk.book(lambda one: one.customers.upsert(customers(**{"C-2": "Acme Holding"}))),
        lambda: desk.book(lambda one: one.open_items.remove([("K", dice.choice(names))])),
        lambda: desk.act(dice.choice(payments), Note(text="looked at it")),
    )
    for _ in range(6):
        dice.choice(changes)()
        desk.look()
        for payment in payments:
            assert desk.shown(payment) == desk.fresh(payment)


def test_a_served_case_gets_its_proposal_when_the_item_comes(tmp_path):
    with RunningServer(tmp_path) as server, Client(server.address) as client:
        client.submit_bank_file(bai2_file((40_100, "INV-40001")), "day.bai")
        (case,) = client.call(exceptions.ListCasesRequest(), exceptions.ListCasesResponse).cases
        rows = items_of("K", {"40001": 40_100})
        client.import_open_items(
            [
                open_items.ImportOpenItemsRequest(header=open_items.ImportOpenItemsHeader()),
                open_items.ImportOpenItemsRequest(
                    open_items=open_items.OpenItemUpserts(
                        open_items=table("open_items", rows, arrow=True)
                    )
                ),
            ]
        )
        with grpc.insecure_channel(server.address) as channel:
            followed = event_service_pb2_grpc.EventServiceStub(channel).StreamEvents(
                event_service_pb2.StreamEventsRequest(kinds=["exception.changed"]), timeout=120
            )
            assert next(followed).events[0].subject == case.case_id
            followed.cancel()
        detail = client.call(
            exceptions.GetCaseRequest(exception_id=case.case_id), exceptions.GetCaseResponse
        )
        assert [row.open_item_id for row in detail.proposals] == ["40001"]
        assert detail.acts[0].actor == "system"
        assert server.terminate() == 0
