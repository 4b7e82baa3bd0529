"""Bearer tokens: what they prove, and everything that proves nothing."""

import asyncio
import base64
import hmac
import http.server
import json
import threading
import time
from datetime import timedelta

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rpc.bearer_tokens import BearerTokens
from rpc.caller import Role
from rpc.configuration_errors import ConfigurationError
from rpc.errors import (
    CredentialsExpiredError,
    CredentialsInvalidError,
    UnauthenticatedError,
)
from rpc.sign_in_rules import IssuerRule
from tests.server.identity import AUDIENCE, ISSUER, Clock, Provider


@pytest.fixture
def provider(tmp_path):
    return Provider(tmp_path)


def tokens_of(provider, **rule):
    made = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(provider.path)}
    return BearerTokens([IssuerRule(**made | rule)], time.time)


def caller_by(tokens, token):
    return asyncio.run(tokens.caller_of(token))


def test_a_token_gives_name_roles_and_scope(provider):
    tokens = tokens_of(
        provider,
        roles_claim="realm_access.roles",
        role_map={"AR-Lead": Role.APPROVER},
        tenant_claim="tenant",
        companies_claim="companies",
        amount_limits={Role.APPROVER: {"EUR": "5000.00"}, Role.CLERK: {"EUR": "100.00"}},
    )
    caller = caller_by(
        tokens,
        provider.token(
            realm_access={"roles": ["AR-Lead", "clerk", "something else"]},
            tenant="acme",
            companies=["1100", "1200"],
        ),
    )
    assert (caller.name, caller.tenant) == ("m.weber", "acme")
    assert caller.roles == {Role.APPROVER, Role.CLERK}
    assert caller.companies == {"1100", "1200"}
    assert caller.amount_limits_minor == {"EUR": 500_000}


def forged(provider):
    """Tokens that a provider never signed."""
    good = provider.token()
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    more = base64.urlsafe_b64encode(json.dumps(claims | {"roles": ["admin"]}).encode())
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    public = provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    hs256 = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"k1","typ":"JWT"}')
    signed = f"{hs256.rstrip(b'=').decode()}.{body}"
    mac = hmac.digest(public, signed.encode(), "sha256")
    elsewhere = provider.path.parent / "stranger"
    elsewhere.mkdir()
    stranger = Provider(elsewhere, "k1")
    return {
        "changed claims": f"{head}.{more.rstrip(b'=').decode()}.{signature}",
        "algorithm none": f"{none}.{body}.",
        "public key as secret": f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}",
        "another key of that name": stranger.token(),
        "cut": good[:-8],
        "no token": "not.a.token",
        "empty parts": "..",
        "huge": "a" * 20_000,
    }


@pytest.mark.parametrize(
    "name",
    [
        "changed claims",
        "algorithm none",
        "public key as secret",
        "another key of that name",
        "cut",
        "no token",
        "empty parts",
        "huge",
    ],
)
def test_a_forged_token_is_refused(provider, name):
    tokens = tokens_of(provider)
    with pytest.raises(CredentialsInvalidError):
        caller_by(tokens, forged(provider)[name])


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"exp": timedelta(seconds=-60)}, CredentialsExpiredError),
        ({"exp": None}, CredentialsInvalidError),
        ({"exp": "soon"}, CredentialsInvalidError),
        ({"exp": timedelta(days=100)}, CredentialsInvalidError),
        ({"nbf": timedelta(seconds=120)}, CredentialsInvalidError),
        ({"iss": "https://elsewhere.example.com"}, CredentialsInvalidError),
        ({"iss": None}, CredentialsInvalidError),
        ({"aud": "another-service"}, CredentialsInvalidError),
        ({"aud": None}, CredentialsInvalidError),
        ({"sub": None}, CredentialsInvalidError),
        ({"sub": ""}, CredentialsInvalidError),
        ({"sub": 7}, CredentialsInvalidError),
        ({"roles": []}, CredentialsInvalidError),
        ({"roles": ["nobody we know"]}, CredentialsInvalidError),
        ({"roles": {"admin": True}}, CredentialsInvalidError),
        ({"roles": [7]}, CredentialsInvalidError),
        ({"kid": "unknown"}, CredentialsInvalidError),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else value.__name__,
)
def test_a_token_with_a_wrong_claim_is_refused(provider, claims, kind):
    now = int(time.time())
    told = {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in claims.items()
    }
    with pytest.raises(UnauthenticatedError) as caught:
        caller_by(tokens_of(provider), provider.token(**told))
    assert type(caught.value) is kind


def test_a_tenant_that_is_no_name_is_refused(provider):
    tokens = tokens_of(provider, tenant_claim="tenant")
    for tenant in ("../acme", "Acme", "", None, "a" * 41):
        with pytest.raises(CredentialsInvalidError):
            caller_by(tokens, provider.token(tenant=tenant))


