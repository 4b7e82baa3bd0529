"""Who may do what, and up to which amount: data that an operator writes, and its shipped default.

A role has *permissions* (yes or no) and *grants*: for each power the amount up to which it may be
used alone, and the amount up to which what others prepared may be approved. Whoever may work may
prepare anything; what exceeds the authority alone waits for a second person. Amounts are decimal
text in major units or `unlimited`; `scale` says how many units of a currency stand for one.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from desk.cases import Power
from engine.errors import PolicyError
from engine.policy import minor_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from desk.facts import Actor

__all__ = [
    "DEFAULT_AUTHORITY",
    "UNLIMITED",
    "Authority",
    "Grant",
    "Permission",
    "RoleAuthority",
    "read_authority",
]

UNLIMITED: Final = "unlimited"

Permission = Literal["work", "comment", "assign_others", "take_over", "deliver"]
"""work: claim, pick, decide, park, undo; comment: notes; deliver: speak for the ledger and for
events."""


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to which amount a power may be used alone, and approved for others."""

    alone: str = "0"
    approve: str = "0"

    def __post_init__(self) -> None:
        """Refuse text that is no amount."""
        for text in (self.alone, self.approve):
            _check_amount(text)


class RoleAuthority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one role may do."""

    permissions: tuple[Permission, ...] = ()
    grants: dict[Power, Grant] = {}


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every role may do. `lease_seconds_max` and `park_days_max` bound leases and parking;
    below `confidence_floor_bps` of 10,000 a proposal is accepted against the engine's advice.
    """

    roles: dict[str, RoleAuthority] = {}
    scale: dict[str, str] = {}
    lease_seconds_max: int = 900
    park_days_max: int = 60
    confidence_floor_bps: int = 3_000

    def __post_init__(self) -> None:
        """Refuse factors and bounds that are out of range."""
        for text in self.scale.values():
            _check_amount(text)
        for name, low, high in (
            ("lease_seconds_max", 10, 86_400),
            ("park_days_max", 1, 366),
            ("confidence_floor_bps", 0, 10_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                message = f"{name} = {value} is not between {low} and {high}"
                raise PolicyError(message)

    def permits(self, actor: Actor, permission: Permission) -> bool:
        """Whether one of the actor's roles has `permission`."""
        return any(permission in self._role(name).permissions for name in actor.roles)

    def alone_minor(self, actor: Actor, power: Power, currency: str) -> int | None:
        """Up to how much the actor may use `power` alone; None: any amount."""
        return self._ceiling(actor, currency, [grant.alone for grant in self._grants(actor, power)])

    def approve_minor(self, actor: Actor, power: Power, currency: str) -> int | None:
        """Up to how much the actor may approve `power` of others; None: any amount."""
        return self._ceiling(
            actor, currency, [grant.approve for grant in self._grants(actor, power)]
        )

    def _role(self, name: str) -> RoleAuthority:
        return self.roles.get(name, RoleAuthority())

    def _grants(self, actor: Actor, power: Power) -> list[Grant]:
        return [self._role(name).grants.get(power, Grant()) for name in actor.roles]

    def _ceiling(self, actor: Actor, currency: str, amounts: list[str]) -> int | None:
        """The greatest of `amounts`, but never more than the actor's own limit."""
        found = [self._minor(text, currency) for text in amounts]
        ceiling = (
            None if None in found else max((one for one in found if one is not None), default=0)
        )
        if actor.amount_limits_minor is None:
            return ceiling
        own = actor.amount_limits_minor.get(currency, 0)
        return own if ceiling is None else min(ceiling, own)

    def _minor(self, text: str, currency: str) -> int | None:
        if text == UNLIMITED:
            return None
        scaled = Decimal(text) * Decimal(self.scale.get(currency, "1"))
        return minor_units(str(scaled), currency)


def read_authority(content: Mapping[str, Any]) -> Authority:
    """Authority out of a table of `tieout.toml`: the default, role by role and power by power
    replaced by what `content` says; raises `PolicyError` with the path of what is wrong.
    """
    merged = _merge(msgspec.to_builtins(DEFAULT_AUTHORITY), content)
    try:
        return msgspec.convert(merged, Authority)
    except msgspec.ValidationError as error:
        message = f"authority: {error}"
        raise PolicyError(message) from error


def _merge(base: Any, override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in override.items():
        inner = merged.get(name)
        both = isinstance(inner, dict) and isinstance(value, dict)
        merged[name] = _merge(inner, value) if both else value
    return merged


def _check_amount(text: str) -> None:
    if text == UNLIMITED:
        return
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        message = f"{text!r} is no decimal number ≥ 0 and not {UNLIMITED!r}"
        raise PolicyError(message)


_EVERY_POWER: Final[tuple[Power, ...]] = get_args(Power)

_CLERK: Final[dict[Power, Grant]] = {
    "apply": Grant(UNLIMITED),
    "write_off": Grant("10.00"),
    "late_discount": Grant("25.00"),
    "deduction": Grant(UNLIMITED),
    "on_account": Grant(UNLIMITED),
    "non_ar": Grant("1000.00"),
    "undo_posted": Grant("1000.00"),
    "learn_fact": Grant("10000.00"),
}

_APPROVER: Final = dict.fromkeys(_EVERY_POWER, Grant("0", UNLIMITED)) | {
    power: Grant(grant.alone, UNLIMITED) for power, grant in _CLERK.items()
}

DEFAULT_AUTHORITY: Final = Authority(
    roles={
        "clerk": RoleAuthority(("work", "comment"), _CLERK),
        "approver": RoleAuthority(("work", "comment", "assign_others", "take_over"), _APPROVER),
        "admin": RoleAuthority(
            ("work", "comment", "assign_others", "take_over", "deliver"), _APPROVER
        ),
        "submitter": RoleAuthority(("deliver",)),
        "system": RoleAuthority(("deliver",)),
    }
)
"""What ships: clerks work, approvers are needed for refunds, other customers' items, what the
engine advises against, and what is large. Nobody, not even an admin, approves what they prepared.
"""
