"""From the settings of a server to what opens its doors: sign-in, certificates, masks.

Without sign-in everybody is an admin, so such a server may be reached from this machine only; a
server that is reached from elsewhere encrypts, or says that a proxy in front of it does.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rpc.api_keys import ApiKeys
from rpc.authentication import OpenDoor, SignIn
from rpc.configuration_errors import ConfigurationError
from rpc.listening import CertificateFiles, is_loopback
from rpc.secret_files import read_secret, readable_by_others
from rpc.tracing import open_tracing
from rpc.user_sessions import SessionRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpc.authentication import Authenticator
    from rpc.tracing import Tracing
    from rpc.user_sessions import UserSessions
    from tieout.configuration import (
        AuthenticationTable,
        Configuration,
        LogsTable,
        TelemetryTable,
    )

__all__ = [
    "authenticator_of",
    "certificate_files",
    "check_all",
    "check_doors",
    "mask_key_of",
    "session_rules_of",
    "tracing_of",
]

_MASK_KEY_BYTES = 32


def check_doors(configuration: Configuration) -> None:
    """Raise `ConfigurationError` where a stranger could walk in or listen."""
    server = configuration.server
    doors = (
        ("grpc_address", server.grpc_address, "tls", configuration.tls),
        ("http_address", server.http_address, "http_tls", configuration.http_tls),
    )
    for setting, address, table, encryption in doors:
        if not address or is_loopback(address):
            continue
        if not configuration.authentication.is_configured:
            message = (
                f"server.{setting} {address} is reached from other machines and nobody has to "
                "sign in: configure [authentication], or listen on 127.0.0.1"
            )
            raise ConfigurationError(message)
        if encryption is None and not server.tls_ended_by_proxy:
            message = (
                f"server.{setting} {address} is reached from other machines without encryption: "
                f"configure [{table}], or say server.tls_ended_by_proxy = true"
            )
            raise ConfigurationError(message)


def check_all(configuration: Configuration) -> list[str]:
    """Everything a start would meet, short of the store; gives remarks, none of which stops it.

    Raises `ConfigurationError`.
    """
    check_doors(configuration)
    certificate_files(configuration)
    authenticator_of(configuration.authentication, time.time)
    mask_key_of(configuration.logs)
    configuration.store_url()
    tls = configuration.tls
    http_tls = configuration.http_tls
    if http_tls is not None:
        CertificateFiles(http_tls.certificate_file, http_tls.private_key_file)
    secret_files = (
        configuration.authentication.keys_secret_file,
        configuration.logs.mask_secret_file,
        configuration.store.url_file,
        tls.private_key_file if tls else "",
        http_tls.private_key_file if http_tls else "",
    )
    remarks = [
        f"{path} is readable by other users of this machine; chmod 600 it"
        for path in secret_files
        if path and readable_by_others(path)
    ]
    if not configuration.authentication.is_configured:
        remarks.append("nobody has to sign in: everybody on this machine is an admin")
    return remarks


def certificate_files(configuration: Configuration) -> CertificateFiles | None:
    """The server's certificate, None where it does not encrypt; raises `ConfigurationError`."""
    tls = configuration.tls
    if tls is None:
        return None
    return CertificateFiles(tls.certificate_file, tls.private_key_file, tls.client_ca_file)


def authenticator_of(
    table: AuthenticationTable, now: Callable[[], float], sessions: UserSessions | None = None
) -> Authenticator:
    """Who may come in, and as whom, `sessions` of local users among them.

    Raises `ConfigurationError`.
    """
    if not table.is_configured:
        return OpenDoor()
    keys = None
    if table.keys_file:
        keys = ApiKeys(Path(table.keys_file), read_secret(table.keys_secret_file), now)
    tokens = None
    if table.issuers:
        from rpc.bearer_tokens import BearerTokens  # noqa: PLC0415 - most servers take no tokens

        tokens = BearerTokens(table.issuers, now)
    return SignIn(keys=keys, tokens=tokens, certificates=table.certificates, sessions=sessions)


def session_rules_of(table: AuthenticationTable) -> SessionRules:
    """Whether local users sign in, and how long their sessions last."""
    return SessionRules(
        is_offered=table.local_users,
        idle_ms=table.session_idle_seconds * 1000,
        length_ms=table.session_seconds_max * 1000,
    )


def tracing_of(table: TelemetryTable) -> Tracing | None:
    """Where spans go, None where nobody collects them; raises `ConfigurationError`."""
    if not table.otlp_endpoint:
        return None
    return open_tracing(table.otlp_endpoint, table.sample_ratio, table.service_name)


def mask_key_of(table: LogsTable) -> bytes:
    """The key of masked account numbers: the file's, else one for this run."""
    if table.mask_secret_file:
        return read_secret(table.mask_secret_file).reveal()
    return secrets.token_bytes(_MASK_KEY_BYTES)
