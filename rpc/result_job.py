"""The result of a run made elsewhere, kept and posted in one transaction. Runs in a worker.

What a cluster or `tieout match` decided comes in by the same door as everything else: rows that add
up (`engine.audit` proves it again), a posting that is conditional in the store, cases for what is
left, the audit leaf, the event and the answer, as one. The hash of its manifest is its id.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow.compute as pc

from engine.audit import audit
from engine.batches import DiagnosticBatch, OpenItemBatch, PaymentBatch
from parsers.errors import BundleError
from parsers.result_bundles import read_manifest, read_result_bundle
from rpc.bank_file_receipts import currency_totals
from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.jobs import PostResultsDone, PostResultsJob
from rpc.limits import FILE_NAME_LENGTH_MAX, ROW_ERRORS_MAX
from rpc.match_job import read_request_id
from rpc.receipt_messages import bank_file_message
from rpc.resident_tables import file_postings
from rpc.result_freshness import FreshResult, fresh_part, without_payments
from rpc.scope import check_company_column, check_file
from rpc.spool import read_frames
from store.audit_leaves import RowSelection
from store.audited_tables import FILE_TABLES, posting_selections
from store.bank_file_records import RECEIPT_ROWS_MAX, BankFileRecord, FileReceipt, FileResult
from store.decision_records import Decision
from store.key_scopes import file_scope
from store.requests import RequestKey
from tieout.v1 import application_service_pb2 as contract

if TYPE_CHECKING:
    from engine.batches import SettledBatch
    from engine.policy import PolicyBook
    from parsers.result_columns import RunTables
    from store.keyed_rows import Key
    from store.repository import Booking, Repository

__all__ = ["run_post_results"]

_METHOD: Final = "ApplicationService/PostResults"
_MANIFEST: Final = "manifest.json"
_FORMAT: Final = "result"
"""The source format of what is kept of a result."""


class _ValidatedError(Exception):
    """Undoes the booking of a result that was only to be validated."""


class _Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A result as it came: header, manifest and files."""

    header: contract.PostResultsHeader
    files: dict[str, bytes]

    @property
    def manifest_sha256(self) -> str:
        """The id of the result."""
        return self.header.manifest_sha256.lower()

    @property
    def size_bytes(self) -> int:
        """Bytes of its files."""
        return sum(map(len, self.files.values()))

    @property
    def keys(self) -> list[RequestKey]:
        """Under what its first answer is kept: its manifest, and the caller's key."""
        own = RequestKey(f"result:{self.manifest_sha256}", _METHOD, self.manifest_sha256)
        if not self.header.request_id:
            return [own]
        return [RequestKey(self.header.request_id, _METHOD, self.manifest_sha256), own]


def run_post_results(
    repository: Repository, job: PostResultsJob, policy: PolicyBook
) -> PostResultsDone:
    """Keep and post one result.

    Raises `BundleError`, `ConservationError`, a `RequestError`, `CompanyNotPermittedError` or a
    `StoreError`.
    """
    sent = _read(job)
    done = _done_before(sent, repository)
    if done is not None:
        return done
    manifest = read_manifest(sent.files.pop(_MANIFEST, b""), sent.manifest_sha256)

    def currencies(keys: list[Key]) -> dict[Key, str]:
        rows = repository.open_items.find(keys).rows
        own = zip(rows.strings("company_id"), rows.strings("open_item_id"), strict=True)
        return dict(zip(own, rows.strings("currency"), strict=True))

    bundle = read_result_bundle(manifest, sent.files, currencies)
    check_company_column(bundle.outcomes.text("company_id"))
    found: list[PostResultsDone] = []
    with suppress(_ValidatedError), repository.booking() as booking:
        found.append(_done_before(sent, booking) or _posted(sent, bundle, booking, job, policy))
        if sent.header.validate_only:
            raise _ValidatedError
    return found[0]


