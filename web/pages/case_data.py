"""Everything the screen of one exception shows, asked for at once."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tieout.v1 import customer_service_pb2, exception_service_pb2, open_item_service_pb2
from web.calls import CallError, ask
from web.frame import viewer_of
from web.problems import status_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from tieout.v1 import cases_pb2, rows_pb2
    from web.pages.queue_query import QueueQuery

__all__ = [
    "CaseData",
    "Looks",
    "Neighbours",
    "case_data",
    "case_of",
    "neighbours",
    "neighbours_of",
    "page_of",
]

ITEMS_MAX: Final = 1_000
"""Open items of one customer on one screen; a number that is pasted finds any other."""

_CONTEXT_BYTES: Final = 300

_SHOWN: Final = 30
_SHOWN_BEFORE: Final = 8
"""Neighbours beside a case: a screen of them; the queue shows them all."""


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has unfolded on the screen, as the address says it."""

    suggestion: int = 0
    payers: tuple[str, ...] = ()
    find: str = ""
    why: str = ""
    learn: str = ""
    done: str = ""


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """Cases around a case; the token leads on where it is the last of its page of the queue."""

    cases: tuple[cases_pb2.CaseSummary, ...]
    total: int
    next_id: str
    previous_id: str
    next_token: str


class CaseData(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of the front. `record` is None where the bank's bytes are not kept."""

    detail: exception_service_pb2.GetCaseResponse
    neighbours: Neighbours
    record: exception_service_pb2.GetPaymentBytesResponse | None
    items: tuple[rows_pb2.OpenItem, ...]
    is_cut: bool
    customers: dict[str, rows_pb2.Customer]
    found: tuple[rows_pb2.Customer, ...]
    explained: exception_service_pb2.ExplainItemResponse | None
    reach: exception_service_pb2.PreviewFactResponse | None
    done: exception_service_pb2.GetCaseResponse | None


async def case_of(request: Request, identity: str) -> exception_service_pb2.GetCaseResponse:
    """One case."""
    message = exception_service_pb2.GetCaseRequest(exception_id=identity)
    response: exception_service_pb2.GetCaseResponse = await ask(
        request, "exceptions", "GetCase", message
    )
    return response


async def case_data(
    request: Request,
    identity: str,
    query: QueueQuery,
    looks: Looks,
    known: exception_service_pb2.GetCaseResponse | None = None,
) -> CaseData:
    """All of it; raises `CallError` where the case itself cannot be had.

    `known` is what was done just before, else `looks` says of which exception to ask.
    """
    detail, record, page, done = await asyncio.gather(
        case_of(request, identity),
        _record(request, identity),
        page_of(request, query),
        _optional_case(request, "" if known else looks.done),
    )
    company = detail.case.summary.company_id
    owners = _owners(detail, looks)
    lists, customers, found, explained, reach = await asyncio.gather(
        asyncio.gather(*(_items(request, detail, owner) for owner in owners)),
        asyncio.gather(*(_customer(request, company, owner) for owner in owners)),
        _found(request, company, looks.find),
        _explained(request, identity, looks.why),
        _reach(request, detail, looks),
    )
    return CaseData(
        detail=detail,
        neighbours=neighbours_of(page, detail.case.summary.case_id),
        record=record,
        items=tuple(item for items, _ in lists for item in items),
        is_cut=any(cut for _, cut in lists),
        customers={one.customer_id: one for one in customers if one is not None},
        found=found,
        explained=explained,
        reach=reach,
        done=known or done,
    )


def _owners(detail: exception_service_pb2.GetCaseResponse, looks: Looks) -> list[str]:
    """Customers whose items are shown: the payer's, those of picks, those asked for."""
    named = [detail.case.summary.customer_id]
    named += [entry.customer_id for entry in detail.case.draft.entries]
    named += looks.payers
    return [one for one in dict.fromkeys(named) if one]


async def neighbours(request: Request, identity: str, query: QueueQuery) -> Neighbours:
    """The queue around a case as it is now."""
    page = await page_of(request, query)
    return neighbours_of(page, identity)


async def page_of(request: Request, query: QueueQuery) -> exception_service_pb2.ListCasesResponse:
    """The page of the queue, of as many rows as the reader likes."""
    wanted = query.request(viewer_of(request).preferences.page_rows)
    answer: exception_service_pb2.ListCasesResponse = await ask(
        request, "exceptions", "ListCases", wanted
    )
    return answer


def neighbours_of(page: exception_service_pb2.ListCasesResponse, case_id: str) -> Neighbours:
    """What stands around a case in its page of the queue."""
    ids = [one.case_id for one in page.cases]
    at = ids.index(case_id) if case_id in ids else -1
    first = max(0, at - _SHOWN_BEFORE)
    return Neighbours(
        cases=tuple(page.cases[first : first + _SHOWN]),
        total=page.total_count,
        next_id=ids[at + 1] if at + 1 < len(ids) else "",
        previous_id=ids[at - 1] if at > 0 else "",
        next_token=page.next_page_token,
    )


async def _record(
    request: Request, identity: str
) -> exception_service_pb2.GetPaymentBytesResponse | None:
    message = exception_service_pb2.GetPaymentBytesRequest(
        exception_id=identity, context_bytes=_CONTEXT_BYTES
    )
    answer: exception_service_pb2.GetPaymentBytesResponse = await _unless(
        ask(request, "exceptions", "GetPaymentBytes", message), None
    )
    return answer


async def _optional_case(
    request: Request, identity: str
) -> exception_service_pb2.GetCaseResponse | None:
    return await _unless(case_of(request, identity), None) if identity else None


async def _items(
    request: Request, detail: exception_service_pb2.GetCaseResponse, owner: str
) -> tuple[list[rows_pb2.OpenItem], bool]:
    summary = detail.case.summary
    answer = await ask(
        request,
        "open_items",
        "ListOpenItems",
        open_item_service_pb2.ListOpenItemsRequest(
            company_id=summary.company_id,
            customer_id=owner,
            currency_code=summary.currency_code,
            is_open=True,
            page_size=ITEMS_MAX,
        ),
    )
    items = sorted(
        (stored.open_item for stored in answer.open_items),
        key=lambda item: (item.due_date or "9999", item.document_number),
    )
    return items, bool(answer.next_page_token)


async def _customer(request: Request, company: str, customer: str) -> rows_pb2.Customer | None:
    message = customer_service_pb2.GetCustomerRequest(company_id=company, customer_id=customer)
    answer = await _unless(ask(request, "customers", "GetCustomer", message), None)
    return answer.customer if answer else None


async def _found(request: Request, company: str, text: str) -> tuple[rows_pb2.Customer, ...]:
    if not text:
        return ()
    message = customer_service_pb2.FindCustomersRequest(company_id=company, text=text, page_size=10)
    return tuple((await ask(request, "customers", "FindCustomers", message)).customers)


async def _explained(
    request: Request, identity: str, item: str
) -> exception_service_pb2.ExplainItemResponse | None:
    if not item:
        return None
    message = exception_service_pb2.ExplainItemRequest(exception_id=identity, open_item_id=item)
    answer: exception_service_pb2.ExplainItemResponse = await ask(
        request, "exceptions", "ExplainItem", message
    )
    return answer


async def _reach(
    request: Request, detail: exception_service_pb2.GetCaseResponse, looks: Looks
) -> exception_service_pb2.PreviewFactResponse | None:
    if not looks.learn:
        return None
    payment = detail.payment
    message = exception_service_pb2.PreviewFactRequest(
        exception_id=detail.case.summary.case_id,
        fact_kind=looks.learn,
        value=payment.payer_account if looks.learn == "payer_account" else payment.payer_name,
    )
    answer: exception_service_pb2.PreviewFactResponse = await _unless(
        ask(request, "exceptions", "PreviewFact", message), None
    )
    return answer


_ABSENT: Final = frozenset(
    {
        HTTPStatus.NOT_FOUND,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Where a part of the screen is not to be had, the rest is shown."""


async def _unless(answer: Any, otherwise: Any) -> Any:
    """The answer, or `otherwise` where it is not there, or not for the reader."""
    try:
        return await answer
    except CallError as error:
        if status_of(error) in _ABSENT:
            return otherwise
        raise
