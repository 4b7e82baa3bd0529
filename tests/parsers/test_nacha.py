"""NACHA files: entries, addenda with an 820, returns, notices, controls and damage."""

from __future__ import annotations

import datetime as dt
import json
import random
from functools import partial
from pathlib import Path

import pytest
from golden_summary import summary_of
from nacha_writing import ACCOUNT, batch, entry, nacha, simple
from oracles import nacha_oracle
from x12_reading import advice, codes, everything, failed, lines, parsed
from x12_writing import interchange, order, text, transaction

from engine.batches import BankAccountBatch
from parsers import nacha as nacha_reader
from parsers import nacha_records

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples"
SAMPLES = sorted([*(SHARED / "nacha-ctx").glob("*"), *(SHARED / "nacha-addenda").glob("*")])
GOLDEN = Path(__file__).parents[1] / "golden" / "nacha"
EXPECTED = [("INV-1", "document", 6_000, 150, 0, ""), ("B", "document", 4_000, 0, 0, "")]
DETAILS = ("RMR*IV*INV-1*PO*60*61.5*1.5", "REF*PO*9", "RMR*IV*B**40")


def addenda(*details, **options):
    """The text of an interchange with one 820."""
    segments = interchange(transaction(order(*details, **options)))
    return text(segments, end="\\", after="").decode()


def row(file, at=0):
    """A payment as a dictionary."""
    return file.payments.record_batch.to_pylist()[at]


def test_an_entry_is_a_payment_with_what_batch_and_entry_say():
    file = parsed(simple(10_000, "RMR*IV*INV-1**100\\", kind="CCD"))
    found = row(file)
    assert {name: found[name] for name in ("amount_minor", "currency", "method", "type_code")} == {
        "amount_minor": 10_000,
        "currency": "USD",
        "method": "ach",
        "type_code": "CCD/22",
    }
    assert (found["payer_name"], found["payer_account"]) == ("ACME CORP", "1234567890")
    assert (found["bank_account"], found["customer_reference"]) == (ACCOUNT, "CUST-1")
    assert found["trace_number"] == "091000010000001"
    assert found["booking_date"] == found["value_date"] == dt.date(2026, 9, 11)
    assert found["remittance_text"] == "VENDOR PMT"
    assert lines(file) == [("INV-1", "document", 10_000, 0, 0, "")]
    assert file.remittances.strings("source") == ["addenda"]
    assert codes(file) == failed(file) == []
    assert file.dialect == "nacha"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_records_may_end_in_any_way(end):
    content = nacha(batch(entry(10_000, addenda(*DETAILS))), end=end)
    file = parsed(content)
    assert lines(file) == EXPECTED
    assert codes(file) == failed(file) == []


def test_an_820_in_the_addenda_gives_lines_payer_and_account():
    file = parsed(simple(10_000, addenda(*DETAILS, payer="ACME CORPORATION OF AMERICA")))
    found = row(file)
    assert found["payer_name"] == "ACME CORPORATION OF AMERICA"
    assert found["payer_account"] == "121000248/4402207781"
    assert found["end_to_end_id"] == "TRACE1"
    assert lines(file) == EXPECTED
    assert codes(file) == []
    content = simple(10_000, addenda(*DETAILS))
    assert content[found["source_offset"] :].startswith(b"622")


def test_every_place_of_the_boundary_between_two_addenda_gives_the_same_lines():
    for shift in range(80):
        head = f"NTE*AFA*{'X' * shift}\\"
        file = parsed(simple(10_000, head + "RMR*IV*INV 1 A**60\\RMR*IV*B**40\\"))
        assert [line[0] for line in lines(file)] == ["INV 1 A", "B"], shift
        assert row(file)["remittance_text"] == f"VENDOR PMT\n{'X' * shift}".rstrip("\n")


