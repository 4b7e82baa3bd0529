"""Everything under `/v1/`: which call a request is, its message, the call, and the answer."""

from __future__ import annotations

import datetime
import functools
import logging
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

import grpc.aio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from rpc.permissions import PUBLIC_RPCS
from web.channel import CredentialError, header_metadata
from web.json_door.bindings import BINDINGS
from web.json_door.bodies import JSON_LINES, apart, json_body, raw_body
from web.json_door.calls import CallCancelledError, FrontCalls
from web.json_door.compression import PACKED, is_taken, packed, packed_stream
from web.json_door.contract import etag_path, message_in, precondition_path, rpcs
from web.json_door.own_pages import own_page
from web.json_door.parameters import fields_of_query, put
from web.json_door.paths import PathTable
from web.json_door.problems import DoorError, Refusal, problem_of, refused
from web.json_door.rate_limits import ASKING, rate_limit_headers
from web.json_door.reading import message_of
from web.json_door.streams import EVENT_STREAM, event_stream, json_lines
from web.json_door.table_answers import (
    header_in_arrow,
    in_arrow,
    parts_response,
    table_choice,
)
from web.json_door.table_bodies import are_tables, message_of_tables
from web.json_door.uploads import idempotency_key, uploaded
from web.json_door.writing import json_of
from web.limits import FIRST_EVENT_SECONDS, MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterable

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message
    from starlette.types import Receive, Scope, Send

    from web.channel import Metadata
    from web.json_door.bindings import Binding
    from web.json_door.contract import Rpc
    from web.json_door.table_answers import TableChoice

__all__ = ["JsonDoor"]

_JSON: Final = "application/json"
_REFUSED: Final = frozenset({"MATCH_STATE_REFUSED", "IMPORT_STATE_REFUSED"})
_REFUSED_STATUS: Final = 422
"""Status of an answer that lists wrong rows: nothing was done, and nobody may take it for done."""

_log = logging.getLogger("tieout.web")


