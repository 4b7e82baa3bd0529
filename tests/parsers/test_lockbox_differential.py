"""Checks read column by column are those read one by one, in windows of any size."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lockbox_writing import check, layout_a, layout_b, lockbox

from engine.batches import BankAccountBatch
from parsers.byte_source import BytesSource
from parsers.collector import FileCollector
from parsers.lockbox import read_lockbox_by
from parsers.read_options import ReadOptions

GOLDEN = Path(__file__).parents[1] / "golden" / "lockbox"
ACCOUNTS = BankAccountBatch.from_columns(
    {"bank_account": ["1"], "lockbox": ["77123"], "currency": ["JPY"]}
)


def everything(content, *, ordinary, window_bytes=1 << 20, accounts=None):
    """All a reading gives, as plain values."""
    options = ReadOptions() if accounts is None else ReadOptions(bank_accounts=accounts)
    collector = FileCollector(BytesSource(content), "f")
    with patch("parsers.lockbox_records.WINDOW_BYTES", window_bytes):
        list(read_lockbox_by(BytesSource(content), collector, options, ordinary=ordinary))
    part, end = collector.drain(), collector.end()
    return {
        "payments": part.payments.record_batch.to_pylist(),
        "remittances": part.remittances.record_batch.to_pylist(),
        "checks": part.control_checks.record_batch.to_pylist(),
        "diagnostics": part.diagnostics.record_batch.to_pylist(),
        "end": (end.dialect, end.counted_rows, end.statement_count, end.held_codes),
    }


def several_batches():
    return layout_a(
        [(amount, ["INV-1"]) for amount in range(1, 8)],
        [(5, []), (700, ["STATEMENT OF MAY", "INV 7"]), (9, ["A", "B", "C D"])],
        [(10**9, ["X" * 30])],
    )


SAMPLES = {
    "sap": lockbox(
        check(1, 30, ("INV-1", 30, 0, "")),
        check(2, 700, ("A", 900, 0, ""), ("B", -200, 5, "X")),
        check(3, 5, routing="000000000", account="0000000000"),
        check(4, 6, ("C", None, 0, ""), ("", 0, 0, "")),
        check(7, 60, ("0001", 60, 0, ""), routing=" 21000248", account="  4402207"),
    ),
    "a": several_batches(),
    "b": layout_b([[("I-1", 5), ("I-2", 7)], [("I-3", 1)]], [[("00123", 9)], [("123", 90)]]),
    "wraps": lockbox(*(check(at % 1000, 5, number=at) for at in range(1, 1206))),
    "accents": several_batches()
    .replace(b"OAKFIELD", b"\xc9AKFIELD")
    .replace(b"INV 7", b"\xc3\xa9 7"),
    "crlf": lockbox(check(1, 30, ("INV-1", 30, 0, ""))).replace(b"\n", b"\r\n"),
    "golden": (GOLDEN / "two_batches.lockbox.txt").read_bytes(),
}
PIECES = [
    b"\xc3\xa9",
    b"\r\n",
    b"\x7f",
    b"",
    b"\n",
    b"6",
    b"4",
    b"9",
    b"-",
    b" ",
    b"\n7",
    b"\r",
    b"\xe9",
    b"\x00",
    b".",
    b"\n\n",
]


def mutated(data, content):
    for _ in range(data.draw(st.integers(0, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = min(len(content), begin + data.draw(st.integers(0, 90)))
        piece = data.draw(
            st.one_of(
                st.just(content[begin:end] * 2),
                st.binary(max_size=6),
                st.sampled_from(PIECES),
            )
        )
        content = content[:begin] + piece + content[end:]
    return content


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("accounts", [None, ACCOUNTS], ids=["dollars", "yen"])
def test_ordinary_checks_are_read_as_those_looked_at_one_by_one(name, accounts):
    content = SAMPLES[name]
    fast = everything(content, ordinary=True, accounts=accounts)
    assert fast == everything(content, ordinary=False, accounts=accounts)
    assert fast["payments"]
    assert fast["end"][3] == ()


@pytest.mark.parametrize("name", sorted(SAMPLES))
@pytest.mark.parametrize("window_bytes", [1, 81, 200, 1000])
@pytest.mark.parametrize("ordinary", [True, False])
def test_the_size_of_windows_changes_nothing(name, window_bytes, ordinary):
    content = SAMPLES[name]
    whole = everything(content, ordinary=True)
    assert everything(content, ordinary=ordinary, window_bytes=window_bytes) == whole


@given(st.data())
@settings(max_examples=120)
def test_a_damaged_file_reads_the_same_in_columns_and_one_by_one(data):
    name = data.draw(st.sampled_from(["sap", "a", "b", "golden", "accents"]))
    content = mutated(data, SAMPLES[name])
    window_bytes = data.draw(st.sampled_from([150, 400, 1 << 20]))
    fast = everything(content, ordinary=True)
    assert fast == everything(content, ordinary=False)
    assert fast == everything(content, ordinary=True, window_bytes=window_bytes)


ITEMS = st.lists(st.sampled_from([1, 2, 3, 4, 5, 997, 998, 999, 0]), min_size=1, max_size=12)


@given(ITEMS)
@settings(max_examples=60)
def test_items_in_any_order_are_told_apart_the_same(items):
    content = lockbox(*(check(item, 5, number=at) for at, item in enumerate(items)))
    fast = everything(content, ordinary=True)
    assert fast == everything(content, ordinary=False)
    assert fast == everything(content, ordinary=True, window_bytes=170)


@pytest.mark.parametrize("window_bytes", [100, 300, 1 << 20])
@pytest.mark.parametrize("ordinary", [True, False])
def test_a_lockbox_without_header_is_learned_from_a_total_beyond_the_window(window_bytes, ordinary):
    records = lockbox(*(check(item, 5) for item in range(1, 9))).split(b"\n")
    content = b"\n".join(record for record in records if not record.startswith(b"5"))
    found = everything(content, ordinary=ordinary, window_bytes=window_bytes)
    assert {row["bank_account"] for row in found["payments"]} == {"0077123"}
    assert {str(row["booking_date"]) for row in found["payments"]} == {"2026-09-11"}
    assert [row["code"] for row in found["diagnostics"]] == ["LBX-ORDER", "FILE-COUNT"]
