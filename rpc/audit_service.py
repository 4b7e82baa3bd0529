"""AuditService: who did what, when and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from rpc.page_tokens import page_limit, page_token, read_page_token
from store.audit_trail import AuditTrailFilter
from tieout.v1 import audit_service_pb2 as contract
from tieout.v1 import audit_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import grpc.aio

    from rpc.reading import StoreReader
    from store.audit_trail import AuditEntry
    from store.repository import Repository

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["AuditService"]

_ORDER: Final = "audit"
_CASE: Final = "case"
_FILE: Final = "bank_file"


class AuditService(audit_service_pb2_grpc.AuditServiceServicer):
    """Answers `tieout.v1.AuditService`."""

    def __init__(self, reader: StoreReader) -> None:
        """Ask `reader`."""
        self._reader = reader

    async def ListAuditEntries(  # noqa: N802 - the contract's name
        self,
        request: contract.ListAuditEntriesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListAuditEntriesResponse:
        """One page of entries, the latest first."""
        wanted = AuditTrailFilter(
            actor=request.actor,
            kind=request.kind,
            subject=request.subject,
            begin_ms=request.record_time_min.ToMilliseconds(),
            end_ms=request.record_time_end.ToMilliseconds(),
        )
        limit = page_limit(request.page_size)
        before = read_page_token(request.page_token, wanted, _ORDER)

        def page(store: Repository) -> tuple[list[AuditEntry], list[str], _Subjects]:
            with store.reading():
                found = store.audit_trail.list_entries(
                    wanted, before[0] if before else 0, limit + 1
                )
                return found, store.audit_trail.kinds(), _subjects(store, found)

        found, kinds, subjects = await self._reader.ask(page)
        further = (found[limit - 1].number, 0) if len(found) > limit else None
        return contract.ListAuditEntriesResponse(
            entries=[_message(one, subjects) for one in found[:limit]],
            next_page_token=page_token(further, wanted, _ORDER),
            kinds=kinds,
        )


class _Subject(NamedTuple):
    """What people know a subject by."""

    name: str = ""
    amount_minor: int = 0
    currency: str = ""


_Subjects = dict[tuple[str, str], _Subject]


def _subjects(store: Repository, entries: Sequence[AuditEntry]) -> _Subjects:
    """Kind and id of subjects → what they are, of payments and of bank files."""
    ids = {
        kind: sorted({one.subject for one in entries if one.kind == kind})
        for kind in (_CASE, _FILE)
    }
    payments = store.cases.payments(ids[_CASE])
    columns = (payments.strings("payment_id"), payments.strings("payer_name"))
    minors = payments.int64("amount_minor").tolist()
    found = {
        (_CASE, identity): _Subject(payer, minor, currency)
        for identity, payer, minor, currency in zip(
            *columns, minors, payments.strings("currency"), strict=True
        )
    }
    return found | {
        (_FILE, identity): _Subject(name)
        for identity, name in store.cases.file_names(ids[_FILE]).items()
    }


def _message(entry: AuditEntry, subjects: _Subjects) -> contract.AuditEntry:
    subject = subjects.get((entry.kind, entry.subject), _Subject())
    moment = Timestamp()
    moment.FromMilliseconds(entry.recorded_at_ms)
    return contract.AuditEntry(
        entry_number=entry.number,
        kind=entry.kind,
        subject=entry.subject,
        actor=entry.actor,
        record_time=moment,
        act=entry.act,
        reason=entry.reason,
        facts=entry.facts,
        row_counts=entry.rows,
        block_number=entry.block_number,
        block_hash=entry.block_hash,
        subject_name=subject.name,
        amount_minor=subject.amount_minor,
        currency_code=subject.currency,
    )
