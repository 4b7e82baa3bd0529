"""The bench of sizes: two tiny worlds from files to files, and a line the README reads."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench import scale
from bench.pictures import draw_scale
from bench.record import last_line
from bench.report import scale_table
from bench.scale_record import ScaleRecord, scale_ratios
from bench.sizes import SCALE, SCALE_QUICK


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    arguments = ["--quick", "--date", "2026-01-02", "--cache", str(folder / "cache")]
    assert scale.main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_line(ScaleRecord, folder / "history.jsonl")


def test_the_largest_size_is_ten_times_the_least_with_as_many_items_a_customer():
    least, most = SCALE[0], SCALE[-1]
    assert (most.payments, most.open_items) == (10 * least.payments, 10 * least.open_items)
    assert most.open_items // most.customers == least.open_items // least.customers
    assert (most.payments, most.open_items, most.customers) == (1_000_000, 5_000_000, 100_000)


def test_each_size_is_a_process_with_its_stages_and_its_quality(record):
    assert [run.payments for run in record.runs] == [one.payments for one in SCALE_QUICK]
    for run in record.runs:
        assert run.cost.cpu_seconds > 0
        assert {"read_tables", "index", "amounts", "write"} <= {one.stage for one in run.stages}
        assert run.quality.wrong_count == 0
        assert run.quality.automatic_count > 0


def test_ratios_are_the_cost_of_a_payment_at_the_largest_size_over_the_least(record):
    assert record.ratios == scale_ratios(record.runs)
    least, most = record.runs[0], record.runs[-1]
    expected = (most.cost.seconds / most.payments) / (least.cost.seconds / least.payments)
    assert record.ratios["seconds per payment"] == pytest.approx(expected, abs=0.01)


def test_contests_are_measured_with_winners(record):
    assert record.contests.candidates == 2_000
    assert 0 < record.contests.contested_share < 1
    assert record.contests.cpu_seconds > 0


def test_the_screen_and_the_readme_show_every_size(record):
    console = Console(file=io.StringIO(), width=160)
    scale.print_scale(record, console)
    table = scale_table(record)
    for run in record.runs:
        assert f"{run.payments:,} × {run.open_items:,}" in console.file.getvalue()
        assert f"{run.payments:,} payments × {run.open_items:,} open items" in table


def test_the_picture_is_the_same_bytes_each_time(record, tmp_path):
    draw_scale(record, tmp_path / "one.svg")
    draw_scale(record, tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
