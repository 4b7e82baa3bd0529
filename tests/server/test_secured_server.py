"""A server with TLS, keys, tokens, two tenants: who sees what, and what hostile calls end with."""

import gzip
import io
import re
import time

import grpc
import pyarrow as pa
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rpc.api_keys import write_keys
from rpc.caller import Role
from rpc.limits import CHUNK_BYTES_MAX
from tests.server.identity import AUDIENCE, ISSUER, NOW, SECRET, Authority, Provider, key_record
from tests.server.requests import bai2_file, match_request, payments, table
from tests.server.running_server import RunningServer
from tieout.client import NO_RETRIES, Client, ClientError, Credentials
from tieout.v1 import (
    bank_file_service_pb2,
    exception_service_pb2,
    match_service_pb2,
    rows_pb2,
)

pytestmark = pytest.mark.xdist_group("secured")

ITEMS = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date,due_date
I-1,K,C-1,INV-20431,USD,{amount},2026-03-01,2026-03-31
"""
ACCOUNTS = "bank_account,company_id,currency\n{account},K,USD\n"
SETTINGS = """
[server]
workers = 2
spool = "."
[store]
url_file = "store.url"
[tls]
certificate_file = "server.pem"
private_key_file = "server.key"
[authentication]
keys_file = "keys.toml"
keys_secret_file = "keys.secret"
[[authentication.issuers]]
issuer = "{issuer}"
audience = "{audience}"
jwks_file = "jwks-k1.json"
tenant = "acme"
[limits]
calls_per_second = 1
calls_burst = 100
worker_memory_bytes = 2147483648
[tenants.acme]
open_items = "acme.csv"
bank_accounts = "accounts.csv"
[tenants.globex]
open_items = "globex.csv"
bank_accounts = "accounts.csv"
"""
ACCOUNT = "DE89370400440532013000"
PAYER = "9876543210123"
CALLERS = {
    "acme erp": {"roles": (Role.SUBMITTER, Role.VIEWER), "tenant": "acme"},
    "acme viewer": {"roles": (Role.VIEWER,), "tenant": "acme"},
    "acme K": {"roles": (Role.CLERK, Role.SUBMITTER), "tenant": "acme", "companies": ("K",)},
    "acme X": {"roles": (Role.CLERK, Role.SUBMITTER), "tenant": "acme", "companies": ("X",)},
    "globex erp": {"roles": (Role.SUBMITTER, Role.VIEWER), "tenant": "globex"},
    "initech": {"roles": (Role.ADMIN,), "tenant": "initech"},
    "late": {"roles": (Role.ADMIN,), "tenant": "acme", "expires_at": NOW.replace(year=2020)},
    "noisy": {"roles": (Role.VIEWER,), "tenant": "acme"},
    "hostile": {"roles": (Role.SUBMITTER, Role.VIEWER), "tenant": "acme"},
}


class Secured:
    """The server, its callers' keys, and channels to it."""

    def __init__(self, folder, store_url):
        self.folder = folder
        self.authority = Authority(folder)
        self.authority.issue("server")
        self.provider = Provider(folder)
        made = {name: key_record(name=name, **CALLERS[name]) for name in CALLERS}
        self.keys = {name: key for name, (key, _) in made.items()}
        write_keys(folder / "keys.toml", [record for _, record in made.values()])
        (folder / "keys.secret").write_bytes(SECRET.reveal())
        (folder / "store.url").write_text(store_url)
        for tenant, amount in (("acme", "100.00"), ("globex", "33.30")):
            (folder / f"{tenant}.csv").write_text(ITEMS.format(amount=amount))
        (folder / "accounts.csv").write_text(ACCOUNTS.format(account=ACCOUNT))
        settings = SETTINGS.format(issuer=ISSUER, audience=AUDIENCE)
        self.running = RunningServer(folder, settings)
        self.address = self.running.address

    def credentials(self, name="", **more):
        key = self.keys.get(name, "")
        return Credentials(authority=self.authority.path.read_bytes(), api_key=key, **more)

    def client(self, name="", **more):
        return Client(self.address, timeout_seconds=60, credentials=self.credentials(name, **more))

    def channel(self):
        secure = grpc.ssl_channel_credentials(self.authority.path.read_bytes())
        return grpc.secure_channel(self.address, secure)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def secured(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secured")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'store.db'}"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    server = Secured(folder, url)
    yield server
    with server.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, "after all that"
    assert server.running.terminate() == 0


def submit(client, content, name="file.bai", **options):
    return client.submit_bank_file(io.BytesIO(content), name, **options)


def refused(call):
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.code.name, caught.value.reason


def test_equal_files_ids_and_requests_of_two_tenants_never_meet(secured):
    content = bai2_file((10_000, "INV-20431"), (3_330, "INV-20431"), account=ACCOUNT)
    with secured.client("acme erp") as acme, secured.client("globex erp") as globex:
        mine = submit(acme, content, request_id="R-1")
        file_id = mine.bank_file.file_id
        with pytest.raises(ClientError) as caught:
            globex.get_bank_file(file_id)
        assert caught.value.reason == "BANK_FILE_NOT_FOUND"
        assert list(globex.exceptions()) == []
        theirs = submit(globex, content, request_id="R-1")
        assert (mine.already_processed, theirs.already_processed) == (False, False)
        assert theirs.bank_file.file_id == file_id
        (first,) = mine.bank_file.currency_totals
        (second,) = theirs.bank_file.currency_totals
        assert (first.applied_minor, second.applied_minor) == (10_000, 3_330)
        other = bai2_file((1, "OTHER"), account=ACCOUNT)
        assert refused(lambda: submit(acme, other, request_id="R-1")) == (
            "ALREADY_EXISTS",
            "REQUEST_ID_REUSED",
        )
        assert acme.get_bank_file(file_id) == mine.bank_file
        assert globex.get_bank_file(file_id) == theirs.bank_file
        seen = {item.exception_id for item in acme.exceptions()}
        assert seen
        for one in (acme, globex):
            codes = {item.code for item in one.exceptions(file_id=file_id)}
            assert codes


def test_the_companies_of_a_caller_bound_what_it_brings_and_sees(secured):
    content = bai2_file((777, "SCOPE"), account=ACCOUNT)
    not_permitted = ("PERMISSION_DENIED", "COMPANY_NOT_PERMITTED")
    with secured.client("acme K") as inside, secured.client("acme X") as outside:
        assert refused(lambda: submit(outside, content)) == not_permitted
        receipt = submit(inside, content).bank_file
        assert receipt.payment_count == 1
        file_id = receipt.file_id
        assert inside.get_bank_file(file_id) == receipt
        assert list(inside.bank_file_result(file_id))
        assert len(list(inside.exceptions(file_id=file_id))) >= 1
        assert refused(lambda: submit(outside, content)) == not_permitted
        assert refused(lambda: outside.get_bank_file(file_id)) == not_permitted
        assert refused(lambda: list(outside.bank_file_result(file_id))) == not_permitted
        assert list(outside.exceptions()) == []
        assert refused(lambda: outside.match_payments(match_request())) == not_permitted
        assert inside.match_payments(match_request()).applications.row_count
        unknown = bai2_file((5, "WHOSE"), account="NOBODY")
        assert refused(lambda: submit(inside, unknown)) == not_permitted


def test_a_token_of_the_provider_comes_in_as_its_tenant(secured):
    token = secured.provider.token(roles=["viewer"])
    with secured.client(token=token) as client:
        assert list(client.exceptions(page_size=5)) is not None
        content = bai2_file((1, "TOKEN"), account=ACCOUNT)
        assert refused(lambda: submit(client, content)) == ("PERMISSION_DENIED", "ROLE_MISSING")


LIST = "/tieout.v1.ExceptionService/ListExceptions"
GET = "/tieout.v1.BankFileService/GetBankFile"
MATCH = "/tieout.v1.MatchService/MatchPayments"
SUBMIT = "/tieout.v1.BankFileService/SubmitBankFile"
STREAM = "/tieout.v1.MatchService/StreamMatchPayments"
NOTHING = b""
NEVER_GIVEN = "x"


def header(**fields):
    made = bank_file_service_pb2.SubmitBankFileHeader(**fields)
    return bank_file_service_pb2.SubmitBankFileRequest(header=made).SerializeToString()


def chunk(content):
    return bank_file_service_pb2.SubmitBankFileRequest(chunk=content).SerializeToString()


def listing(**fields):
    return exception_service_pb2.ListExceptionsRequest(**fields).SerializeToString()


def arrow_bomb():
    """A message of a few kilobytes whose rows ask for a gigabyte."""
    schema = pa.schema([("payment_id", pa.string())])
    column = pa.array(["x" * (1 << 20)] * 1_024, pa.string())
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_batch(pa.record_batch([column], schema=schema))
    stream = sink.getvalue().to_pybytes()
    rows = rows_pb2.PaymentTable(row_count=1_024, arrow=rows_pb2.ArrowRows(ipc_stream=stream))
    content = match_service_pb2.MatchPaymentsRequest(payments=rows).SerializeToString()
    assert len(content) < 200_000
    return content


def broken_arrow():
    whole = table("payments", payments(), arrow=True)
    whole.arrow.ipc_stream = whole.arrow.ipc_stream[:-40]
    return match_service_pb2.MatchPaymentsRequest(payments=whole).SerializeToString()


def flipped_arrow():
    """A stream whose every byte of the first header is turned around."""
    whole = table("payments", payments(), arrow=True)
    stream = bytearray(whole.arrow.ipc_stream)
    stream[8:200] = bytes(255 - one for one in stream[8:200])
    whole.arrow.ipc_stream = bytes(stream)
    return match_service_pb2.MatchPaymentsRequest(payments=whole).SerializeToString()


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<BkToCstmrStmt>&b;</BkToCstmrStmt></Document>"""

HOSTILE = {
    "nobody": ("", LIST, [listing()], "UNAUTHENTICATED", "CREDENTIALS_MISSING"),
    "garbage for a key": ("tk_0.x", LIST, [listing()], "UNAUTHENTICATED", "CREDENTIALS_INVALID"),
    "expired key": ("late", LIST, [listing()], "UNAUTHENTICATED", "CREDENTIALS_EXPIRED"),
    "role": ("acme viewer", SUBMIT, [header()], "PERMISSION_DENIED", "ROLE_MISSING"),
    "tenant": ("initech", LIST, [listing()], "PERMISSION_DENIED", "TENANT_NOT_SERVED"),
    "no such call": ("hostile", "/tieout.v1.ExceptionService/Drop", [NOTHING], "UNIMPLEMENTED", ""),
    "no message": ("hostile", LIST, [b"\xff" * 40], "INVALID_ARGUMENT", "MESSAGE_MALFORMED"),
    "unknown field": ("hostile", LIST, [b"\xfa\x3f\x01x"], "INVALID_ARGUMENT", "UNKNOWN_FIELD"),
    "unknown field in a stream": (
        "hostile",
        SUBMIT,
        [header() + b"\xfa\x3f\x01x"],
        "INVALID_ARGUMENT",
        "UNKNOWN_FIELD",
    ),
    "message too large": ("hostile", MATCH, [b"\x0a" * (5 << 20)], "RESOURCE_EXHAUSTED", ""),
    "chunk too large": (
        "hostile",
        SUBMIT,
        [header(), chunk(b"x" * (CHUNK_BYTES_MAX + 1))],
        "INVALID_ARGUMENT",
        "CHUNK_TOO_LARGE",
    ),
    "no header": ("hostile", SUBMIT, [chunk(b"01")], "INVALID_ARGUMENT", "STREAM_ORDER"),
    "empty stream": ("hostile", STREAM, [], "INVALID_ARGUMENT", "STREAM_ORDER"),
    "not what was declared": (
        "hostile",
        SUBMIT,
        [header(sha256="0" * 64), chunk(b"01,")],
        "INVALID_ARGUMENT",
        "CHECKSUM_MISMATCH",
    ),
    "no bank file": (
        "hostile",
        SUBMIT,
        [header(), chunk(b"\x00" * 1000)],
        "INVALID_ARGUMENT",
        "NOT_A_BANK_FILE",
    ),
    "gzip bomb": (
        "hostile",
        SUBMIT,
        [header(), chunk(gzip.compress(b"0" * (200 << 20)))],
        "INVALID_ARGUMENT",
        "ARCHIVE_UNREADABLE",
    ),
    "arrow bomb": ("hostile", MATCH, [arrow_bomb()], "INVALID_ARGUMENT", "EXPANSION_TOO_LARGE"),
    "arrow cut": ("hostile", MATCH, [broken_arrow()], "INVALID_ARGUMENT", "ARROW_MALFORMED"),
    "arrow turned": ("hostile", MATCH, [flipped_arrow()], "INVALID_ARGUMENT", "ARROW_MALFORMED"),
    "page token": (
        "hostile",
        LIST,
        [listing(page_token=NEVER_GIVEN)],
        "INVALID_ARGUMENT",
        "PAGE_TOKEN_INVALID",
    ),
    "page size": ("hostile", LIST, [listing(page_size=-1)], "INVALID_ARGUMENT", "FIELD_INVALID"),
    "path for an id": (
        "hostile",
        GET,
        [bank_file_service_pb2.GetBankFileRequest(file_id="../../etc").SerializeToString()],
        "INVALID_ARGUMENT",
        "FIELD_INVALID",
    ),
    "file of another tenant": (
        "hostile",
        GET,
        [bank_file_service_pb2.GetBankFileRequest(file_id="0" * 64).SerializeToString()],
        "NOT_FOUND",
        "BANK_FILE_NOT_FOUND",
    ),
}


def ending(secured, caller, rpc, contents, **options):
    """Code and reason that a call of raw bytes ends with."""
    key = secured.keys.get(caller, caller)
    metadata = (("x-api-key", key),) if key else ()
    with secured.channel() as channel:
        call = channel.stream_stream(rpc)(iter(contents), metadata=metadata, timeout=60, **options)
        try:
            list(call)
        except grpc.RpcError as error:
            return error.code().name, dict(error.trailing_metadata() or ()).get("tieout-reason", "")
    return "OK", ""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_call_ends_with_its_code_and_reason(secured, name):
    caller, rpc, contents, code, reason = HOSTILE[name]
    assert ending(secured, caller, rpc, contents) == (code, reason)
    with secured.client("acme erp") as client:
        assert client.match_payments(match_request()).applications.row_count


def test_entities_are_not_expanded_and_give_no_payment(secured):
    with secured.client("hostile") as client:
        receipt = submit(client, LAUGHS, "laughs.xml").bank_file
        assert receipt.payment_count == 0
        assert {one.code for one in receipt.diagnostics} >= {"CAMT-DTD"}


def test_compressed_messages_are_not_expanded(secured):
    compressed = ending(
        secured, "hostile", MATCH, [b"\x0a" * (3 << 20)], compression=grpc.Compression.Gzip
    )
    assert compressed == ("UNIMPLEMENTED", "")


def test_a_caller_that_is_too_quick_is_told_when_to_come_back(secured):
    endings = [ending(secured, "noisy", LIST, [listing()]) for _ in range(160)]
    assert endings[0] == ("OK", "")
    assert set(endings) == {("OK", ""), ("RESOURCE_EXHAUSTED", "RATE_LIMITED")}
    assert ending(secured, "acme viewer", LIST, [listing()]) == ("OK", "")
    for _ in range(50):
        time.sleep(0.2)
        if ending(secured, "noisy", LIST, [listing()]) == ("OK", ""):
            return
    pytest.fail("the share of the caller never came back")


def test_whoever_does_not_encrypt_or_trusts_another_authority_gets_no_connection(secured, tmp_path):
    strange = Authority(tmp_path, "strange")
    wrong = Credentials(authority=strange.path.read_bytes(), api_key=secured.keys["acme erp"])
    for credentials in (Credentials(api_key=secured.keys["acme erp"]), wrong):
        given = {"credentials": credentials, "retrying": NO_RETRIES}
        with Client(secured.address, timeout_seconds=5, **given) as client:
            code, _ = refused(lambda client=client: client.get_bank_file("0" * 64))
            assert code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")


def test_no_account_number_key_or_text_of_a_payer_is_in_the_log(secured):
    private = f"ULTIMO PAGAMENTO {PAYER} RISERVATO"
    content = bai2_file((4_242, private), account=ACCOUNT)
    with secured.client("acme erp") as client:
        submit(client, content, "log.bai")
        assert refused(lambda: submit(client, b"01," + PAYER.encode(), "bad.bai"))
        list(client.exceptions())
    log = secured.running.log.read_text("utf-8")
    assert ACCOUNT not in log
    assert PAYER not in log
    assert "PAGAMENTO" not in log
    assert "BEGIN" not in log
    for key in secured.keys.values():
        assert key.partition(".")[2] not in log
    assert not re.search(r"(?<![0-9a-f.:-])\d{10,}(?![0-9a-f])", log)
