"""Calls of the front by their descriptors: one message or a stream on either side.

A caller who goes away ends the call at the front: nothing is computed for nobody.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc.aio
from starlette.requests import ClientDisconnect

from web.json_door.rate_limits import rate_limit_headers
from web.limits import CALL_SECONDS_MAX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message
    from starlette.requests import Request

    from web.channel import Metadata
    from web.json_door.contract import Rpc

__all__ = ["CallCancelledError", "FrontCalls"]


class CallCancelledError(Exception):
    """The front gave the call up: it drains, or is gone."""


class FrontCalls:
    """Makes calls over one channel."""

    def __init__(self, front: grpc.aio.Channel) -> None:
        """Call over `front`."""
        self._front = front
        self._callables: dict[str, Any] = {}

    async def answer(
        self, rpc: Rpc, message: Message, metadata: Metadata, request: Request
    ) -> Message:
        """The one answer to one message; raises `AioRpcError`, or `ClientDisconnect`."""
        call = self._callable(rpc)(message, metadata=metadata, timeout=CALL_SECONDS_MAX)
        return await _unless_gone(call, request)

    async def answer_to_stream(
        self, rpc: Rpc, messages: AsyncIterator[Message], metadata: Metadata, request: Request
    ) -> Message:
        """The one answer to a stream of messages; raises as `answer`, and what `messages` does."""
        call = self._callable(rpc)(metadata=metadata, timeout=CALL_SECONDS_MAX)
        await _write(call, messages)
        return await _unless_gone(call, request)

    async def answers(
        self,
        rpc: Rpc,
        messages: AsyncIterator[Message] | Message,
        metadata: Metadata,
        first_seconds: float | None = None,
    ) -> AsyncIterator[Message]:
        """A stream of answers, once the first is there; raises `AioRpcError` before that.

        With `first_seconds` the first is waited for no longer: it may never come.
        """
        if rpc.streams_requests:
            call = self._callable(rpc)(metadata=metadata, timeout=CALL_SECONDS_MAX)
            await _write(call, messages)  # type: ignore[arg-type]  # a stream takes a stream
        else:
            call = self._callable(rpc)(messages, metadata=metadata)
        first = asyncio.ensure_future(_read(call))
        try:
            await asyncio.wait({first}, timeout=first_seconds)
            if first.done():
                first.result()
        except BaseException:
            first.cancel()
            call.cancel()
            raise
        return _rest(call, first)

    def _callable(self, rpc: Rpc) -> Any:
        made = self._callables.get(rpc.name)
        if made is None:
            kinds = {
                (False, False): self._front.unary_unary,
                (True, False): self._front.stream_unary,
                (False, True): self._front.unary_stream,
                (True, True): self._front.stream_stream,
            }
            made = kinds[rpc.streams_requests, rpc.streams_responses](
                rpc.method,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
            self._callables[rpc.name] = made
        return made


async def _unless_gone(call: Any, request: Request) -> Message:
    """The answer of `call`, unless the caller goes away before it is there."""
    answer = asyncio.ensure_future(call)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if answer.cancelled():
            raise CallCancelledError
        if answer.done():
            done: Message = answer.result()
            request.state.rate_limit = rate_limit_headers(await call.trailing_metadata())
            return done
        raise ClientDisconnect
    finally:
        gone.cancel()
        if not answer.done():
            call.cancel()
            await asyncio.wait({answer})
            if not answer.cancelled():
                answer.exception()  # whatever it ended with, nobody is there to be told


async def _disconnected(request: Request) -> None:
    """Wait until the caller goes away. What is left of a body that was not read is of no use."""
    while (await request.receive())["type"] != "http.disconnect":
        continue


async def _write(call: Any, messages: AsyncIterator[Message]) -> None:
    """Send the stream. Where the front has ended the call already, its own answer tells why.

    Who goes on to write while a refusal of the header is on its way may never see it: gRPC then
    knows only that writing failed. So the rest waits until the header was accepted, which initial
    metadata says, or the call has ended.
    """
    ended = asyncio.ensure_future(call.code())
    accepted = asyncio.ensure_future(call.initial_metadata())
    is_header = True
    try:
        async for message in messages:
            if ended.done():
                return
            try:
                await call.write(message)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                return
            if is_header:
                is_header = False
                if not await accepted:
                    await asyncio.wait({ended})
        if not call.done():
            await call.done_writing()
    except BaseException:
        call.cancel()
        raise
    finally:
        ended.cancel()
        accepted.cancel()


async def _read(call: Any) -> Any:
    try:
        return await call.read()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CallCancelledError from None


async def _rest(call: Any, first: asyncio.Future[Any]) -> AsyncIterator[Message]:
    try:
        message = await first
        while message is not grpc.aio.EOF:
            yield message
            message = await _read(call)
    finally:
        first.cancel()
        call.cancel()
