"""MT940 and MT942: messages, their order, their totals, and files that end too early."""

from __future__ import annotations

import pytest
from mt94x_reading import codes, only, read, rows
from mt94x_writing import ACCOUNT, mt940, mt942

from engine.batches import BankAccountBatch
from parsers.read_options import ReadOptions

LINE = ":61:2609020902C100,00NTRFINV-1//BANK-1"
TEXT = ":86:INVOICE INV-1"


# Messages


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(break_):
    content = mt940(LINE, TEXT + "\nMORE", ":61:260902D1,NMSCX")
    parsed = read(content.replace("\n", break_))
    assert only(parsed)["remittance_text"] == "INVOICE INV-1\nMORE"
    assert only(parsed)["source_line"] == 5
    assert codes(parsed) == []


@pytest.mark.parametrize(
    ("before", "form"),
    [
        ("{1:F01ABNANL2AXXXX0000000000}{2:O9401200260715INGBNL2AXXXXN}{3:}{4:\n", "mt940"),
        ("{1:F01ABNANL2AXXXX0000000000}{2:O9501200260715INGBNL2AXXXXN}{4:\n", "mt950"),
        ("ABNANL2A\n940\nABNANL2A\n", "mt940"),
        ("0000 01INGBNL2AXXXX00001\n0000 01INGBNL2AXXXX00001\n940 00\n", "mt940"),
        (":940:\n", "mt940"),
        ("\n\n", "mt940"),
        ("\x01\n", "mt940"),
        ("\ufeff", "mt940"),
    ],
)
def test_what_banks_put_in_front_is_no_part_of_the_message(before, form):
    parsed = read(before + mt940(LINE, TEXT, end="-}{5:{CHK:1}}" if "{4:" in before else "-"))
    assert parsed.dialect == f"{form}.text"
    assert parsed.statement_count == 1
    assert only(parsed)["bank_account"] == ACCOUNT
    assert codes(parsed) == []


@pytest.mark.parametrize("end", ["-", "-}", "-" + "X" * 3, "-\x03", ""])
def test_a_file_holds_several_messages_accounts_and_currencies(end):
    content = mt940(LINE, number="1/1", end=end) + mt940(
        LINE, account="CH9300762011623852957", currency="CHF", end=end
    )
    parsed = read(content)
    assert rows(parsed, "bank_account", "currency") == [
        (ACCOUNT, "EUR"),
        ("CH9300762011623852957", "CHF"),
    ]
    assert parsed.statement_count == 2
    assert codes(parsed) == []


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("NL20INGB0001234567EUR", "NL20INGB0001234567"),
        ("NL20 INGB 0001 2345 67", "NL20INGB0001234567"),
        ("DEUTDEFF/DE89370400440532013000", "DE89370400440532013000"),
        ("45050050/76198810", "45050050/76198810"),
        ("1291.99.348EUR", "1291.99.348EUR"),
    ],
)
def test_our_account_is_named_as_in_other_formats(written, known):
    assert only(read(mt940(LINE, account=written)))["bank_account"] == known


def test_a_line_of_text_that_looks_like_a_tag_is_text():
    parsed = read(
        mt940(LINE, ":86:AUFTRAG VOM 12-09-2014T16\n:26:37 FOLGENR. 007", LINE, ":86:A\n:20:37 UHR")
    )
    assert rows(parsed, "remittance_text") == [
        "AUFTRAG VOM 12-09-2014T16\n:26:37 FOLGENR. 007",
        "A\n:20:37 UHR",
    ]
    assert codes(parsed) == []


def test_a_field_of_the_head_inside_a_line_is_text_and_noted():
    parsed = read(mt940(LINE, ":25:166?00GUTSCHRIFT"))
    assert only(parsed)["remittance_text"] == ":25:166?00GUTSCHRIFT"
    assert codes(parsed) == ["MT94-FIELD"]


def test_a_field_nobody_knows_is_left_out_and_noted():
    parsed = read(mt940(LINE, ":23E:OWN FIELD\nOF THE BANK", TEXT))
    assert only(parsed)["remittance_text"] == "INVOICE INV-1"
    assert codes(parsed) == ["MT94-FIELD"]
    assert parsed.counted_rows == {"information": 1}


def test_text_before_the_first_line_belongs_to_it_and_is_doubted():
    parsed = read(mt940(TEXT, LINE))
    assert only(parsed)["remittance_text"] == "INVOICE INV-1"
    assert only(parsed)["intake_codes"] == "IN-FORMAT"
    assert codes(parsed) == ["MT94-ORDER"]


def test_text_behind_the_closing_balance_is_no_payments_text():
    parsed = read(mt940(LINE, end=":86:CLOSING INFORMATION\n-"))
    assert only(parsed)["remittance_text"] == ""
    assert parsed.counted_rows == {"information": 1}


