"""Rows and parts on their way through an operation: what the operations share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tieout.client.calls import advance
from tieout.client.errors import ClientError
from tieout.client.steps import Give
from tieout.v1 import bank_file_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from google.protobuf.message import Message

    from tieout.client.content import Content
    from tieout.client.steps import Rows, Step, Steps

__all__ = ["all_given", "appended", "can_be_read_again", "rows_of"]

M = TypeVar("M", bound="Message")


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
