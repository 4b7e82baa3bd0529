"""BAI2: what the specification allows and banks do, feature by feature, and what it costs."""

from __future__ import annotations

import datetime as dt
import sys

import pytest
from bai2_reading import codes, only, read, rows
from bai2_writing import ACCOUNT, bai2

from engine.batches import BankAccountBatch
from parsers.bai2_dialects import BAI2_DIALECTS
from parsers.bank_files import parse_bank_file

DAY = dt.date(2026, 9, 25)


def sums(parsed):
    checks = parsed.control_checks.record_batch.to_pylist()
    return [(check["computed"], check["ok"], check["rule"]) for check in checks]


@pytest.mark.parametrize(
    ("record", "split"),
    [
        ("01,121000248,US01,260926,0615,7,,,2/", "01,121000248,US01/\n88,260926,0615,7,,,2/"),
        ("02,US01,121000248,1,260925,2359,USD,2/", "02,US01,121000248/\n88,1,260925,2359,USD,2/"),
        ("03,4402207781,USD,,,,/", "03,4402207781/\n88,USD,,,,/"),
        ("49,70,3/", "49,70/\n88,4/"),
        ("98,70,1,5/", "98,70/\n88,1,6/"),
        ("99,70,1,7/", "99,70,1/\n88,8/"),
    ],
)
def test_an_88_may_go_on_with_any_record(record, split):
    content = bai2("16,195,70,,B,C,T").decode()
    assert f"{record}\n" in content
    plain, parsed = read(content), read(content.replace(record, split))
    assert rows(parsed, "payment_id") == rows(plain, "payment_id")
    assert rows(parsed, "currency", "booking_date", "intake_codes") == [("USD", DAY, "")]
    assert set(codes(parsed)) <= {"FILE-COUNT"}


@pytest.mark.parametrize(
    "summary",
    [
        "010,1000,,,045,2000,,,100,500,1,",
        "010,1000,,,045/\n88,2000,,,100,500,1,",
        "010,1000,,,045,2000/\n88,,,100,500,1,",
        "010,1000,,,045,2000,/\n88,,100,500,1,",
        "010,1000,,,,045/\n88,2000,,,,100,500,1,",
        "010,1000,,,,045/\n88,2000,,,,/\n88,100/\n88,500,1,",
        "010,1000,,Z,045,2000,,S,1,2,3,100,500,1,V,260924,1200",
        "010,1000,,D,2,0,400,1,600,045,2000,,,100,500,1,",
    ],
)
def test_a_summary_is_the_same_wherever_it_is_split_and_whatever_commas_are_too_many(summary):
    content = bai2("16,195,500,,B,C,T", summary="010,1000,,,045,2000,,,100,500,1,").decode()
    line = "03,4402207781,USD,010,1000,,,045,2000,,,100,500,1,/"
    assert line in content
    parsed = read(content.replace(line, f"03,4402207781,USD,{summary}/"))
    assert sums(parsed)[0] == ("4000", True, "A")
    assert rows(parsed, "intake_codes") == [""]
    assert set(codes(parsed)) <= {"FILE-COUNT"}


def test_several_records_on_a_line_and_records_that_wrap_are_each_read_once():
    content = bai2("16,195,70,,B,C,T/", "16,142,80,,D,E,F/").decode()
    glued = content.replace("2/\n02", "2/   02").replace("T/\n16", "T/ 16")
    wrapped = glued.replace("03,4402207781,USD", "03,4402207781,\nUSD")
    assert rows(read(wrapped), "payment_id") == rows(read(content), "payment_id")
    assert rows(read(wrapped), "amount_minor", "intake_codes") == [(70, ""), (80, "")]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("16,195,5,,B,C,A/B, C/D", "A/B, C/D"),
        ("16,195,5,,B,C,A,,B", "A,,B"),
        ("16,195,5,,B,C,\n88,/BEGINS WITH A SLASH", "/BEGINS WITH A SLASH"),
        ("16,195,5,,B,C/\n88,ONE, TWO\n88,08/18/23", "ONE, TWO\n08/18/23"),
        ("16,195,5,S,1,2,3,B,C,A, 1/2/", "A, 1/2"),
        ("16,195,5,D,1,0,5,B,C,A, 1/2,/", "A, 1/2"),
    ],
)
def test_text_is_kept_to_the_letter_and_only_its_terminator_goes(row, text):
    parsed = read(bai2(row))
    assert rows(parsed, "bank_reference", "customer_reference") == [("B", "C")]
    assert only(parsed)["remittance_text"] == text
    assert codes(parsed) == []


