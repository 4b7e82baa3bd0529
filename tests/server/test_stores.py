"""A server over PostgreSQL: the same services, the same endings as over a file."""

import io
import os
import subprocess
import sys

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import ROOT, RunningServer
from tests.store.raw_rows import raw_rows
from tieout.client import Client

pytestmark = pytest.mark.xdist_group("server")

TIEOUT = "import sys; from tieout.commands import main; sys.exit(main())"


@pytest.fixture(scope="module")
def url(postgresql):
    return postgresql.new_database()


@pytest.fixture
def server(url, tmp_path):
    with RunningServer(tmp_path, TIEOUT_STORE=url, TIEOUT_SPOOL=str(tmp_path)) as running:
        yield running
        assert running.terminate() == 0


def submit(server, content, request_id):
    with Client(server.address, timeout_seconds=60) as client:
        return client.submit_bank_file(io.BytesIO(content), "file.bai", request_id=request_id)


def test_a_file_kept_in_postgresql_is_known_after_a_restart(url, tmp_path):
    content = bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU"))
    receipts = []
    for start in range(2):
        folder = tmp_path / str(start)
        folder.mkdir()
        with RunningServer(folder, TIEOUT_STORE=url, TIEOUT_SPOOL=str(folder)) as server:
            receipts.append(submit(server, content, "R-1"))
            receipts.append(submit(server, content, "R-2"))
            with Client(server.address, timeout_seconds=30) as client:
                file_id = receipts[0].bank_file.file_id
                parts = list(client.bank_file_result(file_id))
                assert client.get_bank_file(file_id) == receipts[0].bank_file
            assert len({part.WhichOneof("part") for part in parts}) == 6
            assert server.terminate() == 0
    told = [one.already_processed for one in receipts]
    assert told == [False, True, False, True], "a request sent again gets its first answer"
    assert len({one.bank_file.SerializeToString(deterministic=True) for one in receipts}) == 1
    assert raw_rows(url, "SELECT count(*) FROM payment") == [(2,)]


def test_a_second_server_on_the_same_database_does_not_start(server, url, tmp_path):
    assert server.process.poll() is None
    second = subprocess.run(
        [sys.executable, "-c", TIEOUT, "serve", "--store", url, "--spool", str(tmp_path / "two")],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        timeout=120,
    )
    assert second.returncode == 78
    assert "is held by another server" in second.stderr
