"""The OpenAPI document of the JSON door, from the contract, its comments and the door's table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from docs.contract_comments import contract_comments
from docs.openapi_arrow import SUMMARY_HEADER, arrow_answers, arrow_bodies, arrow_rows
from docs.openapi_examples import example_of
from docs.openapi_schemas import Schemas, field_schema
from rpc.permissions import PUBLIC_RPCS
from web.json_door.arrow_streams import ARROW
from web.json_door.bindings import BINDINGS, Upload
from web.json_door.bodies import JSON_LINES
from web.json_door.contract import (
    etag_path,
    map_entry,
    message_in,
    precondition_path,
    rpcs,
    services,
)
from web.json_door.paths import fields_of_path
from web.json_door.problems import PROBLEM_TYPE
from web.json_door.streams import EVENT_STREAM
from web.json_door.table_fields import answers_in_tables, takes_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor

    from web.json_door.bindings import Binding
    from web.json_door.contract import Rpc

__all__ = ["openapi_document", "openapi_text"]

_JSON: Final = "application/json"

_INTRODUCTION: Final = """\
Every call of the gRPC contract `tieout.v1` as JSON over HTTP, by protobuf's JSON mapping.

Names are lowerCamelCase; requests may also use the names of the contract (`amount_minor`).
Amounts are integers in minor units of their currency. 64-bit integers are text in answers
(`"129990"`), text or numbers in requests. What has its default value (`0`, `""`, `false`, an empty
list) is left out. A field that a request does not have is refused with its place.