@pytest.mark.parametrize(
    "row",
    [
        "16,195,5/",
        "16,195,5,/",
        "16,195,5,Z/",
        "16,195,5,V,260925/",
        "16,195,5,S,1,2,3/",
        "16,195,5,S,,,/",
        "16,195,5,D,0/",
        "16,195,5,D,1,0,5/",
        "16,195,5,,,,/",
    ],
)
def test_a_row_may_end_behind_any_field(row):
    parsed = read(bai2(row))
    assert rows(parsed, "amount_minor", "bank_reference", "remittance_text") == [(5, "", "")]
    assert codes(parsed) == []


@pytest.mark.parametrize("code", ["046", "827", "706", "999", "158", "459"])
def test_a_code_nobody_has_heard_of_is_read_by_its_range(code):
    parsed = read(bai2(f"16,{code},70,,B,C,T"))
    assert len(parsed.payments) + sum(parsed.counted_rows.values()) == 1
    assert codes(parsed) == []


@pytest.mark.parametrize(
    ("layout", "currency", "written", "minor"),
    [
        ("", "JPY", "1500", 1500),
        ("bai2.two_decimals.1", "JPY", "150000", 1500),
        ("bai2.two_decimals.1", "KWD", "150", 1500),
        ("bai2.two_decimals.1", "USD", "1500", 1500),
        ("bai2.no_decimals.1", "USD", "15", 1500),
        ("bai2.code_list_2005.1", "EUR", "15", 1500),
        ("bai2.code_list_2005.1", "EGP", "15000", 1500),
        ("bai2.code_list_2005.1", "USD", "1500", 1500),
        ("generic.a.1", "JPY", "1500", 1500),
    ],
)
def test_a_bank_may_write_other_decimals_than_iso_4217(layout, currency, written, minor):
    accounts = BankAccountBatch.from_columns(
        {"bank_account": [ACCOUNT], "currency": [currency], "layout": [layout]}
    )
    content = bai2(f"16,195,{written},,B,C,T", f"16,557,{written},,D,E,F", currency=currency)
    parsed = parse_bank_file(content, "t", accounts)
    assert rows(parsed, "amount_minor", "intake_codes") == [(minor, ""), (-minor, "")]
    assert codes(parsed) == []


def test_an_amount_below_the_smallest_unit_is_reported_and_never_rounded():
    accounts = BankAccountBatch.from_columns(
        {"bank_account": [ACCOUNT], "layout": ["bai2.two_decimals.1"]}
    )
    content = bai2("16,195,150050,,B,C,T", "16,195,100,,D,E,F", currency="JPY")
    parsed = parse_bank_file(content, "t", accounts)
    assert rows(parsed, "amount_minor", "intake_codes") == [(1, "IN-TOTAL")]
    assert codes(parsed) == ["BAI-AMOUNT"]
    assert parsed.counted_rows == {"unreadable": 1}


def test_an_unknown_dialect_is_reported_and_its_payments_are_held():
    accounts = BankAccountBatch.from_columns({"bank_account": [ACCOUNT], "layout": ["bai2.x.1"]})
    parsed = parse_bank_file(bai2("16,195,70,,B,C,T"), "t", accounts)
    assert rows(parsed, "intake_codes") == ["IN-CCY"]
    assert codes(parsed) == ["BAI-DIALECT"]


def test_dialects_are_named_by_bank_variant_and_version():
    assert all(name.startswith("bai2.") and name[-1].isdigit() for name in BAI2_DIALECTS)


