"""Rows and parts on their way through an operation: what the operations share."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

import grpc

from tieout.client.calls import advance
from tieout.client.errors import ClientError
from tieout.client.methods import method_of
from tieout.client.steps import Begin, Give, Next, Pause
from tieout.v1 import bank_file_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.message import Message

    from tieout.client.content import Content
    from tieout.client.retrying import Attempts
    from tieout.client.steps import Rows, Step, Steps

__all__ = ["all_given", "appended", "can_be_read_again", "followed", "rows_of"]

M = TypeVar("M", bound="Message")

_STEADY_SECONDS: Final = 60.0
"""A call that lasted so long had been taken: when it breaks, attempts are counted anew."""


def appended(sent: Content, upload: bank_file_service_pb2.Upload) -> Iterator[Message]:
    """What is left of an upload."""
    contract = bank_file_service_pb2
    header = contract.AppendUploadHeader(upload_id=upload.upload_id, offset=upload.received_bytes)
    yield contract.AppendUploadRequest(header=header)
    for chunk in sent.chunks(upload.received_bytes):
        yield contract.AppendUploadRequest(chunk=chunk)


def can_be_read_again(requests: Iterable[Message]) -> bool:
    """Whether another attempt would send all of it: a list, not a generator."""
    return iter(requests) is not requests


def followed(
    request: Message,
    answer: type[M],
    attempts: Callable[[], Attempts],
    seen: Callable[[M], bool],
) -> Rows[M]:
    """The parts of a call that goes on as things happen, made again wherever it breaks off.

    `seen` hears of each part once it was taken and says whether it was the last; where the next
    call is to go on behind it, it changes the request.
    """
    method = method_of(type(request), answer)
    left = attempts()
    while True:
        begun, is_over = time.monotonic(), False
        try:
            yield Begin(method, lambda: (request,), answer, None, uuid.uuid4().hex)
            while (part := (yield Next())) is not None:
                left = attempts()
                yield Give([part])
                is_over = seen(part)
            if is_over:
                return
            error = ClientError(grpc.StatusCode.UNAVAILABLE, "", "the stream has ended")
        except ClientError as caught:
            error = caught
        if time.monotonic() - begun > _STEADY_SECONDS:
            left = attempts()
        yield Pause(left.pause_after(error))


def rows_of(pages: Rows[M], of_page: Callable[[M], Iterable[Any]]) -> Rows[Any]:
    """The rows of each page."""
    outcome: Any = None
    while True:
        try:
            step = advance(pages, outcome)
        except StopIteration:
            return
        if isinstance(step, Give):
            outcome = None
            for page in step.rows:
                yield Give(of_page(page))
        else:
            outcome = yield from _told(step)


def all_given(rows: Rows[M], take: Callable[[M], None]) -> Steps[None]:
    """Hand every row to `take`; what is left are steps."""

    def taken(row: M) -> tuple[()]:
        take(row)
        return ()

    outcome: Any = None
    steps = rows_of(rows, taken)
    while True:
        try:
            step = advance(steps, outcome)
        except StopIteration:
            return
        outcome = None
        if not isinstance(step, Give):
            outcome = yield from _told(step)


def _told(step: Step) -> Steps[Any]:
    """What became of a step: a failed call is an outcome too."""
    try:
        return (yield step)
    except ClientError as error:
        return error
