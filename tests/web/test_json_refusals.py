"""What the JSON door refuses, with which status, and who may come in."""

import re

import grpc
import pytest

from rpc.api_keys import write_keys
from rpc.caller import Role
from tests.server.identity import SECRET, key_record
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.door_requests import FILE, JSON, LINES, get, post, problem, told
from tests.web.web_requests import ask
from web.json_door.bindings import Binding
from web.json_door.door import _announce
from web.json_door.problems import problem_of

pytestmark = pytest.mark.xdist_group("web")

HOSTILE = [
    (b'{"asOf": "a", "asOf": "b"}', JSON, 400, "MESSAGE_MALFORMED"),
    (b'{"asOf": "\xff"}', JSON, 400, "MESSAGE_MALFORMED"),
    (b'{"asOf": NaN}', JSON, 400, "MESSAGE_MALFORMED"),
    (b"[" * 1_000_000, JSON, 400, "MESSAGE_MALFORMED"),
    (b'{"a":' * 1_000_000, JSON, 400, "MESSAGE_MALFORMED"),
    (b'{"a":', JSON, 400, "MESSAGE_MALFORMED"),
    (b"[]", JSON, 400, "FIELD_INVALID"),
    (b"null", JSON, 400, "FIELD_INVALID"),
    (b'{"x": 1}', JSON, 400, "UNKNOWN_FIELD"),
    (b'{"asOf": "\\ud800"}', JSON, 400, "FIELD_INVALID"),
    (b"{}", {"content-type": "text/plain"}, 415, "CONTENT_TYPE_UNKNOWN"),
    (b"{}", {}, 415, "CONTENT_TYPE_UNKNOWN"),
    (b"{}", {"content-type": "application/json; charset=latin-1"}, 415, "CONTENT_TYPE_UNKNOWN"),
    (b"{}", JSON | {"content-encoding": "gzip"}, 415, "CONTENT_TYPE_UNKNOWN"),
    (b" " * ((16 << 20) + 1), JSON, 413, "BODY_TOO_LARGE"),
    (b'{"asOf": "' + b"x" * (5 << 20) + b'"}', JSON, 413, "BODY_TOO_LARGE"),
    (b'{"requestId": "' + b"x" * 300 + b'"}', JSON, 400, "FIELD_INVALID"),
    (b"{}", JSON | {"authorization": "Bearer \xff"}, 401, "CREDENTIALS_INVALID"),
    (b"{}", JSON | {"x-api-key": "k" * 30_000}, 401, "CREDENTIALS_INVALID"),
]


@pytest.mark.parametrize(("body", "headers", "status", "reason"), HOSTILE)
def test_a_hostile_request_is_refused_with_a_reason(served, body, headers, status, reason):
    answer = post(served, "/v1/payments:match", body, headers)
    assert problem(answer) == (status, reason)


def test_a_page_of_another_site_is_refused_with_a_reason(served):
    answer = post(served, "/v1/cases/a:claim", origin="https://evil.example")
    assert problem(answer) == (403, "FOREIGN_PAGE")
    assert problem(get(served, "/v1/cases", host="evil.example")) == (421, "FOREIGN_PAGE")


