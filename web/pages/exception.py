"""The screen of one exception: the payment and what the bank wrote, suggestions, items, acts."""

from __future__ import annotations

import uuid
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from babel.numbers import get_currency_precision
from google.protobuf.json_format import MessageToJson
from starlette.routing import Route

from tieout.v1 import exception_service_pb2
from web.calls import ask
from web.engine_words import said_anew, suggestion_said
from web.frame import frame_of, own_name, viewer_of
from web.pages.bank_text import readable
from web.pages.case_data import Looks, case_data
from web.pages.case_view import (
    bank_text,
    document_numbers,
    history,
    item_rows,
    note_said,
    other_entries,
    suggestions,
    taken_entries,
)
from web.pages.fetched import VERSION_HEADER, version_shown
from web.pages.queue_query import QueueQuery, query_of, state_name
from web.wording import WORDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from web.pages.case_data import CaseData, Neighbours

__all__ = ["ROUTES", "address_of", "beside", "case_page", "looks_of"]

_WORKABLE: Final = frozenset(
    {"new", "open", "in_work", "parked", "escalated", "rejected", "reversed"}
)
_WAITING: Final = frozenset({"proposed", "pending_approval"})
_CONTEXT_BYTES: Final = 16_384
_LINE_BYTES: Final = 100
_LOOKS: Final = ("find", "why", "learn", "done")


def looks_of(parameters: Mapping[str, str], payers: tuple[str, ...]) -> Looks:
    """What is unfolded, out of the parameters of an address."""
    rank = parameters.get("suggestion", "")
    return Looks(
        suggestion=int(rank) if rank.isascii() and rank.isdecimal() else 0,
        payers=payers,
        **{name: parameters.get(name, "").strip() for name in _LOOKS},
    )


def address_of(identity: str, query: QueueQuery, **looks: str | tuple[str, ...]) -> str:
    """Where an exception is, looked at within the queue `query`."""
    address = f"/exceptions/{identity}{_said_of(query)}"
    pairs: list[tuple[str, str]] = []
    for name, value in looks.items():
        values = value if isinstance(value, tuple) else (value,)
        pairs += [(name, one) for one in values if one]
    return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs)}" if pairs else address


@lru_cache(maxsize=256)
def _said_of(query: QueueQuery) -> str:
    """A view behind an address; a page names it a hundred times."""
    pairs = query.pairs()
    return f"?{urlencode(pairs)}" if pairs else ""


async def _show(request: Request) -> Response:
    identity = request.path_params["identity"]
    query = query_of(request.query_params)
    payers = tuple(request.query_params.getlist("payer"))
    looks = looks_of(request.query_params, payers)
    return await case_page(request, identity, query, looks)


async def case_page(
    request: Request,
    identity: str,
    query: QueueQuery,
    looks: Looks,
    *,
    status: int = HTTPStatus.OK,
    problem: str = "",
    detail: str = "",
    pasted: exception_service_pb2.ReadReferencesResponse | None = None,
    done: exception_service_pb2.GetCaseResponse | None = None,
) -> Response:
    """The screen as it is now, with a `problem` on top where there was one.

    `done` is what was done to another exception just before, where that is known already.
    """
    data = await case_data(request, identity, query, looks, done)
    values = _values(request, data, query, looks)
    page = frame_of(request).page(
        request,
        "exception.html",
        status=status,
        problem=problem,
        problem_detail=detail,
        pasted=pasted,
        pasted_entries=_carried(pasted),
        **values,
    )
    page.headers[VERSION_HEADER] = version_shown(data)
    return page


def _carried(pasted: exception_service_pb2.ReadReferencesResponse | None) -> list[str]:
    """Entries that were read, as a form carries them."""
    entries = pasted.entries if pasted else ()
    return [MessageToJson(one, indent=None, preserving_proto_field_name=True) for one in entries]