class JsonDoor:
    """The ASGI application of the JSON door."""

    def __init__(
        self,
        front: grpc.aio.Channel,
        draining: asyncio.Event,
        *,
        nobody_signs_in: bool,
        bindings: Iterable[Binding] = BINDINGS,
    ) -> None:
        """Answer by calling `front`; streams of events end with `draining`."""
        self._calls = FrontCalls(front)
        self._draining = draining
        self._nobody_signs_in = nobody_signs_in
        self._paths = PathTable(bindings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except (DoorError, grpc.aio.AioRpcError, CallCancelledError) as error:
            response = self._problem(request, error)
        except ClientDisconnect:
            _log.debug("the caller went away")
            return
        for name, value in getattr(request.state, "rate_limit", {}).items():
            response.headers[name] = value
        await response(scope, receive, send)

    def _problem(
        self, request: Request, error: DoorError | grpc.aio.AioRpcError | CallCancelledError
    ) -> Response:
        problem = problem_of(error, with_etag="if-match" in request.headers)
        if isinstance(error, grpc.aio.AioRpcError):
            request.state.rate_limit = rate_limit_headers(error.trailing_metadata())
        headers = error.headers if isinstance(error, DoorError) else {}
        return problem.response(headers)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii", "replace")
        page = own_page(request, path)
        if page is not None:
            return page
        found = self._paths.find(path)
        if found is None:
            sentence = "no call has this path; /v1/openapi.json lists them"
            raise refused(Refusal.PATH_UNKNOWN, sentence)
        method = "GET" if request.method == "HEAD" else request.method
        binding = found.by_method.get(method)
        if binding is None:
            return _other_method(request.method, found.by_method)
        metadata = self._metadata(binding, request)
        response = await self._called(binding, found.fields, metadata, request)
        _announce(binding, response)
        return response

    def _metadata(self, binding: Binding, request: Request) -> Metadata:
        """Credentials that go with the call; raises `DoorError` before a body is looked at."""
        try:
            metadata = header_metadata(request)
        except CredentialError as error:
            sentence = f"{error} holds nothing that is a credential"
            raise refused(Refusal.CREDENTIALS_INVALID, sentence) from None
        named = {name for name, _ in metadata}
        anybody = self._nobody_signs_in or f"tieout.v1.{binding.rpc}" in PUBLIC_RPCS
        if not (anybody or named & {"authorization", "x-api-key"}):
            sentence = "no credentials came: x-api-key or authorization: Bearer … is expected"
            raise refused(Refusal.CREDENTIALS_MISSING, sentence)
        return (*metadata, *ASKING)

    async def _called(
        self, binding: Binding, fields: dict[str, str], metadata: Metadata, request: Request
    ) -> Response:
        rpc = rpcs()[binding.rpc]
        choice = table_choice(rpc, request)
        if binding.upload is not None:
            messages = uploaded(binding, rpc, fields, request)
            if choice is not None:
                messages = header_in_arrow(messages)
            if rpc.streams_responses:
                answers = await self._calls.answers(rpc, messages, metadata)
                return await _many(answers, request, choice)
            answer = await self._calls.answer_to_stream(rpc, messages, metadata, request)
            return await _one(answer, request)
        message = await _message(binding, rpc, fields, request)
        if choice is not None:
            in_arrow(message)
        if rpc.streams_responses:
            patience = FIRST_EVENT_SECONDS if binding.is_endless else None
            answers = await self._calls.answers(rpc, message, metadata, patience)
            if binding.is_endless and EVENT_STREAM in request.headers.get("accept", ""):
                return StreamingResponse(
                    event_stream(answers, self._draining), media_type=EVENT_STREAM
                )
            return await _many(answers, request, choice)
        answer = await self._calls.answer(rpc, message, metadata, request)
        if choice is not None and _state_of(answer) not in _REFUSED:
            return parts_response(choice, answer)
        return await _one(answer, request)


async def _message(
    binding: Binding, rpc: Rpc, path_fields: dict[str, str], request: Request
) -> Message:
    """The request's message out of path, query or body, and HTTP's own headers."""
    descriptor = rpc.request.DESCRIPTOR
    query = request.url.query
    if binding.verb == "GET":
        if await raw_body(request):
            sentence = f"a {request.method} has no body: fields stand in the query"
            raise refused(Refusal.MESSAGE_MALFORMED, sentence)
        size, fields = 0, fields_of_query(descriptor, query)
    elif are_tables(rpc, request):
        return await message_of_tables(
            rpc, request, lambda fields: _put_known(fields, rpc, path_fields, request)
        )
    else:
        if query:
            name = query.partition("=")[0][:100]
            sentence = f"{name!r} is no parameter here: fields of this call stand in the body"
            raise refused(Refusal.UNKNOWN_FIELD, sentence, field=name)
        size, fields = await json_body(request)
    if isinstance(fields, dict):
        _put_known(fields, rpc, path_fields, request)
    message = await apart(size, message_of, rpc.request, fields)
    if message.ByteSize() > MESSAGE_BYTES_MAX:
        sentence = f"the message is larger than {MESSAGE_BYTES_MAX} bytes; use the streamed call"
        raise refused(Refusal.BODY_TOO_LARGE, sentence, bytes_max=str(MESSAGE_BYTES_MAX))
    return message


def _put_known(
    fields: dict[str, Any], rpc: Rpc, path_fields: dict[str, str], request: Request
) -> None:
    """Add what the path and HTTP's own headers say; raises `DoorError`."""
    descriptor = rpc.request.DESCRIPTOR
    known = descriptor.fields_by_name
    for name, text in path_fields.items():
        put(fields, descriptor, name, text, "the path")
    key = idempotency_key(request)
    if key and "request_id" in known:
        put(fields, descriptor, "request_id", key, "idempotency-key")
    tag = _tag(request.headers.get("if-match", ""))
    if tag:
        _put_tag(fields, descriptor, tag)
    last = request.headers.get("last-event-id", "")
    if last and rpc.streams_responses and "page_token" in known:
        put(fields, descriptor, "page_token", last, "last-event-id")


def _put_tag(fields: dict[str, Any], descriptor: Descriptor, tag: str) -> None:
    """Set the version that the caller has seen, where the call asks for one."""
    path = precondition_path(descriptor)
    if not path:
        return
    place: Any = fields
    for name in path[:-1]:
        field = descriptor.fields_by_name[name]
        spelling = field.name if field.name in place else field.json_name
        place, descriptor = place.setdefault(spelling, {}), message_in(field)
        if not isinstance(place, dict):
            return  # what is no message is refused by whoever reads the whole
    put(place, descriptor, path[-1], tag, "if-match")


async def _one(answer: Message, request: Request) -> Response:
    """The answer; with its etag, and the address of the next page, where it has them."""
    headers: dict[str, str] = {}
    etag = _etag_of(answer)
    if etag:
        headers["etag"] = f'"{etag}"'
        seen = request.headers.get("if-none-match", "")
        if request.method in ("GET", "HEAD") and _tag(seen) == etag:
            return Response(None, 304, headers)
    token = getattr(answer, "next_page_token", "")
    if token:
        headers["link"] = f'<{_next_page(request, token)}>; rel="next"'
    status = _REFUSED_STATUS if _state_of(answer) in _REFUSED else 200
    content = await apart(answer.ByteSize(), json_of, answer)
    small = await packed(content, request)
    return Response(small or content, status, headers | (PACKED if small else {}), _JSON)


def _next_page(request: Request, token: str) -> str:
    """Path and query of the page that `token` begins."""
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name not in ("pageToken", "page_token")]
    path = request.scope["raw_path"].decode("ascii", "replace")
    return f"{path}?{urlencode([*kept, ('pageToken', token)])}"


