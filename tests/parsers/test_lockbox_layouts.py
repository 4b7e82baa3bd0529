"""Layouts of lockbox files: how one is chosen, and what each notion of them reads."""

from __future__ import annotations

import datetime as dt
from unittest.mock import patch

import msgspec
import pytest
from lockbox_writing import LOCKBOX, check, layout_a, layout_b, lockbox
from oracles import lockbox_oracle

from engine.batches import BankAccountBatch
from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.lockbox_fields import Number, mask_parts, read_masked_date, read_number
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS, read_layouts
from parsers.read_options import ReadOptions

OWN = """
["acme.x.1"]
title = "x"
width = 100
information = []
["acme.x.1".batch_header]
lockbox = [1, 8]
date = { columns = [8, 16], mask = "DD/MM/YY" }
["acme.x.1".check]
item = [1, 5]
amount = [5, 17]
check_number = [17, 22]
memo_or_entries
[["acme.x.1".overflow]]
item = [1, 5]
amounts
["acme.x.1".lockbox_total]
marks = [{ columns = [0, 2], text = "80" }]
count = [2, 6]
total = [6, 18]
"""


def own(check_fields="", overflow_fields="", more="decimals = 2"):
    text = OWN.replace("memo_or_entries", check_fields).replace("amounts", overflow_fields)
    return read_layouts(text.replace('title = "x"', f'title = "x"\n{more}'), "own.toml")


def read(content, layouts=(), accounts=None):
    given = {} if accounts is None else {"bank_accounts": accounts}
    options = ReadOptions(lockbox_layouts=tuple(layouts), **given)
    return parse_source(BytesSource(content), "t", options)


def rows(parsed, *names):
    return [tuple(row[name] for name in names) for row in parsed.payments.record_batch.to_pylist()]


def lines(parsed, *names):
    table = parsed.remittances.record_batch.to_pylist()
    return [tuple(row[name] for name in names) for row in table]


def codes(parsed):
    return parsed.diagnostics.strings("code")


