"""Metrics that say how the work goes: from rows of the store, from stages of a match."""

import asyncio

import pytest

from rpc.jobs import StageTiming
from rpc.metrics import METRICS, Metrics
from rpc.upkeep import Upkeep
from store import open_repository
from store.retention import Retention
from tests.store.stored_files import file_id_of, file_result

NOW = 1_774_915_200_000


def counted(upkeep, metrics):
    """Cash that waits, as counted now."""
    asyncio.run(upkeep._count_open())
    return metrics.registry.get_sample_value("tieout_unapplied_minor", {"currency": "USD"})


def test_cash_that_waits_is_counted_by_currency_and_to_nothing_again(store_url):
    metrics, repository = Metrics(), open_repository(store_url)
    upkeep = Upkeep(
        {"default": repository},
        workers=None,
        metrics=metrics,
        now_ms=lambda: NOW,
        signer=None,
        retention=Retention(),
    )
    with repository.booking() as booking:
        booking.bank_files.keep(
            file_result("monday", payments=3, amount=800, bucket="unapplied_minor", applied=0)
        )
        booking.cases.open_for_file(file_id_of("monday"), NOW)
    assert counted(upkeep, metrics) == 3 * 800
    repository.database.rows("UPDATE exception_case SET state = 'posted', undecided_minor = 0")
    assert counted(upkeep, metrics) == 0
    upkeep._thread.submit(repository.close).result()
    upkeep._thread.shutdown()


def test_candidates_of_a_match_are_the_rows_of_the_stage_that_settles():
    metrics = Metrics()
    metrics.observe_stages([StageTiming("index", 9, 0.1), StageTiming("settle", 40, 0.1)])
    sample = metrics.registry.get_sample_value
    assert sample("tieout_match_candidates_sum") == 40
    assert sample("tieout_match_candidates_count") == 1
    assert sample("tieout_match_candidates_bucket", {"le": "100.0"}) == 1


@pytest.mark.parametrize(
    "metric", [one for one in METRICS if one.kind == "histogram"], ids=lambda one: one.name
)
def test_bounds_of_a_histogram_grow(metric):
    assert sorted(set(metric.bounds)) == list(metric.bounds)
