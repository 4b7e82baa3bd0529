"""tieout.toml: strict, with sentences that name the setting; doors that do not open by mistake."""

import msgspec
import pytest

from engine.errors import PolicyError
from engine.outcomes import Outcomes
from engine.precision_ledger import PrecisionLedger, StrategyRecord
from rpc.configuration_errors import ConfigurationError
from rpc.listening import CertificateFiles, is_loopback, split_address
from tests.server.identity import Authority, pem_of
from tieout.configuration import Configuration, TenantTable, policy_of, read_configuration
from tieout.outcome_tables import write_outcome_table
from tieout.server_doors import check_all, check_doors


def read(folder, text, **overrides):
    path = folder / "tieout.toml"
    path.write_text(text)
    return read_configuration(path, overrides)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[server]\nprt = 1\n", r"server\.prt is no setting; \[server\] has grpc_address,"),
        ("[sever]\n", "sever is no setting; the file has server, store"),
        ("[server]\nworkers = 'two'\n", r"server\.workers: expected `int`, got `str`"),
        ("[server]\nworkers = 0\n", r"server\.workers: expected `int` >= 1"),
        ("[server]\ntls_ended_by_proxy = 1\n", r"server\.tls_ended_by_proxy: expected `bool`"),
        ("[tenants.Acme]\n", r"tenants: expected `str` matching regex"),
        ("[tenants.acme]\nopen_item = 'x'\n", r"tenants.*open_item is no setting; .*open_items"),
        ("[tls]\ncertificate_file = 'x'\n", r"tls: object missing required field `private_key"),
        ("[[authentication.certificates]]\nsan = 'a'\nroles = ['boss']\n", r"roles.*'boss'"),
        ("[[authentication.issuers]]\nisuer = 'a'\n", r"isuer is no setting; .*issuer, audience"),
        ("[limits]\ncalls_per_second = 0\n", r"limits\.calls_per_second: expected"),
        ("[logs]\nlevel = 'loud'\n", r"logs\.level"),
        ("[store]\nurl = 'postgresql://a:secret@db/t'\n", r"holds a password.*store\.url_file"),
        ("[store]\nurl = 'postgresql://db/t?password=secret'\n", "holds a password"),
        ("[tables]\ncustomers = 'c'\n[tenants.acme]\n", r"each has its own in \[tenants"),
        ("[authentication]\nkeys_file = 'k'\n", "belong together"),
        (
            "[[authentication.certificates]]\nsan = 'a'\nroles = ['viewer']\n",
            r"need tls\.client_ca_file",
        ),
        (
            "[[authentication.issuers]]\nissuer='i'\naudience='a'\njwks_file='k'\ntenant='x'\n",
            "not among",
        ),
        ("[server\n", "no TOML"),
    ],
)
def test_a_setting_that_is_none_is_named_with_its_path(tmp_path, text, told):
    with pytest.raises(ConfigurationError, match=told) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "tieout.toml") in str(caught.value)
    assert "secret@" not in str(caught.value)
    assert "=secret" not in str(caught.value)


def test_options_replace_settings_and_paths_are_the_files_own(tmp_path):
    told = read(
        tmp_path,
        "[server]\nworkers = 3\ngrpc_address = '127.0.0.1:1'\n[tables]\ncustomers = 'c.csv'\n"
        "open_items = '/abs/o.csv'\n[store]\nurl_file = 'url'\n",
        workers="5",
        open_items="given.csv",
        store="sqlite:///x.db",
    )
    assert told.server.workers == 5
    assert told.server.grpc_address == "127.0.0.1:1"
    assert told.tables == TenantTable(customers=str(tmp_path / "c.csv"), open_items="given.csv")
    assert told.store_url() == "sqlite:///x.db"
    assert told.served_tenants().keys() == {"default"}
    with pytest.raises(ConfigurationError, match=r"server\.workers"):
        read_configuration(None, {"workers": "many"})
    with pytest.raises(ConfigurationError, match="no such file"):
        read_configuration(tmp_path / "absent.toml", {})
    assert read_configuration(None, {}) == Configuration()


def test_an_address_with_a_password_comes_from_its_file(tmp_path):
    (tmp_path / "url").write_text("postgresql://tieout:hunter2@db/tieout\n")
    told = read(tmp_path, "[store]\nurl_file = 'url'\n")
    assert told.store_url() == "postgresql://tieout:hunter2@db/tieout"
    assert "hunter2" not in repr(told)


