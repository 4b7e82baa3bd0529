"""The certificate that the web answers with; renewed files are used without a restart."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from rpc.configuration_errors import ConfigurationError

__all__ = ["Certificate"]

_log = logging.getLogger("tieout.web")


class Certificate:
    """A certificate and its private key, as files (PEM).

    Each new connection uses the files as they are then. Files that cannot be used leave what was
    in use before.
    """

    def __init__(self, certificate_file: str, private_key_file: str) -> None:
        """Read the files; raises `ConfigurationError`."""
        self._files = (Path(certificate_file), Path(private_key_file))
        self._stamps = self._stamps_now()
        self._current = self._read()
        self.context = self._read()
        """Asks for the current one at the beginning of each connection."""
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        stamps = self._stamps_now()
        if stamps != self._stamps:
            self._stamps = stamps
            try:
                self._current = self._read()
            except ConfigurationError as error:
                _log.error("the certificate read before stays in use: %s", error)
            else:
                _log.info("certificate read again")
        connection.context = self._current

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            message = f"{self._files[0]}, {self._files[1]}: no certificate and its key: {error}"
            raise ConfigurationError(message) from error
        return context

    def _stamps_now(self) -> list[tuple[int, int] | None]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino
