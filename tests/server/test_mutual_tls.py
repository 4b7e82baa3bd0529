"""Callers known by their certificate; the server's own is renewed while it runs."""

import grpc
import pytest

from tests.server.identity import Authority
from tests.server.requests import match_request
from tests.server.running_server import RunningServer
from tieout.client import NO_RETRIES, Client, ClientError, Credentials

pytestmark = pytest.mark.xdist_group("secured")

SETTINGS = """
[store]
url_file = "store.url"
[tls]
certificate_file = "server.pem"
private_key_file = "server.key"
client_ca_file = "callers.pem"
[[authentication.certificates]]
san = "spiffe://acme/clerk"
name = "clerk"
roles = ["clerk"]
[[authentication.certificates]]
san = "spiffe://acme/viewer"
roles = ["viewer"]
"""


def credentials(authority, pair):
    certificate, key = pair
    return Credentials(
        authority=authority.path.read_bytes(),
        certificate=certificate.read_bytes(),
        private_key=key.read_bytes(),
    )


def ending(address, shown):
    with Client(address, timeout_seconds=10, credentials=shown, retrying=NO_RETRIES) as client:
        try:
            client.match_payments(match_request())
        except ClientError as error:
            return error.code, error.reason
    return grpc.StatusCode.OK, ""


def test_the_certificate_of_the_connection_says_who_calls(tmp_path):
    (tmp_path / "store.url").write_text(f"sqlite:///{tmp_path / 'store.db'}")
    servers, callers = Authority(tmp_path, "servers"), Authority(tmp_path, "callers")
    servers.issue("server")
    clerk = callers.issue("clerk", uri="spiffe://acme/clerk")
    viewer = callers.issue("viewer", uri="spiffe://acme/viewer")
    unknown = callers.issue("unknown", uri="spiffe://acme/nobody")
    strange = Authority(tmp_path, "strange").issue("forged", uri="spiffe://acme/clerk")
    code = grpc.StatusCode
    with RunningServer(tmp_path, SETTINGS, TIEOUT_WORKERS="1") as running:
        address = running.address
        assert ending(address, credentials(servers, clerk)) == (code.OK, "")
        denied = (code.PERMISSION_DENIED, "ROLE_MISSING")
        assert ending(address, credentials(servers, viewer)) == denied
        invalid = (code.UNAUTHENTICATED, "CREDENTIALS_INVALID")
        assert ending(address, credentials(servers, unknown)) == invalid
        assert ending(address, credentials(servers, strange))[0] is code.UNAVAILABLE
        bare = Credentials(authority=servers.path.read_bytes())
        assert ending(address, bare)[0] is code.UNAVAILABLE

        renewed = Authority(tmp_path, "renewed")
        renewed.issue("server")
        assert ending(address, credentials(renewed, clerk)) == (code.OK, "")
        assert ending(address, credentials(servers, clerk))[0] is code.UNAVAILABLE
        assert running.terminate() == 0
