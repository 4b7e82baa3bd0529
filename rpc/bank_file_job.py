"""One bank file from its bytes to the store, in one transaction. Runs in a worker.

The file is matched beside the store (`rpc/bank_file_matching.py`), and kept where nothing the match
rests on has changed: two files never apply cash to the same open amount, nobody waits for a match,
and a worker that dies leaves nothing half-written.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from engine.batches import DiagnosticBatch, ExceptionBatch
from parsers.bank_files import parse_bank_file
from rpc.bank_file_matching import ATTEMPTS_MAX, FileMatcher
from rpc.bank_file_receipts import receipt_of, repeats_of
from rpc.caller import current_caller
from rpc.jobs import BankFileDone, BankFileJob
from rpc.match_job import StageTimer
from rpc.payment_counts import PaymentCounts, payment_counts
from rpc.receipt_messages import bank_file_message
from rpc.repeated_statements import find_repeated, kept_statements
from rpc.resident_tables import file_postings
from rpc.scope import check_company_column, check_file
from rpc.unpacking import unpack
from store.audit_leaves import RowSelection
from store.audited_tables import FILE_TABLES, posting_selections
from store.bank_file_records import FileReceipt, FileResult
from store.decision_records import Decision
from store.identities import text_sha256
from store.key_scopes import file_scope
from store.requests import RequestKey
from store.runs import RunRecord
from tieout.v1 import bank_file_service_pb2 as contract

if TYPE_CHECKING:
    from parsers.parsed_file import ParsedFile
    from rpc.bank_file_matching import FileMatch, Indexed
    from rpc.jobs import TenantSettings
    from rpc.match_job import Matcher
    from rpc.resident_tables import ResidentTables
    from store.decision_records import PostedSet
    from store.key_scopes import KeyScope
    from store.repository import Booking, Repository

__all__ = ["BankFileRunner"]

_METHOD: Final = "BankFileService/SubmitBankFile"
"""Under this name the first answers to submissions are kept."""


class BankFileRunner:
    """Takes bank files in; everything it needs is given once."""

    def __init__(
        self,
        repository: Repository,
        tables: ResidentTables,
        rules: TenantSettings,
        match: Matcher,
        indexed: Indexed | None = None,
    ) -> None:
        """Keep what every file needs; what is `indexed` of `tables` is not indexed again."""
        self._indexed = indexed
        self._repository = repository
        self._tables = tables
        self._rules = rules
        self._match = match

    def run(self, job: BankFileJob) -> BankFileDone:
        """Read, match and keep one file; raises a `ParserError` or a `StoreError`."""
        timer = StageTimer()
        timer("parse", job.size_bytes)
        packed = Path(job.content_path).read_bytes()
        unpacked = unpack(packed, job.file_name, job.file_id)
        content, file_id = unpacked.content, unpacked.file_id
        sent_sha256 = job.file_id
        job = msgspec.structs.replace(job, file_id=file_id, size_bytes=len(content))
        work = _Work(job=job, content=content, timer=timer, sent_sha256=sent_sha256)
        done = self._done_before(work, self._repository)
        if done is None:
            parsed = parse_bank_file(content, job.file_name, self._tables.bank_accounts)
            work = msgspec.structs.replace(work, parsed=parsed)
            done = self._done_before(work, self._repository) or self._matched(work)
        if isinstance(done, FileReceipt):
            done = self._known(work, done)
        return msgspec.structs.replace(done, timings=timer.finish())

    def _matched(self, work: _Work) -> BankFileDone | FileReceipt:
        """Match the file until what it rests on holds, and keep it; or the first file's receipt."""
        assert work.parsed is not None  # noqa: S101 - nobody has done it before
        matcher = FileMatcher(
            work.parsed, self._tables, self._rules, self._match, work.timer, self._indexed
        )
        if not work.job.validate_only:
            self._repository.halts.check()
        found = matcher.match(self._repository)
        if work.job.validate_only:
            receipt, _ = self._result(work, found)
            return _done(receipt, kept=False)
        for attempt in range(ATTEMPTS_MAX + 1):
            with self._repository.booking() as booking:
                first = self._done_before(work, booking)
                if first is not None:
                    return first
                if attempt == ATTEMPTS_MAX:
                    found = matcher.match(booking, found)
                if attempt == ATTEMPTS_MAX or matcher.is_current(found, booking):
                    done = self._kept(work, found, booking)
                    return msgspec.structs.replace(done, conflict_count=attempt)
            found = matcher.match(self._repository, found)
        raise AssertionError

    def _done_before(
        self, work: _Work, store: Repository | Booking
    ) -> BankFileDone | FileReceipt | None:
        """The first answer to the request, or the receipt of a file that brought all of this.

        That is one of the same bytes, of the same text with other line ends, or, once this is
        parsed, of the same statements and payments. Raises `RequestIdReusedError`.
        """
        answer = store.requests.find(work.key) if work.key else None
        if answer is not None:
            return _answered(answer, store)
        found = store.bank_files.find_file(work.job.file_id)
        if found is None:
            first = store.identities.file_of_text(text_sha256(work.content))
            found = None if first is None else store.bank_files.find_file(first)
        if found is None and work.parsed is not None:
            found = _first_of_repeated(work.parsed, store)
        return found

    def _known(self, work: _Work, first: FileReceipt) -> BankFileDone:
        """The answer to a file that came before, kept under its request."""
        check_file(self._repository.bank_files, first.record.file_id)
        done = _done(first, already_processed=True)
        if work.key is None or work.job.validate_only:
            return done
        with self._repository.booking() as booking:
            answer = booking.requests.find(work.key)
            if answer is not None:
                return _answered(answer, booking)
            owner = file_scope(first.record.file_id)
            booking.requests.keep(work.key, done.response, work.job.received_at_ms, owner)
            if work.job.run_id:
                _end_run(work, done.response, booking, owner)
        return done

    def _result(self, work: _Work, matched: FileMatch) -> tuple[FileReceipt, FileResult]:
        """The receipt of the file and all that is kept of it."""
        job, parsed, found = work.job, work.parsed, matched.result
        assert parsed is not None  # noqa: S101 - it was matched
        diagnostics = DiagnosticBatch.concat([parsed.diagnostics, matched.diagnostics])
        parsed = msgspec.structs.replace(parsed, diagnostics=diagnostics)
        check_company_column(found.outcomes.text("company_id"))
        again = repeats_of(parsed.payments, matched.held.seen, job)
        exceptions = ExceptionBatch.concat([found.exceptions, again])
        matched = msgspec.structs.replace(
            matched, result=msgspec.structs.replace(found, exceptions=exceptions)
        )
        receipt = receipt_of(job, parsed, matched, self._rules.policy)
        return receipt, FileResult(
            receipt=receipt,
            payments=matched.payments,
            remittances=matched.remittances,
            outcomes=found.outcomes,
            applications=found.applications,
            reversals=found.reversals,
            exceptions=exceptions,
            control_checks=parsed.control_checks,
            diagnostics=parsed.diagnostics,
            repeated_payments=matched.repeated,
        )

    def _kept(self, work: _Work, matched: FileMatch, booking: Booking) -> BankFileDone:
        """Keep the file with all it leaves behind: rows, postings, cases, bytes, its answer."""
        job, parsed = work.job, work.parsed
        assert parsed is not None  # noqa: S101 - it was matched
        booking.halts.check()
        work.timer("record", len(matched.payments))
        receipt, result = self._result(work, matched)
        keys = booking.bank_files.keep(result)
        posted = _post(job, matched, booking)
        booking.cases.open_for_file(job.file_id, job.received_at_ms)
        booking.team.set_due_times(job.file_id)
        spans = booking.personal.spans(parsed.payments, keys)
        accounts = self._tables.bank_accounts
        booking.contents.keep(job.file_id, work.content, spans, accounts, job.received_at_ms)
        _tell(work, result, booking, posted)
        done = _done(receipt)
        owner = file_scope(job.file_id)
        if work.key:
            booking.requests.keep(work.key, done.response, job.received_at_ms, owner)
        _end_run(work, done.response, booking, owner)
        return msgspec.structs.replace(
            done,
            payments=payment_counts(result.outcomes, result.applications),
            exception_codes=booking.bank_files.exception_codes(job.file_id),
        )


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    """A file on its way: what was asked, its bytes, and, where it was read, what they say.

    `sent_sha256` is the hash of the bytes as they came, perhaps packed.
    """

    job: BankFileJob
    content: bytes
    timer: StageTimer
    sent_sha256: str
    parsed: ParsedFile | None = None

    @property
    def key(self) -> RequestKey | None:
        """The key of the request, if it has one."""
        job = self.job
        return RequestKey(job.request_id, _METHOD, job.file_id) if job.request_id else None


