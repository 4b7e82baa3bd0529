"""The collection of requests for Bruno, from the OpenAPI document: a file for each call."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from docs.openapi import openapi_document

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["bruno_collection", "bruno_file"]

_ROOT: Final = "docs/bruno"
_STATEMENT: Final = """\
01,MYBANK,TREASURY,260930,0800,1,,,2/
02,TREASURY,MYBANK,1,260930,,USD,2/
03,7730041952,USD,010,0,,/
16,142,129990,0,BK9001,CR9001,INV-2026-1001/
49,129990,3/
98,129990,1,5/
99,129990,1,7/
"""
_VARIABLES: Final = {
    "url": "http://127.0.0.1:50080",
    "api_key": "",
    "case_id": "4efd83f8edca3b6fb59c40251b0388bc",
    "customer_id": "C-ACME",
    "exception_id": "4efd83f8edca3b6fb59c40251b0388bc",
    "file_id": "e36a9f9b218dd23a0d9b1f9eca3b00ff4efeb82faad64eb47144604cc9d02fbd",
    "line_number": "1",
    "name": "reminder",
    "open_item_id": "4711",
    "payment_id": "4efd83f8edca3b6fb59c40251b0388bc",
    "run_id": "4efd83f8edca3b6fb59c40251b0388bc",
    "session_id": "4efd83f8edca3b6f",
    "upload_id": "4efd83f8edca3b6fb59c40251b0388bc",
    "user_name": "m.weber",
    "view_id": "4efd83f8edca3b6f",
    "webhook_id": "wh_5f0c81d2a97b3e44",
}
"""What stands in addresses; a user sets those of things that are there."""

_NEEDED: Final = {("ListPostings", "paymentId"): "{{payment_id}}"}
"""Call and parameter of its query → what it is: the call says nothing without."""


@cache
def bruno_collection() -> Mapping[str, str]:
    """Path from the root → content of every file of the collection."""
    about = {"version": "1", "name": "Tieout", "type": "collection", "ignore": []}
    found = {
        f"{_ROOT}/bruno.json": json.dumps(about, indent=2) + "\n",
        f"{_ROOT}/environments/local.bru": _block("vars", _VARIABLES),
        f"{_ROOT}/statement.bai": _STATEMENT,
    }
    number = 0
    for path, verbs in openapi_document()["paths"].items():
        for verb, operation in verbs.items():
            number += 1
            name = operation["operationId"]
            found[f"{_ROOT}/{operation['tags'][0]}/{name}.bru"] = _request(
                number, verb, path, operation
            )
    return found


def bruno_file(name: str) -> str:
    """The content of the file `name` of the collection."""
    return bruno_collection()[name]


def _request(number: int, verb: str, path: str, operation: Mapping[str, Any]) -> str:
    """One request; parameters that are not needed are there, switched off (`~`)."""
    address = re.sub(r"\{(\w+)\}", r"{{\1}}", path)
    kind, body = _body(operation)
    asked = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
    needed = {key: _NEEDED.get((operation["operationId"], key)) for key in asked}
    query = {key if value else f"~{key}": value or "" for key, value in needed.items()}
    headers = {"~authorization": "Bearer TOKEN", "x-api-key": "{{api_key}}"}
    headers |= {
        f"~{one['name'].lower()}": "" for one in operation["parameters"] if one["in"] == "header"
    }
    parts = [
        _block("meta", {"name": operation["operationId"], "type": "http", "seq": str(number)}),
        _block(verb, {"url": "{{url}}" + address, "body": kind, "auth": "none"}),
        _block("params:query", query) if query else "",
        _block("headers", headers),
        body,
        "docs {\n" + _indented(operation["description"]) + "\n}\n",
    ]
    return "\n".join(part for part in parts if part)


def _body(operation: Mapping[str, Any]) -> tuple[str, str]:
    """Kind of the body, and its block."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/octet-stream" in content:
        file = "@file(statement.bai) @contentType(application/octet-stream)"
        return "file", _block("body:file", {"file": file})
    if "application/json" not in content:
        return "none", ""
    text = json.dumps(content["application/json"]["example"], indent=2, ensure_ascii=False)
    return "json", "body:json {\n" + _indented(text) + "\n}\n"


def _block(name: str, values: Mapping[str, str]) -> str:
    lines = "".join(f"  {key}: {value}".rstrip() + "\n" for key, value in values.items())
    return f"{name} {{\n{lines}}}\n"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
