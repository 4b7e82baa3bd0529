"""Attaching what a payer said late: a worker reads and matches it, the act is kept as any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from desk.acts import AttachRemittance
from engine.batches import ApplicationBatch, RemittanceBatch
from rpc.caller import current_caller
from rpc.case_calls import CaseCalls
from rpc.conversions import ANSWER_TABLES, REQUEST_TABLES, encode_table
from rpc.desk_work import Command, actor_of, key_of
from rpc.errors import FieldError
from rpc.jobs import AttachRemittanceDone, AttachRemittanceJob
from rpc.limits import FILE_NAME_LENGTH_MAX, NOTE_LENGTH_MAX, REMITTANCE_BYTES_MAX
from rpc.workers import Lane
from store.late_remittances import rows_of_json
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    import grpc.aio

    from store.late_remittances import Attachment

__all__ = ["RemittanceCalls"]

_LINES: Final = next(kind for kind in REQUEST_TABLES if kind.field == "remittance_lines")
_PROPOSALS: Final = next(kind for kind in ANSWER_TABLES if kind.field == "applications")


class RemittanceCalls(CaseCalls):
    """The calls of ExceptionService that bring evidence."""

    async def AttachRemittance(  # noqa: N802 - the contract's name
        self,
        request: contract.AttachRemittanceRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.AttachRemittanceResponse:
        """Read it, match the payment with it, and keep both."""
        _check(request)
        caller = current_caller()
        job = AttachRemittanceJob(
            identity=request.exception_id,
            text=request.text,
            content=request.content,
            file_name=request.file_name,
            companies=None if caller.companies is None else tuple(sorted(caller.companies)),
            snapshot_path=self._snapshot_path(caller.tenant),
            now_ms=self._now_ms(),
        )
        done = await self._workers.run(job, Lane.INTERACTIVE, size_bytes=len(request.content))
        assert isinstance(done, AttachRemittanceDone)  # noqa: S101 - a worker answers in kind
        attachment = done.attachment
        lines = rows_of_json(RemittanceBatch, attachment.lines)
        command = Command(
            request=key_of("AttachRemittance", request, caller),
            identity=request.exception_id,
            act=AttachRemittance(remittance_id=attachment.remittance_id, line_count=len(lines)),
            actor=actor_of(caller),
            etag=request.etag,
            attachment=attachment,
        )
        case = await self._acts.act(command, validate_only=request.validate_only)
        return contract.AttachRemittanceResponse(
            case=case,
            remittance_lines=encode_table(_LINES, lines, arrow=False).messages.remittance_lines,
            proposals=_proposals(attachment),
        )


def _proposals(attachment: Attachment) -> Any:
    rows = rows_of_json(ApplicationBatch, attachment.proposals)
    return encode_table(_PROPOSALS, rows, arrow=False).messages.applications


def _check(request: contract.AttachRemittanceRequest) -> None:
    for field, length, length_max in (
        ("text", len(request.text), NOTE_LENGTH_MAX),
        ("file_name", len(request.file_name), FILE_NAME_LENGTH_MAX),
        ("content", len(request.content), REMITTANCE_BYTES_MAX),
    ):
        if length > length_max:
            message = f"{field} has the length {length}, at most {length_max} are accepted"
            raise FieldError(message, field=field)
