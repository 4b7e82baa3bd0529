"""What the codes of a statement line say: how money moved, what came back, what is no receivable.

Two codes stand on a line: the type of SWIFT (`NTRF`: a letter and three characters) and, where the
bank structures its text, the business transaction code of German banks (GVC, three digits). A code
nobody has heard of is an ordinary credit or debit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

__all__ = ["GVC_METHODS", "TYPE_METHODS", "LineCode", "read_line_code"]

TYPE_METHODS: Final[dict[str, str]] = {
    code: method
    for method, codes in (
        ("wire", "TRF STO"),
        ("check", "CHK CLR ECK LBX TCK UPC"),
        ("ach", "COL DDT"),
        ("card", "POS"),
    )
    for code in codes.split()
}
"""Type of SWIFT (without its first letter) → method; all others are `other`.

A type that begins with S names the message that brought the money: `S103` is a wire.
"""

GVC_METHODS: Final[tuple[tuple[int, int, str], ...]] = (
    (1, 3, "check"),
    (9, 9, "check"),
    (11, 11, "check"),
    (70, 70, "check"),
    (82, 83, "cash"),
    (104, 105, "sepa"),
    (106, 106, "card"),
    (107, 109, "sepa"),
    (110, 110, "card"),
    (111, 111, "check"),
    (116, 117, "sepa"),
    (118, 118, "instant"),
    (119, 119, "sepa"),
    (122, 122, "check"),
    (152, 156, "sepa"),
    (157, 157, "instant"),
    (158, 159, "sepa"),
    (160, 165, "instant"),
    (166, 167, "sepa"),
    (168, 168, "instant"),
    (169, 177, "sepa"),
    (181, 181, "sepa"),
    (182, 182, "card"),
    (183, 183, "check"),
    (184, 184, "sepa"),
    (185, 189, "instant"),
    (190, 190, "card"),
    (191, 197, "sepa"),
    (198, 199, "card"),
    (201, 299, "wire"),
)
"""First and last business transaction code → method."""

_RETURNED_TYPES: Final = frozenset({"RTI"})
_RETURNED_CREDITS: Final = frozenset({"009", "108", "109", "110", "111", "193"})
"""Money we had collected went back: direct debits, cards and checks returned or reversed."""

_RETURNED_DEBITS: Final = frozenset({"059", "159", "160", "181", "182", "183", "184"})
"""Money we had sent came back: no customer pays with it."""

_TYPES_NOT_RECEIVABLE: Final = frozenset(
    name
    for names in (
        "BRF CHG COM INT TAX VDA",
        "CMI CMN CMP CMS CMT CMZ SWP TOP",
        "FEX LDP SAL",
        "BNK CAR CAS CPN DIS DIV MAR MAT MGT OPT PCH POP PRN REC RED RIG SEC SLE STP SUB TRA TRN",
        "UWC WAR",
    )
    for name in names.split()
)
"""Interest, charges, taxes, currency, loans, securities, payroll, and our own money moving."""

_GVC_NOT_RECEIVABLE: Final[tuple[tuple[int, int], ...]] = (
    (53, 54),
    (153, 154),
    (300, 499),
    (600, 699),
    (800, 834),
)
"""Payroll; securities, currency; loans; fees, interest, transfers among our own accounts."""


class LineCode(msgspec.Struct, frozen=True):
    """What follows from the codes of a line.

    `undoes_credit` (read on debits): money of a customer went back. `undoes_debit` (read on
    credits): our own money came back.
    """

    type_code: str
    method: str
    undoes_credit: bool
    undoes_debit: bool
    is_receivable: bool


@lru_cache(maxsize=4096)
def read_line_code(swift_type: str, gvc: str) -> LineCode:
    """The codes of a line: `NTRF` and `166`, either may be empty."""
    name = swift_type[1:]
    number = int(gvc) if gvc else 0
    is_returned = name in _RETURNED_TYPES
    return LineCode(
        type_code=f"{swift_type.rstrip()}+{gvc}" if gvc else swift_type.rstrip(),
        method=_method(swift_type, number),
        undoes_credit=is_returned or gvc in _RETURNED_CREDITS,
        undoes_debit=is_returned or gvc in _RETURNED_DEBITS,
        is_receivable=name not in _TYPES_NOT_RECEIVABLE
        and not any(first <= number <= last for first, last in _GVC_NOT_RECEIVABLE),
    )


def _method(swift_type: str, number: int) -> str:
    for first, last, method in GVC_METHODS:
        if first <= number <= last:
            return method
    if swift_type[:1] == "S" and swift_type[1:2] in {"1", "2"}:
        return "wire"
    return TYPE_METHODS.get(swift_type[1:], "other")