def _read(job: PostResultsJob) -> _Sent:
    """What was sent; raises a `RequestError`."""
    header = contract.PostResultsHeader.FromString(job.header)
    read_request_id(header.request_id)
    if len(header.manifest_sha256) != hashlib.sha256().digest_size * 2:
        message = f"manifest_sha256 is {header.manifest_sha256!r}, expected 64 hex digits"
        raise FieldError(message, field="manifest_sha256", value=header.manifest_sha256)
    if len(header.name) > FILE_NAME_LENGTH_MAX:
        message = f"name has {len(header.name)} characters, at most {FILE_NAME_LENGTH_MAX} fit"
        raise FieldError(message, field="name")
    parts: dict[str, list[bytes]] = {}
    for frame in read_frames(Path(job.parts_path)):
        part = contract.PostResultsRequest.FromString(frame).file
        parts.setdefault(part.path, []).append(part.content)
    return _Sent(header=header, files={path: b"".join(found) for path, found in parts.items()})


def _done_before(sent: _Sent, store: Repository | Booking) -> PostResultsDone | None:
    """The first answer, as it was to the same request, else told to be that of an earlier one; or
    the receipt where that is forgotten.
    """
    receipt = store.bank_files.find_file(sent.manifest_sha256)
    for key in sent.keys:
        answer = store.requests.find(key)
        if answer is not None and receipt is not None:
            check_file(store.bank_files, sent.manifest_sha256)
            response = contract.PostResultsResponse.FromString(answer)
            response.already_processed = key.request_id != sent.header.request_id
            return PostResultsDone(response=response.SerializeToString(), changed=False)
    if receipt is None:
        return None
    check_file(store.bank_files, sent.manifest_sha256)
    response = contract.PostResultsResponse(
        bank_file=bank_file_message(receipt),
        already_processed=True,
        posted_count=receipt.record.application_count,
    )
    return PostResultsDone(response=response.SerializeToString(), changed=False)


def _posted(
    sent: _Sent, bundle: RunTables, booking: Booking, job: PostResultsJob, policy: PolicyBook
) -> PostResultsDone:
    """Keep the result in `booking`, and post what the store allows of it."""
    booking.halts.check()
    known = booking.bank_files.seen_payments(bundle.payments.strings("payment_id"))
    bundle = without_payments(bundle, known)
    earlier = booking.settled.by_payments(
        sorted(set(bundle.reversals.strings("original_payment_id")))
    )
    items = booking.open_items.find(_keys(bundle, earlier)).rows
    fresh = fresh_part(bundle, items, earlier)
    _prove(fresh.bundle, items, earlier, policy)
    result = _result(sent, fresh.bundle, job, tuple(sorted(known)))
    booking.bank_files.keep(result)
    _post(sent, fresh.bundle, items, earlier, booking, job)
    booking.cases.open_for_file(sent.manifest_sha256, job.received_at_ms)
    booking.team.set_due_times(sent.manifest_sha256)
    response = _answer(result.receipt, fresh, len(known), kept=not sent.header.validate_only)
    owner = file_scope(sent.manifest_sha256)
    for key in sent.keys:
        booking.requests.keep(key, response, job.received_at_ms, owner)
    if job.run_id and not sent.header.validate_only:
        booking.runs.finish(job.run_id, response, job.received_at_ms, owner)
    is_kept = not sent.header.validate_only
    return PostResultsDone(
        response=response, changed=is_kept, conflict_count=is_kept * len(fresh.stale)
    )


def _keys(bundle: RunTables, earlier: SettledBatch) -> list[Key]:
    """Items that decided lines or returns name."""
    auto = bundle.applications.record_batch.filter(
        pc.equal(bundle.applications.text("decision"), "auto")
    )
    owner = pc.index_in(auto["payment_id"], value_set=bundle.outcomes.text("payment_id"))
    company = bundle.outcomes.text("company_id").take(owner)
    keys = set(zip(company.to_pylist(), auto["open_item_id"].to_pylist(), strict=True))
    keys |= set(zip(earlier.strings("company_id"), earlier.strings("open_item_id"), strict=True))
    return sorted(keys)


def _prove(
    bundle: RunTables, items: OpenItemBatch, earlier: SettledBatch, policy: PolicyBook
) -> None:
    """Both equations, by the code that proves every match; raises `ConservationError`."""
    if len(bundle.payments) != len(set(bundle.payments.strings("payment_id"))):
        message = "a payment stands twice in the result"
        raise BundleError(message)
    audit(
        bundle.payments,
        items,
        bundle.outcomes,
        bundle.applications,
        bundle.reversals,
        earlier,
        policy,
    )


