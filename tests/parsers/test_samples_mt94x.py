"""Every public MT940 and MT942 sample is read, and agrees with a slow reader."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from mt94x_reading import codes, read_in_windows, rows
from oracles import mt94x_oracle

from parsers.bank_files import parse_bank_file

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
FILES = sorted((SHARED / "samples" / "mt94x").glob("*"))

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")


def kinds(statements, kind):
    return [row for statement in statements for row in statement.rows if row.kind == kind]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_payments_and_returns_are_those_of_the_oracle(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    statements = mt94x_oracle.read(path.read_bytes())
    expected = [
        (row.signed, row.bank_reference)
        for statement in statements
        for row in statement.rows
        if row.kind in {"payment", "return"}
    ]
    minor = zip(parsed.payments.int64("amount_minor"), rows(parsed, "bank_reference"), strict=True)
    assert [(Decimal(int(amount)) / 100, bank) for amount, bank in minor] == expected
    for reason in ("debit", "zero_amount", "expected"):
        assert parsed.counted_rows.get(reason, 0) == len(kinds(statements, reason))
    assert "unreadable" not in parsed.counted_rows


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_references_of_the_account_owner_are_those_of_the_oracle(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    statements = mt94x_oracle.read(path.read_bytes())
    expected = [
        row.reference
        for statement in statements
        for row in statement.rows
        if row.kind in {"payment", "return"}
    ]
    found = rows(parsed, "customer_reference", "payer_account")
    for (reference, account), written in zip(found, expected, strict=True):
        assert written in {reference, account} or not written


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_statements_foot_where_the_oracle_says_so_and_others_are_named(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    statements = mt94x_oracle.read(path.read_bytes())
    checks = parsed.control_checks.record_batch.to_pylist()
    lines = [row["ok"] for row in checks if "statement lines" in row["rule"]]
    assert lines == [one.foots for one in statements if one.foots is not None]
    is_proven = all(one.foots or one.summaries for one in statements) and all(
        row["ok"] for row in checks if row["kind"] == "sum"
    )
    assert is_proven == ("IN-TOTAL" not in parsed_held(parsed))
    if not is_proven:
        named = {"FILE-TOTAL", "FILE-TRUNCATED", "MT94-CURRENCY", "MT94-ORDER"}
        assert named.intersection(codes(parsed))


def parsed_held(parsed):
    """Codes of the file, also where it holds no payment."""
    held = {code for row in rows(parsed, "intake_codes") for code in row.split(";")}
    errors = {"FILE-TOTAL", "FILE-TRUNCATED", "MT94-CURRENCY", "MT94-BALANCE", "MT94-ORDER"}
    found = errors.intersection(codes(parsed)) - (
        {"MT94-ORDER"} if len(parsed.payments) == 0 else set()
    )
    return held | ({"IN-TOTAL"} if found else set())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_sample_read_in_windows_is_the_sample_read_as_a_whole(path):
    content = path.read_bytes()
    whole = read_in_windows(content, 1 << 20)
    for window_bytes in (7, 100, 4096):
        assert read_in_windows(content, window_bytes) == whole


def test_what_a_german_bank_structures_becomes_facts():
    path = SHARED / "samples" / "mt94x" / "wolph+mt940__sepa_mt9401.sta"
    parsed = parse_bank_file(path.read_bytes(), path.name)
    names = ("payer_name", "payer_account", "end_to_end_id", "remittance_text", "type_code")
    assert (
        "Florian Frech",
        "DE06508800500194780100",
        "TFNR 21005 EndToEndId 00001",
        "Verwend CTSc-01 eBB TFNr 21005",
        "NTRF+166",
    ) in rows(parsed, *names)
    returned = [row for row in rows(parsed, "type_code", "intake_codes") if "159" in row[0]]
    assert {code for _, code in returned} == {"IN-NONAR"}
