"""Keys, tokens and certificates: what they prove, and everything that proves nothing."""

import asyncio
import pickle
import time

import msgspec
import pytest

from rpc.api_keys import ApiKeys, write_keys
from rpc.authentication import OpenDoor, SignIn
from rpc.bearer_tokens import BearerTokens
from rpc.caller import LOCAL_CALLER, Role
from rpc.configuration_errors import ConfigurationError
from rpc.errors import (
    CredentialsInvalidError,
    CredentialsMissingError,
)
from rpc.jobs import WorkerSettings
from rpc.secret_files import Secret, read_secret, readable_by_others, write_privately
from rpc.sign_in_rules import CertificateRule, Grant, IssuerRule, caller_of
from tests.server.identity import AUDIENCE, ISSUER, SECRET, Clock, Provider, key_record


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider(tmp_path):
    return Provider(tmp_path)


class Connection:
    """A call's context, as far as sign-in looks at it."""

    def __init__(self, *names):
        self.names = names

    def auth_context(self):
        return {"x509_subject_alternative_name": list(self.names)} if self.names else {}


def who(authenticator, metadata=(), names=()):
    return asyncio.run(authenticator.caller_of(dict(metadata), Connection(*names)))


def test_each_kind_of_credential_leads_to_its_caller(tmp_path, provider, clock):
    key, kept = key_record()
    write_keys(tmp_path / "keys.toml", [kept])
    rule = CertificateRule(san="spiffe://acme/erp", roles=(Role.SUBMITTER,), tenant="acme")
    sign_in = SignIn(
        keys=ApiKeys(tmp_path / "keys.toml", SECRET, clock),
        tokens=tokens_of(provider),
        certificates=[rule],
    )
    names = (b"other.example.com", b"spiffe://acme/erp")
    assert who(sign_in, {"x-api-key": key}).name == "erp"
    assert who(sign_in, {"authorization": f"Bearer {provider.token()}"}).name == "m.weber"
    assert who(sign_in, {"authorization": f"bearer {provider.token()}"}).name == "m.weber"
    assert who(sign_in, names=names).tenant == "acme"
    assert who(sign_in, {"x-api-key": key}, names).name == "erp"
    for wrong in (
        {"x-api-key": "tk_000000000000.wrong"},
        {"x-api-key": b"bytes"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer "},
        {"authorization": provider.token()},
        {"x-api-key": key, "authorization": f"Bearer {provider.token()}"},
    ):
        with pytest.raises(CredentialsInvalidError):
            who(sign_in, wrong, names)
    with pytest.raises(CredentialsMissingError):
        who(sign_in)
    with pytest.raises(CredentialsInvalidError, match="no rule knows"):
        who(sign_in, names=(b"spiffe://acme/erp2",))


def test_what_is_not_configured_is_not_accepted(provider):
    only_certificates = SignIn(certificates=[CertificateRule(san="a", roles=(Role.VIEWER,))])
    for metadata in ({"x-api-key": "x"}, {"authorization": f"Bearer {provider.token()}"}):
        with pytest.raises(CredentialsInvalidError):
            who(only_certificates, metadata)
    with pytest.raises(ConfigurationError, match="two rules"):
        SignIn(certificates=[CertificateRule(san="a", roles=(Role.VIEWER,))] * 2)
    assert who(OpenDoor()) is LOCAL_CALLER


def test_a_grant_says_its_limits_in_major_units():
    caller = caller_of("x", Grant(roles=(Role.CLERK,), amount_limits={"JPY": "5000", "KWD": "1.5"}))
    assert caller.amount_limits_minor == {"JPY": 5_000, "KWD": 1_500}
    for limits in ({"EUR": "-1"}, {"EUR": "1.005"}, {"EUR": "ten"}, {"XXX1": "1"}):
        with pytest.raises(ValueError):
            Grant(roles=(Role.CLERK,), amount_limits=limits)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"roles": []}, Grant)


def test_no_representation_shows_a_secret(tmp_path):
    secret = Secret(b"hunter2-hunter2-hunter2")
    settings = WorkerSettings(
        store_url="postgresql://a:hunter2@h/d", tenants={}, mask_key=b"hunter2"
    )
    for shown in (repr(secret), str(secret), f"{secret!r:>30}", repr([secret]), repr(settings)):
        assert "hunter2" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    path = tmp_path / "secret"
    write_privately(path, b"  long enough to be one\n")
    assert read_secret(path).reveal() == b"long enough to be one"
    assert not readable_by_others(path)
    path.chmod(0o640)
    assert readable_by_others(path)


def test_a_secret_that_is_too_short_or_absent_is_named(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"short\n")
    with pytest.raises(ConfigurationError, match="5 bytes"):
        read_secret(path)
    with pytest.raises(ConfigurationError, match="no such file"):
        read_secret(tmp_path / "absent")


def tokens_of(provider):
    rule = IssuerRule(issuer=ISSUER, audience=AUDIENCE, jwks_file=str(provider.path))
    return BearerTokens([rule], time.time)
