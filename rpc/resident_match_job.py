"""Matching with what the server keeps: many small calls in one pass. Runs in a worker.

The rows of all calls are read as one table and matched together; each call gets the answer it gets
alone (`engine.apart`). A call whose rows are wrong, or that comes as Arrow, is read by itself.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow.compute as pc

from engine.apart import Apart, PartResult, Parts, match_at_once, match_parts
from engine.batches import PaymentBatch, RemittanceBatch
from engine.policy import POLICY_VERSION
from rpc.conversions import (
    ANSWER_TABLES,
    REQUEST_TABLES,
    decode_messages,
    decode_table,
    encode_table,
    row_messages,
)
from rpc.errors import AnswerTooLargeError, CompanyNotPermittedError, FieldError, ServiceError
from rpc.explanations import explained
from rpc.jobs import JobFailure, ResidentAnswer, ResidentMatchDone
from rpc.limits import EXPLAINED_ITEMS_MAX, MESSAGE_BYTES_MAX
from rpc.match_job import ANSWER_FIELDS, StageTimer, read_as_of, read_request_id
from rpc.messages import read_message
from rpc.payment_counts import PaymentCounts, payment_counts
from rpc.policy_messages import policy_sha256
from rpc.row_checks import RowErrors, TableChecker
from tieout.v1 import match_service_pb2, rows_pb2

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from engine.resident import Resident
    from rpc.conversions import TableKind
    from rpc.jobs import ResidentMatchJob, ResidentRequest

__all__ = ["run_resident_match"]

_TABLES: Final = {kind.field: kind for kind in REQUEST_TABLES}
_LAST_STAGE: Final = "audit"
_READ: Final = ("payments", "remittance_lines")


class _Call:
    """One call: its message, what was read of it, and in the end its answer."""

    def __init__(self, request: ResidentRequest) -> None:
        """Nothing is read yet but the message."""
        self.explain = request.explain
        self.companies = request.companies
        self.errors = RowErrors()
        self.failure: JobFailure | None = None
        self.rows: _Rows | None = None
        self.as_of: datetime.date | None = None
        self.result: PartResult | None = None
        self.is_postponed = False
        self.message: Any = None
        self.attempt(partial(self._open, request.content))

    def _open(self, content: bytes) -> None:
        kind = (
            match_service_pb2.ExplainPaymentRequest
            if self.explain
            else match_service_pb2.MatchResidentPaymentsRequest
        )
        self.message = read_message(kind.FromString, content)

    @property
    def validate_only(self) -> bool:
        """Nothing is to be matched."""
        return not self.explain and bool(self.message.validate_only)

    def is_arrow(self) -> bool:
        """The answer's rows are asked for as Arrow."""
        encoding: int = self.message.row_encoding
        return encoding == rows_pb2.ROW_ENCODING_ARROW

    def attempt(self, act: Callable[[], None]) -> None:
        """Do `act`; an error is this call's alone."""
        try:
            act()
        except ServiceError as error:
            self.failure = JobFailure(error.reason, str(error), error.metadata)

    def answered_by(self, answers: _Answers) -> ResidentAnswer:
        """The answer, or why there is none."""
        if self.is_postponed:
            return ResidentAnswer(b"", None, is_postponed=True)
        if self.failure is None:
            try:
                return ResidentAnswer(answers.response(self), None)
            except ServiceError as error:
                self.failure = JobFailure(error.reason, str(error), error.metadata)
        return ResidentAnswer(b"", self.failure)

    def is_plain(self) -> bool:
        """All rows came as messages: they can be read together with those of others."""
        return all(getattr(self.message, field).WhichOneof("rows") != "arrow" for field in _READ)

    def read_alone(self) -> None:
        """Read and check the rows of this call; errors are listed."""
        tables = {}
        for field in _READ:
            table = getattr(self.message, field)
            if table.row_count or table.WhichOneof("rows"):
                tables[field] = decode_table(_TABLES[field], table), table.row_count
        payments, lines = _read(tables, self.errors)
        if not self.errors.count:
            self.take(_Rows(payments, lines, (0, len(payments)), (0, len(lines))))

    def take(self, rows: _Rows) -> None:
        """The rows are good."""
        read_request_id(self.message.request_id)
        self.as_of = read_as_of(self.message.as_of)
        self.rows = rows
        self._check_scope(rows)
        count = rows.payment_count()
        if self.explain and count != 1:
            message = f"payments has {count} rows; one payment is explained at a time"
            raise FieldError(message, field="payments")
        if self.explain and len(self.message.open_items) > EXPLAINED_ITEMS_MAX:
            message = f"open_items names more than {EXPLAINED_ITEMS_MAX} items"
            raise FieldError(message, field="open_items")

    def part(self) -> Apart:
        """Its rows, apart from those of others."""
        assert self.rows is not None  # noqa: S101 - asked of calls that were read
        payments, lines = self.rows.alone()
        return Apart(payments=payments, remittances=lines, as_of=self.as_of)

    def _check_scope(self, rows: _Rows) -> None:
        """A caller of some companies must say whose account was paid into."""
        if self.companies is None:
            return
        for company in sorted(set(rows.alone()[0].codes("company_id")[1])):
            if company not in self.companies:
                message = f"company {company!r} is not among the caller's companies"
                raise CompanyNotPermittedError(message, company_id=company)


