"""A client for threads: every method returns when it is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import grpc

from tieout.client.calls import advance, call_on, failure
from tieout.client.credentials import Credentials, open_channel
from tieout.client.operations import Operations
from tieout.client.retrying import Retrying
from tieout.client.steps import Begin, Give, Next, Pause, Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tieout.client.steps import Rows, Step, Steps

__all__ = ["Client"]

T = TypeVar("T")


class Client(Operations):
    """A connection to one server; use it as a context manager, or call `close`.

    It may be used by several threads at once.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = 900.0,
        credentials: Credentials | None = None,
        retrying: Retrying | None = None,
    ) -> None:
        """Connect to `address` (`host:port`) when first used.

        A call, with its retries, ends within the timeout. `credentials` say who calls, where the
        server asks; with a CA the connection uses TLS.
        """
        shown = credentials or Credentials()
        super().__init__(timeout_seconds, retrying or Retrying())
        self._address = address
        self._metadata = shown.metadata()
        self._channel = open_channel(address, shown)

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; calls in progress are cancelled."""
        self._channel.close()

    def run_steps(self, steps: Steps[T]) -> T:
        """Do the steps of an operation; gives its result, or raises `ClientError`."""
        doer = _Doer(self._channel, self._address, self._metadata)
        given: Any = None
        try:
            while True:
                given = doer.outcome(advance(steps, given))
        except StopIteration as end:
            return cast("T", end.value)
        finally:
            doer.close()

    def iterate(self, rows: Rows[T]) -> Iterator[T]:
        """Do the steps of a listing as far as rows are asked for; raises `ClientError`."""
        doer = _Doer(self._channel, self._address, self._metadata)
        given: Any = None
        try:
            while True:
                step = advance(rows, given)
                if isinstance(step, Give):
                    yield from step.rows
                    given = None
                else:
                    given = doer.outcome(step)
        except StopIteration:
            return
        finally:
            doer.close()


class _Doer:
    """Does the steps of one operation; a failed call is an outcome, its operation decides."""

    def __init__(
        self, channel: grpc.Channel, address: str, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._channel = channel
        self._address = address
        self._metadata = metadata
        self._answer: Any = None

    def outcome(self, step: Step) -> Any:
        try:
            match step:
                case Pause(seconds):
                    return time.sleep(seconds)
                case Next():
                    return next(self._answer, None)
                case Begin():
                    self._answer = call_on(self._channel, step, self._metadata)
                    return None
                case Send():
                    return call_on(self._channel, step, self._metadata)
        except grpc.RpcError as error:
            return failure(self._address, error)

    def close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
