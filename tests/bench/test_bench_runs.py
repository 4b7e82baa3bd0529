"""The bench runs from end to end on a tiny world, and its line has the shape the docs read."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from bench.__main__ import main
from bench.measures import ProcessFailedError, median_seconds, process_cost
from bench.record import last_record
from bench.report import print_report, readme_table


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    arguments = ["--quick", "--date", "2026-01-02", "--cache", str(folder / "cache")]
    assert main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_record(folder / "history.jsonl")


def test_a_line_carries_the_callers_date_and_the_size(record):
    assert (record.date, record.size) == ("2026-01-02", "quick")
    assert record.machine.cores >= 1
    assert {"tieout", "pyarrow", "duckdb"} <= set(record.versions)


def test_every_stage_from_reading_to_the_audit_is_measured(record):
    stages = [one.stage for one in record.stages]
    assert stages[:2] == ["read_tables", "parse"]
    assert {"references", "amounts", "settle", "audit"} <= set(stages)
    assert all(one.payments_per_second > 0 for one in record.stages)


def test_ratios_are_ours_over_theirs(record):
    job = record.job
    for peer, cost in (("pyarrow", job.pyarrow), ("duckdb", job.duckdb)):
        assert record.ratios[f"match / {peer} join"] == round(job.ours.seconds / cost.seconds, 2)


def test_nothing_of_the_tiny_world_is_applied_wrongly(record):
    assert record.quality.wrong_count == 0
    assert record.quality.automatic_count > 0


def test_the_screen_and_the_readme_show_the_same_run(record):
    console = Console(file=io.StringIO(), width=120)
    print_report(record, console)
    shown, table = console.file.getvalue(), readme_table(record)
    assert f"{record.quality.automatic_by_payment:.1%}" in shown
    assert f"{record.quality.automatic_by_payment:.1%}" in table


def test_a_line_of_the_history_reads_back_as_it_was(record):
    again = msgspec.json.decode(msgspec.json.encode(record), type=type(record))
    assert again == record


def test_a_process_that_fails_is_not_measured():
    with pytest.raises(ProcessFailedError, match="did not end well"):
        process_cost(["-c", "raise SystemExit(3)"])


def test_the_peak_memory_of_a_process_is_its_own():
    small = process_cost(["-I", "-S", "-c", ""])
    large = process_cost(["-I", "-S", "-c", "x = bytearray(80 << 20)"])
    assert small.cpu_seconds > 0
    assert small.peak_mib < 40
    assert 80 < large.peak_mib < 140


def test_a_median_warms_up_once_where_it_repeats():
    calls = []
    assert median_seconds(lambda: calls.append(1), 3) >= 0
    assert len(calls) == 4
