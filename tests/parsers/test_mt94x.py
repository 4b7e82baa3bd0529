"""MT940 and MT942: statement lines, golden files, and windows of any size."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from golden_summary import summary_of
from mt94x_reading import codes, only, read, read_in_windows, rows
from mt94x_writing import ACCOUNT, mt940, mt942

from parsers.bank_files import parse_bank_file

GOLDEN = Path(__file__).parents[1] / "golden" / "mt94x"

LINE = ":61:2609020902C100,00NTRFINV-1//BANK-1"
TEXT = ":86:INVOICE INV-1"


def dates(parsed):
    row = only(parsed)
    return row["value_date"], row["booking_date"]


def first_code(parsed):
    return codes(parsed)[0]


# Statement lines


def test_a_statement_line_has_dates_amount_type_and_references():
    parsed = read(mt940(":61:2609030902C1234,5NTRFINV-1//BANK-1\nDETAILS", TEXT))
    row = only(parsed)
    assert row["amount_minor"] == 123450
    assert row["currency"] == "EUR"
    assert row["value_date"] == dt.date(2026, 9, 3)
    assert row["booking_date"] == dt.date(2026, 9, 2)
    assert row["type_code"] == "NTRF"
    assert row["method"] == "wire"
    assert row["customer_reference"] == "INV-1"
    assert row["bank_reference"] == "BANK-1"
    assert row["remittance_text"] == "INVOICE INV-1"
    assert row["bank_account"] == ACCOUNT
    assert codes(parsed) == []


def test_a_payment_keeps_the_place_of_its_bytes():
    content = mt940(":61:2609020902D5,NMSCNONREF", LINE, TEXT + "\nSECOND LINE").encode()
    row = only(read(content))
    begin = row["source_offset"]
    assert content[begin : begin + row["source_length"]].decode() == (
        LINE + "\n" + TEXT + "\nSECOND LINE"
    )
    assert row["source_line"] == 6


@pytest.mark.parametrize(
    ("value", "entry", "booked"),
    [
        ("260102", "1231", dt.date(2025, 12, 31)),
        ("251231", "0102", dt.date(2026, 1, 2)),
        ("260702", "0630", dt.date(2026, 6, 30)),
        ("240301", "0229", dt.date(2024, 2, 29)),
        ("991231", "0103", dt.date(2000, 1, 3)),
        ("260902", "", dt.date(2026, 9, 2)),
        ("260902", "    ", dt.date(2026, 9, 2)),
    ],
)
def test_the_entry_date_takes_the_year_next_to_the_value_date(value, entry, booked):
    parsed = read(mt940(f":61:{value}{entry}C1,NTRFX"))
    assert dates(parsed)[1] == booked
    assert codes(parsed) == []


def test_february_30_is_the_last_day_of_february_and_says_so():
    parsed = read(mt940(":61:2602300301C1,NTRFX"))
    assert dates(parsed) == (dt.date(2026, 2, 28), dt.date(2026, 3, 1))
    assert codes(parsed) == ["MT94-DATE"]
    assert only(parsed)["intake_codes"] == ""
    assert dates(read(mt940(":61:2402300230C1,NTRFX")))[1] == dt.date(2024, 2, 29)


def test_a_payment_without_any_date_is_held():
    parsed = read(mt940(":61:261332C1,NTRFX"))
    assert dates(parsed) == (None, None)
    assert only(parsed)["intake_codes"] == "IN-DATE"
    assert dates(read(mt940(":61:2613320902C1,NTRFX"))) == (dt.date(2026, 9, 2),) * 2


@pytest.mark.parametrize(
    ("token", "minor"),
    [("1234,", 123400), ("1234", 123400), (",5", 50), ("12.34", 1234), ("0012,30", 1230)],
)
def test_amounts_may_lack_their_decimals_or_use_a_point(token, minor):
    parsed = read(mt940(f":61:260902C{token}NTRFX"))
    assert only(parsed)["amount_minor"] == minor
    assert codes(parsed) == []


@pytest.mark.parametrize(
    ("currency", "token", "minor"),
    [("JPY", "500,", 500), ("JPY", "500,00", 500), ("KWD", "1,234", 1234), ("HUF", "1,5", 150)],
)
def test_the_currency_of_the_balance_says_how_many_decimals_count(currency, token, minor):
    parsed = read(mt940(f":61:260902C{token}NTRFX", currency=currency, opening="0"))
    assert only(parsed)["amount_minor"] == minor
    assert codes(parsed) == []


@pytest.mark.parametrize("token", ["5,001", "1.234,50", "1000000000000,00", "9" * 30])
def test_an_amount_that_cannot_be_read_is_no_payment_and_holds_the_file(token):
    parsed = read(mt940(f":61:260902C{token}NTRFX", LINE, closing="1100.00"))
    assert rows(parsed, "amount_minor", "intake_codes") == [(10000, "IN-TOTAL")]
    assert parsed.counted_rows == {"unreadable": 1}
    assert "MT94-AMOUNT" in codes(parsed)


def test_a_line_that_is_none_is_counted_and_holds_the_file():
    parsed = read(mt940(":61:NOTHING", LINE))
    assert first_code(parsed) == "MT94-ENTRY"
    assert parsed.counted_rows == {"unreadable": 1}
    assert rows(parsed, "intake_codes") == ["IN-TOTAL"]


@pytest.mark.parametrize(
    ("rest", "reference", "bank"),
    [
        ("NTRFNONREF", "", ""),
        ("NTRF", "", ""),
        ("NTRF//TRANSFER-123", "", "TRANSFER-123"),
        ("NTRFREF//" + "B" * 40, "REF", "B" * 40),
        ("NTRFREF//\n/ABC/DEF", "REF", ""),
        ("NTRFVERYLONGCUSTREF1\n//BANKREF999", "VERYLONGCUSTREF1", "BANKREF999"),
        ("NTRF29-07-2014 10:05//X", "29-07-2014 10:05", "X"),
        ("NTRFREFERENCE-LONGER-THAN-16", "REFERENCE-LONGER-THAN-16", ""),
        ("N0440121470966      W.P. Jansen", "0121470966", ""),
        (
            "FMSC01916//NONREF\n20131209007602198765432000000012",
            "01916",
            "20131209007602198765432000000012",
        ),
    ],
)
def test_references_in_all_their_shapes(rest, reference, bank):
    row = only(read(mt940(f":61:260902C1,{rest}")))
    assert (row["customer_reference"], row["bank_reference"]) == (reference, bank)


def test_rabobank_writes_the_name_behind_the_reference_and_the_account_below():
    old = only(read(mt940(":61:260902C1,N0440121470966      W.P. Jansen")))
    assert old["payer_name"] == "W.P. Jansen"
    new = only(read(mt940(":61:260902C1,N102EREF\nNL70ABNA0987654321", ":86:/EREF/E-1/REMI/X")))
    assert (new["payer_account"], new["end_to_end_id"]) == ("NL70ABNA0987654321", "E-1")


def test_supplementary_details_are_the_text_where_there_is_no_other():
    assert only(read(mt940(LINE + "\nPaiement")))["remittance_text"] == "Paiement"
    assert only(read(mt940(LINE + "\nPaiement", TEXT)))["remittance_text"] == "INVOICE INV-1"


def test_ordered_amount_rate_and_charges_stand_in_the_details():
    row = only(read(mt940(LINE + "\n/OCMT/USD110,5//EXCH/1,105//CHGS/EUR0,5/")))
    assert (row["instructed_currency"], row["instructed_minor"]) == ("USD", 11050)
    assert (row["exchange_rate"], row["charges_minor"]) == ("1,105", 50)


@pytest.mark.parametrize(
    ("head", "amount", "counted"),
    [
        ("C5,", 500, {}),
        ("CR5,", 500, {}),
        ("D5,", None, {"debit": 1}),
        ("DR5,", None, {"debit": 1}),
        ("RC5,", -500, {}),
        ("RCR5,", -500, {}),
        ("RD5,", 500, {}),
        ("C0,", None, {"zero_amount": 1}),
        ("D0,", None, {"debit": 1}),
    ],
)
def test_only_credits_and_what_undoes_them_are_payments(head, amount, counted):
    parsed = read(mt940(f":61:260902{head}NTRFX"))
    assert rows(parsed, "amount_minor") == ([] if amount is None else [amount])
    assert parsed.counted_rows == counted
    assert codes(parsed) == []


def test_expected_lines_are_counted_and_move_no_balance():
    parsed = read(mt940(":61:260902EC5,NTRFX", ":61:260902ED7,NTRFX", closing="1000.00"))
    assert parsed.counted_rows == {"expected": 2}
    assert codes(parsed) == []


def test_a_reversed_credit_names_what_it_reverses():
    parsed = read(mt940(":61:260902RC25,00NTRFREF-889//BANK-2", ":86:REVERSED"))
    row = only(parsed)
    assert (row["amount_minor"], row["original_reference"]) == (-2500, "REF-889")
    assert row["intake_codes"] == ""


def test_a_reversed_debit_is_money_no_customer_pays_with():
    assert only(read(mt940(":61:260902RD25,NTRFX")))["intake_codes"] == "IN-NONAR"


@pytest.mark.parametrize(
    ("line", "text", "amount", "code"),
    [
        ("D25,NRTIX", ":86:RETURNED", -2500, ""),
        ("D25,NDDTNONREF", ":86:109?00RETOURE?20EREF+E-1?34914", -2500, ""),
        ("D25,NTRFEREF", ":86:/RTRN/MS03//EREF/E-1//REMI/USTD//NO FUNDS", -2500, ""),
        ("C25,NTRFX", ":86:159?00RETOURE?20EREF+E-1", 2500, "IN-NONAR"),
        ("C25,NTRFX", ":86:181?00WIEDERGUTSCHRIFT?20EREF+E-1", 2500, "IN-NONAR"),
        ("C25,NINTX", ":86:INTEREST", 2500, "IN-NONAR"),
        ("C25,NTRFX", ":86:820?00UEBERTRAG?20OWN ACCOUNT", 2500, "IN-NONAR"),
        ("C25,NTRFX", ":86:166?00GUTSCHRIFT?20SVWZ+INV 1", 2500, ""),
    ],
)
def test_codes_tell_returns_and_what_is_no_receivable(line, text, amount, code):
    row = only(read(mt940(f":61:260902{line}", text)))
    assert (row["amount_minor"], row["intake_codes"]) == (amount, code)
    if amount < 0 and "E-1" in text:
        assert row["original_reference"] == "E-1"
        assert row["remittance_text"].endswith(("914", "MS03"))


@pytest.mark.parametrize(
    ("swift_type", "gvc", "method"),
    [
        ("NTRF", "", "wire"),
        ("NTRF", "166", "sepa"),
        ("NTRF", "168", "instant"),
        ("NCHK", "", "check"),
        ("NLBX", "", "check"),
        ("NDDT", "", "ach"),
        ("S103", "", "wire"),
        ("N123", "", "other"),
        ("NMSC", "", "other"),
        ("FMSC", "082", "cash"),
    ],
)
def test_type_and_business_code_say_how_money_moved(swift_type, gvc, method):
    text = f":86:{gvc}?00X?20INV" if gvc else ":86:INV"
    row = only(read(mt940(f":61:260902C1,{swift_type}X", text)))
    assert row["method"] == method
    assert row["type_code"] == (f"{swift_type}+{gvc}" if gvc else swift_type)


def test_the_reference_of_a_check_is_its_number():
    row = only(read(mt940(":61:260902C1,NCHK16703074")))
    assert (row["check_number"], row["method"]) == ("16703074", "check")


def test_a_type_that_is_none_is_noted_and_the_line_read():
    parsed = read(mt940(":61:260902C1,MCI0NONREF//055"))
    assert codes(parsed) == ["MT94-TYPE"]
    assert only(parsed)["bank_reference"] == "055"


# Windows


@pytest.mark.parametrize("window_bytes", range(1, 40))
def test_windows_of_any_size_give_the_same(window_bytes):
    content = (
        "{1:F01X}{2:O940X}{4:\r\n"
        + mt940(
            LINE,
            ":86:166?00GUTSCHRIFT?20EREF+E-1?21SVWZ+INV 1\nMORE\n:20:37 UHR\n:26:37",
            ":61:260230RC5,NTRFX",
            TEXT,
            end="-}{5:}",
        ).replace("\n", "\r\n")
        + mt940(TEXT, LINE, account="CH9300762011623852957", currency="CHF", end=":86:END\r-")
        + mt942(LINE, ":86:/EREF/E-2//REMI/USTD//INV 2", summaries=(":90C:1EUR99,",))
    ).encode("latin-1")
    assert read_in_windows(content, window_bytes) == read_in_windows(content, 1 << 20)


@pytest.mark.parametrize("window_bytes", [1 << 12, 300_001, 1 << 20])
def test_text_without_end_is_cut_and_the_file_held(window_bytes):
    long = ":86:" + ("X" * 60 + "\r\n") * 40_000
    content = (
        mt940(LINE, long, LINE, TEXT) + mt940(LINE, number="2/1", opening="1200.00")
    ).encode()
    found = read_in_windows(content, window_bytes)
    assert found == read_in_windows(content, 1 << 19)
    assert [row["code"] for row in found["diagnostics"]] == ["MT94-LENGTH"]
    assert [row["source_line"] for row in found["payments"]] == [5, 40_007, 40_015]
    assert found["end"].held_codes == ("IN-TOTAL",)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sta")), ids=lambda path: path.stem)
def test_golden_files_are_read_as_written_down(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    assert summary_of(parsed) == json.loads(path.with_suffix(".json").read_text())
