"""What a clerk does to an exception: each form is one call, and the answer is a page."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Route

from tieout.v1 import cases_pb2, customer_service_pb2, person_service_pb2
from tieout.v1 import exception_service_pb2 as contract
from web.calls import CallError, ask
from web.errors import WebError
from web.frame import frame_of, go_to
from web.limits import FORM_FIELDS_MAX
from web.pages.case_data import case_of, neighbours
from web.pages.case_forms import CASE_ACTS, GOING_ON, carried_entry, picks_request
from web.pages.case_view import taken_entries
from web.pages.exception import address_of, beside, case_page, looks_of
from web.pages.fetched import FETCHED_HEADER, is_as_fetched
from web.pages.queue_query import query_of
from web.problems import refusal_words, status_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from web.pages.queue_query import QueueQuery

__all__ = ["ROUTES"]

_REMAINDERS: Final = {
    "write_off": cases_pb2.REMAINDER_KIND_WRITE_OFF,
    "deduction": cases_pb2.REMAINDER_KIND_DEDUCTION,
    "discount": cases_pb2.REMAINDER_KIND_DISCOUNT,
    "on_account": cases_pb2.REMAINDER_KIND_ON_ACCOUNT,
    "refund": cases_pb2.REMAINDER_KIND_REFUND,
    "non_ar": cases_pb2.REMAINDER_KIND_NON_AR,
}


class _Act:
    """One form that was sent: what it says, on which case, seen from where."""

    def __init__(self, request: Request, name: str, form: FormData) -> None:
        self.request = request
        self.name = name
        self.form = form
        self.identity: str = request.path_params["identity"]
        self.query: QueueQuery = query_of(request.query_params)
        self.payers = tuple(request.query_params.getlist("payer"))
        self.etag = str(form.get("etag", ""))

    @property
    def here(self) -> str:
        """The same exception, as it is after the act."""
        return address_of(self.identity, self.query, payer=self.payers)

    @property
    def onward(self) -> str:
        """The next exception, which says what was done to this one; the queue after the last."""
        following = str(self.form.get("next", ""))
        if following:
            return address_of(following, self.query, done=self.identity)
        address = self.query.here("/")
        return f"{address}{'&' if '?' in address else '?'}done={self.identity}"

    async def perform(self, call: str, message: Any) -> cases_pb2.Case:
        """One act, and the case after it; a form that is sent twice has one key and acts once."""
        message.exception_id = self.identity
        message.etag = self.etag
        key = str(self.form.get("request_id", ""))
        if key and self.name not in _REPEATED:
            message.request_id = f"{key}-{self.name}"[:255]
        case: cases_pb2.Case = (await ask(self.request, "exceptions", call, message)).case
        return case


_REPEATED: Final = frozenset({"picks", "remainder", "drop", "take", "learn"})
"""Acts on the draft: sent again with other picks from the same page; the etag guards them."""


async def _plain(act: _Act) -> Response:
    call, fields_of = CASE_ACTS[act.name]
    message = getattr(contract, f"{call}Request")(**fields_of(act.form))
    case = await act.perform(call, message)
    return await _go_on(act, case) if act.name in GOING_ON else go_to(act.here)


async def _decide(act: _Act) -> Response:
    """Accept the draft, or else the chosen suggestion."""
    rank = str(act.form.get("rank", "0"))
    message = contract.DecideExceptionRequest(
        proposal_rank=int(rank) if rank.isdecimal() else 0, hold="hold" in act.form
    )
    return await _go_on(act, await act.perform("DecideException", message))


async def _go_on(act: _Act, case: cases_pb2.Case) -> Response:
    """The next exception at once, as far as the browser does not hold it; the queue after the last.

    Without the script of the page, or where it cannot be had, the browser is sent there.
    """
    following = str(act.form.get("next", ""))
    if not following or act.request.headers.get("hx-request") != "true":
        return go_to(act.onward)
    done = contract.GetCaseResponse(case=case)
    done.acts.add(name=act.name, act_number=int(case.summary.etag))
    done.payment.payer_name = str(act.form.get("payer", ""))
    try:
        page = await _held(act, following, done) or await case_page(
            act.request, following, act.query, looks_of({}, ()), done=done
        )
    except CallError:
        return go_to(act.onward)
    page.headers["hx-push-url"] = act.onward
    return page


async def _held(act: _Act, following: str, done: contract.GetCaseResponse) -> Response | None:
    """What to put around the page that the browser holds; None where it holds another."""
    held = act.request.headers.get(FETCHED_HEADER, "")
    if not held:
        return None
    around = await neighbours(act.request, following, act.query)
    if not is_as_fetched(held, following, around, done.case.lines):
        return None
    values = beside(around, following, done, act.query)
    page = frame_of(act.request).page(act.request, "case_after.html", **values)
    page.headers[FETCHED_HEADER] = "shown"
    return page


async def _picks(act: _Act) -> Response:
    detail = await case_of(act.request, act.identity)
    display = frame_of(act.request).display(act.request)
    await act.perform("PrepareException", picks_request(act.form, detail, display))
    return go_to(act.here)


async def _drop(act: _Act) -> Response:
    await act.perform("PrepareException", contract.PrepareExceptionRequest())
    return go_to(act.here)


async def _remainder(act: _Act) -> Response:
    """Say what becomes of the difference; it joins the draft."""
    kind = _REMAINDERS.get(str(act.form.get("kind", "")))
    if kind is None:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY)
    detail = await case_of(act.request, act.identity)
    rank = str(act.form.get("rank", "0"))
    proposed = int(rank) if rank.isdecimal() else 0
    message = contract.PrepareExceptionRequest(
        entries=() if proposed else detail.case.draft.entries,
        proposal_rank=proposed,
        remainder=cases_pb2.Remainder(
            kind=kind,
            reason=str(act.form.get("reason", "")),
            link=str(act.form.get("link", "")).strip(),
            customer_id=str(act.form.get("customer_id", "")).strip(),
        ),
    )
    await act.perform("PrepareException", message)
    return go_to(act.here)


async def _paste(act: _Act) -> Response:
    """Read pasted numbers and show what they mean; nothing is kept yet."""
    message = contract.ReadReferencesRequest(
        exception_id=act.identity, text=str(act.form.get("text", ""))
    )
    read = await ask(act.request, "exceptions", "ReadReferences", message)
    looks = looks_of({}, act.payers)
    return await case_page(act.request, act.identity, act.query, looks, pasted=read)


async def _attach(act: _Act) -> Response:
    """Give the payment its advice, pasted or as a file; the engine proposes anew."""
    given = act.form.get("advice")
    content, name = b"", ""
    if isinstance(given, UploadFile) and given.filename:
        content, name = await given.read(), given.filename
    message = contract.AttachRemittanceRequest(
        text=str(act.form.get("text", "")).strip(), content=content, file_name=name
    )
    await act.perform("AttachRemittance", message)
    return go_to(act.here)


async def _take(act: _Act) -> Response:
    """Keep what was read as the draft."""
    entries = [carried_entry(str(text)) for text in act.form.getlist("entry")]
    await act.perform("PrepareException", contract.PrepareExceptionRequest(entries=entries))
    return go_to(act.here)


async def _payer(act: _Act) -> Response:
    """Find a customer: one alone becomes the payer, or joins the payer; of several, choose."""
    text = str(act.form.get("find", "")).strip()
    detail = await case_of(act.request, act.identity)
    message = customer_service_pb2.FindCustomersRequest(
        company_id=detail.case.summary.company_id, text=text, page_size=10
    )
    found = (await ask(act.request, "customers", "FindCustomers", message)).customers
    if len(found) != 1:
        return go_to(address_of(act.identity, act.query, payer=act.payers, find=text))
    (customer,) = found
    if not detail.case.summary.customer_id:
        request = contract.IdentifyPayerRequest(customer_id=customer.customer_id)
        await act.perform("IdentifyPayer", request)
        return go_to(act.here)
    payers = tuple(dict.fromkeys((*act.payers, customer.customer_id)))
    return go_to(address_of(act.identity, act.query, payer=payers))


async def _learn(act: _Act) -> Response:
    """Teach a fact: now, or with the picks where there are some."""
    detail = await case_of(act.request, act.identity)
    fact = cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_FACT,
        customer_id=str(act.form.get("customer_id", "")),
        fact_kind=str(act.form.get("fact_kind", "")),
        value=str(act.form.get("value", "")).strip(),
    )
    draft = taken_entries(detail, 0)
    if draft:
        message = contract.PrepareExceptionRequest(entries=[*draft, fact])
        await act.perform("PrepareException", message)
    else:
        await act.perform("DecideException", contract.DecideExceptionRequest(entries=[fact]))
    return go_to(act.here)


async def _read(act: _Act) -> Response:
    """What the notes of this exception said to the reader was read; the case itself stays."""
    message = person_service_pb2.ReadMentionsRequest(case_ids=[act.identity])
    await ask(act.request, "persons", "ReadMentions", message)
    return go_to(act.here)


_ACTS: Final[dict[str, Callable[[_Act], Awaitable[Response]]]] = {
    **dict.fromkeys(CASE_ACTS, _plain),
    "decide": _decide,
    "picks": _picks,
    "drop": _drop,
    "remainder": _remainder,
    "paste": _paste,
    "attach": _attach,
    "take": _take,
    "payer": _payer,
    "learn": _learn,
    "read": _read,
}


async def _act(request: Request) -> Response:
    name = request.path_params["act"]
    handler = _ACTS.get(name)
    if handler is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    form = await request.form(max_fields=FORM_FIELDS_MAX)
    act = _Act(request, name, form)
    try:
        return await handler(act)
    except CallError as error:
        status = status_of(error)
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_GATEWAY}:
            raise
        return await _refused(act, status, refusal_words(request, error), str(error))
    except WebError as error:
        return await _refused(act, HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "")


async def _refused(act: _Act, status: HTTPStatus, words: str, detail: str) -> Response:
    """The exception as it is now, and why nothing was done."""
    looks = looks_of({"suggestion": str(act.form.get("rank", ""))}, act.payers)
    return await case_page(
        act.request,
        act.identity,
        act.query,
        looks,
        status=status,
        problem=words,
        detail=detail if detail != words else "",
    )


ROUTES: Final = [Route("/exceptions/{identity}/{act}", _act, methods=["POST"])]
"""What answers."""
