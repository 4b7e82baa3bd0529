"""The bench of the JSON door: both doors answer alike, and JSON costs little more."""

from __future__ import annotations

import pytest

from bench import json_door
from bench.json_door import JsonDoorRecord
from bench.record import HISTORY, last_line

pytestmark = pytest.mark.xdist_group("web")


def test_a_quick_run_measures_both_doors(tmp_path):
    history = tmp_path / "history.jsonl"
    arguments = ["--quick", "--date", "2026-01-02", "--history", str(history)]
    assert json_door.main(arguments) == 0
    record = last_line(JsonDoorRecord, history)
    assert (record.payments, record.open_items, record.calls) == (20, 100, 2)
    assert record.grpc_seconds > 0 < record.json_seconds
    assert record.request_bytes["JSON"] > record.request_bytes["gRPC"] > 0


def test_json_is_within_three_times_of_grpc_as_measured():
    record = last_line(JsonDoorRecord, HISTORY)
    assert (record.payments, record.open_items) == (100, 1_000)
    assert record.ratios["JSON / gRPC"] == pytest.approx(
        record.json_seconds / record.grpc_seconds, abs=0.02
    )
    assert record.ratios["JSON / gRPC"] <= 3
