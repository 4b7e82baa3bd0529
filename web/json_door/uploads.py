"""Bodies that become a stream of request messages: a header first, then what it announces."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from web.json_door.arrow_streams import ARROW
from web.json_door.bindings import Upload
from web.json_door.bodies import JSON_LINES, apart, chunks, content_type, json_body, lines
from web.json_door.contract import class_of
from web.json_door.parameters import fields_of_query, put
from web.json_door.problems import Refusal, refused
from web.json_door.reading import message_of, parsed
from web.json_door.row_files import CSV, row_messages
from web.json_door.table_bodies import (
    are_tables,
    chunk_messages,
    given_tables,
    rows_messages,
    with_query,
)
from web.limits import APART_BYTES_MIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from google.protobuf.message import Message
    from starlette.requests import Request

    from web.json_door.bindings import Binding
    from web.json_door.contract import Rpc

__all__ = ["idempotency_key", "uploaded"]

_NOT_A_FILE: Final = frozenset({"multipart/form-data", "application/x-www-form-urlencoded"})
_DIGEST: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):")


async def uploaded(
    binding: Binding, rpc: Rpc, path_fields: Mapping[str, str], request: Request
) -> AsyncIterator[Message]:
    """The messages that the request's body is; raises `DoorError`."""
    media = content_type(request)
    header = _header(rpc, path_fields, request)
    if binding.upload is Upload.FILE:
        messages = _file(rpc, request, header, media)
    elif binding.upload is Upload.ROWS and media == CSV:
        messages = row_messages(rpc, header, request)
    elif binding.upload is Upload.ROWS and media == ARROW:
        messages = rows_messages(rpc, header, request)
    elif are_tables(rpc, request):
        messages = _tables(rpc, header, request)
    elif media == JSON_LINES:
        messages = _messages(rpc, header, _values(request))
    else:
        messages = _messages(rpc, header, _one_by_one((await json_body(request))[1]))
    async for message in messages:
        yield message


def _header(rpc: Rpc, path_fields: Mapping[str, str], request: Request) -> dict[str, Any]:
    """The header's fields as the path, the query and HTTP's own headers have them."""
    descriptor = rpc.request.DESCRIPTOR.fields_by_name["header"].message_type
    fields = fields_of_query(descriptor, request.url.query)
    for name, text in path_fields.items():
        put(fields, descriptor, name, text, "the path")
    key = idempotency_key(request)
    if key and "request_id" in descriptor.fields_by_name:
        put(fields, descriptor, "request_id", key, "idempotency-key")
    digest = _DIGEST.search(request.headers.get("content-digest", ""))
    if digest and "sha256" in descriptor.fields_by_name:
        try:
            put(fields, descriptor, "sha256", base64.b64decode(digest[1]).hex(), "content-digest")
        except binascii.Error:
            sentence = "content-digest holds no SHA-256"
            raise refused(Refusal.FIELD_INVALID, sentence) from None
    return fields


def idempotency_key(request: Request) -> str:
    """The key with which the request may be repeated, with or without quotes."""
    return request.headers.get("idempotency-key", "").strip().strip('"')


async def _file(
    rpc: Rpc, request: Request, header: dict[str, Any], media: str
) -> AsyncIterator[Message]:
    if media in _NOT_A_FILE:
        sentence = (
            f"content-type is {media}, but the body is to be the file itself: "
            "send application/octet-stream (curl: -H 'content-type: application/octet-stream')"
        )
        raise refused(Refusal.CONTENT_TYPE_UNKNOWN, sentence, content_type=media)
    yield message_of(rpc.request, {"header": header})
    async for chunk in chunks(request):
        yield rpc.request(chunk=chunk)


async def _tables(rpc: Rpc, header: dict[str, Any], request: Request) -> AsyncIterator[Message]:
    async with given_tables(rpc, request) as given:
        yield message_of(rpc.request, {"header": with_query(given.fields, header)})
        async for message in chunk_messages(rpc, given.files):
            yield message


async def _values(request: Request) -> AsyncIterator[tuple[int, Any]]:
    """Each line as JSON, with its length."""
    async for line in lines(request):
        yield len(line), await apart(len(line), parsed, line)


async def _one_by_one(body: Any) -> AsyncIterator[tuple[int, Any]]:
    """Each value of a list, or the only one; how long each was nobody knows."""
    for value in body if isinstance(body, list) else [body] if body else []:
        yield APART_BYTES_MIN, value


async def _messages(
    rpc: Rpc, header: dict[str, Any], values: AsyncIterator[tuple[int, Any]]
) -> AsyncIterator[Message]:
    """The header is the first value, or stands in the query; it may stand in both."""
    descriptor = rpc.request.DESCRIPTOR.fields_by_name["header"].message_type
    size, first = 0, None
    async for size, first in values:  # noqa: B007 - anext with a default breaks in Python 3.11
        break
    given = first.get("header") if isinstance(first, dict) else None
    if isinstance(given, dict):
        for name, value in header.items():
            field = descriptor.fields_by_camelcase_name[name]
            if isinstance(value, str):
                put(given, descriptor, field.name, value, "the query or idempotency-key")
            else:
                given.setdefault(name, value)
        yield message_of(rpc.request, first)
    else:
        yield class_of(rpc.request.DESCRIPTOR)(header=message_of(class_of(descriptor), header))
        if first is not None:
            yield await apart(size, message_of, rpc.request, first)
    async for size, value in values:
        yield await apart(size, message_of, rpc.request, value)
