"""Metrics that say how the work goes: from rows of the store, from stages of a match."""

import asyncio
import re
import urllib.request

import pytest

from engine.batches import ApplicationBatch, PaymentOutcomeBatch
from rpc.jobs import StageTiming
from rpc.metrics import METRICS, Metrics
from rpc.payment_counts import PaymentCounts, count_payments, payment_counts
from rpc.upkeep import Upkeep
from rpc.workers import Lane
from store import open_repository
from store.retention import Retention
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.store.stored_files import file_id_of, file_result
from tieout.client import Client, ClientError

pytestmark = pytest.mark.xdist_group("server")

NOW = 1_774_915_200_000
NO_FILE = b"no bank file at all\n"


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


def samples(server):
    """Samples of `/metrics`: name and labels → value."""
    with urllib.request.urlopen(server.metrics, timeout=30) as answer:  # noqa: S310 - our own
        text = answer.read().decode()
    return {
        name: float(value) for name, value in re.findall(r"^(\w+\S*) (\S+)$", text, re.MULTILINE)
    }


def test_files_are_counted_by_format_and_refusals_by_reason_whoever_waits_for_them(tmp_path):
    content = bai2_file((10_000, "INV-20431"))
    with RunningServer(tmp_path) as server, Client(server.address) as client:
        for _ in range(2):
            client.submit_bank_file(content, "day.bai")
        with pytest.raises(ClientError):
            client.submit_bank_file(NO_FILE, "none.txt")
        run_id = client.submit_bank_file(NO_FILE, "none.txt", background=True).run_id
        assert client.wait_run(run_id, 60).error.reason == "NOT_A_BANK_FILE"
        found = samples(server)
        assert server.terminate() == 0
    received = "tieout_files_received_total"
    assert found[f'{received}{{format="bai2",outcome="processed"}}'] == 1
    assert found[f'{received}{{format="bai2",outcome="already_processed"}}'] == 1
    assert found[f'{received}{{format="unknown",outcome="refused"}}'] == 2
    assert found['tieout_parse_rejects_total{reason="NOT_A_BANK_FILE"}'] == 2
    assert found['tieout_file_bytes_total{format="bai2"}'] == 2 * len(content)
    assert found['tieout_file_bytes_total{format="unknown"}'] == 2 * len(NO_FILE)
    assert found['tieout_parse_seconds_count{format="bai2"}'] >= 1
    matched = [value for name, value in found.items() if name.startswith("tieout_payments_total{")]
    assert sum(matched) == 1
    lanes = {name for name in found if name.startswith("tieout_queue_depth{")}
    assert lanes == {f'tieout_queue_depth{{queue="{lane.value}"}}' for lane in Lane}


def outcomes_of(**cash):
    """What became of payments: cash that is unapplied, and of nobody known."""
    count = len(cash["unapplied"])
    return PaymentOutcomeBatch.from_columns(
        {
            "payment_id": [f"P-{row}" for row in range(count)],
            "unapplied_minor": cash["unapplied"],
            "unidentified_minor": cash["unidentified"],
        }
    )


def test_payments_are_counted_by_what_is_left_to_decide():
    outcomes = outcomes_of(unapplied=[0, 0, 500, 700, 0], unidentified=[0, 0, 0, 0, 900])
    # The second went through; of the third and the last somebody can say what it may be.
    applications = ApplicationBatch.from_columns(
        {
            "payment_id": ["P-1", "P-2", "P-2", "P-4"],
            "open_item_id": ["A", "B", "C", "D"],
            "proposal_rank": [0, 1, 2, 1],
        }
    )
    counts = payment_counts(outcomes, applications)
    assert counts == PaymentCounts(auto=2, proposed=2, exception=1)
    metrics = Metrics()
    count_payments(metrics, counts + PaymentCounts(auto=1), "match")
    told = {
        outcome: metrics.registry.get_sample_value(
            "tieout_payments_total", {"source": "match", "outcome": outcome}
        )
        for outcome in ("auto", "proposed", "exception")
    }
    assert told == {"auto": 3, "proposed": 2, "exception": 1}
