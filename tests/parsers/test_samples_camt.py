"""Public camt samples: every one is read, every booked credit found, every total judged."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from oracles.camt_oracle import booked_references, booked_rows, unit_count

from engine.money import format_minor
from parsers.bank_files import parse_bank_file

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
SAMPLES = sorted((SHARED / "samples").glob("camt.05*/*.xml"))
WORLD = sorted((SHARED / "evaluation" / "world-dev" / "bank").glob("*.xml"))

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")


def rows_read(parsed):
    payments = parsed.payments
    return Counter(
        (currency, Decimal(format_minor(int(minor), currency)))
        for currency, minor in zip(
            payments.strings("currency"), payments.int64("amount_minor"), strict=True
        )
    )


def prefixed(content: bytes, prefix: bytes = b"ns2") -> bytes:
    """The same message with every element of the camt namespace under a prefix."""
    if b"<ns" in content or not re.search(rb'[^:]xmlns="urn:iso:[^"]*camt', content):
        return content
    named = re.sub(rb"<(/?)([A-Za-z])", rb"<\1" + prefix + rb":\2", content)
    return re.sub(rb'(\s)xmlns="(urn:iso)', rb"\1xmlns:" + prefix + rb'="\2', named)


@pytest.mark.parametrize("path", SAMPLES + WORLD, ids=lambda path: path.name[:60])
def test_booked_credits_of_a_sample_are_those_of_the_oracle(path):
    content = path.read_bytes()
    parsed = parse_bank_file(content, path.name)
    assert rows_read(parsed) == booked_rows(content)
    assert len(parsed.payments) + sum(parsed.counted_rows.values()) == unit_count(content)


@pytest.mark.parametrize("path", SAMPLES + WORLD, ids=lambda path: path.name[:60])
def test_references_of_a_sample_are_those_of_the_oracle(path):
    content = path.read_bytes()
    parsed = parse_bank_file(content, path.name)
    assert Counter(parsed.remittances.strings("reference")) == booked_references(content)


def test_samples_name_references():
    named = sum((booked_references(path.read_bytes()) for path in SAMPLES), Counter())
    assert named.total() > 20


@pytest.mark.parametrize("path", SAMPLES + WORLD, ids=lambda path: path.name[:60])
def test_places_of_entries_point_at_their_bytes(path):
    content = path.read_bytes()
    payments = parse_bank_file(content, path.name).payments.record_batch.to_pylist()
    for payment in payments:
        start, length = payment["source_offset"], payment["source_length"]
        element = content[start : start + length]
        assert re.match(rb"<(?:\w+:)?Ntry[\s>]", element)
        assert re.search(rb"</(?:\w+:)?Ntry\s*>\Z", element)
        assert payment["bank_reference"].encode() in element
        line = payment["source_line"]
        first = content.count(b"\n", 0, start) + 1
        assert first <= line <= first + element.count(b"\n")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name[:60])
def test_a_prefixed_namespace_changes_nothing(path):
    content = path.read_bytes()
    plain = parse_bank_file(content, path.name)
    other = parse_bank_file(prefixed(content), path.name)
    assert other.dialect == plain.dialect
    assert other.payments.strings("payment_id") == plain.payments.strings("payment_id")
    assert other.remittances == plain.remittances
    assert other.counted_rows == plain.counted_rows


def test_prefixes_are_really_made():
    assert any(prefixed(path.read_bytes()) != path.read_bytes() for path in SAMPLES)


@pytest.mark.parametrize("path", WORLD, ids=lambda path: path.name)
def test_balances_and_sequences_of_a_generated_bank_foot(path):
    checks = parse_bank_file(path.read_bytes(), path.name).control_checks.record_batch.to_pylist()
    assert {check["kind"] for check in checks} >= {"balance", "count", "sequence"}
    assert all(check["ok"] for check in checks)


def test_anonymised_balances_that_fail_hold_the_file():
    path = next(path for path in SAMPLES if "five.decimals" in path.name)
    parsed = parse_bank_file(path.read_bytes(), path.name)
    assert parsed.payments.strings("intake_codes") == ["IN-TOTAL;IN-DUPPAY"]
    assert "FILE-TOTAL" in parsed.diagnostics.strings("code")
