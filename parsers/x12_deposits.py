"""Deposits and batches of an EDI 823: whose lockbox, when, and what they declare.

DEP lockbox, date, account    AMT total   QTY number of checks or of batches
  BAT batch                   AMT or AVA total   QTY
    BPR check …
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.money import CURRENCY_EXPONENTS
from parsers.bai2_fields import read_date
from parsers.x12_orders import DEFAULT_CURRENCY
from parsers.x12_remittance import decimal_minor

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from engine.batches import BankAccountBatch
    from parsers.x12_journal import Journal, Place
    from parsers.x12_rows import Closed

__all__ = ["Deposits", "OurAccounts"]

_TOTALS: Final = ("AMT", "AVA", "QTY")


class OurAccounts:
    """What our bank accounts say about the accounts and lockboxes a file names."""

    def __init__(self, bank_accounts: BankAccountBatch) -> None:
        """Look accounts and lockboxes up in `bank_accounts`."""
        self._currencies: dict[str, str] = {}
        names = ("bank_account", "lockbox", "currency")
        columns = [bank_accounts.strings(name) for name in names]
        for account, lockbox, currency in zip(*columns, strict=True):
            for name in (account, lockbox, lockbox.lstrip("0")):
                if name:
                    self._currencies.setdefault(name, currency)

    @property
    def are_in_dollars(self) -> bool:
        """Whether no account has another currency than US dollars."""
        return not {*self._currencies.values()} - {"", DEFAULT_CURRENCY}

    def currency(self, account: str) -> str:
        """Currency of an account or lockbox, US dollars where nobody says."""
        known = self._currencies.get(account) or self._currencies.get(account.lstrip("0"))
        return known if known in CURRENCY_EXPONENTS else DEFAULT_CURRENCY

    def choose(self, lockbox: str, account: str) -> str:
        """By which of its numbers we know a lockbox: its own, else its account's."""
        for known in (lockbox, lockbox.lstrip("0")):
            if known in self._currencies:
                return known
        return account if account in self._currencies else lockbox or account


class _Total(msgspec.Struct):
    """A deposit or batch: what it declares and what its checks give."""

    scope: str
    place: Place
    amounts: list[str] = []  # msgspec copies mutable defaults
    available: list[str] = []  # msgspec copies mutable defaults
    quantities: list[str] = []  # msgspec copies mutable defaults
    exponent: int = 2
    sum: int = 0
    checks: int = 0
    batches: int = 0


class Deposits:
    """The open deposit and batch of an 823."""

    def __init__(self, journal: Journal[Closed], accounts: OurAccounts) -> None:
        """Check totals into `journal`."""
        self._journal = journal
        self._accounts = accounts
        self._deposit: _Total | None = None
        self._batch: _Total | None = None
        self._is_between = False
        self.account = ""
        self.deposited: dt.date | None = None

    def open_deposit(self, elements: Sequence[str], place: Place) -> None:
        """DEP."""
        self.finish()
        lockbox, date, _, number, _, _, _, account = (*elements[1:9], *[""] * 8)[:8]
        self.account = self._accounts.choose(lockbox, account)
        self.deposited = read_date(date)
        if self.deposited is None:
            message = f"deposit date {date!r} of lockbox {lockbox} is no date"
            self._journal.say("EDI-DATE", message, place, value=date, expected="CCYYMMDD")
        self._deposit = _Total(f"deposit {number}".rstrip() + f" of lockbox {lockbox}", place)
        self._is_between = True

    def open_batch(self, elements: Sequence[str], place: Place) -> None:
        """BAT."""
        self._close(self._batch)
        number = elements[3] if len(elements) > 3 else ""
        of = f" of {self._deposit.scope}" if self._deposit is not None else ""
        self._batch = _Total(f"batch {number}".rstrip() + of, place)
        if self._deposit is not None:
            self._deposit.batches += 1
        self._is_between = True

    def read(self, elements: Sequence[str]) -> None:
        """AMT, AVA or QTY between a DEP or BAT and its first check; others are a check's."""
        level = self._batch or self._deposit
        name, first, second = (*elements, "", "")[:3]
        value = first if name == "AVA" else second
        if self._is_between and level is not None and name in _TOTALS:
            kept = (level.amounts, level.available, level.quantities)[_TOTALS.index(name)]
            kept.append(value)

    def begin_check(self) -> None:
        """BPR: what follows is the check's."""
        self._is_between = False

    def add_check(self, amount: int | None, exponent: int) -> None:
        """A check of the open batch and deposit has been read."""
        for level in (self._batch, self._deposit):
            if level is not None:
                level.exponent = exponent
                level.checks += 1
                level.sum += amount or 0

    def finish(self) -> None:
        """The open batch and deposit are over."""
        self._close(self._batch)
        self._close(self._deposit)
        self._batch = self._deposit = None
        self.account, self.deposited = "", None

    def _close(self, level: _Total | None) -> None:
        if level is None:
            return
        self._batch = None
        for token in level.amounts[:1]:
            self._check_sum(level, token, decimal_minor(token, level.exponent))
        if level.available and not level.amounts:
            parts = [decimal_minor(token, level.exponent) for token in level.available]
            known = None if None in parts else sum(part or 0 for part in parts)
            self._check_sum(level, " + ".join(level.available), known)
        for token in level.quantities:
            self._check_quantity(level, token)

    def _check_sum(self, level: _Total, token: str, declared: int | None) -> None:
        ok = declared == level.sum
        self._journal.check(
            scope=level.scope,
            kind="sum",
            declared=token if declared is None else declared,
            computed=level.sum,
            ok=ok,
        )
        if not ok:
            message = f"{level.scope} declares {token}, its checks give {level.sum} minor units"
            self._journal.hold("FILE-TOTAL", message, level.place, expected=str(level.sum))

    def _check_quantity(self, level: _Total, token: str) -> None:
        """A quantity counts checks or batches: its qualifier does not always say which."""
        declared = decimal_minor(token, 0)
        rules = [("checks", level.checks), ("batches", level.batches)]
        rule, computed = next(((n, c) for n, c in rules if c == declared), ("", level.checks))
        self._journal.check(
            scope=level.scope,
            kind="quantity",
            declared=token,
            computed=computed,
            ok=bool(rule),
            rule=rule,
        )
        if not rule:
            message = f"{level.scope} declares {token} checks or batches, there are {level.checks}"
            message += f" checks in {level.batches} batches"
            self._journal.hold("FILE-COUNT", message, level.place, expected=str(level.checks))