FILES = {
    "a": layout_a([(5, ["INV-1"]), (70, ["A", "CREDIT MEMO TAKEN"])], [(900, [])]),
    "b": layout_b([[("INV-1", 5), ("00123", 7)], [("123", 1)]], [[("X", 90)]]),
    "sap": lockbox(check(1, 300, ("A", 350, 0, ""), ("CM-1", -50, 0, "")), check(2, 9)),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_layout_is_told_from_the_others_and_agrees_with_the_slow_reader(name):
    parsed = read(FILES[name])
    expected = lockbox_oracle.read(FILES[name], name)
    assert codes(parsed) == []
    assert rows(parsed, "amount_minor", "check_number") == [
        (one.amount, one.number) for one in expected.checks
    ]
    assert [line[0] for line in lines(parsed, "reference")] == [
        reference for one in expected.checks for reference, _ in one.lines
    ]
    assert rows(parsed, "remittance_text") == [("\n".join(one.memos),) for one in expected.checks]
    sums = [row for row in parsed.control_checks.record_batch.to_pylist() if row["kind"] == "sum"]
    assert [(int(row["declared"]), int(row["computed"])) for row in sums] == [
        (declared, computed) for _, declared, computed in expected.totals
    ]


def twins():
    """Two layouts that differ in the columns of the payer's name alone."""
    one = LOCKBOX_LAYOUTS["sap.flb2.1"]
    check_layout = msgspec.structs.replace(one.check, remitter=(52, 60))
    other = msgspec.structs.replace(one, name="twin.flb2.1", check=check_layout)
    return {one.name: one, other.name: other}


@pytest.mark.parametrize(("name", "is_doubtful"), [("ACME", False), ("ACME INDUSTRIAL", True)])
def test_a_choice_that_decides_what_is_read_names_the_runner_up(name, is_doubtful):
    content = lockbox(check(1, 5, ("INV-1", 5, 0, ""), name=name))
    with patch("parsers.lockbox_choice.LOCKBOX_LAYOUTS", twins()):
        parsed = read(content)
    assert parsed.dialect == "lockbox.sap.flb2.1"
    assert codes(parsed) == ["LBX-DOUBT"] * is_doubtful
    assert all("twin.flb2.1 is next" in said for said in parsed.diagnostics.strings("message"))
    assert rows(parsed, "payer_name", "intake_codes") == [(name, "")]


def test_a_file_no_layout_explains_says_so():
    content = FILES["sap"].replace(b"0000000309", b"0000000999")
    parsed = read(content)
    (row,) = [
        row for row in parsed.diagnostics.record_batch.to_pylist() if row["code"] == "LBX-DOUBT"
    ]
    assert "no total foots under any known layout" in row["message"]
    assert "generic.a.1 is next" in row["message"]
    assert {"FILE-TOTAL", "LBX-DOUBT"} <= set(codes(parsed))
    assert set(rows(parsed, "intake_codes")) == {("IN-TOTAL",)}


def test_the_layout_of_an_account_counts_even_where_another_fits_better():
    accounts = BankAccountBatch.from_columns(
        {
            "bank_account": ["1", "2"],
            "lockbox": ["999", LOCKBOX],
            "layout": ["generic.b.1", "acme.x.1"],
        }
    )
    assert read(FILES["sap"], own(), accounts).dialect == "lockbox.acme.x.1"
    accounts = BankAccountBatch.from_columns(
        {"bank_account": ["1"], "lockbox": [LOCKBOX], "layout": ["generic.a.1"]}
    )
    assert read(FILES["sap"], (), accounts).dialect == "lockbox.generic.a.1"


def x_file(*records, total=0, count=1):
    return "\n".join([*records, f"80{count:04d}{total:012d}"]).encode()


def test_several_invoices_stand_in_a_check_and_in_its_overflow_in_the_order_of_the_file():
    layouts = own(
        "entries = [{ document = [22, 30] }, { document = [30, 38] }]",
        "entries = [{ document = [5, 13] }, { document = [13, 21] }]",
    )
    content = x_file(
        "5007712311/09/26",
        f"60001{300:012d}00017{'INV-1':<8}{'INV-2':<8}",
        f"40001{'INV-3':<8}{'':8}",
        f"40001{'':8}{'00004':<8}",
        total=300,
    )
    parsed = read(content, layouts)
    assert codes(parsed) == []
    assert [line[0] for line in lines(parsed, "reference")] == ["INV-1", "INV-2", "INV-3", "00004"]
    assert rows(parsed, "booking_date", "bank_account") == [(dt.date(2026, 9, 11), "0077123")]


@pytest.mark.parametrize(
    ("decimals", "currency", "written", "amount", "total"),
    [
        (2, "USD", "000000001234", 1234, 1234),
        (0, "USD", "000000000012", 1200, 12),
        (2, "JPY", "000000001200", 12, 1200),
        (2, "KWD", "000000001234", 12340, 1234),
        (2, "USD", "       12.34", 1234, 1234),
        (2, "USD", "   1234     ", 1234, 1234),
        (2, "USD", "        1234", 1234, 1234),
        (2, "USD", "+00000001234", 1234, 1234),
    ],
)
def test_amounts_imply_the_decimals_of_their_layout(decimals, currency, written, amount, total):
    accounts = BankAccountBatch.from_columns(
        {"bank_account": ["1"], "lockbox": ["77123"], "currency": [currency]}
    )
    content = x_file("5007712311/09/26", f"60001{written}00017", total=total)
    parsed = read(content, own(more=f"decimals = {decimals}"), accounts)
    assert rows(parsed, "amount_minor", "currency") == [(amount, currency)]
    assert codes(parsed) == []
    assert all(parsed.control_checks.record_batch.column("ok").to_pylist())


@pytest.mark.parametrize(
    "written", ["00000000123x", "            ", "0000000-1234", "1.2.3       "]
)
def test_an_amount_that_is_no_number_names_line_column_offset_value_and_expectation(written):
    content = x_file("5007712311/09/26", f"60001{written}00017", "60002000000000005", total=5)
    parsed = read(content, own())
    (row,) = [
        row for row in parsed.diagnostics.record_batch.to_pylist() if row["code"] == "LBX-AMOUNT"
    ]
    assert (row["line"], row["column"], row["offset"]) == (2, 6, 22)
    assert row["value"] == written.rstrip()
    assert row["expected"] == "12 digits"
    assert rows(parsed, "amount_minor") == [(5,)]


def test_an_amount_of_a_fraction_of_the_smallest_unit_is_not_rounded():
    accounts = BankAccountBatch.from_columns(
        {"bank_account": ["1"], "lockbox": ["77123"], "currency": ["JPY"]}
    )
    content = x_file("5007712311/09/26", "60001000000001250" + "00017", total=1250)
    parsed = read(content, own(), accounts)
    assert rows(parsed, "amount_minor") == []
    assert "LBX-AMOUNT" in codes(parsed)


def test_an_amount_beyond_any_is_no_payment():
    layouts = read_layouts(
        OWN.replace("memo_or_entries", "")
        .replace("amounts", "")
        .replace("[5, 17]", "[5, 23]")
        .replace("check_number = [17, 22]\n", "")
        .replace("total = [6, 18]", "total = [6, 24]"),
        "own.toml",
    )
    content = f"5007712311/09/26\n60001{10**17:018d}\n800001{10**17:018d}".encode()
    parsed = read(content, layouts)
    assert rows(parsed, "amount_minor") == []
    assert "LBX-AMOUNT" in codes(parsed)


def test_invoices_of_one_group_are_one_line():
    parsed = read(
        "\n".join(
            [
                f"3{'LBX1':<15}{0:05d}{0:05d}000000{1:06d}{500:016d}{1:06d}",
                f"3{'LBX1':<15}{1:05d}{0:05d}000001",
                f"3{'LBX1':<15}{1:05d}{1:05d}000002{'77':<15}{'500':>14}09112026CHKEUR",
                f"3{'LBX1':<15}{1:05d}{1:05d}000108{600:014d}{500:014d}{90:012d}",
                f"3{'LBX1':<15}{1:05d}{1:05d}000109{10:014d}D7",
                f"3{'LBX1':<15}{1:05d}{1:05d}000107IT{'INV-9':<30}",
            ]
        ).encode()
    )
    assert parsed.dialect == "lockbox.peoplesoft.lockbox.1"
    names = ("reference", "amount_minor", "discount_minor", "deduction_minor", "deduction_reason")
    assert lines(parsed, *names) == [("INV-9", 500, 90, 10, "D7")]
    assert rows(parsed, "currency", "bank_account", "check_number") == [("EUR", "LBX1", "77")]
    assert codes(parsed) == []


def test_totals_declared_beforehand_are_compared():
    content = "\n".join(
        [
            f"3{'LBX1':<15}{0:05d}{0:05d}000000{1:06d}{501:016d}{1:06d}",
            f"3{'LBX1':<15}{1:05d}{0:05d}000001",
            f"3{'LBX1':<15}{1:05d}{1:05d}000002{'77':<15}{'500':>14}09112026CHKUSD",
        ]
    ).encode()
    parsed = read(content)
    assert codes(parsed) == ["FILE-TOTAL"]
    assert rows(parsed, "intake_codes") == [("IN-TOTAL",)]


def test_checks_of_another_lockbox_or_date_than_their_batch_are_told_once():
    content = FILES["b"].replace(b"60010010077123260911", b"60010010077124260912")
    content = content.replace(b"60010020077123260911", b"60010020077124260912")
    parsed = read(content)
    assert codes(parsed) == ["LBX-NUMBER", "LBX-DATE"]
    assert {row for row in rows(parsed, "bank_account", "booking_date")} == {
        (LOCKBOX, dt.date(2026, 9, 11))
    }


@pytest.mark.parametrize(
    ("token", "mask", "date"),
    [
        ("260911", "YYMMDD", dt.date(2026, 9, 11)),
        ("091126", "MMDDYY", dt.date(2026, 9, 11)),
        ("091126", "YYMMDD", dt.date(2009, 11, 26)),
        ("11-SEP-26", "DD-MON-YY", dt.date(2026, 9, 11)),
        ("11-sep-26", "DD-MON-YY", dt.date(2026, 9, 11)),
        ("11/SEP/26", "DD-MON-YY", None),
        ("31-SEP-26", "DD-MON-YY", None),
        ("09112026", "MMDDYYYY", dt.date(2026, 9, 11)),
        ("790101", "YYMMDD", dt.date(2079, 1, 1)),
        ("800101", "YYMMDD", dt.date(1980, 1, 1)),
        ("      ", "YYMMDD", None),
        ("26091", "YYMMDD", None),
    ],
)
def test_dates_are_read_by_their_mask(token, mask, date):
    assert read_masked_date(token, mask) == date


@pytest.mark.parametrize("mask", ["", "YYMM", "YYMMDDDD", "MONMM", "YYYYMMDDYY", "DDMMM"])
def test_a_mask_names_year_month_and_day_once(mask):
    assert mask_parts(mask) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("0012", Number(12)),
        ("  12", Number(12)),
        ("12  ", Number(12)),
        ("-012", Number(-12)),
        ("- 12", Number(-12)),
        ("    ", Number(0)),
        ("", Number(0)),
        ("1.20", Number(120, 2)),
        ("12", None),
        ("1 2 ", None),
        ("1e10", None),
        ("--12", None),
        ("   .", None),
    ],
)
def test_numbers_are_digits_padded_in_front_or_behind(line, expected):
    assert read_number(line, (0, 4)) == expected
