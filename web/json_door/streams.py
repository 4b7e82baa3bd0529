"""Answers that are streams: a message per line, or server-sent events for browsers and the like.

The first message is waited for before the answer begins, so that a refusal has its status; where
it may never come, for a moment. An error behind it can have none any more: it is the last line,
`{"error": {…}}`, and the last event.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
import msgspec

from web.json_door.bodies import apart
from web.json_door.calls import CallCancelledError
from web.json_door.problems import problem_of
from web.json_door.writing import json_of, plain_of
from web.limits import HEARTBEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

__all__ = ["EVENT_STREAM", "event_stream", "json_lines"]

EVENT_STREAM: Final = "text/event-stream"

_DRAINING: Final = "SERVER_DRAINING"
"""Reason of the front with which it ends what follows it."""


async def json_lines(messages: AsyncIterator[Message]) -> AsyncIterator[bytes]:
    """Each message on a line of its own."""
    try:
        async with aclosing(messages) as coming:  # type: ignore[type-var]  # a generator
            async for message in coming:
                yield await apart(message.ByteSize(), json_of, message) + b"\n"
    except (grpc.aio.AioRpcError, CallCancelledError) as error:
        yield msgspec.json.encode({"error": problem_of(error)}) + b"\n"


async def event_stream(
    messages: AsyncIterator[Message], draining: asyncio.Event
) -> AsyncIterator[bytes]:
    """Each event of the messages as a server-sent event; its id continues after it.

    Where nothing happens, a comment now and then keeps the connection and finds out that it is
    gone. The stream ends where the server drains; who comes again with the last id misses nothing.
    """
    yield b"retry: 1000\n\n"
    ended = asyncio.ensure_future(draining.wait())
    coming: asyncio.Future[Any] | None = None
    try:
        while not ended.done():
            coming = coming or asyncio.ensure_future(_next(messages))
            await asyncio.wait(
                {coming, ended}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if coming.done():
                message = coming.result()
                coming = None
                if message is None:
                    return
                yield _events(message)
            elif not ended.done():
                yield b": nothing new\n\n"
    except (grpc.aio.AioRpcError, CallCancelledError) as error:
        problem = problem_of(error)
        # Where the front drains, this process is about to hear of it as well.
        if problem.reason != _DRAINING:
            yield b"event: error\ndata: " + msgspec.json.encode(problem) + b"\n\n"
    finally:
        ended.cancel()
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await messages.aclose()  # type: ignore[attr-defined]  # a generator


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    try:
        return await anext(messages)
    except StopAsyncIteration:
        return None


def _events(message: Any) -> bytes:
    """The message's events; only the last knows the place to continue at."""
    *others, last = message.events
    found = [_event(event, "") for event in others]
    return b"".join([*found, _event(last, message.next_page_token)])


def _event(event: Any, place: str) -> bytes:
    head = f"id: {place}\n" if place else ""
    data = msgspec.json.encode(plain_of(event)).decode()
    return f"{head}event: {event.kind}\ndata: {data}\n\n".encode()
