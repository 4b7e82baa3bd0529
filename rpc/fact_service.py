"""FactService: what people taught about payers, and what rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rpc.caller import current_caller
from rpc.fact_messages import fact_message
from rpc.jobs import QuestionDone, QuestionJob
from rpc.page_tokens import page_limit, page_token, read_page_token
from rpc.workers import Lane
from store.taught_facts import FactFilter
from tieout.v1 import fact_service_pb2 as contract
from tieout.v1 import fact_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import grpc.aio

    from engine.policy import PolicyBook
    from rpc.reading import StoreReader
    from rpc.workers import WorkerPool

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["FactService"]

_ORDER: Final = "fact"


class FactService(fact_service_pb2_grpc.FactServiceServicer):
    """Answers `tieout.v1.FactService`."""

    def __init__(
        self,
        *,
        reader: StoreReader,
        workers: WorkerPool,
        policies: Mapping[str, PolicyBook],
        now_ms: Callable[[], int],
    ) -> None:
        """Ask `reader`, and `workers` where much must be looked through."""
        self._reader = reader
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
