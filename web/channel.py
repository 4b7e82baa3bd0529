"""The way to the front: one gRPC channel, and the caller's own credentials with every call.

The front sees the same caller as if it had been called directly: API key or bearer token of the
request, or the token of the session of a browser. The web process itself has no rights at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import grpc
import grpc.aio

from rpc.request_ids import REQUEST_ID_KEY, current_request_id
from web.limits import CREDENTIAL_LENGTH_MAX, MESSAGE_BYTES_MAX

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = [
    "CredentialError",
    "Metadata",
    "header_metadata",
    "open_front",
    "session_metadata",
]

_FORWARDED: Final = ("authorization", "x-api-key")

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)

Metadata: TypeAlias = tuple[tuple[str, str], ...]
"""What travels with a call, as gRPC takes it."""


class CredentialError(ValueError):
    """A header that holds no credential; its name is all that is told."""


def open_front(target: str) -> grpc.aio.Channel:
    """A channel to the front; connects when first used, and again where the front comes back."""
    return grpc.aio.insecure_channel(target, options=_OPTIONS)


def header_metadata(request: HTTPConnection) -> Metadata:
    """What goes with a call for a machine: the credentials of the request's headers, its id.

    A cookie counts for nothing here, so no page of another site can make a browser act. Raises
    `CredentialError` for what can be no credential.
    """
    sent = request.headers
    given = tuple((name, sent[name]) for name in _FORWARDED if name in sent)
    for name, value in given:
        if len(value) > CREDENTIAL_LENGTH_MAX or not (value.isascii() and value.isprintable()):
            raise CredentialError(name)
    return (*given, *_request_id())


def session_metadata(request: HTTPConnection) -> Metadata:
    """What goes with a call for a person: the token of the session, the request's id.

    The token is the one that `web/sessions.py` found in the cookie.
    """
    token = getattr(request.state, "session_token", "")
    given = (("authorization", f"Bearer {token}"),) if token else ()
    return (*given, *_request_id())


def _request_id() -> Metadata:
    request_id = current_request_id()
    return ((REQUEST_ID_KEY, request_id),) if request_id else ()