def test_hostile_lines_and_requests_are_refused(served):
    long_line = b'{"header": {"requestId": "' + b"x" * (5 << 20)
    for body, status, reason in (
        (b'{"header": {}}\n{"header": {}}\n', 400, "STREAM_ORDER"),
        (b'{"header": {}}\n{"nope": {}}\n', 400, "UNKNOWN_FIELD"),
        (b'{"header": {}}\n{\n', 400, "MESSAGE_MALFORMED"),
        (b'{"header": 5}\n', 400, "FIELD_INVALID"),
        (long_line, 413, "BODY_TOO_LARGE"),
    ):
        assert problem(post(served, "/v1/payments:streamMatch", body, LINES)) == (status, reason)
    assert problem(ask(f"{served.url}/v1/cases", "GET", b"{}", JSON)) == (400, "MESSAGE_MALFORMED")
    for path in ("nothing", "uploads/%0A/x", "%0A", "cases/%0A%00:nothing"):
        assert problem(get(served, f"/v1/{path}"))[0] == 404
    assert problem(get(served, "/v1/cases/a%0Ab")) == (404, "CASE_NOT_FOUND")
    answer = ask(f"{served.url}/v1/cases", "DELETE")
    assert problem(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    options = ask(f"{served.url}/v1/cases", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    head = ask(f"{served.url}/v1/cases", "HEAD")
    assert (head.status, head.body) == (200, b"")


class Ended(grpc.aio.AioRpcError):
    """A call that the front ended with `code`."""

    def __init__(self, code, trailers=()):
        super().__init__(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailers), "because")


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.name != "OK"])
def test_every_code_of_grpc_has_a_status(code):
    found = problem_of(Ended(code, (("tieout-reason", "SOME_REASON"),)))
    assert 400 <= found.status < 600
    assert (found.code, found.reason, found.detail) == (code.name, "SOME_REASON", "because")
    assert problem_of(Ended(code)).reason in (code.name, "FRONT_UNAVAILABLE")
    google = {"INVALID_ARGUMENT": 400, "UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403}
    google |= {"NOT_FOUND": 404, "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429}
    google |= {"INTERNAL": 500, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504}
    assert found.status == google.get(code.name, found.status)


def test_the_end_of_a_call_is_announced():
    binding = Binding(
        rpc="X/Y", verb="GET", path="/v1/x", deprecated_on="2027-01-01", gone_on="2028-01-01"
    )
    response = problem_of(Ended(grpc.StatusCode.NOT_FOUND)).response()
    _announce(binding, response)
    assert response.headers["deprecation"] == "@1798761600"
    assert response.headers["sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"


SETTINGS = """
[server]
workers = 2
[store]
url_file = "store.url"
[authentication]
keys_file = "keys.toml"
keys_secret_file = "keys.secret"
[limits]
calls_per_second = 1
calls_burst = 12
[tenants.acme]
open_items = "open_items.csv"
[tenants.globex]
"""
CALLERS = {
    "erp": {"roles": (Role.SUBMITTER, Role.VIEWER), "tenant": "acme"},
    "viewer": {"roles": (Role.VIEWER,), "tenant": "acme"},
    "other": {"roles": (Role.SUBMITTER, Role.VIEWER), "tenant": "globex"},
    "noisy": {"roles": (Role.VIEWER,), "tenant": "acme"},
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    made = {name: key_record(name=name, **CALLERS[name]) for name in CALLERS}
    write_keys(folder / "keys.toml", [record for _, record in made.values()])
    (folder / "keys.secret").write_bytes(SECRET.reveal())
    (folder / "store.url").write_text(f"sqlite:///{folder / 'store.db'}")
    with RunningServer(folder, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        server.keys = {name: key for name, (key, _) in made.items()}
        yield server
        assert '"level":"error"' not in server.log.read_text()


def test_tenants_and_roles_hold_through_the_door(secured):
    content = bai2_file((10_000, "INV-20431"))
    keys = {name: {"x_api_key": key} for name, key in secured.keys.items()}
    assert problem(get(secured, "/v1/exceptions")) == (401, "CREDENTIALS_MISSING")
    answer = post(secured, "/v1/bank-files", content, FILE, x_api_key="tk_0.wrong")
    assert problem(answer) == (401, "CREDENTIALS_INVALID")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    cookie = get(secured, "/v1/exceptions", cookie=f"tieout_session={secured.keys['erp']}")
    assert problem(cookie) == (401, "CREDENTIALS_MISSING"), "a cookie counts for nothing here"
    answer = post(secured, "/v1/bank-files", content, FILE, **keys["viewer"])
    assert problem(answer) == (403, "ROLE_MISSING")
    assert told(answer)["metadata"]["caller"] == "viewer"
    mine = told(post(secured, "/v1/bank-files", content, FILE, **keys["erp"]))
    path = f"/v1/bank-files/{mine['bankFile']['fileId']}"
    assert get(secured, path, **keys["viewer"]).status == 200
    assert problem(get(secured, path, **keys["other"])) == (404, "BANK_FILE_NOT_FOUND")
    assert get(secured, "/v1/openapi.json").status == 200, "nobody has to sign in to read it"
    bearer = get(secured, path, authorization="Bearer x.y.z")
    assert problem(bearer) == (401, "CREDENTIALS_INVALID")
    assert problem(get(secured, path, host="evil.example"))[0] == 401, "signed in, any name does"


def test_a_caller_with_too_many_calls_is_told_when_to_come_again(secured):
    key = {"x_api_key": secured.keys["noisy"]}
    first = get(secured, "/v1/exceptions", **key)
    assert re.fullmatch(r'"calls";r=\d+;t=\d+', first.headers["ratelimit"])
    answers = (get(secured, "/v1/exceptions", **key) for _ in range(200))
    limited = next(one for one in answers if one.status != 200)
    assert problem(limited) == (429, "RATE_LIMITED")
    assert int(limited.headers["retry-after"]) >= 1
    assert told(limited)["retryAfterSeconds"] > 0
    assert limited.headers["ratelimit"].startswith('"calls";r=0;t=')
    for one in (first, limited):
        assert one.headers["ratelimit-policy"] == '"calls";q=12;w=12'


@pytest.mark.parametrize("body", [b"", b"\n\n", b"{}", b"[]", b"null\n", b"[null]", b"5\n"])
@pytest.mark.parametrize("headers", [JSON, LINES])
@pytest.mark.parametrize("path", ["payments:streamMatch", "open-items:import", "customers:import"])
def test_a_stream_of_nothing_is_a_header_alone_or_refused(served, path, headers, body):
    answer = post(served, f"/v1/{path}", body, headers)
    assert answer.status == 200 or problem(answer)[0] == 400
