"""How a call is made: tried again where that is worth it, page by page, part by part."""

from __future__ import annotations

import random
import time
import uuid
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tieout.client.errors import ClientError
from tieout.client.methods import method_of
from tieout.client.retrying import NO_RETRIES, Attempts, Retrying
from tieout.client.steps import Begin, Give, Next, Pause, Rows, Send, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message

    from tieout.client.methods import Method

__all__ = ["AttemptedCalls"]

M = TypeVar("M", bound="Message")


class AttemptedCalls:
    """Calls with their retries, all within one timeout."""

    def __init__(self, timeout_seconds: float, retrying: Retrying) -> None:
        """Let calls, with their retries, end within the timeout."""
        self._timeout_seconds = timeout_seconds
        self._retrying = retrying

    def _attempts(self, *, may_retry: bool = True) -> Attempts:
        rules = self._retrying if may_retry else NO_RETRIES
        return Attempts(rules, self._timeout_seconds, time.monotonic, random.random)

    def _ask(self, request: Message, answer: type[M]) -> Steps[M]:
        method = method_of(type(request), answer)
        sent = request
        if (
            "request_id" in request.DESCRIPTOR.fields_by_name
            and not cast("Any", request).request_id
        ):
            sent = type(request)()
            sent.CopyFrom(request)
            cast("Any", sent).request_id = uuid.uuid4().hex
        return (yield from self._attempt(method, lambda: (sent,), answer))

    def _attempt(
        self,
        method: Method,
        parts: Callable[[], Iterable[Message]],
        answer: type[M],
        *,
        may_retry: bool = True,
    ) -> Steps[M]:
        """Call until it ends well, or is not worth another attempt."""
        attempts, call_id = self._attempts(may_retry=may_retry), uuid.uuid4().hex
        while True:
            try:
                step = Send(method, parts, answer, attempts.seconds_left, call_id)
                return cast("M", (yield step))
            except ClientError as error:
                yield Pause(attempts.pause_after(error))

    def _parts(
        self,
        method: Method,
        parts: Callable[[], Iterable[Message]],
        answer: type[M],
        *,
        may_retry: bool = True,
    ) -> Rows[M]:
        """The parts of an answer; before the first of them a failed call is made again."""
        attempts, call_id = self._attempts(may_retry=may_retry), uuid.uuid4().hex
        while True:
            has_begun = False
            try:
                yield Begin(method, parts, answer, attempts.seconds_left, call_id)
                while (part := (yield Next())) is not None:
                    has_begun = True
                    yield Give([cast("M", part)])
            except ClientError as error:
                if has_begun:
                    raise
                yield Pause(attempts.pause_after(error))
            else:
                return

    def _pages(self, request: Message, answer: type[M]) -> Rows[M]:
        wanted: Any = type(request)()
        wanted.CopyFrom(request)
        while True:
            page = yield from self._ask(wanted, answer)
            yield Give([page])
            token = cast("Any", page).next_page_token
            if not token or token == wanted.page_token:
                return
            wanted.page_token = token