def test_an_algorithm_that_is_not_allowed_is_refused_even_with_the_right_key(tmp_path, provider):
    key = rsa.generate_private_key(65_537, 2_048)
    entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    path = tmp_path / "rsa.json"
    path.write_text(json.dumps({"keys": [entry | {"kid": "r"}]}))
    for algorithm, allowed in (("RS256", True), ("RS512", False), ("PS256", False)):
        token = provider.token(key=key, algorithm=algorithm, kid="r")
        tokens = tokens_of(provider, jwks_file=str(path))
        if allowed:
            assert caller_by(tokens, token).name == "m.weber"
        else:
            with pytest.raises(CredentialsInvalidError):
                caller_by(tokens, token)
    path.write_text(json.dumps({"keys": [entry | {"kid": "r", "alg": "RS512"}]}))
    with pytest.raises(CredentialsInvalidError):
        caller_by(
            tokens_of(provider, jwks_file=str(path)),
            provider.token(key=key, algorithm="RS256", kid="r"),
        )


def test_a_verified_token_is_remembered_until_it_expires(provider, monkeypatch):
    clock = Clock()
    clock.seconds = time.time()
    rule = IssuerRule(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(provider.path))
    tokens = BearerTokens([rule], clock)
    token = provider.token()
    first = caller_by(tokens, token)
    verified = []
    real = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: verified.append(1) or real(*a, **k))
    assert caller_by(tokens, token) is first
    assert verified == []
    clock.seconds += 601
    assert caller_by(tokens, token) == first, "PyJWT asks the real clock, which has not moved"
    assert verified


def test_two_rules_for_one_audience_are_an_error(provider):
    rule = IssuerRule(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(provider.path))
    with pytest.raises(ConfigurationError, match="two rules"):
        BearerTokens([rule, rule], time.time)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}']
)
def test_a_key_set_without_a_public_key_is_an_error(tmp_path, content):
    path = tmp_path / "jwks.json"
    path.write_text(content)
    rule = IssuerRule(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(path))
    with pytest.raises(ConfigurationError, match="key"):
        BearerTokens([rule], time.time)


class KeyServer:
    """Serves a key set over HTTP and counts how often it is asked."""

    def __init__(self, provider):
        self.content = provider.key_set().encode()
        self.asked = 0
        self.broken = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.send_response(500 if outer.broken else 200)
                self.end_headers()
                self.wfile.write(b"" if outer.broken else outer.content)

            def log_message(self, *_):
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def key_server(provider):
    server = KeyServer(provider)
    yield server
    server.close()


def test_keys_at_an_address_are_fetched_once_and_again_when_they_rotate(
    provider, key_server, tmp_path
):
    clock = Clock()
    clock.seconds = time.time()
    rule = IssuerRule(issuer=ISSUER, audience=AUDIENCE, jwks_url=key_server.url)
    tokens = BearerTokens([rule], clock)

    async def scenario():
        many = [provider.token(sub=f"user {number}") for number in range(8)]
        callers = await asyncio.gather(*(tokens.caller_of(token) for token in many))
        assert {caller.name for caller in callers} == {f"user {number}" for number in range(8)}
        assert key_server.asked == 1
        rotated = Provider(tmp_path, "k2")
        key_server.content = rotated.key_set().encode()
        with pytest.raises(CredentialsInvalidError):
            await tokens.caller_of(rotated.token())
        assert key_server.asked == 1, "a flood of unknown keys does not become a flood of fetches"
        clock.seconds += 11
        assert (await tokens.caller_of(rotated.token())).name == "m.weber"
        assert key_server.asked == 2
        key_server.broken = True
        clock.seconds += 301
        assert (await tokens.caller_of(rotated.token(sub="later"))).name == "later"
        assert key_server.asked == 3

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"algorithms": ("HS256",)}, "HS256"),
        ({"algorithms": ("none",)}, "none"),
        ({"jwks_url": "http://login.example.com/keys"}, "https"),
        ({"jwks_url": "file:///etc/passwd"}, "https"),
        ({"jwks_url": ""}, "exactly one"),
        ({"jwks_file": "keys.json"}, "exactly one"),
        ({"tenant": "a", "tenant_claim": "t"}, "exclude"),
        ({"companies": (), "companies_claim": "c"}, "exclude"),
        ({"amount_limits": {"clerk": {"EUR": "lots"}}}, "amount"),
        ({"leeway_seconds": 86_400}, "300"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_rule_that_opens_a_door_by_mistake_is_refused(rule, told):
    good = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "https://login.example.com/keys"}
    assert msgspec.convert(good, IssuerRule).algorithms == ("RS256", "ES256")
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert(good | rule, IssuerRule)
