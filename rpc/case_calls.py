"""Calls about cases: the queue, one case, acts on one or many. Each act is one transaction."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, cast

from rpc.caller import current_caller
from rpc.case_acts import CALL_OF_BATCH_ITEM, act_of
from rpc.case_detail import case_detail, explain_item, preview_fact
from rpc.case_messages import case_filter, facet_message, listed_messages
from rpc.desk_work import Answer, Command, actor_of, key_of, keyed
from rpc.errors import FieldError
from rpc.jobs import (
    PaymentBytesDone,
    PaymentBytesJob,
    ReadReferencesDone,
    ReadReferencesJob,
)
from rpc.limits import BATCH_ITEMS_MAX, CONTEXT_BYTES_MAX, PAGE_SIZE_MAX
from rpc.page_tokens import page_limit, page_token, read_page_token
from rpc.workers import Lane
from store.case_records import FACETS
from tieout.v1 import exception_service_pb2 as contract
from tieout.v1 import exception_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import grpc.aio

    from rpc.desk_acts import DeskActs
    from rpc.desk_work import DeskWork, Preview
    from rpc.reading import StoreReader
    from rpc.workers import WorkerPool
    from store.case_records import CaseOrder, CasePage, Facet
    from store.repository import Repository
    from tieout.v1 import cases_pb2

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["CaseCalls"]

_ORDERS: Final[dict[str, CaseOrder]] = {
    "": "raised",
    "raised": "raised",
    "amount": "amount",
    "due": "due",
}
_FACET_VALUES: Final = 20
_CONTEXT_BYTES: Final = 500


class CaseCalls(exception_service_pb2_grpc.ExceptionServiceServicer):
    """The calls of `tieout.v1.ExceptionService` that are about cases."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        acts: DeskActs,
        workers: WorkerPool,
        desk: DeskWork,
        now_ms: Callable[[], int],
        snapshot_path: Callable[[str], str],
    ) -> None:
        """Ask `reader`; have `acts` performed, which `desk` foresees.

        `snapshot_path` is where the latest snapshot of a tenant's items lies.
        """
        self._snapshot_path = snapshot_path
        self._workers = workers
        self._reader = reader
        self._acts = acts
        self._desk = desk
        self._now_ms = now_ms

    async def ListCases(  # noqa: N802 - the contract's name
        self,
        request: contract.ListCasesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListCasesResponse:
        """One page of the queue."""
        wanted = case_filter(request.filter, current_caller())
        order = _ORDERS.get(request.order_by)
        if order is None:
            message = f"order_by is {request.order_by!r}, expected raised, amount or due"
            raise FieldError(message, field="order_by", value=request.order_by)
        after = read_page_token(request.page_token, wanted, order)
        limit = page_limit(request.page_size)

        def page(store: Repository) -> tuple[CasePage, list[cases_pb2.CaseSummary]]:
            with store.reading():
                found = store.cases.list_cases(wanted, order, after, limit, self._now_ms())
                payments = store.cases.listed_payments(found.cases)
            return found, listed_messages(found, payments)

        found, messages = await self._reader.ask(page)
        return contract.ListCasesResponse(
            cases=messages,
            next_page_token=page_token(found.after, wanted, order),
            total_count=found.total,
        )

    async def CountCases(  # noqa: N802 - the contract's name
        self,
        request: contract.CountCasesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.CountCasesResponse:
        """What could be chosen, and how often."""
        wanted = case_filter(request.filter, current_caller())
        facets = tuple(request.facets) or FACETS
        unknown = [one for one in facets if one not in FACETS]
        if unknown:
            message = f"facets has {unknown[0]!r}, expected {', '.join(FACETS)}"
            raise FieldError(message, field="facets", value=unknown[0])
        values_max = min(request.values_max or _FACET_VALUES, PAGE_SIZE_MAX)
        counts = await self._reader.ask(
            lambda store: store.cases.count_cases(
                wanted, cast("Sequence[Facet]", facets), self._now_ms(), values_max
            )
        )
        return contract.CountCasesResponse(counts=[facet_message(one) for one in counts])

    async def GetCase(  # noqa: N802 - the contract's name
        self,
        request: contract.GetCaseRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetCaseResponse:
        """One case with everything about it."""
        caller = current_caller()
        return await self._reader.ask(
            lambda store: case_detail(store, self._desk, request.exception_id, caller)
        )

    async def ExplainItem(  # noqa: N802 - the contract's name
        self,
        request: contract.ExplainItemRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ExplainItemResponse:
        """Why not this item."""
        caller = current_caller()
        return await self._reader.ask(
            lambda store: explain_item(store, self._desk, request, caller)
        )

    async def ReadReferences(  # noqa: N802 - the contract's name
        self,
        request: contract.ReadReferencesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReadReferencesResponse:
        """What pasted numbers mean; a worker reads them."""
        companies = current_caller().companies
        job = ReadReferencesJob(
            identity=request.exception_id,
            text=request.text,
            companies=None if companies is None else tuple(sorted(companies)),
            now_ms=self._now_ms(),
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, ReadReferencesDone)  # noqa: S101 - a worker answers in kind
        return contract.ReadReferencesResponse.FromString(done.response)

    async def PreviewFact(  # noqa: N802 - the contract's name
        self,
        request: contract.PreviewFactRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.PreviewFactResponse:
        """How far a fact would reach."""
        caller = current_caller()
        return await self._reader.ask(
            lambda store: preview_fact(store, self._desk, request, caller)
        )

    async def GetPaymentBytes(  # noqa: N802 - the contract's name
        self,
        request: contract.GetPaymentBytesRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetPaymentBytesResponse:
        """What the bank wrote; a worker opens the file."""
        if not 0 <= request.context_bytes <= CONTEXT_BYTES_MAX:
            message = f"context_bytes is {request.context_bytes}, at most {CONTEXT_BYTES_MAX}"
            raise FieldError(message, field="context_bytes", value=str(request.context_bytes))
        job = PaymentBytesJob(
            identity=request.exception_id,
            context_bytes=request.context_bytes or _CONTEXT_BYTES,
            now_ms=self._now_ms(),
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, PaymentBytesDone)  # noqa: S101 - a worker answers in kind
        return contract.GetPaymentBytesResponse.FromString(done.response)

    async def BatchExceptions(  # noqa: N802 - the contract's name
        self,
        request: contract.BatchExceptionsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.BatchExceptionsResponse:
        """Many acts, each by itself, or a preview of all."""
        if len(request.items) > BATCH_ITEMS_MAX:
            message = f"the batch has {len(request.items)} items, at most {BATCH_ITEMS_MAX} may be"
            raise FieldError(message, field="items")
        commands = [self._command_of_item(item) for item in request.items]
        if request.validate_only:
            previews = await self._reader.ask(lambda store: self._desk.preview(store, commands))
            return await self._named(_batch_response("", previews), commands)
        key = key_of("BatchExceptions", request, current_caller())

        async def perform() -> Answer:
            batch_id = request.request_id or uuid.uuid4().hex
            done = [
                await self._acts.one_of_batch(keyed(command, request.request_id, number), batch_id)
                for number, command in enumerate(commands)
            ]
            return Answer(_batch_response(batch_id, done).SerializeToString(), done)

        answer = await self._acts.answered_once(key, perform, self._now_ms())
        answered = contract.BatchExceptionsResponse.FromString(answer)
        return await self._named(answered, commands)

    async def _named(
        self, response: contract.BatchExceptionsResponse, commands: Sequence[Command]
    ) -> contract.BatchExceptionsResponse:
        """The answer, with what people know each payment by; it is not kept with the request."""
        identities = [one.identity for one in commands]
        payments = await self._reader.ask(lambda store: store.cases.payments(identities))
        ids, names = payments.strings("payment_id"), payments.strings("payer_name")
        payers = dict(zip(ids, names, strict=True))
        for result, identity in zip(response.results, identities, strict=True):
            result.payer_name = payers.get(identity, "")
        return response

    def _command_of_item(self, item: contract.BatchItem) -> Command:
        field = item.WhichOneof("act")
        if field is None:
            message = "an item says nothing to do"
            raise FieldError(message, field="items")
        request = getattr(item, field)
        return self._command(CALL_OF_BATCH_ITEM[field], request)

    def _command(self, call: str, request: Any) -> Command:
        return Command(
            request=key_of(call, request, current_caller()),
            identity=request.exception_id,
            act=act_of(call, request),
            actor=actor_of(current_caller()),
            etag=request.etag,
        )

    async def _act(self, call: str, request: Any) -> cases_pb2.Case:
        """Perform the act of a request, or say what it would do."""
        command = self._command(call, request)
        return await self._acts.act(command, validate_only=request.validate_only)

    async def ClaimException(  # noqa: N802 - the contract's name
        self,
        request: contract.ClaimExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ClaimExceptionResponse:
        """See the contract."""
        return contract.ClaimExceptionResponse(case=await self._act("ClaimException", request))

    async def ReleaseException(  # noqa: N802 - the contract's name
        self,
        request: contract.ReleaseExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReleaseExceptionResponse:
        """See the contract."""
        return contract.ReleaseExceptionResponse(case=await self._act("ReleaseException", request))

    async def TakeOverException(  # noqa: N802 - the contract's name
        self,
        request: contract.TakeOverExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.TakeOverExceptionResponse:
        """See the contract."""
        return contract.TakeOverExceptionResponse(
            case=await self._act("TakeOverException", request)
        )

    async def AssignException(  # noqa: N802 - the contract's name
        self,
        request: contract.AssignExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.AssignExceptionResponse:
        """See the contract."""
        return contract.AssignExceptionResponse(case=await self._act("AssignException", request))

    async def ParkException(  # noqa: N802 - the contract's name
        self,
        request: contract.ParkExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ParkExceptionResponse:
        """See the contract."""
        return contract.ParkExceptionResponse(case=await self._act("ParkException", request))

    async def WakeException(  # noqa: N802 - the contract's name
        self,
        request: contract.WakeExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.WakeExceptionResponse:
        """See the contract."""
        return contract.WakeExceptionResponse(case=await self._act("WakeException", request))

    async def EscalateException(  # noqa: N802 - the contract's name
        self,
        request: contract.EscalateExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.EscalateExceptionResponse:
        """See the contract."""
        return contract.EscalateExceptionResponse(
            case=await self._act("EscalateException", request)
        )

    async def NoteException(  # noqa: N802 - the contract's name
        self,
        request: contract.NoteExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.NoteExceptionResponse:
        """See the contract."""
        return contract.NoteExceptionResponse(case=await self._act("NoteException", request))

    async def IdentifyPayer(  # noqa: N802 - the contract's name
        self,
        request: contract.IdentifyPayerRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.IdentifyPayerResponse:
        """See the contract."""
        return contract.IdentifyPayerResponse(case=await self._act("IdentifyPayer", request))

    async def PrepareException(  # noqa: N802 - the contract's name
        self,
        request: contract.PrepareExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.PrepareExceptionResponse:
        """See the contract."""
        return contract.PrepareExceptionResponse(case=await self._act("PrepareException", request))

    async def DecideException(  # noqa: N802 - the contract's name
        self,
        request: contract.DecideExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.DecideExceptionResponse:
        """See the contract."""
        return contract.DecideExceptionResponse(case=await self._act("DecideException", request))

    async def ApproveException(  # noqa: N802 - the contract's name
        self,
        request: contract.ApproveExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ApproveExceptionResponse:
        """See the contract."""
        return contract.ApproveExceptionResponse(case=await self._act("ApproveException", request))

    async def RejectException(  # noqa: N802 - the contract's name
        self,
        request: contract.RejectExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.RejectExceptionResponse:
        """See the contract."""
        return contract.RejectExceptionResponse(case=await self._act("RejectException", request))

    async def WithdrawException(  # noqa: N802 - the contract's name
        self,
        request: contract.WithdrawExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.WithdrawExceptionResponse:
        """See the contract."""
        return contract.WithdrawExceptionResponse(
            case=await self._act("WithdrawException", request)
        )

    async def UndoException(  # noqa: N802 - the contract's name
        self,
        request: contract.UndoExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.UndoExceptionResponse:
        """See the contract."""
        return contract.UndoExceptionResponse(case=await self._act("UndoException", request))

    async def ResolveException(  # noqa: N802 - the contract's name
        self,
        request: contract.ResolveExceptionRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ResolveExceptionResponse:
        """See the contract."""
        return contract.ResolveExceptionResponse(case=await self._act("ResolveException", request))


def _batch_response(batch_id: str, previews: Sequence[Preview]) -> contract.BatchExceptionsResponse:
    """What became of a batch, item by item and in sum."""
    sums: dict[str, list[int]] = {}
    for preview in previews:
        if preview.case is not None:
            own = sums.setdefault(preview.case.currency, [0] * len(_SUMMED))
            for line in preview.lines:
                for place, name in enumerate(_SUMMED):
                    own[place] += getattr(line, name)
    refused = sum(one.refusal is not None for one in previews)
    return contract.BatchExceptionsResponse(
        batch_id=batch_id,
        results=[_result(one) for one in previews],
        totals=[
            contract.BatchTotal(currency_code=currency, **dict(zip(_SUMMED, own, strict=True)))
            for currency, own in sorted(sums.items())
            if currency
        ],
        performed_count=len(previews) - refused,
        refused_count=refused,
    )


_SUMMED: Final = ("cash_minor", "discount_minor", "deduction_minor", "write_off_minor")


def _result(preview: Preview) -> contract.BatchResult:
    if preview.refusal is not None:
        return contract.BatchResult(reason=preview.refusal.reason, message=preview.refusal.message)
    return contract.BatchResult(case=preview.message)
