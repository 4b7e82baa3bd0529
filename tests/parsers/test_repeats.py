"""What one file repeats of another counts once, whatever their order."""

from __future__ import annotations

from bai2_writing import bai2

from parsers.bank_files import parse_bank_file
from parsers.repeats import merge_parsed

MONDAY = bai2("16,195,70,,B1,,INV 1", "16,142,80,,B2,,\n88,RMR*IV*INV-2**0.80\\")
CORRECTED = bai2(
    "16,142,80,,B2,,\n88,RMR*IV*INV-2**0.80\\", "16,195,90,,B3,,INV 3", "16,451,5,,,,OUT"
)


def merged(*contents):
    return merge_parsed([parse_bank_file(text, f"{at}.bai") for at, text in enumerate(contents)])


def test_a_payment_of_an_earlier_file_is_left_out_with_its_lines_and_reported():
    result = merged(MONDAY, CORRECTED)
    assert sorted(result.payments.strings("bank_reference")) == ["B1", "B2", "B3"]
    assert result.remittances.strings("reference") == ["INV-2"]
    ((identity, _),) = result.repeated
    assert identity in result.payments.strings("payment_id")
    assert result.counted_rows == {"debit": 1}


def test_the_order_of_the_files_does_not_matter():
    there, back = merged(MONDAY, CORRECTED), merged(CORRECTED, MONDAY)
    names = ["payment_id", "file_id", "amount_minor"]
    assert there.payments.record_batch.select(names) == back.payments.record_batch.select(names)
    assert [identity for identity, _ in there.repeated] == [
        identity for identity, _ in back.repeated
    ]


def test_a_file_given_twice_adds_nothing_but_the_report():
    once, twice = merged(CORRECTED), merged(CORRECTED, CORRECTED)
    assert twice.payments == once.payments
    assert twice.counted_rows == once.counted_rows
    assert len(twice.control_checks) == len(once.control_checks)
    assert sorted(identity for identity, _ in twice.repeated) == sorted(
        once.payments.strings("payment_id")
    )
    assert {name for _, name in twice.repeated} == {"1.bai"}


def test_equal_payments_of_one_file_are_all_kept():
    result = merged(bai2("16,195,70,,B,,T", "16,195,70,,B,,T"))
    assert len(result.payments) == 2
    assert result.repeated == []


def test_no_files_give_no_rows():
    result = merge_parsed([])
    assert (len(result.payments), result.counted_rows, result.repeated) == (0, {}, [])
