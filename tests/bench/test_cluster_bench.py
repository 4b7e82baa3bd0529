"""What a run on Spark cost becomes costs of rows, tables of a page, and a night on paper."""

from __future__ import annotations

import pytest

from bench import record as records
from bench.cluster_record import ClusterMeasure, ClusterRecord, StageCost, cluster_table, costs_of
from bench.cluster_simulation import main, simulate
from bench.measures import ProcessCost
from docs.cluster_page import cluster_page


def measured(payments, cpu_seconds, *, skewed=False):
    def stage(name, seconds):
        return StageCost(
            stage=name,
            tasks=2,
            seconds=seconds,
            slowest=seconds,
            median=1.0,
            shuffled=500,
            shared_slowest=seconds / 2,
            shared_median=1.0,
        )

    return ClusterMeasure(
        payments=payments,
        open_items=10 * payments,
        customers=payments // 5,
        skewed=skewed,
        process=ProcessCost(seconds=5.0, cpu_seconds=10.0, peak_mib=300.0),
        seconds=20.0,
        cpu_seconds=cpu_seconds,
        first_cpu_seconds=50.0,
        task_seconds=20.0,
        shuffled=1_000 * payments,
        peak_mib=2_000.0,
        worker_peak_mib=400.0,
        items_max=400_000,
        customer_bytes=200 * payments,
        equal=True,
        buckets=4,
        giants=0,
        stages=(stage("look_up", 15.0), stage("decide_references", 2.0), stage("decide", 3.0)),
    )


@pytest.fixture
def record():
    return ClusterRecord(
        date="2026-01-02",
        size="full",
        load=9.5,
        machine=records.this_machine(),
        versions={},
        runs=(measured(1_000, 20.0), measured(10_000, 40.0), measured(1_000, 30.0, skewed=True)),
    )


def test_costs_are_those_of_the_largest_even_run(record):
    costs = costs_of(record)
    assert (costs.payments, costs.core_seconds) == (10_000, 40.0)
    assert costs.shuffled_bytes == 10_000_000
    assert costs.match_share == pytest.approx(0.25)
    assert costs.item_memory_bytes == pytest.approx(400 * 2**20 / 400_000)
    assert costs.customer_memory_bytes == 1_000


def test_the_table_tells_ratios_and_that_other_work_was_beside_it(record):
    table = cluster_table(record)
    measured = "10.0 | 40.0 | 4.0 | 4.0 | 1.0 KB | 2,000 MiB | 1.5, 3.0 | yes |"
    assert f"| 10,000 × 100,000 | {measured}" in table
    assert "1,000 × 10,000, a fifth one family" in table
    assert "other work beside them" in table


def test_a_night_is_rows_times_costs_and_a_giant_sets_its_time(record):
    costs = costs_of(record)
    even, skewed = (simulate(costs, 1_000_000, 10_000_000, share) for share in (0.0001, 0.1))
    assert even.core_hours == pytest.approx(4_000 / 3_600)
    assert even.shuffled_gib == pytest.approx(1e9 / 2**30)
    assert even.hours[64] == pytest.approx(even.core_hours / 64)
    assert skewed.hours[512] == pytest.approx(4_000 * 0.1 * 0.25 / 3_600)
    assert skewed.bucket_items_max >= 1_000_000


def test_a_page_without_a_run_says_so(tmp_path):
    history = tmp_path / "history.jsonl"
    history.write_bytes(b"")
    assert cluster_page(history).count("Not measured yet") == 2


def test_the_night_is_worked_out_of_what_the_bench_has_kept_and_drawn(tmp_path, capsys):
    assert main(["--picture", str(tmp_path / "night.svg")]) == 0
    assert "one family with 10 %" in capsys.readouterr().out
    assert (tmp_path / "night.svg").read_text("utf-8").rstrip().endswith("</svg>")
