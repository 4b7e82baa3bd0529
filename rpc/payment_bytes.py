"""The bytes a bank wrote about a payment, out of the file that is kept. Runs in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rpc.caller import current_caller
from rpc.desk_work import current_summary
from rpc.errors import BankFileNotFoundError
from rpc.jobs import PaymentBytesDone, PaymentBytesJob
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    from store.repository import Repository

__all__ = ["payment_bytes_job"]


def payment_bytes_job(store: Repository, job: PaymentBytesJob) -> PaymentBytesDone:
    """The record of `job` and what stands around it.

    Raises `CaseNotFoundError`, `CompanyNotPermittedError`, or `BankFileNotFoundError` where the
    file's content is no longer kept.
    """
    with store.reading():
        summary = current_summary(store, job.identity, job.now_ms)
        current_caller().check_company(summary.company_id)
        payments = store.cases.payment_of(summary.payment_id).record_batch.to_pylist()
        opened = store.contents.read(summary.file_id)
    if opened is None:
        message = f"the content of bank file {summary.file_id} is no longer kept"
        raise BankFileNotFoundError(message, file_id=summary.file_id)
    response = contract.GetPaymentBytesResponse(
        file_id=summary.file_id, is_erased=bool(opened.erased)
    )
    for payment in payments:
        response.source_file = payment["source_file"]
        offset, length = payment["source_offset"], payment["source_length"]
        if offset is not None and length is not None:
            end = offset + length
            response.source_offset = offset
            response.before = opened.content[max(0, offset - job.context_bytes) : offset]
            response.record = opened.content[offset:end]
            response.after = opened.content[end : end + job.context_bytes]
    return PaymentBytesDone(response.SerializeToString())
