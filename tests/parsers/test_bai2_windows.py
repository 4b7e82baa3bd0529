"""BAI2 read in windows of any size is BAI2 read at once; memory does not grow with a record."""

from __future__ import annotations

from unittest import mock

import pytest
from bai2_reading import codes, read, rows
from bai2_writing import bai2
from hypothesis import given, settings
from hypothesis import strategies as st
from test_bai2_damage import GOLDEN, MUTATED, damaged

from parsers import bai2 as bai2_module
from parsers.bai2_windows import RECORD_TAGS, WindowCutter
from parsers.byte_source import BytesSource

SOME = [
    *MUTATED,
    bai2("16,195,70,,B,C,INV 1\n20,000 UNITS\n88:OBI:=INV 2", "16,142,80,V,260925,,D,E,INV 2"),
    bai2("16,195,70,,B,C,T") + bai2("16,195,80,,D,E,F", file_id="8", as_of="260926"),
    bai2("16,195,70,,B,C,T").replace(b"\n", b"\r"),
    bai2("16,195,70,,B,C,T").replace(b"\n", b"\r\n"),
    bai2("16,195,70,,B,C,T").replace(b"/\n", b"/   "),
    bai2("16,195,70,,B,C,M\u00fcller").decode().encode("latin-1"),
]


def read_in_windows(content, window_bytes):
    def cutter(source, _):
        return WindowCutter(source, window_bytes)

    with mock.patch.object(bai2_module, "WindowCutter", cutter):
        return read(content)


def assert_equal(found, expected):
    for name in ("payments", "remittances", "control_checks", "diagnostics"):
        rows_found, rows_expected = (
            getattr(parsed, name).record_batch.to_pylist() for parsed in (found, expected)
        )
        assert rows_found == rows_expected, name
    assert found.counted_rows == expected.counted_rows
    assert found.statement_count == expected.statement_count
    assert found.dialect == expected.dialect


@pytest.mark.parametrize("window_bytes", [1, 40, 100, 300, 1000])
@pytest.mark.parametrize("number", range(len(SOME)))
def test_the_size_of_windows_changes_nothing(number, window_bytes):
    assert_equal(read_in_windows(SOME[number], window_bytes), read(SOME[number]))


@given(damaged(), st.integers(1, 600))
@settings(max_examples=300)
def test_the_size_of_windows_changes_nothing_under_damage(content, window_bytes):
    assert_equal(read_in_windows(content, window_bytes), read(content))


@given(
    st.lists(
        st.tuples(st.sampled_from(["115", "116", "116", "142", "143", "195"]), st.integers(0, 4)),
        max_size=14,
    ),
    st.integers(1, 200),
)
@settings(max_examples=300)
def test_deposits_and_items_are_decided_alike_in_windows_of_any_size(levels, window_bytes):
    content = bai2(*(f"16,{code},{amount},,B{at},," for at, (code, amount) in enumerate(levels)))
    content += bai2("16,115,5,,B,,", "16,116,5,,C,,", file_id="8")
    assert_equal(read_in_windows(content, window_bytes), read(content))


def padded_file(count, length=80):
    text = bai2(*(f"16,195,{at + 1},,B{at},C,INV-{at}" for at in range(count))).decode()
    lines = text.strip().replace("0615,7,,,2/", f"0615,7,{length},1,2/").split("\n")
    return "".join(line.ljust(length) for line in lines).encode()


@pytest.mark.parametrize("window_bytes", [1 << 10, 1 << 16, 100_001])
def test_a_file_without_line_breaks_is_read_in_windows_too(window_bytes):
    content = padded_file(3000)
    parsed = read_in_windows(content, window_bytes)
    assert len(parsed.payments) == 3000
    assert set(rows(parsed, "intake_codes")) == {""}
    assert codes(parsed) == []
    assert len(list(WindowCutter(BytesSource(content), window_bytes).windows())) > 1


@pytest.mark.parametrize("window_bytes", [1 << 10, 1 << 16, 100_001])
def test_records_glued_into_one_line_are_read_in_windows_too(window_bytes):
    lines = bai2(*(f"16,195,{at + 1},,B{at},C,INV-{at}/" for at in range(6000))).strip()
    content = lines.replace(b"/\n", b"/ ")
    parsed = read_in_windows(content, window_bytes)
    assert len(parsed.payments) == 6000
    assert set(rows(parsed, "intake_codes")) == {""}
    assert len(list(WindowCutter(BytesSource(content), window_bytes).windows())) > 1


def test_a_record_that_goes_on_and_on_is_cut_reported_and_held():
    texts = "\n".join(f"88,LINE {at}" for at in range(20_000))
    content = bai2(f"16,195,70,,B,C,T\n{texts}", "16,195,80,,D,E,F")

    def cutter(source, _):
        return WindowCutter(source, 1 << 10, 1 << 16)

    with mock.patch.object(bai2_module, "WindowCutter", cutter):
        parsed = read(content)
    assert rows(parsed, "amount_minor", "intake_codes") == [(70, "IN-TOTAL"), (80, "IN-TOTAL")]
    assert set(codes(parsed)) == {"BAI-LONG"}
    assert all(check["ok"] for check in parsed.control_checks.record_batch.to_pylist())


def test_a_golden_file_is_cut_at_records():
    content = (GOLDEN / "two_banks_one_stream.bai").read_bytes()
    windows = list(WindowCutter(BytesSource(content), 200).windows())
    assert b"".join(window.content for window in windows) == content
    assert {window.content[:3] for window in windows} < RECORD_TAGS - {b"88,"}
