"""EDI 820 (payment orders and remittance advice): what each segment becomes."""

from __future__ import annotations

import datetime as dt

import pytest
from x12_reading import advice, codes, failed, lines, parsed, payments
from x12_writing import BPR, interchange, order, simple, text, transaction

from engine.batches import BankAccountBatch

LINE = "RMR*IV*INV-1**100.00"


def test_an_order_with_its_payment_is_a_payment_with_everything_around_it():
    content = simple(
        "RMR*IV*INV-1*PO*60*61.5*1.5", "REF*PO*PO-9", "DTM*003*20260801", "RMR*IV*B**40"
    )
    file = parsed(content)
    row = file.payments.record_batch.to_pylist()[0]
    assert {
        name: row[name]
        for name in ("amount_minor", "currency", "method", "type_code", "payer_name")
    } == {
        "amount_minor": 10_000,
        "currency": "USD",
        "method": "ach",
        "type_code": "ACH/CTX",
        "payer_name": "ACME CORP",
    }
    assert row["payer_account"] == "121000248/4402207781"
    assert row["bank_account"] == "7788990011"
    assert row["trace_number"] == "TRACE1"
    assert row["value_date"] == row["booking_date"] == dt.date(2026, 9, 11)
    assert content[row["source_offset"] :][: row["source_length"]].startswith(b"ST*820*0001~")
    assert content[: row["source_offset"] + row["source_length"]].endswith(b"SE*11*0001~")
    assert row["source_line"] == 3
    assert lines(file) == [
        ("INV-1", "document", 6_000, 150, 0, ""),
        ("B", "document", 4_000, 0, 0, ""),
    ]
    assert file.dialect == "x12.820.004010"
    assert file.counted_rows == {"detail": 2}
    assert codes(file) == failed(file) == []


@pytest.mark.parametrize(
    ("method", "expected"), [("ACH", "ach"), ("CHK", "check"), ("FWT", "wire"), ("BOP", "")]
)
def test_the_method_follows_the_payment_method_code(method, expected):
    file = parsed(simple(LINE, bpr=BPR.replace("ACH", method)))
    assert file.payments.strings("method") == [expected]


def test_the_trace_number_of_a_check_is_its_number_unless_a_reference_names_it():
    checks = BPR.replace("ACH", "CHK")
    assert parsed(simple(LINE, bpr=checks)).payments.strings("check_number") == ["TRACE1"]
    named = parsed(simple(LINE, bpr=checks, before=["REF*CK*0815"]))
    assert named.payments.strings("check_number") == ["0815"]


@pytest.mark.parametrize("handling", ["C", "D", "E", "U", "X", "Z"])
def test_handling_codes_whose_payment_goes_with_the_order_give_a_payment(handling):
    file = parsed(simple(LINE, bpr=BPR.replace("BPR*C", f"BPR*{handling}")))
    assert payments(file) == [(10_000, "ACME CORP", "TRACE1", "")]
    assert len(file.advices) == 0


@pytest.mark.parametrize("handling", ["H", "I", "P"])
def test_information_and_announcements_are_advice_of_a_payment_that_comes_apart(handling):
    file = parsed(simple(LINE, bpr=BPR.replace("BPR*C", f"BPR*{handling}")))
    assert len(file.payments) == 0
    (row,) = file.advices.record_batch.to_pylist()
    assert (row["remittance_id"], row["line_number"], row["trace_number"]) == (
        "TRACE1",
        1,
        "TRACE1",
    )
    assert (row["payer_name"], row["payment_amount_minor"]) == ("ACME CORP", 1_000_000)
    assert row["payment_date"] == dt.date(2026, 9, 11)
    assert (row["reference"], row["amount_minor"], row["currency"]) == ("INV-1", 1_000_000, "USD")


def test_an_order_of_nothing_or_without_payment_is_advice():
    nothing = parsed(simple("RMR*IV*A**5", "RMR*CM*B**-5", amount="0"))
    assert advice(nothing) == [("A", 50_000), ("B", -50_000)]
    assert len(nothing.payments) == 0
    none = parsed(simple(LINE, bpr=BPR.replace("ACH*CTX", "NON")))
    assert advice(none) == [("INV-1", 1_000_000)]


def test_a_debit_order_moves_no_money_to_us():
    file = parsed(simple(LINE, bpr=BPR.replace("*C*ACH", "*D*ACH")))
    assert len(file.payments) == len(file.advices) == 0
    assert file.counted_rows == {"debit": 1, "debit_detail": 1}