def _end_run(work: _Work, answer: bytes, booking: Booking, owner: KeyScope) -> None:
    """The run this is the work of ends with its effect; what somebody waited for is one as well."""
    job = work.job
    if job.run_id:
        booking.runs.finish(job.run_id, answer, job.received_at_ms, owner)
        return
    booking.runs.record(
        RunRecord(
            run_id=uuid.uuid4().hex,
            kind="bank_file",
            state="done",
            file_name=job.file_name,
            size_bytes=job.size_bytes,
            content_sha256=work.sent_sha256,
            request_id=job.request_id,
            started_by=current_caller().name,
            created_at_ms=job.received_at_ms,
            started_at_ms=job.received_at_ms,
            ended_at_ms=job.received_at_ms,
            result=answer,
        ),
        owner,
    )


def _first_of_repeated(parsed: ParsedFile, store: Repository | Booking) -> FileReceipt | None:
    """The receipt of the file that brought all of these statements and payments."""
    repeated = find_repeated(parsed, store.identities.files_of)
    if not repeated.first_file:
        return None
    identities = parsed.payments.strings("payment_id")
    if len(store.bank_files.seen_payments(identities)) < len(identities):
        return None
    return store.bank_files.find_file(repeated.first_file)


def _post(job: BankFileJob, matched: FileMatch, booking: Booking) -> PostedSet | None:
    """Post what the match decided, on items as they were matched against."""
    found = matched.result
    applied, returned = file_postings(
        matched.held.open_items,
        found.outcomes,
        found.applications,
        found.reversals,
        matched.held.earlier,
    )
    decision = Decision(
        decided_by="matcher",
        decided_at_ms=job.received_at_ms,
        subject=job.file_id,
        is_human=False,
    )
    return booking.decisions.post_file(job.file_id, applied, returned, decision)


