"""The matching rules and tolerances: versioned data, checked when read.

`Policy` is one complete set of rules; `PolicyBook` adds what companies, segments (a customer's
`policy` column names its profile) and single customers state instead. The more specific level wins,
except where an AR department expects the tighter one to: of the limits several levels state, the
smallest holds (`TIGHTEST`). Amounts are decimal text in major units and mean that many units of
whatever currency the payment has.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from engine.errors import PolicyError
from engine.money import CURRENCY_EXPONENTS
from engine.policy_exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "POLICY_VERSION",
    "TIGHTEST",
    "Automation",
    "BankCharges",
    "CompanyPair",
    "Discount",
    "Intercompany",
    "Learning",
    "Level",
    "Limit",
    "Overpayment",
    "Payer",
    "Policy",
    "PolicyBook",
    "Processor",
    "Rates",
    "Rounding",
    "ShortPay",
    "Strategies",
    "ThirdParty",
    "Tolerance",
    "minor_units",
    "read_policy",
]

POLICY_VERSION = 2
"""Version of the policy's shape; results name it together with the policy's own content hash."""

TIGHTEST: Final = (
    "automation.wrong_budget",
    "automation.amount_limit",
    "automation.write_off_limit",
    "automation.discount_limit",
    "automation.hold",
    "tolerance.under.amount",
    "tolerance.under.percent",
    "tolerance.over.amount",
    "tolerance.over.percent",
    "tolerance.payment_amount",
    "bank_charges.amount",
    "bank_charges.percent",
)
"""Keys of which the tightest holds among company, segment and customer; the default speaks only
where none of them does."""

_Kind = TypeVar("_Kind")
_DAYS_MAX = 366
_DECLARED = ("third_party", "processor", "intercompany", "exchange")
_SCOPES = ("company", "profile", "customer", *_DECLARED)


def _decimal(name: str, value: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(-1)
    if not number.is_finite() or number < 0:
        message = f"{name} = {value!r} is no decimal number ≥ 0"
        raise PolicyError(message)
    return number


def minor_units(amount: str, currency: str) -> int:
    """Decimal text in major units as minor units of `currency`, rounded down."""
    return int(Decimal(amount).scaleb(CURRENCY_EXPONENTS.get(currency, 2)))


def _days(name: str, value: int) -> None:
    if not 0 <= value <= _DAYS_MAX:
        message = f"{name} = {value} is not between 0 and {_DAYS_MAX}"
        raise PolicyError(message)


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
        return minor_units(self.amount, currency)

    @property
    def parts_per_million(self) -> int:
        """The percentage as parts per million of the item, rounded down."""
        return int(Decimal(self.percent) * 10_000)


class Automation(_Rules, frozen=True, kw_only=True):
    """When a decision may be taken without a clerk.

    Payments above `amount_limit` (none where empty) wait for approval, and so do those on which
    more than `write_off_limit` would be written off or deducted, or more than `discount_limit`
    granted as discount; customers on `hold` are handled by hand, and nothing goes through alone
    against open items that are more than `stale_days` older than the as-of date (0: whatever their
    age).
    """

    wrong_budget: float = 0.0001
    mode: Literal["apply", "shadow"] = "apply"
    precision: Literal["ignore", "demote", "promote"] = "demote"
    amount_limit: str = ""
    write_off_limit: str = ""
    discount_limit: str = ""
    hold: bool = False
    stale_days: int = 0

    def __post_init__(self) -> None:
        """Refuse a budget that is no probability, a limit that is no amount, days out of range."""
        if not 0 <= self.wrong_budget <= 1:
            message = f"automation.wrong_budget = {self.wrong_budget} is no probability (0 to 1)"
            raise PolicyError(message)
        for name in ("amount_limit", "write_off_limit", "discount_limit"):
            if getattr(self, name):
                _decimal(f"automation.{name}", getattr(self, name))
        _days("automation.stale_days", self.stale_days)


class Tolerance(_Rules, frozen=True, kw_only=True):
    """Differences written off: `under` when paid short, `over` when paid too much.

    `payment_amount` caps what all items of one payment together may be off; empty: as much as one
    of them may.
    """

    under: Limit = Limit()
    over: Limit = Limit()
    payment_amount: str = ""

    def __post_init__(self) -> None:
        """Refuse text that is no decimal number ≥ 0."""
        if self.payment_amount:
            _decimal("tolerance.payment_amount", self.payment_amount)


class BankCharges(_Rules, frozen=True, kw_only=True):
    """Shortfalls explained as the fee of a bank on the way.

    `schedule` lists fees known to the cent, in major units. With `needs_reference` a fee is seen
    only on items the payer names; without it, a fee known to the cent also on one found by amount.
    """

    amount: str = "10.00"
    percent: str = "2.0"
    needs_reference: bool = True
    schedule: tuple[str, ...] = ()

    def limit(self) -> Limit:
        """Amount and percent as one limit."""
        return Limit(amount=self.amount, percent=self.percent)

    def __post_init__(self) -> None:
        """Refuse text that is no decimal number ≥ 0."""
        self.limit()
        for fee in self.schedule:
            _decimal("bank_charges.schedule", fee)


class Rates(_Rules, frozen=True, kw_only=True):
    """Rates, in percent, at which payers keep something back (a tax, a withholding).

    A shortfall of exactly such a share is told from others; with `book` it closes the item as a
    deduction, otherwise the rest stays open.
    """

    rates: tuple[str, ...] = ()
    book: bool = False

    def __post_init__(self) -> None:
        """Refuse rates that are no percentages below 100."""
        for rate in self.rates:
            if not 0 < _decimal("rates", rate) < 100:
                message = f"rates = {rate!r} is no percentage between 0 and 100"
                raise PolicyError(message)

    @property
    def parts_per_million(self) -> tuple[int, ...]:
        """The rates as parts per million, rounded down."""
        return tuple(int(Decimal(rate) * 10_000) for rate in self.rates)


class Rounding(_Rules, frozen=True, kw_only=True):
    """Payers who round what they pay: to the nearest `step` major units (0: nobody rounds)."""

    step: str = "0"

    def __post_init__(self) -> None:
        """Refuse text that is no decimal number ≥ 0."""
        _decimal("rounding.step", self.step)


class Discount(_Rules, frozen=True, kw_only=True):
    """Cash discounts: earned until the discount date, in grace for some days after it."""

    grace_days: int = 0
    allow_unearned: bool = False

    def __post_init__(self) -> None:
        """Refuse a negative or absurd number of days."""
        _days("discount.grace_days", self.grace_days)


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
    tax: Rates = Rates()
    withholding: Rates = Rates()
    rounding: Rounding = Rounding()
    discount: Discount = Discount()
    short_pay: ShortPay = ShortPay()
    overpayment: Overpayment = Overpayment()
    strategies: Strategies = Strategies()
    learning: Learning = Learning()


class Payer(_Rules, frozen=True, kw_only=True):
    """Somebody who pays, told by whole name, bank account or customer id; any of them suffices."""

    name: str = ""
    account: str = ""
    customer: str = ""

    def __post_init__(self) -> None:
        """Refuse a payer nobody could recognise."""
        if not (self.name or self.account or self.customer):
            message = "a payer needs a name, an account or a customer"
            raise PolicyError(message)


class ThirdParty(Payer, frozen=True, kw_only=True):
    """A payer who may settle items of the customers `pays_for` (ids; `*` is everybody)."""

    pays_for: tuple[str, ...]


class Processor(Payer, frozen=True, kw_only=True):
    """A payment processor whose payouts are net of its fee on each item: a share of it, and a
    fixed amount in major units.
    """

    fee_percent: str = "0"
    fee_fixed: str = "0"

    def __post_init__(self) -> None:
        """Refuse a processor nobody could recognise, and fees that are no decimal numbers."""
        super().__post_init__()
        _decimal("processor.fee_percent", self.fee_percent)
        _decimal("processor.fee_fixed", self.fee_fixed)

    @property
    def parts_per_million(self) -> int:
        """The share as parts per million of an item, rounded down."""
        return int(Decimal(self.fee_percent) * 10_000)


class CompanyPair(_Rules, frozen=True, kw_only=True):
    """Payments into an account of one company may settle items of another."""

    account_of: str
    items_of: str


class Intercompany(_Rules, frozen=True, kw_only=True):
    """Which companies collect for which."""

    pairs: tuple[CompanyPair, ...] = ()


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """What a company, a segment or a customer states, and nothing else: nested keys as written."""

    stated: dict[str, Any] = {}


class PolicyBook(_Rules, frozen=True, kw_only=True):
    """The rules of everyone: a default, and the levels that state something else.

    A customer's key is its id, or `COMPANY/ID` where the rules are those of one company.
    """

    default: Policy = Policy()
    companies: dict[str, Level] = {}
    profiles: dict[str, Level] = {}
    customers: dict[str, Level] = {}
    third_parties: tuple[ThirdParty, ...] = ()
    processors: tuple[Processor, ...] = ()
    intercompany: Intercompany = Intercompany()
    exchange: Exchange = Exchange()

    def sisters(self) -> frozenset[tuple[str, str]]:
        """Pairs of companies: payments into an account of the first may settle the second's."""
        return frozenset((pair.account_of, pair.items_of) for pair in self.intercompany.pairs)

    def relations(self) -> bool:
        """Whether any payer is declared."""
        return bool(self.third_parties or self.processors)

    def rules_of(self, company_id: str, profile: str, customer_id: str = "") -> Policy:
        """The rules for a customer: default, company, profile, customer, the later the stronger;
        of the limits of `TIGHTEST` the smallest that one of the levels states.
        """
        levels = (
            self.companies.get(company_id),
            self.profiles.get(profile),
            self.customers.get(customer_id) if customer_id else None,
            self.customers.get(f"{company_id}/{customer_id}") if customer_id else None,
        )
        stated = [level.stated for level in levels if level is not None]
        if not stated:
            return self.default
        content: dict[str, Any] = msgspec.to_builtins(self.default)
        for one in stated:
            content = _merge(content, one)
        for path in TIGHTEST:
            _tighten(content, path.split("."), stated)
        return _convert(content, "")


