"""One `RmtInf` of a remt.001 message: the payment it is about, and what it says that pays.

References of the payment become keys like this: EndToEndId → end_to_end_id, UETR → uetr, ChqNb →
check_number, the first of ClrSysRef, MktInfrstrctrTxId and TxId → trace_number, the first of
AcctSvcrRef, InstrId and PmtInfId → payment_reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.batches import ADVICE_SCALE
from engine.errors import MoneyError
from engine.money import CURRENCY_EXPONENTS, format_minor
from parsers.camt_remittance import read_remittance
from parsers.camt_xml import (
    LOCAL_NAMES,
    account_of,
    clean,
    line_of,
    minor_of,
    parse_date,
    parts_of,
    text_of,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

    from parsers.camt_remittance import Remittance
    from parsers.collector import FileCollector

__all__ = ["read_advice"]

_NOT_PROVIDED: Final = frozenset({"NOTPROVIDED", "NOT PROVIDED", "NONREF"})
_KEYS: Final = {
    "end_to_end_id": ("EndToEndId",),
    "uetr": ("UETR",),
    "check_number": ("ChqNb",),
    "trace_number": ("ClrSysRef", "MktInfrstrctrTxId", "TxId"),
    "payment_reference": ("AcctSvcrRef", "InstrId", "PmtInfId"),
}
_AMOUNTS: Final = ("InstdAmt", "IntrBkSttlmAmt", "EqvtAmt", "TxAmt", "Amt")
_DATES: Final = ("IntrBkSttlmDt", "ReqdExctnDt", "ReqdColltnDt", "AccptncDtTm")
_PAYERS: Final = ("Dbtr", "UltmtDbtr")


def read_advice(
    element: _Element, message_id: str, collector: FileCollector, lines_before: int
) -> None:
    """Add the lines of a `RmtInf` to `collector`; `lines_before` stand before its document."""
    line = line_of(element)
    place = None if line is None else line + lines_before
    parts = parts_of(element)
    original = parts_of(parts.get("OrgnlPmtInf"))
    keys: dict[str, Any] = {**_references(original), "payer_name": _payer(original)}
    keys["payment_date"] = next(
        (date for name in _DATES if (date := parse_date(_first_text(original.get(name))))), None
    )
    currency = _currency(original, element)
    stated = _amount(original, currency)
    # The first two letters of an IBAN of ours tell the country of its creditor references.
    country = account_of(original.get("CdtrAcct"))[:2]
    remittance = read_remittance(element, currency, country)
    for code, sentence in remittance.notes:
        collector.diagnose(code, sentence, line=place)
    if not any(keys.values()) and "RmtId" not in parts:
        collector.diagnose(
            "REMT-KEY",
            "the advice names no payment",
            line=place,
            expected="RmtId, or OrgnlPmtInf with EndToEndId, UETR, ChqNb or Dbtr and Amt",
        )
    _check_sum(remittance, stated, currency, collector, place)
    name = text_of(parts.get("RmtId")) or message_id or collector.file_id[:16]
    scale = 10 ** (ADVICE_SCALE - CURRENCY_EXPONENTS.get(currency, ADVICE_SCALE))
    keys["payment_amount_minor"] = None if stated is None else stated * scale
    facts = keys | {"remittance_id": name, "currency": currency}
    _add_lines(remittance, facts, scale, collector, place)


def _references(original: dict[str, _Element]) -> dict[str, str]:
    """The payment's references, in `Refs` or beside it, each as the key it is."""
    found: dict[str, str] = {}
    for part in (original, parts_of(original.get("Refs"))):
        for name, child in part.items():
            text = text_of(child)
            if text and text.upper() not in _NOT_PROVIDED:
                found[name] = text
    return {
        key: next((found[name] for name in names if name in found), "")
        for key, names in _KEYS.items()
    }


def _payer(original: dict[str, _Element]) -> str:
    for name in _PAYERS:
        for child in () if original.get(name) is None else original[name].iter():
            if LOCAL_NAMES[child.tag] == "Nm" and clean(child.text):
                return clean(child.text)
    return ""


def _first_text(element: _Element | None) -> str:
    """The element's text, or that of the first element in it that has some."""
    for child in () if element is None else element.iter():
        if clean(child.text):
            return clean(child.text)
    return ""


def _amount_element(original: dict[str, _Element]) -> _Element | None:
    for name in _AMOUNTS:
        for child in original.values():
            for inner in child.iter():
                is_amount = inner.get("Ccy") is not None and not len(inner)
                around = inner.getparent()
                names = {LOCAL_NAMES[inner.tag]} | (
                    set() if around is None else {LOCAL_NAMES[around.tag]}
                )
                if is_amount and name in names:
                    return inner
    return None


def _currency(original: dict[str, _Element], element: _Element) -> str:
    """The payment's currency; else the one its documents are in."""
    stated = _amount_element(original)
    if stated is not None:
        return str(stated.get("Ccy"))
    codes = {str(inner.get("Ccy")) for inner in element.iter() if inner.get("Ccy") is not None}
    return codes.pop() if len(codes) == 1 else ""


def _amount(original: dict[str, _Element], currency: str) -> int | None:
    stated = _amount_element(original)
    try:
        return None if stated is None else minor_of(stated, currency)
    except MoneyError:
        return None


def _check_sum(
    remittance: Remittance,
    stated: int | None,
    currency: str,
    collector: FileCollector,
    line: int | None,
) -> None:
    amounts = [entry.amount_minor for entry in remittance.lines]
    known = [amount for amount in amounts if amount is not None]
    if stated is None or not known or len(known) != len(amounts) or sum(known) == stated:
        return
    collector.diagnose(
        "REMT-SUM",
        "the lines do not add up to the payment the advice is about",
        line=line,
        value=format_minor(sum(known), currency),
        expected=format_minor(stated, currency),
    )


def _add_lines(
    remittance: Remittance,
    facts: dict[str, Any],
    scale: int,
    collector: FileCollector,
    line: int | None,
) -> None:
    """Structured lines; where there are none, what the payer wrote, line by line."""
    for number, entry in enumerate(remittance.lines, 1):
        amount = entry.amount_minor
        collector.advice(
            **facts,
            line_number=number,
            reference=entry.reference,
            reference_kind=entry.reference_kind,
            amount_minor=None if amount is None else amount * scale,
            discount_minor=entry.discount_minor * scale,
            deduction_minor=entry.deduction_minor * scale,
            deduction_reason=entry.deduction_reason,
        )
    if remittance.lines:
        if remittance.text:
            collector.count("remittance_text", len(remittance.text))
        return
    for number, text in enumerate(remittance.text, 1):
        collector.advice(**facts, line_number=number, reference=text)
    if not remittance.text:
        collector.count("advice_without_lines")
        collector.diagnose(
            "REMT-LINES",
            f"advice {facts['remittance_id']} names no document",
            line=line,
            value=facts["remittance_id"],
            expected="RfrdDocInf/Nb, CdtrRefInf/Ref or Ustrd",
        )
