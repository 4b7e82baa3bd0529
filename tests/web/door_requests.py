"""Requests to the JSON door, and what its refusals look like."""

from __future__ import annotations

import json
from pathlib import Path

from tests.web.web_requests import ask

__all__ = ["FILE", "GOLDEN", "JSON", "LINES", "get", "post", "problem", "told"]

JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/jsonl"}
FILE = {"content-type": "application/octet-stream"}
GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def get(served, path, **headers):
    return ask(
        served.url + path, headers={name.replace("_", "-"): headers[name] for name in headers}
    )


def post(served, path, body=b"", headers=JSON, **more):
    named = {name.replace("_", "-"): more[name] for name in more}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(served.url + path, "POST", content, dict(headers) | named)


def told(answer):
    return json.loads(answer.body)


def problem(answer):
    """Status and reason of a refusal, in the form that every refusal has."""
    assert answer.headers["content-type"] == "application/problem+json"
    found = told(answer)
    assert found["status"] == answer.status
    assert found["type"] == f"urn:tieout:reason:{found['reason']}"
    assert found["instance"] == f"urn:tieout:request:{answer.headers['x-request-id']}"
    assert found["domain"] == "tieout"
    assert found["title"]
    return answer.status, found["reason"]
