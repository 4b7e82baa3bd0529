"""API keys: what a key proves, and everything that proves nothing."""

import logging
from datetime import timedelta

import msgspec
import pytest

from rpc.api_keys import ApiKeys, hash_of_key, new_key, read_keys, write_keys
from rpc.caller import Role
from rpc.configuration_errors import ConfigurationError
from rpc.errors import (
    CredentialsExpiredError,
    CredentialsInvalidError,
)
from rpc.secret_files import Secret
from tests.server.identity import NOW, SECRET, Clock, key_record


@pytest.fixture
def clock():
    return Clock()


def test_a_key_is_its_callers_and_no_other_text_is(tmp_path, clock):
    key, kept = key_record(companies=("1100",), amount_limits={"EUR": "10000.00"})
    write_keys(tmp_path / "keys.toml", [kept])
    keys = ApiKeys(tmp_path / "keys.toml", SECRET, clock)
    caller = keys.caller_of(key)
    assert (caller.name, caller.roles, caller.companies) == (
        "erp",
        frozenset({Role.SUBMITTER}),
        frozenset({"1100"}),
    )
    assert caller.amount_limits_minor == {"EUR": 1_000_000}
    prefix, _, secret = key.partition(".")
    other, _ = new_key()
    wrongs = (
        "",
        prefix,
        f"{prefix}.",
        f"{prefix}.{secret[:-1]}",
        f"{prefix}.{secret}x",
        f"{prefix}.{secret.swapcase()}",
        f"{prefix}.{kept.hash}",
        other,
        key * 100,
        key.upper(),
    )
    for wrong in wrongs:
        with pytest.raises(CredentialsInvalidError, match="not known"):
            keys.caller_of(wrong)


def test_the_file_holds_no_key_and_its_hash_needs_the_secret(tmp_path):
    key, kept = key_record()
    path = tmp_path / "keys.toml"
    write_keys(path, [kept])
    text = path.read_text()
    assert key not in text
    assert key.partition(".")[2] not in text
    assert path.stat().st_mode & 0o777 == 0o600
    other = Secret(b"another secret of some length")
    write_keys(path, [msgspec.structs.replace(kept, hash=hash_of_key(key, other))])
    with pytest.raises(CredentialsInvalidError):
        ApiKeys(path, SECRET, Clock()).caller_of(key)


def test_keys_are_read_back_as_they_were_written(tmp_path):
    kept = [
        key_record(name='O\'Brien "AR" \\ Müller')[1],
        key_record(
            roles=(Role.CLERK, Role.APPROVER),
            tenant="acme",
            companies=("1100", "12 00"),
            amount_limits={"EUR": "1.50", "JPY": "700"},
            expires_at=NOW + timedelta(days=1),
        )[1],
    ]
    write_keys(tmp_path / "keys.toml", kept)
    assert list(read_keys(tmp_path / "keys.toml")) == kept


def test_a_key_expires_on_the_second(tmp_path, clock):
    key, kept = key_record(expires_at=NOW + timedelta(seconds=10))
    write_keys(tmp_path / "keys.toml", [kept])
    keys = ApiKeys(tmp_path / "keys.toml", SECRET, clock)
    clock.seconds += 9.9
    assert keys.caller_of(key).name == "erp"
    clock.seconds += 0.1
    with pytest.raises(CredentialsExpiredError, match="expired"):
        keys.caller_of(key)


def test_a_revoked_key_stops_and_a_new_one_works_without_a_restart(tmp_path, clock, caplog):
    path = tmp_path / "keys.toml"
    key, kept = key_record()
    write_keys(path, [kept])
    keys = ApiKeys(path, SECRET, clock)
    fresh, added = key_record(name="new")
    write_keys(path, [added])
    clock.seconds += 1.1
    assert keys.caller_of(fresh).name == "new"
    with pytest.raises(CredentialsInvalidError):
        keys.caller_of(key)
    path.write_text("[[keys]]\nprefix = 1\n")
    clock.seconds += 1.1
    with caplog.at_level(logging.ERROR):
        assert keys.caller_of(fresh).name == "new"
    assert "stay in use" in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("keys = [", "no keys file"),
        ("[[keys]]\nprefix = 'tk_000000000000'\n", "missing required field"),
        ("[[keys]]\nsecret = 'x'\n", "unknown field `secret`"),
        ("[[key]]\n", "unknown field `key`"),
        ("[[keys]]\nroles = ['boss']\n", "boss"),
    ],
)
def test_a_keys_file_that_is_none_is_named(tmp_path, content, told):
    path = tmp_path / "keys.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_keys(path)
    assert str(path) in str(caught.value)
    with pytest.raises(ConfigurationError, match="no such file"):
        read_keys(tmp_path / "absent.toml")


def test_a_prefix_that_stands_twice_is_an_error(tmp_path):
    _, kept = key_record()
    write_keys(tmp_path / "keys.toml", [kept, kept])
    with pytest.raises(ConfigurationError, match="twice"):
        read_keys(tmp_path / "keys.toml")
