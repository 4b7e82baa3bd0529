"""Worker processes: work, cancellation, death, replacement."""

import asyncio
import os
import signal
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.serving_world import make_customers, make_items, make_payments
from engine.batches import BankAccountBatch
from engine.policy import PolicyBook
from engine.resident import build_resident
from rpc.conversions import REQUEST_TABLES, encode_table
from rpc.errors import JobFailedError, OverloadedError, WorkerLostError
from rpc.jobs import (
    FileResultJob,
    MatchDone,
    MatchJob,
    ResidentMatchJob,
    ResidentRequest,
    TenantSettings,
    WorkerSettings,
)
from rpc.limits import JOBS_WAITING_MAX
from rpc.snapshot_files import write_snapshot
from rpc.workers import Lane, Seat, WorkerPool, _Worker
from store import open_repository
from tests.server.requests import match_request
from tieout.v1.match_service_pb2 import MatchResidentPaymentsRequest

pytestmark = pytest.mark.xdist_group("server")

JOB = MatchJob(match_request().SerializeToString())


def run_with_pool(folder, scenario, count=1):
    """Run `scenario(pool, lost)` against a pool of workers; `lost` counts replaced ones."""
    url = f"sqlite:///{folder / 'store.db'}"
    open_repository(url).close()
    own = TenantSettings(tables_folder=str(folder), policy=PolicyBook())
    settings = WorkerSettings(store_url=url, tenants={"default": own})

    async def main():
        lost = []
        pool = WorkerPool(settings, count, on_lost=lambda: lost.append(1))
        await pool.start()
        try:
            await asyncio.wait_for(scenario(pool, lost), 30)
        finally:
            await pool.stop()

    asyncio.run(main())


def only_process(pool):
    (worker,) = pool._workers
    return worker.process


def test_a_worker_does_job_after_job(tmp_path):
    async def scenario(pool, lost):
        answers = [await pool.run(JOB, tenant="default") for _ in range(3)]
        assert all(isinstance(answer, MatchDone) for answer in answers)
        assert len({answer.response for answer in answers}) == 1
        assert lost == []

    run_with_pool(tmp_path, scenario)


def test_an_error_in_a_worker_keeps_its_reason_and_the_worker(tmp_path):
    async def scenario(pool, lost):
        job = FileResultJob(file_id="0" * 64, arrow=False, responses_path=str(tmp_path / "x"))
        with pytest.raises(JobFailedError) as caught:
            await pool.run(job, tenant="default")
        assert caught.value.reason == "BANK_FILE_NOT_FOUND"
        assert caught.value.metadata == {"file_id": "0" * 64}
        assert isinstance(await pool.run(JOB, tenant="default"), MatchDone)
        assert lost == []

    run_with_pool(tmp_path, scenario)


def test_a_worker_that_dies_is_replaced(tmp_path):
    async def scenario(pool, lost):
        only_process(pool).kill()
        with pytest.raises(WorkerLostError, match="try again"):
            await pool.run(JOB, tenant="default")
        assert isinstance(await pool.run(JOB, tenant="default"), MatchDone)
        assert lost == [1]

    run_with_pool(tmp_path, scenario)


def test_a_call_that_is_cancelled_takes_its_worker_along(tmp_path):
    async def scenario(pool, lost):
        process = only_process(pool)
        process.send_signal(signal.SIGSTOP)
        call = asyncio.create_task(pool.run(JOB, tenant="default"))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await process.wait() == -signal.SIGKILL
        assert isinstance(await pool.run(JOB, tenant="default"), MatchDone)
        assert lost == [1]

    run_with_pool(tmp_path, scenario)


def test_a_line_that_is_too_long_turns_callers_away(tmp_path):
    async def scenario(pool, lost):
        only_process(pool).send_signal(signal.SIGSTOP)
        calls = [
            asyncio.create_task(pool.run(JOB, tenant="default"))
            for _ in range(JOBS_WAITING_MAX + 1)
        ]
        await asyncio.sleep(0.1)
        with pytest.raises(OverloadedError, match="try again later"):
            await pool.run(JOB, tenant="default")
        only_process(pool).send_signal(signal.SIGCONT)
        assert all(isinstance(answer, MatchDone) for answer in await asyncio.gather(*calls))
        assert lost == []

    run_with_pool(tmp_path, scenario)


