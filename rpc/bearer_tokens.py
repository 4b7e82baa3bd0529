"""Bearer tokens (JWT) of identity providers, verified once and remembered until they expire.

A signature costs 100 to 200 µs; a remembered token costs a hash. What is refused is not remembered.
Algorithms are those the rule allows, never those the token asks for.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jwt
import msgspec

from rpc.configuration_errors import ConfigurationError
from rpc.errors import CredentialsExpiredError, CredentialsInvalidError
from rpc.sign_in_rules import caller_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rpc.caller import Caller
    from rpc.sign_in_rules import IssuerRule

__all__ = ["BearerTokens"]

_TOKEN_LENGTH_MAX: Final = 16_384
_REMEMBERED_MAX: Final = 10_000
_KEYS_SECONDS: Final = 300.0
_KEYS_AGAIN_SECONDS: Final = 10.0
_FETCH_SECONDS: Final = 5.0
_KEY_TYPES: Final = ("RSA", "EC", "OKP")
_KEYS_BYTES_MAX: Final = 1024 * 1024

_log = logging.getLogger(__name__)


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Key(msgspec.Struct, frozen=True):
    """A public key, and the only algorithm it is for where the set says so."""

    key: Any
    algorithm: str | None


class BearerTokens:
    """Verifies tokens of the issuers it is given."""

    def __init__(self, rules: Sequence[IssuerRule], now: Callable[[], float]) -> None:
        """Believe `rules`; `now` is the clock, in seconds since 1970 UTC.

        Raises `ConfigurationError` where two rules are for one issuer and audience, or a file of
        keys cannot be read. Keys at a URL are fetched when the first token comes.
        """
        self._now = now
        self._issuers: dict[str, list[_Issuer]] = {}
        for rule in rules:
            same = self._issuers.setdefault(rule.issuer, [])
            if any(one.rule.audience == rule.audience for one in same):
                message = f"issuer {rule.issuer!r} has two rules for audience {rule.audience!r}"
                raise ConfigurationError(message)
            same.append(_Issuer(rule, now))
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    async def caller_of(self, token: str) -> Caller:
        """Whose `token` it is; raises an `UnauthenticatedError`."""
        key = hashlib.sha256(token.encode()).digest()
        remembered = self._remembered.get(key)
        now = self._now()
        if remembered is not None and now < remembered[1]:
            return remembered[0]
        caller, expires = await self._verify(token)
        if remembered is None and len(self._remembered) >= _REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = (caller, expires)
        return caller

    async def _verify(self, token: str) -> tuple[Caller, float]:
        try:
            if len(token) > _TOKEN_LENGTH_MAX:
                message = "too long"
                raise jwt.InvalidTokenError(message)
            told = jwt.decode(token, options={"verify_signature": False})
            header = jwt.get_unverified_header(token)
            candidates = self._issuers.get(str(told.get("iss")), ())
            for issuer in candidates:
                if issuer.is_meant(told.get("aud")):
                    return await issuer.verify(token, header)
            message = "issued by or for someone else"
            raise jwt.InvalidIssuerError(message)
        except jwt.ExpiredSignatureError as error:
            message = "the bearer token has expired; sign in again"
            raise CredentialsExpiredError(message) from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            _log.info("a bearer token was refused: %s", error)
            message = f"the bearer token is not accepted: {type(error).__name__}"
            raise CredentialsInvalidError(message) from error


class _Issuer:
    """One rule and the keys it trusts."""

    def __init__(self, rule: IssuerRule, now: Callable[[], float]) -> None:
        self.rule = rule
        self._now = now
        self._lock = asyncio.Lock()
        self._keys: dict[str | None, _Key] = {}
        self._fetched = float("-inf")
        self._tried = float("-inf")
        if rule.jwks_file:
            self._keys = _keys_in(_read(rule.jwks_file), rule.jwks_file)
            self._fetched = now()

    def is_meant(self, audience: object) -> bool:
        """Whether the token says it is for this rule's audience; verified later."""
        audiences = audience if isinstance(audience, list) else [audience]
        return self.rule.audience in audiences

    async def verify(self, token: str, header: dict[str, Any]) -> tuple[Caller, float]:
        """The caller and when the token ends; raises what PyJWT raises, or `ValueError`."""
        key = await self._key(header.get("kid"))
        if key.algorithm not in (None, header["alg"]):
            message = f"the key is for {key.algorithm}, the token says {header['alg']}"
            raise jwt.InvalidAlgorithmError(message)
        claims = jwt.decode(
            token,
            key.key,
            algorithms=list(self.rule.algorithms),
            audience=self.rule.audience,
            issuer=self.rule.issuer,
            leeway=self.rule.leeway_seconds,
            options={"require": ["exp", "iss", "aud", self.rule.name_claim]},
        )
        name = claims[self.rule.name_claim]
        if not isinstance(name, str) or not 0 < len(name) <= 200:
            message = f"claim {self.rule.name_claim} is no name"
            raise ValueError(message)
        expires = float(claims["exp"])
        if expires - self._now() > self.rule.token_seconds_max:
            message = f"valid for more than {self.rule.token_seconds_max} seconds"
            raise ValueError(message)
        return caller_of(name, self.rule.grant_of(claims)), expires

    async def _key(self, kid: str | None) -> _Key:
        if not self._is_current(kid):
            async with self._lock:
                if not self._is_current(kid):
                    await self._fetch()
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid not in self._keys:
            message = f"no key {kid!r} among those of {self.rule.issuer}"
            raise jwt.InvalidKeyError(message)
        return self._keys[kid]

    def _is_current(self, kid: str | None) -> bool:
        if not self.rule.jwks_url:
            return True
        now = self._now()
        if now - self._tried < _KEYS_AGAIN_SECONDS:
            return True
        return now - self._fetched < _KEYS_SECONDS and (kid in self._keys or kid is None)

    async def _fetch(self) -> None:
        try:
            content = await asyncio.to_thread(_download, self.rule.jwks_url)
            self._keys = _keys_in(content, self.rule.jwks_url)
            self._fetched = self._now()
        except (OSError, ConfigurationError) as error:
            _log.warning("keys of %s are not to be had: %s", self.rule.issuer, error)
        finally:
            self._tried = self._now()


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - https only, checked by the rule
        content: bytes = answer.read(_KEYS_BYTES_MAX)
    return content


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"{path}: {(error.strerror or 'not readable').lower()}"
        raise ConfigurationError(message) from error


def _keys_in(content: bytes, source: str) -> dict[str | None, _Key]:
    """The public keys of a key set by their ids; raises `ConfigurationError`."""
    try:
        entries = msgspec.json.decode(content, type=_KeySet).keys
        keys = {
            entry.get("kid"): _Key(jwt.PyJWK(entry).key, entry.get("alg"))
            for entry in entries
            if entry.get("kty") in _KEY_TYPES and entry.get("use", "sig") == "sig"
        }
    except (jwt.PyJWTError, msgspec.DecodeError, ValueError, TypeError) as error:
        message = f"{source}: no key set (JWKS): {error}"
        raise ConfigurationError(message) from error
    if not keys:
        message = f"{source}: no public key for signatures in the key set"
        raise ConfigurationError(message)
    return keys