def test_an_unknown_handling_code_is_held():
    file = parsed(simple(LINE, bpr=BPR.replace("BPR*C", "BPR*Q")))
    assert payments(file) == [(10_000, "ACME CORP", "TRACE1", "IN-FORMAT")]
    assert codes(file) == ["EDI-HANDLING"]


def test_a_negative_order_is_held():
    file = parsed(simple("RMR*CM*A**-5", amount="-5"))
    assert payments(file) == [(-500, "ACME CORP", "TRACE1", "IN-SIGN")]


@pytest.mark.parametrize(
    ("segment", "kind"),
    [
        ("RMR*IV*N**100", "document"),
        ("RMR*PO*N**100", "purchase_order"),
        ("RMR*R7*N**100", "document"),
        ("RMR*AZ*N**100", "document"),
        ("RMR*CM*N**100", "credit_memo"),
        ("RMR*CR*N**100", "credit_memo"),
    ],
)
def test_the_qualifier_says_what_a_reference_names(segment, kind):
    assert lines(parsed(simple(segment))) == [("N", kind, 10_000, 0, 0, "")]


def test_a_line_may_leave_its_amount_out():
    file = parsed(simple("RMR*IV*A", "RMR*IV*B"))
    assert lines(file) == [("A", "document", None, 0, 0, ""), ("B", "document", None, 0, 0, "")]
    assert codes(file) == failed(file) == []


def test_adjustments_within_an_rmr_are_deductions():
    file = parsed(simple("RMR*IV*A**100.00*120*5*06*15"))
    assert lines(file) == [("A", "document", 10_000, 500, 1_500, "06")]


def test_an_adjustment_below_a_line_is_netted_in_it_by_the_standard():
    file = parsed(simple("RMR*IV*A**80", "ADX*-20*06", "RMR*IV*B**20"))
    assert lines(file) == [
        ("A", "document", 8_000, 0, 2_000, "06"),
        ("B", "document", 2_000, 0, 0, ""),
    ]
    assert codes(file) == []


def test_an_adjustment_below_a_line_lowers_its_cash_where_only_that_foots():
    file = parsed(simple("RMR*IV*A**100", "ADX*-20*06", "RMR*IV*B**20"))
    assert lines(file) == [
        ("A", "document", 8_000, 0, 2_000, "06"),
        ("B", "document", 2_000, 0, 0, ""),
    ]
    rules = {row["kind"]: row["rule"] for row in file.control_checks.record_batch.to_pylist()}
    assert rules["sum"] == "net + every adjustment"


def test_an_adjustment_without_a_sign_is_taken_off_where_only_that_foots():
    file = parsed(simple("RMR*IV*A**110", "ADX*10*06"))
    assert lines(file) == [("A", "document", 10_000, 0, 1_000, "06")]


def test_an_adjustment_of_no_invoice_is_a_line_of_its_own():
    file = parsed(simple("ADX*-20*01*CM*CM-7", "RMR*IV*A**120"))
    assert lines(file) == [
        ("CM-7", "credit_memo", -2_000, 0, 0, "01"),
        ("A", "document", 12_000, 0, 0, ""),
    ]
    after_entity = parsed(simple("RMR*IV*A**120", "ENT*2", "ADX*-20*01"))
    assert lines(after_entity)[1] == ("", "", -2_000, 0, 0, "01")


def test_credit_memos_without_a_sign_are_turned_where_only_that_foots():
    file = parsed(simple("RMR*IV*A**130", "RMR*CM*B**30"))
    assert lines(file) == [
        ("A", "document", 13_000, 0, 0, ""),
        ("B", "credit_memo", -3_000, 0, 0, ""),
    ]
    assert codes(file) == []


def test_lines_that_do_not_give_the_amount_hold_their_payment_alone():
    bad, good = order("RMR*IV*A**99.99"), order("RMR*IV*B**100")
    file = parsed(text(interchange(transaction(bad), transaction(good, 2))))
    assert [codes for *_, codes in payments(file)] == ["IN-TOTAL", ""]
    assert codes(file) == ["EDI-SUM"]
    assert failed(file) == ["sum"]