def _values(request: Request, data: CaseData, query: QueueQuery, looks: Looks) -> dict[str, Any]:
    detail = data.detail
    summary = detail.case.summary
    display = frame_of(request).display(request)
    currency = summary.currency_code
    translate = frame_of(request).translate(request)

    def money(minor: int) -> str:
        return display.money(minor, currency)

    offers = suggestions(detail, lambda row, number: suggestion_said(row, number, translate, money))
    state = state_name(summary.state)
    may_decide = "decide" in viewer_of(request).permissions
    has_draft = bool(detail.case.draft.entries)
    rank = looks.suggestion or (0 if has_draft or not offers else offers[0].rank)
    chosen = 0 if has_draft and not looks.suggestion else rank
    entries = (
        taken_entries(detail, 0) if has_draft and not looks.suggestion else _suggested(detail, rank)
    )
    if state not in _WORKABLE and state not in _WAITING:
        entries, chosen = [], 0
    rows = item_rows(data, entries)
    here = address_of(summary.case_id, query, payer=looks.payers)
    return {
        "data": data,
        **beside(data.neighbours, summary.case_id, data.done, query),
        "detail": detail,
        "case": detail.case,
        "summary": summary,
        "payment": detail.payment,
        "state": state,
        "looks": looks,
        "here": here,
        "verdict_said": lambda said: said_anew(said, translate, money, WORDING.item_states),
        "act_address": lambda act: address_of(
            f"{summary.case_id}/{act}", query, payer=looks.payers
        ),
        "offers": offers,
        "chosen": chosen,
        "has_draft": has_draft,
        "rows": rows,
        "owners": sorted({row.item.customer_id for row in rows}),
        "documents": document_numbers(detail),
        "others": other_entries(entries),
        "picked_minor": sum(one.cash_minor for one in entries),
        "left_minor": summary.undecided_minor - sum(one.cash_minor for one in entries),
        "exponent": get_currency_precision(summary.currency_code or "EUR"),
        "is_workable": may_decide and state in _WORKABLE,
        "may_decide": may_decide,
        "is_waiting": state in _WAITING,
        "is_mine": not summary.lease_holder or summary.lease_holder == own_name(request),
        "text": bank_text(data, rows, display),
        "history": history(detail),
        "note_said": note_said,
    }


def beside(
    neighbours: Neighbours,
    identity: str,
    done: exception_service_pb2.GetCaseResponse | None,
    query: QueueQuery,
) -> dict[str, Any]:
    """What the screen of `identity` shows of the queue around it, and of what was `done` before."""
    return {
        "neighbours": neighbours,
        "identity": identity,
        "done": done,
        "query": query,
        "state_name": state_name,
        "address_of": address_of,
        "request_id": uuid.uuid4().hex,
        "queue_address": query.here("/"),
        "next_address": _beside(neighbours.next_id, query, neighbours.next_token),
        "previous_address": _beside(neighbours.previous_id, query, ""),
        "next_id": neighbours.next_id,
    }


def _suggested(detail: exception_service_pb2.GetCaseResponse, rank: int) -> list[Any]:
    bare = exception_service_pb2.GetCaseResponse()
    bare.CopyFrom(detail)
    bare.case.draft.Clear()
    return taken_entries(bare, rank)


def _beside(identity: str, query: QueueQuery, token: str) -> str:
    """The address of a neighbour; where the page of the queue ends, the queue's next page."""
    if identity:
        return address_of(identity, query)
    return query.address("/", after=token) if token else ""


async def _bytes(request: Request) -> Response:
    """The record in its file, line by line with offsets."""
    identity = request.path_params["identity"]
    message = exception_service_pb2.GetPaymentBytesRequest(
        exception_id=identity, context_bytes=_CONTEXT_BYTES
    )
    answer = await ask(request, "exceptions", "GetPaymentBytes", message)
    start = answer.source_offset - len(answer.before)
    content = answer.before + answer.record + answer.after
    lines, at = [], 0
    for line in content.split(b"\n"):
        for begin in range(0, max(len(line), 1), _LINE_BYTES):
            piece = line[begin : begin + _LINE_BYTES]
            offset = start + at + begin
            inside = answer.source_offset <= offset < answer.source_offset + len(
                answer.record
            ) or offset <= answer.source_offset < offset + max(len(piece), 1)
            lines.append((offset, readable(piece), inside))
        at += len(line) + 1
    query = query_of(request.query_params)
    return frame_of(request).page(
        request, "bytes.html", answer=answer, lines=lines, back=address_of(identity, query)
    )


ROUTES: Final = [
    Route("/exceptions/{identity}", _show, methods=["GET"]),
    Route("/exceptions/{identity}/bytes", _bytes, methods=["GET"]),
]
"""What answers."""
