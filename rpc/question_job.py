"""Questions that look through much of a store, answered in a worker. One job for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rpc.caller import current_caller
from rpc.expected_payments import expected_payments
from rpc.fact_question import fact_report
from rpc.file_bytes_question import file_bytes
from rpc.jobs import QuestionDone, QuestionJob
from rpc.receivables_question import receivables_report
from tieout.v1 import bank_file_service_pb2, fact_service_pb2, report_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.policy import PolicyBook
    from store.repository import Repository

__all__ = ["run_question"]


def run_question(store: Repository, policy: PolicyBook, job: QuestionJob) -> QuestionDone:
    """Answer `job`; raises what its question raises."""
    request_class, answer = _ANSWERS[job.question]
    response = answer(store, policy, request_class.FromString(job.request), job.now_ms)
    return QuestionDone(response.SerializeToString())


def _receivables(store: Repository, _: PolicyBook, request: Any, now_ms: int) -> Any:
    companies = _companies(request.company_id)
    return receivables_report(store, request, companies, now_ms)


def _expected(store: Repository, _: PolicyBook, request: Any, now_ms: int) -> Any:
    return expected_payments(store, request, _companies(request.company_id), now_ms)


def _companies(company_id: str) -> tuple[str, ...] | None:
    """The companies to report on; raises `CompanyNotPermittedError`."""
    caller = current_caller()
    if company_id:
        caller.check_company(company_id)
        return (company_id,)
    return None if caller.companies is None else tuple(sorted(caller.companies))


_ANSWERS: Final[dict[str, tuple[Any, Callable[[Repository, PolicyBook, Any, int], Any]]]] = {
    "receivables": (report_service_pb2.GetReceivablesReportRequest, _receivables),
    "expected_payments": (report_service_pb2.ListExpectedPaymentsRequest, _expected),
    "fact": (
        fact_service_pb2.GetFactRequest,
        lambda store, policy, request, now_ms: fact_report(store, request, policy, now_ms),
    ),
    "file_bytes": (
        bank_file_service_pb2.GetBankFileBytesRequest,
        lambda store, _, request, __: file_bytes(store, request),
    ),
}
"""Question → its request, and how it is answered."""