Credentials are an API key (`x-api-key`) or a bearer token. `Idempotency-Key` makes a request
repeatable: sent again, the first answer comes back; with other content it is refused (409).
`If-Match` with an `ETag` changes only what nobody changed since (412). Lists give the address of
their next page in `Link`. Tables may be Arrow either way: `application/vnd.apache.arrow.stream`
for one, `multipart/form-data` in and `multipart/mixed` out for several. Errors are
`application/problem+json` whose `reason` never changes its meaning."""

_STATUSES: Final = {
    "400": "The request is malformed: a field, the body, the page token.",
    "401": "No credentials came, or they prove nothing here.",
    "403": "The caller is known and may not.",
    "404": "There is no such thing, or no such path.",
    "406": "The caller takes nothing that the call can answer with.",
    "408": "The body did not come.",
    "409": "The state of things forbids it: another change, another content under the same key.",
    "412": "Somebody was faster: the etag is no longer the current one.",
    "413": "The body, or what has to be done for it, is too large.",
    "415": "The body is of a kind that the call does not take.",
    "421": "The name it was asked under is not this machine's, and nobody has to sign in.",
    "422": "Rows are wrong; the answer lists them, and nothing was done.",
    "429": "Too much at once; `Retry-After` says when to come again.",
    "500": "An error nobody foresaw.",
    "503": "The server is not there, drains, or still gets ready; `Retry-After` may say when.",
    "504": "It took longer than any call may.",
}
_ALWAYS: Final = (
    "400",
    "401",
    "403",
    "404",
    "408",
    "409",
    "413",
    "421",
    "429",
    "500",
    "503",
    "504",
)


def openapi_text() -> str:
    """The document as it is served."""
    return json.dumps(openapi_document(), indent=1, ensure_ascii=False) + "\n"


def openapi_document() -> dict[str, Any]:
    """The document as dictionaries and lists."""
    comments = contract_comments()
    called = [rpcs()[binding.rpc] for binding in BINDINGS]
    schemas = Schemas(
        (rpc.request.DESCRIPTOR for rpc in called),
        (rpc.response.DESCRIPTOR for rpc in called),
        comments,
    ).all()
    paths: dict[str, Any] = {}
    for binding in BINDINGS:
        operation = _operation(binding, rpcs()[binding.rpc], comments)
        paths.setdefault(binding.path, {})[binding.verb.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tieout",
            "version": "v1",
            "summary": "Cash application that ties out to the cent",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The server that answers this document"}],
        "security": [{"apiKey": []}, {"bearer": []}],
        "tags": [
            {"name": service.name, "description": comments[service.full_name]}
            for service in services()
            if any(binding.rpc.startswith(f"{service.name}/") for binding in BINDINGS)
        ],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "responses": {f"Problem{code}": _refusal(code) for code in _STATUSES if code != "422"},
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Why there is no answer (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "reason", "code", "domain"],
    "properties": {
        "type": {"type": "string", "description": "`urn:tieout:reason:` and the reason."},
        "title": {"type": "string", "description": "The reason in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "instance": {"type": "string", "description": "The request, by the id it has in logs."},
        "reason": {"type": "string", "description": "What happened, for programs; stable."},
        "code": {"type": "string", "description": "The gRPC code of the same call."},
        "domain": {"type": "string", "const": "tieout"},
        "metadata": {
            "type": "object",
            "description": "The words of the sentence that vary: ids, limits, field paths.",
            "additionalProperties": {"type": "string"},
        },
        "retryAfterSeconds": {"type": "number", "description": "When to come again."},
    },
}


def _operation(binding: Binding, rpc: Rpc, comments: Mapping[str, str]) -> dict[str, Any]:
    service, name = binding.rpc.split("/")
    comment = comments[f"tieout.v1.{service}.{name}"]
    summary = comment.partition(". ")[0].rstrip(".")
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [service],
        "summary": summary,
        "description": f"{comment}\n\ngRPC: `tieout.v1.{service}/{name}`.",
        "parameters": _parameters(binding, rpc, comments),
        "responses": _responses(binding, rpc),
    }
    if binding.verb == "POST":
        operation["requestBody"] = _body(binding, rpc)
    if binding.deprecated_on:
        operation["deprecated"] = True
    if f"tieout.v1.{binding.rpc}" in PUBLIC_RPCS:
        operation["security"] = []
    return operation


def _parameters(binding: Binding, rpc: Rpc, comments: Mapping[str, str]) -> list[dict[str, Any]]:
    request = rpc.request.DESCRIPTOR
    header = message_in(request.fields_by_name["header"]) if binding.upload else request
    in_path = fields_of_path(binding.path)
    found = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": field_schema(header.fields_by_name[name], "") | {"minLength": 1},
            "description": comments.get(f"{header.full_name}.{name}", ""),
        }
        for name in in_path
    ]
    if binding.verb == "GET" or binding.upload:
        found += _in_query(header, comments, set(in_path), "")
    fields = header.fields_by_name
    if binding.verb == "POST" and "request_id" in fields:
        found.append(_header("Idempotency-Key", comments[f"{header.full_name}.request_id"]))
    path = precondition_path(header)
    if path:
        found.append(_header("If-Match", comments[f"{_holder(header, path)}.etag"]))
    if binding.upload is Upload.FILE:
        said = "SHA-256 of the content (RFC 9530): `sha-256=:…:`; where it differs, all is refused."
        found.append(_header("Content-Digest", said))
    if binding.is_endless:
        found.append(_header("Last-Event-ID", "Where to continue: the id of the last event seen."))
    return found


def _in_query(
    descriptor: Descriptor, comments: Mapping[str, str], left_out: set[str], prefix: str
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for field in descriptor.fields:
        if field.name in left_out or map_entry(field) is not None:
            continue
        comment = comments.get(field.full_name, "")
        inner = field.message_type
        is_message = inner is not None and inner.name != "Timestamp"
        if is_message and not field.is_repeated:
            found += _in_query(message_in(field), comments, set(), f"{prefix}{field.json_name}.")
            continue
        parameter: dict[str, Any] = {
            "name": f"{prefix}{field.json_name}",
            "in": "query",
            "description": comment,
        }
        if is_message:
            parameter["content"] = {_JSON: {"schema": field_schema(field, "")}}
        else:
            parameter["schema"] = field_schema(field, "")
        found.append(parameter)
    return found


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 255}
    return {"name": name, "in": "header", "description": description, "schema": schema}


def _body(binding: Binding, rpc: Rpc) -> dict[str, Any]:
    request = rpc.request.DESCRIPTOR
    schema = {"$ref": f"#/components/schemas/{request.name}"}
    example = example_of(request)
    if binding.upload is None:
        tables = arrow_bodies(rpc) if takes_tables(rpc) else {}
        in_path = {request.fields_by_name[name].json_name for name in fields_of_path(binding.path)}
        shown = {name: value for name, value in example.items() if name not in in_path}
        return {"content": {_JSON: {"schema": schema, "example": shown}} | tables}
    if binding.upload is Upload.FILE:
        whole = {"description": "The bytes of the file, as they are."}
        return {"required": True, "content": {"application/octet-stream": {"schema": whole}}}
    content: dict[str, Any] = {
        JSON_LINES: {
            "schema": {
                "type": "string",
                "description": f"One {request.name} per line; the first may be the header.",
            }
        },
        _JSON: {"schema": {"type": "array", "items": schema}, "example": [example]},
    }
    if binding.upload is Upload.ROWS:
        said = "Rows; the first line names fields of the row's message. Amounts are minor units."
        content["text/csv"] = {"schema": {"type": "string", "description": said}}
        content[ARROW] = arrow_rows("New and changed rows")
    elif takes_tables(rpc):
        content |= arrow_bodies(rpc)
    return {"required": True, "content": content}


def _responses(binding: Binding, rpc: Rpc) -> dict[str, Any]:
    answer = rpc.response.DESCRIPTOR
    schema = {"$ref": f"#/components/schemas/{answer.name}"}
    if rpc.streams_responses:
        said = f'One {answer.name} per line; an error behind the first is `{{"error": Problem}}`.'
        lines = {"schema": {"type": "string", "description": said}}
        content: dict[str, Any] = {JSON_LINES: lines}
        if binding.is_endless:
            content[EVENT_STREAM] = {"schema": {"type": "string"}}
    else:
        content = {_JSON: {"schema": schema, "example": example_of(answer)}}
    if answers_in_tables(rpc):
        content |= arrow_answers(rpc)
    good: dict[str, Any] = {"description": "The answer.", "content": content}
    headers = _answer_headers(answer) | (SUMMARY_HEADER if answers_in_tables(rpc) else {})
    if headers:
        good["headers"] = headers
    found: dict[str, Any] = {"200": good}
    codes = set(_ALWAYS)
    if precondition_path(rpc.request.DESCRIPTOR):
        codes.add("412")
    if binding.verb == "POST":
        codes.add("415")
    codes.add("406")
    if binding.verb == "GET" and "ETag" in headers:
        found["304"] = {"description": "What is shown is still what `If-None-Match` says."}
    if "summary" in answer.fields_by_name and (not rpc.streams_responses or answers_in_tables(rpc)):
        wrong = {_JSON: {"schema": schema}}
        found["422"] = {"description": _STATUSES["422"], "content": wrong}
    for code in codes:
        found[code] = {"$ref": f"#/components/responses/Problem{code}"}
    return dict(sorted(found.items()))


def _holder(message: Descriptor, path: tuple[str, ...]) -> str:
    """The message whose field is the last of `path`."""
    for name in path[:-1]:
        message = message_in(message.fields_by_name[name])
    return str(message.full_name)


def _answer_headers(answer: Descriptor) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    found = {}
    if etag_path(answer):
        found["ETag"] = {"description": "The version of what is shown."} | text
    if "next_page_token" in answer.fields_by_name:
        found["Link"] = {"description": 'The next page, with `rel="next"`.'} | text
    return found


def _refusal(code: str) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _STATUSES[code], "content": content}