def read_policy(content: Mapping[str, Any]) -> PolicyBook:
    """The policy in `content` (parsed TOML); raises `PolicyError` that names the path at fault.

    Sections stand at the top level; `[company.ID.…]`, `[profile.NAME.…]`, `[customer.ID.…]` and
    `[company.ID.customer.ID.…]` override single keys.
    """
    common = {name: value for name, value in content.items() if name not in _SCOPES}
    default = _convert(common, "")

    def level(path: str, override: Mapping[str, Any]) -> Level:
        _convert(_merge(common, override), path)
        return Level(stated=_copied(override))

    companies: dict[str, Level] = {}
    customers = {k: level(f"customer.{k}.", v) for k, v in content.get("customer", {}).items()}
    for company, override in content.get("company", {}).items():
        own = {name: value for name, value in override.items() if name != "customer"}
        companies[company] = level(f"company.{company}.", own)
        for customer, stated in override.get("customer", {}).items():
            path = f"company.{company}.customer.{customer}."
            customers[f"{company}/{customer}"] = level(path, stated)
    return PolicyBook(
        default=default,
        companies=companies,
        profiles={k: level(f"profile.{k}.", v) for k, v in content.get("profile", {}).items()},
        customers=customers,
        third_parties=_declared(content, "third_party", tuple[ThirdParty, ...], ()),
        processors=_declared(content, "processor", tuple[Processor, ...], ()),
        intercompany=_declared(content, "intercompany", Intercompany, {}),
        exchange=_declared(content, "exchange", Exchange, {}),
    )


def _declared(content: Mapping[str, Any], name: str, kind: type[_Kind], nothing: Any) -> _Kind:
    try:
        return msgspec.convert(content.get(name, nothing), kind)
    except (msgspec.ValidationError, PolicyError) as error:
        message = f"policy: {name}: {error}"
        raise PolicyError(message) from None


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


def _copied(content: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables copied, so that nobody changes a book by changing what it was read from."""
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in content.items()}


def _tighten(content: dict[str, Any], path: list[str], stated: list[dict[str, Any]]) -> None:
    """Put the tightest of what several levels state about `path` into `content`."""
    *above, key = path
    values = []
    for one in stated:
        place: Any = one
        for part in above:
            place = place.get(part, {})
        if place.get(key, "") != "":
            values.append(place[key])
    if not values:
        return
    place = content
    for part in above:
        place = place[part]
    if isinstance(values[0], bool):
        place[key] = any(values)
    else:
        place[key] = min(values, key=lambda value: Decimal(str(value)))
