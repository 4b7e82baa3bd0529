"""How the records of a lockbox file lie in its bytes: code pages, line breaks, fixed lengths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lockbox_writing import check, layout_a, lockbox

from parsers.bank_files import parse_bank_file
from parsers.byte_source import BytesSource
from parsers.lockbox_records import framing_of, record_windows, split_records, window_records

PLAIN = lockbox(
    check(1, 30, ("INV-1", 30, 0, ""), name="HARBOUR FREIGHT"),
    check(2, 700, ("00123", 900, 0, ""), ("CM 4", -200, 5, "X01"), name="A & B (1982)"),
)
FACTS = ("payment_id", "payer_name", "payer_account", "check_number", "amount_minor")


def facts(parsed):
    table = parsed.payments.record_batch.to_pylist()
    return [tuple(row[name] for name in FACTS) for row in table]


def references(parsed):
    return parsed.remittances.strings("reference")


def codes(parsed):
    return parsed.diagnostics.strings("code")


def ebcdic(content, page="cp037", line_end=b""):
    lines = content.decode("ascii").rstrip("\n").split("\n")
    return b"".join(line.encode(page) + line_end for line in lines)


@pytest.mark.parametrize("page", ["cp037", "cp500"])
@pytest.mark.parametrize("line_end", [b"", b"\x15", b"\x25", b"\x0d\x25", b"\x0d\x15"])
def test_a_file_in_ebcdic_says_what_it_says_in_ascii(page, line_end):
    content = ebcdic(PLAIN, page, line_end)
    parsed = parse_bank_file(content, "mainframe")
    plain = parse_bank_file(PLAIN, "t")
    assert facts(parsed) == facts(plain)
    assert references(parsed) == references(plain)
    assert codes(parsed) == ["LBX-EBCDIC"]
    for start, length in zip(
        parsed.payments.int64("source_offset"),
        parsed.payments.int64("source_length"),
        strict=True,
    ):
        assert content[start : start + length].decode(page).startswith("6001")


def test_code_page_1047_is_told_by_its_brackets():
    content = ebcdic(PLAIN.replace(b"A & B (1982)", b"A^B  [1982] "))
    for one, other in ((0x5F, 0xB0), (0xAD, 0xBA), (0xBD, 0xBB)):
        content = content.translate(bytes.maketrans(bytes([one, other]), bytes([other, one])))
    framing = framing_of(BytesSource(content))
    assert framing.code_page == "cp1047"
    assert parse_bank_file(content, "t").payments.strings("payer_name")[1] == "A^B  [1982]"


@pytest.mark.parametrize("length", [80, 85, 96, 104, 120, 160])
@pytest.mark.parametrize("encode", [bytes, ebcdic], ids=["ascii", "ebcdic"])
def test_fixed_length_records_need_no_line_breaks(length, encode):
    lines = PLAIN.decode().rstrip("\n").split("\n")
    wide = "\n".join(line.ljust(length) for line in lines).encode()
    parsed = parse_bank_file(encode(wide).replace(b"\n", b""), "t")
    assert facts(parsed) == facts(parse_bank_file(PLAIN, "t"))
    assert parsed.payments.int64("source_offset").tolist() == [3 * length, 5 * length]
    assert parsed.payments.int64("source_line").tolist() == [4, 6]
    assert set(codes(parsed)) <= {"LBX-EBCDIC"}


@pytest.mark.parametrize(
    "tail", [b"\x1a", b"\x00" * 40, b"\r\n\x1a", b"   \n\n\x1a\x00", b"\x0c", b"\n \n"]
)
@pytest.mark.parametrize("joined", [False, True], ids=["lines", "no line breaks"])
def test_end_marks_after_the_last_record_are_no_record(tail, joined):
    content = (PLAIN.replace(b"\n", b"") if joined else PLAIN) + tail
    parsed = parse_bank_file(content, "t")
    assert facts(parsed) == facts(parse_bank_file(PLAIN, "t"))
    assert codes(parsed) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\n".join(line.rstrip() for line in text.split("\n")),
        lambda text: "\n".join(line.ljust(200) for line in text.strip("\n").split("\n")),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\n   \n"),
        lambda text: "\ufeff" + text,
    ],
    ids=["crlf", "cr", "trimmed", "longer", "double spaced", "blank lines", "byte order mark"],
)
def test_line_ends_and_lengths_change_nothing_that_is_read(change):
    parsed = parse_bank_file(change(PLAIN.decode()).encode(), "t")
    assert facts(parsed) == facts(parse_bank_file(PLAIN, "t"))
    assert references(parsed) == references(parse_bank_file(PLAIN, "t"))
    assert set(codes(parsed)) <= {"LBX-DOUBT"}


def test_a_line_that_ends_inside_an_amount_does_not_give_a_smaller_one():
    content = PLAIN.replace(b"\n6001002", b"\n60010020000007\n6001003", 1)
    parsed = parse_bank_file(content, "t")
    (row,) = [
        row for row in parsed.diagnostics.record_batch.to_pylist() if row["code"] == "LBX-AMOUNT"
    ]
    assert (row["line"], row["column"], row["value"]) == (6, 8, "0000007")
    assert row["expected"] == "10 digits"
    assert content[row["offset"] :].startswith(b"0000007\n")
    assert 7 not in parsed.payments.int64("amount_minor")


def test_a_line_of_any_length_that_is_no_record_is_reported_once():
    parsed = parse_bank_file(PLAIN + b"x" * 300_000 + b"\n" + PLAIN, "t")
    assert len(parsed.payments) == 4
    assert codes(parsed) == ["LBX-RECORD", "LBX-DUPLICATE", "FILE-COUNT"]


@given(st.data())
@settings(max_examples=100)
def test_windows_hold_every_record_once_and_begin_before_a_check_or_a_control_record(data):
    content = layout_a([(5, ["A", "B"]), (7, []), (9, ["C"] * 3)], [(11, ["D"])], width=40)
    size = data.draw(st.integers(1, 400))
    source = BytesSource(content)
    framing = framing_of(source)

    def is_continued(record):
        return record.startswith(b"4")

    whole = split_records(source, framing, 1 << 20)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.lockbox_records.WINDOW_BYTES", size)
        for window in record_windows(source, framing, is_continued):
            spans = window_records(window, framing)
            assert content[window.offset : window.offset + 1] != b"4"
            found += [
                window.text[start:stop].decode()
                for start, stop in zip(spans.starts, spans.stops, strict=True)
            ]
    assert found == whole
