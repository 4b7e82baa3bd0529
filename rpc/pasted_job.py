"""Pasted invoice numbers, read against the open items they may mean. Runs in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from desk.cases import undecided_minor
from desk.pasted_references import read_pasted
from engine.batches import CustomerBatch, OpenItemBatch
from rpc.case_messages import entry_message
from rpc.conversions import REQUEST_TABLES, encode_table
from rpc.desk_work import current_summary
from rpc.errors import CaseNotFoundError, TooManyItemsError
from rpc.jobs import ReadReferencesDone, ReadReferencesJob
from store.case_facts import entry_keys
from store.open_items import ItemFilter
from tieout.v1 import exception_service_pb2 as contract

if TYPE_CHECKING:
    from desk.cases import Case
    from store.open_items import OpenItems
    from store.repository import Repository

__all__ = ["read_references_job"]

_ITEMS_MAX: Final = 100_000
"""Items of one reading: a second's work; the largest customers have fewer."""
_ITEMS_PER_READ: Final = 20_000
_ITEMS: Final = next(kind for kind in REQUEST_TABLES if kind.field == "open_items")


def read_references_job(store: Repository, job: ReadReferencesJob) -> ReadReferencesDone:
    """Read the text of `job`.

    Raises `CaseNotFoundError`, or `TooManyItemsError` where the payer must be identified first.
    """
    with store.reading():
        summary = current_summary(store, job.identity, job.now_ms)
        if job.companies is not None and summary.company_id not in job.companies:
            message = f"no case {job.identity!r} of your companies is kept here"
            raise CaseNotFoundError(message, exception_id=job.identity)
        case = store.cases.load(summary)
        payment = store.cases.payment_of(case.payment_id)
        items = _candidates(store.open_items, case)
    if not len(payment):
        message = f"{job.identity!r} concerns no payment"
        raise CaseNotFoundError(message, exception_id=job.identity)
    read = read_pasted(job.text, payment, undecided_minor(case), items, CustomerBatch.empty())
    keys = entry_keys(read.entries)
    table = encode_table(_ITEMS, store.open_items.find(keys).rows, arrow=False)
    response = contract.ReadReferencesResponse(
        entries=[entry_message(entry) for entry in read.entries],
        open_items=table.messages.open_items,
        unread=read.unread,
        remainder_minor=read.remainder_minor,
    )
    return ReadReferencesDone(response.SerializeToString())


def _candidates(open_items: OpenItems, case: Case) -> OpenItemBatch:
    """Open items of the company in the payment's currency: numbers may be another customer's."""
    wanted = ItemFilter(company_id=case.company_id, currency=case.currency)
    parts = []
    after, count = None, 0
    while True:
        rows, after = open_items.list_items(wanted, after, _ITEMS_PER_READ)
        parts.append(rows.rows)
        count += len(rows.rows)
        if after is None:
            return OpenItemBatch.concat(parts)
        if count >= _ITEMS_MAX:
            if not case.customer_id:
                message = "the company has too many open items; identify the payer first"
                raise TooManyItemsError(message, company_id=case.company_id)
            return _of_customer(open_items, case)


def _of_customer(open_items: OpenItems, case: Case) -> OpenItemBatch:
    wanted = ItemFilter(
        company_id=case.company_id, customer_id=case.customer_id, currency=case.currency
    )
    return open_items.list_items(wanted, None, _ITEMS_MAX)[0].rows
