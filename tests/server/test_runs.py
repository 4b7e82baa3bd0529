"""What was accepted is done, whoever waits and whatever is killed; what was cancelled is not."""

import asyncio
import hashlib
import io

import grpc
import pytest

from rpc.caller import Caller, Role, set_caller
from rpc.draining import Draining
from rpc.errors import (
    JobFailedError,
    RoleMissingError,
    RunNotFoundError,
    ServerDrainingError,
    WorkerLostError,
)
from rpc.jobs import BankFileDone, BankFileJob
from rpc.payment_counts import PaymentCounts
from rpc.reading import StoreReader
from rpc.run_service import RunService
from rpc.runs import RunKeeper
from store import open_repository
from store.errors import RequestIdReusedError
from store.runs import ENDED
from tests.server.requests import bai2_file, table
from tests.server.running_server import RunningServer
from tests.store.item_rows import items_of
from tests.store.raw_rows import raw_rows
from tieout.client import Client
from tieout.v1 import bank_file_service_pb2 as files
from tieout.v1 import bank_file_service_pb2_grpc, open_item_service_pb2_grpc, run_service_pb2_grpc
from tieout.v1 import open_item_service_pb2 as items
from tieout.v1 import run_service_pb2 as contract

pytestmark = pytest.mark.xdist_group("server")

NOW = 1_774_915_200_000
DONE = BankFileDone(
    response=files.SubmitBankFileResponse(already_processed=True).SerializeToString(),
    source_format="bai2",
    payments=PaymentCounts(),
    exception_codes={},
    timings=[],
)
ADMIN = Caller(name="ann", roles=frozenset({Role.ADMIN}))


class Pool:
    """Workers that do what a test says; each job waits until it is let go."""

    def __init__(self):
        self.jobs, self.endings = [], []
        self.gate, self.called = asyncio.Event(), asyncio.Event()

    async def run(self, job, lane, **_):
        del lane
        self.jobs.append(job)
        self.called.set()
        await self.gate.wait()
        ending = self.endings.pop(0) if self.endings else DONE
        if isinstance(ending, Exception):
            raise ending
        return ending


class Keeping:
    """A keeper over a real store, and what it was told."""

    def __init__(self, url, folder):
        self.writer = StoreReader({"default": open_repository(url)})
        self.pool, self.done, self.folder = Pool(), [], folder
        self.keeper = RunKeeper(
            workers=self.pool,
            writer=self.writer,
            folder=folder / "runs",
            working=folder,
            bookings=asyncio.Semaphore(1),
            now_ms=lambda: NOW,
            on_done=self.done.append,
        )
        set_caller(ADMIN)

    async def accept(self, name, request_id="", sha256="0" * 64):
        content = self.folder / name
        content.write_bytes(b"content")
        job = BankFileJob(
            content_path=str(content),
            file_id=sha256,
            file_name=name,
            size_bytes=7,
            received_at_ms=NOW,
            request_id=request_id,
            validate_only=False,
        )
        return await self.keeper.accept(
            "bank_file",
            job,
            content,
            file_name=name,
            size_bytes=7,
            sha256=sha256,
            request_id=request_id,
        )

    async def end_of(self, run):
        async for record in self.keeper.watch(run.run_id):
            if record.state in ENDED:
                return record
        raise AssertionError

    def contents(self):
        return [path.read_bytes() for path in (self.folder / "runs").iterdir()]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr("rpc.runs._DRAIN_SECONDS", 0.01)


def with_keeping(url, folder, act):
    async def run():
        keeping = Keeping(url, folder)
        try:
            return await act(keeping)
        finally:
            await keeping.keeper.stop()
            keeping.writer.close()

    return asyncio.run(run())


def test_a_run_is_followed_to_its_end(store_url, tmp_path):
    async def act(keeping):
        run = await keeping.accept("one")
        seen = []

        async def watch():
            async for record in keeping.keeper.watch(run.run_id):
                seen.append(record.state)
                if record.state == "running":
                    keeping.pool.gate.set()

        await watch()
        assert keeping.contents() == []
        return seen, keeping.done

    seen, done = with_keeping(store_url, tmp_path, act)
    assert seen[-2:] == ["running", "done"]
    assert done == [DONE]


