"""A payment of another currency, by a declared rate: booked, posted and proven to the cent."""

import hashlib

import pytest

from desk.acts import Undo
from desk.authority import DEFAULT_AUTHORITY
from desk.facts import Actor
from engine.policy import read_policy
from rpc.desk_work import Command, DeskWork
from rpc.jobs import (
    BankFileDone,
    BankFileJob,
    ClearingDone,
    ClearingJob,
    LoadTablesJob,
    TenantSettings,
    WorkerSettings,
    WorkOrder,
)
from rpc.worker_process import JobRunner
from store import open_repository
from store.checking import check_store
from tests.server.requests import bai2_file

NOW = 1_774_915_200_000
PAID = "ORIG CO NAME:NORTHWIND TOOLING GMBH CO ENTRY DESCR:INV-20431"
ITEMS = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date
I-1,K,C-1,INV-20431,EUR,50.03,2026-03-01
I-2,K,C-1,INV-20544,USD,25.00,2026-03-01
"""
CUSTOMERS = """\
customer_id,company_id,name
C-1,K,Northwind Tooling GmbH
"""
POLICY = {
    "exchange": {
        "rates": [{"paid_in": "USD", "items_in": "EUR", "rate": "0.50", "on": "2026-03-31"}]
    }
}


@pytest.fixture
def booked(tmp_path, store_url):
    """A store after a file of a dollar payment for a euro invoice, and one for a dollar invoice."""
    (tmp_path / "items.csv").write_text(ITEMS, "utf-8")
    (tmp_path / "customers.csv").write_text(CUSTOMERS, "utf-8")
    own = TenantSettings(tables_folder=str(tmp_path), policy=read_policy(POLICY))
    runner = JobRunner(WorkerSettings(store_url=store_url, tenants={"default": own}))

    def run(job):
        return runner.run(WorkOrder(tenant="default", caller=None, request_id="", job=job))

    run(
        LoadTablesJob(
            open_items=str(tmp_path / "items.csv"),
            customers=str(tmp_path / "customers.csv"),
            bank_accounts="",
        )
    )
    content = bai2_file((10_006, PAID), (2_500, "INV-20544"))
    (tmp_path / "content").write_bytes(content)
    file_id = hashlib.sha256(content).hexdigest()
    done = run(
        BankFileJob(
            content_path=str(tmp_path / "content"),
            file_id=file_id,
            file_name="one.bai",
            size_bytes=len(content),
            received_at_ms=NOW,
            request_id="",
            validate_only=False,
        )
    )
    store = open_repository(store_url)
    yield store, done, lambda: run(ClearingJob(file_id, NOW))
    store.close()
    runner._tenants["default"].store().close()


def test_items_are_closed_in_their_currency_and_payments_in_theirs(booked):
    store, done, _ = booked
    assert isinstance(done, BankFileDone), done
    items = store.open_items.find([("K", "I-1"), ("K", "I-2")]).rows
    assert items.int64("open_minor").tolist() == [0, 0]
    rows = store.database.rows(
        "SELECT amount_minor, currency, applied_minor, unapplied_minor FROM payment_balance "
        "ORDER BY amount_minor"
    )
    assert [tuple(row) for row in rows] == [(2_500, "USD", 2_500, 0), (10_006, "USD", 10_006, 0)]
    posted = store.database.rows(
        "SELECT open_item_id, currency, applied_minor, taken_minor FROM posting ORDER BY 1"
    )
    assert [tuple(row) for row in posted] == [
        ("I-1", "EUR", 5_003, 5_003),
        ("I-2", "USD", 2_500, 2_500),
    ]
    assert check_store(store.database) == ()


def test_the_file_is_proven_and_posting_goes_on(booked):
    store, _, prove = booked
    proof = prove()
    assert isinstance(proof, ClearingDone)
    assert (proof.outcome, proof.message, proof.halted) == ("proven", "", False)
    assert store.halts.current() is None


def test_a_posting_across_currencies_is_taken_back_in_both(booked):
    store, _, prove = booked
    ((payment,),) = store.database.rows(
        "SELECT payment_id FROM payment WHERE amount_minor = ?", 10_006
    )
    desk = DeskWork(DEFAULT_AUTHORITY, lambda: NOW)
    actor = Actor(name="ann", roles=("admin",))
    with store.booking() as booking:
        desk.perform(booking, Command(identity=payment, act=Undo(act_number=0), actor=actor))
    items = store.open_items.find([("K", "I-1")]).rows
    assert items.int64("open_minor").tolist() == [5_003]
    balance = store.decisions.find_balances([payment])[payment]
    assert (balance.applied_minor, balance.unapplied_minor) == (0, 10_006)
    assert check_store(store.database) == ()
    assert prove().outcome == "proven"
