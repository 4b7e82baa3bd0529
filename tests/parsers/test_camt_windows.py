"""camt as columns is camt entry by entry, in windows of any size, in memory that does not grow."""

from __future__ import annotations

import random
import re
import tracemalloc
from pathlib import Path

import pytest
from camt_reading import RepeatedSource, read_all
from camt_writing import balance, detail, document, entry, euro, message, statement
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.camt_statement import statement_bytes
from parsers.camt053 import read_windows
from parsers.collector import FileCollector
from parsers.errors import UnrecognisedFileError
from parsers.read_options import ReadOptions
from tieout import worlds

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "camt").glob("*.xml"))
SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples"
SAMPLES = sorted(SHARED.glob("camt.05*/*.xml"))
ENTRIES = re.compile(rb"<((?:\w+:)?)Ntry>.*</\1Ntry>", re.DOTALL)
WITH_ENTRIES = [path for path in SAMPLES if ENTRIES.search(path.read_bytes())]
LARGE = statement_bytes(150, seed=3)


def prefixed(content):
    named = re.sub(rb"<(/?)([A-Za-z])", rb"<\1ns2:\2", content)
    return named.replace(b'xmlns="', b'xmlns:ns2="')


def in_version_02(content):
    text = content.replace(b"053.001.08", b"053.001.02")
    text = re.sub(rb"<Sts><Cd>(\w+)</Cd></Sts>", rb"<Sts>\1</Sts>", text)
    return re.sub(rb"</?Pty>", b"", text)


def in_windows(content, *sizes):
    """The file entry by entry in one window, and as columns in windows of each of `sizes`."""
    return [read_all(content, with_columns=False)] + [
        read_all(content, window_bytes=size) for size in sizes
    ]


@pytest.mark.parametrize("path", GOLDEN + SAMPLES, ids=lambda path: path.name[:60])
def test_columns_and_windows_change_nothing_of_a_file(path):
    careful, *others = in_windows(path.read_bytes(), 1 << 20, 5_000, 700, 61)
    for other in others:
        assert other == careful


@pytest.mark.parametrize("path", WITH_ENTRIES, ids=lambda path: path.name[:60])
def test_entries_of_a_sample_many_times_are_read_as_columns_and_alike(path):
    content = path.read_bytes()
    found = ENTRIES.search(content)
    many = content[: found.end()] + found[0] * 3 + content[found.end() :]
    careful, other = in_windows(many, 1 << 20)
    assert other == careful


@pytest.mark.parametrize("indent", [None, "  ", "\t"])
@pytest.mark.parametrize("change", [bytes, prefixed, in_version_02], ids=["08", "prefix", "02"])
def test_a_large_statement_is_read_alike(change, indent):
    content = change(statement_bytes(300, seed=5, indent=indent))
    careful, *others = in_windows(content, 1 << 20, 40_000, 4_001)
    assert len(careful["payments"]) > 280
    for other in others:
        assert other == careful


def test_generated_banks_are_read_alike():
    demo = worlds.named_spec("demo")
    company = worlds.scaled_spec(demo, 500, 1_500, with_bank_files=True)
    files = [
        content
        for name, content in worlds.generate_world(company).bank_files.items()
        if b"camt.053" in content[:200]
    ]
    assert len(files) > 1
    for content in files:
        careful, *others = in_windows(content, 1 << 20, 30_000)
        assert len(careful["remittances"]) > 10
        for other in others:
            assert other == careful


def test_most_of_a_large_statement_is_read_as_columns(monkeypatch):
    read = []
    real = __import__("parsers.camt_entry", fromlist=["EntryReader"]).EntryReader.read

    def counted(self, element, statement, place):
        read.append(place)
        return real(self, element, statement, place)

    monkeypatch.setattr("parsers.camt_entry.EntryReader.read", counted)
    read_all(statement_bytes(3_000, seed=2))
    assert len(read) < 600


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-16", "UTF-16"), ("utf-16-be", "UTF-16"), ("iso-8859-1", "ISO-8859-1"), ("cp1252", "x")],
)
def test_other_encodings_are_read_alike_and_places_are_those_of_the_file(encoding, name):
    text = LARGE.decode().replace('encoding="UTF-8"', f'encoding="{name}"')
    content = text.encode(encoding)
    whole = read_all(content)
    assert [row["payer_name"] for row in whole["payments"]] == [
        row["payer_name"] for row in read_all(LARGE)["payments"]
    ]
    careful, *others = in_windows(content, 1 << 20, 20_001)
    for other in others:
        assert other == careful
    order = "utf-16-be" if encoding == "utf-16-be" else "utf-16-le"
    for row in whole["payments"][:50]:
        start, length = row["source_offset"], row["source_length"]
        element = content[start : start + length]
        element = element.decode(order if encoding.startswith("utf-16") else encoding)
        assert re.fullmatch(r"<Ntry>.*</Ntry>", element, re.DOTALL)
        assert row["bank_reference"] in element


