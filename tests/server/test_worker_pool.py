"""Worker processes: work, cancellation, death, replacement."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from engine.policy import PolicyBook
from rpc.errors import JobFailedError, OverloadedError, WorkerLostError
from rpc.jobs import FileResultJob, MatchDone, MatchJob, TenantSettings, WorkerSettings
from rpc.limits import JOBS_WAITING_MAX
from rpc.workers import Lane, WorkerPool
from store import open_repository
from tests.server.requests import match_request

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