def _result(
    sent: _Sent, bundle: RunTables, job: PostResultsJob, known: tuple[str, ...]
) -> FileResult:
    """The receipt of the result and all that is kept of it."""
    decided = pc.equal(bundle.applications.text("decision"), "auto")
    decided_count = pc.sum(decided).as_py() or 0
    record = BankFileRecord(
        file_id=sent.manifest_sha256,
        file_name=sent.header.name or "result",
        size_bytes=sent.size_bytes,
        received_at_ms=job.received_at_ms,
        state="processed",
        source_format=_FORMAT,
        dialect="",
        statement_count=0,
        payment_count=len(bundle.payments),
        repeated_payment_count=len(known),
        remittance_line_count=len(bundle.remittances),
        application_count=decided_count,
        proposal_count=len(bundle.applications) - decided_count,
        exception_count=len(bundle.exceptions),
        control_check_count=len(bundle.control_checks),
        diagnostic_count=len(bundle.diagnostics),
        policy_sha256="",
    )
    failed_first = np.argsort(
        bundle.control_checks.record_batch["ok"].to_numpy(zero_copy_only=False), kind="stable"
    )
    receipt = FileReceipt(
        record=record,
        counted_rows={},
        currency_totals=currency_totals(bundle.payments, bundle.outcomes),
        control_checks=bundle.control_checks.take(failed_first[:RECEIPT_ROWS_MAX]),
        diagnostics=DiagnosticBatch.of(bundle.diagnostics.record_batch.slice(0, RECEIPT_ROWS_MAX)),
    )
    tables = {name: getattr(bundle, name) for name in bundle.__struct_fields__}
    tables["payments"] = _of_result(bundle.payments, sent.manifest_sha256)
    return FileResult(receipt=receipt, repeated_payments=known, **tables)


def _of_result(payments: PaymentBatch, identity: str) -> PaymentBatch:
    """Payments as rows of the result that brought them; where in a file they stood says nothing."""
    columns: dict[str, Any] = {
        name: payments.record_batch[name]
        for name in PaymentBatch.SCHEMA.names
        if name not in {"file_id", "source_offset", "source_length", "source_line"}
    }
    return PaymentBatch.from_distinct(columns | {"file_id": [identity] * len(payments)})


def _post(
    sent: _Sent,
    bundle: RunTables,
    items: OpenItemBatch,
    earlier: SettledBatch,
    booking: Booking,
    job: PostResultsJob,
) -> None:
    """Post what was decided, and leave the event and the audit leaf."""
    actor, identity = current_caller().name, sent.manifest_sha256
    applied, returned = file_postings(
        items, bundle.outcomes, bundle.applications, bundle.reversals, earlier
    )
    decision = Decision(
        decided_by="matcher", decided_at_ms=job.received_at_ms, subject=identity, is_human=False
    )
    posted = booking.decisions.post_file(identity, applied, returned, decision)
    booking.events.add(
        "results.posted",
        identity,
        job.received_at_ms,
        {
            "actor": actor,
            "payment_count": len(bundle.payments),
            "application_count": len(applied),
            "exception_count": len(bundle.exceptions),
        },
    )
    selections = [RowSelection(table.name, table.column, identity) for table in FILE_TABLES]
    if posted is not None:
        selections += posting_selections(posted.booking_number, identity)
    booking.audit.record(
        "result",
        identity,
        actor=actor,
        recorded_at_ms=job.received_at_ms,
        selections=selections,
    )


def _answer(receipt: FileReceipt, fresh: FreshResult, known_count: int, *, kept: bool) -> bytes:
    response = contract.PostResultsResponse(
        bank_file=bank_file_message(receipt, kept=kept),
        posted_count=receipt.record.application_count,
        stale_lines=[
            contract.StaleLine(**msgspec.structs.asdict(one))
            for one in fresh.stale[:ROW_ERRORS_MAX]
        ],
        stale_line_count=len(fresh.stale),
        stale_payment_count=len(fresh.stale_payments),
        known_payment_count=known_count,
    )
    content: bytes = response.SerializeToString()
    return content