class _Rows(msgspec.Struct, frozen=True):
    """The rows of one call in a table that may hold those of others too; bounds of payments, and of
    remittance lines.
    """

    payments: PaymentBatch
    lines: RemittanceBatch
    bounds: tuple[int, int]
    line_bounds: tuple[int, int]

    def payment_count(self) -> int:
        """Number of payments."""
        return self.bounds[1] - self.bounds[0]

    def line_count(self) -> int:
        """Number of remittance lines."""
        return self.line_bounds[1] - self.line_bounds[0]

    def alone(self) -> tuple[PaymentBatch, RemittanceBatch]:
        """The rows of this call only."""
        return (
            self.payments.slice(self.bounds[0], self.payment_count()),
            self.lines.slice(self.line_bounds[0], self.line_count()),
        )


class _Answers:
    """Builds responses; the rows of a result that several calls share are turned into messages
    once.
    """

    def __init__(self, resident: Resident, version: int) -> None:
        """Answer as of the snapshot of that version."""
        self._resident = resident
        self._version = version
        self._policy_sha256 = policy_sha256(resident.policy)
        self._rows: dict[int, dict[str, list[Any]]] = {}
        self._without_rows = _matched_without_rows(version, self._policy_sha256)

    def response(self, call: _Call) -> bytes:
        """The response to `call`, encoded; raises `AnswerTooLargeError`."""
        if call.result is not None and not call.explain and not call.is_arrow():
            answer = self._matched(call, call.result)
        else:
            answer = self._any(call)
        size = answer.ByteSize()
        if size > MESSAGE_BYTES_MAX:
            text = (
                f"the answer has {size} bytes, a message holds {MESSAGE_BYTES_MAX}; "
                "send fewer payments at a time"
            )
            raise AnswerTooLargeError(text, size_bytes=str(size))
        encoded: bytes = answer.SerializeToString()
        return encoded

    def _any(self, call: _Call) -> Any:
        answer: Any = (
            match_service_pb2.ExplainPaymentResponse()
            if call.explain
            else match_service_pb2.MatchResidentPaymentsResponse()
        )
        answer.snapshot_version = self._version
        answer.summary.CopyFrom(self._summary(call))
        if call.result is not None and call.explain:
            self._explain(call, call.result, answer)
        elif call.result is not None:
            alone = call.result.alone()
            for kind in ANSWER_TABLES:
                table = encode_table(kind, getattr(alone, ANSWER_FIELDS[kind.field]), arrow=True)
                getattr(answer, kind.field).CopyFrom(table)
        return answer

    def _matched(self, call: _Call, result: PartResult) -> Any:
        """The answer to a call that was matched, its rows as messages."""
        answer = match_service_pb2.MatchResidentPaymentsResponse.FromString(self._without_rows)
        answer.summary.request_id = call.message.request_id
        for kind in ANSWER_TABLES:
            start, end = result.bounds[ANSWER_FIELDS[kind.field]]
            if end > start:
                table = getattr(answer, kind.field)
                table.row_count = end - start
                getattr(table.messages, kind.rows_field).extend(self._own_rows(kind, result))
        return answer

    def _summary(self, call: _Call) -> match_service_pb2.MatchSummary:
        state = match_service_pb2.MATCH_STATE_MATCHED
        if call.errors.count:
            state = match_service_pb2.MATCH_STATE_REFUSED
        elif call.validate_only:
            state = match_service_pb2.MATCH_STATE_VALIDATED
        return match_service_pb2.MatchSummary(
            request_id=call.message.request_id,
            state=state,
            row_errors=[
                match_service_pb2.RowError(**msgspec.structs.asdict(error))
                for error in call.errors.listed
            ],
            row_error_count=call.errors.count,
            policy_version=POLICY_VERSION,
            policy_sha256=self._policy_sha256,
        )

    def _explain(self, call: _Call, result: PartResult, answer: Any) -> None:
        own = {kind.field: self._own_rows(kind, result) for kind in ANSWER_TABLES}
        answer.payment_outcome.CopyFrom(own["payment_outcomes"][0])
        answer.applications.extend(own["applications"])
        answer.exceptions.extend(own["exceptions"])
        asked = list(call.message.open_items)
        answer.items.extend(explained(self._resident, call.part(), result.alone(), asked))

    def _own_rows(self, kind: TableKind, result: PartResult) -> list[Any]:
        name = ANSWER_FIELDS[kind.field]
        shared = self._rows.setdefault(id(result.together), {})
        if name not in shared:
            shared[name] = row_messages(kind, getattr(result.together, name))
        start, end = result.bounds[name]
        return shared[name][start:end]


