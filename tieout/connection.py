"""How a client reaches a server and says who it is; needs only gRPC."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc

__all__ = ["Credentials", "open_channel"]


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


def open_channel(address: str, credentials: Credentials) -> grpc.Channel:
    """A channel to `address` whose calls carry `credentials`; connects when first used."""
    if credentials.authority or credentials.certificate or credentials.encrypted:
        secure = grpc.ssl_channel_credentials(
            credentials.authority or None,
            credentials.private_key or None,
            credentials.certificate or None,
        )
        channel = grpc.secure_channel(address, secure)
    else:
        channel = grpc.insecure_channel(address)
    metadata = credentials.metadata()
    return grpc.intercept_channel(channel, _WithMetadata(metadata)) if metadata else channel


_CallDetails = namedtuple(  # noqa: PYI024 - gRPC reads these attributes, their types are its own
    "_CallDetails",
    ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression"),
)


class _WithMetadata(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the same metadata to every call."""

    def __init__(self, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata

    def _detailed(self, details: grpc.ClientCallDetails) -> Any:
        return _CallDetails(
            details.method,
            details.timeout,
            (*(details.metadata or ()), *self._metadata),
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )

    def intercept_unary_unary(
        self, continuation: Any, client_call_details: grpc.ClientCallDetails, request: Any
    ) -> Any:
        return continuation(self._detailed(client_call_details), request)

    def intercept_unary_stream(
        self, continuation: Any, client_call_details: grpc.ClientCallDetails, request: Any
    ) -> Any:
        return continuation(self._detailed(client_call_details), request)

    def intercept_stream_unary(
        self, continuation: Any, client_call_details: grpc.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return continuation(self._detailed(client_call_details), request_iterator)

    def intercept_stream_stream(
        self, continuation: Any, client_call_details: grpc.ClientCallDetails, request_iterator: Any
    ) -> Any:
        return continuation(self._detailed(client_call_details), request_iterator)
