"""What an entry and its details consist of, and the amounts they state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from engine.errors import MoneyError
from parsers.camt_xml import LOCAL_NAMES, line_of, minor_of, parts_of, text_at, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

__all__ = [
    "EntryFindings",
    "EntryParts",
    "amounts_of_details",
    "detail_minor",
    "money_of",
    "parts_of_entry",
]

_OPPOSITE: Final = {"CRDT": "DBIT", "DBIT": "CRDT"}
_AMOUNTS_OF_DETAIL: Final = ("TxAmt", "CntrValAmt", "AnncdPstngAmt", "InstdAmt")


class EntryFindings(Protocol):
    """Where a reader of entries puts what it has to say; a `FileCollector` is one."""

    @property
    def diagnose(self) -> Callable[..., None]:
        """Takes a diagnostic: code, message, and where."""
        ...

    @property
    def check(self) -> Callable[..., None]:
        """Takes a control check."""
        ...

    def hold_file(self, code: str) -> None:
        """Hold all payments of the file."""
        ...


class EntryParts(msgspec.Struct):
    """An entry's children by name, its details' likewise, and how many details it declares."""

    entry: dict[str, _Element]
    details: list[dict[str, _Element]]
    declared: int
    lines: list[int | None]


def parts_of_entry(element: _Element) -> EntryParts:
    """The children of an `Ntry`, those of its details, and what its batches declare."""
    parts: dict[str, _Element] = {}
    details: list[_Element] = []
    declared = 0
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "NtryDtls":
            for inner in child:
                inner_name = LOCAL_NAMES[inner.tag]
                if inner_name == "TxDtls":
                    details.append(inner)
                elif inner_name == "Btch":
                    declared += _declared(inner)
        elif name == "TxDtls":
            details.append(child)
        elif name == "Btch":
            declared += _declared(child)
        else:
            parts[name] = child
    lines = [line_of(detail) for detail in details]
    return EntryParts(parts, [parts_of(detail) for detail in details], declared, lines)


def _declared(batch: _Element) -> int:
    text = text_at(batch, "NbOfTxs")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0


def money_of(parts: EntryParts, fallback: str) -> tuple[str, int, str]:
    """Direction, minor units and currency of an entry; raises `MoneyError`."""
    element = parts.entry.get("Amt")
    direction = _direction(parts)
    if element is None or not direction:
        missing = "amount" if element is None else "direction"
        message = f"it has no {missing}, nor have its details one for all"
        raise MoneyError(message)
    currency = (element.get("Ccy") or fallback).strip()
    return direction, minor_of(element, currency), currency


def _direction(parts: EntryParts) -> str:
    stated = text_of(parts.entry.get("CdtDbtInd"))
    if stated in _OPPOSITE:
        return stated
    inner = {text_of(detail.get("CdtDbtInd")) for detail in parts.details}
    only = inner.pop() if len(inner) == 1 else ""
    return only if only in _OPPOSITE else ""


def detail_minor(parts: dict[str, _Element], currency: str) -> int | None:
    """A detail's amount in the entry's currency; None where it has none."""
    own = _minor_in(parts.get("Amt"), currency)
    if own is not None or "AmtDtls" not in parts:
        return own
    inner = parts_of(parts["AmtDtls"])
    for name in _AMOUNTS_OF_DETAIL:
        amount = _minor_in(parts_of(inner.get(name)).get("Amt"), currency)
        if amount is not None:
            return amount
    return None


def _minor_in(element: _Element | None, currency: str) -> int | None:
    if element is None or element.get("Ccy", currency) != currency:
        return None
    try:
        return minor_of(element, currency)
    except MoneyError:
        return None


def amounts_of_details(
    details: list[dict[str, _Element]], direction: str, whole: int, currency: str
) -> list[tuple[str, int]]:
    """Direction and amount of each detail where they add up to the entry, else nothing.

    A detail of the opposite direction counts against the entry; where that does not add up, the
    indicators of the details are taken as mistaken and the entry's holds for all.
    """
    amounts: list[int] = []
    for detail in details:
        minor = detail_minor(detail, currency)
        if minor is None:
            return []
        amounts.append(minor)
    opposite = _OPPOSITE[direction]
    ways = [
        opposite if text_of(detail.get("CdtDbtInd")) == opposite else direction
        for detail in details
    ]
    signed = sum(
        minor if way == direction else -minor for way, minor in zip(ways, amounts, strict=True)
    )
    if signed == whole:
        return list(zip(ways, amounts, strict=True))
    if sum(amounts) == whole:
        return [(direction, minor) for minor in amounts]
    return []
