"""`python -m bench.serving_load`: callers in a process of their own, and what they saw.

Sends messages out of a file of frames as they are, reads answers as bytes: what a caller's own
library costs is the same for every server.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import msgspec

from rpc.spool import read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LoadResult", "main"]

_WARM_UP_SECONDS: Final = 1.0
_OPTIONS: Final = [("grpc.max_receive_message_length", -1)]


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What callers saw: answers, refusals by code, latencies in seconds (share → at most)."""

    calls: int
    seconds: float
    refused: dict[str, int]
    latency: dict[str, float]
    answer_bytes: int

    def per_second(self) -> float:
        """Answered calls per second."""
        return self.calls / self.seconds


class _Callers:
    """Calls one method and notes each answer's latency."""

    def __init__(self, channel: grpc.aio.Channel, method: str, messages: Sequence[bytes]) -> None:
        self._call: Any = channel.unary_unary(method)
        self._messages: Iterator[bytes] = itertools.cycle(messages)
        self.latencies: list[float] = []
        self.refused: dict[str, int] = {}
        self.answer_bytes = 0

    async def call(self) -> None:
        """One call."""
        begun = time.perf_counter()
        try:
            answer = await self._call(next(self._messages))
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            self.refused[code] = self.refused.get(code, 0) + 1
            return
        self.latencies.append(time.perf_counter() - begun)
        self.answer_bytes += len(answer)

    async def in_turn(self, until: float) -> None:
        """One call after the other."""
        while time.perf_counter() < until:
            await self.call()

    async def at_rate(self, per_second: float, until: float) -> None:
        """Calls at regular times, whether or not earlier ones are answered."""
        running: set[asyncio.Task[None]] = set()
        due = time.perf_counter()
        while due < until:
            await asyncio.sleep(due - time.perf_counter())
            task = asyncio.get_running_loop().create_task(self.call())
            running.add(task)
            task.add_done_callback(running.discard)
            due += 1 / per_second
        await asyncio.gather(*running)

    def forget(self) -> None:
        """Begin anew."""
        self.latencies, self.refused, self.answer_bytes = [], {}, 0


async def _load(chosen: argparse.Namespace) -> LoadResult:
    messages = list(read_frames(chosen.messages))
    async with grpc.aio.insecure_channel(chosen.address, options=_OPTIONS) as channel:
        await channel.channel_ready()
        callers = _Callers(channel, chosen.method, messages)

        async def run(seconds: float) -> float:
            begun = time.perf_counter()
            until = begun + seconds
            if chosen.rate:
                await callers.at_rate(chosen.rate, until)
            else:
                await asyncio.gather(*(callers.in_turn(until) for _ in range(chosen.callers)))
            return time.perf_counter() - begun

        await run(min(_WARM_UP_SECONDS, chosen.seconds))
        callers.forget()
        spent = await run(chosen.seconds)
    ordered = sorted(callers.latencies)
    return LoadResult(
        calls=len(ordered),
        seconds=spent,
        refused=callers.refused,
        latency={
            str(share): ordered[min(len(ordered) - 1, int(len(ordered) * share))]
            for share in (0.5, 0.9, 0.99)
            if ordered
        },
        answer_bytes=callers.answer_bytes,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Call as the arguments say, print what was seen as JSON."""
    reader = argparse.ArgumentParser(prog="python -m bench.serving_load", description=__doc__)
    reader.add_argument("address")
    reader.add_argument("method", help="full name of a unary method")
    reader.add_argument("messages", type=Path, help="file of frames, each a request")
    reader.add_argument("--callers", type=int, default=64, help="calls at once")
    reader.add_argument("--rate", type=float, default=0, help="calls a second instead")
    reader.add_argument("--seconds", type=float, default=5)
    chosen = reader.parse_args(arguments)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_load(chosen))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
