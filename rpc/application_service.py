"""ApplicationService: what was applied, and taking it back. Every reversal is an act on a case."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from desk.acts import Act, Deliver, Undo
from desk.cases import standing_lines
from rpc.caller import current_caller
from rpc.case_messages import delivery_of
from rpc.desk_work import Answer, Command, actor_of, key_of
from rpc.errors import FieldError
from rpc.page_tokens import page_limit, page_token, read_page_token
from store.decision_records import PostingFilter
from tieout.v1 import application_service_pb2 as contract
from tieout.v1 import application_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import grpc.aio

    from rpc.desk_acts import DeskActs
    from rpc.desk_work import DeskWork, Preview
    from rpc.reading import StoreReader
    from rpc.result_posting import ResultPosting
    from store.repository import Repository
    from tieout.v1 import cases_pb2

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["ApplicationService"]

_REFUSED_MAX: Final = 1_000
_ORDER: Final = "posted"
_COPIED: Final = (
    "posting_number",
    "kind",
    "payment_id",
    "company_id",
    "open_item_id",
    "customer_id",
    "applied_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
    "write_off_minor",
    "write_off_reason",
    "reverses",
    "is_reversed",
    "is_human",
    "decided_by",
    "subject",
)


class ApplicationService(application_service_pb2_grpc.ApplicationServiceServicer):
    """Answers `tieout.v1.ApplicationService`."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        acts: DeskActs,
        desk: DeskWork,
        results: ResultPosting,
        now_ms: Callable[[], int],
    ) -> None:
        """Ask `reader`; have `acts` performed, as `desk` foresees; `results` takes results in."""
        self._results = results
        self._now_ms = now_ms
        self._reader = reader
        self._acts = acts
        self._desk = desk

    async def ListPostings(  # noqa: N802 - the contract's name
        self,
        request: contract.ListPostingsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListPostingsResponse:
        """One page of postings, of the caller's companies."""
        names = PostingFilter.__struct_fields__
        wanted = PostingFilter(**{name: getattr(request, name) for name in names})
        if wanted == PostingFilter():
            message = "say which postings: payment_id, company_id, open_item_id or subject"
            raise FieldError(message, field="payment_id")
        caller = current_caller()
        after = read_page_token(request.page_token, wanted, _ORDER) or (0, 0)
        limit = page_limit(request.page_size)
        found = await self._reader.ask(
            lambda store: store.decisions.list_postings(wanted, after[0], limit + 1)
        )
        rows = found.record_batch.to_pylist()
        page = rows[:limit]
        last = (page[-1]["posting_number"], 0) if len(rows) > limit else None
        return contract.ListPostingsResponse(
            postings=[_message(row) for row in page if caller.may_see(row["company_id"])],
            next_page_token=page_token(last, wanted, _ORDER),
        )

    async def ReverseApplication(  # noqa: N802 - the contract's name
        self,
        request: contract.ReverseApplicationRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReverseApplicationResponse:
        """Take one line back."""
        number = request.line_number

        def act_of_line(store: Repository) -> int:
            read = self._desk.read(store, request.payment_id, Undo(act_number=0))
            lines = [line for line in read.case.lines if line.number == number]
            return lines[0].act_number if lines else 0

        act = Undo(
            act_number=await self._reader.ask(act_of_line),
            line_numbers=(number,),
            reason=request.reason,
        )
        case = await self._act(request, act, validate_only=request.validate_only)
        return contract.ReverseApplicationResponse(case=case)

    async def ReportDelivery(  # noqa: N802 - the contract's name
        self,
        request: contract.ReportDeliveryRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReportDeliveryResponse:
        """Keep what the ledger said."""
        act = Deliver(
            line_numbers=tuple(request.line_numbers),
            delivery=delivery_of(request.delivery),
            detail=request.detail,
        )
        return contract.ReportDeliveryResponse(case=await self._act(request, act))

    async def PostResults(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[contract.PostResultsRequest],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.PostResultsResponse:
        """Keep and post the result of a run."""
        return await self._results.run(request_iterator)

    async def ReverseFile(  # noqa: N802 - the contract's name
        self,
        request: contract.ReverseFileRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ReverseFileResponse:
        """Take back what stands of a file's payments, or say what that would be."""
        commands = await self._reader.ask(
            lambda store: self._commands_of_file(store, request.file_id, request.reason)
        )
        if request.validate_only:
            previews = await self._reader.ask(lambda store: self._desk.preview(store, commands))
            return _file_response("", commands, previews)
        key = key_of("ReverseFile", request, current_caller())

        async def perform() -> Answer:
            batch_id = request.request_id or uuid.uuid4().hex
            done = [await self._acts.one_of_batch(command, batch_id) for command in commands]
            return Answer(_file_response(batch_id, commands, done).SerializeToString(), done)

        answer = await self._acts.answered_once(key, perform, self._now_ms())
        return contract.ReverseFileResponse.FromString(answer)

    def _commands_of_file(self, store: Repository, file_id: str, reason: str) -> list[Command]:
        """One act per deciding act of every payment, the last first."""
        actor = actor_of(current_caller())
        commands = []
        with store.reading():
            for payment_id in store.cases.payments_of_file(file_id):
                case = self._desk.read(store, payment_id, Undo(act_number=0)).case
                current_caller().check_company(case.company_id)
                acts = sorted({line.act_number for line in standing_lines(case)}, reverse=True)
                commands += [
                    Command(
                        identity=payment_id,
                        act=Undo(act_number=number, reason=reason),
                        actor=actor,
                    )
                    for number in acts
                ]
        return commands

    async def _act(self, request: Any, act: Act, *, validate_only: bool = False) -> cases_pb2.Case:
        command = Command(
            identity=request.payment_id,
            act=act,
            actor=actor_of(current_caller()),
            etag=getattr(request, "etag", ""),
            request=key_of(type(request).DESCRIPTOR.name, request, current_caller()),
        )
        return await self._acts.act(command, validate_only=validate_only)


def _file_response(
    batch_id: str, commands: Sequence[Command], previews: Sequence[Preview]
) -> contract.ReverseFileResponse:
    sums: dict[str, list[int]] = {}
    refused = []
    pending = 0
    for command, preview in zip(commands, previews, strict=True):
        if preview.refusal is not None:
            refused.append(
                contract.RefusedReversal(
                    payment_id=command.identity,
                    reason=preview.refusal.reason,
                    message=preview.refusal.message,
                )
            )
        elif preview.case is not None:
            pending += preview.case.state == "pending_approval"
            own = sums.setdefault(preview.case.currency, [0, 0])
            own[0] += len(preview.lines)
            own[1] -= sum(line.cash_minor for line in preview.lines)
    return contract.ReverseFileResponse(
        batch_id=batch_id,
        payment_count=len({command.identity for command in commands}),
        reversed_count=len(previews) - len(refused) - pending,
        pending_count=pending,
        totals=[
            contract.ReversalTotal(currency_code=one, line_count=count, cash_minor=cash)
            for one, (count, cash) in sorted(sums.items())
            if count
        ],
        refused=refused[:_REFUSED_MAX],
    )


def _message(row: dict[str, Any]) -> contract.Posting:
    decided = Timestamp()
    decided.FromMilliseconds(row["decided_at_ms"])
    return contract.Posting(
        **{name: row[name] for name in _COPIED},
        currency_code=row["currency"],
        decide_time=decided,
    )
