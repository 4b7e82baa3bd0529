"""What waits for the next server is sealed on disk, and whole again when it is read."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from rpc.caller import Caller, Role, leave_call, set_caller
from rpc.errors import UploadOffsetError
from rpc.sealed_files import Tail, append_sealed, seal_file, sealed_tail, unsealed
from rpc.spool import clear_folder
from rpc.uploads import Uploads
from store.errors import KeyMissingError, SealBrokenError
from store.key_ring import add_master_key, new_data_key, read_key_ring
from tests.server.imported_rows import CHANGES, customer_parts, named_customers
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout import commands
from tieout.configuration import read_configuration
from tieout.serving.folders import is_in_memory, spool_folder
from tieout.serving.leftovers import left_behind
from tieout.v1 import bank_file_service_pb2 as files
from tieout.v1 import (
    bank_file_service_pb2_grpc,
    customer_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
)
from tieout.v1 import customer_service_pb2 as customers

pytestmark = pytest.mark.xdist_group("server")

NOW = 1_774_915_200_000
DAY = 86_400
NAME = "Zwirnfeld Quarz AG"
CONTENT = bai2_file((10_000, f"{NAME} PAYS INV-1"))


def test_frames_come_back_and_no_change_of_them_does(tmp_path):
    key, plain, path = new_data_key(), tmp_path / "plain", tmp_path / "sealed"
    content = bytes(range(256)) * 9_000
    plain.write_bytes(content)
    seal_file(plain, path, key)
    assert sealed_tail(path) == Tail(3, path.stat().st_size, len(content))
    assert b"".join(unsealed(path, key)) == content
    assert content[:64] not in path.read_bytes()
    stored = path.read_bytes()
    at = len(stored) // 2
    frame = (len(stored) - 4) // 2
    for wrong in (
        stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :],
        stored[:-1],
        stored[frame:],
    ):
        path.write_bytes(wrong)
        with pytest.raises(SealBrokenError):
            list(unsealed(path, key))
    path.write_bytes(stored)
    with pytest.raises(SealBrokenError):
        list(unsealed(path, new_data_key()))


def test_what_a_crash_left_half_written_is_cut_off(tmp_path):
    key, path = new_data_key(), tmp_path / "sealed"
    path.touch()
    tail = append_sealed(path, b"first", key, Tail())
    whole = path.read_bytes()
    append_sealed(path, b"second", key, tail)
    for length in range(len(whole), path.stat().st_size):
        path.write_bytes(path.read_bytes()[:length])
        assert sealed_tail(path) == tail
        append_sealed(path, b"other second", key, sealed_tail(path))
        assert b"".join(unsealed(path, key)) == b"firstother second"
        append_sealed(path, b"second", key, tail)


class Waiting:
    """Uploads in one folder, as servers after each other see them."""

    def __init__(self, folder):
        self.folder, self.keys = folder / "uploads", folder / "keys"
        add_master_key(self.keys, "k1")
        self.call = set_caller(Caller(name="ann", roles=frozenset({Role.ADMIN})))

    def server(self, *, sealed=True):
        return Uploads(self.folder, lambda: NOW, read_key_ring(self.keys) if sealed else None)

    def begin(self, uploads, content=CONTENT):
        return uploads.begin("R", "monday.bai", len(content), _sha256(content))


@pytest.fixture
def waiting(tmp_path):
    """A folder of uploads, asked by an administrator."""
    uploads = Waiting(tmp_path)
    yield uploads
    leave_call(uploads.call)


def _sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_an_upload_goes_on_where_it_was_through_restarts_and_a_new_master_key(waiting, tmp_path):
    first = waiting.server()
    upload = waiting.begin(first)
    first.hold(upload, 0)
    first.add(upload, CONTENT[:40])
    first.add(upload, CONTENT[40:90])
    part = waiting.folder / f"{upload.upload_id}.part"
    part.write_bytes(part.read_bytes() + b"\0\0\0\x50half a frame")
    add_master_key(waiting.keys, "k2")
    second = waiting.server()
    newest = waiting.keys.read_text("utf-8").splitlines()[0]
    waiting.keys.write_text(newest + "\n", "utf-8")
    third = waiting.server()
    assert third.received_bytes(second.find(upload.upload_id)) == 90
    assert waiting.begin(third) == upload
    with pytest.raises(UploadOffsetError):
        third.hold(upload, 89)
    third.hold(upload, 90)
    third.add(upload, CONTENT[90:])
    third.let_go(upload)
    assert CONTENT[:40] not in part.read_bytes()
    assert third.complete(upload, tmp_path / "opened").read_bytes() == CONTENT
    with pytest.raises(KeyMissingError):
        waiting.server(sealed=False).complete(upload, tmp_path / "again")


def test_uploads_without_a_key_file_go_on_when_there_is_one(waiting, tmp_path):
    plain = waiting.server(sealed=False)
    upload = waiting.begin(plain)
    plain.add(upload, CONTENT[:40])
    sealed = waiting.server()
    assert sealed.received_bytes(upload) == 40
    sealed.add(upload, CONTENT[40:])
    assert sealed.complete(upload, tmp_path / "opened").read_bytes() == CONTENT
    assert not (tmp_path / "opened").exists()


def on_disk(folder):
    """What of the server's files holds the name."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found
    return [path for path in found if NAME.encode() in path.read_bytes()]


