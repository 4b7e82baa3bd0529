"""Small readings of camt elements: children by local name, text, amounts, dates.

Namespaces and prefixes differ between versions and senders, so children are known by their local
name alone. Comments, processing instructions and unresolved entities have the empty name.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from typing import TYPE_CHECKING, Final, cast

from engine.errors import MoneyError
from engine.money import CURRENCY_EXPONENTS, minor_from_text

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = [
    "LOCAL_NAMES",
    "VERSION",
    "account_of",
    "clean",
    "code_of",
    "forget",
    "line_of",
    "local_name",
    "minor_of",
    "parse_date",
    "parts_of",
    "text_at",
    "text_of",
]

VERSION: Final = re.compile(r"camt\.05[234]\.\d{3}\.\d{2,}")
"""The name of a message with its version, as namespaces tell it."""

_NAMES_MAX: Final = 4_096
"""Tag names remembered: every version of the three messages together has fewer."""

_ACCOUNT_NUMBERS: Final = frozenset({"IBAN", "BBAN", "UPIC"})
_CODED: Final = frozenset({"CdOrPrtry", "Cd", "Prtry", "Id"})

_CENTS_DIGITS_MAX: Final = 14
"""Digits of an amount that cannot exceed `AMOUNT_MINOR_MAX`."""


class _LocalNames(dict[object, str]):
    """Tag as lxml gives it → local name; remembered, because tags repeat by the million."""

    def __missing__(self, tag: object) -> str:
        name = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        if len(self) < _NAMES_MAX:
            self[tag] = name
        return name


LOCAL_NAMES: Final = _LocalNames()
"""Local name by tag, for loops too hot to call `local_name`."""


def local_name(element: _Element) -> str:
    """The element's name without its namespace; empty for comments and entities."""
    return LOCAL_NAMES[element.tag]


def forget(element: _Element) -> None:
    """Drop the element's content; text behind it, perhaps still being parsed, stays untouched."""
    element.clear(keep_tail=True)  # type: ignore[call-arg]  # the stubs know lxml before 4.4


def line_of(element: _Element) -> int | None:
    """Line of the element's start tag in its document; None where lxml does not know it."""
    line = element.sourceline
    return cast("int | None", line)


def parts_of(element: _Element | None) -> dict[str, _Element]:
    """Children by local name; of several with one name the last."""
    return {} if element is None else {LOCAL_NAMES[child.tag]: child for child in element}


def clean(text: str | None) -> str:
    """`text` on one line and without blanks around it."""
    if not text:
        return ""
    stripped = text.strip()
    return " ".join(stripped.split()) if "\n" in stripped else stripped


def text_of(element: _Element | None) -> str:
    """The element's own text on one line, empty where it is absent."""
    return "" if element is None else clean(element.text)


def text_at(element: _Element | None, *path: str) -> str:
    """The text at `path` below `element`, empty where a step is absent."""
    for name in path:
        for child in () if element is None else element:
            if LOCAL_NAMES[child.tag] == name:
                element = child
                break
        else:
            return ""
    return text_of(element)


def code_of(element: _Element | None) -> str:
    """A coded type: `Cd` or `Prtry`, behind `CdOrPrtry` or not, or the element's own text."""
    if element is None:
        return ""
    for child in element:
        if LOCAL_NAMES[child.tag] in _CODED:
            return code_of(child)
    return text_of(element)


def account_of(element: _Element | None) -> str:
    """Account number of an `Acct`-like element: IBAN, else other id, else proxy; no blanks."""
    if element is None:
        return ""
    proxy = ""
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "Id":
            for inner in child:
                kind = LOCAL_NAMES[inner.tag]
                if kind in _ACCOUNT_NUMBERS:
                    return text_of(inner).replace(" ", "")
                if kind in {"Othr", "PrtryAcct"}:
                    return text_at(inner, "Id")
        elif name == "Prxy":
            proxy = text_at(child, "Id")
    return proxy


def minor_of(element: _Element, currency: str) -> int:
    """Minor units of an amount element whose currency is known; raises `MoneyError`."""
    text = element.text or ""
    is_plain = not len(element)
    if is_plain and text[-3:-2] == "." and CURRENCY_EXPONENTS.get(currency) == 2:
        digits = text[:-3] + text[-2:]
        if digits.isdigit() and digits.isascii() and len(digits) <= _CENTS_DIGITS_MAX:
            return int(digits)
    if not is_plain:
        message = f"the amount {text!r} holds markup, decimal text such as 1234.50 is expected"
        raise MoneyError(message)
    return minor_from_text(text, currency)


@functools.lru_cache(maxsize=4096)
def parse_date(text: str) -> dt.date | None:
    """The date at the start of `text` (`2026-09-30`, `20260930`, with time or zone), else None."""
    head = text[:10] if text[4:5] == "-" else text[:8]
    try:
        return dt.date.fromisoformat(head)
    except ValueError:
        return None
