"""ReportService: counts, sums and rates over the companies a caller may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from rpc.caller import current_caller
from rpc.errors import FieldError
from rpc.jobs import QuestionDone, QuestionJob
from rpc.receivables_question import aging_messages
from rpc.workers import Lane
from store.activity import ActivityFilter
from tieout.v1 import report_service_pb2 as contract
from tieout.v1 import report_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc.aio

    from rpc.reading import StoreReader
    from rpc.workers import WorkerPool
    from store.customer_figures import CustomerHabits
    from store.repository import Repository

__all__ = ["ReportService"]

_DAY_MS: Final = 86_400_000
_HABIT_DAYS: Final = 365
_HABIT_DAYS_MAX: Final = 3_650
_HABIT_ROWS_MAX: Final = 5_000
_PAYMENTS_MAX: Final = 50


class ReportService(report_service_pb2_grpc.ReportServiceServicer):
    """Answers `tieout.v1.ReportService`."""

    def __init__(self, reader: StoreReader, workers: WorkerPool, now_ms: Callable[[], int]) -> None:
        """Ask `reader`, and `workers` where much is summed; `now_ms` is the clock."""
        self._reader = reader
        self._workers = workers
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

    async def GetWorkReport(  # noqa: N802 - the contract's name
        self,
        request: contract.GetWorkReportRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetWorkReportResponse:
        """Give how work went."""
        wanted = ActivityFilter(
            begin_ms=request.decide_time_min.ToMilliseconds(),
            end_ms=request.decide_time_end.ToMilliseconds(),
            companies=_companies(request.company_id),
        )
        return await self._reader.ask(lambda store: _work(store, wanted))

    async def GetReceivablesReport(  # noqa: N802 - the contract's name
        self,
        request: contract.GetReceivablesReportRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetReceivablesReportResponse:
        """Give what is open, and how fast it is collected; a worker looks through the items."""
        job = QuestionJob(
            question="receivables", request=request.SerializeToString(), now_ms=self._now_ms()
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, QuestionDone)  # noqa: S101 - a worker answers in kind
        return contract.GetReceivablesReportResponse.FromString(done.response)

    async def ListExpectedPayments(  # noqa: N802 - the contract's name
        self,
        request: contract.ListExpectedPaymentsRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.ListExpectedPaymentsResponse:
        """Give when open items will be paid; a worker learns it from what was settled."""
        job = QuestionJob(
            question="expected_payments",
            request=request.SerializeToString(),
            now_ms=self._now_ms(),
        )
        done = await self._workers.run(job, Lane.INTERACTIVE)
        assert isinstance(done, QuestionDone)  # noqa: S101 - a worker answers in kind
        return contract.ListExpectedPaymentsResponse.FromString(done.response)

    async def GetCustomerReport(  # noqa: N802 - the contract's name
        self,
        request: contract.GetCustomerReportRequest,
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetCustomerReportResponse:
        """Give how one customer pays."""
        current_caller().check_company(request.company_id)
        if not 0 <= request.days <= _HABIT_DAYS_MAX:
            message = f"days is {request.days}, expected 0 to {_HABIT_DAYS_MAX}"
            raise FieldError(message, field="days", value=str(request.days))
        now_ms = self._now_ms()
        return await self._reader.ask(lambda store: _customer(store, request, now_ms))


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


def _work(store: Repository, wanted: ActivityFilter) -> contract.GetWorkReportResponse:
    with store.reading():
        kept, waits = store.work_figures.kept(wanted), store.work_figures.waits(wanted)
        differences = store.work_figures.differences(wanted)
        by_people = store.work_figures.kept(wanted, by_people=True)
        accepted = store.work_figures.accepted(wanted)
    return contract.GetWorkReportResponse(
        decided_payment_count=sum(one.payment_count for one in by_people),
        undone_payment_count=sum(one.reversed_payment_count for one in by_people),
        suggested_payment_count=accepted.suggested_count,
        first_accepted_count=accepted.first_count,
        first_three_accepted_count=accepted.first_three_count,
        kept_rates=[
            contract.KeptRate(
                currency_code=one.currency,
                payment_count=one.payment_count,
                reversed_payment_count=one.reversed_payment_count,
                applied_minor=one.applied_minor,
                reversed_minor=one.reversed_minor,
            )
            for one in kept
        ],
        differences=[
            contract.DifferenceTotal(
                currency_code=one.currency,
                kind=one.kind,
                reason=one.reason,
                line_count=one.line_count,
                amount_minor=one.amount_minor,
            )
            for one in differences
        ],
        human_payment_count=waits.payment_count,
        half_milliseconds=waits.half_ms,
        nine_tenths_milliseconds=waits.nine_tenths_ms,
    )


def _customer(
    store: Repository, request: contract.GetCustomerReportRequest, now_ms: int
) -> contract.GetCustomerReportResponse:
    since_ms = now_ms - (request.days or _HABIT_DAYS) * _DAY_MS
    key = (request.company_id, request.customer_id)
    with store.reading():
        open_amounts = store.customer_figures.open_amounts(*key)
        habits = store.customer_figures.habits(*key, since_ms, _HABIT_ROWS_MAX)
        payments = store.customer_figures.payments(*key, _PAYMENTS_MAX)
    return contract.GetCustomerReportResponse(
        aging=aging_messages(open_amounts, now_ms),
        habits=[_habits_message(one) for one in habits],
        payments=[
            contract.CustomerPayment(
                payment_id=one.payment_id,
                currency_code=one.currency,
                amount_minor=one.amount_minor,
                value_date=one.value_date,
                status=one.status,
                applied_minor=one.applied_minor,
            )
            for one in payments
        ],
    )


def _habits_message(habits: CustomerHabits) -> contract.PayingHabits:
    weight = habits.days_late_weight
    return contract.PayingHabits(
        currency_code=habits.currency,
        payment_count=habits.payment_count,
        item_count=habits.item_count,
        several_count=habits.several_count,
        deduction_count=habits.deduction_count,
        discount_count=habits.discount_count,
        discount_late_count=habits.discount_late_count,
        applied_minor=habits.applied_minor,
        days_late=habits.days_late_sum / weight if weight else None,
        late_count=habits.late_count,
        dated_count=habits.dated_count,
    )


def _companies(company_id: str) -> tuple[str, ...] | None:
    """The companies to report on; raises `CompanyNotPermittedError`."""
    caller = current_caller()
    if company_id:
        caller.check_company(company_id)
        return (company_id,)
    return None if caller.companies is None else tuple(sorted(caller.companies))
