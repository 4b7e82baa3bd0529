"""Every fact of a payment is found in its record, at bytes that say just that."""

from __future__ import annotations

import html
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.money import CURRENCY_EXPONENTS
from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.errors import ParserError
from parsers.record_facts import LOCATED_COLUMNS, record_facts
from parsers.record_nodes import plain_record

GOLDEN = Path(__file__).parents[1] / "golden"
SAMPLES = Path(__file__).parents[3] / "shared"
READ = ("bai2", "camt", "lockbox", "mt94x", "nacha", "x12")
FILES = sorted(
    path for kind in READ for path in (GOLDEN / kind).glob("*") if path.suffix != ".json"
)
SAMPLE_FILES = sorted(
    path
    for kind in ("bai2", "camt.052", "camt.053", "camt.054", "lockbox")
    for path in (SAMPLES / "samples" / kind).glob("*")
) + sorted((SAMPLES / "evaluation" / "world-dev" / "bank").glob("*"))
DERIVED = {
    ("lockbox", "type_code"),
    ("nacha", "type_code"),
    ("nacha", "payer_name"),
    ("nacha", "payer_account"),
    ("mt", "type_code"),
    ("mt", "payer_name"),
}
"""Columns made of what stands outside the record (a batch header), or in pieces of it."""


def squeezed(text):
    return "".join(text.split())


def told(content, name):
    """(raw record, row, references, facts) of every payment of a file that has a place."""
    parsed = parse_source(BytesSource(content), name)
    references = {}
    for line in parsed.remittances.record_batch.to_pylist():
        references.setdefault(line["payment_id"], []).append(line["reference"])
    for row in parsed.payments.record_batch.to_pylist():
        if row["source_offset"] is None:
            continue
        raw = content[row["source_offset"] :][: row["source_length"]]
        raw = plain_record(raw, row["source_format"])
        places = CURRENCY_EXPONENTS.get(row["currency"], 2)
        row["amount"] = Decimal(row["amount_minor"]).scaleb(-places)
        mine = references.get(row["payment_id"], [])
        facts = record_facts(raw, row["source_format"], parsed.dialect, row, mine)
        yield raw, row, mine, facts


def check(raw, row, references, facts):
    for fact in facts:
        written = b"".join(raw[start:stop] for start, stop in fact.spans)
        try:
            text = written.decode()
        except UnicodeDecodeError:
            text = written.decode("latin-1")
        assert squeezed(html.unescape(text)) == squeezed(fact.value), fact
        assert all(0 <= start < stop <= len(raw) for start, stop in fact.spans), fact
    for name in LOCATED_COLUMNS:
        value = row[name] or ""
        found = [fact.value for fact in facts if fact.name == name]
        family = row["source_format"].split("9")[0]
        if value and (family, name) not in DERIVED:
            parts = found if len(found) < 2 else ["/".join(found), "/".join(found[::-1])]
            assert squeezed(value) in map(squeezed, parts), (name, value, facts)
    lines = [" ".join(line.split()) for line in (row["remittance_text"] or "").split("\n")]
    texts = [fact.value for fact in facts if fact.name == "remittance_text"]
    if row["source_format"] == "nacha" or family == "mt":
        lines = [line for line in lines if line in texts]
    assert Counter(texts) == Counter(filter(None, lines))
    if family == "mt":
        references = [one for one in references if one in [fact.value for fact in facts]]
    named = [" ".join(reference.split()) for reference in references]
    assert Counter(f.value for f in facts if f.name == "reference") == Counter(filter(None, named))
    assert [fact.name for fact in facts].count("amount") == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_fact_of_a_golden_file_stands_in_its_record(path):
    for one in told(path.read_bytes(), path.name):
        check(*one)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs ../shared")
@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.name)
def test_every_fact_of_a_sample_stands_in_its_record(path):
    try:
        found = list(told(path.read_bytes(), path.name))
    except ParserError:
        return
    for one in found[:400]:
        check(*one)


BAI = (
    "01,BANK,ACME,260930,0800,1,,,2/\n02,ACME,BANK,1,260930,0800,USD,2/\n"
    "03,4402207781,USD,015,10000,,/\n{rows}\n49,,9/\n98,,1,9/\n99,,1,9/\n"
)


def facts_of(rows):
    ((raw, _, _, facts),) = told(BAI.format(rows=rows).encode(), "t.bai")
    return [(fact.name, fact.key, fact.value, raw[fact.spans[0][0] :][:3]) for fact in facts]


def test_the_fields_and_keys_of_a_row_are_named():
    rows = (
        "16,195,10000,S,10000,0,0,BK1,C-2,WIRE CREDIT\n"
        "88,DABA: 026015079\n88,DACT: 5566\n88,DBNM: ACME\n88,RMR*IV*10000**100\\"
    )
    assert facts_of(rows) == [
        ("type_code", "field 1", "195", b"195"),
        ("amount", "field 2", "10000", b"100"),
        ("bank_reference", "field 7", "BK1", b"BK1"),
        ("customer_reference", "field 8", "C-2", b"C-2"),
        ("payer_account", "DABA:", "026015079", b"026"),
        ("payer_account", "DACT:", "5566", b"556"),
        ("payer_name", "DBNM:", "ACME", b"ACM"),
        ("reference", "", "10000", b"100"),
    ]


def test_a_value_that_runs_over_records_has_several_places():
    rows = "16,165,10000,,BK1,C1,ACH\n88,RMR*IV*INV-\n88,4711**100\\"
    ((raw, _, _, facts),) = told(BAI.format(rows=rows).encode(), "t.bai")
    (reference,) = [fact for fact in facts if fact.name == "reference"]
    assert reference.value == "INV-4711"
    assert [raw[start:stop] for start, stop in reference.spans] == [b"INV-", b"4711"]


def test_one_of_several_transactions_of_an_entry_is_told_from_the_others():
    found = list(told((GOLDEN / "camt" / "statement_02.xml").read_bytes(), "s.xml"))
    twins = [one for one in found if one[0] == found[0][0]]
    assert len(twins) == 2
    names = [
        {fact.spans for fact in facts if fact.name == "payer_name"} for _, _, _, facts in twins
    ]
    assert names[0]
    assert names[1]
    assert not names[0] & names[1]


@given(st.binary(max_size=200), st.sampled_from(["bai2", "lockbox", "camt.053", "mt940", "x12"]))
def test_any_bytes_are_cut_without_harm(raw, source_format):
    row = {"payer_name": "A", "remittance_text": raw.decode("latin-1"), "amount": Decimal(1)}
    for fact in record_facts(raw, source_format, "", row, ["A1"]):
        assert all(0 <= start <= stop <= len(raw) for start, stop in fact.spans)


def test_an_ebcdic_record_is_shown_as_text():
    content = (GOLDEN / "lockbox" / "two_batches.lockbox.txt").read_bytes()
    plain = [one[3] for one in told(content, "l.txt")]
    found = list(told(content.decode("latin-1").encode("cp037"), "l.txt"))
    assert [one[3] for one in found] == plain
    for one in found:
        check(*one)
