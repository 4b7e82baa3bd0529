"""Advice that arrives apart from the money joins it, whatever form it comes in, and is applied."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tieout.commands import main
from tieout.matching_job import MatchingJob, run_matching_job
from tieout.remittance_inputs import RemittanceOptions
from tieout.run_directory import RunDirectory

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("parsers", "tables")]

from bai2_writing import ACCOUNT, bai2
from lockbox_writing import LOCKBOX, check, lockbox
from remt001_writing import document, element, message, payment
from spreadsheet_writing import workbook

ITEMS = """open_item_id,company_id,customer_id,document_number,currency,open_amount
I1,US01,C1,INV-10001,USD,60.00
I2,US01,C1,INV-10002,USD,40.00
I3,US01,C1,INV-10003,USD,100.00
"""
CUSTOMERS = "customer_id,company_id,name\nC1,US01,Acme Tools Inc\n"
ACCOUNTS = f"bank_account,company_id,currency,lockbox\n{ACCOUNT},US01,USD,{LOCKBOX}\n"


@pytest.fixture
def folder(tmp_path):
    for name, text in (("items", ITEMS), ("customers", CUSTOMERS), ("accounts", ACCOUNTS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def match(folder, *bank, remittances=(), **said):
    names = []
    for name, content in bank:
        (folder / name).write_bytes(content)
        names.append(folder / name)
    run_matching_job(
        MatchingJob(
            open_items=folder / "items.csv",
            customers=folder / "customers.csv",
            bank_accounts=folder / "accounts.csv",
            bank_files=tuple(names),
            remittances=tuple(remittances),
            remittance_options=RemittanceOptions(**said),
            out=folder / "run",
        )
    )
    run = RunDirectory.open(folder / "run")
    applied = [
        (row["open_item_id"], row["amount_applied"])
        for row in run.table("applications").to_pylist()
        if row["decision"] == "auto"
    ]
    codes = {row["code"]: row["source_file"] for row in run.table("exceptions").to_pylist()}
    return sorted(applied), codes, run


BOTH = [("I1", Decimal(60)), ("I2", Decimal(40))]
STATEMENT = bai2("16,142,10000,,B1,,KEY-0001 IS NOT SAID HERE")


def as_csv(folder, header, key):
    text = f"{header},Invoice Number,Amount Paid\n{key},INV-10001,60.00\n{key},INV-10002,40.00\n"
    (folder / "advice.csv").write_text(text)
    return folder / "advice.csv"


def as_workbook(folder, header, key):
    rows = [
        [header, "Invoice Number", "Amount Paid"],
        [key, "INV-10001", Decimal("60.00")],
        [key, "INV-10002", Decimal("40.00")],
    ]
    (folder / "advice.xlsx").write_bytes(workbook(("Advice", rows)))
    return folder / "advice.xlsx"


@pytest.mark.parametrize("form", [as_csv, as_workbook])
@pytest.mark.parametrize(
    ("header", "key", "credit"),
    [
        ("Payment Reference", "BANK-77", "16,142,10000,,BANK-77,,ACH CREDIT"),
        ("Payment Reference", "CUST-77", "16,142,10000,,B1,CUST-77,ACH CREDIT"),
        ("Trace Number", "TRACE-77", "16,142,10000,,B1,TRACE-77,ACH CREDIT"),
        ("End To End ID", "E2E-77", "16,195,10000,,B1,E2E-77,WIRE"),
    ],
)
def test_a_payers_table_joins_an_ach_credit(folder, form, header, key, credit):
    advice = form(folder, header, key)
    applied, codes, run = match(folder, ("s.bai", bai2(credit)), remittances=[advice])
    assert applied == BOTH
    assert "RMT-ORPHAN" not in codes
    (given,) = [one for one in run.summary().inputs if one.role == "remittances"]
    assert (given.format, given.rows) == ("english", 2)


def test_payer_name_and_amount_join_where_nothing_else_is_said(folder):
    advice = folder / "advice.csv"
    advice.write_text(
        "Zahler;Rechnungsnummer;Zahlbetrag\n"
        "ACME TOOLS;INV-10001;60,00\nACME TOOLS;INV-10002;40,00\n"
    )
    statement = bai2("16,195,10000,,B1,,WIRE\n88,ORG:=ACME TOOLS INC")
    applied, _, _ = match(folder, ("s.bai", statement), remittances=[advice])
    assert applied == BOTH


def test_a_check_joins_by_number_and_amount(folder):
    boxed = lockbox(check(1, 10000, number=4711))
    advice = as_csv(folder, "Check Number", "4711")
    applied, _, _ = match(folder, ("l.txt", boxed), remittances=[advice])
    assert applied == BOTH


TWO = document("INV-10001", "60.00").replace("EUR", "USD") + document("INV-10002", "40.00").replace(
    "EUR", "USD"
)


@pytest.mark.parametrize("as_table", [False, True], ids=["as bank file", "as remittances"])
def test_remt001_joins_by_end_to_end_id_wherever_it_is_given(folder, as_table):
    refs = {"EndToEndId": "E2E-77"}
    text = message(element("RmtId", "RA-1") + TWO + payment("100.00", "USD", references=refs))
    statement = ("s.bai", bai2("16,195,10000,,B1,E2E-77,WIRE"))
    if as_table:
        (folder / "advice.xml").write_text(text)
        applied, codes, _ = match(folder, statement, remittances=[folder / "advice.xml"])
    else:
        applied, codes, _ = match(folder, statement, ("advice.xml", text.encode()))
    assert applied == BOTH
    assert "RMT-ORPHAN" not in codes


def test_the_same_advice_as_message_and_as_table_counts_once(folder):
    refs = {"EndToEndId": "E2E-77"}
    text = message(element("RmtId", "RA-1") + TWO + payment("100.00", "USD", references=refs))
    advice = as_csv(folder, "Remittance ID", "RA-1")
    statement = ("s.bai", bai2("16,195,10000,,B1,E2E-77,WIRE"))
    applied, codes, _ = match(
        folder, statement, ("advice.xml", text.encode()), remittances=[advice, advice]
    )
    assert applied == BOTH
    assert "RMT-ORPHAN" not in codes


def test_an_advice_nobody_paid_names_its_file(folder):
    advice = as_csv(folder, "Trace Number", "NOBODY-1")
    applied, codes, _ = match(folder, ("s.bai", STATEMENT), remittances=[advice])
    assert applied == [] or applied == [("I3", Decimal(100))]
    assert codes["RMT-ORPHAN"] == "advice.csv"


def test_rows_that_are_no_lines_are_counted_in_the_summary(folder):
    advice = folder / "advice.csv"
    advice.write_text(
        "From Acme,\nTrace Number,Invoice Number,Amount Paid\n"
        "T1,INV-10001,60.00\nT1,INV-10002,40.00\nTotal,,100.00\n"
    )
    _, _, run = match(folder, ("s.bai", bai2("16,142,10000,,B1,T1,X")), remittances=[advice])
    counted = run.summary().counted_rows
    assert (counted["remittances_preamble"], counted["remittances_total"]) == (1, 1)


def test_a_deposit_and_its_checks_are_applied_once(folder):
    statement = bai2("16,115,10000,,L1,,LOCKBOX DEPOSIT", as_of="260911")
    boxed = lockbox(
        check(1, 6000, ("INV-10001", 6000, 0, "")),
        check(2, 4000, ("INV-10002", 4000, 0, ""), number=18),
    )
    applied, codes, run = match(folder, ("s.bai", statement), ("l.txt", boxed))
    assert applied == BOTH
    assert "IN-DUPPAY" not in codes
    assert run.summary().counted_rows["aggregate"] == 1
    assert sum(row["amount"] for row in run.table("payments").to_pylist()) == 100


def test_the_command_previews_a_table(folder, capsys):
    advice = as_csv(folder, "Check Number", "4711")
    assert main(["remittances", "preview", str(advice)]) == 0
    shown = capsys.readouterr().out
    assert "2 lines of 1 advices; preset english" in shown
    assert "Amount Paid → amount  (decimals after '.')" in shown
    assert main(["remittances", "presets"]) == 0
    assert "gotransverse_lockbox" in capsys.readouterr().out
    advice.write_text('Invoice,Amount\n1,"1,234"\n')
    assert main(["remittances", "preview", str(advice)]) == 65
    assert "--remittance-decimal" in capsys.readouterr().err


def test_the_command_matches_by_an_own_preset(folder):
    (folder / "own.toml").write_text(
        'decimal = "."\n[columns]\nreference = ["Doc"]\namount = ["Val"]\ntrace_number = ["Trc"]\n'
    )
    (folder / "advice.csv").write_text("Doc,Val,Trc\nINV-10001,60,T1\nINV-10002,40,T1\n")
    (folder / "s.bai").write_bytes(bai2("16,142,10000,,B1,T1,X"))
    arguments = [
        *("match", str(folder / "s.bai"), "--open-items", str(folder / "items.csv")),
        *("--customers", str(folder / "customers.csv"), "--out", str(folder / "run")),
        *("--bank-accounts", str(folder / "accounts.csv"), "--progress", "none"),
        *("--remittances", str(folder / "advice.csv")),
        *("--remittance-preset", str(folder / "own.toml")),
    ]
    assert main(arguments) == 0
    applied = RunDirectory.open(folder / "run").table("applications").to_pylist()
    assert {row["open_item_id"] for row in applied if row["decision"] == "auto"} == {"I1", "I2"}
