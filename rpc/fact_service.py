"""FactService: what people taught about payers, and what rests on it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from rpc.answered_once import answered_once, key_of_call
from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.fact_messages import counted_days, fact_message
from rpc.fact_question import standing_fact
from rpc.jobs import QuestionDone, QuestionJob
from rpc.page_tokens import page_limit, page_token, read_page_token
from rpc.workers import Lane
from store.key_scopes import customer_scope
from store.taught_facts import FactFilter
from tieout.v1 import fact_service_pb2 as contract
from tieout.v1 import fact_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import grpc.aio

    from engine.policy import PolicyBook
    from rpc.reading import StoreReader
    from rpc.workers import WorkerPool
    from store.key_scopes import KeyScope
    from store.repository import Booking

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["FactService"]

_ORDER: Final = "fact"
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime.date(1970, 1, 1)


class FactService(fact_service_pb2_grpc.FactServiceServicer):
    """Answers `tieout.v1.FactService`."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        writer: StoreReader,
        workers: WorkerPool,
        policies: Mapping[str, PolicyBook],
        now_ms: Callable[[], int],
    ) -> None:
        """Ask `reader`, and `workers` where much must be looked through; keep through `writer`."""
        self._reader = reader
        self._writer = writer
        self._workers = workers
        self._policies = policies
        self._now_ms = now_ms

    async def ListFacts(  # noqa: N802 - the contract's name
        self,
        request: contract.ListFactsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListFactsResponse:
        """One page of facts, of the caller's companies."""
        caller = current_caller()
        if request.company_id:
            caller.check_company(request.company_id)
        wanted = FactFilter(
            kind=request.kind,
            company_id=request.company_id,
            customer_id=request.customer_id,
            with_revoked=request.with_revoked,
            companies=None if caller.companies is None else tuple(sorted(caller.companies)),
        )
        limit = page_limit(request.page_size)
        before = read_page_token(request.page_token, wanted, _ORDER)
        found = await self._reader.ask(
            lambda store: store.facts.list_facts(wanted, before[0] if before else 0, limit + 1)
        )
        further = (found[limit - 1].number, 0) if len(found) > limit else None
        policy = self._policies[caller.tenant]
        return contract.ListFactsResponse(
            facts=[fact_message(fact, policy) for fact in found[:limit]],
            next_page_token=page_token(further, wanted, _ORDER),
        )

    async def GetFact(  # noqa: N802 - the contract's name
        self,
        request: contract.GetFactRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetFactResponse:
        """One fact, and what rests on it."""
        job = QuestionJob(
            question="fact", request=request.SerializeToString(), now_ms=self._now_ms()
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, QuestionDone)  # noqa: S101 - a worker answers in kind
        return contract.GetFactResponse.FromString(done.response)

    async def ChangeFactExpiry(  # noqa: N802 - the contract's name
        self,
        request: contract.ChangeFactExpiryRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ChangeFactExpiryResponse:
        """Until when one fact counts."""
        caller = current_caller()
        policy, now_ms = self._policies[caller.tenant], self._now_ms()
        key = key_of_call(request)

        def change(booking: Booking) -> contract.ChangeFactExpiryResponse:
            fact = standing_fact(booking, request.case_id, request.line_number)
            caller.check_company(fact.company_id)
            days = counted_days(fact.company_id, policy)
            last_day = _last_day(request.expire_date, now_ms // _DAY_MS, days)
            booking.facts.set_term(fact, last_day, caller.name, now_ms, request.etag)
            booking.audit.record(
                "fact_expiry",
                fact.case_id,
                actor=caller.name,
                recorded_at_ms=now_ms,
                facts={"line": str(fact.line_number), "expire_date": request.expire_date},
            )
            after = standing_fact(booking, request.case_id, request.line_number)
            return contract.ChangeFactExpiryResponse(fact=fact_message(after, policy))

        def owner(answer: contract.ChangeFactExpiryResponse) -> KeyScope:
            return customer_scope(answer.fact.company_id, answer.fact.customer_id, now_ms)

        return await answered_once(
            self._writer, key, now_ms, contract.ChangeFactExpiryResponse, change, owner
        )


def _last_day(text: str, today: int, days: int) -> int:
    """A day as the store counts it; raises `FieldError` where it may not be the last one."""
    first, last = (_EPOCH + datetime.timedelta(days=day) for day in (today, today + days))
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not first <= day <= last:
        message = f"expire_date is {text!r}, expected a day from {first} to {last}"
        raise FieldError(message, field="expire_date", value=text)
    return (day - _EPOCH).days