def _tell(work: _Work, result: FileResult, booking: Booking, posted: PostedSet | None) -> None:
    """What a kept file leaves behind beside its rows and bytes: identities, event, audit leaf."""
    file_id, now_ms = work.job.file_id, work.job.received_at_ms
    assert work.parsed is not None  # noqa: S101 - it was matched
    booking.identities.keep(file_id, text_sha256(work.content), kept_statements(work.parsed))
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
        selections += posting_selections(posted.booking_number, file_id)
    booking.audit.record(
        "bank_file",
        file_id,
        actor=current_caller().name,
        recorded_at_ms=now_ms,
        selections=selections,
    )


def _done(
    receipt: FileReceipt, *, kept: bool = True, already_processed: bool = False
) -> BankFileDone:
    """The answer with that receipt."""
    response = contract.SubmitBankFileResponse(
        bank_file=bank_file_message(receipt, kept=kept), already_processed=already_processed
    )
    return BankFileDone(
        response=response.SerializeToString(),
        source_format=receipt.record.source_format,
        payments=PaymentCounts(),
        exception_codes={},
        timings=[],
    )


def _answered(answer: bytes, store: Repository | Booking) -> BankFileDone:
    """The first answer to a request, again; nothing was done."""
    response = contract.SubmitBankFileResponse.FromString(answer)
    check_file(store.bank_files, response.bank_file.file_id)
    return BankFileDone(
        response=answer,
        source_format=response.bank_file.source_format,
        payments=PaymentCounts(),
        exception_codes={},
        is_repeated=True,
        timings=[],
    )
