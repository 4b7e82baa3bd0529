"""How a server ends: drained, refused, or killed outright and started again."""

import queue
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import apsw
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.server.requests import bai2_file
from tests.server.running_server import ROOT, RunningServer
from tieout.client import Client, ClientError
from tieout.v1 import bank_file_service_pb2 as contract
from tieout.v1 import event_service_pb2, event_service_pb2_grpc

pytestmark = pytest.mark.xdist_group("server")

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"
LARGE = bai2_file(*((100 + number, f"TEXT {number}") for number in range(4_000)))


def gone(pids, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.02)
    return False


def rows(folder, query):
    connection = apsw.Connection(str(folder / "store.db"))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def submit(server, content):
    with Client(server.address, timeout_seconds=60) as client:
        if isinstance(content, HalfAndHalf):
            return client.send(content.parts, contract.SubmitBankFileResponse)
        return client.submit_bank_file(content, "file.bai")


class HalfAndHalf:
    """A file whose second half comes when `go_on` is set."""

    def __init__(self, content):
        self.content = content
        self.go_on = threading.Event()

    def parts(self):
        middle = len(self.content) // 2
        yield contract.SubmitBankFileRequest(
            header=contract.SubmitBankFileHeader(request_id="HALVES", file_name="file.bai")
        )
        yield contract.SubmitBankFileRequest(chunk=self.content[:middle])
        self.go_on.wait(30)
        yield contract.SubmitBankFileRequest(chunk=self.content[middle:])


def wait_for_call(server, method):
    started = re.compile(rf'grpc_server_started_total\{{.*grpc_method="{method}".*\}} 1\.0')
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with urllib.request.urlopen(server.metrics, timeout=10) as answer:  # noqa: S310  # our own
            if started.search(answer.read().decode()):
                return
        time.sleep(0.02)
    message = f"no {method} began"
    raise AssertionError(message)


def followers_of(server, channel):
    """Calls that would never end by themselves, begun."""
    events = event_service_pb2_grpc.EventServiceStub(channel)
    follower = events.StreamEvents(event_service_pb2.StreamEventsRequest(), timeout=60)
    wait_for_call(server, "StreamEvents")
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    asked = queue.SimpleQueue()
    asked.put(question)
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    tool = stub.ServerReflectionInfo(iter(asked.get, None), timeout=60)
    assert next(tool).list_services_response.service
    return follower, tool


def test_terminated_the_server_drains_and_ends_with_code_0(tmp_path):
    with RunningServer(tmp_path, TIEOUT_WORKERS="2") as server:
        workers = server.workers()
        assert len(workers) == 2
        with grpc.insecure_channel(server.address) as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(), timeout=60
            )
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            receipts = []
            halves = HalfAndHalf(LARGE)
            upload = threading.Thread(target=lambda: receipts.append(submit(server, halves)))
            upload.start()
            wait_for_call(server, "SubmitBankFile")
            followers = followers_of(server, channel)
            server.process.terminate()
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert next(watch, None) is None
            for follower in followers:
                with pytest.raises(grpc.RpcError) as ended:
                    next(follower)
                assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
                assert dict(ended.value.trailing_metadata())["tieout-reason"] == "SERVER_DRAINING"
            assert upload.is_alive(), "the server waits for what is brought, not for who follows"
            halves.go_on.set()
            upload.join()
        assert server.process.wait(30) == 0
        assert [receipt.bank_file.payment_count for receipt in receipts] == [4_000]
        assert gone(workers)
    assert rows(tmp_path, "SELECT count(*) FROM payment") == [(4_000,)]


def test_killed_the_server_takes_its_workers_along(tmp_path):
    with RunningServer(tmp_path) as server:
        workers = server.workers()
        server.kill()
        assert gone(workers)


@pytest.mark.parametrize("delay_seconds", [0.02, 0.25, 0.6])
def test_killed_while_a_file_comes_in_nothing_is_half_written(tmp_path, delay_seconds):
    outcome = []

    def send(server):
        try:
            outcome.append(submit(server, LARGE))
        except ClientError as error:
            outcome.append(error)

    with RunningServer(tmp_path) as server:
        upload = threading.Thread(target=send, args=(server,))
        upload.start()
        time.sleep(delay_seconds)
        workers = server.workers()
        server.kill()
        upload.join()
        assert gone(workers)
    files = rows(tmp_path, "SELECT count(*) FROM bank_file")[0][0]
    acknowledged = not isinstance(outcome[0], ClientError)
    assert files == 1 or not acknowledged, "an acknowledged file is kept"
    assert rows(tmp_path, "SELECT count(*) FROM payment") == [(4_000 * files,)]
    assert rows(tmp_path, "SELECT count(*) FROM payment_outcome") == [(4_000 * files,)]
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    with RunningServer(tmp_path) as server:
        first, again = submit(server, LARGE), submit(server, LARGE)
        assert first.already_processed is bool(files)
        assert again.already_processed
        assert first.bank_file == again.bank_file
        assert server.terminate() == 0
    assert rows(tmp_path, "SELECT count(*) FROM payment") == [(4_000,)]


def test_a_second_server_on_the_same_store_does_not_start(tmp_path):
    with RunningServer(tmp_path):
        second = subprocess.run(
            [sys.executable, "-c", TIEOUT, "serve", "--store", f"sqlite:///{tmp_path}/store.db"],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )
    assert second.returncode == 78
    assert "is held by another server" in second.stderr
