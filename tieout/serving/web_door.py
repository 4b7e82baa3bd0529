"""The door for browsers and callers without gRPC: a process of its own, and its way to the front.

The process calls the front over a socket in the server's own folder, which only the server's user
may enter; who it calls for is proven with each call, as at the other doors.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpc.configuration_errors import ConfigurationError
from rpc.listening import split_address
from rpc.processes import resident_bytes
from rpc.secret_files import read_secret
from tieout.configuration import ServerTable
from web.settings import OpenIdSettings, WebSettings
from web.supervisor import WebProcess, open_listener

if TYPE_CHECKING:
    import grpc.aio

    from rpc.metrics import Metrics
    from tieout.configuration import Configuration, OpenIdTable

__all__ = ["WebDoor"]

_SOCKET_PATH_LENGTH_MAX: Final = 100
"""Bytes of a socket's path: Linux takes 107."""

_log = logging.getLogger("tieout.server")


class WebDoor:
    """Opened, kept and closed with the server; nothing at all where no address is set."""

    def __init__(
        self, configuration: Configuration, spool: Path, mask_key: bytes, metrics: Metrics
    ) -> None:
        """Listen at the address; raises `ConfigurationError`."""
        self.url = ""
        """What people open; empty where there is no door."""
        self._process: WebProcess | None = None
        self._own_folder: Path | None = None
        address = configuration.server.http_address
        if not address or not _is_installed(address):
            return
        listener = open_listener(address)
        tls = configuration.http_tls
        host = split_address(address)[0]
        self.url = f"http{'s' if tls else ''}://{host}:{listener.getsockname()[1]}/"
        self._front = f"unix:{self._socket_path(spool)}"
        settings = WebSettings(
            front=self._front,
            address=self.url,
            socket_descriptor=listener.fileno(),
            nobody_signs_in=not configuration.authentication.is_configured,
            certificate_file=tls.certificate_file if tls else "",
            private_key_file=tls.private_key_file if tls else "",
            log_level=configuration.logs.level,
            mask_key=mask_key,
            behind_proxy=configuration.server.tls_ended_by_proxy,
            local_users=configuration.authentication.local_users,
            has_tenants=len(configuration.served_tenants()) > 1,
            openid=_openid(configuration.authentication.openid),
        )
        self._process = WebProcess(
            settings, listener, on_lost=lambda: metrics.count("tieout_web_lost_total")
        )
        process = self._process
        metrics.watch("tieout_web_memory_bytes", lambda: resident_bytes(process.process_id))

    def let_in(self, server: grpc.aio.Server) -> None:
        """Let `server` answer the process; before the server starts."""
        if self._process is not None:
            server.add_insecure_port(self._front)

    async def start(self) -> None:
        """Start the process and wait until it answers; raises `ConfigurationError`."""
        if self._process is not None:
            await self._process.start()

    async def stop(self) -> None:
        """Let requests in progress end, then the process."""
        if self._process is not None:
            await self._process.stop()
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)

    def _socket_path(self, spool: Path) -> Path:
        """In the spool folder, or in a private one where that path is too long for a socket."""
        path = spool / "front.sock"
        if len(os.fsencode(path)) > _SOCKET_PATH_LENGTH_MAX:
            self._own_folder = Path(tempfile.mkdtemp(prefix="tieout-"))
            path = self._own_folder / "front.sock"
        return path


def _openid(table: OpenIdTable | None) -> OpenIdSettings | None:
    """What the process needs for sign-in at an identity provider; raises `ConfigurationError`."""
    if table is None:
        return None
    secret = ""
    if table.client_secret_file:
        secret = read_secret(table.client_secret_file).reveal().decode()
    return OpenIdSettings(
        issuer=table.issuer,
        client_id=table.client_id,
        client_secret=secret,
        redirect_url=table.redirect_url,
        scopes=table.scopes,
        token=table.token,
        name=table.name,
    )


def _is_installed(address: str) -> bool:
    """Whether the libraries of the web are there.

    Raises `ConfigurationError` where somebody has asked for the address.
    """
    if importlib.util.find_spec("uvicorn") and importlib.util.find_spec("starlette"):
        return True
    if address == ServerTable().http_address:
        _log.warning("no workbench and no JSON: tieout[web] is not installed")
        return False
    message = (
        f"server.http_address {address} needs libraries that are not installed: "
        "pip install 'tieout[web]'"
    )
    raise ConfigurationError(message)
