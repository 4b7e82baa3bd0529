"""Who makes a call: credentials of the call → `Caller`.

Credentials are an API key (`x-api-key`), a bearer token (`authorization: Bearer …`) of an identity
provider or of a session begun here, or the certificate of the connection. A key or token that comes
is the one that counts: where it is wrong the call is refused, whatever certificate the connection
has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from rpc.api_keys import API_KEY_HEADER
from rpc.caller import LOCAL_CALLER, Caller
from rpc.configuration_errors import ConfigurationError
from rpc.errors import CredentialsInvalidError, CredentialsMissingError
from rpc.sign_in_rules import caller_of
from rpc.user_sessions import SESSION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import grpc.aio

    from rpc.api_keys import ApiKeys
    from rpc.bearer_tokens import BearerTokens
    from rpc.sign_in_rules import CertificateRule
    from rpc.user_sessions import UserSessions

__all__ = ["Authenticator", "OpenDoor", "SignIn"]

_BEARER: Final = "bearer"
_SAN: Final = "x509_subject_alternative_name"


class Authenticator(Protocol):
    """Finds the caller of a call."""

    async def caller_of(
        self,
        metadata: Mapping[str, str | bytes],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> Caller:
        """The caller; raises an `UnauthenticatedError`."""


class OpenDoor:
    """Everybody is `local`, an admin: a server on this machine, before sign-in is configured."""

    async def caller_of(
        self,
        metadata: Mapping[str, str | bytes],  # noqa: ARG002 - nothing is asked
        context: grpc.aio.ServicerContext[Any, Any],  # noqa: ARG002 - nothing is asked
    ) -> Caller:
        """The local admin."""
        return LOCAL_CALLER


class SignIn:
    """Callers by key, token or certificate; whoever has none of them is refused."""

    def __init__(
        self,
        *,
        keys: ApiKeys | None = None,
        tokens: BearerTokens | None = None,
        certificates: Sequence[CertificateRule] = (),
        sessions: UserSessions | None = None,
    ) -> None:
        """Accept what is given; raises `ConfigurationError` for a name with two rules."""
        self._keys = keys
        self._tokens = tokens
        self._sessions = sessions
        self._by_san: dict[str, Caller] = {}
        for rule in certificates:
            if rule.san in self._by_san:
                message = f"authentication.certificates: two rules for the name {rule.san!r}"
                raise ConfigurationError(message)
            self._by_san[rule.san] = caller_of(rule.name or rule.san, rule)

    async def caller_of(
        self,
        metadata: Mapping[str, str | bytes],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> Caller:
        """The caller; raises an `UnauthenticatedError`."""
        key = metadata.get(API_KEY_HEADER)
        authorization = metadata.get("authorization")
        if key is not None and authorization is not None:
            message = f"both {API_KEY_HEADER} and authorization came; send one of them"
            raise CredentialsInvalidError(message)
        if key is not None:
            return self._by_key(key)
        if authorization is not None:
            return await self._by_token(authorization)
        return self._by_certificate(context)

    def _by_key(self, key: str | bytes) -> Caller:
        if self._keys is None or isinstance(key, bytes):
            message = "API keys are not accepted here"
            raise CredentialsInvalidError(message)
        return self._keys.caller_of(key)

    async def _by_token(self, authorization: str | bytes) -> Caller:
        scheme, _, token = str(authorization).partition(" ")
        token = token.strip()
        is_bearer = scheme.lower() == _BEARER and bool(token)
        if self._sessions is not None and is_bearer and token.startswith(SESSION_PREFIX):
            return await self._sessions.caller_of(token)
        if self._tokens is None or not is_bearer:
            message = "authorization is no bearer token that is accepted here"
            raise CredentialsInvalidError(message)
        return await self._tokens.caller_of(token)

    def _by_certificate(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        names = context.auth_context().get(_SAN, ()) if self._by_san else ()
        for name in names:
            caller = self._by_san.get(name.decode("utf-8", "replace"))
            if caller is not None:
                return caller
        if names:
            message = "the certificate is valid, but no rule knows a name of it"
            raise CredentialsInvalidError(message)
        message = (
            f"no credentials came: {API_KEY_HEADER}, a bearer token or a certificate is expected"
        )
        raise CredentialsMissingError(message)