SMALL = message(
    statement(
        balance("OPBD", "0.00"),
        balance("CLBD", "30.00"),
        "\n".join(
            entry(
                "10.00",
                detail(
                    "10.00",
                    debtor=name,
                    refs=f"<EndToEndId>{reference}</EndToEndId>",
                    remittance=f"<Ustrd>{text}</Ustrd>{document('CINV', number, *amounts)}",
                ),
            )
            for name, reference, text, number, amounts in [
                ("Müller &amp; Sohn", "E-1", "INV 1", "A-1", [euro("RmtdAmt", "10.00")]),
                ("ACME", "NOTPROVIDED", "INV 2", "A-2", [euro("RmtdAmt", "10.00")]),
                ("ACME", "E-3", "INV 3", "A-3", [euro("RmtdAmt", "10.00")]),
            ]
        ),
    )
)


@settings(max_examples=150)
@given(st.integers(1, 400))
def test_any_window_reads_the_same(window_bytes):
    assert read_all(SMALL, window_bytes=window_bytes) == read_all(SMALL, with_columns=False)


def damaged(content, dice):
    start = dice.randrange(len(content))
    end = min(len(content), start + dice.randrange(1, 60))
    kind = dice.randrange(6)
    if kind == 0:
        return content[:start]
    if kind == 1:
        return content[:start] + content[end:]
    if kind == 2:
        return content[:end] + content[start:end] + content[end:]
    if kind == 3:
        return (
            content[:start]
            + dice.choice([b"<", b">", b"&", b"<!--", b"]]>", b"\xff", b"-"])
            + (content[start:])
        )
    if kind == 4:
        return content[:start] + bytes([dice.randrange(256)]) + content[start + 1 :]
    other = dice.randrange(len(content))
    return content[:other] + content[start:end] + content[other:]


def told(found):
    """What was read, apart from columns of errors: libxml2 counts them one off now and then."""
    diagnostics = [row | {"column": None} for row in found["diagnostics"]]
    return found | {"diagnostics": diagnostics}


ROWS = (
    entry(
        f"{amount}.00",
        detail(f"{amount}.00", debtor=f"Payer {amount}", refs=f"<TxId>T{amount}</TxId>"),
        more=f"<AcctSvcrRef>R{amount}</AcctSvcrRef>",
    )
    for amount in range(1, 9)
)
BODY = message(statement(balance("OPBD", "0.00"), balance("CLBD", "36.00"), *ROWS))


@pytest.mark.parametrize("seed", range(12))
def test_damage_is_read_alike(seed):
    dice = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    read = 0
    for _ in range(60):
        content = BODY
        for _ in range(dice.randrange(1, 3)):
            content = damaged(content or b" ", dice)
        try:
            careful = read_all(content, with_columns=False)
        except UnrecognisedFileError:
            continue
        read += 1
        for size in (1 << 20, 300):
            other = read_all(content, window_bytes=size)
            for one, two in zip(careful["diagnostics"], other["diagnostics"], strict=True):
                assert abs((one["column"] or 0) - (two["column"] or 0)) <= 1
            assert told(other) == told(careful), content
    assert read > 30


def peak_of(source):
    """Memory a reading needs at most, every piece given away at once, and its payments."""
    collector = FileCollector(source, "bank.xml")
    payments = 0
    tracemalloc.start()
    for _ in read_windows(source, collector, ReadOptions(), 1 << 18):
        payments += len(collector.drain().payments)
    payments += len(collector.drain().payments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, payments


def test_memory_does_not_grow_with_one_long_statement():
    start = LARGE.index(b"<Ntry>")
    stop = LARGE.rindex(b"</Ntry>") + len(b"</Ntry>")
    head, block, tail = LARGE[:start], LARGE[start:stop], LARGE[stop:]
    small, few = peak_of(RepeatedSource(head, block, 4, tail))
    large, many = peak_of(RepeatedSource(head, block, 40, tail))
    assert many == 10 * few
    assert large < small + 2_000_000


def test_a_large_statement_that_stands_twice_is_left_out_the_second_time():
    one = LARGE[LARGE.index(b"<Stmt>") : LARGE.index(b"</Stmt>") + len(b"</Stmt>")]
    found = read_all(LARGE.replace(one, one + one))
    assert found["end"].statement_count == 1
    assert found["counted"]["repeated_statement"] > 140
    assert [row["amount_minor"] for row in found["payments"]] == [
        row["amount_minor"] for row in read_all(LARGE)["payments"]
    ]


def test_equal_payments_of_a_large_statement_with_another_entry_are_held():
    one = LARGE[LARGE.index(b"<Stmt>") : LARGE.index(b"</Stmt>") + len(b"</Stmt>")]
    other = one[: one.rindex(b"</Stmt>")] + entry("7.77").encode() + b"</Stmt>"
    careful, found = in_windows(LARGE.replace(one, one + other), 1 << 20)
    assert found == careful
    half = len(read_all(LARGE)["payments"])
    assert len(found["payments"]) == 2 * half + 1
    assert {row["intake_codes"] for row in found["payments"][:half]} == {""}
    assert {row["intake_codes"] for row in found["payments"][half:-1]} == {"IN-DUPPAY"}
    assert found["payments"][-1]["intake_codes"] == ""
