"""The same money in several files counts once; what is not proven stays and is held."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from bai2_writing import ACCOUNT, bai2
from hypothesis import given, settings
from hypothesis import strategies as st
from lockbox_writing import LOCKBOX, check, lockbox
from oracles.same_money_oracle import count_once as expected_once

from engine.batches import BankAccountBatch, PaymentBatch, RemittanceBatch
from parsers.bank_files import parse_bank_file
from parsers.repeats import merge_parsed
from parsers.same_money import FORMAT_RANKS, count_once
from tests.packed_rows import packed_rows

GOLDEN = Path(__file__).parents[1] / "golden"
MONDAY = dt.date(2026, 9, 14)
TEXT = (
    *("uetr", "bank_reference", "trace_number", "customer_reference", "end_to_end_id"),
    *("check_number", "payer_account", "payer_name", "method", "type_code", "remittance_text"),
    "intake_codes",
)
OURS = {"bank_account": [ACCOUNT], "company_id": ["US01"], "lockbox": [LOCKBOX]}


def money(name, source_format, amount=10_000, **facts):
    return (
        dict.fromkeys(TEXT, "")
        | {"payment_id": name, "source_format": source_format, "amount_minor": amount}
        | {"file_id": source_format, "source_file": f"{source_format}.txt", "currency": "USD"}
        | {"bank_account": "", "booking_date": MONDAY, "value_date": MONDAY}
        | facts
    )


def batch(rows):
    return PaymentBatch.from_columns({name: [row[name] for row in rows] for name in rows[0]})


def lines_of(*owners):
    return RemittanceBatch.from_columns(
        {
            "payment_id": [owner for owner, _ in owners],
            "line_number": [
                1 + [name for name, _ in owners[:at]].count(owner)
                for at, (owner, _) in enumerate(owners)
            ],
            "reference": [reference for _, reference in owners],
        }
    )


def once(*rows, lines=(), accounts=None):
    table = (
        BankAccountBatch.empty() if accounts is None else BankAccountBatch.from_columns(accounts)
    )
    return count_once(batch(rows), lines_of(*lines) if lines else RemittanceBatch.empty(), table)


def names(result):
    return sorted(result.payments.strings("payment_id"))


@pytest.mark.parametrize(
    ("of_statement", "of_carrier"),
    [
        ("uetr", "uetr"),
        ("trace_number", "trace_number"),
        ("customer_reference", "trace_number"),
        ("bank_reference", "trace_number"),
        ("end_to_end_id", "end_to_end_id"),
        ("customer_reference", "end_to_end_id"),
        ("check_number", "check_number"),
    ],
)
@pytest.mark.parametrize("carrier", ["edi820", "edi823", "nacha", "camt.054", "mt942", "lockbox"])
def test_a_carrier_and_a_statement_that_share_a_number_are_one(of_statement, of_carrier, carrier):
    result = once(
        money("S", "bai2", **{of_statement: "N7"}),
        money("C", carrier, **{of_carrier: "N7"}),
        lines=[("C", "INV-1"), ("C", "INV-2")],
    )
    assert names(result) == ["S"]
    assert result.remittances.strings("payment_id") == ["S", "S"]
    assert result.remittances.strings("reference") == ["INV-1", "INV-2"]
    assert result.counted_rows == {"same_money": 1}
    assert result.diagnostics.strings("code") == ["FILE-SAME-MONEY"]
    assert result.diagnostics.strings("source_file") == [f"{carrier}.txt"]
    assert "100.00 USD is payment S of bai2.txt" in result.diagnostics.strings("message")[0]


def test_the_statement_keeps_its_own_lines_and_takes_what_it_does_not_say():
    result = once(
        money("S", "bai2", uetr="U", payer_name="ACME INC"),
        money("C", "edi820", uetr="u", payer_name="Acme", payer_account="121/99"),
        lines=[("S", "INV-1"), ("C", "INV-2")],
    )
    assert result.remittances.strings("reference") == ["INV-1"]
    assert result.payments.strings("payer_name") == ["ACME INC"]
    assert result.payments.strings("payer_account") == ["121/99"]


def test_three_files_of_one_payment_leave_the_statements_row_with_the_best_lines():
    rows = [
        money("N", "camt.054", uetr="U"),
        money("S", "camt.053", uetr="U"),
        money("O", "edi820", uetr="U"),
    ]
    result = once(*rows, lines=[("O", "INV-O"), ("N", "INV-N")])
    assert names(result) == ["S"]
    assert result.remittances.strings("reference") == ["INV-N"]
    assert result.counted_rows == {"same_money": 2}


def test_without_a_statement_the_notification_stays_for_the_intraday_report():
    result = once(money("I", "camt.052", uetr="U"), money("N", "camt.054", uetr="U"))
    assert names(result) == ["N"]


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 10_001},
        {"currency": "EUR"},
        {"bank_account": "999999999"},
        {"payer_account": "2"},
        {"booking_date": MONDAY + dt.timedelta(days=6)},
        {"amount": -10_000},
    ],
    ids=str,
)
def test_what_speaks_against_a_pair_keeps_both(other):
    statement = money("S", "bai2", end_to_end_id="E", bank_account=ACCOUNT, payer_account="1")
    result = once(statement, money("C", "edi820", **({"end_to_end_id": "E"} | other)))
    assert names(result) == ["C", "S"]
    assert set(result.payments.strings("intake_codes")) == {""}
    assert result.counted_rows == {}


def test_a_number_that_stands_twice_on_a_side_proves_nothing_and_holds_the_carriers_rows():
    result = once(
        money("S1", "bai2", end_to_end_id="RENT"),
        money("S2", "bai2", end_to_end_id="RENT"),
        money("C", "edi820", end_to_end_id="RENT"),
    )
    assert names(result) == ["C", "S1", "S2"]
    codes = dict(
        zip(
            result.payments.strings("payment_id"),
            result.payments.strings("intake_codes"),
            strict=True,
        )
    )
    assert codes == {"C": "IN-DUPPAY", "S1": "", "S2": ""}


def test_a_better_number_or_the_day_tells_repeats_apart():
    week = MONDAY + dt.timedelta(days=7)
    result = once(
        money("S1", "bai2", end_to_end_id="RENT"),
        money("S2", "bai2", end_to_end_id="RENT", booking_date=week),
        money("C1", "edi820", end_to_end_id="RENT"),
        money("C2", "edi820", end_to_end_id="RENT", booking_date=week),
    )
    assert names(result) == ["S1", "S2"]


def test_nothing_is_taken_from_a_file_that_is_held():
    result = once(
        money("S", "bai2", uetr="U"),
        money("C", "edi820", uetr="U", intake_codes="IN-TOTAL", payer_name="ACME"),
        lines=[("C", "INV-1")],
    )
    assert names(result) == ["S"]
    assert len(result.remittances) == 0
    assert result.payments.strings("payer_name") == [""]


def test_tables_and_single_formats_are_left_alone():
    rows = [money("A", "csv", uetr="U"), money("B", "bai2", uetr="U")]
    assert names(once(*rows)) == ["A", "B"]
    assert names(once(money("A", "bai2", uetr="U"), money("B", "bai2", uetr="U"))) == ["A", "B"]


CHECKS = [
    money("C1", "lockbox", 6_000, bank_account=LOCKBOX, check_number="1", method="check"),
    money("C2", "lockbox", 4_000, bank_account=LOCKBOX, check_number="2", method="check"),
]


@pytest.mark.parametrize("facts", [{"type_code": "115"}, {"type_code": "301", "method": "check"}])
def test_a_credit_that_is_the_sum_of_a_deposit_goes_and_the_checks_stay(facts):
    deposit = money("D", "bai2", 10_000, bank_account=ACCOUNT, **facts)
    result = once(deposit, *CHECKS, lines=[("C1", "INV-1")], accounts=OURS)
    assert names(result) == ["C1", "C2"]
    assert result.counted_rows == {"aggregate": 1}
    assert result.remittances.strings("payment_id") == ["C1"]
    assert result.diagnostics.strings("code") == ["FILE-AGGREGATE"]
    assert "is the sum of payments of lockbox.txt" in result.diagnostics.strings("message")[0]


@pytest.mark.parametrize("facts", [{"method": "wire"}, {"uetr": "U"}, {"payer_account": "77"}])
def test_a_payment_of_one_payer_is_no_deposit_whatever_its_amount(facts):
    result = once(money("D", "bai2", bank_account=ACCOUNT, **facts), *CHECKS, accounts=OURS)
    assert names(result) == ["C1", "C2", "D"]
    assert set(result.payments.strings("intake_codes")) == {""}


@pytest.mark.parametrize(
    ("deposit", "accounts"),
    [
        ({"amount": 9_999}, OURS),
        ({}, None),
        ({"bank_account": ""}, OURS),
    ],
    ids=["another sum", "no lockbox in the table", "no account in the statement"],
)
def test_a_lockbox_credit_that_is_not_proven_to_be_the_checks_stays_and_is_held(deposit, accounts):
    facts = {"bank_account": ACCOUNT, "type_code": "115"} | deposit
    result = once(money("D", "bai2", **facts), *CHECKS, accounts=accounts)
    assert names(result) == ["C1", "C2", "D"]
    held = [code for code in result.payments.strings("intake_codes") if code]
    assert held == ["IN-DUPPAY"]
    assert result.counted_rows == {}


def test_several_lockbox_credits_are_together_the_deposits_of_several_files():
    rows = [
        money("D1", "bai2", 7_000, bank_account=ACCOUNT, type_code="115"),
        money("D2", "bai2", 5_000, bank_account=ACCOUNT, type_code="115"),
        *CHECKS,
        money("C3", "edi823", 2_000, bank_account=ACCOUNT, method="check"),
    ]
    result = once(*rows, accounts=OURS)
    assert names(result) == ["C1", "C2", "C3"]
    assert result.counted_rows == {"aggregate": 2}


def test_two_credits_of_one_deposits_sum_leave_a_doubt():
    rows = [
        money(name, "bai2", 10_000, bank_account=ACCOUNT, type_code="301", method="check")
        for name in ("D1", "D2")
    ]
    result = once(*rows, *CHECKS, accounts=OURS)
    assert names(result) == ["C1", "C2", "D1", "D2"]
    assert Counter(result.payments.strings("intake_codes")) == {"": 2, "IN-DUPPAY": 2}


def test_a_batch_entry_whose_details_a_notification_brings_is_their_sum():
    entry = money("E", "camt.053", 10_000, bank_account="NL1", bank_reference="A1")
    details = [
        money(f"N{amount}", "camt.054", amount, bank_account="NL1", bank_reference="A1")
        for amount in (1_000, 9_000)
    ]
    assert names(once(entry, *details)) == ["N1000", "N9000"]
    short = once(entry, details[0], money("N", "camt.054", 1, bank_reference="A1"))
    assert len(short.payments) == 3


def test_bai2_and_its_lockbox_file_together():
    statement = bai2(
        "16,115,10000,,L1,,LOCKBOX DEPOSIT",
        "16,195,5000,,W1,,ORIG NAME: ACME",
        as_of="260911",
    )
    boxed = lockbox(
        check(1, 6000, ("INV-1", 6000, 0, "")), check(2, 4000, ("INV-2", 4000, 0, ""), number=18)
    )
    accounts = BankAccountBatch.from_columns(OURS | {"currency": ["USD"]})
    files = [
        parse_bank_file(statement, "s.bai", accounts),
        parse_bank_file(boxed, "l.txt", accounts),
    ]
    merged = merge_parsed(files)
    result = count_once(merged.payments, merged.remittances, accounts)
    assert sorted(result.payments.int64("amount_minor").tolist()) == [4000, 5000, 6000]
    assert sorted(result.remittances.strings("reference")) == ["INV-1", "INV-2"]
    assert result.counted_rows == {"aggregate": 1}


def test_every_format_that_gives_payments_has_a_rank_and_every_rank_a_format():
    files = [path for path in GOLDEN.glob("*/*") if path.suffix != ".json"]
    contents = [path.read_bytes() for path in files]
    statement = (GOLDEN / "camt" / "statement_02.xml").read_bytes()
    report = statement.replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt")
    contents.append(report.replace(b"<Stmt>", b"<Rpt>").replace(b"</Stmt>", b"</Rpt>"))
    read = [parse_bank_file(content, "f") for content in contents]
    assert {one.source_format for one in read if len(one.payments)} == set(FORMAT_RANKS)


some = ("", "", "1", "01", "A", "a")
rows_strategy = packed_rows(
    dict.fromkeys(("uetr", "bank_reference", "trace_number", "check_number"), some)
    | dict.fromkeys(("customer_reference", "end_to_end_id"), some)
    | {"payer_account": ("", "", "X", "Y")}
    | {"bank_account": ("", "P", "Q", "BOX")}
    | {"source_format": (*FORMAT_RANKS, "csv", "lockbox", "bai2")}
    | {"amount_minor": (1, 1, 2, 3, -1)}
    | {"currency": ("USD", "USD", "EUR")}
    | {"booking_date": (MONDAY, MONDAY + dt.timedelta(days=7), None)}
    | {"value_date": (MONDAY, None)}
    | {"method": ("", "check", "wire")}
    | {"type_code": ("", "115")}
    | {"second_file": (False, True)},
    min_size=1,
    max_size=9,
)


def made(rows):
    made_rows = []
    for at, row in enumerate(rows):
        second = row.pop("second_file")
        facts = row | {"file_id": f"{row['source_format']}-{second}"}
        made_rows.append(money(f"P{at}", row["source_format"], row["amount_minor"]) | facts)
    return made_rows


@settings(max_examples=600)
@given(rows_strategy, st.randoms())
def test_counting_once_equals_the_oracle_whatever_the_order(rows, random):
    rows = made([dict(row) for row in rows])
    boxes = {"BOX": "P"}
    table = {"bank_account": ["P"], "company_id": ["X"], "lockbox": ["BOX"]}
    gone, doubtful = expected_once(rows, boxes)
    lines = [(row["payment_id"], f"of {row['payment_id']}") for row in rows[::2]]
    for _ in range(2):
        result = once(*rows, lines=lines, accounts=table)
        kept = result.payments.strings("payment_id")
        assert sorted(kept) == sorted({row["payment_id"] for row in rows} - set(gone))
        codes = dict(zip(kept, result.payments.strings("intake_codes"), strict=True))
        assert {name for name, code in codes.items() if code} == doubtful
        assert sum(result.counted_rows.values()) == len(gone) == len(result.diagnostics)
        assert set(result.remittances.strings("payment_id")) <= set(kept)
        for row in result.remittances.record_batch.to_pylist():
            writer = row["reference"].removeprefix("of ")
            assert row["payment_id"] == gone.get(writer, writer)
        random.shuffle(rows)
