"""A client for asyncio: every method is awaited, every listing iterated with `async for`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import grpc.aio

from tieout.client.calls import advance, call_on, failure
from tieout.client.credentials import Credentials, open_async_channel
from tieout.client.operations import Operations
from tieout.client.retrying import Retrying
from tieout.client.steps import Begin, Give, Next, Pause, Send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tieout.client.steps import Rows, Step, Steps

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient(Operations):
    """A connection to one server; use it with `async with`, or await `close`."""

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 900.0,
        credentials: Credentials | None = None,
        retrying: Retrying | None = None,
    ) -> None:
        """As `Client`; made and used within one running event loop."""
        shown = credentials or Credentials()
        super().__init__(timeout_seconds, retrying or Retrying())
        self._address = address
        self._metadata = shown.metadata()
        self._channel = open_async_channel(address, shown)

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in progress are cancelled."""
        await self._channel.close()

    async def await_steps(self, steps: Steps[T]) -> T:
        """Do the steps of an operation; gives its result, or raises `ClientError`."""
        doer = _Doer(self._channel, self._address, self._metadata)
        given: Any = None
        try:
            while True:
                given = await doer.outcome(advance(steps, given))
        except StopIteration as end:
            return cast("T", end.value)
        finally:
            doer.close()

    async def iterate_async(self, rows: Rows[T]) -> AsyncIterator[T]:
        """Do the steps of a listing as far as rows are asked for; raises `ClientError`."""
        doer = _Doer(self._channel, self._address, self._metadata)
        given: Any = None
        try:
            while True:
                step = advance(rows, given)
                if isinstance(step, Give):
                    for row in step.rows:
                        yield row
                    given = None
                else:
                    given = await doer.outcome(step)
        except StopIteration:
            return
        finally:
            doer.close()


class _Doer:
    """Does the steps of one operation; a failed call is an outcome, its operation decides."""

    def __init__(
        self, channel: grpc.aio.Channel, address: str, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._channel = channel
        self._address = address
        self._metadata = metadata
        self._answer: Any = None

    async def outcome(self, step: Step) -> Any:
        try:
            match step:
                case Pause(seconds):
                    return await asyncio.sleep(seconds)
                case Next():
                    part = await self._answer.read()
                    return None if part is grpc.aio.EOF else part
                case Begin():
                    self._answer = call_on(self._channel, step, self._metadata)
                    return None
                case Send():
                    return await call_on(self._channel, step, self._metadata)
        except grpc.aio.AioRpcError as error:
            return failure(self._address, error)

    def close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
