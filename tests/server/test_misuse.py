"""Eight ways to misuse the service, over both doors: each ends as the pages say; all goes on."""

import json
import re
from pathlib import Path

import grpc
import pytest

from rpc.api_keys import write_keys
from rpc.caller import Role
from rpc.limits import CHUNK_BYTES_MAX
from tests.server.identity import NOW, SECRET, key_record
from tests.server.requests import bai2_file, match_request
from tests.server.running_server import RunningServer
from tests.web.door_requests import FILE, JSON, get, post, problem
from tieout.client import Client, Credentials
from tieout.v1 import (
    bank_file_service_pb2,
    exception_service_pb2,
    exception_service_pb2_grpc,
    match_service_pb2,
    view_service_pb2,
)

pytestmark = pytest.mark.xdist_group("server")

DOCS = Path(__file__).resolve().parents[2] / "docs"
SETTINGS = """
[server]
workers = 1
spool = "."
[store]
url_file = "store.url"
[authentication]
keys_file = "keys.toml"
keys_secret_file = "keys.secret"
[tenants.acme]
open_items = "open_items.csv"
[tenants.globex]
"""
ALL = (Role.SUBMITTER, Role.VIEWER, Role.CLERK)
CALLERS = {
    "erp": {"roles": ALL, "tenant": "acme"},
    "viewer": {"roles": (Role.VIEWER,), "tenant": "acme"},
    "other": {"roles": ALL, "tenant": "globex"},
    "late": {"roles": ALL, "tenant": "acme", "expires_at": NOW.replace(year=2020)},
}
CONTENT = bai2_file((33_300, "THANK YOU"), account="MISUSE")
MATCH = "/tieout.v1.MatchService/MatchPayments"
SUBMIT = "/tieout.v1.BankFileService/SubmitBankFile"
GET_FILE = "/tieout.v1.BankFileService/GetBankFile"
GET_CASE = "/tieout.v1.ExceptionService/GetCase"
NOTE = "/tieout.v1.ExceptionService/NoteException"
SAVE_VIEW = "/tieout.v1.ViewService/SaveView"
UNKNOWN = b"\xfa\x3f\x01x"
"""A field of a number that no message has."""


class Misused:
    """The server, its callers' keys, and a file and a case of one tenant."""

    def __init__(self, server, keys):
        self.server, self.keys, self.url = server, keys, server.url
        self.file_id, self.case_id, self.etag, self.current_etag = self._kept()

    def _kept(self):
        """A file, its case, an etag of the case that is no longer current, and the one that is."""
        credentials = Credentials(api_key=self.keys["erp"])
        with Client(self.server.address, credentials=credentials) as client:
            sent = client.submit_bank_file(CONTENT, "day.bai", request_id="FILE-1")
            case = next(iter(client.exceptions(file_id=sent.bank_file.file_id)))
            wanted = exception_service_pb2.GetCaseRequest(exception_id=case.payment_id)
            answer = client.call(wanted, exception_service_pb2.GetCaseResponse)
            note = exception_service_pb2.NoteExceptionRequest(
                exception_id=case.payment_id, text="seen"
            )
            noted = client.call(note, exception_service_pb2.NoteExceptionResponse)
            view = view_service_pb2.SaveViewRequest(name="a", query="sort=due", request_id="VIEW-1")
            client.call(view, view_service_pb2.SaveViewResponse)
        etags = (answer.case.summary.etag, noted.case.summary.etag)
        assert etags[0] != etags[1]
        return sent.bank_file.file_id, case.payment_id, *etags

    def over_grpc(self, caller, rpc, *contents):
        """Code and reason that a call of raw bytes ends with."""
        metadata = (("x-api-key", self.keys[caller]),)
        with grpc.insecure_channel(self.server.address) as channel:
            call = channel.stream_stream(rpc)(iter(contents), metadata=metadata, timeout=60)
            try:
                list(call)
            except grpc.RpcError as error:
                trailers = dict(error.trailing_metadata() or ())
                return error.code().name, trailers.get("tieout-reason", "")
        return "OK", ""

    def over_http(self, caller, path, body=None, headers=JSON, **more):
        """Status and reason that a request ends with."""
        key = {"x_api_key": self.keys[caller]}
        answer = (
            get(self, path, **key)
            if body is None
            else post(self, path, body, headers, **key, **more)
        )
        return (200, "") if answer.status == 200 else problem(answer)


