"""`tieout explain`: how near it came, and what would change it, as a clerk reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tieout.commands import main

GOLDEN = Path(__file__).resolve().parent / "explained"
COLUMNS = (
    *("open_item_id", "customer_id", "document_number", "currency", "open_amount"),
    *("document_date", "due_date", "discount_date", "discount_amount", "status"),
)
ITEMS = """\
A1,C1,INV-410001,EUR,812.40,2026-07-01,2026-08-01,,,open
A2,C1,INV-410002,EUR,812.40,2026-07-08,2026-08-08,,,open
A3,C1,INV-410003,EUR,377.15,2026-08-12,2026-09-12,,,open
B1,C2,INV-420001,EUR,1530.20,2026-08-20,2026-09-20,2026-08-30,30.60,open
B2,C2,INV-420002,EUR,941.07,2026-08-25,2026-09-25,,,open
D1,C3,INV-430001,EUR,655.31,2026-08-03,2026-09-03,,,disputed
D2,C3,INV-430002,EUR,128.66,2026-08-04,2026-09-04,,,open
E1,C4,INV-440001,EUR,2718.28,2026-08-05,2026-09-05,,,open
E2,C4,INV-440002,EUR,314.15,2026-08-06,2026-09-06,,,open
"""
CUSTOMERS = """\
customer_id,name,bank_accounts
C1,Alder Tooling GmbH,DE44500105175407324931
C2,Birch Pumps GmbH,DE89370400440532013000
C3,Cedar Valves GmbH,DE12500105170648489890
C4,Dogwood Glass GmbH,DE75512108001245126199
"""
PAYMENTS = """\
payment_id,amount,currency,value_date,payer_name,payer_account,bank_reference,remittance_text
P-AMBIGUOUS,812.40,EUR,2026-09-02,Alder Tooling GmbH,DE44500105175407324931,BR1,
P-DISCOUNT,1499.60,EUR,2026-09-02,Birch Pumps GmbH,DE89370400440532013000,BR2,
P-DISPUTED,655.31,EUR,2026-09-02,Cedar Valves GmbH,DE12500105170648489890,BR3,INV-430001
P-STRANGER,2718.28,EUR,2026-09-02,Elm Holding SA,FR7630006000011234567890189,BR4,
P-NEAR,941.00,EUR,2026-09-02,Birch Pumps GmbH,DE89370400440532013000,BR5,
P-ADVISED,128.66,EUR,2026-09-02,Cedar Valves GmbH,DE12500105170648489890,BR6,
"""
REMITTANCES = """\
remittance_id,payment_reference,reference,amount
R1,BR6,INV-430002,128.66
"""
STORIES = ("P-AMBIGUOUS", "P-DISCOUNT", "P-DISPUTED", "P-STRANGER", "P-NEAR", "P-ADVISED")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    tables = {
        "items": f"{','.join(COLUMNS)}\n{ITEMS}",
        "customers": CUSTOMERS,
        "payments": PAYMENTS,
    }
    for name, content in (tables | {"remittances": REMITTANCES}).items():
        (folder / f"{name}.csv").write_text(content, "utf-8")
    command = ["match", "--payments", str(folder / "payments.csv")]
    command += ["--open-items", str(folder / "items.csv")]
    command += ["--customers", str(folder / "customers.csv")]
    command += ["--remittances", str(folder / "remittances.csv"), "--out", str(folder / "run")]
    assert main(command) == 0
    return folder / "run"


def explained(run, capsys, *arguments):
    capsys.readouterr()
    assert main(["explain", str(run), *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("payment", STORIES)
def test_the_story_is_told_as_it_was_approved(payment, run, capsys):
    told = explained(run, capsys, payment)
    golden = GOLDEN / f"{payment}.txt"
    if os.environ.get("TIEOUT_GOLDEN") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(told, "utf-8")
    assert told == golden.read_text("utf-8")


def conditions(run, capsys, *arguments):
    told = json.loads(explained(run, capsys, *arguments, "--json"))["why_not"]
    return {one["kind"]: one for one in told["what_ifs"]}, told


def test_equal_items_need_one_closed_named_or_a_rule(run, capsys):
    found, _ = conditions(run, capsys, "P-AMBIGUOUS")
    assert found["item"]["condition"] == "INV-410002 were not open"
    assert found["reference"]["open_item_ids"] == ["A1"]
    assert found["policy"]["key"] == "strategies.unique_amounts"


def test_an_expired_discount_is_told_in_days(run, capsys):
    _, told = conditions(run, capsys, "P-DISCOUNT")
    sentences = [one["sentence"] for one in told["near_misses"]]
    assert any("the discount expired 3 days before" in one for one in sentences)


def test_a_dispute_that_is_settled_would_decide_it(run, capsys):
    found, _ = conditions(run, capsys, "P-DISPUTED")
    assert found["dispute"]["condition"] == "INV-430001 were no longer disputed"
    assert found["dispute"]["open_item_ids"] == ["D1"]


def test_an_item_says_what_would_have_it_applied(run, capsys):
    found, _ = conditions(run, capsys, "P-STRANGER", "--item", "E1")
    assert found["reference"]["open_item_ids"] == ["E1"]
    assert found["payer"]["condition"] == "C4 were known as the payer"
    told = explained(run, capsys, "P-AMBIGUOUS", "--item", "INV-420002")
    assert "- customer: the item belongs to C2, the payment settles C1" in told


def test_what_was_applied_needs_no_reasons(run, capsys):
    told = json.loads(explained(run, capsys, "P-ADVISED", "--json"))
    assert told["why_not"] is None
    assert [one["reference"] for one in told["story"]["remittance_lines"]] == ["INV-430002"]


def test_brief_leaves_them_out(run, capsys):
    assert "What would change it" not in explained(run, capsys, "P-AMBIGUOUS", "--brief")