def test_bare_segments_and_whole_interchanges_read_alike():
    segments = order(*DETAILS)
    bare = parsed(simple(10_000, "\\".join(segments) + "\\"))
    assert lines(bare) == lines(parsed(simple(10_000, addenda(*DETAILS))))
    assert row(bare)["payer_name"] == "ACME CORP"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_separators_beyond_ascii_are_read_in_either_encoding(encoding):
    broken_bar = addenda(*DETAILS).replace("*", "¦").replace("\\", "~")
    content = nacha(batch(entry(10_000, broken_bar)), encoding=encoding)
    file = parsed(content)
    assert lines(file) == EXPECTED
    assert codes(file) == []


def test_entries_with_different_separators_keep_their_own_lines():
    first = entry(10_000, addenda(*DETAILS))
    second = entry(5_000, "RMR|IV|C||50~", number=2)
    third = entry(700, "RMR*IV*D**7\\", number=3)
    file = parsed(nacha(batch(first, second, third)))
    owner = file.payments.strings("payment_id")
    found = [
        (owner.index(one["payment_id"]), one["reference"])
        for one in file.remittances.record_batch.to_pylist()
    ]
    assert found == [(0, "INV-1"), (0, "B"), (1, "C"), (2, "D")]
    assert codes(file) == failed(file) == []


def test_free_text_stays_text_and_a_full_addenda_record_goes_on_in_the_next():
    full = "P" * 78 + "IN"
    file = parsed(simple(100, full + "VOICE 4711", kind="CCD"))
    assert row(file)["remittance_text"] == f"VENDOR PMT\n{full}VOICE 4711"
    apart = [*entry(100, "FIRST", kind="CCD"), f"705{'SECOND':<80}00020000001"]
    file = parsed(nacha(batch(apart, kind="CCD")))
    assert row(file)["remittance_text"] == "VENDOR PMT\nFIRST\nSECOND"


def test_a_trace_in_the_addenda_is_the_end_to_end_id():
    file = parsed(simple(100, "TRN*1*EFT-77*1512345678~", kind="CCD"))
    assert row(file)["end_to_end_id"] == "EFT-77"


def test_lines_that_do_not_give_the_amount_hold_the_payment():
    file = parsed(simple(9_999, addenda(*DETAILS, amount="99.99")))
    assert row(file)["intake_codes"] == "IN-TOTAL"
    assert codes(file) == ["EDI-SUM"]


def test_an_order_that_pays_another_amount_holds_the_payment():
    file = parsed(simple(10_000, addenda(*DETAILS, amount="100.01")))
    assert row(file)["amount_minor"] == 10_000
    assert row(file)["intake_codes"] == "IN-TOTAL"
    assert codes(file) == ["ACH-AMOUNT"]


@pytest.mark.parametrize(
    ("code", "counted"),
    [("27", "debit"), ("37", "debit"), ("55", "debit"), ("23", "prenote"), ("33", "prenote")],
)
def test_debits_and_prenotes_are_counted(code, counted):
    amount = 0 if counted == "prenote" else 500
    file = parsed(simple(amount, "NOTE", code=code, kind="CCD"))
    assert len(file.payments) == 0
    assert file.counted_rows == {counted: 1, f"{counted}_detail": 1}


@pytest.mark.parametrize("code", ["22", "32", "42", "52"])
def test_credits_to_accounts_of_every_kind_are_payments(code):
    assert parsed(simple(500, code=code)).payments.int64("amount_minor").tolist() == [500]


def test_an_unknown_transaction_code_holds_the_file():
    file = parsed(nacha(batch(entry(5), entry(7, code="92", number=2))))
    assert file.payments.strings("intake_codes") == ["IN-TOTAL"]
    assert codes(file) == ["ACH-CODE"]


def test_remittance_that_comes_without_money_is_advice():
    file = parsed(simple(0, addenda(*DETAILS, amount="0"), code="24"))
    assert len(file.payments) == 0
    assert advice(file) == [("INV-1", 600_000), ("B", 400_000)]
    assert file.advices.strings("trace_number") == ["TRACE1", "TRACE1"]


