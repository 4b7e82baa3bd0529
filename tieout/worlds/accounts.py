"""Bank account numbers of payers with valid check digits, at banks that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tieout.worlds.dice import Dice

__all__ = ["account_number", "creditor_reference", "iban", "routing_number"]

_DUTCH_BANKS: Final = ("POLD", "NOVB", "DELT", "MEIJ")


def _letters_as_numbers(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text))


def iban(country: str, account: str) -> str:
    """The IBAN of `account` (the country's own part) with its ISO 7064 check digits."""
    return f"{country}{98 - _letters_as_numbers(f'{account}{country}00') % 97:02d}{account}"


def creditor_reference(reference: str) -> str:
    """The ISO 11649 creditor reference (`RF…`) of `reference`, letters and digits only."""
    return f"RF{98 - _letters_as_numbers(f'{reference}RF00') % 97:02d}{reference}"


def routing_number(stem: int) -> str:
    """A nine-digit US routing number whose first eight digits are `stem`."""
    digits = [int(digit) for digit in f"{stem:08d}"]
    weighted = sum(
        weight * digit for weight, digit in zip((3, 7, 1, 3, 7, 1, 3, 7), digits, strict=True)
    )
    return f"{stem:08d}{-weighted % 10}"


def account_number(dice: Dice, country: str) -> str:
    """A new account: an IBAN, or `routing/account` in the United States."""
    if country == "US":
        routing = routing_number(12_990_000 + dice.below(900))
        return f"{routing}/{dice.digits(dice.between(8, 10))}"
    if country == "NL" or (country == "DE" and dice.chance(0.08)):
        return iban("NL", f"{dice.pick(_DUTCH_BANKS)}0{dice.digits(9)}")
    if dice.chance(0.06):
        return iban("AT", f"{99_000 + dice.below(700):05d}{dice.digits(11)}")
    return iban("DE", f"{99_070_000 + dice.below(900):08d}{dice.digits(10)}")
