"""What a run on Spark cost becomes costs of rows, tables of a page, and a night on paper."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from bench import record as records
from bench.cluster import under_one_parent
from bench.cluster_record import (
    BucketMemory,
    ClusterMeasure,
    ClusterRecord,
    StageCost,
    cluster_table,
    costs_of,
    model_error,
)
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


def test_costs_are_a_line_through_the_even_runs(record):
    costs = costs_of(record)
    assert costs.payments == 10_000
    assert costs.payment_core_seconds == pytest.approx(20 / 9_000)
    assert costs.core_seconds(10_000) == pytest.approx(40.0)
    assert costs.core_seconds(1_000) == pytest.approx(20.0)
    assert costs.payment_shuffled_bytes == 1_000
    assert costs.match_share == pytest.approx(0.25)
    assert costs.customer_memory_bytes == 1_000
    assert model_error(record) == (pytest.approx(0.0), pytest.approx(0.0))


def test_memory_is_that_of_buckets_matched_alone(record):
    assert costs_of(record).item_memory_bytes == pytest.approx(400 * 2**20 / 400_000)
    alone = tuple(
        BucketMemory(payments=one // 10, open_items=one, peak_mib=200 + one / 1_000)
        for one in (100_000, 500_000)
    )
    runs = [msgspec.structs.replace(one, alone=alone) for one in record.runs]
    costs = costs_of(msgspec.structs.replace(record, runs=tuple(runs)))
    assert costs.item_memory_bytes == pytest.approx(2**20 / 1_000)
    assert costs.worker_bytes == pytest.approx(200 * 2**20)


def test_the_cost_model_of_the_page_holds_for_every_run_of_the_last_line():
    """Within a third: the bars of the page are worked out of it, at a thousand times the size."""
    seconds, shuffled = model_error(records.last_line(ClusterRecord))
    assert seconds < 0.33
    assert shuffled < 0.33


def test_one_family_of_the_skewed_world_has_a_fifth_of_all_items():
    owned = {("A", "1"): 30, ("A", "2"): 25, ("A", "3"): 5, ("B", "1"): 25}
    items = [dict(zip(("company_id", "customer_id"), one, strict=True)) for one in owned]
    items = [row for row, count in zip(items, owned.values(), strict=True) for _ in range(count)]
    parents = {("B", "1"): "", ("A", "3"): "1", ("A", "2"): "", ("A", "1"): ""}
    customers = [
        {"company_id": company, "customer_id": customer, "parent_customer_id": parent}
        for (company, customer), parent in parents.items()
    ]
    rows = under_one_parent(pa.Table.from_pylist(customers), pa.Table.from_pylist(items))
    assert rows["parent_customer_id"].to_pylist() == ["", "", "3", ""]


def test_the_table_tells_ratios_and_that_other_work_was_beside_it(record):
    table = cluster_table(record)
    measured = "10.0 | 40.0 | 4.0 | 4.0 | 1.0 KB | 2,000 MiB | 1.5, 3.0 | yes |"
    assert f"| 10,000 × 100,000 | {measured}" in table
    assert "1,000 × 10,000, a fifth of them one family's" in table
    assert "other work beside them" in table


def test_a_night_is_rows_times_costs_and_a_giant_sets_its_time(record):
    costs = costs_of(record)
    even, skewed = (simulate(costs, 1_000_000, 10_000_000, share) for share in (0.0001, 0.1))
    every = costs.core_seconds(1_000_000)
    assert even.core_hours == pytest.approx(every / 3_600)
    assert even.shuffled_gib == pytest.approx(1e9 / 2**30)
    assert even.hours[64] == pytest.approx(even.core_hours / 64)
    assert skewed.hours[512] == pytest.approx(every * 0.1 * 0.25 / 3_600)
    assert skewed.bucket_items_max >= 1_000_000


def test_a_page_without_a_run_says_so(tmp_path):
    history = tmp_path / "history.jsonl"
    history.write_bytes(b"")
    assert cluster_page(history).count("Not measured yet") == 2


def test_the_night_is_worked_out_of_what_the_bench_has_kept_and_drawn(tmp_path, capsys):
    assert main(["--picture", str(tmp_path / "night.svg")]) == 0
    assert "one family with 10 %" in capsys.readouterr().out
    assert (tmp_path / "night.svg").read_text("utf-8").rstrip().endswith("</svg>")
