"""The page about settings against the settings."""

import re
import tomllib
from pathlib import Path

import msgspec

from rpc.sign_in_rules import CertificateRule, IssuerRule
from tieout.configuration import Configuration, read_configuration, settings_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operating" / "configuration.md"
DEFAULTS, REQUIRED = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)

_WITHOUT_DEFAULT = ("tls.", "http_tls.", "tenants.", "authentication.")


def paths_of(content, prefix=""):
    for name, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from paths_of(value[0], f"{prefix}{name}.")
        elif isinstance(value, dict) and name not in ("role_map", "amount_limits"):
            yield from paths_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def test_the_page_shows_every_setting_with_its_default():
    known = settings_of(Configuration)
    shown = dict(paths_of(tomllib.loads(DEFAULTS)))
    wrong = {name for name, value in shown.items() if known[name] != value}
    assert wrong == set()
    without = {name for name in known if name.startswith(_WITHOUT_DEFAULT)}
    assert set(known) - without <= set(shown)
    more = {
        name.replace("tenants.acme.", "tenants.") for name, _ in paths_of(tomllib.loads(REQUIRED))
    }
    assert without - set(shown) <= more | {
        f"authentication.issuers.{name}" for name in ("jwks_file", "tenant_claim", "companies")
    }
    for table, rule in (("certificates", CertificateRule), ("issuers", IssuerRule)):
        names = {field.name for field in msgspec.structs.fields(rule)}
        assert {f"authentication.{table}.{name}" for name in names} <= without


def test_the_settings_that_are_shown_are_accepted(tmp_path):
    path = tmp_path / "tieout.toml"
    path.write_text(DEFAULTS)
    told = read_configuration(path, {})
    assert msgspec.structs.replace(told, server=Configuration().server) == Configuration()
    path.write_text(REQUIRED)
    told = read_configuration(path, {})
    assert told.tls.client_ca_file == str(tmp_path / "callers-ca.pem")
    assert told.tenants["acme"].policy == str(tmp_path / "acme" / "policy.toml")
    assert told.authentication.issuers[0].role_map == {"AR-Lead": "approver"}
