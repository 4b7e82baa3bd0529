"""A file read part by part is the file read as a whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batches import (
    AdviceBatch,
    ControlCheckBatch,
    DiagnosticBatch,
    PaymentBatch,
    RemittanceBatch,
)
from parsers.bank_files import BankFileStream, parse_source
from parsers.byte_source import BytesSource, content_hash, windows
from parsers.collector import FileCollector, hold_payments
from parsers.identities import OrdinalCounter

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(path for path in GOLDEN.glob("*/*") if path.suffix != ".json")


def in_parts(content, name, part_rows):
    stream = BankFileStream(BytesSource(content), name)
    parts = list(stream.parts(part_rows))
    return {
        "payments": hold_payments(
            PaymentBatch.concat([part.payments for part in parts]), stream.end.held_codes
        ),
        "remittances": RemittanceBatch.concat([part.remittances for part in parts]),
        "advices": AdviceBatch.concat([part.advices for part in parts]),
        "control_checks": ControlCheckBatch.concat([part.control_checks for part in parts]),
        "diagnostics": DiagnosticBatch.concat([part.diagnostics for part in parts]),
        "counted_rows": stream.end.counted_rows,
        "statement_count": stream.end.statement_count,
        "dialect": stream.end.dialect,
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("part_rows", [1, 2, 1 << 20])
def test_the_size_of_parts_changes_nothing(path, part_rows):
    content = path.read_bytes()
    whole = parse_source(BytesSource(content), path.name)
    for name, value in in_parts(content, path.name, part_rows).items():
        assert value == getattr(whole, name), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_when_payments_are_settled_changes_nothing(path, monkeypatch):
    whole = parse_source(BytesSource(path.read_bytes()), path.name)
    monkeypatch.setattr("parsers.collector._SETTLED_ROWS", 0)
    assert parse_source(BytesSource(path.read_bytes()), path.name) == whole


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), st.booleans()), max_size=12))
def test_lines_find_their_payments_however_they_are_settled(steps):
    together, apart = (FileCollector(BytesSource(b"x"), "f") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.collector._SETTLED_ROWS", 0)
        first = 0
        for number, (rows, lines, is_settled) in enumerate(steps):
            owners = [first + line % rows for line in range(lines)]
            for collector in (together, apart):
                amounts = [1 + row for row in range(rows)]
                collector.add_payments({"amount_minor": amounts, "currency": ["EUR"] * rows})
                references = [f"{number}-{line}" for line in range(lines)]
                collector.add_remittances(
                    owners, {"reference": references, "source": ["x"] * lines}
                )
            first += rows
            if is_settled:
                apart.settle()
    assert apart.drain() == together.drain()


def test_equal_payments_of_several_parts_are_told_apart_as_those_of_one():
    facts = {"currency": "EUR", "booking_date": None, "bank_account": "A"}
    together = FileCollector(BytesSource(b"x"), "f")
    apart = FileCollector(BytesSource(b"x"), "f")
    found = []
    for amount in (5, 7, 5, 5, 7):
        together.payment(amount_minor=amount, **facts)
        apart.payment(amount_minor=amount, **facts)
        found += apart.drain().payments.strings("payment_id")
    whole = together.drain().payments.strings("payment_id")
    assert len(set(whole)) == 5
    assert found == whole


def test_control_checks_alone_make_a_part():
    collector = FileCollector(BytesSource(b"x"), "f")
    for number in range(3):
        collector.check(scope=f"{number}", kind="balance", declared=0, computed=0, ok=True)
    assert collector.row_count == 3
    assert len(collector.drain().control_checks) == 3
    assert collector.row_count == 0


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=8),
    st.sampled_from([1, 7, 30, 1 << 19]),
)
def test_ordinals_count_what_came_before(batches, full):
    counter, seen = OrdinalCounter(), Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.identities._FULL", full)
        for batch in batches:
            keys = np.array([value * 0x0601_0203_0405_0607 for value in batch], np.uint64)
            expected = []
            for value in batch:
                expected.append(seen[value])
                seen[value] += 1
            np.testing.assert_array_equal(counter.ordinals(keys), expected)


@pytest.mark.parametrize("at_once", [1, 100, 256, 1000])
def test_ordinals_count_on_however_often_an_identity_comes(at_once):
    counter = OrdinalCounter()
    keys = np.full(at_once, 7, np.uint64)
    found = np.concatenate([counter.ordinals(keys) for _ in range(0, 1000, at_once)])
    np.testing.assert_array_equal(found, np.arange(len(found)))


@given(st.binary(max_size=50), st.integers(1, 60))
def test_windows_cover_a_source_once(content, window_bytes):
    found = list(windows(BytesSource(content), window_bytes))
    assert b"".join(window for _, window in found) == content
    assert [start for start, _ in found] == list(range(0, len(content), window_bytes))


def test_a_file_is_known_by_the_hash_of_its_content():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content_hash(BytesSource(b"")) == empty
