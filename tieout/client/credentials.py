"""How a client reaches a server and says who it is; needs only gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import grpc
import grpc.aio

__all__ = ["Credentials", "open_async_channel", "open_channel"]

_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
"""A lost connection is tried again as soon as a call is: when to call again is decided there."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What a client shows. With `authority` (PEM) or `encrypted` the connection uses TLS.

    An API key or a bearer token goes with each call; certificate and private key (PEM) with the
    connection. No representation shows a key or token.
    """

    api_key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    authority: bytes = b""
    certificate: bytes = b""
    private_key: bytes = field(default=b"", repr=False)
    encrypted: bool = False

    @classmethod
    def from_files(
        cls,
        *,
        api_key_file: str | Path | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        certificate_file: str | Path | None = None,
        private_key_file: str | Path | None = None,
    ) -> Self:
        """Credentials out of files, as they come; raises `OSError`."""

        def read(path: str | Path | None) -> bytes:
            return Path(path).read_bytes().strip() if path else b""

        return cls(
            api_key=read(api_key_file).decode(),
            token=read(token_file).decode(),
            authority=read(ca_file),
            certificate=read(certificate_file),
            private_key=read(private_key_file),
        )

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        if self.api_key:
            return (("x-api-key", self.api_key),)
        if self.token:
            return (("authorization", f"Bearer {self.token}"),)
        return ()

    def of_channel(self) -> grpc.ChannelCredentials | None:
        """What the connection shows; None without TLS."""
        if not (self.authority or self.certificate or self.encrypted):
            return None
        return grpc.ssl_channel_credentials(
            self.authority or None, self.private_key or None, self.certificate or None
        )


def open_channel(address: str, credentials: Credentials) -> grpc.Channel:
    """A channel to `address`; connects when first used. Its calls carry nothing by themselves."""
    secure = credentials.of_channel()
    if secure is None:
        return grpc.insecure_channel(address, _OPTIONS)
    return grpc.secure_channel(address, secure, _OPTIONS)


def open_async_channel(address: str, credentials: Credentials) -> grpc.aio.Channel:
    """The same for asyncio."""
    secure = credentials.of_channel()
    if secure is None:
        return grpc.aio.insecure_channel(address, _OPTIONS)
    return grpc.aio.secure_channel(address, secure, _OPTIONS)
