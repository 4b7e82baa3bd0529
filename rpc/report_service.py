"""ReportService: counts, sums and rates over the companies a caller may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from rpc.caller import current_caller
from store.activity import ActivityFilter
from tieout.v1 import report_service_pb2 as contract
from tieout.v1 import report_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from rpc.reading import StoreReader
    from store.repository import Repository

__all__ = ["ReportService"]


class ReportService(report_service_pb2_grpc.ReportServiceServicer):
    """Answers `tieout.v1.ReportService`."""

    def __init__(self, reader: StoreReader, now_ms: Callable[[], int]) -> None:
        """Ask `reader`; `now_ms` is the clock, in milliseconds since 1970 UTC."""
        self._reader = reader
        self._now_ms = now_ms

    async def GetActivityReport(  # noqa: N802 - the contract's name
        self,
        request: contract.GetActivityReportRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetActivityReportResponse:
        """Give the report."""
        wanted = ActivityFilter(
            begin_ms=request.receive_time_min.ToMilliseconds(),
            end_ms=request.receive_time_end.ToMilliseconds(),
            companies=_companies(request.company_id),
        )
        now_ms = self._now_ms()
        return await self._reader.ask(lambda store: _report(store, wanted, now_ms))


def _report(
    store: Repository, wanted: ActivityFilter, now_ms: int
) -> contract.GetActivityReportResponse:
    """All figures from one state of the store."""
    as_dict = msgspec.structs.asdict
    with store.reading():
        return contract.GetActivityReportResponse(
            files=[
                contract.FileCount(source_format=form, state=state, file_count=count)
                for form, state, count in store.activity.files(wanted)
            ],
            straight_through=[
                contract.StraightThrough(**as_dict(one))
                for one in store.activity.straight_through(wanted)
            ],
            cash_positions=[
                contract.CashPosition(**as_dict(one)) for one in store.activity.cash(wanted)
            ],
            waiting_cases=[
                contract.WaitingCases(**as_dict(one))
                for one in store.activity.waiting(wanted, now_ms)
            ],
        )


def _companies(company_id: str) -> tuple[str, ...] | None:
    """The companies to report on; raises `CompanyNotPermittedError`."""
    caller = current_caller()
    if company_id:
        caller.check_company(company_id)
        return (company_id,)
    return None if caller.companies is None else tuple(sorted(caller.companies))
