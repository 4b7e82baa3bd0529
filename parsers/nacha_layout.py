"""The fixed columns of NACHA records and the meaning of their codes: the format's layout table.

Columns are 0-based and half-open; every record has 94 characters, its first one tells its type.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "ADDENDA_INFORMATION",
    "ADDENDA_NOTIFICATION",
    "ADDENDA_RETURN",
    "ADDENDA_TYPE",
    "BATCH_CONTROL",
    "BATCH_HEADER",
    "FILE_CONTROL",
    "FILE_HEADER",
    "INFORMATION",
    "INFORMATION_LENGTH",
    "INTERNATIONAL",
    "INTERNATIONAL_ADDENDA",
    "INTERNATIONAL_BATCH",
    "NOTIFICATION_CLASS",
    "RECORD_LENGTH",
    "RETURN_ADDENDA",
    "RETURN_REASONS",
    "WITH_CHECK_NUMBER",
    "TransactionCode",
    "entry_layout",
    "transaction_code",
]

RECORD_LENGTH: Final = 94

FILE_HEADER: Final = {
    "to": slice(3, 13),
    "from": slice(13, 23),
    "created": slice(23, 29),
    "time": slice(29, 33),
    "modifier": slice(33, 34),
    "format": slice(34, 40),
}
BATCH_HEADER: Final = {
    "company": slice(4, 20),
    "company_id": slice(40, 50),
    "class": slice(50, 53),
    "description": slice(53, 63),
    "effective": slice(69, 75),
    "settled": slice(75, 78),
    "batch": slice(87, 94),
}
INTERNATIONAL_BATCH: Final = BATCH_HEADER | {"company": slice(4, 4)}
"""An IAT batch names no company; the originator stands in addenda."""

_ENTRY: Final = {
    "code": slice(1, 3),
    "routing": slice(3, 11),
    "account": slice(12, 29),
    "amount": slice(29, 39),
    "id": slice(39, 54),
    "name": slice(54, 76),
    "trace": slice(79, 94),
}
_COUNTED_ENTRY: Final = _ENTRY | {"addenda": slice(54, 58), "name": slice(58, 74)}
_SWAPPED_ENTRY: Final = _ENTRY | {"name": slice(39, 54), "id": slice(54, 76)}
_INTERNATIONAL_ENTRY: Final = _ENTRY | {
    "addenda": slice(12, 16),
    "account": slice(39, 74),
    "id": slice(74, 74),
    "name": slice(74, 74),
}
BATCH_CONTROL: Final = {
    "records": slice(4, 10),
    "hash": slice(10, 20),
    "debit": slice(20, 32),
    "credit": slice(32, 44),
    "batch": slice(87, 94),
}
FILE_CONTROL: Final = {
    "batches": slice(1, 7),
    "blocks": slice(7, 13),
    "records": slice(13, 21),
    "hash": slice(21, 31),
    "debit": slice(31, 43),
    "credit": slice(43, 55),
}

ADDENDA_TYPE: Final = slice(1, 3)
ADDENDA_INFORMATION, ADDENDA_NOTIFICATION, ADDENDA_RETURN = "05", "98", "99"
INFORMATION: Final = {
    "text": slice(3, 83),
    "sequence": slice(83, 87),
    "entry": slice(87, 94),
}
INFORMATION_LENGTH: Final = 80
RETURN_ADDENDA: Final = {
    "reason": slice(3, 6),
    "original": slice(6, 21),
    "text": slice(35, 79),
}
INTERNATIONAL_ADDENDA: Final = {
    "11": ("payer", slice(3, 38)),
    "13": ("payer_bank", slice(40, 74)),
    "17": ("text", slice(3, 83)),
}
"""IAT addenda type → what it tells and where: the originator, its bank, what is paid."""

INTERNATIONAL: Final = "IAT"
NOTIFICATION_CLASS: Final = "COR"
_WITH_COUNT: Final = frozenset({"CTX", "ENR", "ATX", "ACK"})
"""Classes whose entries count their addenda before a shorter name."""

_SWAPPED_CLASSES: Final = frozenset({"CIE", "MTE"})
"""Classes whose entries have name and identification in each other's place."""

WITH_CHECK_NUMBER: Final = frozenset({"ARC", "BOC", "POP", "RCK", "XCK", "TRC"})
"""Classes of converted checks: the identification is the check's number."""

RETURN_REASONS: Final = {
    "R01": "insufficient funds",
    "R02": "account closed",
    "R03": "no account",
    "R04": "invalid account number",
    "R05": "unauthorized debit",
    "R06": "returned at the request of the originating bank",
    "R07": "authorization revoked",
    "R08": "payment stopped",
    "R09": "uncollected funds",
    "R10": "not authorized",
    "R16": "account frozen",
    "R20": "no transaction account",
    "R23": "credit refused by the receiver",
    "R29": "corporate customer did not authorize",
}
"""Reasons a clerk meets most, in words."""


class TransactionCode(msgspec.Struct, frozen=True):
    """What a transaction code says: `kind` is `live`, `prenote`, `zero` or `return`."""

    kind: str
    is_credit: bool


_KINDS: Final = {
    "1": TransactionCode("return", is_credit=True),
    "2": TransactionCode("live", is_credit=True),
    "3": TransactionCode("prenote", is_credit=True),
    "4": TransactionCode("zero", is_credit=True),
    "6": TransactionCode("return", is_credit=False),
    "7": TransactionCode("live", is_credit=False),
    "8": TransactionCode("prenote", is_credit=False),
    "9": TransactionCode("zero", is_credit=False),
}
_ACCOUNTS: Final = "2345"
_CODES: Final = {account + digit: kind for account in _ACCOUNTS for digit, kind in _KINDS.items()}
_CODES["55"] = _KINDS["7"]


def transaction_code(code: str) -> TransactionCode | None:
    """The meaning of a code by account (checking, savings, ledger, loan) and last digit.

    A loan account is debited by 55.
    """
    return _CODES.get(code)


def entry_layout(entry_class: str) -> dict[str, slice]:
    """The columns of entries of a standard entry class."""
    if entry_class == INTERNATIONAL:
        return _INTERNATIONAL_ENTRY
    if entry_class in _WITH_COUNT:
        return _COUNTED_ENTRY
    return _SWAPPED_ENTRY if entry_class in _SWAPPED_CLASSES else _ENTRY