def until(holds):
    """Wait for what a process of its own does."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def readable_in(folder):
    """The files of a folder that hold the name; one that goes meanwhile holds nothing."""
    found = []
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            if NAME.encode() in path.read_bytes():
                found.append(path)
    return found


def working_folder(settings):
    """Where a server of these settings keeps what it works with."""
    found = spool_folder(read_configuration(settings, {}))
    assert is_in_memory(found)
    return found


def guardian(folder):
    """The process that empties a folder, as soon as it holds it."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tieout.serving.guardian"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    started.stdin.write(bytes(folder) + b"\n")
    started.stdin.flush()
    assert started.stdout.readline() == b"ready\n"
    return started


def test_a_guardian_empties_what_is_left_and_nothing_that_is_new(tmp_path):
    folder = tmp_path / "working"
    clear_folder(folder)
    held = guardian(folder)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "rows").write_text(NAME)
    (folder / "rows").write_text(NAME)
    (folder / "elsewhere").symlink_to(tmp_path)
    (tmp_path / "kept").write_text(NAME)
    kept = folder.rename(tmp_path / "old")
    clear_folder(folder)
    (folder / "rows").write_text("of the next server")
    held.stdin.close()
    assert held.wait(60) == 0
    assert list(kept.rglob("*")) == []
    assert (folder / "rows").read_text() == "of the next server"
    assert (tmp_path / "kept").exists()
    held.stdout.close()


def sealed_settings(folder, store):
    (folder / store).mkdir()
    return f"""
[store]
url = "sqlite:///{folder / store / "store.db"}"
encryption_key_file = "{folder / "encryption.keys"}"
"""


def killed_with_its_guardian(folder, settings):
    """A server that made something readable, and is gone with whoever would clear up after it."""
    with RunningServer(folder, settings) as server, grpc.insecure_channel(server.address) as one:
        working = working_folder(folder / "tieout.toml")
        stub = customer_service_pb2_grpc.CustomerServiceStub(one)
        stub.ImportCustomers(customer_parts(named_customers("C-1", prefix=NAME), mode=CHANGES))
        until(lambda: readable_in(working))
        assert working not in {one.path for one in left_behind(time.time() + DAY)}, "it works"
        # Whoever is stopped replaces no guardian.
        os.kill(server.process.pid, signal.SIGSTOP)
        for pid in server.workers():
            if b"tieout.serving.guardian" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        server.kill()
    until(lambda: working in {one.path for one in left_behind(time.time() + DAY)})
    assert readable_in(working)
    return working


def logged(server, words):
    return [line for line in server.log.read_text().splitlines() if words in line]


