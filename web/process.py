"""The web process: settings on its standard input, `ready` on its standard output, then requests.

It answers at a socket that the server opened, so that one that is lost is replaced without anybody
being refused. SIGTERM drains it: requests in progress end, streams of events are closed. It ends
when the server does, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import msgspec
import uvicorn

from rpc.log_lines import Mask, log_to
from rpc.processes import die_with_parent
from rpc.secret_files import Secret
from web.app import build_app
from web.certificates import Certificate
from web.channel import open_front
from web.connections import BoundedConnection
from web.limits import CONNECTIONS_MAX, DRAIN_SECONDS, HEADER_BYTES_MAX, IDLE_SECONDS
from web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

__all__ = ["main"]

_log = logging.getLogger("tieout.web")


def main() -> None:
    """Serve until told to stop."""
    die_with_parent()
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=WebSettings)
    log_to(sys.stderr, settings.log_level, Mask(Secret(settings.mask_key)))
    asyncio.run(_serve(settings))


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own; says when it answers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer."""
        await super().startup(sockets)
        os.write(1, b"ready\n")


async def _serve(settings: WebSettings) -> None:
    front = open_front(settings.front)
    app = build_app(settings, front)
    certificate = None
    if settings.is_encrypted:
        certificate = Certificate(settings.certificate_file, settings.private_key_file)
    server = _Server(_configuration(app, certificate))

    def stop() -> None:
        app.state.draining.set()
        server.should_exit = True

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    gc.freeze()
    with socket.socket(fileno=settings.socket_descriptor) as listener:
        try:
            await server.serve(sockets=[listener])
        finally:
            await front.close()
    _log.info("drained")


def _configuration(app: Starlette, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=BoundedConnection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )


if __name__ == "__main__":
    main()
