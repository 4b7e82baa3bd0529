"""The server's side of the web process: starts it, replaces it where it is lost, ends it.

The server opens the listening socket and keeps it. While a lost process is replaced, connections
wait at the socket instead of being refused.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.configuration_errors import ConfigurationError
from rpc.listening import AddressError, split_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.settings import WebSettings

__all__ = ["WebProcess", "open_listener"]

_BACKLOG: Final = 512
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
"""Longer than the process itself lets requests in progress take."""
_RESTART_SECONDS: Final = 0.1
_RESTART_SECONDS_MAX: Final = 10.0
_STEADY_SECONDS: Final = 60.0
"""A process that lived so long did not fail at once."""
_ROOT: Final = Path(__file__).resolve().parent.parent

_log = logging.getLogger("tieout.web")


def open_listener(address: str) -> socket.socket:
    """A socket that listens at `host:port`; raises `AddressError`."""
    host, port = split_address(address)
    try:
        family, *_, where = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(
            (str(where[0]), port), family=family, backlog=_BACKLOG, reuse_port=False
        )
    except OSError as error:
        message = f"server.http_address: cannot listen on {address}: {error.strerror or error}"
        raise AddressError(message) from error
    return listener


class WebProcess:
    """One process at one listening socket."""

    def __init__(
        self, settings: WebSettings, listener: socket.socket, on_lost: Callable[[], None]
    ) -> None:
        """Not started yet; `on_lost` hears of each process that ends by itself."""
        self._settings = settings
        self._listener = listener
        self._on_lost = on_lost
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int:
        """The process that answers now; 0 before the first."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start and wait until it answers; raises `ConfigurationError` where it does not."""
        if not await self._launch():
            self._listener.close()
            message = "the web process did not start; its reason stands above"
            raise ConfigurationError(message)
        self._watch = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Drain and end it; killed where that takes too long."""
        if self._watch is not None:
            self._watch.cancel()
        self._listener.close()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _keep(self) -> None:
        """Replace the process whenever it ends."""
        pause_seconds = _RESTART_SECONDS
        while self._process is not None:
            begun = time.monotonic()
            code = await self._process.wait()
            _log.error("the web process ended with %d; another one is started", code)
            self._on_lost()
            if time.monotonic() - begun > _STEADY_SECONDS:
                pause_seconds = _RESTART_SECONDS
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _RESTART_SECONDS_MAX)
            await self._launch()

    async def _launch(self) -> bool:
        """Start a process; gives whether it answers."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "web.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            pass_fds=(self._listener.fileno(),),
        )
        assert self._process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert self._process.stdout is not None  # noqa: S101 - both were asked for as pipes
        try:
            self._process.stdin.write(msgspec.json.encode(self._settings) + b"\n")
            await self._process.stdin.drain()
            said = await asyncio.wait_for(self._process.stdout.readline(), _START_SECONDS)
        except (ConnectionError, TimeoutError):
            said = b""
        if said != b"ready\n" and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        return said == b"ready\n"