def test_several_entities_of_one_payment_keep_their_order_and_their_names():
    details = [
        "NM1*IL*1*SMITH*GARY",
        "RMR*AZ*P1**60",
        "ENT*2",
        "NM1*EY*2*BIG CORP",
        "RMR*AZ*P2**40",
    ]
    file = parsed(simple(*details))
    assert [line[:3] for line in lines(file)] == [
        ("P1", "document", 6_000),
        ("P2", "document", 4_000),
    ]
    assert file.payments.strings("remittance_text") == ["GARY SMITH\nBIG CORP"]


def test_references_of_the_whole_order_and_notes_are_kept():
    file = parsed(simple(LINE, "NTE*AFA*FREIGHT CLAIM", before=["REF*VR*V100", "REF*TN*T2"]))
    assert file.payments.strings("customer_reference") == ["V100;T2"]
    assert file.payments.strings("remittance_text") == ["FREIGHT CLAIM"]


def test_what_explains_a_line_is_counted():
    details = ["IT1*1*10*EA*5", "SAC*N*H850", "TX1*TX*3.54", "SLN*1**I", "REF*LD*9"]
    assert parsed(simple(LINE, *details)).counted_rows == {"detail": 5}


def test_the_currency_is_the_orders_the_accounts_or_dollars():
    yen = parsed(simple("RMR*IV*A**100", amount="100", before=["CUR*PR*JPY"]))
    assert yen.payments.int64("amount_minor").tolist() == [100]
    assert yen.remittances.int64("amount_minor").tolist() == [100]
    assert yen.payments.strings("currency") == ["JPY"]
    ours = BankAccountBatch.from_columns(
        {"bank_account": ["7788990011"], "company_id": ["1"], "currency": ["CAD"]}
    )
    assert parsed(simple(LINE), bank_accounts=ours).payments.strings("currency") == ["CAD"]
    odd = parsed(simple(LINE, before=["CUR*PR*XQQ"]))
    assert payments(odd) == [(10_000, "ACME CORP", "TRACE1", "IN-CCY")]
    assert codes(odd) == ["EDI-CURRENCY"]


def test_an_amount_finer_than_its_currency_is_no_amount():
    file = parsed(simple("RMR*IV*A**100.005", "RMR*IV*B**100.000"))
    assert lines(file) == [("A", "document", None, 0, 0, ""), ("B", "document", 10_000, 0, 0, "")]
    assert codes(file) == ["EDI-LINE"]


def test_an_order_without_a_date_is_held():
    bpr = BPR.rsplit("*", 1)[0]
    assert codes(parsed(simple(LINE, bpr=bpr))) == ["EDI-DATE"]
    dated = parsed(simple(LINE, bpr=bpr, before=["DTM*097*20260910"]))
    assert payments(dated) == [(10_000, "ACME CORP", "TRACE1", "")]


def test_an_unreadable_amount_holds_the_file_where_money_was_to_move():
    file = parsed(
        text(interchange(transaction(order(LINE, amount="1O0")), transaction(order(LINE), 2)))
    )
    assert [codes for *_, codes in payments(file)] == ["IN-TOTAL"]
    assert codes(file) == ["EDI-AMOUNT"]
    assert advice(file) == [("INV-1", 1_000_000)]


def test_lines_without_an_order_are_kept_as_advice():
    segments = [one for one in order(LINE) if not one.startswith("BPR")]
    file = parsed(text(interchange(transaction(segments))))
    assert advice(file) == [("INV-1", 1_000_000)]
    assert codes(file) == ["EDI-ORDER"]


def test_a_second_order_in_one_set_is_kept_and_said():
    file = parsed(text(interchange(transaction([*order(LINE), *order(LINE, trace="T2")]))))
    assert [row[2] for row in payments(file)] == ["TRACE1", "T2"]
    assert "EDI-ORDER" in codes(file)


def test_an_element_left_out_of_the_order_is_put_back():
    bpr = BPR.replace("1234567890**01", "1234567890*01")
    file = parsed(simple(LINE, bpr=bpr))
    assert file.payments.strings("bank_account") == ["7788990011"]
    assert payments(file) == [(10_000, "ACME CORP", "TRACE1", "")]
    assert codes(file) == ["EDI-SHIFTED"]


def test_health_premiums_are_read_as_any_other_order():
    segments = order(
        "NM1*IL*1*DOE*JANE", "RMR*AZ*POL-1**100.00", "DTM*582****RD8*20260901-20260930"
    )
    file = parsed(text(interchange(transaction(segments), version="005010X218", group="HC")))
    assert lines(file) == [("POL-1", "document", 10_000, 0, 0, "")]
    assert file.dialect == "x12.820.005010X218"
