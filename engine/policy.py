"""The matching rules and tolerances: versioned data, checked when read.

`Policy` is one complete set of rules; `PolicyBook` adds the overrides of companies and of named
profiles (a customer's `policy` column names one). Amounts are decimal text in major units and mean
that many units of whatever currency the payment has.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from engine.errors import PolicyError
from engine.money import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "POLICY_VERSION",
    "Automation",
    "BankCharges",
    "Discount",
    "Learning",
    "Limit",
    "Overpayment",
    "Policy",
    "PolicyBook",
    "ShortPay",
    "Strategies",
    "Tolerance",
    "read_policy",
]

POLICY_VERSION = 1
"""Version of the policy's shape; results name it together with the policy's own content hash."""


def _decimal(name: str, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        message = f"{name} = {value!r} is no decimal number ≥ 0"
        raise PolicyError(message)
    return number


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section: an unknown key is an error that names its path."""


class Limit(_Rules, frozen=True, kw_only=True):
    """Both must hold: at most `amount` major units and at most `percent` of the item."""

    amount: str = "1.00"
    percent: str = "0.5"

    def __post_init__(self) -> None:
        """Refuse text that is no decimal number ≥ 0."""
        for name, value in (("amount", self.amount), ("percent", self.percent)):
            _decimal(name, value)

    def amount_minor(self, currency: str) -> int:
        """The amount in minor units of `currency`, rounded down."""
        exponent = CURRENCY_EXPONENTS.get(currency, 2)
        return int(Decimal(self.amount).scaleb(exponent))

    @property
    def parts_per_million(self) -> int:
        """The percentage as parts per million of the item, rounded down."""
        return int(Decimal(self.percent) * 10_000)


class Automation(_Rules, frozen=True, kw_only=True):
    """When a decision may be taken without a clerk."""

    wrong_budget: float = 0.0001
    mode: Literal["apply", "shadow"] = "apply"
    precision: Literal["ignore", "demote", "promote"] = "demote"

    def __post_init__(self) -> None:
        """Refuse a budget that is no probability."""
        if not 0 <= self.wrong_budget <= 1:
            message = f"automation.wrong_budget = {self.wrong_budget} is no probability (0 to 1)"
            raise PolicyError(message)


class Tolerance(_Rules, frozen=True, kw_only=True):
    """Differences written off: `under` when paid short, `over` when paid too much."""

    under: Limit = Limit()
    over: Limit = Limit()


class BankCharges(_Rules, frozen=True, kw_only=True):
    """Shortfalls explained as the fee of a bank on the way."""

    amount: str = "10.00"
    percent: str = "2.0"
    needs_reference: bool = True

    def limit(self) -> Limit:
        """Amount and percent as one limit."""
        return Limit(amount=self.amount, percent=self.percent)

    def __post_init__(self) -> None:
        """Refuse text that is no decimal number ≥ 0, and fees without a reference."""
        self.limit()
        if not self.needs_reference:
            message = (
                "bank_charges.needs_reference = false is not available: without a reference a "
                "shortfall proves nothing about the item"
            )
            raise PolicyError(message)


class Discount(_Rules, frozen=True, kw_only=True):
    """Cash discounts: earned until the discount date, in grace for some days after it."""

    grace_days: int = 0
    allow_unearned: bool = False

    def __post_init__(self) -> None:
        """Refuse a negative or absurd number of days."""
        if not 0 <= self.grace_days <= 366:
            message = f"discount.grace_days = {self.grace_days} is not between 0 and 366"
            raise PolicyError(message)


class ShortPay(_Rules, frozen=True, kw_only=True):
    """What happens to the remainder of a short-paid item."""

    book_deduction: bool = False


class Overpayment(_Rules, frozen=True, kw_only=True):
    """Where the surplus of a known payer goes."""

    known_payer: Literal["on_account", "unapplied", "refund"] = "on_account"


class Strategies(_Rules, frozen=True, kw_only=True):
    """Switches of strategies that can be right or wrong by a company's custom."""

    oldest_first: bool = False
    unique_amounts: Literal["propose", "apply"] = "propose"
    future_items: bool = False

    def __post_init__(self) -> None:
        """Refuse a strategy that does not exist yet, rather than ignore the wish."""
        if self.oldest_first:
            message = "strategies.oldest_first = true is not available yet"
            raise PolicyError(message)


class Learning(_Rules, frozen=True, kw_only=True):
    """How long learned facts about payers stay good, and when a suggestion becomes one."""

    confirmed_days: int = 540
    confirmations_min: int = 3

    def __post_init__(self) -> None:
        """Refuse numbers that would make nothing, or everything, a fact."""
        if not 1 <= self.confirmed_days <= 36_500:
            message = f"learning.confirmed_days = {self.confirmed_days} is not between 1 and 36500"
            raise PolicyError(message)
        if not 2 <= self.confirmations_min <= 1_000:
            message = (
                f"learning.confirmations_min = {self.confirmations_min} is not between 2 and 1000"
            )
            raise PolicyError(message)


class Policy(_Rules, frozen=True, kw_only=True):
    """One complete set of rules."""

    automation: Automation = Automation()
    tolerance: Tolerance = Tolerance()
    bank_charges: BankCharges = BankCharges()
    discount: Discount = Discount()
    short_pay: ShortPay = ShortPay()
    overpayment: Overpayment = Overpayment()
    strategies: Strategies = Strategies()
    learning: Learning = Learning()


class PolicyBook(_Rules, frozen=True, kw_only=True):
    """The rules of everyone: a default, per company, and profiles that customers name."""

    default: Policy = Policy()
    companies: dict[str, Policy] = {}
    profiles: dict[str, Policy] = {}

    def rules_of(self, company_id: str, profile: str) -> Policy:
        """The rules for a customer: its profile, else its company's, else the default."""
        return self.profiles.get(profile) or self.companies.get(company_id) or self.default


def read_policy(content: Mapping[str, Any]) -> PolicyBook:
    """The policy in `content` (parsed TOML); raises `PolicyError` that names the path at fault.

    Sections stand at the top level; `[company.ID.…]` and `[profile.NAME.…]` override single keys.
    """
    common = {name: value for name, value in content.items() if name not in ("company", "profile")}

    def merged(path: str, override: Mapping[str, Any]) -> Policy:
        return _convert(_merge(common, override), path)

    return PolicyBook(
        default=_convert(common, ""),
        companies={k: merged(f"company.{k}.", v) for k, v in content.get("company", {}).items()},
        profiles={k: merged(f"profile.{k}.", v) for k, v in content.get("profile", {}).items()},
    )


def _convert(content: Mapping[str, Any], path: str) -> Policy:
    try:
        return msgspec.convert(dict(content), Policy)
    except (msgspec.ValidationError, PolicyError) as error:
        message = f"policy: {path}{error}"
        raise PolicyError(message) from None


def _merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        inner = merged.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        merged[key] = _merge(inner, value) if both else value  # type: ignore[arg-type]  # dicts
    return merged
