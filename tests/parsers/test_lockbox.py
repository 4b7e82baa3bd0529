"""BAI lockbox: checks, what they pay, and the totals around them."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import pytest
from golden_summary import summary_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lockbox_writing import LOCKBOX, check, lockbox
from oracles import lockbox_oracle

from engine.batches import BankAccountBatch
from parsers.bank_files import parse_bank_file
from parsers.errors import UnrecognisedFileError
from parsers.lockbox_choice import choose_layout
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS

GOLDEN = Path(__file__).parents[1] / "golden" / "lockbox"


def read(content, accounts=None):
    return parse_bank_file(content, "t.lockbox", accounts)


def rows(parsed, *names):
    table = parsed.payments.record_batch.to_pylist()
    values = [tuple(row[name] for name in names) for row in table]
    return [value[0] for value in values] if len(names) == 1 else values


def lines(parsed):
    names = ("reference", "reference_kind", "amount_minor", "deduction_minor", "deduction_reason")
    table = parsed.remittances.record_batch.to_pylist()
    return [tuple(row[name] for name in names) for row in table]


def codes(parsed):
    return parsed.diagnostics.strings("code")


def test_a_check_is_a_payment_of_its_lockbox_and_deposit_date():
    parsed = read(lockbox(check(1, 116352, ("INV-1", 116352, 0, ""), name="HARBOUR FREIGHT")))
    (row,) = parsed.payments.record_batch.to_pylist()
    expected = {
        "bank_account": LOCKBOX,
        "amount_minor": 116352,
        "currency": "USD",
        "booking_date": dt.date(2026, 9, 11),
        "value_date": dt.date(2026, 9, 11),
        "method": "check",
        "type_code": "lockbox",
        "payer_name": "HARBOUR FREIGHT",
        "payer_account": "121000248/4402207781",
        "check_number": "0000000017",
        "bank_reference": "",
        "intake_codes": "",
        "source_line": 4,
    }
    assert {name: row[name] for name in expected} == expected
    assert lines(parsed) == [("INV-1", "document", 116352, 0, "")]
    assert parsed.dialect == "lockbox.sap.flb2.1"
    assert codes(parsed) == []


def test_a_payment_covers_its_check_and_its_overflow_in_the_file():
    content = lockbox(check(1, 300, ("A", 100, 0, ""), ("B", 200, 0, "")), check(2, 5))
    (_, start, length), (line, *_) = rows(
        read(content), "source_line", "source_offset", "source_length"
    )
    piece = content[start : start + length]
    assert piece.count(b"\n") == 2
    assert piece.startswith(b"6001001")
    assert b"B    " in piece
    assert line == 7


def test_amounts_deductions_and_reasons_belong_to_their_invoice():
    parsed = read(
        lockbox(check(1, 300, ("A", 350, 40, "D01"), ("CM-1", -50, 0, ""), ("B", 0, 10, "")))
    )
    assert lines(parsed) == [
        ("A", "document", 350, 40, "D01"),
        ("CM-1", "credit_memo", -50, 0, ""),
        ("B", "document", 0, 10, ""),
    ]


def test_a_paid_amount_of_zero_names_no_amount_where_the_sum_does_not_tie():
    parsed = read(lockbox(check(1, 300, ("A", 0, 0, ""), ("B", None, 0, "")), check(2, 9)))
    assert [line[2] for line in lines(parsed)] == [None, None]


@pytest.mark.parametrize(
    ("routing", "account", "payer_account"),
    [
        ("121000248", "0060480244", "121000248/0060480244"),
        ("000000000", "0000000000", ""),
        ("", "", ""),
        ("121000248", "", ""),
        ("", "60480244", "60480244"),
    ],
)
def test_the_payer_account_keeps_the_digits_of_the_file(routing, account, payer_account):
    parsed = read(lockbox(check(1, 5, routing=routing, account=account)))
    assert rows(parsed, "payer_account") == [payer_account]


def test_currency_and_layout_come_from_our_bank_account():
    accounts = BankAccountBatch.from_columns(
        {
            "bank_account": ["1", "2"],
            "currency": ["EUR", "CAD"],
            "lockbox": ["99", "77123"],
            "layout": ["", "generic.a.1"],
        }
    )
    parsed = read(lockbox(check(1, 5, ("INV-1", 5, 0, ""))), accounts)
    assert rows(parsed, "currency") == ["CAD"]
    assert parsed.dialect == "lockbox.generic.a.1"


def test_an_unknown_layout_is_reported_and_the_best_fitting_one_used():
    accounts = BankAccountBatch.from_columns(
        {"bank_account": ["1"], "lockbox": [LOCKBOX], "layout": ["acme.9"]}
    )
    parsed = read(lockbox(check(1, 5, ("INV-1", 5, 0, ""))), accounts)
    assert parsed.dialect == "lockbox.sap.flb2.1"
    assert codes(parsed) == ["LBX-LAYOUT"]


def generic_b():
    return (
        "100NORTHWIND 01210002482609140615\n"
        "2NORTHWIND 0121000248\n"
        "50010000077123260911NORTHWIND 0121000248\n"
        f"60010010077123260911{'':20}0000030000{'12100024'}{'0440220778'}{'000000000018'}\n"
        f"4001001601{'INV-1':<10}{'20000':>10}{'':30}CUST-1\n"
        f"4001001602{'INV-2':<10}{'10000':>10}\n"
        "700100000771232609110010000030000\n"
        "800000000771232609110010000030000\n"
        "9000009\n"
    ).encode()


def test_every_layout_is_recognised_by_its_totals():
    parsed = read(generic_b())
    assert parsed.dialect == "lockbox.generic.b.1"
    assert rows(parsed, "amount_minor", "check_number") == [(30000, "000000000018")]
    assert [line[:3] for line in lines(parsed)] == [
        ("INV-1", "document", 20000),
        ("INV-2", "document", 10000),
    ]
    assert codes(parsed) == []


def test_a_memo_of_one_word_is_a_reference_and_of_several_is_text():
    text = lockbox(check(1, 5), check(2, 6)).decode().split("\n")
    text.insert(4, "40010016019CE554")
    text.insert(6, "40010026019STATEMENT OF MAY, INV 7")
    text[-2] = "9000010"
    parsed = read("\n".join(text).encode())
    assert parsed.dialect == "lockbox.generic.a.1"
    assert [line[0] for line in lines(parsed)] == ["CE554"]
    assert rows(parsed, "remittance_text") == ["", "STATEMENT OF MAY, INV 7"]


def test_layout_names_are_bank_variant_version():
    assert next(iter(LOCKBOX_LAYOUTS)) == "generic.a.1"
    assert all(name == layout.name for name, layout in LOCKBOX_LAYOUTS.items())
    assert all(re.fullmatch(r"[a-z0-9]+\.[a-z0-9]+\.1", name) for name in LOCKBOX_LAYOUTS)
    assert choose_layout([]).layout.name == "generic.a.1"


@pytest.mark.parametrize("record", [b"7", b"8"])
@pytest.mark.parametrize("kind", ["sum", "count"])
def test_a_total_that_does_not_foot_holds_every_check(record, kind):
    content = lockbox(check(1, 300), check(2, 5))
    lines_ = content.split(b"\n")
    at = next(at for at, line in enumerate(lines_) if line.startswith(record))
    width = 3 if record == b"7" else 4
    start = 20 if kind == "count" else 20 + width
    lines_[at] = lines_[at][: start + 2] + b"9" + lines_[at][start + 3 :]
    parsed = read(b"\n".join(lines_))
    assert rows(parsed, "intake_codes") == ["IN-TOTAL"] * 2
    assert ("FILE-TOTAL" if kind == "sum" else "FILE-COUNT") in codes(parsed)


def test_a_bank_without_batch_totals_is_checked_by_its_lockbox_total():
    content = b"\n".join(
        line for line in lockbox(check(1, 300)).split(b"\n") if not line.startswith(b"7")
    )
    assert rows(read(content), "intake_codes") == [""]
    wrong = content.replace(b"00010000000300", b"00010000000301")
    assert rows(read(wrong), "intake_codes") == ["IN-TOTAL"]


@pytest.mark.parametrize("lost", [b"5", b"8", b"9"])
def test_a_missing_header_or_trailer_holds_every_check(lost):
    content = b"\n".join(
        line for line in lockbox(check(1, 300)).split(b"\n") if not line.startswith(lost)
    )
    parsed = read(content)
    assert rows(parsed, "amount_minor") == [300]
    assert "IN-TOTAL" in rows(parsed, "intake_codes")[0]
    assert {"FILE-TRUNCATED", "LBX-TRAILER", "LBX-ORDER"} & set(codes(parsed))


def test_a_lockbox_learned_from_its_trailer_is_given_to_the_checks_before():
    content = b"\n".join(
        line for line in lockbox(check(1, 300)).split(b"\n") if not line.startswith(b"5")
    )
    assert rows(read(content), "bank_account", "booking_date") == [(LOCKBOX, dt.date(2026, 9, 11))]


def test_a_header_of_batch_zero_opens_all_batches_of_its_lockbox():
    content = lockbox(check(1, 300)).replace(b"5001000", b"5000000")
    second = content.split(b"\n")
    extra = [second[3], second[4].replace(b"7001", b"7002")]
    total = second[5].replace(b"00010000000300", b"00020000000600")
    joined = b"\n".join([*second[:5], *extra, total, b"9000009"])
    parsed = read(joined)
    assert rows(parsed, "intake_codes", "bank_account") == [("", LOCKBOX)] * 2


def test_repeated_items_and_overflow_numbers_are_reported_and_kept():
    one = check(1, 5, ("A", 2, 0, ""), ("B", 3, 0, ""))
    one[2] = one[2].replace("6029", "6019")
    parsed = read(lockbox(one, check(1, 7)))
    assert rows(parsed, "amount_minor") == [5, 7]
    assert codes(parsed) == ["LBX-DUPLICATE", "LBX-DUPLICATE"]


def test_item_numbers_and_counts_wrap_beyond_999_checks():
    parsed = read(lockbox(*(check(at % 1000, 5, number=at) for at in range(1, 1206))))
    assert len(parsed.payments) == 1205
    assert codes(parsed) == []
    assert "wrapped" in parsed.control_checks.strings("rule")
    assert set(rows(parsed, "intake_codes")) == {""}


def test_overflow_of_another_check_is_reported_and_counted():
    one = check(1, 5, ("A", 5, 0, ""))
    one[1] = one[1].replace("4001001", "4001009")
    parsed = read(lockbox(one))
    assert lines(parsed) == []
    assert parsed.counted_rows == {"remittance_without_payment": 1}
    assert codes(parsed) == ["LBX-ORDER"]


def test_an_overflow_chain_without_its_last_record_is_reported():
    one = check(1, 5, ("A", 2, 0, ""), ("B", 3, 0, ""))
    parsed = read(lockbox(one[:2]))
    assert codes(parsed) == ["LBX-OVERFLOW"]


def test_a_check_without_a_readable_amount_is_reported_and_holds_the_file():
    content = lockbox(check(1, 5), check(2, 7)).replace(b"60010010000000005", b"600100100000x0005")
    parsed = read(content)
    assert rows(parsed, "amount_minor", "intake_codes") == [(7, "IN-TOTAL")]
    assert "LBX-AMOUNT" in codes(parsed)


def test_a_check_of_zero_is_counted_with_its_lines():
    parsed = read(lockbox(check(1, 0, ("A", 0, 0, "")), check(2, 5)))
    assert parsed.counted_rows == {"remittance_without_payment": 1, "zero_amount": 1}


def variants():
    text = lockbox(check(1, 30, ("INV-1", 30, 0, "")), check(2, 7, name="B")).decode()
    records = text.strip("\n").split("\n")
    return {
        "plain": text,
        "crlf": text.replace("\n", "\r\n"),
        "trimmed lines": "\n".join(line.rstrip() for line in records),
        "longer lines": "\n".join(line.ljust(160) for line in records),
        "no line breaks": "".join(records),
        "byte order mark": "\ufeff" + text,
    }


@pytest.mark.parametrize("variant", sorted(variants()))
def test_line_lengths_and_breaks_do_not_change_what_is_read(variant):
    plain = read(variants()["plain"].encode())
    parsed = parse_bank_file(variants()[variant].encode(), "t")
    assert rows(parsed, "payment_id", "payer_name") == rows(plain, "payment_id", "payer_name")
    assert lines(parsed) == lines(plain)
    assert codes(parsed) == []


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_golden_files_are_read_as_written_down(path):
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert summary_of(parse_bank_file(path.read_bytes(), path.name)) == expected


MUTATED = [
    lockbox(
        check(1, 30, ("INV-1", 30, 0, "")),
        check(2, 700, ("A", 900, 0, ""), ("B", -200, 5, "X")),
    ),
    generic_b(),
]


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_read_and_never_breaks_the_reader(data):
    content = data.draw(st.sampled_from(MUTATED))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = min(len(content), begin + data.draw(st.integers(0, 90)))
        piece = data.draw(
            st.one_of(
                st.just(b""),
                st.just(content[begin:end] * 2),
                st.binary(max_size=12),
                st.sampled_from([b"\n", b"6", b"4", b"-", b" ", b"\n7", b"\r"]),
            )
        )
        content = content[:begin] + piece + content[end:]
    try:
        parsed = parse_bank_file(content, "damaged")
    except UnrecognisedFileError:
        return
    ends = parsed.payments.int64("source_offset") + parsed.payments.int64("source_length")
    assert (ends <= len(content)).all()


@given(st.data())
@settings(max_examples=100)
def test_a_lost_or_repeated_check_is_never_silent(data):
    content = data.draw(st.sampled_from(MUTATED))
    lines_ = content.split(b"\n")
    money = [at for at, line in enumerate(lines_) if line.startswith(b"6")]
    at = data.draw(st.sampled_from(money))
    times = data.draw(st.sampled_from([0, 2]))
    parsed = parse_bank_file(
        b"\n".join([*lines_[:at], *[lines_[at]] * times, *lines_[at + 1 :]]), "t"
    )
    assert "FILE-TOTAL" in codes(parsed)
    assert all("IN-TOTAL" in held for held in rows(parsed, "intake_codes"))


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 4)), min_size=1, max_size=20))
@settings(max_examples=80)
def test_any_well_formed_file_agrees_with_the_slow_reader(checks):
    content = lockbox(
        *(
            check(at, amount, *((f"INV-{at}-{line}", amount, 0, "") for line in range(count)))
            for at, (amount, count) in enumerate(checks, 1)
        )
    )
    expected = lockbox_oracle.read(content)
    parsed = read(content)
    assert len(parsed.payments) == expected.check_count
    assert parsed.payments.int64("amount_minor").sum() == expected.check_sum
    assert len(parsed.remittances) == expected.invoice_count


def test_several_transmissions_in_one_stream_are_all_read_and_checked():
    stream = lockbox(check(1, 5)) + lockbox(check(1, 7), date="260912")
    parsed = read(stream)
    assert rows(parsed, "amount_minor", "intake_codes") == [(5, ""), (7, "")]
    assert codes(parsed) == []
    counts = [row for row in parsed.control_checks.record_batch.to_pylist() if row["ok"]]
    assert len(counts) == len(parsed.control_checks)
