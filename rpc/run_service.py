"""RunService: what was accepted, followed to its end."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rpc.caller import Role, current_caller
from rpc.errors import FieldError, RoleMissingError
from rpc.limits import RUN_WAIT_SECONDS, RUN_WAIT_SECONDS_MAX
from rpc.page_tokens import page_limit, page_token, read_page_token
from store.runs import ENDED, RunFilter
from tieout.v1 import (
    application_service_pb2,
    bank_file_service_pb2,
    customer_service_pb2,
    open_item_service_pb2,
    run_service_pb2_grpc,
)
from tieout.v1 import run_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio

    from rpc.draining import Draining
    from rpc.reading import StoreReader
    from rpc.runs import RunKeeper
    from store.runs import RunRecord

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["RunService", "run_message"]

_KINDS: Final = {
    "bank_file": contract.RUN_KIND_BANK_FILE,
    "open_items": contract.RUN_KIND_OPEN_ITEMS,
    "customers": contract.RUN_KIND_CUSTOMERS,
    "results": contract.RUN_KIND_RESULTS,
}
_STATES: Final = {
    "waiting": contract.RUN_STATE_WAITING,
    "running": contract.RUN_STATE_RUNNING,
    "done": contract.RUN_STATE_DONE,
    "failed": contract.RUN_STATE_FAILED,
    "cancelled": contract.RUN_STATE_CANCELLED,
}
_IMPORTS: Final[dict[str, Any]] = {
    "open_items": open_item_service_pb2.ImportOpenItemsResponse,
    "customers": customer_service_pb2.ImportCustomersResponse,
}
_ORDER: Final = "latest"


class _Error(msgspec.Struct, frozen=True):
    """Why a run failed, as it is kept."""

    reason: str
    message: str
    metadata: dict[str, str]


class RunService(run_service_pb2_grpc.RunServiceServicer):
    """Answers `tieout.v1.RunService`."""

    def __init__(self, reader: StoreReader, runs: RunKeeper, draining: Draining) -> None:
        """Ask `reader` for lists and `runs` for the rest; waiting ends when `draining` begins."""
        self._reader = reader
        self._runs = runs
        self._draining = draining

    async def ListRuns(  # noqa: N802 - the contract's name
        self,
        request: contract.ListRunsRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListRunsResponse:
        """One page of runs."""
        caller = current_caller()
        wanted = RunFilter(
            kind=_named(_KINDS, request.kind, "kind"),
            state=_named(_STATES, request.state, "state"),
            started_by="" if caller.companies is None else caller.name,
        )
        place = read_page_token(request.page_token, wanted, _ORDER)
        limit = page_limit(request.page_size)
        found = await self._reader.ask(
            lambda store: store.runs.list_runs(wanted, place[0] if place else None, limit + 1)
        )
        last = (found[limit - 1].row_number, 0) if len(found) > limit else None
        return contract.ListRunsResponse(
            runs=[run_message(one) for one in found[:limit]],
            next_page_token=page_token(last, wanted, _ORDER),
        )

    async def GetRun(  # noqa: N802 - the contract's name
        self,
        request: contract.GetRunRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetRunResponse:
        """The run as it stands."""
        return contract.GetRunResponse(run=run_message(await self._runs.find(request.run_id)))

    async def WaitRun(  # noqa: N802 - the contract's name
        self,
        request: contract.WaitRunRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.WaitRunResponse:
        """The run when it has ended, or as it stands when the time is over."""
        if not 0 <= request.wait_seconds <= RUN_WAIT_SECONDS_MAX:
            message = (
                f"wait_seconds is {request.wait_seconds}, expected 0 to {RUN_WAIT_SECONDS_MAX}"
            )
            raise FieldError(message, field="wait_seconds", value=str(request.wait_seconds))
        record: RunRecord | None = None
        try:
            coming = self._draining.followed(self._runs.watch(request.run_id))
            async with (
                asyncio.timeout(request.wait_seconds or RUN_WAIT_SECONDS),
                aclosing(coming) as records,
            ):
                async for record in records:
                    if record.state in ENDED:
                        break
        except TimeoutError:
            record = await self._runs.find(request.run_id)
        assert record is not None  # noqa: S101 - watching gives a run at once, or raises
        return contract.WaitRunResponse(run=run_message(record))

    async def WatchRun(  # noqa: N802 - the contract's name
        self,
        request: contract.WatchRunRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> AsyncIterator[contract.WatchRunResponse]:
        """The run after every change."""
        coming = self._runs.watch(request.run_id)
        async with aclosing(self._draining.followed(coming)) as records:
            async for record in records:
                yield contract.WatchRunResponse(run=run_message(record))

    async def CancelRun(  # noqa: N802 - the contract's name
        self,
        request: contract.CancelRunRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.CancelRunResponse:
        """End a run of the caller's; an admin may end any."""
        caller = current_caller()
        record = await self._runs.find(request.run_id)
        if record.started_by != caller.name and Role.ADMIN not in caller.roles:
            message = f"run {record.run_id} is of {record.started_by!r}; an admin may end it"
            raise RoleMissingError(message, caller=caller.name, run_id=record.run_id)
        return contract.CancelRunResponse(run=run_message(await self._runs.cancel(record.run_id)))


def run_message(record: RunRecord) -> contract.Run:
    """A run as callers see it."""
    run = contract.Run(
        run_id=record.run_id,
        kind=_KINDS[record.kind],
        state=_STATES[record.state],
        file_name=record.file_name,
        size_bytes=record.size_bytes,
        started_by=record.started_by,
    )
    run.create_time.FromMilliseconds(record.created_at_ms)
    if record.started_at_ms:
        run.start_time.FromMilliseconds(record.started_at_ms)
    if record.ended_at_ms:
        run.end_time.FromMilliseconds(record.ended_at_ms)
    if record.error:
        error = msgspec.json.decode(record.error, type=_Error)
        run.error.CopyFrom(contract.RunError(**msgspec.structs.asdict(error)))
    if record.result is not None:
        _add_result(run, record.kind, record.result)
    return run


def _add_result(run: contract.Run, kind: str, result: bytes) -> None:
    if kind == "bank_file":
        run.bank_file.CopyFrom(bank_file_service_pb2.SubmitBankFileResponse.FromString(result))
    elif kind == "results":
        run.posted.CopyFrom(application_service_pb2.PostResultsResponse.FromString(result))
    else:
        run.imported.CopyFrom(_IMPORTS[kind].FromString(result).summary)


def _named(names: dict[str, Any], value: int, field: str) -> str:
    if not value:
        return ""
    for name, known in names.items():
        if known == value:
            return name
    message = f"{field} is {value}, which this server does not know"
    raise FieldError(message, field=field, value=str(value))