async def _many(
    answers: AsyncIterator[Message], request: Request, choice: TableChoice | None
) -> Response:
    """The answers a line each, or their tables where those were chosen and rows are right."""
    if choice is None:
        return _lines(answers, request)
    first = await anext(answers)
    if _state_of(first) in _REFUSED:
        await answers.aclose()  # type: ignore[attr-defined]  # it is a generator
        return await _one(first, request)
    return parts_response(choice, first, answers)


def _lines(answers: AsyncIterator[Message], request: Request) -> Response:
    content = json_lines(answers)
    if is_taken(request):
        return StreamingResponse(packed_stream(content), headers=PACKED, media_type=JSON_LINES)
    return StreamingResponse(content, media_type=JSON_LINES)


def _etag_of(answer: Message) -> str:
    """The version of what the answer shows."""
    path = etag_path(answer.DESCRIPTOR)
    return str(functools.reduce(getattr, path, answer)) if path else ""


def _state_of(answer: Message) -> str:
    """The name of the state of a summary, empty where there is none."""
    summary = answer.DESCRIPTOR.fields_by_name.get("summary")
    state = summary and summary.message_type and summary.message_type.fields_by_name.get("state")
    if not state or state.enum_type is None:
        return ""
    number = answer.summary.state  # type: ignore[attr-defined]  # it has that field
    return str(state.enum_type.values_by_number[number].name)


def _tag(header: str) -> str:
    """The etag in a header: one, quoted or not, weak or not."""
    return header.strip().removeprefix("W/").strip('"')


def _other_method(method: str, by_method: dict[str, Binding]) -> Response:
    allowed = sorted({*by_method, "OPTIONS", *({"HEAD"} if "GET" in by_method else ())})
    headers = {"allow": ", ".join(allowed)}
    if method == "OPTIONS":
        return Response(None, 204, headers)
    error = refused(Refusal.METHOD_NOT_ALLOWED, f"{method} is not one of {', '.join(allowed)}")
    error.headers = headers
    raise error


def _announce(binding: Binding, response: Response) -> None:
    """Say that the call will end, and when (RFC 9745, RFC 8594)."""
    if binding.deprecated_on:
        response.headers["deprecation"] = f"@{_midnight(binding.deprecated_on).timestamp():.0f}"
    if binding.gone_on:
        response.headers["sunset"] = format_datetime(_midnight(binding.gone_on), usegmt=True)


def _midnight(day: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)
