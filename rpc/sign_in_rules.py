"""What a proof of identity is worth: rules as an operator writes them, made into callers."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from engine.money import minor_from_text
from rpc.caller import DEFAULT_TENANT, Caller, Role

__all__ = ["BEARER_ALGORITHMS", "CertificateRule", "Grant", "IssuerRule", "caller_of"]

BEARER_ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures that may be allowed: asymmetric ones, so that the server holds no secret of others."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Tenant = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,40}$")]


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Roles and scope. `companies` absent: all; `amount_limits` absent: none.

    Limits are decimal text in major units by currency (`{ EUR = "10000.00" }`).
    """

    tenant: _Tenant = DEFAULT_TENANT
    roles: Annotated[tuple[Role, ...], msgspec.Meta(min_length=1)]
    companies: tuple[str, ...] | None = None
    amount_limits: dict[str, str] | None = None

    def __post_init__(self) -> None:
        """Refuse limits that are no amounts."""
        for currency, text in (self.amount_limits or {}).items():
            if minor_from_text(text, currency) < 0:
                message = f"amount_limits.{currency} is {text!r}, less than nothing"
                raise ValueError(message)


class CertificateRule(Grant, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whoever connects with a certificate that has this subject alternative name."""

    san: _Name
    name: str = ""


class IssuerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose bearer tokens are believed, and what their claims mean.

    Keys come from `jwks_file` or `jwks_url`. A token gives roles in `roles_claim`; `role_map`
    translates the provider's words. Tenant and companies are fixed here, or stand in a claim.
    """

    issuer: _Name
    audience: _Name
    jwks_file: str = ""
    jwks_url: str = ""
    algorithms: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("RS256", "ES256")
    leeway_seconds: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30
    token_seconds_max: Annotated[int, msgspec.Meta(ge=60, le=604_800)] = 86_400
    name_claim: _Name = "sub"
    roles_claim: _Name = "roles"
    role_map: dict[str, Role] = {}
    tenant: _Tenant | None = None
    tenant_claim: str = ""
    companies: tuple[str, ...] | None = None
    companies_claim: str = ""
    amount_limits: dict[Role, dict[str, str]] | None = None

    def __post_init__(self) -> None:
        """Refuse what would open a door by mistake."""
        unknown = sorted(set(self.algorithms) - set(BEARER_ALGORITHMS))
        if unknown:
            message = f"algorithms: {', '.join(unknown)} not among {', '.join(BEARER_ALGORITHMS)}"
            raise ValueError(message)
        if bool(self.jwks_file) is bool(self.jwks_url):
            message = "exactly one of jwks_file and jwks_url is expected"
            raise ValueError(message)
        local = self.jwks_url.startswith(("http://127.0.0.1:", "http://localhost:"))
        if self.jwks_url and not self.jwks_url.startswith("https://") and not local:
            message = f"jwks_url {self.jwks_url!r} is no https:// address"
            raise ValueError(message)
        if self.tenant is not None and self.tenant_claim:
            message = "tenant and tenant_claim exclude each other"
            raise ValueError(message)
        if self.companies is not None and self.companies_claim:
            message = "companies and companies_claim exclude each other"
            raise ValueError(message)
        for limits in (self.amount_limits or {}).values():
            Grant(roles=(Role.CLERK,), amount_limits=limits)

    def grant_of(self, claims: dict[str, Any]) -> Grant:
        """What the verified `claims` are worth; raises `ValueError` where one is not understood."""
        words = _strings(claims, self.roles_claim)
        translated = (self.role_map.get(word, word) for word in words)
        known = {role.value: role for role in Role}
        roles = tuple(sorted({known[word] for word in translated if word in known}))
        if not roles:
            message = f"claim {self.roles_claim} names no role: {', '.join(words) or 'nothing'}"
            raise ValueError(message)
        tenant = self.tenant or DEFAULT_TENANT
        if self.tenant_claim:
            (tenant,) = _strings(claims, self.tenant_claim) or ("",)
        companies = self.companies
        if self.companies_claim:
            companies = tuple(_strings(claims, self.companies_claim))
        return msgspec.convert(
            {
                "tenant": tenant,
                "roles": roles,
                "companies": companies,
                "amount_limits": self._limits_of(roles),
            },
            Grant,
        )

    def _limits_of(self, roles: tuple[Role, ...]) -> dict[str, str] | None:
        """The widest limits among `roles`; none where one of them is not limited."""
        if self.amount_limits is None or not self.amount_limits.keys() >= set(roles):
            return None
        widest: dict[str, str] = {}
        for role in roles:
            for currency, text in self.amount_limits[role].items():
                best = widest.get(currency, "0")
                if minor_from_text(text, currency) >= minor_from_text(best, currency):
                    widest[currency] = text
        return widest


def caller_of(name: str, grant: Grant) -> Caller:
    """The caller that `grant` makes of `name`."""
    limits = grant.amount_limits
    return Caller(
        name=name,
        tenant=grant.tenant,
        roles=frozenset(grant.roles),
        companies=None if grant.companies is None else frozenset(grant.companies),
        amount_limits_minor=None
        if limits is None
        else {currency: minor_from_text(text, currency) for currency, text in limits.items()},
    )


def _strings(claims: dict[str, Any], claim: str) -> list[str]:
    """The strings of `claim`, a dotted path; a text of several words is a list as well."""
    value: Any = claims
    for part in [claim] if claim in claims else claim.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value.split()
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        message = f"claim {claim} holds no texts"
        raise ValueError(message)
    return value
