"""One bank file from its bytes to the store, in one transaction. Runs in a worker.

The write lock is held from reading what earlier files took to keeping the result: two files never
apply cash to the same open amount, and a worker that dies leaves nothing half-written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import (
    Batch,
    DiagnosticBatch,
    ExceptionBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
)
from engine.exception_codes import EXCEPTION_CODES
from engine.matcher import MatchInput, MatchResult
from engine.resident import build_resident
from parsers.bank_files import parse_bank_file
from rpc.caller import current_caller
from rpc.conversions import ANSWER_TABLES, REQUEST_TABLES, TableKind, encode_tables
from rpc.errors import BankFileNotFoundError
from rpc.jobs import BankFileDone, BankFileJob, FileResultDone, FileResultJob
from rpc.match_job import StageTimer
from rpc.policy_messages import policy_sha256
from rpc.receipt_messages import bank_file_message, exception_messages
from rpc.repeated_statements import find_repeated, hold_repeated, kept_statements
from rpc.resident_tables import current_customers, current_items, file_postings
from rpc.scope import check_company_column, check_file
from rpc.spool import FrameWriter
from rpc.unpacking import unpack
from store.audit_leaves import RowSelection
from store.audited_tables import FILE_TABLES, POSTING_TABLES
from store.bank_file_records import (
    RECEIPT_ROWS_MAX,
    BankFileRecord,
    CurrencyTotal,
    ExceptionFilter,
    FileReceipt,
    FileResult,
)
from store.decision_records import Decision
from store.identities import text_sha256
from store.requests import RequestKey
from tieout.v1 import bank_file_service_pb2 as contract
from tieout.v1 import rows_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.policy import PolicyBook
    from engine.resident import Resident
    from parsers.parsed_file import ParsedFile
    from rpc.match_job import Matcher
    from rpc.resident_tables import ResidentTables
    from store.decision_records import PostedSet
    from store.repository import Booking, Repository

__all__ = ["BankFileRunner", "run_file_result"]

_B = TypeVar("_B", bound=Batch)

_BUCKETS: Final = (
    "applied_minor",
    "on_account_minor",
    "unapplied_minor",
    "unidentified_minor",
    "suspense_minor",
    "non_ar_minor",
    "refund_minor",
    "returned_minor",
)
_METHOD: Final = "BankFileService/SubmitBankFile"
"""Under this name the first answers to submissions are kept."""

_ROWS_PER_READ: Final = 10_000
_EXCEPTIONS_PER_READ: Final = 1_000


class BankFileRunner:
    """Takes bank files in; everything it needs is given once."""

    def __init__(
        self, repository: Repository, tables: ResidentTables, policy: PolicyBook, match: Matcher
    ) -> None:
        """Keep what every file needs."""
        self._repository = repository
        self._tables = tables
        self._policy = policy
        self._match = match

    def resident(self) -> Resident:
        """What the store holds now, indexed."""
        with self._repository.reading():
            feed = self._repository.open_items.changes_after(self._tables.booking_number)
            customers = self._repository.customers.read().changed.rows
        return build_resident(
            current_items(self._tables, feed),
            customers,
            self._tables.bank_accounts,
            self._policy,
        )

    def run(self, job: BankFileJob) -> BankFileDone:
        """Read, match and keep one file; raises a `ParserError` or a `StoreError`."""
        timer = StageTimer()
        timer("parse", job.size_bytes)
        packed = Path(job.content_path).read_bytes()
        unpacked = unpack(packed, job.file_name, job.file_id)
        content, file_id = unpacked.content, unpacked.file_id
        job = msgspec.structs.replace(job, file_id=file_id, size_bytes=len(content))
        key = RequestKey(job.request_id, _METHOD, file_id)
        parsed = None
        if not self._is_answered(key) and self._find_same(file_id, content) is None:
            parsed = parse_bank_file(content, job.file_name, self._tables.bank_accounts)
        timer.finish()
        with self._repository.booking() as booking:
            answer = booking.requests.find(key) if job.request_id else None
            if answer is not None:
                return _answered(answer, timer, booking)
            first = self._find_same(file_id, content)
            if first is None and parsed is not None:
                first = self._find_repeated(parsed, booking)
            if first is not None:
                check_file(booking.bank_files, first.record.file_id)
                receipt = first
            else:
                assert parsed is not None  # noqa: S101 - kept files stay, else it was parsed
                receipt = self._book(job, content, parsed, booking, timer)
            response = contract.SubmitBankFileResponse(
                bank_file=bank_file_message(
                    receipt, kept=first is not None or not job.validate_only
                ),
                already_processed=first is not None,
            ).SerializeToString()
            if job.request_id and not job.validate_only:
                booking.requests.keep(key, response, job.received_at_ms)
        return BankFileDone(
            response=response,
            source_format=receipt.record.source_format,
            payment_count=receipt.record.payment_count if first is None else 0,
            exception_codes=self._store_codes(file_id) if first is None else {},
            timings=timer.finish(),
        )

    def _is_answered(self, key: RequestKey) -> bool:
        """Whether the request has its answer; raises `RequestIdReusedError` before any work."""
        return bool(key.request_id) and self._repository.requests.find(key) is not None

    def _find_same(self, file_id: str, content: bytes) -> FileReceipt | None:
        """The receipt of the same bytes, or of the same text with other line ends."""
        files = self._repository.bank_files
        found = files.find_file(file_id)
        if found is None:
            first = self._repository.identities.file_of_text(text_sha256(content))
            found = None if first is None else files.find_file(first)
        return found

    def _find_repeated(self, parsed: ParsedFile, booking: Booking) -> FileReceipt | None:
        """The receipt of the file that brought all of these statements and payments."""
        repeated = find_repeated(parsed, booking.identities.files_of)
        if not repeated.first_file:
            return None
        identities = parsed.payments.strings("payment_id")
        if len(booking.bank_files.seen_payments(identities)) < len(identities):
            return None
        return booking.bank_files.find_file(repeated.first_file)

    def _store_codes(self, file_id: str) -> dict[str, int]:
        """How often each code was raised on the file that was just kept."""
        return self._repository.bank_files.exception_codes(file_id)

    def _book(
        self,
        job: BankFileJob,
        content: bytes,
        parsed: ParsedFile,
        booking: Booking,
        timer: StageTimer,
    ) -> FileReceipt:
        if not job.validate_only:
            booking.halts.check()
        seen = booking.bank_files.seen_payments(parsed.payments.strings("payment_id"))
        payments = hold_repeated(
            _without_payments(parsed.payments, seen),
            find_repeated(parsed, booking.identities.files_of),
        )
        remittances = _without_payments(parsed.remittances, seen)
        match_input = MatchInput(
            payments=payments,
            remittances=remittances,
            advices=parsed.advices,
            open_items=current_items(
                self._tables, booking.open_items.changes_after(self._tables.booking_number)
            ),
            customers=current_customers(
                self._tables, booking.customers.changes_after(self._tables.booking_number)
            ),
            bank_accounts=self._tables.bank_accounts,
            learned=booking.facts.read(),
            policy=self._policy,
        )
        matched = self._match(match_input, timer)
        matched = msgspec.structs.replace(
            matched,
            exceptions=ExceptionBatch.concat(
                [matched.exceptions, _repeats(parsed.payments, seen, job)]
            ),
        )
        check_company_column(matched.outcomes.text("company_id"))
        receipt = _receipt(job, parsed, match_input, matched, len(seen))
        if not job.validate_only:
            timer("record", len(payments))
            result = FileResult(
                receipt=receipt,
                payments=payments,
                remittances=remittances,
                outcomes=matched.outcomes,
                applications=matched.applications,
                reversals=matched.reversals,
                exceptions=matched.exceptions,
                control_checks=parsed.control_checks,
                diagnostics=parsed.diagnostics,
                repeated_payments=tuple(sorted(seen)),
            )
            keys = booking.bank_files.keep(result)
            posted = _post(job, match_input, matched, booking)
            booking.cases.open_for_file(job.file_id, job.received_at_ms)
            spans = booking.personal.spans(parsed.payments, keys)
            accounts = self._tables.bank_accounts
            booking.contents.keep(job.file_id, content, spans, accounts, job.received_at_ms)
            _tell(job, content, parsed, result, booking, posted)
        return receipt


def _post(
    job: BankFileJob, match_input: MatchInput, matched: MatchResult, booking: Booking
) -> PostedSet | None:
    """Post what the match decided, on items as they were matched against."""
    applied, returned = file_postings(
        match_input.open_items, matched.outcomes, matched.applications, matched.reversals
    )
    decision = Decision(
        decided_by="matcher",
        decided_at_ms=job.received_at_ms,
        subject=job.file_id,
        is_human=False,
    )
    return booking.decisions.post_file(job.file_id, applied, returned, decision)


def _tell(
    job: BankFileJob,
    content: bytes,
    parsed: ParsedFile,
    result: FileResult,
    booking: Booking,
    posted: PostedSet | None,
) -> None:
    """What a kept file leaves behind beside its rows and bytes: identities, event, audit leaf."""
    file_id, now_ms = job.file_id, job.received_at_ms
    booking.identities.keep(file_id, text_sha256(content), kept_statements(parsed))
    record = result.receipt.record
    booking.events.add(
        f"bank_file.{record.state}",
        file_id,
        now_ms,
        {
            "payment_count": record.payment_count,
            "application_count": record.application_count,
            "exception_count": record.exception_count,
            "currency_totals": [
                {"currency": one.currency, "amount_minor": one.amount_minor}
                for one in result.receipt.currency_totals
            ],
        },
    )
    selections = [RowSelection(table.name, table.column, file_id) for table in FILE_TABLES]
    if posted is not None:
        number = str(posted.booking_number)
        selections += [RowSelection(one.name, one.column, number) for one in POSTING_TABLES]
    booking.audit.record(
        "bank_file",
        file_id,
        actor=current_caller().name,
        recorded_at_ms=now_ms,
        selections=selections,
    )


def _answered(answer: bytes, timer: StageTimer, booking: Booking) -> BankFileDone:
    """The first answer to a request, again; nothing was done."""
    response = contract.SubmitBankFileResponse.FromString(answer)
    check_file(booking.bank_files, response.bank_file.file_id)
    return BankFileDone(
        response=answer,
        source_format=response.bank_file.source_format,
        payment_count=0,
        exception_codes={},
        is_repeated=True,
        timings=timer.finish(),
    )


def _without_payments(batch: _B, seen: set[str]) -> _B:
    if not seen:
        return batch
    repeated = pc.is_in(batch.text("payment_id"), value_set=pa.array(sorted(seen), pa.string()))
    return type(batch).of(batch.record_batch.filter(pc.invert(repeated)))


def _repeats(payments: PaymentBatch, seen: set[str], job: BankFileJob) -> ExceptionBatch:
    """One exception per payment an earlier file has brought: counted once, said here."""
    entry = EXCEPTION_CODES["IN-DUPPAY"]
    known = pc.is_in(payments.text("payment_id"), value_set=pa.array(sorted(seen), pa.string()))
    again = PaymentBatch.of(payments.record_batch.filter(known))
    identities = again.strings("payment_id")
    rows = len(identities)
    return ExceptionBatch.from_columns(
        {
            "exception_id": [f"{one}-{entry.code}-{job.file_id[:16]}" for one in identities],
            "source_file": [job.file_name] * rows,
            "code": [entry.code] * rows,
            "is_primary": [True] * rows,
            "amount_minor": again.int64("amount_minor"),
            "currency": again.text("currency"),
            "message": [f"Payment {one} came with an earlier file as well" for one in identities],
            "missing_fact": [entry.missing_fact] * rows,
            "suggested_action": [entry.suggested_action] * rows,
        }
    )


def _receipt(
    job: BankFileJob, parsed: ParsedFile, match_input: MatchInput, matched: MatchResult, seen: int
) -> FileReceipt:
    decided = pc.equal(matched.applications.text("decision"), "auto")
    decided_count = pc.sum(decided).as_py() or 0
    record = BankFileRecord(
        file_id=job.file_id,
        file_name=job.file_name,
        size_bytes=job.size_bytes,
        received_at_ms=job.received_at_ms,
        state="held" if _is_held(parsed) else "processed",
        source_format=parsed.source_format,
        dialect=parsed.dialect,
        statement_count=parsed.statement_count,
        payment_count=len(match_input.payments),
        repeated_payment_count=seen,
        remittance_line_count=len(match_input.remittances),
        application_count=decided_count,
        proposal_count=len(matched.applications) - decided_count,
        exception_count=len(matched.exceptions),
        control_check_count=len(parsed.control_checks),
        diagnostic_count=len(parsed.diagnostics),
        policy_sha256=policy_sha256(match_input.policy),
    )
    failed_first = np.argsort(
        parsed.control_checks.record_batch.column("ok").to_numpy(zero_copy_only=False),
        kind="stable",
    )
    return FileReceipt(
        record=record,
        counted_rows=parsed.counted_rows,
        currency_totals=_currency_totals(match_input.payments, matched.outcomes),
        control_checks=parsed.control_checks.take(failed_first[:RECEIPT_ROWS_MAX]),
        diagnostics=DiagnosticBatch.of(parsed.diagnostics.record_batch.slice(0, RECEIPT_ROWS_MAX)),
    )


def _is_held(parsed: ParsedFile) -> bool:
    if len(parsed.payments):
        codes = parsed.payments.text("intake_codes")
        return bool(pc.any(pc.match_substring(codes, "IN-TOTAL")).as_py())
    return not bool(pc.all(parsed.control_checks.record_batch.column("ok")).as_py())


def _currency_totals(
    payments: PaymentBatch, outcomes: PaymentOutcomeBatch
) -> tuple[CurrencyTotal, ...]:
    columns = {name: outcomes.record_batch.column(name) for name in ("currency", *_BUCKETS)}
    columns["amount_minor"] = payments.record_batch.column("amount_minor")
    sums_of = [(name, "sum") for name in ("amount_minor", *_BUCKETS)]
    by_currency = pa.table(columns).group_by("currency")
    sums = by_currency.aggregate([("currency", "count"), *sums_of]).sort_by("currency")
    return tuple(
        CurrencyTotal(
            currency=row["currency"],
            payment_count=row["currency_count"],
            **{name: row[f"{name}_sum"] for name in ("amount_minor", *_BUCKETS)},
        )
        for row in sums.to_pylist()
    )


_RESULT_TABLES: Final = {
    kind.field: kind
    for name in (
        "payments",
        "remittance_lines",
        "payment_outcomes",
        "applications",
        "exceptions",
        "reversals",
    )
    for kind in (*REQUEST_TABLES, *ANSWER_TABLES)
    if kind.field == name
}
"""Tables of a kept file, in the order they are sent."""


def run_file_result(repository: Repository, job: FileResultJob) -> FileResultDone:
    """Write what became of a kept file; raises `BankFileNotFoundError`."""
    if repository.bank_files.find_file(job.file_id) is None:
        message = f"no bank file {job.file_id!r} is kept here"
        raise BankFileNotFoundError(message, file_id=job.file_id)
    check_file(repository.bank_files, job.file_id)
    frames = 0
    with FrameWriter(Path(job.responses_path)) as writer:
        for kind in _RESULT_TABLES.values():
            for table in _stored_tables(repository, job, kind):
                response = contract.GetBankFileResultResponse(**{kind.field: table})
                writer.write(response.SerializeToString())
                frames += 1
    return FileResultDone(frames)


def _stored_tables(repository: Repository, job: FileResultJob, kind: TableKind) -> Iterator[Any]:
    if kind.batch_class is ExceptionBatch and not job.arrow:
        yield from _stored_exceptions(repository, job.file_id)
        return
    empty = True
    for batch in repository.bank_files.read_table(job.file_id, kind.batch_class, _ROWS_PER_READ):
        empty = False
        yield from encode_tables(kind, batch, arrow=job.arrow)
    if empty:
        yield from encode_tables(kind, kind.batch_class.empty(), arrow=job.arrow)


def _stored_exceptions(
    repository: Repository, file_id: str
) -> Iterator[rows_pb2.ExceptionItemTable]:
    after: int | None = 0
    while after is not None:
        page = repository.bank_files.list_exceptions(
            ExceptionFilter(file_id=file_id), after, _EXCEPTIONS_PER_READ
        )
        items = exception_messages(page)
        yield rows_pb2.ExceptionItemTable(
            row_count=len(items), messages=rows_pb2.ExceptionItemRows(exception_items=items)
        )
        after = page.last_number
