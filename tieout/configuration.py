"""`tieout.toml`: how a server is set up. Strict: a key that is no setting is an error.

Order of precedence: option of the command line, variable `TIEOUT_…`, file, default. Paths in the
file are relative to it. Secrets never stand in it: settings that end in `_file` name their files.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from desk.authority import DEFAULT_AUTHORITY, Authority, read_authority
from engine.errors import PolicyError
from engine.policy import PolicyBook, read_policy
from rpc.caller import DEFAULT_TENANT, Role
from rpc.configuration_errors import ConfigurationError
from rpc.limits import WORKER_MEMORY_BYTES
from rpc.sign_in_rules import (  # noqa: TC001 - msgspec reads annotations
    CertificateRule,
    IssuerRule,
)
from store.retention import Retention
from tieout.policy_files import rules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.outcomes import Outcomes

__all__ = [
    "OVERRIDES",
    "AuthenticationTable",
    "Configuration",
    "HttpTlsTable",
    "LimitsTable",
    "LogsTable",
    "OpenIdTable",
    "ServerTable",
    "StoreTable",
    "TelemetryTable",
    "TenantTable",
    "TlsTable",
    "WebhooksTable",
    "authority_of",
    "policy_of",
    "read_configuration",
    "settings_below",
    "settings_of",
]

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Rate = Annotated[float, msgspec.Meta(gt=0)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: keys it does not know are refused."""


class ServerTable(_Table, frozen=True, kw_only=True):
    """Where it listens and how it works. Addresses are `host:port`, port 0 takes a free one.

    An empty `http_address` leaves the web closed. `working` is for files that live no longer than
    the server; empty: in memory where the store is sealed, else in `spool`.
    """

    grpc_address: str = "127.0.0.1:50051"
    http_address: str = "127.0.0.1:50080"
    metrics_address: str = "127.0.0.1:9464"
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2
    spool: str = ""
    working: str = ""
    tls_ended_by_proxy: bool = False


class StoreTable(_Table, frozen=True, kw_only=True):
    """Where decisions are kept; an address with a password comes from `url_file`.

    `encryption_key_file` seals personal data and bank files at rest, `audit_key_file` signs the
    audit chain.
    """

    url: str = "sqlite:///tieout.db"
    url_file: str = ""
    encryption_key_file: str = ""
    audit_key_file: str = ""


class TenantTable(_Table, frozen=True, kw_only=True):
    """A tenant's own tables, matching rules, and who may decide what: paths of files, empty where
    there are none.
    """

    open_items: str = ""
    customers: str = ""
    bank_accounts: str = ""
    policy: str = ""
    authority: str = ""


class TlsTable(_Table, frozen=True, kw_only=True):
    """The server's certificate (PEM); with `client_ca_file` every caller must have one as well."""

    certificate_file: str
    private_key_file: str
    client_ca_file: str = ""


class HttpTlsTable(_Table, frozen=True, kw_only=True):
    """The certificate (PEM) that browsers and callers of the JSON door see."""

    certificate_file: str
    private_key_file: str


class OpenIdTable(_Table, frozen=True, kw_only=True):
    """How people sign in to the workbench at an identity provider (OpenID Connect).

    One of `issuers` must believe the token that comes of it.
    """

    issuer: str
    client_id: str
    client_secret_file: str = ""
    redirect_url: str
    scopes: tuple[str, ...] = ("openid",)
    token: Annotated[str, msgspec.Meta(pattern="^(id_token|access_token)$")] = "id_token"  # noqa: S105 - the name of one
    name: str = ""


class AuthenticationTable(_Table, frozen=True, kw_only=True):
    """How callers prove who they are; with none of these, everybody on this machine is an admin.

    With `local_users` people sign in with a name and a password. Their sessions end
    `session_idle_seconds` after the last call, `session_seconds_max` after they began.
    """

    keys_file: str = ""
    keys_secret_file: str = ""
    local_users: bool = False
    session_idle_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 3_600
    session_seconds_max: Annotated[int, msgspec.Meta(ge=300, le=604_800)] = 43_200
    certificates: tuple[CertificateRule, ...] = ()
    issuers: tuple[IssuerRule, ...] = ()
    openid: OpenIdTable | None = None

    @property
    def is_configured(self) -> bool:
        """Whether anybody can sign in."""
        return bool(self.keys_file or self.certificates or self.issuers or self.local_users)


class LimitsTable(_Table, frozen=True, kw_only=True):
    """What one caller, and one job, may take."""

    calls_per_second: _Rate = 500.0
    calls_burst: _Count = 1_000
    calls_at_once: _Count = 64
    worker_memory_bytes: Annotated[int, msgspec.Meta(ge=2 << 30)] = WORKER_MEMORY_BYTES


class LogsTable(_Table, frozen=True, kw_only=True):
    """What is written to stderr; `mask_secret_file` keeps masked account numbers comparable."""

    level: Annotated[str, msgspec.Meta(pattern="^(debug|info|warning|error)$")] = "info"
    mask_secret_file: str = ""