def test_a_run_that_was_cancelled_has_no_effect_and_one_that_ended_stays_so(store_url, tmp_path):
    async def act(keeping):
        first, second = [await keeping.accept(name) for name in ("one", "two")]
        await asyncio.sleep(0)
        cancelled = await keeping.keeper.cancel(second.run_id)
        keeping.pool.gate.set()
        ended = await keeping.end_of(first)
        again = await keeping.keeper.cancel(first.run_id)
        assert keeping.contents() == []
        return cancelled.state, ended.state, again.state, len(keeping.pool.jobs)

    assert with_keeping(store_url, tmp_path, act) == ("cancelled", "done", "done", 1)


def test_the_next_server_goes_on_with_what_the_last_one_left(store_url, tmp_path):
    async def accepted(keeping):
        run = await keeping.accept("one", request_id="R")
        await keeping.pool.called.wait()
        return run

    run = with_keeping(store_url, tmp_path, accepted)

    async def resumed(keeping):
        keeping.pool.gate.set()
        await keeping.keeper.start(["default"])
        assert (await keeping.accept("one", request_id="R")).run_id == run.run_id
        with pytest.raises(RequestIdReusedError):
            await keeping.accept("one", request_id="R", sha256="1" * 64)
        ended = await keeping.end_of(run)
        return ended.state, [job.run_id for job in keeping.pool.jobs]

    assert with_keeping(store_url, tmp_path, resumed) == ("done", [run.run_id])


def test_an_error_ends_a_run_and_a_lost_worker_does_not_at_once(store_url, tmp_path):
    async def act(keeping):
        keeping.pool.gate.set()
        keeping.pool.endings = [JobFailedError("FORMAT_UNKNOWN", "no bank file", value="x")]
        failed = await keeping.end_of(await keeping.accept("one"))
        keeping.pool.endings = [WorkerLostError("gone")]
        found = await keeping.end_of(await keeping.accept("two"))
        keeping.pool.endings = [WorkerLostError("gone")] * 3
        lost = await keeping.end_of(await keeping.accept("three"))
        return failed, found.state, lost.state

    failed, found, lost = with_keeping(store_url, tmp_path, act)
    assert (failed.state, found, lost) == ("failed", "done", "failed")
    assert '"FORMAT_UNKNOWN"' in failed.error


def test_who_waits_for_a_run_is_told_that_the_server_ends(store_url, tmp_path):
    async def act(keeping):
        draining = Draining()
        service = RunService(keeping.writer, keeping.keeper, draining)
        run = await keeping.accept("one")
        await keeping.pool.called.wait()
        watched = service.WatchRun(contract.WatchRunRequest(run_id=run.run_id), None)
        seen = await anext(watched)
        waiting = asyncio.ensure_future(
            service.WaitRun(contract.WaitRunRequest(run_id=run.run_id, wait_seconds=60), None)
        )
        draining.begin()
        for one in (anext(watched), waiting, anext(draining.followed(forever()))):
            with pytest.raises(ServerDrainingError):
                await one
        return seen.run.state

    async def forever():
        await asyncio.Event().wait()
        yield

    running = contract.RUN_STATE_RUNNING
    assert with_keeping(store_url, tmp_path, act) == running


def test_runs_of_others_are_theirs(store_url, tmp_path):
    async def act(keeping):
        run = await keeping.accept("one")
        service = RunService(keeping.writer, keeping.keeper, Draining())
        request = contract.CancelRunRequest(run_id=run.run_id)
        set_caller(Caller(name="bob", roles=frozenset({Role.SUBMITTER})))
        with pytest.raises(RoleMissingError):
            await service.CancelRun(request, None)
        listed = await service.ListRuns(contract.ListRunsRequest(), None)
        set_caller(Caller(name="bob", companies=frozenset({"K"})))
        with pytest.raises(RunNotFoundError):
            await service.GetRun(contract.GetRunRequest(run_id=run.run_id), None)
        hidden = await service.ListRuns(contract.ListRunsRequest(), None)
        return len(listed.runs), len(hidden.runs)

    assert with_keeping(store_url, tmp_path, act) == (1, 0)


