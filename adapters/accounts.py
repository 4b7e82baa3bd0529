"""Account determination as data: which account takes what, and on which day it is posted.

Read from TOML. A company's own table (`[companies.1100.accounts]`) comes before the one for all;
within a table of reasons the reason comes before `"*"`. What is missing is told when it is needed,
by the name of the key to add.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any, Final, Literal, TypeVar

import msgspec

from adapters.errors import AccountsError, PostingRefusedError

__all__ = [
    "Accounts",
    "ClosedDays",
    "CompanyTables",
    "Determination",
    "PostingRules",
    "Target",
    "Undecided",
    "posting_day",
    "read_determination",
]

_ANY_REASON: Final = "*"
_CLOSED_STEPS_MAX: Final = 1000
"""Closed ranges one posting date may jump over: more are a mistake in the table."""

SettingsType = TypeVar("SettingsType", bound=msgspec.Struct)


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account and what the ERP wants beside it.

    `cost_objects` are cost centre, profit centre, dimensions by the ERP's own names;
    `reason_code` is the ERP's code for why.
    """

    account: str
    cost_objects: dict[str, str] = {}
    reason_code: str = ""


class Accounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The accounts of one company, or of all.

    bank: the money's ledger account, `banks` by our own bank account; receivable: the control
    account of customers; suspense: money of payers nobody knows; discount: cash discounts;
    write_off and deduction: by reason; returned: what a return re-opens beyond its cash where the
    original is of an earlier run.
    """

    bank: str = ""
    banks: dict[str, str] = {}
    receivable: str = ""
    suspense: str | Target = ""
    discount: str | Target = ""
    returned: str | Target = ""
    write_off: dict[str, str | Target] = {}
    deduction: dict[str, str | Target] = {}


class ClosedDays(
    msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}, forbid_unknown_fields=True
):
    """Days of a closed period, both ends included."""

    first: dt.date
    last: dt.date


class PostingRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On which day payments are posted.

    `date` is the payment's `value_date` or `booking_date`; `day`, where given, is one for all.
    Days up to `closed_until` and those of `closed` take no posting: it goes to the next open day,
    or the payment is refused.
    """

    date: Literal["value_date", "booking_date"] = "value_date"
    day: dt.date | None = None
    closed_until: dt.date | None = None
    closed: tuple[ClosedDays, ...] = ()
    when_closed: Literal["next_open_day", "refuse"] = "next_open_day"


