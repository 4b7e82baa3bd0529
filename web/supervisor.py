"""The server's side of the web process: starts it, replaces it where it is lost, ends it.

The server opens the listening socket and keeps it. While a lost process is replaced, connections
wait at the socket instead of being refused.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.configuration_errors import ConfigurationError
from rpc.listening import AddressError, split_address
from rpc.supervised_process import SupervisedProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.settings import WebSettings

__all__ = ["WebProcess", "open_listener"]

_BACKLOG: Final = 512


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
        self._listener = listener
        self._process = SupervisedProcess(
            "web.process",
            msgspec.json.encode(settings),
            on_lost=on_lost,
            descriptors=(listener.fileno(),),
        )

    @property
    def process_id(self) -> int:
        """The process that answers now; 0 before the first."""
        return self._process.process_id

    async def start(self) -> None:
        """Start and wait until it answers; raises `ConfigurationError` where it does not."""
        if not await self._process.start():
            self._listener.close()
            message = "the web process did not start; its reason stands above"
            raise ConfigurationError(message)

    async def stop(self) -> None:
        """Drain and end it; killed where that takes too long."""
        self._listener.close()
        await self._process.stop()
