"""The bench of the server: every measurement once, and a line the docs read."""

from __future__ import annotations

import pytest

from bench import serving
from bench.record import HISTORY, last_line
from bench.serving_record import ServingRecord, serving_table
from bench.serving_world import make_customers, make_items, make_payments

pytestmark = pytest.mark.xdist_group("server")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A quick run."""
    folder = tmp_path_factory.mktemp("serving")
    arguments = ["--quick", "--date", "2026-01-02", "--cache", str(folder)]
    assert serving.main([*arguments, "--history", str(folder / "history.jsonl")]) == 0
    return last_line(ServingRecord, folder / "history.jsonl")


def test_server_and_echo_answered_and_were_measured(record):
    for measure in (record.echo, record.ours):
        assert measure.per_second > 0 < measure.p99_ms
    assert record.ours.calls_per_pass >= 1
    assert record.stream.payments == 200
    assert 0 < record.stream.engine_seconds < record.stream.seconds
    assert record.restart.open_items == 2_000
    assert record.soak.calls > 0 < record.soak.end_mib
    assert record.ping.idle_p99_ms > 0 < record.ping.loaded_p99_ms
    assert set(record.ratios) == {"calls per second", "p99", "stream"}


@pytest.mark.parametrize("history", [None, HISTORY])
def test_the_table_of_the_readme_has_a_row_of_each(record, history):
    shown = record if history is None else last_line(ServingRecord, history)
    rows = [line for line in serving_table(shown).splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 6
    assert "make bench-serving" in serving_table(shown)


def test_made_up_payments_are_of_items_that_are_there():
    items, customers = make_items(400), make_customers(20)
    payments = make_payments(items, customers, 200, seed=3)
    numbers = set(items.strings("document_number"))
    named = [text for text in payments.strings("remittance_text") if text != "payment"]
    assert len(named) > 120
    for text in named:
        assert numbers.issuperset(text.removeprefix("Invoice ").split(", "))
    assert set(payments.strings("payer_account")) <= set(customers.strings("bank_accounts"))
