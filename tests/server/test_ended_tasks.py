"""A task that loses a cancellation ends all the same."""

import asyncio

from rpc.ended_tasks import end_tasks


def test_a_task_that_loses_its_first_cancellation_ends_at_the_next():
    lost = []

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    async def failing():
        await asyncio.sleep(0)
        message = "of no use any more"
        raise ValueError(message)

    async def both():
        tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
        await asyncio.sleep(0.01)
        await end_tasks(tasks)
        return [task.done() for task in tasks]

    assert asyncio.run(both()) == [True, True]
    assert lost == [1]


def test_no_task_at_all_has_ended():
    asyncio.run(end_tasks([]))
