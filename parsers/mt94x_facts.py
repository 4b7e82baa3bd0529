"""The facts of one statement line's text, gathered one by one whatever the dialect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from engine.money import CURRENCY_EXPONENTS
from parsers.mt94x_dialects import PLACEHOLDERS
from parsers.x12_remittance import decimal_minor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "BLANKS",
    "TEXT_FACTS",
    "TextFacts",
    "account_of",
    "is_iban",
    "joined_lines",
    "money_of",
    "one_line",
    "pieces",
    "put_fact",
    "whole_reference",
]

BLANKS: Final = " \t"

TEXT_FACTS: Final = (
    "payer_name",
    "payer_account",
    "ultimate_payer_name",
    "end_to_end_id",
    "customer_reference",
    "trace_number",
    "uetr",
    "original_reference",
    "exchange_rate",
    "text",
)
"""Facts that are text of the payment alone, in the order of `TextFacts`."""

_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_RUN_OF_BLANKS: Final = re.compile(r"[ \t\n]+")
_MONEY: Final = re.compile(r"([A-Z]{3}) ?(\d{1,15}(?:[.,]\d{0,15})?)")
_WHOLE_REFERENCE: Final = re.compile(
    r"RF\d\d[0-9A-Z ]{1,25}|([+*]{3})\d{3}/?\d{4}/?\d{5}\1|\d{2} ?(?:\d{5} ?){5}"
)


class TextFacts(msgspec.Struct):
    """What the text of a line says; `dialect` names the way it is structured.

    `instructed` and `charges` are (currency, minor units). `creditor` is a structured creditor
    reference with the type the payer stated. `has_return` tells that money came back.
    """

    dialect: str = "text"
    payer_name: str = ""
    payer_account: str = ""
    ultimate_payer_name: str = ""
    end_to_end_id: str = ""
    customer_reference: str = ""
    trace_number: str = ""
    uetr: str = ""
    original_reference: str = ""
    exchange_rate: str = ""
    text: str = ""
    gvc: str = ""
    method: str = ""
    return_reason: str = ""
    is_sepa: bool = False
    has_return: bool = False
    instructed: tuple[str, int] | None = None
    charges: tuple[str, int] | None = None
    creditor: tuple[str, str] | None = None


def put_fact(facts: dict[str, str], fact: str, value: str) -> bool:
    """Put `value` where it belongs; False where the fact is known with another one already."""
    value = one_line(value)
    if not value or fact == "aside":
        return True
    if fact in {"end_to_end_id", "customer_reference"} and value.upper() in PLACEHOLDERS:
        return True
    if fact == "payer_account":
        value = value.replace(" ", "")
    known = facts.setdefault(fact, value)
    return known == value or known.replace(" ", "") == value.replace(" ", "")


def one_line(text: str) -> str:
    """`text` on one line, blanks between its words."""
    if "  " in text or "\n" in text or "\t" in text:
        text = _RUN_OF_BLANKS.sub(" ", text)
    return text.strip(BLANKS)


def joined_lines(lines: Iterable[str]) -> str:
    """The lines that hold something, without blanks at their ends."""
    return "\n".join([line for raw in lines if (line := raw.strip(BLANKS))])


def pieces(text: str, cuts: Sequence[re.Match[str]]) -> Iterator[tuple[re.Match[str], str, str]]:
    """Each cut with what follows it before the next, and the two together as they stand."""
    for number, cut in enumerate(cuts, 1):
        stop = cuts[number].start() if number < len(cuts) else len(text)
        yield cut, text[cut.end() : stop], text[cut.start() : stop]


def is_iban(text: str) -> bool:
    """Whether `text` has the shape of an IBAN."""
    return _IBAN.fullmatch(text) is not None


def account_of(routing: str, account: str) -> str:
    """An IBAN alone, else `routing/account`."""
    if not account or not routing or is_iban(account):
        return account
    return f"{routing}/{account}"


def money_of(text: str) -> tuple[str, int] | None:
    """Currency and minor units of `EUR4,5`; None where it is none."""
    found = _MONEY.match(text.strip(BLANKS))
    if found is None or found[1] not in CURRENCY_EXPONENTS:
        return None
    minor = decimal_minor(found[2].replace(",", "."), CURRENCY_EXPONENTS[found[1]])
    return None if minor is None else (found[1], minor)


def whole_reference(text: str) -> str:
    """`text` without blanks where all of it has the shape of a creditor reference, else nothing."""
    if len(text) > 40 or _WHOLE_REFERENCE.fullmatch(text) is None:
        return ""
    return text.replace(" ", "")
