"""What an operation asks of a connection, step by step: the same for threads and for asyncio.

An operation is written once, as a generator: it yields what is to be done next and is told how it
went. Only the two connections (`tieout/client/blocking.py`, `tieout/client/awaited.py`) know how to
do a step. `operation` and `listing` make methods of such generators, typed for both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from tieout.client.methods import Method

__all__ = [
    "Awaited",
    "Begin",
    "Blocking",
    "Give",
    "Next",
    "Pause",
    "Rows",
    "Send",
    "Step",
    "Steps",
    "listing",
    "operation",
]

T = TypeVar("T")
P = ParamSpec("P")
M = TypeVar("M", bound="Message")


@dataclass(frozen=True)
class Send(Generic[M]):
    """Make a call that is answered at once; gives the answer. `parts` gives what is sent."""

    method: Method
    parts: Callable[[], Iterable[Message]]
    answer: type[M]
    timeout_seconds: float | None
    call_id: str


@dataclass(frozen=True)
class Begin(Generic[M]):
    """Make a call that is answered in parts; `Next` gives them."""

    method: Method
    parts: Callable[[], Iterable[Message]]
    answer: type[M]
    timeout_seconds: float | None
    call_id: str


@dataclass(frozen=True)
class Next:
    """Wait for the next part of the answer begun last; gives None at its end."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Give(Generic[T]):
    """Hand rows to whoever iterates."""

    rows: Iterable[T]


Step = Send[Any] | Begin[Any] | Next | Pause
Steps = Generator[Step, Any, T]
"""An operation with one result."""
Rows = Generator[Step | Give[T], Any, None]
"""An operation that gives rows, one after the other."""


class Blocking(Protocol):
    """A connection whose methods return when they are done."""

    def run_steps(self, steps: Steps[T]) -> T:
        """Do the steps; gives the result."""

    def iterate(self, rows: Rows[T]) -> Iterator[T]:
        """Do the steps as far as rows are asked for."""


class Awaited(Protocol):
    """A connection of asyncio."""

    async def await_steps(self, steps: Steps[T]) -> T:
        """Do the steps; gives the result."""

    def iterate_async(self, rows: Rows[T]) -> AsyncIterator[T]:
        """Do the steps as far as rows are asked for."""


class operation(Generic[P, T]):  # noqa: N801 - used as a decorator, such as property
    """A method with one result, of a generator that yields steps."""

    def __init__(self, steps_of: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        """Make a method of `steps_of`."""
        self._steps_of = steps_of
        update_wrapper(self, steps_of)  # type: ignore[arg-type]  # it becomes that function's method

    @overload
    def __get__(self, client: Blocking, owner: object = ...) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaited, owner: object = ...) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: object = None) -> Any:
        """The method of `client`."""
        if client is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            steps = self._steps_of(client, *args, **kwargs)
            run = getattr(client, "run_steps", None) or client.await_steps
            return run(steps)

        return update_wrapper(call, self._steps_of)


class listing(Generic[P, T]):  # noqa: N801 - as `operation`
    """A method that gives rows as they come, of a generator that yields steps and rows."""

    def __init__(self, rows_of: Callable[Concatenate[Any, P], Rows[T]]) -> None:
        """Make a method of `rows_of`."""
        self._rows_of = rows_of
        update_wrapper(self, rows_of)  # type: ignore[arg-type]  # it becomes that function's method

    @overload
    def __get__(self, client: Blocking, owner: object = ...) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Awaited, owner: object = ...) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: object = None) -> Any:
        """The method of `client`."""
        if client is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            rows = self._rows_of(client, *args, **kwargs)
            iterate = getattr(client, "iterate", None) or client.iterate_async
            return iterate(rows)

        return update_wrapper(call, self._rows_of)
