"""One attempt, against receivers that do all they should not."""

import asyncio
import contextlib
import ipaddress
import ssl
import threading
import time

import pytest

from rpc.webhooks.destinations import Guard
from rpc.webhooks.sending import Sender
from tests.server.identity import Authority
from tests.webhooks.receivers import Receiver

HERE = Guard(("127.0.0.0/8",), allow_http=True)
LOOPBACK = ipaddress.ip_address("127.0.0.1")


def sent(url, guard=HERE, **options):
    sender = Sender(guard, **{"timeout_seconds": 2.0} | options)
    return asyncio.run(sender.send(url, {"webhook-id": "wh_1"}, b'{"a": 1}'))


@contextlib.contextmanager
def raw_server(handle, tls=None):
    """A server that does with a connection whatever `handle` says."""
    ready, stop, port = threading.Event(), None, 0

    async def each(reader, writer):
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await handle(writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def serve():
        nonlocal stop, port
        stop = asyncio.Event()
        server = await asyncio.start_server(each, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        ready.loop = loop
        ready.set()
        await stop.wait()
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait(10)
    try:
        yield port
    finally:
        ready.loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "redirected"),
        (302, "redirected"),
        (307, "redirected"),
        (400, "refused"),
        (404, "refused"),
        (410, "gone"),
        (429, "refused"),
        (500, "failed"),
        (503, "failed"),
    ],
)
def test_a_status_is_what_it_is(status, outcome):
    with Receiver((status, {"location": "http://169.254.169.254/"})) as receiver:
        answer = sent(receiver.url)
    assert (answer.outcome, answer.status) == (outcome, status)
    assert len(receiver.received) == 1


def test_when_to_come_again_is_a_number_or_a_date():
    soon = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3_600))
    answers = [(503, {"retry-after": one}) for one in ("120", soon, "soon", "-5")]
    with Receiver(*answers) as receiver:
        found = [sent(receiver.url).retry_after_seconds for _ in answers]
    assert found[0] == 120
    assert 3_500 < found[1] <= 3_600
    assert found[2:] == [None, None]


async def dribble(writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def silence(writer):
    await asyncio.sleep(60)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")


async def one_long_line(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000)
    await writer.drain()


async def many_lines(writer):
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000)
    await writer.drain()


async def no_http(writer):
    writer.write(b"220 smtp.example.com ready\r\n\r\n")
    await writer.drain()


async def hung_up(writer):
    writer.transport.abort()


async def interim_for_ever(writer):
    writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50)
    await writer.drain()


async def continued(writer):
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize(
    ("handle", "outcome"),
    [
        (dribble, "timeout"),
        (silence, "timeout"),
        (one_long_line, "failed"),
        (many_lines, "failed"),
        (no_http, "failed"),
        (interim_for_ever, "failed"),
        (continued, "delivered"),
    ],
)
def test_whatever_a_receiver_does_the_attempt_ends(handle, outcome):
    with raw_server(handle) as port:
        assert sent(f"http://127.0.0.1:{port}/", timeout_seconds=0.5).outcome == outcome


def test_one_that_hangs_up_or_is_not_there_is_unreachable():
    with raw_server(hung_up) as port:
        assert sent(f"http://127.0.0.1:{port}/").outcome in ("unreachable", "failed")
    assert sent("http://127.0.0.1:1/").outcome == "unreachable"
    assert sent("https://nobody.invalid/", Guard()).outcome == "unreachable"


def test_a_name_is_looked_up_once_and_what_was_checked_is_called():
    asked = []

    async def rebinding(host, port):
        asked.append((host, port))
        return [LOOPBACK] if len(asked) == 1 else [ipaddress.ip_address("169.254.169.254")]

    with Receiver(200) as receiver:
        url = f"http://erp.example.com:{receiver.port}/"
        assert sent(url, resolver=rebinding).outcome == "delivered"
    assert asked == [("erp.example.com", receiver.port)]


def test_a_name_that_means_an_address_within_is_not_called():
    async def trap(_, __):
        return [ipaddress.ip_address("93.184.216.34"), LOOPBACK]

    with Receiver(200) as receiver:
        guard = Guard(allow_http=True)
        answer = sent(f"http://erp.example.com:{receiver.port}/", guard, resolver=trap)
    assert answer.outcome == "forbidden"
    assert receiver.received == []


def test_the_certificate_is_of_the_name_that_was_written_down(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("receiver")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    async def local(_, __):
        return [LOOPBACK]

    with raw_server(continued, tls) as port:
        trusted = {"ca_file": str(authority.path), "resolver": local}
        assert sent(f"https://localhost:{port}/", **trusted).outcome == "delivered"
        other = sent(f"https://erp.example.com:{port}/", **trusted)
        stranger = sent(f"https://localhost:{port}/", resolver=local)
    assert (other.outcome, stranger.outcome) == ("unreachable", "unreachable")
    assert "TLS" in other.detail
