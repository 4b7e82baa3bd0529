"""How a bank writes amounts, where it does not follow ISO 4217: named dialects, as data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from engine.batches import BankAccountBatch

__all__ = ["BAI2_DIALECTS", "Bai2Dialect", "dialects_of_accounts"]

_PREFIX: Final = "bai2."


class Bai2Dialect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decimals of amounts: `decimals` for every currency, or of `currencies` alone."""

    about: str
    decimals: int | None = None
    currencies: dict[str, int] = {}  # msgspec copies mutable defaults

    def decimals_of(self, currency: str, exponent: int) -> int:
        """Decimals of amounts in `currency`, whose ISO 4217 exponent is `exponent`."""
        usual = exponent if self.decimals is None else self.decimals
        return self.currencies.get(currency, usual)


BAI2_DIALECTS: Final[dict[str, Bai2Dialect]] = msgspec.convert(
    tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")),
    dict[str, Bai2Dialect],
)
"""Dialects by name (`bai2.variant.version`)."""


def dialects_of_accounts(bank_accounts: BankAccountBatch) -> dict[tuple[str, str], str]:
    """(our account, currency or empty) → the name of its dialect, known or not."""
    names = ("bank_account", "currency", "layout")
    columns = (bank_accounts.strings(name) for name in names)
    return {
        (account, currency): layout
        for account, currency, layout in zip(*columns, strict=True)
        if layout.startswith(_PREFIX)
    }