RETURNED = "99R01091000010000077      12100024INSUFFICIENT FUNDS"


@pytest.mark.parametrize("code", ["21", "22", "26", "27"])
def test_a_return_takes_back_the_payment_it_names(code):
    file = parsed(simple(500, RETURNED, code=code, kind="PPD"))
    found = row(file)
    assert found["amount_minor"] == -500
    assert found["original_reference"] == "091000010000077"
    assert found["remittance_text"].startswith("VENDOR PMT\nR01 insufficient funds")
    assert codes(file) == []


def test_our_accounts_tell_which_returns_are_no_money_of_customers():
    def read(code, account):
        ours = BankAccountBatch.from_columns({"bank_account": [account], "company_id": ["1"]})
        content = simple(500, RETURNED, code=code, kind="PPD")
        file = parsed(content, bank_accounts=ours)
        return (
            file.payments.int64("amount_minor").tolist(),
            file.payments.strings("intake_codes"),
            file.counted_rows,
        )

    assert read("21", ACCOUNT) == ([-500], [""], {})
    assert read("21", "OTHER") == ([500], ["IN-NONAR"], {})
    assert read("26", "OTHER") == ([-500], [""], {})
    assert read("26", ACCOUNT) == ([], [], {"debit": 1, "debit_detail": 1})


def test_a_dishonoured_return_brings_the_money_again_and_is_held():
    file = parsed(simple(500, RETURNED, RETURNED.replace("R01", "R68"), code="21", kind="PPD"))
    assert row(file)["amount_minor"] == 500
    assert row(file)["intake_codes"] == "IN-SIGN"


def test_a_reversal_takes_back_a_credit_and_gives_back_a_debit():
    back = nacha(batch(entry(500, code="27", kind="PPD"), kind="PPD", description="REVERSAL"))
    assert parsed(back).payments.int64("amount_minor").tolist() == [-500]
    given = nacha(batch(entry(500, kind="PPD"), kind="PPD", description="REVERSAL"))
    assert parsed(given).payments.strings("intake_codes") == ["IN-NONAR"]


def test_a_notification_of_change_is_said_and_moves_nothing():
    notice = "98C01091000010000077      121000241918171614"
    file = parsed(simple(0, notice, code="21", kind="COR"))
    assert len(file.payments) == 0
    assert file.counted_rows == {"notification": 1, "notification_detail": 1}
    assert codes(file) == ["ACH-NOTIFICATION"]


def test_name_and_identification_stand_where_the_class_puts_them():
    swapped = parsed(simple(500, kind="CIE", identification="INVOICE 12345"))
    assert row(swapped)["customer_reference"] == "INVOICE 12345"
    check = parsed(simple(500, kind="ARC", identification="000815"))
    assert (row(check)["check_number"], row(check)["customer_reference"]) == ("000815", "")


def test_the_day_of_settlement_is_found_in_the_year_of_the_batch():
    settled = parsed(nacha(batch(entry(5), settled="255")))
    assert row(settled)["booking_date"] == dt.date(2026, 9, 12)
    assert row(settled)["value_date"] == dt.date(2026, 9, 11)
    assert row(parsed(nacha(batch(entry(5), settled="   "))))["booking_date"] == dt.date(
        2026, 9, 11
    )
    assert nacha_reader._day_of_year("001", dt.date(2026, 12, 31)) == dt.date(2027, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "code", "kind"),
    [
        ("822000000", "822000009", "FILE-COUNT", "records"),
        ("8220000001001210002", "8220000001001210003", "ACH-HASH", "hash"),
        ("000000010000123456789", "000000010001123456789", "FILE-TOTAL", "credit sum"),
        ("9000001", "9000007", "FILE-COUNT", "batches"),
    ],
)
def test_a_control_record_that_differs_holds_the_file(old, new, code, kind):
    content = simple(10_000)
    assert content.count(old.encode()) == 1
    file = parsed(content.replace(old.encode(), new.encode()))
    assert codes(file) == [code]
    assert failed(file) == [kind]
    assert file.payments.strings("intake_codes") == ["IN-TOTAL"]


