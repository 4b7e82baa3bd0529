"""Alive and ready: conditions that fail, hang or drain, and a loop that is stuck."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from rpc import readiness as readiness_module
from rpc.http_status import StatusPages
from rpc.listening import AddressError
from rpc.metrics import METRICS, Metrics
from rpc.readiness import Readiness


async def holds():
    return True


def fetch(pages, path):
    try:
        with urllib.request.urlopen(f"http://{pages.address}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_nothing_is_ready_before_the_first_look():
    told = Readiness({"store": holds}, Metrics())
    assert not told.is_ready
    asyncio.run(told.look())
    assert told.is_ready
    told.drain()
    assert not told.is_ready
    asyncio.run(told.look())
    assert not told.is_ready


@pytest.mark.parametrize("kind", ["no", "raises", "hangs"])
def test_a_condition_that_does_not_hold_is_named(kind, monkeypatch):
    monkeypatch.setattr(readiness_module, "CONDITION_SECONDS_MAX", 0.05)
    state = {"broken": False}

    async def store():
        if state["broken"]:
            if kind == "raises":
                message = "gone"
                raise OSError(message)
            if kind == "hangs":
                await asyncio.sleep(60)
        return not state["broken"]

    metrics = Metrics()
    told = Readiness({"store": store, "workers": holds}, metrics)
    pages = StatusPages("127.0.0.1:0", metrics.registry, told)
    asyncio.run(told.look())
    assert fetch(pages, "/readyz")[0] == 200
    state["broken"] = True
    asyncio.run(told.look())
    expected = {"alive": True, "store": False, "workers": True, "not_draining": True}
    assert fetch(pages, "/readyz") == (503, expected)
    assert fetch(pages, "/livez")[0] == 200
    assert metrics.registry.get_sample_value("tieout_condition", {"condition": "store"}) == 0
    state["broken"] = False
    asyncio.run(told.look())
    assert fetch(pages, "/readyz")[0] == 200
    pages.close()


def test_a_stuck_loop_is_not_alive(monkeypatch):
    told = Readiness({"store": holds}, Metrics())
    asyncio.run(told.look())
    monkeypatch.setattr(readiness_module, "ALIVE_SECONDS_MAX", -1.0)
    assert not told.is_alive
    assert not told.is_ready


def test_an_address_that_is_taken_is_an_error():
    told = Readiness({}, Metrics())
    pages = StatusPages("127.0.0.1:0", Metrics().registry, told)
    with pytest.raises(AddressError, match="cannot listen"):
        StatusPages(pages.address, Metrics().registry, told)
    pages.close()


def test_labels_are_closed_sets_and_never_ids():
    allowed = {
        "bucket",
        "code",
        "condition",
        "currency",
        "format",
        "grpc_code",
        "grpc_method",
        "grpc_service",
        "grpc_type",
        "outcome",
        "python",
        "queue",
        "reason",
        "source",
        "stage",
        "table",
        "version",
        "kind",
        "invariant",
        "age",
        "how",
    }
    used = {label for metric in METRICS for label in metric.labels}
    assert used <= allowed
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith(("tieout_", "grpc_server_"))
        assert metric.name.endswith("_total") is (metric.kind == "counter")
        # A unit where there is one: candidates are counted.
        unit = ("_seconds", "_candidates")
        assert metric.kind != "histogram" or metric.name.endswith(unit)
