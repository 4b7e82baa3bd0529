"""Bank transaction codes of ISO 20022 as cash application sees them: method, returns, non-AR.

The tables name codes of the external lists; an unknown code is an ordinary credit or debit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.camt_xml import LOCAL_NAMES, clean, text_at, text_of

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["TransactionCode", "read_transaction_code"]

_METHOD_OF_FAMILY: Final = {
    "RRCT": "instant",
    "IRCT": "instant",
    "RCHQ": "check",
    "ICHQ": "check",
    "LBOX": "check",
    "CCRD": "card",
    "MCRD": "card",
    "CNTR": "cash",
}
_METHOD_OF_SUB_FAMILY: Final = {
    **dict.fromkeys(("ESCT", "ESDD", "BBDD"), "sepa"),
    **dict.fromkeys(("XBCT", "XBST", "SDVA", "PRCT", "FICT", "XICT"), "wire"),
    **dict.fromkeys(
        ("ACDT", "ACON", "ACOR", "ADBT", "APAC", "ARET", "AREV", "ASET", "ATXN"), "ach"
    ),
    **dict.fromkeys(("CHKD", "CCHQ", "UPCQ", "URCQ"), "check"),
    **dict.fromkeys(("POSC", "POSD", "POSP", "SMCD", "SMRT", "XBCP", "UPCT"), "card"),
    **dict.fromkeys(("CDPT", "BCDP"), "cash"),
}

_RETURNS: Final = frozenset(
    {
        "ARET",
        "AREV",
        "CQRV",
        "PRDD",
        "RCDD",
        "RPCR",
        "RRTN",
        "UDFT",
        "UPCQ",
        "UPCT",
        "UPDD",
        "XPCQ",
    }
)
"""Sub-families whose entry undoes an earlier one."""

_DOMAINS_NOT_RECEIVABLE: Final = frozenset(
    {
        "ACMT",
        "CAMT",
        "CMDT",
        "DERV",
        "FORX",
        "LDAS",
        "PMET",
        "SECU",
    }
)
"""Account and cash management, commodities, derivatives, currency, loans, metals, securities."""

_FAMILIES_NOT_RECEIVABLE: Final = frozenset(
    {
        "RCCN",
        "ICCN",
        "CAPL",
        "ACCB",
    }
)
"""Cash concentration, cash pooling, account balancing: our own money moving."""

_SUB_FAMILIES_NOT_RECEIVABLE: Final = frozenset(
    {
        "ACON",
        "ADJT",
        "BACT",
        "BKFE",
        "CAJT",
        "CHAR",
        "CHRG",
        "COAT",
        "COME",
        "COMI",
        "COMM",
        "COMT",
        "DAJT",
        "FEES",
        "FIOA",
        "ICCT",
        "INTR",
        "LBCA",
        "ODFT",
        "RIMB",
        "SALA",
        "SWEP",
        "TAXE",
        "TOPG",
        "TTLS",
        "XBSA",
        "XICT",
        "ZABA",
    }
)
"""Interest, charges, taxes, adjustments by the bank, sweeps, own-account transfers, payroll."""

_GERMAN_CODE: Final = re.compile(r"[A-Z]{4}\+(\d{3})\b")
"""Proprietary code of German banks: SWIFT code, then the three-digit business code."""


_CODES_MAX: Final = 4_096
"""Codes remembered of one file: more than all external lists hold."""


class TransactionCode(msgspec.Struct, frozen=True):
    """A bank transaction code and what follows from it."""

    type_code: str = ""
    method: str = ""
    is_return: bool = False
    is_receivable: bool = True


def read_transaction_code(
    element: _Element | None, known: dict[tuple[object, ...], TransactionCode]
) -> TransactionCode:
    """The code in a `BkTxCd` element; `known` remembers the codes of the file by their markup."""
    if element is None:
        return TransactionCode()
    key = tuple([(node.tag, node.text) for node in element.iter()])
    code = known.get(key)
    if code is None:
        code = _read(element)
        if len(known) < _CODES_MAX:
            known[key] = code
    return code


def _read(element: _Element) -> TransactionCode:
    domain = family = sub_family = proprietary = ""
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "Domn":
            for part in child:
                part_name = LOCAL_NAMES[part.tag]
                if part_name == "Cd":
                    domain = text_of(part)
                elif part_name == "Fmly":
                    family, sub_family = _family(part)
        elif name == "Prtry":
            proprietary = text_at(child, "Cd") or clean(child.text)
    return _judge(domain, family, sub_family, proprietary)


def _family(element: _Element) -> tuple[str, str]:
    family = sub_family = ""
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "Cd":
            family = text_of(child)
        elif name == "SubFmlyCd":
            sub_family = text_of(child)
    return family, sub_family


def _judge(domain: str, family: str, sub_family: str, proprietary: str) -> TransactionCode:
    return TransactionCode(
        type_code="/".join(filter(None, (domain, family, sub_family))) or proprietary,
        method=_method(family, sub_family, proprietary) if domain or proprietary else "",
        is_return=sub_family in _RETURNS,
        is_receivable=not (
            domain in _DOMAINS_NOT_RECEIVABLE
            or family in _FAMILIES_NOT_RECEIVABLE
            or sub_family in _SUB_FAMILIES_NOT_RECEIVABLE
        ),
    )


def _method(family: str, sub_family: str, proprietary: str) -> str:
    by_code = _METHOD_OF_FAMILY.get(family) or _METHOD_OF_SUB_FAMILY.get(sub_family)
    if by_code:
        return by_code
    german = _GERMAN_CODE.match(proprietary)
    return "sepa" if german is not None and german[1].startswith("1") else "other"
