"""Charges and foreign amounts of a camt detail or entry, in the elements of every version.

Charges stand flat in `Chrgs` (.02), one element per charge, or as records of one `Chrgs` (from .03
on), with or without a total. Counted are those the payment was reduced by: neither what is stated
as not included nor what the debtor bears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import MoneyError
from engine.money import CURRENCY_EXPONENTS
from parsers.camt_xml import LOCAL_NAMES, minor_of, parts_of, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["charges_minor", "foreign_amounts"]

_NOT_INCLUDED: Final = frozenset({"false", "0"})
_BORNE_BY_DEBTOR: Final = "DEBT"
_EXCHANGED: Final = ("InstdAmt", "TxAmt", "CntrValAmt", "AnncdPstngAmt")


def charges_minor(parts: dict[str, _Element], currency: str) -> int | None:
    """Charges taken out of a payment in `currency`; None where none are stated in it."""
    last = parts.get("Chrgs")
    if last is None:
        return None
    parent = last.getparent()
    found: list[int | None] = []
    for child in () if parent is None else parent:
        if LOCAL_NAMES[child.tag] == "Chrgs":
            found.extend(_charges_in(child, currency))
    stated = [minor for minor in found if minor is not None]
    return sum(stated) if stated else None


def _charges_in(element: _Element, currency: str) -> list[int | None]:
    """Each charge of one `Chrgs`; its total where it gives nothing else."""
    parts = parts_of(element)
    records = [child for child in element if LOCAL_NAMES[child.tag] == "Rcrd"]
    if records:
        return [_charge(parts_of(record), "Amt", currency) for record in records]
    if "Amt" in parts:
        return [_charge(parts, "Amt", currency)]
    return [_charge(parts, "TtlChrgsAndTaxAmt", currency)]


def _charge(parts: dict[str, _Element], name: str, currency: str) -> int | None:
    amount = parts.get(name)
    if amount is None or amount.get("Ccy", currency) != currency:
        return None
    if text_of(parts.get("ChrgInclInd")).lower() in _NOT_INCLUDED:
        return None
    if text_of(parts.get("Br")) == _BORNE_BY_DEBTOR:
        return None
    try:
        minor = minor_of(amount, currency)
    except MoneyError:
        return None
    return -minor if text_of(parts.get("CdtDbtInd")) == "CRDT" else minor


def foreign_amounts(parts: dict[str, _Element], currency: str) -> tuple[int | None, str, str]:
    """What the payer instructed, minor units and currency, and the rate it was exchanged at.

    A detail whose own amount is in another currency than the payment's `currency` tells it, too.
    """
    amounts = parts_of(parts.get("AmtDtls"))
    rate = ""
    for name in _EXCHANGED:
        exchange = parts_of(parts_of(amounts.get(name)).get("CcyXchg"))
        rate = rate or text_of(exchange.get("XchgRate"))
    for element in (parts_of(amounts.get("InstdAmt")).get("Amt"), parts.get("Amt")):
        stated = "" if element is None else element.get("Ccy", "")
        if element is None or stated not in CURRENCY_EXPONENTS:
            continue
        if element is parts.get("Amt") and stated == currency:
            continue
        try:
            return minor_of(element, stated), stated, rate
        except MoneyError:
            continue
    return None, "", rate
