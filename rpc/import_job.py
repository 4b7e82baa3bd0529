"""One import of open items or customers, kept in one transaction. Runs in a worker.

What belongs to the effect appears with it or not at all: the rows, the answer to the request, the
event, and the parked cases that waited for them.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from rpc.caller import current_caller
from rpc.desk_work import DeskWork
from rpc.errors import FieldError
from rpc.import_rows import ImportRows
from rpc.import_tables import IMPORT_TABLES, ImportTable
from rpc.jobs import ImportRowsDone, ImportRowsJob
from rpc.match_job import read_request_id
from rpc.scope import check_companies
from rpc.spool import read_frames
from store.open_items import ItemTotal, SnapshotCounts
from store.requests import RequestKey, request_key
from store.runs import RunRecord
from tieout.v1 import imports_pb2, match_service_pb2, open_item_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from desk.authority import Authority
    from engine.batches import Batch
    from store.keyed_rows import RowChanges
    from store.repository import Booking, Repository

__all__ = ["run_import"]

_EVENT: Final = "open_item"
"""What parked cases wait for when they wait for an item."""

_NOTHING: Final = SnapshotCounts(0, 0, 0, 0)


class _ValidatedError(Exception):
    """Undoes the booking of an import that was only to be validated."""


def run_import(repository: Repository, job: ImportRowsJob, authority: Authority) -> ImportRowsDone:
    """Keep one import; cases that waited for it are woken by `authority`.

    Raises a `RequestError`, `CompanyNotPermittedError` or a `StoreError`.
    """
    work = _Import(IMPORT_TABLES[job.table], job, authority)
    key = work.key
    answer = repository.requests.find(key) if key is not None else None
    if answer is not None:
        return ImportRowsDone(response=answer, changed=False)
    if not work.read():
        return ImportRowsDone(
            response=work.refused(), changed=False, concerned=sorted(work.concerned)
        )
    done: list[ImportRowsDone] = []
    with suppress(_ValidatedError), repository.booking() as booking:
        done.append(_kept(work, key, booking))
        work.undo_if_validated()
    return done[0]


def _kept(work: _Import, key: RequestKey | None, booking: Booking) -> ImportRowsDone:
    """What the import did, or what it did when it was sent first."""
    answer = booking.requests.find(key) if key is not None else None
    if answer is not None:
        return ImportRowsDone(response=answer, changed=False)
    response, changed = work.keep(booking)
    if key is not None:
        booking.requests.keep(key, response, work.received_at_ms)
    if not work.validate_only:
        work.end_run(response, booking)
    return ImportRowsDone(response=response, changed=changed and not work.validate_only)


class _Import:
    """One import: its header, its rows, and what becomes of them."""

    def __init__(self, kind: ImportTable, job: ImportRowsJob, authority: Authority) -> None:
        """Read the header; raises a `RequestError`."""
        self._kind = kind
        self._job = job
        self._authority = authority
        header = kind.header_class.FromString(job.header)
        self._header = header
        self._request_id = read_request_id(header.request_id)
        self.validate_only: bool = header.validate_only
        self._is_snapshot = header.mode == imports_pb2.IMPORT_MODE_SNAPSHOT
        self._is_of_customers = kind.table == "customers"
        self._rows = ImportRows(kind, header.mode)
        self._check_totals()

    @property
    def received_at_ms(self) -> int:
        """When it came."""
        return self._job.received_at_ms

    def end_run(self, answer: bytes, booking: Booking) -> None:
        """The run this is the work of ends; what somebody waited for is one as well."""
        job = self._job
        if job.run_id:
            booking.runs.finish(job.run_id, answer, job.received_at_ms)
            return
        booking.runs.record(
            RunRecord(
                run_id=uuid.uuid4().hex,
                kind=job.table,
                state="done",
                file_name="",
                size_bytes=Path(job.parts_path).stat().st_size,
                content_sha256=job.parts_sha256,
                request_id=self._request_id,
                started_by=current_caller().name,
                created_at_ms=job.received_at_ms,
                started_at_ms=job.received_at_ms,
                ended_at_ms=job.received_at_ms,
                result=answer,
            )
        )

    def undo_if_validated(self) -> None:
        """Raise what undoes the booking of an import that was only to be validated."""
        if self.validate_only:
            raise _ValidatedError

    @property
    def key(self) -> RequestKey | None:
        """The key of an import that has an id: all that it and its caller say."""
        if not self._request_id or self.validate_only:
            return None
        said = self._kind.header_class()
        said.CopyFrom(self._header)
        said.ClearField("request_id")
        said.ClearField("background")
        parts = (
            current_caller().name.encode(),
            said.SerializeToString(deterministic=True),
            self._job.parts_sha256.encode(),
        )
        return request_key(self._request_id, self._kind.rpc, b"\0".join(parts))

    def read(self) -> bool:
        """Read the rows; whether all of them are right."""
        for frame in read_frames(Path(self._job.parts_path)):
            part = self._kind.request_class.FromString(frame)
            field = part.WhichOneof("part")
            if field is not None:
                self._rows.add(field, getattr(part, field))
        return self._rows.finish()

    @property
    def concerned(self) -> set[tuple[str, str]]:
        """Company and customer of rows that are quoted where they are refused."""
        return self._rows.refused

    def refused(self) -> bytes:
        """The answer where a row is wrong."""
        errors = self._rows.errors
        summary = imports_pb2.ImportSummary(
            request_id=self._request_id,
            state=imports_pb2.IMPORT_STATE_REFUSED,
            row_errors=[
                match_service_pb2.RowError(**msgspec.structs.asdict(one)) for one in errors.listed
            ],
            row_error_count=errors.count,
        )
        return _encoded(self._kind, summary)

    def keep(self, booking: Booking) -> tuple[bytes, bool]:
        """Keep the rows; the answer, and whether anything is different now."""
        changes: Any = getattr(booking, self._kind.table)
        counts = self._replace(changes) if self._is_snapshot else self._change(changes)
        changed = bool(counts.inserted or counts.updated or counts.removed)
        woken = (
            _wake(booking, self._job, self._authority)
            if changed and self._kind.table == "open_items"
            else 0
        )
        summary = imports_pb2.ImportSummary(
            request_id=self._request_id,
            state=imports_pb2.IMPORT_STATE_VALIDATED
            if self.validate_only
            else imports_pb2.IMPORT_STATE_IMPORTED,
            inserted_count=counts.inserted,
            updated_count=counts.updated,
            unchanged_count=counts.unchanged,
            removed_count=counts.removed,
            change_number=0 if self.validate_only else booking.number(),
            woken_case_count=woken,
        )
        if changed:
            self._tell(booking, counts)
        totals = {}
        if self._is_snapshot and self._kind.table == "open_items":
            companies = {total.company_id for total in self._header.totals}
            totals["totals"] = _total_messages(
                one for one in booking.open_items.totals() if one.company_id in companies
            )
        return _encoded(self._kind, summary, **totals), changed

    def _check_totals(self) -> None:
        totals = self._header.totals
        if bool(totals) is not self._is_snapshot:
            text = "a snapshot declares its totals" if self._is_snapshot else "only snapshots do"
            message = f"totals: {len(totals)} are declared; {text}"
            raise FieldError(message, field="totals")
        keys = [(one.company_id, getattr(one, "currency_code", "")) for one in totals]
        if len(set(keys)) < len(keys):
            message = "totals: a company and currency is declared twice"
            raise FieldError(message, field="totals")
        check_companies({one.company_id for one in totals})

    def _replace(self, changes: Any) -> SnapshotCounts:
        """Make the rows all there is; raises `SnapshotMismatchError`."""
        if self._is_of_customers:
            counts = {one.company_id: one.customer_count for one in self._header.totals}
            replaced = changes.replace(self._rows.rows, counts, now_ms=self._job.received_at_ms)
            return cast("SnapshotCounts", replaced)
        totals = [
            ItemTotal(one.company_id, one.currency_code, one.item_count, one.open_minor)
            for one in self._header.totals
        ]
        return cast("SnapshotCounts", changes.replace(self._rows.rows, totals))

    def _change(self, changes: Any) -> SnapshotCounts:
        """Bring in what changed, take away what is gone; raises `StaleRowError`."""
        rows: Batch = self._rows.rows
        counts = _NOTHING
        if len(rows):
            moment = {"now_ms": self._job.received_at_ms} if self._is_of_customers else {}
            upserted: RowChanges = changes.upsert(rows, self._rows.expected_versions, **moment)
            counts = SnapshotCounts(*upserted, 0)
        removed = self._rows.removed()
        if removed:
            count = changes.remove(removed, self._rows.expected_key_versions)
            counts = msgspec.structs.replace(counts, removed=count)
        return counts

    def _tell(self, booking: Booking, counts: SnapshotCounts) -> None:
        """The event, which says how many, never who; and the audit leaf over what was sent."""
        number, actor = booking.number(), current_caller().name
        told = {
            "change_number": number,
            "mode": "snapshot" if self._is_snapshot else "changes",
            "inserted_count": counts.inserted,
            "updated_count": counts.updated,
            "removed_count": counts.removed,
        }
        received_at_ms = self._job.received_at_ms
        booking.events.add(self._kind.event, str(number), received_at_ms, told | {"actor": actor})
        sent = {"request_id": self._request_id, "content_sha256": self._job.parts_sha256}
        booking.audit.record(
            self._kind.table,
            f"change {number}",
            actor=actor,
            recorded_at_ms=received_at_ms,
            facts={name: str(value) for name, value in (told | sent).items()},
        )


def _wake(booking: Booking, job: ImportRowsJob, authority: Authority) -> int:
    """Bring back parked cases that wait for items of the customers whose items came or changed."""
    awaited = booking.cases.awaited_customers(_EVENT)
    if not awaited:
        return 0
    changed = booking.open_items.changed_customers()
    companies = {company_id for company_id, _ in changed}
    desk = DeskWork(authority, lambda: job.received_at_ms)
    subject = f"change {booking.number()}"
    woken = 0
    for company_id, customer_id in awaited:
        if (company_id, customer_id) in changed or (not customer_id and company_id in companies):
            woken += desk.wake(booking, _EVENT, company_id, customer_id, subject)
    return woken


def _total_messages(totals: Iterable[ItemTotal]) -> list[open_item_service_pb2.OpenItemTotal]:
    return [
        open_item_service_pb2.OpenItemTotal(
            company_id=one.company_id,
            currency_code=one.currency,
            item_count=one.item_count,
            open_minor=one.open_minor,
        )
        for one in totals
    ]


def _encoded(kind: ImportTable, summary: imports_pb2.ImportSummary, **more: Any) -> bytes:
    content: bytes = kind.response_class(summary=summary, **more).SerializeToString()
    return content
