"""One attempt: an HTTP/1.1 POST to an address that was looked up once and is checked before.

No redirect is followed, nothing of the answer but its status and `Retry-After` is used, and all of
it ends in time whatever the receiver does.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import re
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.webhooks.destinations import DestinationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from rpc.webhooks.destinations import Destination, Guard, IpAddress

__all__ = ["Answer", "Sender", "resolve"]

TIMEOUT_SECONDS: Final = 20.0
"""How long an attempt may take; the specification has 15 to 30 seconds."""

_CONNECT_SECONDS: Final = 5.0
_HEAD_BYTES_MAX: Final = 16 * 1024
_INTERIM_MAX: Final = 5
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?\r?\n")
_GONE: Final = 410


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt: see `store.webhook_records.ATTEMPT_OUTCOMES`."""

    outcome: str
    status: int | None = None
    detail: str = ""
    retry_after_seconds: float | None = None


class Sender:
    """Makes attempts by the rules of `guard`."""

    def __init__(
        self,
        guard: Guard,
        *,
        ca_file: str = "",
        timeout_seconds: float = TIMEOUT_SECONDS,
        resolver: Callable[[str, int], Awaitable[Sequence[IpAddress]]] | None = None,
    ) -> None:
        """Trust the system's authorities, or those of `ca_file` (PEM) besides."""
        self._guard = guard
        self._timeout_seconds = timeout_seconds
        self._resolve = resolver or resolve
        self._tls = ssl.create_default_context()
        if ca_file:
            self._tls.load_verify_locations(ca_file)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Make one attempt; whatever happens is an answer."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._send(url, headers, body)
        except DestinationError as error:
            return Answer(outcome="forbidden", detail=str(error))
        except TimeoutError:
            return Answer(outcome="timeout", detail=f"no answer in {self._timeout_seconds:g} s")
        except ssl.SSLError as error:
            return Answer(outcome="unreachable", detail=f"TLS: {error.reason or error}")
        except OSError as error:
            return Answer(outcome="unreachable", detail=error.strerror or str(error))

    async def _send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        destination = self._guard.check_url(url)
        addresses = await self._resolve(destination.host, destination.port)
        address = self._guard.check_addresses(addresses)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    str(address),
                    destination.port,
                    ssl=self._tls if destination.is_encrypted else None,
                    server_hostname=destination.host if destination.is_encrypted else None,
                    limit=_HEAD_BYTES_MAX,
                )
        except TimeoutError:
            detail = f"no connection in {_CONNECT_SECONDS:g} s"
            return Answer(outcome="unreachable", detail=detail)
        try:
            writer.write(_request(destination, headers, body))
            await writer.drain()
            return await _answer(reader)
        finally:
            # The answer is read or never will be: nothing still unsent keeps the connection.
            writer.transport.abort()


async def resolve(host: str, port: int) -> list[IpAddress]:
    """Every address `host` stands for, as the system says; raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]


def _request(destination: Destination, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {destination.target} HTTP/1.1", f"Host: {destination.host_header}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


async def _answer(reader: asyncio.StreamReader) -> Answer:
    """The first answer that is not an interim one."""
    for _ in range(_INTERIM_MAX):
        try:
            found = _STATUS.fullmatch(await reader.readline())
            fields = await _fields(reader)
        except ValueError:
            return Answer(outcome="failed", detail="the answer's head is too large")
        if found is None:
            return Answer(outcome="failed", detail="the answer is no HTTP")
        status = int(found[1])
        if status >= 200:
            return _judged(status, fields)
    return Answer(outcome="failed", detail="interim answers without end")


async def _fields(reader: asyncio.StreamReader) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    left = _HEAD_BYTES_MAX
    while (line := await reader.readline()).strip():
        left -= len(line)
        if left < 0:
            message = "too large"
            raise ValueError(message)
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    return fields


def _judged(status: int, fields: Mapping[bytes, bytes]) -> Answer:
    asked = _retry_after(fields.get(b"retry-after", b"").decode("ascii", "replace"))
    if status < 300:
        return Answer(outcome="delivered", status=status)
    if status < 400:
        return Answer(outcome="redirected", status=status, detail="redirects are not followed")
    if status == _GONE:
        return Answer(outcome="gone", status=status)
    outcome = "refused" if status < 500 else "failed"
    return Answer(outcome=outcome, status=status, retry_after_seconds=asked)


def _retry_after(text: str) -> float | None:
    """Seconds of a `Retry-After`, be it a number or a date."""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
