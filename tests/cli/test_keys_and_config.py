"""`tieout keys` and `tieout config check`, as an operator calls them."""

import json
import time

import pytest

from rpc.api_keys import ApiKeys
from rpc.configuration_errors import ConfigurationError
from rpc.errors import CredentialsInvalidError
from rpc.secret_files import read_secret
from tieout.commands import main


@pytest.fixture
def place(tmp_path):
    return ["--keys", str(tmp_path / "keys.toml")], ["--secret", str(tmp_path / "keys.secret")]


def new(place, *more):
    keys, secret = place
    return main(["keys", "new", *keys, *secret, *more])


def test_a_key_is_made_used_listed_and_revoked(tmp_path, place, capsys):
    named = ("--name", "m.weber", "--role", "clerk", "--role", "viewer")
    scope = ("--company", "1100", "--limit", "EUR=10000.00", "--expires", "2099-12-31")
    assert new(place, *named, *scope, "--tenant", "acme") == 0
    key = capsys.readouterr().out.strip()
    assert (tmp_path / "keys.secret").stat().st_mode & 0o777 == 0o600
    keys = ApiKeys(tmp_path / "keys.toml", read_secret(tmp_path / "keys.secret"), time.time)
    caller = keys.caller_of(key)
    assert (caller.name, caller.tenant, caller.companies) == ("m.weber", "acme", {"1100"})
    assert caller.amount_limits_minor == {"EUR": 1_000_000}
    assert new(place, "--name", "erp", "--role", "submitter") == 0
    capsys.readouterr()
    assert main(["keys", "list", *place[0]]) == 0
    shown = capsys.readouterr().out
    assert "m.weber" in shown
    assert key.partition(".")[2] not in shown
    assert main(["keys", "list", *place[0], "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["m.weber", "erp"]
    assert all("hash" not in row for row in rows)
    prefix = key.partition(".")[0]
    assert main(["keys", "revoke", *place[0], prefix]) == 0
    assert main(["keys", "revoke", *place[0], prefix]) == 66
    fresh = ApiKeys(tmp_path / "keys.toml", read_secret(tmp_path / "keys.secret"), time.time)
    with pytest.raises(CredentialsInvalidError):
        fresh.caller_of(key)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--limit", "EUR"),
        ("--limit", "EUR=lots"),
        ("--tenant", "../acme"),
        ("--role", "boss"),
        ("--expires", "tomorrow"),
    ],
)
def test_what_is_no_grant_is_wrong_usage_and_writes_nothing(tmp_path, place, wrong, capsys):
    assert new(place, "--name", "x", "--role", "clerk", *wrong) == 2
    assert wrong[1].removeprefix("EUR=") in capsys.readouterr().err or wrong[0] == "--tenant"
    assert not (tmp_path / "keys.toml").exists()


def test_a_check_says_fine_or_what_is_wrong(tmp_path, capsys):
    path = tmp_path / "tieout.toml"
    path.write_text("[tenants.acme]\n[tenants.globex]\n")
    assert main(["config", "check", str(path)]) == 0
    told = capsys.readouterr()
    assert told.out == f"{path}: fine; tenants: acme, globex\n"
    assert "admin" in told.err
    assert main(["config", "check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tenants"] == ["acme", "globex"]
    path.write_text("[sever]\n")
    assert main(["config", "check", str(path)]) == 78
    assert "sever is no setting" in capsys.readouterr().err
    path.write_text("[tables]\nopen_items = 'absent.csv'\n")
    assert main(["config", "check", str(path)]) == 66
    path.write_text("[tables]\npolicy = 'policy.toml'\n")
    (tmp_path / "policy.toml").write_text("[tolerance]\nunder = 7\n")
    assert main(["config", "check", str(path)]) == 78
    assert main(["config", "check", str(tmp_path / "absent.toml")]) == 66


def test_an_error_of_configuration_is_an_exit_code(tmp_path):
    (tmp_path / "keys.toml").write_text("[[keys]]\n")
    assert main(["keys", "list", "--keys", str(tmp_path / "keys.toml")]) == 78
    assert issubclass(ConfigurationError, ValueError)
