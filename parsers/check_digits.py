"""Check digits of creditor references: RF, QRR/ISR, OGM, KID, and the Nordic and Baltic ones.

`judge_reference` picks the rule by the stated type, the reference's own shape and the country of
our account, and says whether the digits hold; None where no rule applies.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = [
    "ReferenceJudgement",
    "judge_reference",
    "luhn_holds",
    "mod_10_recursive_holds",
    "mod_11_holds",
    "ogm_holds",
    "rf_holds",
    "weights_731_hold",
]

_CARRY: Final = (0, 9, 4, 6, 8, 2, 7, 1, 3, 5)
_RF: Final = re.compile(r"RF\d\d[0-9A-Z]{1,21}")
_OGM: Final = re.compile(r"(?:\+{3}|\*{3})?\d{3}/?\d{4}/?\d{5}(?:\+{3}|\*{3})?")
_SWISS: Final = re.compile(r"\d{27}|\d{16}")


class ReferenceJudgement(msgspec.Struct, frozen=True):
    """The scheme whose rule was applied (`RF`, `QRR`, `OGM`, …) and whether it holds."""

    scheme: str
    holds: bool


def judge_reference(
    reference: str, *, type_code: str = "", issuer: str = "", country: str = ""
) -> ReferenceJudgement | None:
    """Apply the rule that fits; None where no rule is known for such a reference.

    `type_code` is the reference's stated type, `country` the first two letters of our IBAN.
    """
    compact = reference.replace(" ", "").upper()
    stated = type_code.upper()
    if _RF.fullmatch(compact):
        return ReferenceJudgement("RF", rf_holds(compact))
    if stated in {"QRR", "ISR", "ISR REFERENCE"} or (
        country in {"CH", "LI"} and _SWISS.fullmatch(compact)
    ):
        return ReferenceJudgement("QRR", mod_10_recursive_holds(compact))
    if stated == "OGM" or (
        (country == "BE" or issuer.upper() == "BBA" or compact[:3] in {"+++", "***"})
        and _OGM.fullmatch(compact)
    ):
        return ReferenceJudgement("OGM", ogm_holds(compact))
    return _judge_northern(compact, country)


def _judge_northern(compact: str, country: str) -> ReferenceJudgement | None:
    digits = compact.removesuffix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) < 2:
        return None
    if country == "NO":
        return ReferenceJudgement("KID", luhn_holds(compact) or mod_11_holds(compact))
    if country in {"FI", "EE"}:
        return ReferenceJudgement("731", weights_731_hold(compact))
    if country in {"SE", "DK"}:
        return ReferenceJudgement("OCR", luhn_holds(compact))
    return None


def rf_holds(reference: str) -> bool:
    """ISO 11649: letters as 10…35, the first four characters moved behind, remainder 1 by 97."""
    if not _RF.fullmatch(reference):
        return False
    moved = reference[4:] + reference[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def mod_10_recursive_holds(reference: str) -> bool:
    """Swiss payment slips and QR references: recursive modulo 10, the last digit checks."""
    if len(reference) < 2 or not (reference.isascii() and reference.isdigit()):
        return False
    carry = 0
    for digit in reference[:-1]:
        carry = _CARRY[(carry + int(digit)) % 10]
    return (10 - carry) % 10 == int(reference[-1])


def ogm_holds(reference: str) -> bool:
    """Belgian structured communication: ten digits by 97, a remainder of 0 written as 97."""
    digits = re.sub(r"\D", "", reference)
    return len(digits) == 12 and (int(digits[:10]) % 97 or 97) == int(digits[10:])


def luhn_holds(reference: str) -> bool:
    """Modulo 10 with weights 2, 1 from the right (KID, OCR)."""
    if len(reference) < 2 or not (reference.isascii() and reference.isdigit()):
        return False
    total = 0
    for place, digit in enumerate(reversed(reference)):
        total += sum(divmod(int(digit) * (1 + place % 2), 10))
    return total % 10 == 0


def mod_11_holds(reference: str) -> bool:
    """Modulo 11 with weights 2…7 from the right; a check value of 10 is written `-` (KID)."""
    body, check = reference[:-1], reference[-1:]
    if not (body.isascii() and body.isdigit()) or not (check == "-" or check.isdigit()):
        return False
    weighted = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(body)))
    expected = (11 - weighted % 11) % 11
    return check == ("-" if expected == 10 else str(expected))


def weights_731_hold(reference: str) -> bool:
    """Weights 7, 3, 1 from the right (Finnish viite, Estonian viitenumber)."""
    body, check = reference[:-1], reference[-1:]
    if not (body.isascii() and body.isdigit()) or not check.isdigit():
        return False
    weighted = sum(int(digit) * (7, 3, 1)[place % 3] for place, digit in enumerate(reversed(body)))
    return (10 - weighted % 10) % 10 == int(check)
