"""Matching what a caller brings: chunks of tables in, chunks of tables out. Runs in a worker."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from engine.matcher import MatchInput, MatchResult, StageObserver
from engine.policy import POLICY_VERSION
from rpc.conversions import (
    ANSWER_TABLES,
    REQUEST_TABLES,
    decode_table,
    encode_table,
    encode_tables,
)
from rpc.errors import AnswerTooLargeError, FieldError
from rpc.jobs import MatchDone, MatchJob, StageTiming, StreamMatchDone, StreamMatchJob
from rpc.limits import MESSAGE_BYTES_MAX, REQUEST_ID_LENGTH_MAX
from rpc.messages import read_message
from rpc.payment_counts import PaymentCounts, payment_counts
from rpc.policy_messages import policy_book, policy_sha256
from rpc.row_checks import RowErrors, TableChecker
from rpc.scope import check_company_column
from rpc.spool import FrameWriter, read_frames
from rpc.stream_parts import HeaderFirst
from tieout.v1 import match_service_pb2, rows_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.batches import Batch
    from engine.resident import Resident

__all__ = [
    "ANSWER_FIELDS",
    "Matcher",
    "StageTimer",
    "read_as_of",
    "read_request_id",
    "run_match",
    "run_stream_match",
]

ANSWER_FIELDS: Final = {
    "applications": "applications",
    "payment_outcomes": "outcomes",
    "exceptions": "exceptions",
    "reversals": "reversals",
}
"""Table of an answer → field of a `MatchResult`."""


class Matcher(Protocol):
    """`engine.matcher.match_payments`, or what stands in for it in a test."""

    def __call__(self, match_input: MatchInput, observe: StageObserver) -> MatchResult:
        """Match every payment."""


class StageTimer:
    """Observes the stages of one match."""

    def __init__(self) -> None:
        """No stage yet."""
        self.timings: list[StageTiming] = []
        self._began: tuple[str, int, float] | None = None

    def __call__(self, stage: str, row_count: int) -> None:
        """A stage begins, and with it the one before ends."""
        self.finish()
        self._began = (stage, row_count, time.perf_counter())

    def finish(self) -> list[StageTiming]:
        """The last stage ends; gives all of them."""
        if self._began is not None:
            stage, row_count, began = self._began
            self.timings.append(StageTiming(stage, row_count, time.perf_counter() - began))
            self._began = None
        return self.timings


_OF_PAYMENTS: Final = ("payments", "remittance_lines")


class _Kept(msgspec.Struct, frozen=True):
    """What the server keeps, and the version of the snapshot it is in."""

    resident: Resident
    version: int


class _Request:
    """The tables of one match, chunk by chunk, and its header."""

    def __init__(self, header: Any, kept: _Kept | None = None) -> None:
        """Read a header: `MatchPaymentsRequest` or `StreamMatchHeader`; `kept` is what payments are
        matched with where the caller brings nothing else.
        """
        self._kept = kept
        self.request_id = read_request_id(header.request_id)
        self.validate_only: bool = header.validate_only
        if kept is not None and header.HasField("policy"):
            message = "policy: a match with resident open items is made by the server's own"
            raise FieldError(message, field="policy")
        self.policy = kept.resident.policy if kept else policy_book(header.policy)
        self.as_of = read_as_of(header.as_of)
        self.arrow = header.row_encoding == rows_pb2.ROW_ENCODING_ARROW
        self.errors = RowErrors()
        self._checkers = {kind.field: TableChecker(kind, self.errors) for kind in REQUEST_TABLES}

    def add(self, field: str, table: Any) -> None:
        """Add a chunk of the table `field`; raises `FieldError` where the server has its own."""
        if self._kept is not None and field not in _OF_PAYMENTS:
            message = f"{field}: a match with resident open items is made with the server's own"
            raise FieldError(message, field=field)
        kind = next(kind for kind in REQUEST_TABLES if kind.field == field)
        self._checkers[field].add(decode_table(kind, table), table.row_count)

    def match_input(self) -> MatchInput | None:
        """Everything the match depends on; None where a row is wrong."""
        batches: dict[str, Any] = {
            field: checker.finish() for field, checker in self._checkers.items()
        }
        lines = self._checkers["remittance_lines"]
        if not self.errors.count:
            lines.check_owners(batches["remittance_lines"], batches["payments"])
        if self.errors.count:
            return None
        for table in ("payments", "open_items"):
            check_company_column(batches[table].text("company_id"))
        if self._kept is not None:
            return MatchInput.against(
                self._kept.resident,
                batches["payments"],
                remittances=batches["remittance_lines"],
                as_of=self.as_of,
            )
        batches["remittances"] = batches.pop("remittance_lines")
        return MatchInput(**batches, policy=self.policy, as_of=self.as_of)

    def summary(
        self, state: match_service_pb2.MatchState.ValueType
    ) -> match_service_pb2.MatchSummary:
        """What became of the match."""
        return match_service_pb2.MatchSummary(
            request_id=self.request_id,
            state=state,
            row_errors=[
                match_service_pb2.RowError(**msgspec.structs.asdict(error))
                for error in self.errors.listed
            ],
            row_error_count=self.errors.count,
            policy_version=POLICY_VERSION,
            policy_sha256=policy_sha256(self.policy),
            snapshot_version=self._kept.version if self._kept else 0,
        )


def read_request_id(text: str) -> str:
    """A caller's id of a call; raises `FieldError` where it is too long."""
    if len(text) > REQUEST_ID_LENGTH_MAX:
        message = (
            f"request_id has {len(text)} characters, at most {REQUEST_ID_LENGTH_MAX} are accepted"
        )
        raise FieldError(message, field="request_id")
    return text


