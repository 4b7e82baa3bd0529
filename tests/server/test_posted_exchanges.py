"""Results of runs with payments in another currency, and with a return of an unknown payment."""

import msgspec
import pytest

from engine.policy import read_policy
from rpc.jobs import TenantSettings
from tests.server.test_exchange_booking import POLICY
from tests.server.test_posted_results import Posting
from tests.store.raw_rows import raw_rows
from tieout import commands

pytestmark = pytest.mark.xdist_group("server")

ITEMS = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date
I-1,K,C-1,INV-20431,EUR,50.03,2026-03-01
I-2,K,C-1,INV-20544,USD,25.00,2026-03-01
"""
CUSTOMERS = "customer_id,company_id,name\nC-1,K,Northwind Tooling GmbH\n"
RULES = """\
[[exchange.rates]]
paid_in = "USD"
items_in = "EUR"
rate = "0.50"
on = 2026-03-31
"""
HEAD = "payment_id,amount,currency,value_date,company_id,payer_name,remittance_text\n"
ABROAD = "P-1,100.06,USD,2026-03-31,K,Northwind Tooling GmbH,INV-20431\n"
HOME = "P-2,25.00,USD,2026-03-31,K,Northwind Tooling GmbH,INV-20544\n"
RETURNED = "P-3,-77.00,USD,2026-03-31,K,Somebody Else,returned\n"


@pytest.fixture
def store(tmp_path, store_url, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    (tmp_path / "store").mkdir()
    found = Posting(tmp_path / "store", store_url)
    own = TenantSettings(tables_folder=str(found.folder), policy=read_policy(POLICY))
    found.settings = msgspec.structs.replace(found.settings, tenants={"default": own})
    found.restart()
    found.export(ITEMS)
    yield found
    found.close()


def matched(folder, *payments):
    for name, content in (
        ("items.csv", ITEMS),
        ("customers.csv", CUSTOMERS),
        ("policy.toml", RULES),
        ("payments.csv", HEAD + "".join(payments)),
    ):
        (folder / name).write_text(content, "utf-8")
    options = ["open-items", "customers", "policy", "payments"]
    files = ["items.csv", "customers.csv", "policy.toml", "payments.csv"]
    given = [
        word
        for option, file in zip(options, files, strict=True)
        for word in (f"--{option}", str(folder / file))
    ]
    assert commands.main(["match", *given, "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_both_legs_of_a_payment_abroad_are_posted_to_the_cent(store, store_url, tmp_path):
    answer = store.post(matched(tmp_path, ABROAD, HOME))
    assert (answer.posted_count, answer.stale_line_count) == (2, 0)
    assert store.open_minor() == {"I-1": 0, "I-2": 0}
    question = "SELECT open_item_id, currency, taken_minor FROM posting ORDER BY open_item_id"
    assert raw_rows(store_url, question) == [("I-1", "EUR", 5_003), ("I-2", "USD", 2_500)]
    balances = "SELECT amount_minor, currency, applied_minor FROM payment_balance ORDER BY 1"
    assert raw_rows(store_url, balances) == [(2_500, "USD", 2_500), (10_006, "USD", 10_006)]
    assert store.post(tmp_path / "run").already_processed


def test_a_return_of_a_payment_nobody_knows_becomes_a_case(store, store_url, tmp_path):
    answer = store.post(matched(tmp_path, HOME, RETURNED))
    assert (answer.posted_count, answer.stale_line_count) == (1, 0)
    assert store.open_minor() == {"I-1": 5_003, "I-2": 0}
    cases = "SELECT code, amount_minor FROM exception_case"
    assert raw_rows(store_url, cases) == [("RET-NOPAYMENT", -7_700)]
