"""The web process beside a real server: there with it, replaced when lost, gone with it."""

import errno
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from rpc.configuration_errors import ConfigurationError
from tests.server.identity import Authority
from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tests.web.web_requests import ask
from tieout.configuration import Configuration, HttpTlsTable, ServerTable
from tieout.server_doors import check_doors
from web.supervisor import open_listener

pytestmark = pytest.mark.xdist_group("web")
WAIT_SECONDS = 30
CODE = "import sys; from tieout.commands import main; sys.exit(main())"
TIEOUT = (sys.executable, "-c", CODE)


def until(condition):
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def web_process(server):
    """Process id of the web process below `server`."""
    (found,) = (
        pid
        for pid in server.workers()
        if b"web.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return found


def is_gone(pid):
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z"


def refuses(parts):
    with socket.socket() as one:
        return one.connect_ex((parts.hostname, parts.port)) == errno.ECONNREFUSED


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    with RunningServer(folder, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        yield server
        assert server.terminate() == 0


def test_it_answers_and_says_that_the_front_does(served):
    answer = ask(f"{served.url}/healthz")
    assert (answer.status, json.loads(answer.body)) == (200, {"front": "SERVING"})


def test_every_answer_tells_browsers_what_they_may_do(served):
    for path in ("/healthz", "/no/such/page"):
        headers = ask(served.url + path, headers={"x-request-id": "R-1"}).headers
        assert headers["content-security-policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["x-request-id"] == "R-1"
        assert "server" not in headers
        assert "strict-transport-security" not in headers


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"host": "evil.example"}, 421),
        ("GET", {"host": "localhost:1"}, 200),
        ("GET", {"host": "[::1]:1"}, 200),
        ("GET", {"host": "[::1"}, 421),
        ("GET", {"sec-fetch-site": "cross-site"}, 200),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"origin": "http://evil.example"}, 403),
        ("POST", {"origin": "null"}, 403),
        ("POST", {"sec-fetch-site": "same-origin"}, 405),
        ("POST", {}, 405),
    ],
)
def test_a_page_of_somebody_else_changes_and_learns_nothing(served, method, headers, status):
    assert ask(f"{served.url}/healthz", method, headers=headers).status == status


def test_a_lost_process_is_replaced_and_nobody_is_refused_meanwhile(served):
    lost = web_process(served)
    os.kill(lost, signal.SIGKILL)
    assert ask(f"{served.url}/healthz").status == 200
    until(lambda: is_gone(lost))
    assert web_process(served) != lost
    metrics = ask(served.metrics).body.decode()
    assert "tieout_web_lost_total 1.0" in metrics
    (memory,) = (line for line in metrics.splitlines() if line.startswith("tieout_web_memory_"))
    assert float(memory.split()[1]) > 1_000_000


def test_it_ends_with_the_server_however_that_ends(tmp_path):
    with RunningServer(tmp_path, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        pid = web_process(server)
        server.kill()
        until(lambda: is_gone(pid))


def half_sent(url, path, content):
    """A request of which half the body is there, and the rest of it."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.putrequest("POST", path)
    connection.putheader("content-type", "application/octet-stream")
    connection.putheader("content-length", str(len(content)))
    half = len(content) // 2
    connection.endheaders(content[:half])
    return connection, content[half:]


def test_what_is_in_progress_ends_while_the_server_drains(tmp_path):
    with RunningServer(tmp_path, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        pid = web_process(server)
        events = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
        events.request("GET", "/v1/events:stream", headers={"accept": "text/event-stream"})
        stream = events.getresponse()
        assert stream.readline() == b"retry: 1000\n"
        upload, rest = half_sent(server.url, "/v1/bank-files", bai2_file((1, "DRAIN")))
        until(lambda: b"SubmitBankFile" in ask(server.metrics).body)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(urlsplit(server.url)))
        upload.send(rest)
        answer = upload.getresponse()
        assert (answer.status, json.loads(answer.read())["bankFile"]["paymentCount"]) == (200, "1")
        assert stream.read() == b"\n", "the stream of events has ended as streams do"
        events.close()
        upload.close()
        assert server.process.wait(30) == 0
        assert is_gone(pid)
        assert '"level":"error"' not in server.log.read_text()


def test_it_encrypts_with_a_certificate_that_is_read_again_when_renewed(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("web")
    settings = (
        f"[server]\n[store]\nurl = 'sqlite:///{tmp_path}/s.db'\n"
        f"[http_tls]\ncertificate_file = '{certificate}'\nprivate_key_file = '{key}'\n"
    )
    with RunningServer(tmp_path, settings, TIEOUT_HTTP_ADDRESS="127.0.0.1:0") as server:
        assert server.url.startswith("https://")
        answer = ask(f"{server.url}/healthz", authority=authority.path)
        assert answer.status == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        certificate.write_bytes(b"no certificate")
        assert ask(f"{server.url}/healthz", authority=authority.path).status == 200
        other = Authority(tmp_path, "other")
        other.issue("web")
        assert ask(f"{server.url}/healthz", authority=other.path).status == 200
        assert "stays in use" in server.log.read_text()
        assert server.terminate() == 0


def test_doors_to_other_machines_ask_for_sign_in_and_encryption():
    server = ServerTable(http_address="0.0.0.0:443")
    with pytest.raises(ConfigurationError, match=r"http_address 0\.0\.0\.0:443 .* sign in"):
        check_doors(Configuration(server=server))
    signed = {"authentication": {"keys_file": "k", "keys_secret_file": "s"}}
    told = msgspec.convert(signed | {"server": {"http_address": "0.0.0.0:443"}}, Configuration)
    with pytest.raises(ConfigurationError, match=r"configure \[http_tls\]"):
        check_doors(told)
    tls = HttpTlsTable(certificate_file="c", private_key_file="k")
    check_doors(msgspec.structs.replace(told, http_tls=tls))
    check_doors(msgspec.structs.replace(told, server=ServerTable(http_address="127.0.0.1:1")))


def test_an_address_in_use_is_a_mistake_in_the_settings(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match="http_address: cannot listen on"):
            open_listener(address)
        options = ("--grpc-address", "127.0.0.1:0", "--metrics-address", "127.0.0.1:0")
        done = subprocess.run(
            [*TIEOUT, "serve", "--store", url, "--http-address", address, *options],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 78
    assert f"cannot listen on {address}" in done.stderr