class TelemetryTable(_Table, frozen=True, kw_only=True):
    """Where spans go (OTLP over HTTP), and which share of calls is traced; needs `tieout[otel]`."""

    otlp_endpoint: str = ""
    sample_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    service_name: str = "tieout"


class WebhooksTable(_Table, frozen=True, kw_only=True):
    """Whom webhooks may call: public addresses, and what stands here.

    `ca_file` (PEM) holds authorities that receivers' certificates may come from besides the
    system's.
    """

    allowed_networks: list[str] = []
    allow_http: bool = False
    ca_file: str = ""


class Configuration(_Table, frozen=True, kw_only=True):
    """The whole file. `tables` is the only tenant's; several stand in `tenants` by name."""

    server: ServerTable = ServerTable()
    store: StoreTable = StoreTable()
    tables: TenantTable = TenantTable()
    tenants: dict[Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,39}$")], TenantTable] = {}
    tls: TlsTable | None = None
    http_tls: HttpTlsTable | None = None
    authentication: AuthenticationTable = AuthenticationTable()
    limits: LimitsTable = LimitsTable()
    logs: LogsTable = LogsTable()
    telemetry: TelemetryTable = TelemetryTable()
    webhooks: WebhooksTable = WebhooksTable()
    retention: Retention = Retention()

    def served_tenants(self) -> dict[str, TenantTable]:
        """Each tenant's tables, by its name."""
        return dict(self.tenants) or {DEFAULT_TENANT: self.tables}

    def store_url(self) -> str:
        """The store's address; raises `ConfigurationError` where its file cannot be read."""
        if not self.store.url_file:
            return self.store.url
        return _text_of(Path(self.store.url_file)).strip()


OVERRIDES: Final = {
    "grpc_address": "server.grpc_address",
    "http_address": "server.http_address",
    "metrics_address": "server.metrics_address",
    "workers": "server.workers",
    "spool": "server.spool",
    "store": "store.url",
    "open_items": "tables.open_items",
    "customers": "tables.customers",
    "bank_accounts": "tables.bank_accounts",
    "policy": "tables.policy",
}
"""Option of `tieout serve` (variable `TIEOUT_…`) → the setting that it replaces."""

