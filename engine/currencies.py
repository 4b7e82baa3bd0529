"""Currencies of ISO 4217, and one amount at a time: text and minor units, without arrays.

Exponents are those of the list of 2024-06-25 with later amendments. Where a bank uses another one,
its dialect says so; the code of this module knows only the standard.
"""

from __future__ import annotations

import re
from typing import Final

from engine.errors import MoneyError
from engine.limits import AMOUNT_MINOR_MAX

__all__ = ["CURRENCY_EXPONENTS", "amount_text", "exponent_of", "format_minor", "minor_from_text"]

_ZERO: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR: Final = "CLF UYW"
_TWO: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
    "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP "
    "LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR "
    "NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR "
    "ZMW ZWG"
)
_WITHDRAWN: Final = {
    0: "BEF ESP GRD ITL LUF PTE",
    2: "ATS CYP DEM EEK FIM FRF HRK IEP LTL LVL MTL NLG SIT SKK",
}

CURRENCY_EXPONENTS: Final[dict[str, int]] = {
    code: exponent
    for exponent, codes in ((0, _ZERO), (2, _TWO), (3, _THREE), (4, _FOUR), *_WITHDRAWN.items())
    for code in codes.split()
}
"""ISO 4217 code → number of decimal places of its minor unit.

Currencies that became the euro are among them: statements of before are read, too.
"""

_AMOUNT: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")


def exponent_of(currency: str) -> int:
    """Decimal places of `currency`; raises `MoneyError` where ISO 4217 does not know it."""
    try:
        return CURRENCY_EXPONENTS[currency]
    except KeyError:
        message = f"currency {currency!r} is no ISO 4217 code such as USD, EUR or JPY"
        raise MoneyError(message) from None


def minor_from_text(text: str, currency: str) -> int:
    """Minor units of `text`, decimal major units such as `1234.50`, exactly.

    Zeros beyond the exponent are accepted (`12.500` EUR); any other digit there raises
    `MoneyError`, as do thousands separators, exponents and amounts beyond `AMOUNT_MINOR_MAX`.
    """
    exponent = exponent_of(currency)
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or not (found[2] or found[3]):
        message = f"{text!r} is no amount: decimal text such as 1234.50 is expected"
        raise MoneyError(message)
    sign, whole, fraction = found[1], found[2] or "0", found[3] or ""
    if fraction[exponent:].strip("0"):
        message = f"{text!r} has more than the {exponent} decimal places of {currency}"
        raise MoneyError(message)
    minor = int(whole + fraction[:exponent].ljust(exponent, "0"))
    if minor > AMOUNT_MINOR_MAX:
        message = f"{text!r} is larger than any amount handled ({AMOUNT_MINOR_MAX} minor units)"
        raise MoneyError(message)
    return -minor if sign == "-" else minor


def format_minor(minor: int, currency: str) -> str:
    """`minor` as decimal text in major units: `-1234.50`, `500` (JPY)."""
    return amount_text(minor, exponent_of(currency))


def amount_text(minor: int, exponent: int) -> str:
    """As `format_minor`, of a currency with so many decimal places."""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"
