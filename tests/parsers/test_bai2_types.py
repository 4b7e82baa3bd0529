"""BAI2: which rows are payments, which are counted, and what their type codes say."""

from __future__ import annotations

import pytest
from bai2_reading import codes, read, rows
from bai2_writing import bai2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("451", "debit"),
        ("495", "debit"),
        ("698", "debit"),
        ("980", "debit"),
        ("721", "loan"),
        ("015", "status"),
        ("905", "status"),
        ("890", "information"),
    ],
)
def test_rows_that_are_no_payments_are_counted_by_reason(code, reason):
    parsed = read(bai2(f"16,{code},70,,B,C,T"))
    assert len(parsed.payments) == 0
    assert parsed.counted_rows == {reason: 1}


@pytest.mark.parametrize("code", ["108", "399", "387", "925", "158"])
def test_a_credit_of_any_code_is_a_payment(code):
    assert rows(read(bai2(f"16,{code},70,,B,C,T")), "type_code", "amount_minor") == [(code, 70)]


def test_zero_amounts_and_information_without_amount_are_counted():
    parsed = read(bai2("16,195,000,,B,C,T", "16,890,,,,,NOTE TO THE READER"))
    assert parsed.counted_rows == {"information": 1, "zero_amount": 1}
    assert codes(parsed) == []


@pytest.mark.parametrize("code", ["354", "275", "277", "181", "252", "257", "266", "395", "347"])
def test_credits_no_customer_sends_are_not_receivables(code):
    assert rows(read(bai2(f"16,{code},70,,B,C,T")), "intake_codes") == ["IN-NONAR"]


def test_a_row_of_a_total_code_is_held_because_it_may_count_twice():
    parsed = read(bai2("16,140,70,,B,C,T"))
    assert rows(parsed, "intake_codes") == ["IN-FORMAT"]
    assert codes(parsed) == ["BAI-SUMMARY-ROW"]


@pytest.mark.parametrize("code", ["552", "554", "555", "557", "558", "561", "566", "695", "415"])
def test_money_taken_back_is_a_negative_payment_that_names_the_original(code):
    parsed = read(bai2(f"16,{code},70,,BREF,CREF,RETURN\n88,CRNM: ACME\n88,DBNM: OUR COMPANY"))
    names = ("amount_minor", "original_reference", "payer_name", "intake_codes")
    assert rows(parsed, *names) == [(-70, "CREF", "ACME", "")]


@pytest.mark.parametrize(
    ("code", "method"),
    [
        ("142", "ach"),
        ("165", "ach"),
        ("195", "wire"),
        ("158", "rtp"),
        ("147", "card"),
        ("115", "check"),
        ("301", "check"),
        ("366", "cash"),
        ("206", "book"),
        ("399", "other"),
    ],
)
def test_the_method_follows_from_the_type_code(code, method):
    assert rows(read(bai2(f"16,{code},70,,B,C,T")), "method") == [method]


@pytest.mark.parametrize(
    ("details", "kept", "counted"),
    [
        (["115,100", "116,60", "116,40"], [60, 40], {"summary": 1}),
        (["116,60", "116,40", "115,100"], [60, 40], {"summary": 1}),
        (["115,100", "115,30", "116,60", "116,40", "116,30"], [60, 40, 30], {"summary": 2}),
        (["115,100", "116,60"], [100], {"item": 1}),
        (["115,100", "116,60", "115,30", "116,30"], [100, 30], {"item": 1, "summary": 1}),
        (["115,100", "115,30"], [100, 30], {}),
        (["116,60", "116,40"], [60, 40], {}),
        (["142,100", "143,60", "143,40", "195,7"], [60, 40, 7], {"summary": 1}),
        (["135,100", "136,100"], [100], {"summary": 1}),
    ],
)
def test_a_deposit_and_its_items_never_both_count(details, kept, counted):
    parsed = read(bai2(*(f"16,{detail},,B{at},," for at, detail in enumerate(details))))
    assert rows(parsed, "amount_minor") == kept
    assert parsed.counted_rows == counted
    assert ("BAI-ITEMS" in codes(parsed)) == ("item" in counted)


def test_lines_of_the_kept_items_stay_theirs():
    parsed = read(
        bai2(
            "16,142,300,,P,,\n88,RMR*IV*PARENT**3.00\\",
            "16,143,100,,A,,\n88,RMR*IV*INV-A**1.00\\",
            "16,143,200,,B,,\n88,RMR*IV*INV-B**2.00\\",
        )
    )
    owners = dict(zip(rows(parsed, "payment_id"), rows(parsed, "bank_reference"), strict=True))
    table = parsed.remittances.record_batch.to_pylist()
    assert [(owners[row["payment_id"]], row["reference"]) for row in table] == [
        ("A", "INV-A"),
        ("B", "INV-B"),
    ]
