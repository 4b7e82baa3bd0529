"""Every public sample and the evaluation world is read, and agrees with a slow reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracles import bai2_oracle, lockbox_oracle

from parsers.bank_files import parse_bank_file

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
WORLD = SHARED / "evaluation" / "world-dev" / "bank"
BAI2_FILES = sorted([*(SHARED / "samples" / "bai2").glob("*"), *WORLD.glob("*.bai")])
LOCKBOX_FILES = sorted([*(SHARED / "samples" / "lockbox").glob("*"), *WORLD.glob("*.lockbox.txt")])

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")

ANONYMISED = {"moov-io+bai2__sample4-continuations-newline-delimited.txt"}


@pytest.mark.parametrize("path", BAI2_FILES, ids=lambda path: path.name)
def test_credits_of_a_bai2_file_are_counted_and_summed_like_the_oracle_does(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    expected = bai2_oracle.read(path.read_bytes())
    amounts = parsed.payments.int64("amount_minor")
    assert (len(amounts[amounts > 0]), amounts[amounts > 0].sum()) == (
        expected.credit_count,
        expected.credit_sum,
    )
    assert (len(amounts[amounts < 0]), -amounts[amounts < 0].sum()) == (
        expected.return_count,
        expected.return_sum,
    )
    assert sum(parsed.counted_rows.values()) == expected.other_count


@pytest.mark.parametrize("path", BAI2_FILES, ids=lambda path: path.name)
def test_control_totals_of_a_bai2_file_foot_where_the_oracle_says_so(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    checks = [row for row in parsed.control_checks.record_batch.to_pylist() if row["kind"] == "sum"]
    expected = bai2_oracle.read(path.read_bytes()).totals
    assert [row["declared"] for row in checks] == [
        "" if declared is None else str(declared) for _, declared, _ in expected
    ]
    assert [row["ok"] for row in checks] == [
        declared is None or declared == computed for _, declared, computed in expected
    ]
    codes = set(parsed.diagnostics.strings("code"))
    assert ("FILE-TOTAL" in codes) == (path.name in ANONYMISED)
    held = {"IN-TOTAL" in codes for codes in parsed.payments.strings("intake_codes")}
    assert held <= {path.name in ANONYMISED}


@pytest.mark.parametrize("path", BAI2_FILES, ids=lambda path: path.name)
def test_references_and_counts_of_a_bai2_file_are_those_of_the_oracle(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    expected = bai2_oracle.read(path.read_bytes())
    table = parsed.payments.record_batch
    names = ("bank_reference", "customer_reference")
    assert [tuple(row.values()) for row in table.select(names).to_pylist()] == expected.references
    checks = [
        (check["declared"], check["computed"])
        for check in parsed.control_checks.record_batch.to_pylist()
        if check["kind"] == "records"
    ]
    assert checks == [
        ("" if declared is None else str(declared), str(counted))
        for declared, counted in expected.counts
    ]
    is_off = any(declared not in (None, counted) for declared, counted in expected.counts)
    assert ("FILE-COUNT" in parsed.diagnostics.strings("code")) >= is_off


@pytest.mark.parametrize("path", LOCKBOX_FILES, ids=lambda path: path.name)
def test_checks_of_a_lockbox_file_are_counted_and_summed_like_the_oracle_does(path):
    parsed = parse_bank_file(path.read_bytes(), path.name)
    layout = "a" if parsed.dialect == "lockbox.generic.a.1" else "sap"
    expected = lockbox_oracle.read(path.read_bytes(), layout)
    checks = [check for check in expected.checks if check.amount]
    assert parsed.payments.int64("amount_minor").tolist() == [check.amount for check in checks]
    assert parsed.payments.strings("check_number") == [check.number for check in checks]
    assert parsed.remittances.strings("reference") == [
        reference for check in checks for reference, _ in check.lines
    ]
    assert parsed.diagnostics.strings("code") == []
    sums = [row for row in parsed.control_checks.record_batch.to_pylist() if row["kind"] == "sum"]
    assert [(int(row["declared"]), int(row["computed"])) for row in sums] == [
        (declared, computed) for _, declared, computed in expected.totals
    ]
    assert all(parsed.control_checks.record_batch.column("ok").to_pylist())


def test_the_evaluation_world_is_read_without_a_single_diagnostic():
    for path in [*WORLD.glob("*.bai"), *WORLD.glob("*.lockbox.txt")]:
        assert parse_bank_file(path.read_bytes(), path.name).diagnostics.strings("message") == []
