"""Payments in another currency, by declared rules: rates by pair and date, the bank's amount."""

from __future__ import annotations

import datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import msgspec

from engine.errors import PolicyError

__all__ = ["Exchange", "ExchangeRate"]

_DAYS_MAX = 366


class ExchangeRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One unit of `paid_in` is `rate` units of `items_in`, from the day `on`."""

    paid_in: str
    items_in: str
    rate: str
    on: datetime.date

    def __post_init__(self) -> None:
        """Refuse a rate that is no decimal number above 0, and a pair of one currency."""
        if self.paid_in == self.items_in:
            message = f"a rate of {self.paid_in} to itself"
            raise PolicyError(message)
        if self.value <= 0:
            message = f"rate = {self.rate!r} is no decimal number above 0"
            raise PolicyError(message)

    @property
    def value(self) -> Fraction:
        """The rate, exactly; 0 where it is no number."""
        try:
            number = Decimal(self.rate)
        except InvalidOperation:
            return Fraction(0)
        return Fraction(number) if number.is_finite() else Fraction(0)


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a payment may settle items of another currency that it names.

    bank_amount: what the bank says the payer instructed, in the items' currency, is what is paid.
    rates: else the items named must be worth the payment at a declared rate, `tolerance_percent`
    more or less; a rate holds for `valid_days` days, or until the next one of its pair.
    """

    bank_amount: bool = False
    tolerance_percent: str = "0.5"
    valid_days: int = 7
    rates: tuple[ExchangeRate, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a tolerance that is no percentage, days out of range, two rates of one day."""
        try:
            percent = Decimal(self.tolerance_percent)
        except InvalidOperation:
            percent = Decimal(-1)
        if not (percent.is_finite() and 0 <= percent < 100):
            message = f"tolerance_percent = {self.tolerance_percent!r} is no percentage below 100"
            raise PolicyError(message)
        if not 0 <= self.valid_days <= _DAYS_MAX:
            message = f"valid_days = {self.valid_days} is not between 0 and {_DAYS_MAX}"
            raise PolicyError(message)
        keys = [(one.paid_in, one.items_in, one.on) for one in self.rates]
        if len(set(keys)) < len(keys):
            message = "two rates of one pair on one day"
            raise PolicyError(message)

    @property
    def tolerance(self) -> Fraction:
        """Greatest distance from the declared rate, as a share."""
        return Fraction(Decimal(self.tolerance_percent)) / 100

    def rate(self, paid_in: str, items_in: str, day: datetime.date) -> Fraction | None:
        """Units of `items_in` per unit of `paid_in` on `day`: as declared, or the declared opposite
        turned round; None where nothing declared holds.
        """
        straight = self._latest(paid_in, items_in, day)
        if straight is not None:
            return straight
        opposite = self._latest(items_in, paid_in, day)
        return None if opposite is None else 1 / opposite

    def _latest(self, paid_in: str, items_in: str, day: datetime.date) -> Fraction | None:
        known = [
            one
            for one in self.rates
            if (one.paid_in, one.items_in) == (paid_in, items_in)
            and one.on <= day <= one.on + datetime.timedelta(days=self.valid_days)
        ]
        return max(known, key=lambda one: one.on).value if known else None