def test_several_texts_of_a_line_follow_each_other():
    parsed = read(mt940(LINE, ":86:/EREF/E-42/", ":86:/ORDP//NAME/ACME BV/", ":86:/REMI/USTD//INV"))
    row = only(parsed)
    assert (row["end_to_end_id"], row["payer_name"], row["remittance_text"]) == (
        "E-42",
        "ACME BV",
        "INV",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_text_is_read_as_utf_8_or_else_as_latin_1(encoding):
    parsed = read(mt940(LINE, ":86:MÜLLER").encode(encoding))
    assert only(parsed)["remittance_text"] == "MÜLLER"
    assert codes(parsed) == ([] if encoding == "utf-8" else ["MT94-ENCODING"])


def test_control_characters_become_blanks():
    assert only(read(mt940(LINE, ":86:A\x02B\x7fC")))["remittance_text"] == "A B C"


def test_a_lone_minus_inside_a_line_is_text():
    parsed = read(mt940(LINE, ":86:A\n-\nB", LINE))
    assert rows(parsed, "remittance_text") == ["A\n-\nB", ""]
    assert parsed.statement_count == 1


# Totals


def test_a_balance_that_does_not_foot_holds_the_file():
    parsed = read(mt940(LINE, closing="1200.00"))
    assert codes(parsed) == ["FILE-TOTAL"]
    assert only(parsed)["intake_codes"] == "IN-TOTAL"
    (check,) = parsed.control_checks.record_batch.to_pylist()
    assert (check["declared"], check["computed"], check["ok"]) == ("1200.00", "1100.00", False)


def test_reversals_count_with_their_sign():
    parsed = read(
        mt940(
            ":61:260902RD50,NTRFX",
            ":61:260902RC25,NTRFX",
            ":61:260902D5,NTRFX",
            ":61:260902C1,NTRFX",
            closing="1021.00",
        )
    )
    assert codes(parsed) == []


def test_a_balance_that_turns_to_debit_foots():
    assert codes(read(mt940(":61:260902D1500,NTRFX"))) == []


def test_currencies_that_differ_between_the_balances_hold_the_file():
    content = mt940(LINE).replace("EUR1100", "USD1100")
    parsed = read(content)
    assert codes(parsed) == ["MT94-CURRENCY"]
    assert only(parsed)["intake_codes"] == "IN-TOTAL"


def test_lines_of_an_unknown_currency_cannot_be_read():
    parsed = read(mt940(LINE, currency="XQX"))
    assert parsed.counted_rows == {"unreadable": 1}
    assert "MT94-CURRENCY" in codes(parsed)


def test_currencies_of_before_the_euro_are_read():
    assert only(read(mt940(LINE, currency="DEM")))["currency"] == "DEM"


@pytest.mark.parametrize("balance", [":60F:C260902EUR12,3,4", ":60F:260902EUR1", ":60F:"])
def test_a_balance_that_cannot_be_read_holds_the_file(balance):
    options = ReadOptions(
        bank_accounts=BankAccountBatch.from_columns(
            {"bank_account": [ACCOUNT], "company_id": ["A"], "currency": ["EUR"]}
        )
    )
    content = mt940(LINE).replace(":60F:C260902EUR1000,00", balance)
    parsed = read(content, options)
    assert "MT94-BALANCE" in codes(parsed)
    assert only(parsed)["intake_codes"] == "IN-TOTAL"


def test_pages_of_a_statement_follow_each_other():
    first = mt940(LINE, number="7/1", tags=("60F", "62M"))
    second = mt940(LINE, number="7/2", opening="1100.00", tags=("60M", "62F"))
    assert codes(read(first + second)) == []
    assert codes(read(first)) == ["MT94-PAGING"]
    assert codes(read(second)) == ["MT94-PAGING"]
    third = mt940(LINE, number="7/3", opening="1100.00", tags=("60M", "62F"))
    assert codes(read(first + third)) == ["MT94-PAGING"]


def test_statements_that_are_missing_are_noticed():
    parsed = read(mt940(number="7/1") + mt940(LINE, number="9/1"))
    assert codes(parsed) == ["MT94-SEQUENCE"]
    assert only(parsed)["intake_codes"] == ""


def test_an_opening_that_is_not_the_closing_before_is_noticed():
    assert codes(read(mt940(LINE, number="7/1") + mt940(number="8/1"))) == ["MT94-CHAIN"]
    assert codes(read(mt940(LINE, number="7/1") + mt940(number="8/1", opening="1100"))) == []


def test_accounts_have_chains_of_their_own():
    other = mt940(number="50/1", account="CH9300762011623852957", opening="3")
    content = mt940(LINE, number="7/1") + other + mt940(number="8/1", opening="1100.00")
    assert codes(read(content)) == []


def test_a_statement_that_stands_twice_is_held_as_a_duplicate():
    parsed = read(mt940(LINE) + mt940(LINE))
    assert "MT94-REPEATED" in codes(parsed)
    assert rows(parsed, "intake_codes") == ["", "IN-DUPPAY"]
    assert len(set(rows(parsed, "payment_id"))) == 2


# Interim reports


def test_lines_of_an_interim_report_are_payments_as_those_of_camt_052():
    parsed = read(mt942(LINE, TEXT, ":61:260902D1,NMSCX"))
    assert parsed.source_format == "mt942"
    assert only(parsed)["amount_minor"] == 10000
    assert codes(parsed) == []


def test_the_same_payment_in_report_and_statement_has_one_identity():
    interim, booked = only(read(mt942(LINE, TEXT))), only(read(mt940(LINE, TEXT)))
    assert interim["payment_id"] == booked["payment_id"]


def test_numbers_and_sums_of_a_report_are_compared():
    good = (":90D:1EUR1,00", ":90C:1EUR100,00")
    entries = (LINE, ":61:260902D1,NMSCX")
    parsed = read(mt942(*entries, summaries=good))
    assert codes(parsed) == []
    assert [row["ok"] for row in parsed.control_checks.record_batch.to_pylist()] == [True] * 4
    parsed = read(mt942(*entries, summaries=(":90D:1EUR1,00", ":90C:1EUR101,00")))
    assert codes(parsed) == ["FILE-TOTAL"]
    assert only(parsed)["intake_codes"] == "IN-TOTAL"
    assert codes(read(mt942(*entries, summaries=(":90D:2EUR1,00",)))) == ["FILE-COUNT"]


def test_lines_below_the_floor_limit_need_not_be_listed():
    assert codes(read(mt942(LINE, floor="50,", summaries=(":90C:3EUR180,00",)))) == []
    assert codes(read(mt942(LINE, floor="50,", summaries=(":90C:3EUR201,00",))))[0] == "FILE-COUNT"


def test_a_report_without_floor_limit_takes_the_currency_of_the_account():
    options = ReadOptions(
        bank_accounts=BankAccountBatch.from_columns(
            {"bank_account": [ACCOUNT], "company_id": ["A"], "currency": ["CHF"]}
        )
    )
    content = mt942(LINE).replace(":34F:EUR0,\n", "")
    assert only(read(content, options))["currency"] == "CHF"
    assert "MT94-CURRENCY" in codes(read(content))


def test_a_balance_report_sums_lines_it_does_not_list():
    content = (
        "{1:F01X}{2:O9411200260715INGBNL2AXXXXN}{4:\n"
        + mt940(tags=("60F", "62F"), end="").replace(":62F", ":90C:5EUR7,\n:62F")
        + "-}\n"
    )
    parsed = read(content)
    assert (parsed.source_format, parsed.dialect) == ("mt942", "mt941")
    assert codes(parsed) == []


# Files that end too early


def test_a_file_that_ends_too_early_is_read_as_far_as_it_goes():
    content = mt940(LINE, TEXT, LINE, TEXT)
    for stop in range(content.index(":61:") + 60, content.index(":62F:") + 6):
        parsed = read(content[:stop])
        assert "FILE-TRUNCATED" in codes(parsed) or "MT94-BALANCE" in codes(parsed)
        assert {"IN-TOTAL"} == set(rows(parsed, "intake_codes"))


def test_a_block_without_its_end_is_truncated():
    parsed = read("{1:F01X}{2:O940X}{4:\n" + mt940(LINE, end=""))
    assert codes(parsed) == ["FILE-TRUNCATED"]


def test_a_statement_without_balances_proves_nothing():
    content = mt940(LINE).split(":62F")[0] + mt940(LINE, account="CH9300762011623852957")
    parsed = read(content)
    assert codes(parsed) == ["MT94-BALANCE"]
    assert set(rows(parsed, "intake_codes")) == {"IN-TOTAL"}


@pytest.mark.parametrize("content", [LINE + "\n" + mt940(LINE), mt940(LINE) + LINE])
def test_lines_outside_a_message_are_kept_and_hold_the_file(content):
    parsed = read(content)
    assert "MT94-ORDER" in codes(parsed)
    assert len(parsed.payments) + parsed.counted_rows.get("unreadable", 0) == 2
    assert set(rows(parsed, "intake_codes")) == {"IN-TOTAL"}


def test_a_statement_that_names_no_account_is_noticed():
    assert codes(read(mt940(LINE, account=""))) == ["MT94-ACCOUNT"]