def test_a_server_that_others_reach_asks_who_they_are_and_encrypts(tmp_path):
    public = "[server]\ngrpc_address = '0.0.0.0:50051'\n"
    sign_in = "[authentication]\nkeys_file = 'k'\nkeys_secret_file = 's'\n"
    proxied = public + "tls_ended_by_proxy = true\n"
    with pytest.raises(ConfigurationError, match="nobody has to sign in"):
        check_doors(read(tmp_path, proxied))
    with pytest.raises(ConfigurationError, match="without encryption"):
        check_doors(read(tmp_path, public + sign_in))
    check_doors(read(tmp_path, proxied + sign_in))
    check_doors(read(tmp_path, ""))
    local = {"127.0.0.1:1", "127.8.9.1:1", "localhost:1", "[::1]:1"}
    for address in local:
        assert is_loopback(address)
    for address in ("0.0.0.0:1", "[::]:1", "10.0.0.1:1", "tieout.internal:1", "unix.localhost:1"):
        assert not is_loopback(address)
    for address in ("", "127.0.0.1", ":50051", "127.0.0.1:port", "127.0.0.1:65536"):
        with pytest.raises(ConfigurationError, match="no host:port"):
            split_address(address)


def test_certificates_are_read_again_and_a_broken_one_changes_nothing(tmp_path, caplog):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("server")
    files = CertificateFiles(str(certificate), str(key))
    assert files._changed() is None
    other = Authority(tmp_path, "other")
    fresh, fresh_key = other.issue("fresh")
    certificate.write_bytes(fresh.read_bytes())
    assert files._changed() is None, "the key is still the old one"
    assert "stays in use" in caplog.text
    key.write_bytes(fresh_key.read_bytes())
    assert files._changed() is not None
    assert files._changed() is None
    certificate.unlink()
    assert files._changed() is None
    with pytest.raises(ConfigurationError, match="no such file"):
        CertificateFiles(str(certificate), str(key))
    certificate.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigurationError, match="no PEM"):
        CertificateFiles(str(certificate), str(key))
    certificate.write_bytes(pem_of(authority.key))
    with pytest.raises(ConfigurationError, match="not understood"):
        CertificateFiles(str(certificate), str(key))


def test_a_check_reads_every_file_and_remarks_on_open_ones(tmp_path):
    authority = Authority(tmp_path)
    authority.issue("server")
    (tmp_path / "keys.toml").write_text("")
    (tmp_path / "keys.secret").write_bytes(b"0123456789abcdef")
    (tmp_path / "keys.secret").chmod(0o644)
    told = read(
        tmp_path,
        "[tls]\ncertificate_file = 'server.pem'\nprivate_key_file = 'server.key'\n"
        "[authentication]\nkeys_file = 'keys.toml'\nkeys_secret_file = 'keys.secret'\n",
    )
    (remark,) = check_all(told)
    assert (
        remark == f"{tmp_path / 'keys.secret'} is readable by other users of this machine; "
        "chmod 600 it"
    )
    (tmp_path / "keys.toml").write_text("[[keys]]\n")
    with pytest.raises(ConfigurationError, match=r"keys\.toml"):
        check_all(told)
    (open_door,) = check_all(read(tmp_path, ""))
    assert "admin" in open_door


def test_no_setting_is_a_secret():
    names = msgspec.json.encode(Configuration()).decode()
    assert not any(word in names for word in ('"password"', '"token":', '"secret"', '"key":'))


def test_a_policy_brings_the_outcomes_it_names(tmp_path):
    record = StrategyRecord(strategy="subset_sum", right=1, wrong=1)
    write_outcome_table(tmp_path / "record.json", PrecisionLedger(records=(record,)))
    policy = tmp_path / "policy.toml"
    policy.write_text('[outcomes]\nprecision = "record.json"\n[tax]\nrates = ["19"]\n')
    book, outcomes = policy_of(TenantTable(policy=str(policy)))
    assert book.default.tax.rates == ("19",)
    assert outcomes.precision.records == (record,)
    assert policy_of(TenantTable())[1] == Outcomes()
    policy.write_text('[outcomes]\nledger = "record.json"\n')
    with pytest.raises(PolicyError, match="outcomes"):
        policy_of(TenantTable(policy=str(policy)))