@lru_cache(maxsize=4)
def _matched_without_rows(version: int, policy_hash: str) -> bytes:
    """What all answers of matches have in common."""
    answer: Any = match_service_pb2.MatchResidentPaymentsResponse(
        snapshot_version=version,
        summary=match_service_pb2.MatchSummary(
            state=match_service_pb2.MATCH_STATE_MATCHED,
            policy_version=POLICY_VERSION,
            policy_sha256=policy_hash,
        ),
    )
    for kind in ANSWER_TABLES:
        getattr(answer, kind.field).messages.SetInParent()
    encoded: bytes = answer.SerializeToString()
    return encoded


def run_resident_match(
    job: ResidentMatchJob, resident: Resident, nearly_done: Callable[[], None] = lambda: None
) -> ResidentMatchDone:
    """Answer every request of `job`; what is wrong with one is no matter to the others.

    `nearly_done` is called when all is decided, and is to be audited and told.
    """
    timer = StageTimer()

    def observe(stage: str, row_count: int) -> None:
        timer(stage, row_count)
        if stage == _LAST_STAGE:
            nearly_done()

    calls = [_Call(request) for request in job.requests]
    _read_together([call for call in calls if not call.failure and call.is_plain()])
    for call in calls:
        if call.rows is None and not call.failure:
            call.attempt(call.read_alone)
    live = [call for call in calls if call.rows and not call.failure and not call.validate_only]
    match = match_at_once if job.may_postpone else match_parts
    results = match(resident, _parts(live), observe) if live else []
    for call, result in zip(live, results, strict=True):
        call.result, call.is_postponed = result, result is None
    answers = _Answers(resident, job.snapshot_version)
    return ResidentMatchDone(
        [call.answered_by(answers) for call in calls],
        _counted(results),
        timer.finish(),
    )


def _counted(results: Sequence[PartResult | None]) -> PaymentCounts:
    """The payments of all calls, those of calls that share a result once."""
    shared = {id(one.together): one.together for one in results if one is not None}
    counted = (payment_counts(one.outcomes, one.applications) for one in shared.values())
    return sum(counted, start=PaymentCounts())


def _parts(calls: Sequence[_Call]) -> Parts:
    """The rows of `calls`, which were read: the table they stand in, where it holds no others."""
    rows = [call.rows for call in calls if call.rows]
    payments, lines = rows[0].payments, rows[0].lines
    payment_counts, line_counts = (
        [one.payment_count() for one in rows],
        [one.line_count() for one in rows],
    )
    if sum(payment_counts) != len(payments) or any(one.payments is not payments for one in rows):
        return Parts.of([call.part() for call in calls])
    return Parts.cut(
        payments,
        lines,
        payment_counts,
        line_counts,
        [call.as_of for call in calls],
    )


def _read(
    tables: dict[str, tuple[dict[str, pa.Array | None], int]], errors: RowErrors
) -> tuple[PaymentBatch, RemittanceBatch]:
    """The batches of the columns and row counts of tables; what is wrong goes to `errors`."""
    checkers = {field: TableChecker(_TABLES[field], errors) for field in _READ}
    for field, (columns, row_count) in tables.items():
        checkers[field].add(columns, row_count)
    payments, lines = (checkers[field].finish() for field in _READ)
    if not errors.count and len(lines):
        checkers["remittance_lines"].check_owners(lines, payments)
    assert isinstance(payments, PaymentBatch)  # noqa: S101 - the kinds say so
    assert isinstance(lines, RemittanceBatch)  # noqa: S101 - the kinds say so
    return payments, lines


def _read_together(calls: Sequence[_Call]) -> None:
    """Read the rows of all `calls` at once, if nothing is wrong with any of them and no two have
    a payment in common; else nothing is read.
    """
    if len(calls) < 2:
        return
    tables: dict[str, tuple[dict[str, pa.Array | None], int]] = {}
    edges: dict[str, list[int]] = {}
    for field in _READ:
        rows: list[Any] = []
        edges[field] = [0]
        for call in calls:
            own = getattr(call.message, field)
            before = len(rows)
            rows.extend(getattr(own.messages, field))
            if len(rows) - before != own.row_count:
                return
            edges[field].append(len(rows))
        if rows:
            tables[field] = decode_messages(_TABLES[field], rows), len(rows)
    errors = RowErrors()
    payments, lines = _read(tables, errors)
    if errors.count:
        return
    foreign = _foreign_lines(payments, lines, edges)
    for place, call in enumerate(calls):
        if place not in foreign:
            first, of = edges["payments"], edges["remittance_lines"]
            bounds = (first[place], first[place + 1]), (of[place], of[place + 1])
            call.attempt(partial(call.take, _Rows(payments, lines, *bounds)))


def _foreign_lines(
    payments: PaymentBatch, lines: RemittanceBatch, edges: dict[str, list[int]]
) -> set[int]:
    """Places of calls with a line that names a payment of another call."""
    if not len(lines):
        return set()
    sent = {
        name: np.repeat(np.arange(len(edge) - 1), np.diff(edge)) for name, edge in edges.items()
    }
    row = pc.index_in(lines.text("payment_id"), value_set=payments.text("payment_id"))
    foreign = sent["payments"][row.to_numpy()] != sent["remittance_lines"]
    return set(sent["remittance_lines"][foreign].tolist())
