"""Broken, mislabelled and hostile files: read as far as they go, never losing money in silence."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from camt_reading import RepeatedSource
from camt_writing import balance, detail, entry, message, statement
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.bank_files import parse_bank_file
from parsers.camt053 import read_windows
from parsers.collector import FileCollector
from parsers.errors import UnrecognisedFileError
from parsers.read_options import ReadOptions

GOOD = message(
    statement(
        balance("OPBD", "0.00"),
        balance("CLBD", "106.00"),
        "\n".join(
            [
                entry("1.00", detail("1.00", debtor="A", remittance="<Ustrd>INV 1</Ustrd>")),
                entry("5.00", detail("2.00"), detail("3.00"), batch=2),
                entry("100.00"),
            ]
        ),
    )
)
TEXT = "MÜLLER & SÖHNE".replace("&", "&amp;")


def codes(parsed):
    return parsed.diagnostics.strings("code")


def amounts(parsed):
    return parsed.payments.int64("amount_minor").tolist()


def named(encoding, declared):
    content = message(statement(entry("1.00", detail("1.00", debtor=TEXT)))).decode()
    return content.replace(' encoding="UTF-8"', declared).encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "declared", "reported"),
    [
        ("utf-8", ' encoding="UTF-8"', []),
        ("utf-8", "", []),
        ("utf-8-sig", ' encoding="UTF-8"', []),
        ("iso-8859-1", ' encoding="ISO-8859-1"', []),
        ("utf-16", ' encoding="UTF-16"', []),
        ("utf-16-le", ' encoding="UTF-16"', []),
        ("iso-8859-1", ' encoding="UTF-8"', ["CAMT-ENCODING"]),
        ("iso-8859-1", "", ["CAMT-ENCODING"]),
        ("utf-8", ' encoding="ISO-8859-1"', ["CAMT-ENCODING"]),
        ("utf-8", ' encoding="UTF-16"', ["CAMT-ENCODING"]),
        ("utf-8", ' encoding="klingon"', ["CAMT-ENCODING"]),
    ],
)
def test_names_survive_a_wrong_or_missing_encoding(encoding, declared, reported):
    parsed = parse_bank_file(named(encoding, declared), "bank.xml")
    assert parsed.payments.strings("payer_name") == ["MÜLLER & SÖHNE"]
    assert codes(parsed) == reported


def test_windows_quotes_without_a_declaration_are_read():
    content = message(statement(entry("1.00", detail(debtor="O'NEIL"))))
    parsed = parse_bank_file(content.replace(b"'N", b"\x92N"), "bank.xml")
    assert parsed.payments.strings("payer_name") == ["O\u2019NEIL"]


def test_blanks_before_the_declaration_are_skipped_and_places_still_hold():
    content = b"\n  \n" + GOOD
    parsed = parse_bank_file(content, "bank.xml")
    assert amounts(parsed) == [100, 200, 300, 10000]
    assert codes(parsed) == ["CAMT-ENCODING"]
    first = parsed.payments.record_batch.to_pylist()[0]
    assert content[first["source_offset"] :].startswith(b"<Ntry>")
    assert first["source_line"] == 4


def test_control_characters_are_read_as_blanks():
    content = message(statement(entry("1.00", detail(debtor="A\x1aB"))))
    parsed = parse_bank_file(content, "bank.xml")
    assert parsed.payments.strings("payer_name") == ["A B"]
    assert codes(parsed) == ["CAMT-CONTROL"]


def test_several_documents_in_one_stream_are_all_read():
    other = message(statement(entry("9.00"), identity="S2"))
    content = GOOD + b"\n" + other
    parsed = parse_bank_file(content, "bank.xml")
    assert amounts(parsed) == [100, 200, 300, 10000, 900]
    last = parsed.payments.record_batch.to_pylist()[-1]
    assert content[last["source_offset"] :].startswith(b"<Ntry>")
    assert last["source_line"] == 6


def test_a_truncated_file_keeps_the_entries_before_the_break_and_is_held():
    cut = GOOD.index(b"<Ntry>", GOOD.index(b"100.00") - 40) + 30
    parsed = parse_bank_file(GOOD[:cut], "bank.xml")
    assert amounts(parsed) == [100, 200, 300]
    assert set(parsed.payments.strings("intake_codes")) == {"IN-TOTAL"}
    assert parsed.counted_rows == {"unreadable": 1}
    (found,) = parsed.diagnostics.record_batch.to_pylist()
    assert (found["code"], found["line"]) == ("FILE-TRUNCATED", 4)


def test_a_break_in_the_middle_says_how_many_entries_are_behind_it():
    broken = GOOD.replace(b"<Btch>", b"<Btch", 1)
    parsed = parse_bank_file(broken, "bank.xml")
    assert amounts(parsed) == [100]
    assert parsed.counted_rows == {"unreadable": 2}


def test_a_message_without_statements_says_so():
    parsed = parse_bank_file(message(), "bank.xml")
    assert (len(parsed.payments), codes(parsed)) == (0, ["CAMT-EMPTY"])


def with_dtd(declarations, text="&x;"):
    content = message(statement(entry("1.00", detail(debtor=text)))).decode()
    return content.replace("\n", f"\n<!DOCTYPE Document [{declarations}]>", 1).encode()


def test_an_external_entity_is_not_fetched(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("do not read me")
    parsed = parse_bank_file(with_dtd(f'<!ENTITY x SYSTEM "file://{secret}">'), "bank.xml")
    assert parsed.payments.strings("payer_name") == [""]
    assert parsed.payments.strings("intake_codes") == ["IN-FORMAT"]
    assert codes(parsed) == ["CAMT-DTD"]


def test_an_internal_entity_never_becomes_part_of_an_amount():
    content = with_dtd('<!ENTITY x "0">').replace(b">1.00</Amt>", b">1&x;</Amt>", 1)
    parsed = parse_bank_file(content, "bank.xml")
    assert parsed.counted_rows == {"unreadable": 1}


def test_an_external_subset_is_not_loaded(tmp_path):
    subset = tmp_path / "camt.dtd"
    subset.write_text('<!ENTITY x "loaded">')
    content = message(statement(entry("1.00"))).decode()
    content = content.replace("\n", f'\n<!DOCTYPE Document SYSTEM "file://{subset}">', 1)
    assert codes(parse_bank_file(content.encode(), "bank.xml")) == ["CAMT-DTD"]


def test_an_entity_bomb_ends_quickly():
    levels = "".join(
        f'<!ENTITY a{level} "{f"&a{level - 1};" * 10 if level else "ha" * 50}">'
        for level in range(12)
    )
    started = time.monotonic()
    parsed = parse_bank_file(with_dtd(levels, "&a11;"), "bank.xml")
    assert time.monotonic() - started < 2
    assert "CAMT-DTD" in codes(parsed)
    assert set(parsed.payments.strings("intake_codes")) <= {"IN-FORMAT", "IN-FORMAT;IN-TOTAL"}


def test_a_depth_no_bank_needs_ends_the_reading_like_a_truncation():
    deep = detail(more="<x>" * 100_000 + "</x>" * 100_000)
    parsed = parse_bank_file(message(statement(entry("1.00"), entry("2.00", deep))), "bank.xml")
    assert amounts(parsed) == [100]
    assert codes(parsed) == ["FILE-TRUNCATED"]


def test_a_text_of_twenty_megabytes_ends_the_reading_within_bounds():
    huge = detail(remittance=f"<Ustrd>{'X' * 20_000_000}</Ustrd>")
    content = message(statement(entry("1.00"), entry("2.00", huge)))
    parsed = parse_bank_file(content, "bank.xml")
    assert amounts(parsed) == [100]
    assert parsed.counted_rows == {"unreadable": 1}


class _Peak:
    """Memory of a reading, at most, while its rows are given away as they come."""

    def __init__(self, source):
        collector = FileCollector(source, "bank.xml")
        self.payments = 0
        self.codes = []
        tracemalloc.start()
        for _ in read_windows(source, collector, ReadOptions(), 1 << 16):
            self._take(collector.drain())
        self._take(collector.drain())
        self.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        self.counted = collector.end().counted_rows
        self.held = collector.end().held_codes

    def _take(self, part):
        self.payments += len(part.payments)
        self.codes += part.diagnostics.strings("code")


def around(text):
    """GOOD with a mark in its second entry, cut there."""
    content = GOOD.replace(b"<TxDtls><Refs></Refs><Amt", b"<TxDtls>@<Refs></Refs><Amt", 2)
    before, _, after = content.rpartition(b"@")
    head, tail = text.split("@")
    return before + head.encode(), tail.encode() + after


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("<RmtInf><Ustrd>@</Ustrd></RmtInf>", b"X" * 4096),
        ("<RmtInf><Ustrd>@</Ustrd></RmtInf>", b"\n" * 4096),
        ("@", b"<x>" * 1024),
        ("<x @/>", b'a="1" ' * 512),
        ("<!-- @ -->", b"<Ntry> " * 512),
    ],
    ids=["text", "blank text", "depth", "attributes", "comment"],
)
def test_a_gigabyte_that_is_no_payment_needs_no_memory(text, block):
    head, tail = around(text)
    found = _Peak(RepeatedSource(head, block, (1 << 24) // len(block), tail))
    assert found.peak < 40_000_000
    assert found.payments >= 1
    if found.payments < 4:
        assert "FILE-TRUNCATED" in found.codes
        assert found.held == ("IN-TOTAL",)


def test_a_gigabyte_of_careful_entries_needs_no_memory():
    odd = entry("1.00", detail("1.00", more="<!-- c --><Chrgs><Rcrd/></Chrgs>")).encode() + b"\n"
    start = GOOD.index(b"<Ntry>")
    few = _Peak(RepeatedSource(GOOD[:start], odd, 1_000, GOOD[start:]))
    many = _Peak(RepeatedSource(GOOD[:start], odd, 4_000, GOOD[start:]))
    assert many.payments == 4_004
    assert many.peak < few.peak + 3_000_000  # their rows alone would need three times that


@pytest.mark.parametrize(
    "noise",
    [
        b"<!-- <Ntry><Amt>7</Amt></Ntry> -->",
        b"<X><![CDATA[<Ntry></Ntry>]]></X>",
        b"<?note <Ntry> ?>",
    ],
)
def test_what_only_looks_like_an_entry_moves_no_place(noise):
    content = GOOD.replace(b"</Bal><Ntry>", b"</Bal>" + noise + b"<Ntry>", 1)
    assert content != GOOD
    payments = parse_bank_file(content, "bank.xml").payments.record_batch.to_pylist()
    for payment, wanted in zip(payments, ["1.00", "5.00", "5.00", "100.00"], strict=True):
        start, length = payment["source_offset"], payment["source_length"]
        element = content[start : start + length]
        assert element.startswith(b'<Ntry><Amt Ccy="EUR">' + wanted.encode())
        assert element.endswith(b"</Ntry>")


def test_spaces_in_end_tags_do_not_move_places():
    content = GOOD.replace(b"</Ntry>", b"</Ntry >", 1)
    first = parse_bank_file(content, "bank.xml").payments.record_batch.to_pylist()[0]
    start, length = first["source_offset"], first["source_length"]
    assert content[start : start + length].endswith(b"</Ntry >")


def mutated(draw):
    """GOOD with a part cut off, left out, doubled, moved or overwritten."""
    size = len(GOOD)
    start = draw(st.integers(0, size))
    end = draw(st.integers(start, min(size, start + 400)))
    target = draw(st.integers(0, size))
    kind = draw(st.sampled_from(["truncate", "delete", "duplicate", "splice", "flip"]))
    piece = GOOD[start:end]
    if kind == "truncate":
        return GOOD[:start]
    if kind == "delete":
        return GOOD[:start] + GOOD[end:]
    if kind == "duplicate":
        return GOOD[:end] + piece + GOOD[end:]
    if kind == "splice":
        return GOOD[:target] + piece + GOOD[target:]
    return GOOD[:start] + draw(st.binary(min_size=1, max_size=8)) + GOOD[start + 1 :]


@st.composite
def mutations(draw):
    return mutated(draw)


@settings(max_examples=300)
@given(mutations())
def test_no_mutation_breaks_the_reader_or_loses_money_in_silence(content):
    try:
        parsed = parse_bank_file(content, "bank.xml")
    except UnrecognisedFileError:
        return
    if amounts(parsed) != [100, 200, 300, 10000] and content.count(b"<Ntry>") >= 3:
        rows = parsed.control_checks.record_batch.to_pylist()
        doubts = len(parsed.diagnostics) + sum(not row["ok"] for row in rows)
        assert doubts or not any(row["kind"] == "balance" for row in rows)


@settings(max_examples=100)
@given(st.integers(0, len(GOOD)))
def test_every_truncation_is_told_and_held(cut):
    try:
        parsed = parse_bank_file(GOOD[:cut], "bank.xml")
    except UnrecognisedFileError:
        return
    if cut < len(GOOD):
        assert "FILE-TRUNCATED" in codes(parsed)
        assert all("IN-TOTAL" in held for held in parsed.payments.strings("intake_codes"))