@pytest.mark.parametrize(
    ("code", "is_returned"),
    [
        # debits that take back a credit of a customer
        ("552", True),
        ("554", True),
        ("555", True),
        ("557", True),
        ("558", True),
        ("561", True),
        ("566", True),
        ("415", True),
        ("695", True),
        # credits that take back a debit of ours: no customer pays with them
        ("252", False),
        ("254", False),
        ("255", False),
        ("257", False),
        ("258", False),
        ("261", False),
        ("266", False),
        ("395", False),
    ],
)
def test_the_family_of_returns_un_applies_or_is_no_receivable(code, is_returned):
    parsed = read(bai2(f"16,{code},70,,BREF,CREF,T"))
    expected = (-70, "CREF", "") if is_returned else (70, "", "IN-NONAR")
    assert rows(parsed, "amount_minor", "original_reference", "intake_codes") == [expected]


@pytest.mark.parametrize(
    ("references", "texts", "original"),
    [("B,C", "", "C"), ("B,", "\n88,EREF: E-1", "E-1"), ("B,", "", "B"), (",", "", "")],
)
def test_a_return_names_the_payment_that_came_back_as_well_as_it_can(references, texts, original):
    for funds in ("", "S,1,2,3", "V,260925,"):
        parsed = read(bai2(f"16,557,70,{funds},{references},RETURN{texts}", "16,195,5,,X,Y,Z"))
        assert rows(parsed, "original_reference") == [original, ""]


def test_items_before_any_deposit_are_kept_and_held_where_deposits_do_not_add_up():
    parsed = read(bai2("16,116,60,,A,,", "16,115,100,,B,,", "16,116,30,,C,,"))
    assert rows(parsed, "amount_minor", "intake_codes") == [(60, "IN-FORMAT"), (100, "")]
    assert parsed.counted_rows == {"item": 1}
    assert codes(parsed) == ["BAI-ITEMS"] * 2


def steps_of(content):
    """Function calls and lines of this package that reading takes: a clock no machine disturbs."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if "parsers" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(content)
    finally:
        sys.settrace(before)
    return count


HOSTILE = {
    "88 lines without end": lambda n: bai2("16,195,70,,B,C,T" + "\n88,MORE" * n),
    "a segment that never ends": lambda n: bai2("16,195,70,,B,C,T" + "\n88,RMR*IV*1" * n),
    "slashes": lambda n: bai2("16,195,70,,B,C," + "/" * n),
    "slashes and blanks": lambda n: bai2("16,195,70,,B,C," + "/ " * n),
    "blanks": lambda n: bai2("16,195,70,,B,C,T" + " " * n + "X"),
    "blanks in a long header": lambda n: b"01,A,B,260926,0615,7,80,1,2/" + b" " * n + b"X\n02,",
    "commas": lambda n: bai2("16,195,70,,B,C," + "," * n),
    "a summary of commas": lambda n: bai2(summary="," * n),
    "a summary on 88 lines": lambda n: bai2(summary="010,5,,/" + "\n88,010,5,,/" * n),
    "a wrapped line": lambda n: b"01,A,B,260926,0615,7,,,\n" + b"2\n" * n,
    "lines without a code": lambda n: bai2("16,195,70,,B,C,T" + "\nTEXT" * n),
    "glued records": lambda n: bai2("16,195,70,,B,C,T/" + " 16,195,1,,B,C,T/" * n),
    "colons": lambda n: bai2("16,195,70,,B,C," + "A:" * n),
    "distributions": lambda n: bai2("16,195,70,D,99," + "1,1," * n),
    "empty lines": lambda n: bai2("16,195,70,,B,C,T" + "\n" * n),
    "deposits": lambda n: bai2(*["16,115,2,,B,,", "16,116,1,,B,,"] * n),
    "files": lambda n: bai2("16,195,70,,B,C,T") * n,
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_twice_as_much_takes_at_most_about_twice_as_many_steps(kind):
    small, large = (steps_of(HOSTILE[kind](count)) for count in (400, 800))
    assert large <= 2.3 * small + 2000
