"""BAI2: what banks send, dialect by dialect."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from bai2_reading import codes, lines, only, read, rows
from bai2_writing import ACCOUNT, bai2
from golden_summary import summary_of

from engine.batches import BankAccountBatch
from parsers.bank_files import parse_bank_file
from parsers.identities import payment_identity

GOLDEN = Path(__file__).parents[1] / "golden" / "bai2"


def test_a_wire_is_a_payment_with_the_facts_of_its_text_lines():
    row = only(
        read(
            bai2(
                "16,195,13171,V,260924,,BK461,CR7,WIRE TRANSFER CREDIT\n"
                "88,ORG:=TUNDRA NETWORKS\n88,ORIG ACCT:121000248/6299076058\n88,EREF: E2E-9\n"
                "88,OBI:=/INV/INV-2026-024808"
            )
        )
    )
    expected = {
        "bank_account": ACCOUNT,
        "amount_minor": 13171,
        "currency": "USD",
        "booking_date": dt.date(2026, 9, 25),
        "value_date": dt.date(2026, 9, 24),
        "method": "wire",
        "type_code": "195",
        "payer_name": "TUNDRA NETWORKS",
        "payer_account": "121000248/6299076058",
        "bank_reference": "BK461",
        "customer_reference": "CR7",
        "end_to_end_id": "E2E-9",
        "remittance_text": "/INV/INV-2026-024808",
        "intake_codes": "",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_payment_covers_its_record_and_its_continuations_in_the_file():
    content = bai2("16,195,100,,A,,X\n88,ONE\n88,TWO", "16,142,200,,B,,Y")
    first, second = rows(read(content), "source_line", "source_offset", "source_length")
    assert content[first[1] : first[1] + first[2]] == b"16,195,100,,A,,X\n88,ONE\n88,TWO"
    assert content[second[1] : second[1] + second[2]] == b"16,142,200,,B,,Y"
    assert (first[0], second[0]) == (4, 7)


@pytest.mark.parametrize(
    ("funds", "value_date"),
    [
        ("", "2026-09-25"),
        ("Z", "2026-09-25"),
        ("0", "2026-09-25"),
        ("1", "2026-09-25"),
        ("2", "2026-09-25"),
        ("V,260927,", "2026-09-27"),
        ("V,20260927,1430", "2026-09-27"),
        ("V,260927,9999", "2026-09-27"),
        ("V,,", "2026-09-25"),
        ("S,100,,", "2026-09-25"),
        ("S,,200,-300", "2026-09-25"),
        ("S,,,", "2026-09-25"),
        ("D,2,0,100,1,200", "2026-09-25"),
        ("D,0", "2026-09-25"),
    ],
)
def test_references_stand_behind_the_parts_of_every_funds_type(funds, value_date):
    row = only(read(bai2(f"16,195,500,{funds},BREF,CREF,INV 1, INV 2")))
    assert row["bank_reference"] == "BREF"
    assert row["customer_reference"] == "CREF"
    assert row["remittance_text"] == "INV 1, INV 2"
    assert str(row["value_date"]) == value_date


@pytest.mark.parametrize("funds", ["S", "V", "D", "Q"])
def test_a_funds_type_without_its_parts_is_read_as_a_bare_code_and_reported(funds):
    parsed = read(bai2(f"16,195,500,{funds},BREF,CREF,TEXT"))
    assert rows(parsed, "bank_reference", "customer_reference") == [("BREF", "CREF")]
    assert codes(parsed) == ["BAI-FUNDS"]


def test_slashes_and_commas_of_text_are_kept_and_lines_stay_apart():
    parsed = read(
        bai2("16,195,5,,B,C,PAID 08/18/23, A/B/C, X\n88,/INV/1\n88,REMI: 1/2, 3/4\n88,LAST: A,B")
    )
    expected = "PAID 08/18/23, A/B/C, X\n/INV/1\n1/2, 3/4\nLAST: A,B"
    assert only(parsed)["remittance_text"] == expected


@pytest.mark.parametrize(
    "row",
    [
        "16,195,5,,B,C,TEXT/",
        "16,195,5,,B,C,/\n88,TEXT",
        "16,195,5,,B,C/\n88,TEXT",
        "16,195,5,,B,C,\n88,TEXT,/",
        "16,195,5/\n88,Z,B,C,TEXT",
        "16,195,5,,B/\n88,C,TEXT",
        "16,,195,5,,B,C,TEXT",
    ],
)
def test_a_row_is_the_same_wherever_its_terminators_and_continuations_stand(row):
    parsed = read(bai2(row).replace(b"49,0,", b"49,5,").replace(b"98,0,", b"98,5,"))
    names = ("amount_minor", "bank_reference", "customer_reference", "remittance_text")
    assert rows(parsed, *names) == [(5, "B", "C", "TEXT")]


def test_a_summary_is_read_across_lines_with_a_comma_too_many_and_split_groups():
    summary = "010,1000,,,,045/\n88,2000,,,,100,500,1,/\n88,,400,000,0,"
    content = (
        bai2("16,142,500,,B,C,T")
        .replace(b"03,4402207781,USD,,,,/", b"03,4402207781,USD," + summary.encode() + b"/")
        .replace(b"9,500,", b"9,4000,")
        .replace(b"98,500,", b"98,4000,")
    )
    parsed = read(content)
    sums = [row for row in parsed.control_checks.record_batch.to_pylist() if row["kind"] == "sum"]
    assert [(row["computed"], row["ok"], row["rule"]) for row in sums] == [
        ("4000", True, "A"),
        ("4000", True, "cascade"),
        ("4000", True, "cascade"),
    ]
    assert only(parsed)["intake_codes"] == ""


@pytest.mark.parametrize(
    ("summary", "rows_", "declared", "rule"),
    [
        ("010,1000,,", ["16,195,70,,,,A", "16,495,30,,,,B"], "1100", "A"),
        ("010,1000,,", ["16,195,70,,,,A", "16,495,30,,,,B"], "100", "B"),
        ("010,1000,,", ["16,195,70,,,,A", "16,495,30,,,,B"], "1040", "C"),
        ("010,1000,,", ["16,195,70,,,,A", "16,495,30,,,,B"], "40", "C"),
        ("010,1000,,", ["16,195,70,,,,A", "16,495,30,,,,B"], "", "D"),
    ],
)
def test_the_rule_that_explains_an_account_total_is_named(summary, rows_, declared, rule):
    content = bai2(*rows_, summary=summary).replace(b"49,1100", b"49," + declared.encode())
    content = content.replace(b"98,1100", b"98," + declared.encode())
    parsed = read(content.replace(b"99,1100", b"99," + declared.encode()))
    assert parsed.control_checks.strings("rule")[0] == rule
    assert only(parsed)["intake_codes"] == ""
    assert codes(parsed) == []


@pytest.mark.parametrize("trailer", [b"49,", b"98,", b"99,"])
def test_a_total_that_no_rule_explains_holds_every_payment(trailer):
    parsed = read(bai2("16,195,70,,,,A").replace(trailer + b"70", trailer + b"71"))
    assert rows(parsed, "intake_codes") == ["IN-TOTAL"]
    assert "FILE-TOTAL" in codes(parsed)


@pytest.mark.parametrize("lost", ["49,", "98,", "99,"])
def test_a_missing_trailer_holds_every_payment(lost):
    content = b"\n".join(
        line for line in bai2("16,195,70,,,,A").split(b"\n") if not line.startswith(lost.encode())
    )
    parsed = read(content)
    assert rows(parsed, "intake_codes") == ["IN-TOTAL"]
    assert {"BAI-TRAILER", "FILE-TRUNCATED"} & set(codes(parsed))


def test_a_wrong_record_count_is_only_a_warning():
    parsed = read(bai2("16,195,70,,,,A").replace(b"49,70,3/", b"49,70,9/"))
    assert rows(parsed, "intake_codes") == [""]
    assert codes(parsed) == ["FILE-COUNT"]


@pytest.mark.parametrize(
    ("currency", "exponent_text", "minor"),
    [("JPY", "150000", 150000), ("EUR", "150000", 150000), ("KWD", "150000", 150000)],
)
def test_amounts_are_minor_units_of_their_currency(currency, exponent_text, minor):
    row = only(read(bai2(f"16,165,{exponent_text},,B,C,T", currency=currency)))
    assert (row["amount_minor"], row["currency"]) == (minor, currency)


@pytest.mark.parametrize(
    ("token", "currency", "minor", "code"),
    [
        ("100.00", "USD", 10000, "BAI-AMOUNT-POINT"),
        ("100.5", "USD", 10050, "BAI-AMOUNT-POINT"),
        ("100.", "JPY", 100, "BAI-AMOUNT-POINT"),
        ("1.234", "KWD", 1234, "BAI-AMOUNT-POINT"),
        ("+000000000012", "USD", 12, "BAI-AMOUNT-SIGN"),
    ],
)
def test_a_sign_or_decimal_point_is_accepted_and_reported(token, currency, minor, code):
    content = bai2(f"16,195,{token},,B,C,T", currency=currency)
    parsed = read(content.replace(b"9,0,", b"9,%d," % minor).replace(b"98,0,", b"98,%d," % minor))
    assert rows(parsed, "amount_minor", "intake_codes") == [(minor, "")]
    assert codes(parsed) == [code]


@pytest.mark.parametrize("token", ["12x", "1.2.3", "100.005", "", "9" * 30])
def test_a_row_without_a_readable_amount_is_reported_and_never_vanishes(token):
    parsed = read(bai2(f"16,195,{token},,B,C,T", "16,195,5,,B,C,T"))
    assert rows(parsed, "amount_minor") == [5]
    assert {"BAI-AMOUNT", "BAI-AMOUNT-LIMIT"} & set(codes(parsed))
    assert parsed.counted_rows == {"unreadable": 1}
    assert rows(parsed, "intake_codes") == ["IN-TOTAL"]


def test_a_negative_credit_is_held():
    parsed = read(bai2("16,195,-70,,B,C,T").replace(b"9,0,", b"9,-70,").replace(b"8,0,", b"8,-70,"))
    assert rows(parsed, "amount_minor", "intake_codes") == [(-70, "IN-SIGN")]


@pytest.mark.parametrize(
    ("status", "code"), [("1", ""), ("", ""), ("2", "IN-SEQ"), ("3", "IN-SEQ"), ("4", "IN-FORMAT")]
)
def test_groups_that_are_no_update_are_held(status, code):
    parsed = read(bai2("16,195,70,,B,C,T", status=status))
    assert rows(parsed, "intake_codes") == [code]
    assert codes(parsed) == (["BAI-STATUS"] if code else [])


def test_several_files_in_one_stream_are_all_read():
    stream = bai2("16,195,70,,B,C,T") + bai2("16,195,80,,D,E,F", file_id="8", as_of="260926")
    parsed = read(stream)
    assert rows(parsed, "amount_minor", "intake_codes") == [(70, ""), (80, "")]
    assert parsed.statement_count == 2


def test_a_file_repeated_in_its_stream_is_held():
    parsed = read(bai2("16,195,70,,B,C,T") * 2)
    assert rows(parsed, "amount_minor", "intake_codes") == [(70, ""), (70, "IN-DUPFILE")]
    assert len(set(rows(parsed, "payment_id"))) == 2


def variants():
    plain = bai2("16,195,70,,B,C,INV 1\n88,MORE", "16,142,80,V,260925,,D,E,INV 2")
    text = plain.decode()
    records = text.strip().split("\n")
    padded = [line.ljust(80) for line in records]
    return {
        "crlf": text.replace("\n", "\r\n"),
        "bare cr": text.replace("\n", "\r"),
        "byte order mark": "\ufeff" + text,
        "leading blanks": text.replace("\n", "\n  "),
        "blank lines": text.replace("\n", "\n\n"),
        "padding": "\n".join(padded) + "\n",
        "no line breaks": "".join(padded).replace("0615,7,,,2/", "0615,7,80,1,2/    ")[: 80 * 9],
        "records glued": text.replace("/\n", "/   "),
        "no final newline": text.strip(),
        "end of file mark": text + "\x1a",
        "header wrapped": text.replace("01,121000248,US01", "01,121000248,\nUS01"),
    }


@pytest.mark.parametrize("variant", sorted(variants()))
def test_physical_lines_do_not_change_what_is_read(variant):
    plain = read(variants()["no final newline"])
    parsed = read(variants()[variant])
    assert rows(parsed, "payment_id") == rows(plain, "payment_id")
    assert rows(parsed, "remittance_text") == ["INV 1\nMORE", "INV 2"]
    assert rows(parsed, "intake_codes") == ["", ""]


def test_text_wrapped_without_a_continuation_is_kept_and_reported():
    parsed = read(bai2("16,195,70,,B,C,INV 1\n20,000 UNITS\n88:OBI:=INV 2"))
    assert only(parsed)["remittance_text"] == "INV 1\n20,000 UNITS\nINV 2"
    assert codes(parsed)[:2] == ["BAI-WRAPPED", "BAI-TAG"]


def test_an_unknown_record_is_reported_with_its_place():
    content = bai2("16,195,70,,B,C,T/").replace(b"\n49,", b"\n17,WHAT IS THIS/\n49,")
    (row,) = [
        row
        for row in read(content).diagnostics.record_batch.to_pylist()
        if row["code"] == "BAI-RECORD"
    ]
    assert (row["line"], row["offset"]) == (5, content.index(b"17,WHAT"))
    assert row["excerpt"] == "17,WHAT IS THIS/"
    assert row["remedy"]


def test_rows_outside_an_account_are_kept_and_held():
    content = bai2("16,195,70,,B,C,T").replace(b"03,4402207781,USD,,,,/\n", b"")
    parsed = read(content)
    assert rows(parsed, "amount_minor", "intake_codes") == [(70, "IN-TOTAL")]
    assert "BAI-ORDER" in codes(parsed)


def test_currency_comes_from_account_then_group_then_our_accounts_then_usd():
    content = bai2("16,195,70,,B,C,T", currency="").decode()
    accounts = BankAccountBatch.from_columns({"bank_account": [ACCOUNT], "currency": ["CAD"]})
    assert rows(parse_bank_file(content.encode(), "t", accounts), "currency") == ["CAD"]
    assert rows(read(content), "currency") == ["USD"]
    assert rows(read(content.replace("2359,,", "2359,gbp,")), "currency") == ["GBP"]
    in_account = content.replace("2359,,", "2359,GBP,").replace(f"{ACCOUNT},,", f"{ACCOUNT},EUR,")
    assert rows(read(in_account), "currency") == ["EUR"]


def test_an_unknown_currency_is_held():
    parsed = read(bai2("16,195,70,,B,C,T", currency="XQZ"))
    assert rows(parsed, "currency", "intake_codes") == [("USD", "IN-CCY")]


@pytest.mark.parametrize("token", ["261332", "", "YESTER"])
def test_an_as_of_date_that_is_none_holds_the_payments(token):
    parsed = read(bai2("16,195,70,,B,C,T", as_of=token))
    assert rows(parsed, "booking_date", "intake_codes") == [(None, "IN-DATE")]


def test_an_eight_digit_date_and_times_of_every_kind_are_read():
    for time in ("0000", "2400", "9999", "14:59:35", ""):
        content = bai2("16,195,70,,B,C,T", as_of="20260925")
        parsed = read(content.replace(b",2359,", f",{time},".encode()))
        assert rows(parsed, "booking_date") == [dt.date(2026, 9, 25)]
        assert codes(parsed) == []


def test_latin_1_text_is_read_and_reported_and_utf_8_is_not():
    row = "16,195,70,,B,C,T\n88,ORG:=Müller & Søn"
    assert only(read(bai2(row)))["payer_name"] == "Müller & Søn"
    parsed = read(bai2(row).decode().encode("latin-1"))
    assert only(parsed)["payer_name"] == "Müller & Søn"
    assert codes(parsed) == ["BAI-ENCODING"]


def test_version_3_is_read_and_an_unknown_version_reported():
    assert read(bai2("16,195,70,,B,C,T", version="3")).dialect == "bai2.v3"
    parsed = read(bai2("16,195,70,,B,C,T", version="9"))
    assert (parsed.dialect, codes(parsed)) == ("bai2.v2", ["BAI-HEADER"])


@pytest.mark.parametrize(
    ("addenda", "expected"),
    [
        (
            "88,RMR*IV*INV-1**139.87*142.72*2.85\\",
            [("INV-1", "document", 13987, 285, 0, "")],
        ),
        ("88,RMR*IV*CM-1**-30.00\\", [("CM-1", "credit_memo", -3000, 0, 0, "")]),
        ("88,RMR*PO*4711**5\\", [("4711", "purchase_order", 500, 0, 0, "")]),
        ("88,RMR*IV*INV-1\\", [("INV-1", "document", None, 0, 0, "")]),
        (
            "88,RMR*IV*INV-1**80.00*100.00\\ADX*-20.00*01\\",
            [("INV-1", "document", 8000, 0, 2000, "01")],
        ),
        (
            "88,RMR*IV*A**1.00\\RMR*IV*B**2.00~RMR*IV*C**3.00",
            [
                (name, "document", amount, 0, 0, "")
                for name, amount in (("A", 100), ("B", 200), ("C", 300))
            ],
        ),
        (
            "88,RMR*IV*A**1.\n88,00\\RMR*IV*B**2.00\\",
            [("A", "document", 100, 0, 0, ""), ("B", "document", 200, 0, 0, "")],
        ),
        (
            "88,ADX*-5.00*L3**CM-9\\",
            [("CM-9", "credit_memo", -500, 0, 0, "L3")],
        ),
        ("88,RMR*IV*A**1.00*1.50*0*04*-.50\\", [("A", "document", 100, 0, 50, "04")]),
    ],
)
def test_addenda_become_remittance_lines_with_exact_amounts(addenda, expected):
    parsed = read(bai2(f"16,142,70,0,BK1,,ACH CREDIT ORIG CO NAME:WEST SYSTEMS\n{addenda}"))
    assert lines(parsed) == expected
    assert set(parsed.remittances.strings("source")) == {"addenda"}
    assert rows(parsed, "payer_name", "remittance_text") == [("WEST SYSTEMS", "")]


def test_an_unreadable_amount_in_addenda_keeps_the_line_and_is_reported():
    parsed = read(bai2("16,142,70,,B,,\n88,RMR*IV*INV-1**12,50\\"))
    assert lines(parsed) == [("INV-1", "document", None, 0, 0, "")]
    assert codes(parsed) == ["BAI-ADDENDA"]


def test_segments_and_keys_nobody_understands_stay_in_the_text():
    parsed = read(
        bai2(
            "16,142,70,,B,,ACH CREDIT\n88,ORIG CO NAME:ACME INC ORIG ID:99 CO ENTRY DESCR:INV 7 "
            "SEC:CTX TRACE#:0210\n88,TRN*1*TR-5\\REF*PO*4711\\\n88,SHIPMENT: 12\n88,DBNM: OTHER"
        )
    )
    row = only(parsed)
    assert (row["payer_name"], row["trace_number"]) == ("ACME INC", "0210")
    assert row["remittance_text"] == "INV 7\nSHIPMENT: 12\nDBNM: OTHER\nREF*PO*4711"


def test_the_identity_of_a_payment_is_made_of_its_own_facts_only():
    content = bai2("16,142,70,,B,C,T\n88,RMR*IV*INV-1**0.70\\", "16,142,70,,B,C,T")
    parsed = read(content)
    fact = (
        ACCOUNT, "2026-09-25", "2026-09-25", 70, "USD", "142", "B", "C",
        "", "", "", "", "", "", "T", "",
    )  # fmt: skip
    assert rows(parsed, "payment_id") == [
        payment_identity(fact, "\x1fINV-1", 0),
        payment_identity(fact, "", 0),
    ]
    padded = content.replace(b"\n", b"   \r\n")
    assert rows(read(padded), "payment_id") == rows(parsed, "payment_id")


def test_equal_payments_of_one_day_are_told_apart_and_reading_twice_gives_the_same():
    content = bai2("16,195,70,,B,C,T", "16,195,70,,B,C,T")
    assert len(set(rows(read(content), "payment_id"))) == 2
    assert rows(read(content), "payment_id") == rows(read(content), "payment_id")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.bai")), ids=lambda path: path.stem)
def test_golden_files_are_read_as_written_down(path):
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert summary_of(parse_bank_file(path.read_bytes(), path.name)) == expected