@pytest.fixture(scope="module")
def misused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("misused")
    made = {name: key_record(name=name, **CALLERS[name]) for name in CALLERS}
    write_keys(folder / "keys.toml", [record for _, record in made.values()])
    (folder / "keys.secret").write_bytes(SECRET.reveal())
    (folder / "store.url").write_text(f"sqlite:///{folder / 'store.db'}")
    with RunningServer(folder, SETTINGS, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        workers = server.workers()
        yield Misused(server, {name: key for name, (key, _) in made.items()})
        assert server.workers() == workers, "nobody had to be replaced"
        assert '"level":"error"' not in server.log.read_text()
        assert server.terminate() == 0


def submission(content=b"", **said):
    """The messages of an upload."""
    header = bank_file_service_pb2.SubmitBankFileHeader(file_name="day.bai", **said)
    first = bank_file_service_pb2.SubmitBankFileRequest(header=header).SerializeToString()
    part = bank_file_service_pb2.SubmitBankFileRequest(chunk=content).SerializeToString()
    return (first, part) if content else (first,)


def note(world, **said):
    request = exception_service_pb2.NoteExceptionRequest(
        exception_id=world.case_id, text="mine", **said
    )
    return request.SerializeToString()


def view(**said):
    return view_service_pb2.SaveViewRequest(name="a", **said).SerializeToString()


def case_of(world):
    return exception_service_pb2.GetCaseRequest(exception_id=world.case_id).SerializeToString()


def file_of(world):
    return bank_file_service_pb2.GetBankFileRequest(file_id=world.file_id).SerializeToString()


BY_GRPC = {
    "oversized": [
        (
            "CHUNK_TOO_LARGE",
            "erp",
            SUBMIT,
            lambda _: submission(b"x" * (CHUNK_BYTES_MAX + 1)),
        ),
        ("FIELD_INVALID", "erp", NOTE, lambda w: (note(w, request_id="r" * 256),)),
    ],
    "malformed": [
        ("MESSAGE_MALFORMED", "erp", MATCH, lambda _: (b"\xff" * 40,)),
        ("NOT_A_BANK_FILE", "erp", SUBMIT, lambda _: submission(b"\0" * 1_000)),
    ],
    "expired": [("CREDENTIALS_EXPIRED", "late", GET_FILE, lambda w: (file_of(w),))],
    "unauthorised": [
        ("ROLE_MISSING", "viewer", SUBMIT, lambda _: submission(CONTENT)),
        ("ROLE_MISSING", "viewer", NOTE, lambda w: (note(w),)),
    ],
    "cross-tenant": [
        ("BANK_FILE_NOT_FOUND", "other", GET_FILE, lambda w: (file_of(w),)),
        ("CASE_NOT_FOUND", "other", GET_CASE, lambda w: (case_of(w),)),
        ("CASE_NOT_FOUND", "other", NOTE, lambda w: (note(w),)),
    ],
    "duplicate": [
        (
            "REQUEST_ID_REUSED",
            "erp",
            SUBMIT,
            lambda _: submission(CONTENT.replace(b"33300", b"33301"), request_id="FILE-1"),
        ),
        (
            "REQUEST_ID_REUSED",
            "erp",
            SAVE_VIEW,
            lambda _: (view(query="sort=amount", request_id="VIEW-1"),),
        ),
    ],
    "stale etag": [
        ("STALE_ROW", "erp", NOTE, lambda w: (note(w, etag=w.etag),)),
        ("STALE_ROW", "erp", SAVE_VIEW, lambda _: (view(query="sort=age", etag="0"),)),
    ],
    "unknown field": [
        ("UNKNOWN_FIELD", "erp", MATCH, lambda _: (UNKNOWN,)),
        ("UNKNOWN_FIELD", "erp", SUBMIT, lambda _: (submission()[0] + UNKNOWN,)),
    ],
}
"""Kind of misuse → reason, caller, call, and its messages."""

BY_HTTP = {
    "oversized": [
        (413, "BODY_TOO_LARGE", "erp", lambda _: ("/v1/payments:match", b" " * ((16 << 20) + 1))),
    ],
    "malformed": [
        (400, "MESSAGE_MALFORMED", "erp", lambda _: ("/v1/payments:match", b'{"a":')),
        (400, "NOT_A_BANK_FILE", "erp", lambda _: ("/v1/bank-files", b"\0" * 1_000, FILE)),
    ],
    "expired": [
        (401, "CREDENTIALS_EXPIRED", "late", lambda w: (f"/v1/bank-files/{w.file_id}",)),
    ],
    "unauthorised": [
        (403, "ROLE_MISSING", "viewer", lambda _: ("/v1/bank-files", CONTENT, FILE)),
        (403, "ROLE_MISSING", "viewer", lambda w: (f"/v1/cases/{w.case_id}:note", {"text": "x"})),
    ],
    "cross-tenant": [
        (404, "BANK_FILE_NOT_FOUND", "other", lambda w: (f"/v1/bank-files/{w.file_id}",)),
        (404, "CASE_NOT_FOUND", "other", lambda w: (f"/v1/cases/{w.case_id}",)),
        (404, "CASE_NOT_FOUND", "other", lambda w: (f"/v1/cases/{w.case_id}:note", {"text": "x"})),
    ],
    "duplicate": [
        (
            409,
            "REQUEST_ID_REUSED",
            "erp",
            lambda _: (
                "/v1/bank-files",
                CONTENT.replace(b"33300", b"33302"),
                FILE | {"idempotency-key": "FILE-1"},
            ),
        ),
        (
            409,
            "REQUEST_ID_REUSED",
            "erp",
            lambda _: (
                "/v1/views",
                {"name": "a", "query": "sort=code"},
                JSON | {"idempotency-key": "VIEW-1"},
            ),
        ),
    ],
    "stale etag": [
        (
            412,
            "STALE_ROW",
            "erp",
            lambda w: (
                f"/v1/cases/{w.case_id}:note",
                {"text": "mine"},
                JSON | {"if-match": f'"{w.etag}"'},
            ),
        ),
        (
            409,
            "STALE_ROW",
            "erp",
            lambda w: (f"/v1/cases/{w.case_id}:note", {"text": "mine", "etag": w.etag}),
        ),
    ],
    "unknown field": [
        (400, "UNKNOWN_FIELD", "erp", lambda _: ("/v1/payments:match", {"nope": 1})),
        (400, "UNKNOWN_FIELD", "erp", lambda w: (f"/v1/cases/{w.case_id}:note?nope=1", b"{}")),
    ],
}
"""Kind of misuse → status, reason, caller, and path, body and headers."""


def documented(page, row):
    """What a table of a page says, by the first word of each line."""
    return dict(re.findall(row, (DOCS / page).read_text("utf-8"), re.MULTILINE))


@pytest.fixture(scope="module")
def codes():
    """Reason → gRPC code, as `docs/api.md` has it."""
    found = documented("api.md", r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|$")
    assert len(found) > 50
    return found


@pytest.fixture(scope="module")
def statuses():
    """gRPC code, or reason of the door's own, → what `docs/api-http.md` says of its status."""
    found = documented("api-http.md", r"^\| `([A-Z_]+)` \| (\d[^|]*) \|")
    assert len(found) > 20
    return found


def test_the_eight_kinds_are_tried_over_both_doors():
    assert BY_GRPC.keys() == BY_HTTP.keys()
    assert len(BY_GRPC) == 8
    assert all((*BY_GRPC.values(), *BY_HTTP.values()))


@pytest.mark.parametrize("kind", BY_GRPC)
def test_misuse_over_grpc_ends_as_documented(misused, codes, kind):
    for reason, caller, rpc, contents in BY_GRPC[kind]:
        ended = misused.over_grpc(caller, rpc, *contents(misused))
        assert ended == (codes[reason], reason)
    goes_on(misused)


@pytest.mark.parametrize("kind", BY_HTTP)
def test_misuse_over_http_ends_as_documented(misused, codes, statuses, kind):
    for status, reason, caller, said in BY_HTTP[kind]:
        assert misused.over_http(caller, *said(misused)) == (status, reason), reason
        page = statuses.get(reason) or statuses[codes[reason]]
        assert str(status) in page, f"docs/api-http.md says {page!r} of {reason}"
    goes_on(misused)


def goes_on(misused):
    """Others are answered as before, over both doors, and nothing was changed."""
    content = match_service_pb2.MatchPaymentsRequest.SerializeToString(match_request())
    assert misused.over_grpc("erp", MATCH, content) == ("OK", "")
    key = {"x_api_key": misused.keys["erp"]}
    assert get(misused, "/v1/bank-files", **key).status == 200
    with grpc.insecure_channel(misused.server.address) as channel:
        stub = exception_service_pb2_grpc.ExceptionServiceStub(channel)
        metadata = (("x-api-key", misused.keys["erp"]),)
        request = exception_service_pb2.GetCaseRequest(exception_id=misused.case_id)
        case = stub.GetCase(request, metadata=metadata, timeout=60).case
    assert case.summary.etag == misused.current_etag, "nobody did anything to it"
    views = json.loads(get(misused, "/v1/views", **key).body)["views"]
    assert [one["query"] for one in views] == ["sort=due"]
    files = json.loads(get(misused, "/v1/bank-files", **key).body)["bankFiles"]
    assert [one["fileId"] for one in files] == [misused.file_id]