class Undecided(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of money nobody decided on: held back, or posted where it can wait.

    `unapplied` (the payer is known): `remainder` posts it as the customer's credit where the rest
    of the payment was decided, `on_account` always, `hold` never. `unidentified` and `suspense` may
    be posted to `accounts.suspense`.
    """

    unapplied: Literal["remainder", "on_account", "hold"] = "remainder"
    unidentified: Literal["suspense", "hold"] = "hold"
    suspense: Literal["suspense", "hold"] = "hold"


class CompanyTables(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a company has of its own; the rest is as for all."""

    accounts: Accounts = Accounts()
    posting: PostingRules | None = None
    settings: dict[str, Any] = {}


class Determination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Account determination of one ERP.

    `ledger` tells ledgers apart in the ids of documents (test and production); `settings` are what
    the adapter of the ERP documents as its own.
    """

    ledger: str = ""
    posting: PostingRules = PostingRules()
    undecided: Undecided = Undecided()
    accounts: Accounts = Accounts()
    settings: dict[str, Any] = {}
    companies: dict[str, CompanyTables] = {}

    def bank(self, company_id: str, bank_account: str) -> str:
        """Ledger account of our own `bank_account`."""
        for accounts in self._tables(company_id):
            found = accounts.banks.get(bank_account) or accounts.bank
            if found:
                return found
        message = (
            f"no ledger account is named for the bank account {bank_account!r} of company "
            f"{company_id!r}; add accounts.bank, or accounts.banks.{_quoted(bank_account)}"
        )
        raise PostingRefusedError(message)

    def receivable(self, company_id: str) -> str:
        """Control account of customers."""
        return self._single("receivable", company_id, "the control account of customers").account

    def suspense(self, company_id: str) -> Target:
        """Where money of unknown payers waits."""
        return self._single("suspense", company_id, "money of an unknown payer")

    def discount(self, company_id: str) -> Target:
        """Where cash discounts go."""
        return self._single("discount", company_id, "a cash discount")

    def returned(self, company_id: str) -> Target:
        """Where what a return re-opens beyond its cash comes from."""
        return self._single("returned", company_id, "discounts and write-offs a return re-opens")

    def write_off(self, company_id: str, reason: str) -> Target:
        """Where a write-off of this reason goes."""
        return self._by_reason("write_off", company_id, reason)

    def deduction(self, company_id: str, reason: str) -> Target:
        """Where a deduction of this reason waits for its settlement."""
        return self._by_reason("deduction", company_id, reason)

    def rules(self, company_id: str) -> PostingRules:
        """On which day payments of the company are posted."""
        own = self.companies.get(company_id)
        return self.posting if own is None or own.posting is None else own.posting

    def settings_of(self, company_id: str, kind: type[SettingsType]) -> SettingsType:
        """The adapter's settings for a company; raises `AccountsError`."""
        own = self.companies.get(company_id)
        table = self.settings | ({} if own is None else own.settings)
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            where = "settings" if own is None else f"settings, companies.{company_id}.settings"
            message = f"{where}: {error}"
            raise AccountsError(message) from None

    def _tables(self, company_id: str) -> tuple[Accounts, ...]:
        own = self.companies.get(company_id)
        return (self.accounts,) if own is None else (own.accounts, self.accounts)

    def _single(self, name: str, company_id: str, what: str) -> Target:
        for accounts in self._tables(company_id):
            found = getattr(accounts, name)
            if found:
                return found if isinstance(found, Target) else Target(account=found)
        message = (
            f"{what} needs an account, and none is named for company {company_id!r}; "
            f"add accounts.{name}"
        )
        raise PostingRefusedError(message)

    def _by_reason(self, name: str, company_id: str, reason: str) -> Target:
        for key in (reason, _ANY_REASON):
            for accounts in self._tables(company_id):
                found = getattr(accounts, name).get(key)
                if found:
                    return found if isinstance(found, Target) else Target(account=found)
        shown = name.replace("_", "-")
        message = (
            f"a {shown} for {reason or 'no stated reason'!r} needs an account, and none is named "
            f"for company {company_id!r}; add accounts.{name}.{_quoted(reason or _ANY_REASON)}"
        )
        raise PostingRefusedError(message)


def _quoted(key: str) -> str:
    return key if key.replace("_", "").isalnum() and key.isascii() else f'"{key}"'


def read_determination(content: str, name: str = "accounts") -> Determination:
    """The account determination in the TOML text `content`; raises `AccountsError`."""
    try:
        return msgspec.convert(tomllib.loads(content), Determination)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        message = f"{name}: {error}"
        raise AccountsError(message) from None


def posting_day(
    rules: PostingRules, value_date: dt.date | None, booking_date: dt.date | None
) -> dt.date:
    """The day a payment is posted on; raises `PostingRefusedError` where there is none."""
    first, second = value_date, booking_date
    if rules.date == "booking_date":
        first, second = second, first
    day = rules.day or first or second
    if day is None:
        message = "the payment has neither value date nor booking date; set posting.day"
        raise PostingRefusedError(message)
    open_day = _next_open(rules, day)
    if open_day != day and rules.when_closed == "refuse":
        message = (
            f"{day} lies in a closed period (the next open day is {open_day}); open the period, or "
            f'set posting.when_closed = "next_open_day"'
        )
        raise PostingRefusedError(message)
    return open_day


def _next_open(rules: PostingRules, day: dt.date) -> dt.date:
    if rules.closed_until is not None and day <= rules.closed_until:
        day = rules.closed_until + dt.timedelta(days=1)
    for _ in range(_CLOSED_STEPS_MAX):
        last = max((one.last for one in rules.closed if one.first <= day <= one.last), default=None)
        if last is None:
            return day
        day = last + dt.timedelta(days=1)
    message = "posting.closed leaves no open day; check the table"
    raise AccountsError(message)