def test_what_is_left_by_all_killed_together_goes_with_the_next_start(tmp_path):
    add_master_key(tmp_path / "encryption.keys", "k1")
    settings = sealed_settings(tmp_path, "data")
    working = killed_with_its_guardian(tmp_path, settings)
    with RunningServer(tmp_path, settings) as server:
        (line,) = logged(server, "removed what a killed server left in")
        assert str(working) in line
        assert server.terminate() == 0
    assert not working.exists()


def test_what_is_left_of_another_store_is_told_and_removed_when_it_is_nobodys(
    tmp_path, monkeypatch, capsys
):
    add_master_key(tmp_path / "encryption.keys", "k1")
    working = killed_with_its_guardian(tmp_path, sealed_settings(tmp_path, "data"))
    monkeypatch.delenv("TIEOUT_CONFIG", raising=False)
    settings = sealed_settings(tmp_path, "other")
    with RunningServer(tmp_path, settings) as server:
        assert not logged(server, "removed what"), "it may belong to a server that starts"
        assert server.terminate() == 0
    os.utime(working, (0, 0))
    doctor = ["doctor", "--config", str(tmp_path / "tieout.toml")]
    commands.main(doctor)
    assert f"left by servers that were killed: {working}" in capsys.readouterr().out
    assert readable_in(working), "whoever looks changes nothing"
    with RunningServer(tmp_path, settings) as server:
        (line,) = logged(server, "removed what a killed server left in")
        assert str(working) in line
        assert not working.exists()
        commands.main(doctor)
        assert "nothing was left in memory" in capsys.readouterr().out
        assert server.terminate() == 0


def parts(header, content=b""):
    requests = [files.SubmitBankFileRequest(header=header)]
    return iter([*requests, *([files.SubmitBankFileRequest(chunk=content)] if content else [])])


def test_a_sealed_server_leaves_nothing_readable_on_disk_also_when_it_is_killed(tmp_path):
    add_master_key(tmp_path / "encryption.keys", "k1")
    settings = f"""
[store]
url = "sqlite:///{tmp_path / "data" / "store.db"}"
encryption_key_file = "{tmp_path / "encryption.keys"}"
"""
    data = tmp_path / "data"
    data.mkdir()
    with RunningServer(tmp_path, settings) as server, grpc.insecure_channel(server.address) as one:
        stub = bank_file_service_pb2_grpc.BankFileServiceStub(one)
        begin = files.BeginUploadRequest(
            request_id="U", file_name="a.bai", size_bytes=len(CONTENT), sha256=_sha256(CONTENT)
        )
        upload = stub.BeginUpload(begin).upload
        header = files.AppendUploadHeader(upload_id=upload.upload_id)
        requests = [
            files.AppendUploadRequest(header=header),
            files.AppendUploadRequest(chunk=CONTENT),
        ]
        assert stub.AppendUpload(iter(requests)).upload.received_bytes == len(CONTENT)
        stub = customer_service_pb2_grpc.CustomerServiceStub(one)
        stub.ImportCustomers(customer_parts(named_customers("C-1", prefix=NAME), mode=CHANGES))
        working = working_folder(tmp_path / "tieout.toml")
        until(lambda: readable_in(working))
        server.kill()
    until(lambda: not any(path.is_file() for path in working.rglob("*")))
    assert on_disk(data) == []
    with RunningServer(tmp_path, settings) as server, grpc.insecure_channel(server.address) as one:
        stub = bank_file_service_pb2_grpc.BankFileServiceStub(one)
        header = files.SubmitBankFileHeader(upload_id=upload.upload_id, background=True)
        run_id = stub.SubmitBankFile(parts(header)).run_id
        runs = run_service_pb2_grpc.RunServiceStub(one)
        waited = runs.WaitRun(run_service_pb2.WaitRunRequest(run_id=run_id, wait_seconds=60)).run
        assert waited.bank_file.bank_file.payment_count == 1
        found = customer_service_pb2_grpc.CustomerServiceStub(one).ListCustomers(
            customers.ListCustomersRequest()
        )
        assert NAME in str(found)
        assert on_disk(data) == []
        assert server.terminate() == 0
    assert not working.exists()
    assert on_disk(data) == []
    assert list((data / "store.db.spool-kept" / "runs").iterdir()) == []
