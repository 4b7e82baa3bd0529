"""The line of small calls: gathered, dropped when nobody waits, tried apart, turned away."""

from __future__ import annotations

import asyncio

import pytest
from google.rpc import error_details_pb2, status_pb2

from rpc.errors import JobFailedError, OverloadedError, WorkerLostError
from rpc.jobs import JobFailure, ResidentAnswer, ResidentMatchDone, ResidentRequest
from rpc.limits import BATCH_CALLS_MAX, TOGETHER_BYTES_MAX
from rpc.match_batches import MatchBatcher
from rpc.metrics import Metrics
from rpc.payment_counts import PaymentCounts
from rpc.snapshots import Snapshot
from rpc.status import trailers_of
from rpc.workers import Lane


class Keeper:
    tenant = "default"
    current = Snapshot("/nowhere", 1)


class Workers:
    """Answers every request with itself, when it may; `bad` ends the worker, `wrong` fails."""

    def __init__(self):
        self.passes = []
        self.postponed = []
        self.may = asyncio.Event()
        self.begun = asyncio.Event()
        self.nearly_done = []
        self.behind = []

    async def run(self, job, lane, *, size_bytes, tenant, on_nearly_done, behind):
        assert size_bytes == sum(len(one.content) for one in job.requests)
        assert tenant == "default"
        contents = [one.content for one in job.requests]
        self.passes.append((lane, contents))
        self.nearly_done.append(on_nearly_done)
        self.behind.append(behind)
        self.begun.set()
        await self.may.wait()
        if b"bad" in contents:
            message = "gone"
            raise WorkerLostError(message)
        if job.may_postpone and {b"2", b"all"} <= set(contents):
            self.postponed.append(contents)
            met = [ResidentAnswer(b"", None, is_postponed=True) for _ in contents]
            met[0] = ResidentAnswer(contents[0], None)
            return ResidentMatchDone(met, PaymentCounts(auto=1), [])
        failure = JobFailure("FIELD_INVALID", "wrong", {"field": "as_of"})
        answers = [
            ResidentAnswer(b"", failure) if one == b"wrong" else ResidentAnswer(one, None)
            for one in contents
        ]
        return ResidentMatchDone(answers, PaymentCounts(auto=len(answers)), [])


def run(scenario, passes_max=1):
    async def main():
        workers = Workers()
        batcher = MatchBatcher(workers, Keeper(), Metrics(), passes_max)

        def ask(content, seconds_left=None):
            request = ResidentRequest(content, explain=False, companies=None)
            return asyncio.create_task(batcher.answer(request, seconds_left))

        await asyncio.wait_for(scenario(workers, ask), 30)

    asyncio.run(main())


def test_calls_that_come_together_share_a_pass_and_get_their_own_answers():
    async def scenario(workers, ask):
        workers.may.set()
        contents = [b"%d" % number for number in range(20)]
        assert await asyncio.gather(*map(ask, contents)) == contents
        assert workers.passes == [(Lane.INTERACTIVE, contents)]

    run(scenario)


def test_calls_gather_while_a_pass_runs_and_a_full_one_begins_beside_it():
    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        few = [ask(b"%d" % number) for number in range(BATCH_CALLS_MAX - 1)]
        await asyncio.sleep(0.02)
        assert len(workers.passes) == 1
        last = ask(b"last")
        await asyncio.sleep(0.02)
        assert [len(contents) for _, contents in workers.passes] == [1, BATCH_CALLS_MAX]
        workers.may.set()
        assert await asyncio.gather(first, *few, last)

    run(scenario, passes_max=2)


def test_who_waits_when_a_pass_ends_is_matched_with_those_it_answered(monkeypatch):
    for name in ("_FIRST_GUESS_SECONDS", "BATCH_GATHER_SECONDS", "WAIT_SECONDS_MAX"):
        monkeypatch.setattr(f"rpc.match_batches.{name}", 10_000.0)
    monkeypatch.setattr("rpc.match_batches._QUIET_SECONDS", -1.0)  # nobody came just now

    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        waits = ask(b"waits")
        await asyncio.sleep(0)
        workers.may.set()
        assert await first == b"first"
        assert await asyncio.gather(waits, ask(b"again")) == [b"waits", b"again"]
        assert [contents for _, contents in workers.passes] == [[b"first"], [b"waits", b"again"]]

    run(scenario)


def test_where_calls_come_until_a_pass_ends_nobody_waits_for_more(monkeypatch):
    for name in ("_FIRST_GUESS_SECONDS", "BATCH_GATHER_SECONDS", "_QUIET_SECONDS"):
        monkeypatch.setattr(f"rpc.match_batches.{name}", 10_000.0)
    monkeypatch.setattr("rpc.match_batches.WAIT_SECONDS_MAX", 100_000.0)

    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        waits = ask(b"waits")
        await asyncio.sleep(0)
        workers.may.set()
        assert await asyncio.gather(first, waits) == [b"first", b"waits"]
        assert [contents for _, contents in workers.passes] == [[b"first"], [b"waits"]]

    run(scenario)