def test_addenda_out_of_order_or_missing_hold_the_payment():
    content = simple(10_000, addenda(*DETAILS))
    for old, new in ((b"00020000001", b"00030000001"), (b"00020000001", b"00020000009")):
        file = parsed(content.replace(old, new))
        assert row(file)["intake_codes"] == "IN-TOTAL"
        assert codes(file) == ["ACH-ADDENDA"]


def test_short_lines_are_filled_up_and_said_once():
    content = b"\n".join(line.rstrip() for line in simple(10_000, addenda(*DETAILS)).splitlines())
    file = parsed(content)
    assert lines(file) == EXPECTED
    assert codes(file) == ["ACH-WIDTH"]


def test_several_files_and_blank_lines_stand_in_one_stream():
    file = parsed(b"\n\n" + simple(500) + b"\n" + simple(700, number=2))
    assert file.payments.int64("amount_minor").tolist() == [500, 700]
    assert codes(file) == failed(file) == []


def test_a_file_cut_anywhere_is_held():
    content = simple(10_000, addenda(*DETAILS)).split(b"9000001")[0]
    for stop in range(300, len(content), 7):
        file = parsed(content[:stop])
        assert "FILE-TRUNCATED" in codes(file), stop
        assert set(file.payments.strings("intake_codes")) <= {"IN-TOTAL"}, stop


def test_damage_is_read_or_said_and_never_raises():
    content = simple(10_000, addenda(*DETAILS)) + simple(500, RETURNED, kind="PPD")
    dice, read = random.Random(11), 0  # noqa: S311  # repeatable damage, no secret
    for _ in range(300):
        start = dice.randrange(94, len(content))
        stop = start + dice.randrange(1, 120)
        piece = bytes(dice.randrange(256) for _ in range(dice.randrange(4)))
        file = parsed(content[:start] + piece + content[dice.choice((start, stop)) :])
        read += 1
        assert len(file.payments) + len(file.diagnostics)
    assert read == 300


@pytest.mark.parametrize("window_bytes", [1, 33, 94, 95, 200, 1000])
@pytest.mark.parametrize("end", ["\n", ""])
def test_the_size_of_windows_changes_nothing(monkeypatch, window_bytes, end):
    entries = [entry(10_000, addenda(*DETAILS)), entry(9_000, addenda(*DETAILS), number=2)]
    content = nacha(batch(*entries), end=end) * 2
    whole = everything(parsed(content))
    small = partial(nacha_records.record_windows, window_bytes=window_bytes)
    monkeypatch.setattr(nacha_reader, "record_windows", small)
    assert everything(parsed(content)) == whole


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.ach")), ids=lambda path: path.name)
def test_golden_files_are_read_as_written_down_and_like_the_oracle_does(path):
    file = parsed(path.read_bytes())
    assert summary_of(file) == json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert file.payments.int64("amount_minor").tolist() == nacha_oracle.amounts(path.read_bytes())
    paid = [one for one in nacha_oracle.entries(path.read_bytes()) if one["code"] == "22"]
    expected = [ref for one in paid for ref in nacha_oracle.references(one["text"])]
    assert [line[0] for line in lines(file)] == expected


@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_public_samples_are_read_like_the_oracle_does(path):
    file = parsed(path.read_bytes())
    assert file.payments.int64("amount_minor").tolist() == nacha_oracle.amounts(path.read_bytes())
    odd = {
        "moov-io+ach__1k8RecordFollowing9Record.txt": ["ACH-WIDTH", "ACH-ORDER"],
        "moov-io+ach__1qFormatCodeIncorrect.txt": ["ACH-HEADER"],
        "moov-io+ach__20110805A.ach": ["FILE-COUNT"],
    }
    assert codes(file) == odd.get(path.name, [])