def read_as_of(text: str) -> date | None:
    """The day of a match, None where it is empty; raises `FieldError`."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"as_of is {text!r}, expected an ISO 8601 date such as 2026-03-31"
        raise FieldError(message, field="as_of", value=text) from None


class _Answer:
    """A summary and, where payments were matched, the tables of the result."""

    def __init__(self, request: _Request, match: Matcher) -> None:
        """Match `request` unless its rows are wrong or it asks for nothing."""
        timer = StageTimer()
        match_input = request.match_input()
        self.payments = PaymentCounts()
        self._arrow = request.arrow
        self._result: MatchResult | None = None
        if match_input is None:
            self.summary = request.summary(match_service_pb2.MATCH_STATE_REFUSED)
        elif request.validate_only:
            self.summary = request.summary(match_service_pb2.MATCH_STATE_VALIDATED)
        else:
            self._result = match(match_input, timer)
            self.payments = payment_counts(self._result.outcomes, self._result.applications)
            self.summary = request.summary(match_service_pb2.MATCH_STATE_MATCHED)
        self.timings = timer.finish()

    def tables(self, *, chunked: bool) -> Iterator[tuple[str, Any]]:
        """Fields of the answer and their tables."""
        if self._result is None:
            return
        for kind in ANSWER_TABLES:
            batch: Batch = getattr(self._result, ANSWER_FIELDS[kind.field])
            if chunked:
                for table in encode_tables(kind, batch, arrow=self._arrow):
                    yield kind.field, table
            else:
                yield kind.field, encode_table(kind, batch, arrow=self._arrow)


def run_match(job: MatchJob, match: Matcher) -> MatchDone:
    """Match one request; raises `AnswerTooLargeError` where the answer needs the streamed call."""
    message = read_message(match_service_pb2.MatchPaymentsRequest.FromString, job.request)
    request = _Request(message)
    sent = {field.name for field, _ in message.ListFields()}
    for kind in REQUEST_TABLES:
        if kind.field in sent:
            request.add(kind.field, getattr(message, kind.field))
    answer = _Answer(request, match)
    tables = dict(answer.tables(chunked=False))
    response = match_service_pb2.MatchPaymentsResponse(summary=answer.summary, **tables)
    size = response.ByteSize()
    if size > MESSAGE_BYTES_MAX:
        text = (
            f"the answer has {size} bytes, a message holds {MESSAGE_BYTES_MAX}; "
            "call StreamMatchPayments"
        )
        raise AnswerTooLargeError(text, size_bytes=str(size))
    return MatchDone(response.SerializeToString(), answer.payments, answer.timings)


def run_stream_match(
    job: StreamMatchJob, match: Matcher, resident: Resident | None = None
) -> StreamMatchDone:
    """Match the request frames of a file, with what is `resident` where that was asked for; raises
    `StreamOrderError` where the header is amiss.
    """
    kept = None if resident is None else _Kept(resident, job.snapshot_version)
    request: _Request | None = None
    order = HeaderFirst()
    for frame in read_frames(Path(job.requests_path)):
        part = read_message(match_service_pb2.StreamMatchPaymentsRequest.FromString, frame)
        field = part.WhichOneof("part")
        if order.is_header(field):
            request = _Request(part.header, kept)
        elif field is not None and request is not None:
            request.add(field, getattr(part, field))
    order.finish()
    assert request is not None  # noqa: S101 - the header came
    answer = _Answer(request, match)
    response = match_service_pb2.StreamMatchPaymentsResponse
    with FrameWriter(Path(job.responses_path)) as writer:
        writer.write(response(summary=answer.summary).SerializeToString())
        for name, table in answer.tables(chunked=True):
            writer.write(response(**{name: table}).SerializeToString())
    return StreamMatchDone(answer.payments, answer.timings)