def test_where_calls_come_until_a_pass_is_nearly_done_the_next_is_sent_behind_it(monkeypatch):
    monkeypatch.setattr("rpc.match_batches._FIRST_GUESS_SECONDS", 10_000.0)
    monkeypatch.setattr("rpc.match_batches._QUIET_SECONDS", 10_000.0)
    monkeypatch.setattr("rpc.match_batches.WAIT_SECONDS_MAX", 100_000.0)

    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        few = [ask(b"%d" % number) for number in range(3)]
        await asyncio.sleep(0.01)
        assert len(workers.passes) == 1
        workers.nearly_done[0]("its seat")
        await asyncio.sleep(0.01)
        late = ask(b"late")
        await asyncio.sleep(0.01)
        assert [contents for _, contents in workers.passes] == [[b"first"], [b"0", b"1", b"2"]]
        assert workers.behind == [None, "its seat"]
        workers.may.set()
        assert await asyncio.gather(first, *few, late) == [b"first", b"0", b"1", b"2", b"late"]
        assert workers.behind == [None, "its seat", None]

    run(scenario)


def test_whoever_a_pass_is_about_to_answer_is_waited_for(monkeypatch):
    for name in ("_FIRST_GUESS_SECONDS", "BATCH_GATHER_SECONDS", "WAIT_SECONDS_MAX"):
        monkeypatch.setattr(f"rpc.match_batches.{name}", 10_000.0)
    monkeypatch.setattr("rpc.match_batches._QUIET_SECONDS", -1.0)  # nobody came just now

    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        waits = ask(b"waits")
        await asyncio.sleep(0.01)
        workers.nearly_done[0]("its seat")
        await asyncio.sleep(0.01)
        assert len(workers.passes) == 1
        workers.may.set()
        assert await first == b"first"
        assert await asyncio.gather(waits, ask(b"again")) == [b"waits", b"again"]
        assert workers.behind == [None, None]

    run(scenario)


def test_calls_that_met_are_left_for_passes_in_which_they_do_not_meet():
    async def scenario(workers, ask):
        workers.may.set()
        contents = [b"1", b"2", b"3", b"all"]
        calls = [ask(content) for content in contents]
        assert await calls[0] == b"1"
        late = ask(b"late")
        assert await asyncio.gather(*calls[1:], late) == [b"2", b"3", b"all", b"late"]
        assert workers.postponed == [contents]
        apart = [set(later) & set(contents) for _, later in workers.passes[1:]]
        assert [one for one in apart if one] == [{b"2"}, {b"3"}, {b"all"}]

    run(scenario)


def test_behind_a_slow_pass_nobody_is_stuck():
    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        second = ask(b"second")
        while len(workers.passes) < 2:  # noqa: ASYNC110 - twice as long as a pass usually takes
            await asyncio.sleep(0.01)
        workers.may.set()
        assert await asyncio.gather(first, second) == [b"first", b"second"]

    run(scenario, passes_max=2)


def test_what_is_wrong_with_one_call_is_no_matter_to_the_others():
    async def scenario(workers, ask):
        workers.may.set()
        calls = [ask(b"1"), ask(b"wrong"), ask(b"2")]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [answers[0], answers[2]] == [b"1", b"2"]
        assert isinstance(answers[1], JobFailedError)
        assert (answers[1].reason, answers[1].metadata) == ("FIELD_INVALID", {"field": "as_of"})

    run(scenario)


def test_where_a_pass_ends_its_worker_each_call_is_tried_apart():
    async def scenario(workers, ask):
        workers.may.set()
        calls = [ask(b"1"), ask(b"bad"), ask(b"2")]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [answers[0], answers[2]] == [b"1", b"2"]
        assert isinstance(answers[1], WorkerLostError)
        assert [contents for _, contents in workers.passes[1:]] == [[b"1"], [b"bad"], [b"2"]]

    run(scenario)


def test_a_call_whose_caller_is_gone_is_dropped_before_it_is_matched():
    async def scenario(workers, ask):
        first = ask(b"first")
        await workers.begun.wait()
        gone, stays = ask(b"gone"), ask(b"stays")
        await asyncio.sleep(0.02)
        gone.cancel()
        workers.may.set()
        assert await first == b"first"
        assert await stays == b"stays"
        assert workers.passes[1:] == [(Lane.INTERACTIVE, [b"stays"])]

    run(scenario)


def test_whose_turn_would_come_too_late_is_told_when_to_come_again():
    async def scenario(workers, ask):
        first = ask(b"first", 0.001)
        await workers.begun.wait()
        late, patient = ask(b"late", 0.001), ask(b"patient", 60.0)
        with pytest.raises(OverloadedError, match="try again later") as caught:
            await late
        workers.may.set()
        assert await asyncio.gather(first, patient) == [b"first", b"patient"]
        details = dict(trailers_of(caught.value))["grpc-status-details-bin"]
        status, retry = status_pb2.Status.FromString(details), error_details_pb2.RetryInfo()
        assert any(detail.Unpack(retry) for detail in status.details)
        assert retry.retry_delay.ToTimedelta().total_seconds() > 0

    run(scenario)


def test_a_large_request_is_a_batch_of_its_own():
    async def scenario(workers, ask):
        workers.may.set()
        large = bytes(TOGETHER_BYTES_MAX + 1)
        assert await asyncio.gather(ask(b"1"), ask(large), ask(b"2")) == [b"1", large, b"2"]
        assert sorted((lane.value, len(contents)) for lane, contents in workers.passes) == [
            ("batch", 1),
            ("interactive", 2),
        ]

    run(scenario)
