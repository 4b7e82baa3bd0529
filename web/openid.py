"""Sign-in at an identity provider: OpenID Connect's authorization code flow with PKCE (RFC 7636).

What proves a person to the front is the provider's own token, which the front verifies by its
rules for bearer tokens; nothing here is believed. State, nonce and verifier of a sign-in that is
under way stand in a cookie of their own, for ten minutes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode, urlsplit

import jwt
import msgspec

from web.errors import SignInError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from web.settings import OpenIdSettings

__all__ = ["OPENID_COOKIE", "OPENID_SECONDS", "OpenId", "Started"]

OPENID_COOKIE: Final = "tieout_openid"
OPENID_SECONDS: Final = 600
"""How long somebody may take at the provider."""

_ANSWER_BYTES_MAX: Final = 256 * 1024
_FETCH_SECONDS: Final = 10.0
_LENGTH_MAX: Final = 3_800
"""Browsers keep cookies of 4 KiB."""


class Started(msgspec.Struct, frozen=True):
    """A sign-in under way: what must come back, what proves that it is ours, where to go then."""

    state: str
    nonce: str
    verifier: str
    then: str


class _Provider(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str


class OpenId:
    """One provider."""

    def __init__(self, settings: OpenIdSettings) -> None:
        """Nothing is asked until somebody signs in."""
        self._settings = settings
        self._provider: _Provider | None = None

    async def start(self, then: str) -> tuple[str, str]:
        """The address to send a browser to, and the cookie it must bring back.

        Raises `SignInError`.
        """
        provider = await self._found()
        started = Started(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            then=then,
        )
        challenge = hashlib.sha256(started.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._settings.redirect_url,
            "scope": " ".join(self._settings.scopes),
            "state": started.state,
            "nonce": started.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        sign = "&" if "?" in provider.authorization_endpoint else "?"
        address = f"{provider.authorization_endpoint}{sign}{urlencode(query)}"
        return address, base64.urlsafe_b64encode(msgspec.json.encode(started)).decode()

    async def finish(self, cookie: str, told: Mapping[str, str]) -> tuple[str, str]:
        """The token that proves the person, and where to go; raises `SignInError`."""
        try:
            started = msgspec.json.decode(base64.urlsafe_b64decode(cookie), type=Started)
        except (ValueError, msgspec.MsgspecError):
            _refuse("the sign-in was not begun in this browser, or took too long")
        if not hmac.compare_digest(told.get("state", "").encode(), started.state.encode()):
            _refuse("the answer is of another sign-in")
        if "error" in told or not told.get("code"):
            _refuse(f"the provider refused: {told.get('error', 'no code came')}")
        provider = await self._found()
        answer = await asyncio.to_thread(self._exchange, provider, told["code"], started.verifier)
        self._check_nonce(answer, started.nonce)
        token = answer.get(self._settings.token)
        if not isinstance(token, str) or not token:
            _refuse(f"the provider gave no {self._settings.token}")
        if len(token) > _LENGTH_MAX:
            _refuse(f"the provider's token of {len(token)} bytes fits in no cookie")
        return token, started.then

    def _check_nonce(self, answer: Mapping[str, Any], nonce: str) -> None:
        """That the id token is of this sign-in; whether it is true the front finds out."""
        try:
            claims = jwt.decode(
                str(answer.get("id_token", "")), options={"verify_signature": False}
            )
        except jwt.PyJWTError:
            _refuse("the provider gave no id token")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            _refuse("the id token is of another sign-in")

    async def _found(self) -> _Provider:
        if self._provider is None:
            self._provider = await asyncio.to_thread(self._discover)
        return self._provider

    def _discover(self) -> _Provider:
        address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        content = _fetch(urllib.request.Request(_safe(address)))  # noqa: S310 - checked by _safe
        try:
            found = msgspec.json.decode(content, type=_Provider)
        except msgspec.MsgspecError:
            _refuse(f"{address} describes no provider")
        if found.issuer.rstrip("/") != self._settings.issuer.rstrip("/"):
            _refuse(f"{address} is of another issuer")
        return found

    def _exchange(self, provider: _Provider, code: str, verifier: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_url,
            "client_id": self._settings.client_id,
            "code_verifier": verifier,
        }
        if self._settings.client_secret:
            fields["client_secret"] = self._settings.client_secret
        asked = urllib.request.Request(  # noqa: S310 - checked by _safe
            _safe(provider.token_endpoint),
            urlencode(fields).encode(),
            {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"},
        )
        try:
            return msgspec.json.decode(_fetch(asked), type=dict[str, Any])
        except msgspec.MsgspecError:
            _refuse("the provider's answer is no JSON")


def _safe(address: str) -> str:
    """`address` where it is encrypted or on this machine; raises `SignInError`."""
    parts = urlsplit(address)
    local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        _refuse(f"{address} is no https:// address")
    return address


def _fetch(asked: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(asked, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 - _safe
            content: bytes = answer.read(_ANSWER_BYTES_MAX)
    except urllib.error.HTTPError as error:
        _refuse(f"the provider answers with {error.code}")
    except OSError:
        _refuse("the provider does not answer")
    return content


def _refuse(what: str) -> NoReturn:
    raise SignInError.of(what)