_PATHS: Final = frozenset(
    {
        "server.spool",
        "server.working",
        "store.url_file",
        "store.encryption_key_file",
        "store.audit_key_file",
        "tls.certificate_file",
        "tls.private_key_file",
        "tls.client_ca_file",
        "http_tls.certificate_file",
        "http_tls.private_key_file",
        "authentication.keys_file",
        "authentication.keys_secret_file",
        "authentication.issuers.jwks_file",
        "authentication.openid.client_secret_file",
        "logs.mask_secret_file",
        "webhooks.ca_file",
        *(f"tables.{name}" for name in TenantTable.__struct_fields__),
        *(f"tenants.*.{name}" for name in TenantTable.__struct_fields__),
    }
)
"""Settings that name files, by their path; `*` is any name."""

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`")
_PASSWORD: Final = re.compile(r"^[a-z]+://[^/@:]*:[^/@]+@|[?&]password=")


def read_configuration(path: Path | None, overrides: Mapping[str, str]) -> Configuration:
    """The configuration of a file (None: none) under `overrides` (options by name, as text).

    Raises `ConfigurationError` that names the file, the setting and what was expected.
    """
    content: dict[str, Any] = {}
    name = str(path or "settings")
    if path is not None:
        try:
            content = tomllib.loads(_text_of(path))
        except tomllib.TOMLDecodeError as error:
            message = f"{path}: no TOML: {error}"
            raise ConfigurationError(message) from error
        _convert(content, name, strict=True)
        content = _resolved(content, path.resolve().parent, "")
        _refuse_password(content, name)
    for option, text in overrides.items():
        table, _, key = OVERRIDES[option].partition(".")
        content[table] = content.get(table, {}) | {key: text}
        if option == "store":
            content[table].pop("url_file", None)
    configuration = _convert(content, name, strict=False)
    _check(configuration, name)
    return configuration


def settings_of(table: type[msgspec.Struct], prefix: str = "") -> dict[str, Any]:
    """Every setting below `table` by its path, with its default (`NODEFAULT` where it has none)."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(table):
        path = f"{prefix}{field.encode_name}"
        inner = _table_in(field.type)
        if inner is None:
            default = field.default
            if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            found[path] = default
        else:
            found |= settings_of(inner, f"{path}.")
    return found


def policy_of(table: TenantTable) -> tuple[PolicyBook, Outcomes]:
    """The tenant's matching rules, and what the outcomes they name have taught; raises
    `PolicyError`, `ConfigurationError` or `OutcomeFileError`.
    """
    rules, named = rules_of(_toml_of(table.policy))
    return read_policy(rules), named.below(Path(table.policy).parent).read()


def authority_of(table: TenantTable) -> Authority:
    """Who may decide what at the tenant; raises `PolicyError` or `ConfigurationError`."""
    content = _toml_of(table.authority)
    try:
        authority = read_authority(content)
    except PolicyError as error:
        message = f"{table.authority}: {error}"
        raise PolicyError(message) from error
    known = {str(role) for role in Role} | DEFAULT_AUTHORITY.roles.keys()
    for role in authority.roles:
        if role not in known:
            message = (
                f"{table.authority}: roles.{role} is no role; there are {', '.join(sorted(known))}"
            )
            raise PolicyError(message)
    return authority


def _toml_of(path: str) -> dict[str, Any]:
    """The content of a file of rules, nothing where there is none."""
    if not path:
        return {}
    try:
        return tomllib.loads(_text_of(Path(path)))
    except tomllib.TOMLDecodeError as error:
        message = f"{path}: no TOML: {error}"
        raise PolicyError(message) from error


def _convert(content: Mapping[str, Any], name: str, *, strict: bool) -> Configuration:
    try:
        return msgspec.convert(content, Configuration, strict=strict)
    except msgspec.ValidationError as error:
        message = f"{name}: {_explained(str(error))}"
        raise ConfigurationError(message) from None


def _explained(error: str) -> str:
    """The sentence of msgspec with the setting's own path in front."""
    found = _AT.fullmatch(error)
    what, path = (found["what"], (found["path"] or "").lstrip(".")) if found else (error, "")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown is None:
        return f"{path}: {what[:1].lower()}{what[1:]}" if path else what
    where = re.sub(r"\[\d+\]|\[\.\.\.\]", "", path)
    known = settings_below(where)
    return (
        f"{path}{'.' if path else ''}{unknown['name']} is no setting; "
        f"{f'[{where}]' if where else 'the file'} has {', '.join(known)}"
    )


def settings_below(path: str) -> tuple[str, ...]:
    """Names of the keys of the table at `path` (empty: the file)."""
    table: type[msgspec.Struct] = Configuration
    for part in filter(None, path.split(".")):
        fields = {field.encode_name: field for field in msgspec.structs.fields(table)}
        if part in fields:
            table = _table_in(fields[part].type) or table
    return tuple(field.encode_name for field in msgspec.structs.fields(table))


def _table_in(kind: Any) -> type[msgspec.Struct] | None:
    """The table that a field's type is, holds, or may be."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    found = (_table_in(one) for one in getattr(kind, "__args__", ()))
    return next((one for one in found if one is not None), None)


def _resolved(content: Any, folder: Path, path: str) -> Any:
    """`content` with the paths of files made absolute."""
    if isinstance(content, list):
        return [_resolved(one, folder, path) for one in content]
    if not isinstance(content, dict):
        known = path in _PATHS or re.sub(r"^tenants\.[^.]+", "tenants.*", path) in _PATHS
        return str(folder / content) if known and content else content
    prefix = f"{path}." if path else ""
    return {name: _resolved(value, folder, f"{prefix}{name}") for name, value in content.items()}


def _refuse_password(content: Mapping[str, Any], name: str) -> None:
    if _PASSWORD.search(content.get("store", {}).get("url", "")):
        message = (
            f"{name}: store.url holds a password; write the whole address into a file of its own "
            "and name that in store.url_file"
        )
        raise ConfigurationError(message)


def _check(configuration: Configuration, name: str) -> None:
    """What no single setting can tell; raises `ConfigurationError`."""
    sign_in = configuration.authentication
    tls = configuration.tls
    wrong = ""
    if configuration.tenants and configuration.tables != TenantTable():
        wrong = "tables are the only tenant's; with [tenants] each has its own in [tenants.NAME]"
    elif bool(sign_in.keys_file) is not bool(sign_in.keys_secret_file):
        wrong = "authentication: keys_file and keys_secret_file belong together"
    elif sign_in.certificates and (tls is None or not tls.client_ca_file):
        wrong = "authentication.certificates need tls.client_ca_file, the authority that signs them"
    elif sign_in.issuers and any(
        rule.tenant_claim == ""
        and (rule.tenant or DEFAULT_TENANT) not in configuration.served_tenants()
        for rule in sign_in.issuers
    ):
        wrong = "authentication.issuers: the tenant of a rule is not among [tenants]"
    elif sign_in.openid and all(rule.issuer != sign_in.openid.issuer for rule in sign_in.issuers):
        wrong = "authentication.openid: no rule of [[authentication.issuers]] is for its issuer"
    wrong = wrong or _wrong_network(configuration.webhooks)
    if not wrong and configuration.retention.wrong:
        wrong = f"retention.{configuration.retention.wrong}"
    if wrong:
        message = f"{name}: {wrong}"
        raise ConfigurationError(message)


def _wrong_network(webhooks: WebhooksTable) -> str:
    for one in webhooks.allowed_networks:
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            return f"webhooks.allowed_networks: {error}"
    return ""


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        message = f"{path}: {(error.strerror or 'not readable').lower()}"
        raise ConfigurationError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path}: no UTF-8 text"
        raise ConfigurationError(message) from error
