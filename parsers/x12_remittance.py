r"""What an X12 remittance segment says, wherever it stands: RMR and ADX to remittance lines.

The same rules serve EDI 820 and 823, the 820 inside ACH addenda and segments inside bank text:

    RMR*qualifier*number*action*net*gross*discount*reason*adjustment
    ADX*amount*reason*qualifier*reference
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from engine.limits import AMOUNT_MINOR_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CREDIT_QUALIFIERS",
    "ORDER_QUALIFIERS",
    "RemittanceEntry",
    "add_adjustment",
    "decimal_minor",
    "read_open_item",
]

RemittanceEntry = tuple[str, str, int | None, int, int, str]
"""(reference, reference_kind, amount_minor, discount_minor, deduction_minor, deduction_reason)."""

ORDER_QUALIFIERS: Final = frozenset({"PO"})
"""RMR01 of a number that names our customer's order."""

CREDIT_QUALIFIERS: Final = frozenset({"CM", "CR"})
"""RMR01 of a number that names a credit memo; a negative amount says the same."""

_NUMBER: Final = re.compile(r"([-+]?)(\d{0,30})(?:\.(\d{0,30}))?")
_BLANKS: Final = " \t"


def decimal_minor(token: str, exponent: int) -> int | None:
    """Minor units of decimal text in major units, exactly; None where it is none, or too large."""
    found = _NUMBER.fullmatch(token.strip(_BLANKS))
    if found is None or not (found[2] or found[3]):
        return None
    fraction = found[3] or ""
    if fraction[exponent:].strip("0"):
        return None
    minor = int((found[2] or "0") + fraction[:exponent].ljust(exponent, "0"))
    if minor > AMOUNT_MINOR_MAX:
        return None
    return -minor if found[1] == "-" else minor


def read_open_item(elements: Sequence[str], exponent: int, odd: list[str]) -> RemittanceEntry:
    """The remittance line of an RMR segment; what is no amount is added to `odd`.

    `exponent` is the decimal places of the payment's currency.
    """
    count = len(elements)
    qualifier = elements[1] if count > 1 else ""
    amount = _element(elements, 4, exponent, odd)
    discount = _element(elements, 6, exponent, odd) or 0
    adjustment = _element(elements, 8, exponent, odd) or 0
    if qualifier in ORDER_QUALIFIERS:
        kind = "purchase_order"
    elif qualifier in CREDIT_QUALIFIERS or (amount is not None and amount < 0):
        kind = "credit_memo"
    else:
        kind = "document"
    return (
        elements[2].strip(_BLANKS) if count > 2 else "",
        kind,
        amount,
        abs(discount),
        abs(adjustment),
        elements[7].strip(_BLANKS) if count > 7 else "",
    )


def add_adjustment(
    lines: list[RemittanceEntry], elements: Sequence[str], exponent: int, odd: list[str]
) -> None:
    """An ADX segment: a deduction of the last of `lines`, or a line of its own.

    A negative amount was withheld. Without a line before it, or with a reference of its own, it is
    a line by itself.
    """
    amount = _element(elements, 1, exponent, odd)
    if amount is None:
        odd.append("*".join(elements))
        return
    reason = elements[2].strip(_BLANKS) if len(elements) > 2 else ""
    reference = elements[4].strip(_BLANKS) if len(elements) > 4 else ""
    number, kind, paid, discount, deduction, old_reason = (
        lines[-1] if lines else ("", "", None, 0, 0, "")
    )
    belongs = bool(lines) and not reference and amount < 0
    if belongs and deduction - amount <= AMOUNT_MINOR_MAX:
        lines[-1] = (number, kind, paid, discount, deduction - amount, old_reason or reason)
    else:
        kind = "credit_memo" if amount < 0 and reference else ""
        lines.append((reference, kind, amount, 0, 0, reason))


def _element(elements: Sequence[str], at: int, exponent: int, odd: list[str]) -> int | None:
    """Element `at` as minor units; an unreadable one is added to `odd`."""
    if at >= len(elements) or not elements[at]:
        return None
    minor = decimal_minor(elements[at], exponent)
    if minor is None:
        odd.append(elements[at])
    return minor
