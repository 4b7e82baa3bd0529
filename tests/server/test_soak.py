"""Ten minutes of mixed load: memory stays flat, no task is left, no process outlives the server.

`TIEOUT_SOAK_SECONDS` shortens it for a look.
"""

import io
import os
import random
import re
import threading
import time
import urllib.request

import pytest

from tests.server.requests import bai2_file, match_request
from tests.server.running_server import RunningServer
from tieout.client import Client
from tieout.v1 import exception_service_pb2 as contract
from tieout.v1 import match_service_pb2

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("server")]

SECONDS = float(os.environ.get("TIEOUT_SOAK_SECONDS", "600"))
WARM_UP = 0.3
"""Share of the time in which allocators and caches find their size."""
CALLERS = 4
PAUSE_SECONDS = 0.05
GROWTH = 0.05


def gauges(server, *names):
    with urllib.request.urlopen(server.metrics, timeout=30) as answer:  # noqa: S310 - our own
        text = answer.read().decode()
    return [
        float(re.search(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)[1]) for name in names
    ]


def call(client, chance, number):
    """One call of a day: mostly matches and looks, sometimes a file and what a clerk does to it."""
    kind = chance.random()
    if kind < 0.4:
        client.match_payments(match_request())
    elif kind < 0.7:
        client.match_resident_payments(
            match_service_pb2.MatchResidentPaymentsRequest(payments=match_request().payments)
        )
    elif kind < 0.9:
        request = contract.ListCasesRequest(page_size=50)
        client.call(request, contract.ListCasesResponse)
    else:
        content = bai2_file((1_000 + number, f"TEXT {number}"), account=f"A{number % 7}")
        sent = client.submit_bank_file(io.BytesIO(content), f"{number}.bai")
        for item in client.exceptions(file_id=sent.bank_file.file_id):
            note = contract.NoteExceptionRequest(exception_id=item.exception_id, text="seen")
            client.call(note, contract.NoteExceptionResponse)
            break


def work(address, seed, stop, failures):
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    number = seed * 1_000_000
    try:
        with Client(address, timeout_seconds=60) as client:
            while not stop.is_set():
                number += 1
                call(client, chance, number)
                stop.wait(PAUSE_SECONDS)
    except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
        failures.append(repr(error))


def median(values):
    return sorted(values)[len(values) // 2]


def test_ten_minutes_of_mixed_load_leave_nothing_behind(tmp_path):
    with RunningServer(tmp_path, TIEOUT_WORKERS="2") as server:
        idle_tasks = gauges(server, "tieout_server_tasks")[0]
        workers = server.workers()
        stop, failures = threading.Event(), []
        threads = [
            threading.Thread(target=work, args=(server.address, seed, stop, failures))
            for seed in range(CALLERS)
        ]
        for thread in threads:
            thread.start()
        begun, samples = time.monotonic(), []
        while time.monotonic() - begun < SECONDS:
            time.sleep(SECONDS / 60)
            share = (time.monotonic() - begun) / SECONDS
            samples.append((share, *gauges(server, *MEMORY)))
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert server.workers() == workers, "a worker was lost"
        for place, name in enumerate(MEMORY, start=1):
            warm = [one[place] for one in samples if WARM_UP <= one[0] < (1 + WARM_UP) / 2]
            late = [one[place] for one in samples if one[0] >= (1 + WARM_UP) / 2]
            growth = median(late) / median(warm) - 1
            print(f"{name}: {median(warm) / 1e6:.1f} MB after warm-up, {growth:+.2%} later")
            assert growth <= GROWTH, name
        time.sleep(2)
        assert gauges(server, "tieout_server_tasks")[0] <= idle_tasks + 1
        assert server.terminate() == 0
    alive = [pid for pid in workers if os.path.exists(f"/proc/{pid}")]  # noqa: PTH110 - the kernel's
    assert alive == []


MEMORY = ("tieout_server_memory_bytes", "tieout_worker_memory_bytes")
