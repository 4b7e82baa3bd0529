"""Metrics, liveness and readiness over plain HTTP, on a thread of their own.

`/metrics` for Prometheus, `/livez` and `/readyz` for orchestrators: 200 or 503, conditions as JSON.
No sign-in and nothing about anybody's payments; keep the address inside.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

import msgspec
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from rpc.listening import AddressError, split_address

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from rpc.readiness import Readiness

__all__ = ["StatusPages"]

_JSON: Final = "application/json"
_SOCKET_SECONDS: Final = 10.0


class StatusPages:
    """Serves the pages until closed."""

    def __init__(self, address: str, registry: CollectorRegistry, readiness: Readiness) -> None:
        """Listen at `address`; raises `AddressError`."""
        host, port = split_address(address)

        class Handler(_Handler):
            """Knows what this server has to tell."""

            pages = (registry, readiness)

        try:
            self._server = ThreadingHTTPServer((host.strip("[]"), port), Handler)
        except OSError as error:
            message = f"cannot listen on {address}: {error.strerror}"
            raise AddressError(message) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="status-pages", daemon=True
        )
        self._thread.start()
        self.address = f"{host}:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers GET for three paths."""

    pages: tuple[CollectorRegistry, Readiness]
    timeout = _SOCKET_SECONDS
    server_version = "tieout"
    sys_version = ""

    def do_GET(self) -> None:
        registry, readiness = self.pages
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
        elif path in ("/livez", "/readyz"):
            good = readiness.is_alive if path == "/livez" else readiness.is_ready
            content = msgspec.json.encode(readiness.told())
            self._answer(200 if good else 503, _JSON, content)
        else:
            self._answer(404, _JSON, b'{"paths": ["/metrics", "/livez", "/readyz"]}')

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: a probe a second is no news."""