CONTENT = bai2_file((10_000, "INV-20431"), (33_300, "THANK YOU"))


def parts(header, *chunks):
    yield files.SubmitBankFileRequest(header=header)
    for chunk in chunks:
        yield files.SubmitBankFileRequest(chunk=chunk)


def append(stub, upload, offset, content):
    header = files.AppendUploadHeader(upload_id=upload.upload_id, offset=offset)
    requests = [files.AppendUploadRequest(header=header), files.AppendUploadRequest(chunk=content)]
    return stub.AppendUpload(iter(requests)).upload


def test_an_interrupted_upload_goes_on_after_a_kill_and_ends_as_a_run(tmp_path):
    sent = hashlib.sha256(CONTENT).hexdigest()
    begin = files.BeginUploadRequest(
        request_id="U", file_name="day.bai", size_bytes=len(CONTENT), sha256=sent
    )
    with RunningServer(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        stub = bank_file_service_pb2_grpc.BankFileServiceStub(channel)
        upload = stub.BeginUpload(begin).upload
        assert append(stub, upload, 0, CONTENT[:100]).received_bytes == 100
        server.kill()
    with RunningServer(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        stub = bank_file_service_pb2_grpc.BankFileServiceStub(channel)
        runs = run_service_pb2_grpc.RunServiceStub(channel)
        assert stub.BeginUpload(begin).upload.upload_id == upload.upload_id
        at = stub.GetUpload(files.GetUploadRequest(upload_id=upload.upload_id)).upload
        with pytest.raises(grpc.RpcError) as early:
            stub.SubmitBankFile(parts(files.SubmitBankFileHeader(upload_id=upload.upload_id)))
        assert early.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(grpc.RpcError) as wrong:
            append(stub, upload, 7, CONTENT[7:])
        assert wrong.value.code() == grpc.StatusCode.OUT_OF_RANGE
        append(stub, upload, at.received_bytes, CONTENT[at.received_bytes :])
        header = files.SubmitBankFileHeader(
            upload_id=upload.upload_id, background=True, request_id="S"
        )
        accepted = stub.SubmitBankFile(parts(header))
        wait = contract.WaitRunRequest(run_id=accepted.run_id, wait_seconds=60)
        run = runs.WaitRun(wait).run
        assert contract.RunState.Name(run.state) == "RUN_STATE_DONE"
        assert run.bank_file.bank_file.payment_count == 2
        with Client(server.address) as client:
            again = client.submit_bank_file(io.BytesIO(CONTENT), "day.bai", request_id="S")
        assert again.bank_file == run.bank_file.bank_file
        watched = [
            one.run.state
            for one in runs.WatchRun(contract.WatchRunRequest(run_id=run.run_id), timeout=60)
        ]
        assert watched == [run.state]
        assert [one.run_id for one in runs.ListRuns(contract.ListRunsRequest()).runs] == [
            run.run_id
        ]
        header = files.SubmitBankFileHeader(file_name="more", background=True)
        more = bai2_file((500, "MORE"), account="B")
        left = stub.SubmitBankFile(parts(header, more)).run_id
        server.kill()
    with RunningServer(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        runs = run_service_pb2_grpc.RunServiceStub(channel)
        run = runs.WaitRun(contract.WaitRunRequest(run_id=left, wait_seconds=60)).run
        assert contract.RunState.Name(run.state) == "RUN_STATE_DONE"
        accepted = open_item_service_pb2_grpc.OpenItemServiceStub(channel).ImportOpenItems(
            iter(
                (
                    items.ImportOpenItemsRequest(
                        header=items.ImportOpenItemsHeader(background=True)
                    ),
                    items.ImportOpenItemsRequest(
                        open_items=items.OpenItemUpserts(
                            open_items=table("open_items", items_of("K", {"N": 5}), arrow=True)
                        )
                    ),
                )
            )
        )
        wait = contract.WaitRunRequest(run_id=accepted.summary.run_id, wait_seconds=60)
        assert runs.WaitRun(wait).run.imported.inserted_count == 1
        assert server.terminate() == 0
    url = f"sqlite:///{tmp_path / 'store.db'}"
    assert raw_rows(url, "SELECT count(*) FROM payment") == [(3,)]
