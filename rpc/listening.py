"""Addresses and certificates: where the server listens, and as whom."""

from __future__ import annotations

import ipaddress
import logging
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
import grpc.aio

from rpc.configuration_errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AddressError", "CertificateFiles", "is_loopback", "listen", "split_address"]

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    _Fetch = Callable[[], grpc.ServerCertificateConfiguration]


class AddressError(ConfigurationError):
    """An address that is no `host:port`, or that cannot be listened on."""


class CertificateFiles:
    """The server's certificate and key, and the authority that signs those of callers.

    New connections use the files as they are then: a renewed certificate needs no restart. Files
    that cannot be used leave the certificate that was in use before.
    """

    def __init__(self, certificate: str, private_key: str, client_authority: str = "") -> None:
        """Read the files; raises `ConfigurationError`."""
        self._certificate = Path(certificate)
        self._private_key = Path(private_key)
        self._client_authority = Path(client_authority) if client_authority else None
        self._stamps = self._stamps_now()
        self._first = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """What `add_secure_port` takes."""
        return grpc.dynamic_ssl_server_credentials(
            self._first,
            cast("_Fetch", self._changed),  # None is documented: the one in use stays
            require_client_authentication=self._client_authority is not None,
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The certificate where its files have changed, else None: the one in use stays."""
        stamps = self._stamps_now()
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        try:
            configuration = self._read()
        except ConfigurationError as error:
            _log.error("the certificate read before stays in use: %s", error)
            return None
        _log.info("certificate read again")
        return configuration

    def _files(self) -> list[Path]:
        files = (self._certificate, self._private_key, self._client_authority)
        return [path for path in files if path is not None]

    def _stamps_now(self) -> list[tuple[int, int] | None]:
        return [_stamp(path) for path in self._files()]

    def _read(self) -> grpc.ServerCertificateConfiguration:
        certificate, private_key, *rest = (_pem(path) for path in self._files())
        _check_pair(self._certificate, certificate, self._private_key, private_key)
        return grpc.ssl_server_certificate_configuration(
            [(private_key, certificate)], root_certificates=rest[0] if rest else None
        )


def split_address(address: str) -> tuple[str, int]:
    """Host and port; raises `AddressError`."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        message = f"address {address!r} is no host:port such as 127.0.0.1:50051"
        raise AddressError(message)
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address."""
    host = split_address(address)[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(server: grpc.aio.Server, address: str, files: CertificateFiles | None) -> str:
    """Let `server` listen; gives the address with its port. Raises `AddressError`."""
    host, _ = split_address(address)
    try:
        if files is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, files.credentials())
    except RuntimeError as error:
        message = f"cannot listen on {address}: {error}"
        raise AddressError(message) from error
    return f"{host}:{port}"


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino


def _pem(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path}: {(error.strerror or 'not readable').lower()}"
        raise ConfigurationError(message) from error
    if b"-----BEGIN " not in content:
        message = f"{path}: no PEM file"
        raise ConfigurationError(message)
    return content


def _check_pair(
    certificate_path: Path, certificate: bytes, private_key_path: Path, private_key: bytes
) -> None:
    """Raise `ConfigurationError` unless the key is the certificate's."""
    from cryptography import x509  # noqa: PLC0415 - needed by servers with TLS only
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_pem_private_key,
    )

    try:
        leaf = x509.load_pem_x509_certificates(certificate)[0]
        key = load_pem_private_key(private_key, None)
    except (ValueError, TypeError, IndexError) as error:
        message = f"{certificate_path}, {private_key_path}: not understood: {error}"
        raise ConfigurationError(message) from error
    if leaf.public_key() != key.public_key():
        message = f"{private_key_path} is not the key of the certificate {certificate_path}"
        raise ConfigurationError(message)