def test_the_servers_own_work_takes_no_place_of_an_upload_or_a_person(tmp_path):
    async def scenario(pool, lost):
        begun = [worker.process for worker in pool._workers]
        for process in begun:
            process.send_signal(signal.SIGSTOP)
        proofs = [
            asyncio.create_task(pool.run(JOB, Lane.UPKEEP, tenant="default")) for _ in range(2)
        ]
        await asyncio.sleep(0.05)
        (idle,) = pool._idle
        idle.process.send_signal(signal.SIGCONT)
        for lane in (Lane.BATCH, Lane.INTERACTIVE, Lane.BATCH):
            assert isinstance(await pool.run(JOB, lane, tenant="default"), MatchDone)
        assert not any(proof.done() for proof in proofs)
        assert pool.waiting == 0
        for process in begun:
            process.send_signal(signal.SIGCONT)
        assert all(isinstance(answer, MatchDone) for answer in await asyncio.gather(*proofs))
        assert lost == []

    run_with_pool(tmp_path, scenario, count=2)


def test_the_servers_own_work_does_not_begin_on_the_last_idle_worker(tmp_path):
    async def scenario(pool, lost):
        held = await pool._take(Lane.BATCH, 0)
        proof = asyncio.create_task(pool.run(JOB, Lane.UPKEEP, tenant="default"))
        await asyncio.sleep(0.05)
        assert len(pool._idle) == 1
        assert isinstance(await pool.run(JOB, Lane.INTERACTIVE, tenant="default"), MatchDone)
        assert not proof.done()
        pool._running[Lane.BATCH] -= 1
        pool._idle.append(held)
        pool._hand_out()
        assert isinstance(await proof, MatchDone)
        assert lost == []

    run_with_pool(tmp_path, scenario, count=2)


def seat_of(pool):
    (worker,) = pool._workers
    return Seat(worker, worker.jobs_done)


def test_a_job_sent_behind_another_is_done_after_it_and_has_its_own_answer(tmp_path):
    async def scenario(pool, lost):
        other = FileResultJob(file_id="0" * 64, arrow=False, responses_path=str(tmp_path / "x"))
        only_process(pool).send_signal(signal.SIGSTOP)
        first = asyncio.create_task(pool.run(JOB, tenant="default"))
        await asyncio.sleep(0.05)
        behind = asyncio.create_task(pool.run(other, tenant="default", behind=seat_of(pool)))
        await asyncio.sleep(0.05)
        assert (pool.waiting, [worker.jobs for worker in pool._workers]) == (0, [2])
        third = asyncio.create_task(pool.run(JOB, tenant="default", behind=seat_of(pool)))
        await asyncio.sleep(0.05)
        assert pool.waiting == 1
        only_process(pool).send_signal(signal.SIGCONT)
        assert isinstance(await first, MatchDone)
        with pytest.raises(JobFailedError) as caught:
            await behind
        assert caught.value.metadata == {"file_id": "0" * 64}
        assert isinstance(await third, MatchDone)
        assert (lost, [worker.jobs for worker in pool._idle]) == ([], [0])

    run_with_pool(tmp_path, scenario)


def test_a_seat_behind_a_job_that_is_done_is_none(tmp_path):
    async def scenario(pool, lost):
        stale = seat_of(pool)
        assert isinstance(await pool.run(JOB, tenant="default"), MatchDone)
        only_process(pool).send_signal(signal.SIGSTOP)
        first = asyncio.create_task(pool.run(JOB, tenant="default"))
        await asyncio.sleep(0.05)
        behind = asyncio.create_task(pool.run(JOB, tenant="default", behind=stale))
        await asyncio.sleep(0.05)
        assert pool.waiting == 1
        only_process(pool).send_signal(signal.SIGCONT)
        assert all(isinstance(one, MatchDone) for one in await asyncio.gather(first, behind))
        assert lost == []

    run_with_pool(tmp_path, scenario)


def test_calls_of_people_keep_to_the_worker_that_answered_last_and_batches_away_from_it(tmp_path):
    async def scenario(pool, lost):
        cold, warm = pool._idle
        for lane in (Lane.INTERACTIVE, Lane.INTERACTIVE):
            await pool.run(JOB, lane, tenant="default")
        assert (warm.jobs_done, cold.jobs_done) == (2, 0)
        cold.process.send_signal(signal.SIGSTOP)
        batch = asyncio.create_task(pool.run(JOB, Lane.BATCH, tenant="default"))
        await asyncio.sleep(0.05)
        await pool.run(JOB, Lane.INTERACTIVE, tenant="default")
        assert (warm.jobs_done, batch.done()) == (3, False)
        cold.process.send_signal(signal.SIGCONT)
        await batch
        await pool.run(JOB, Lane.INTERACTIVE, tenant="default")
        assert (warm.jobs_done, cold.jobs_done, lost) == (4, 1, [])

    run_with_pool(tmp_path, scenario, count=2)


def test_whoever_waits_for_a_worker_comes_before_a_job_behind(tmp_path):
    async def scenario(pool, lost):
        only_process(pool).send_signal(signal.SIGSTOP)
        ended = []
        calls = []
        for name, lane, behind in (
            ("first", Lane.INTERACTIVE, None),
            ("waits", Lane.INTERACTIVE, None),
            ("behind", Lane.INTERACTIVE, seat_of(pool)),
        ):
            call = asyncio.create_task(pool.run(JOB, lane, tenant="default", behind=behind))
            call.add_done_callback(lambda _, name=name: ended.append(name))
            calls.append(call)
            await asyncio.sleep(0.02)
        assert pool.waiting == 2
        only_process(pool).send_signal(signal.SIGCONT)
        await asyncio.gather(*calls)
        assert (ended, lost) == (["first", "waits", "behind"], [])

    run_with_pool(tmp_path, scenario)


def test_a_job_behind_one_that_is_given_up_is_lost_with_its_worker(tmp_path):
    async def scenario(pool, lost):
        process = only_process(pool)
        other = FileResultJob(file_id="0" * 64, arrow=False, responses_path=str(tmp_path / "x"))
        process.send_signal(signal.SIGSTOP)
        first = asyncio.create_task(pool.run(JOB, tenant="default"))
        await asyncio.sleep(0.05)
        behind = asyncio.create_task(pool.run(other, tenant="default", behind=seat_of(pool)))
        await asyncio.sleep(0.05)
        first.cancel()
        with pytest.raises(WorkerLostError, match="try again"):
            await behind
        assert first.cancelled()
        assert await process.wait() == -signal.SIGKILL
        assert isinstance(await pool.run(JOB, tenant="default"), MatchDone)
        assert lost == [1]

    run_with_pool(tmp_path, scenario)


class Input:
    def write(self, content):
        pass

    async def drain(self):
        pass


def test_what_is_left_of_an_answer_given_up_is_nobodys():
    async def main():
        answers = asyncio.StreamReader()
        worker = _Worker(SimpleNamespace(stdin=Input(), stdout=answers))
        first = asyncio.create_task(worker.exchange(b"first"))
        second = asyncio.create_task(worker.exchange(b"second"))
        await asyncio.sleep(0)
        # What is left of the first looks like the head of an answer.
        answers.feed_data(struct.pack(">Q", 8))
        await asyncio.sleep(0)
        first.cancel()
        answers.feed_data(struct.pack(">Q", 5) + b"wrong")
        with pytest.raises(WorkerLostError, match="try again"):
            await second
        assert first.cancelled()

    asyncio.run(main())


def test_a_pass_says_that_it_is_nearly_done_before_it_answers(tmp_path):
    items, customers = make_items(40), make_customers(2)
    resident = build_resident(items, customers, BankAccountBatch.empty(), PolicyBook())
    payment = encode_table(
        {kind.field: kind for kind in REQUEST_TABLES}["payments"],
        make_payments(items, customers, 1, seed=1),
        arrow=False,
    )
    request = MatchResidentPaymentsRequest(payments=payment).SerializeToString()
    written = tmp_path / "1"
    write_snapshot(resident, written)
    job = ResidentMatchJob(
        snapshot_path=str(written),
        snapshot_version=1,
        requests=[ResidentRequest(request, explain=False, companies=None)],
        may_postpone=True,
    )

    async def scenario(pool, lost):
        seats, free = [], seat_of(pool)
        done = await pool.run(job, Lane.INTERACTIVE, tenant="default", on_nearly_done=seats.append)
        assert [answer.failure for answer in done.answers] == [None]
        assert seats == [free]
        assert not free.is_free()
        assert lost == []

    run_with_pool(tmp_path, scenario)


def test_who_gave_up_waiting_is_passed_over(tmp_path):
    async def scenario(pool, lost):
        held = await pool._take(Lane.BATCH, 0)
        calls = [asyncio.create_task(pool.run(JOB, tenant="default")) for _ in range(2)]
        await asyncio.sleep(0.05)
        calls[0].cancel()
        pool._running[Lane.BATCH] -= 1
        pool._idle.append(held)
        pool._hand_out()
        assert isinstance(await calls[1], MatchDone)
        assert calls[0].cancelled()
        assert (pool.waiting, lost) == (0, [])

    run_with_pool(tmp_path, scenario)


def test_a_stopped_pool_leaves_no_process(tmp_path):
    seen = []

    async def scenario(pool, lost):
        seen.append(only_process(pool).pid)
        assert lost == []

    run_with_pool(tmp_path, scenario)
    assert not Path(f"/proc/{seen[0]}").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)
