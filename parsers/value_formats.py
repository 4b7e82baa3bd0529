"""How a column writes its amounts and dates: decided over the whole column, or not at all.

`1.234` may be a thousand or one and a bit, `05/06` May or June. A format is taken only where the
column's values leave no other; where two formats give different values, the caller must say.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.money import CURRENCY_EXPONENTS
from parsers.remittance_presets import months, normal_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.remittance_presets import DateOrder, DecimalSign

__all__ = ["FormatError", "amount_of", "date_of", "date_order", "decimal_sign", "scaled_text"]

_SIGNS: Final[tuple[DecimalSign, ...]] = (".", ",")
_ORDERS: Final[tuple[DateOrder, ...]] = ("DMY", "MDY", "YMD")
_DECIMALS_MAX: Final = 4
"""Decimal places any currency has."""

_MINUS: Final = "-\u2212\u2013\ufe63\uff0d"
_BLANKS: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f]")
_EXAMPLES: Final = 3
_YEAR_LENGTH: Final = 4
_CENTURY: Final = 2000
"""Of years of two digits: advice is about payments of this century."""

_NUMBER: Final[dict[DecimalSign, re.Pattern[str]]] = {
    sign: re.compile(
        rf"(?:(?:\d{{1,3}}(?:[{group}]\d{{2,3}})*[{group}]\d{{3}})|\d+)?(?:[{sign}](\d+))?"
    )
    for sign, group in zip(_SIGNS, (",'\u2019_", ".'\u2019_"), strict=True)
}
"""Digits, in groups or not, and decimals; blanks between groups are written as `_` before."""

_PARTS: Final = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[T ].*)?")
_COMPACT: Final = re.compile(r"(20\d{2})(\d{2})(\d{2})")
_NAMED: Final = re.compile(
    r"(?:(\d{1,2})[.\s-]*([^\W\d_]+)|([^\W\d_]+)[.\s-]*(\d{1,2})(?:st|nd|rd|th)?)[.,\s-]+(\d{2,4})"
)


class FormatError(Exception):
    """The values of a column do not prove one format; `values` show it, `is_open` both fit."""

    def __init__(self, values: Sequence[str], *, is_open: bool) -> None:
        """Keep the values that show the doubt, or the contradiction."""
        super().__init__(", ".join(values))
        self.values = tuple(values)
        self.is_open = is_open


def amount_of(text: str, sign: DecimalSign, decimals: int = _DECIMALS_MAX) -> Decimal | None:
    """The amount `text` with `sign` before its decimals, None where it is none.

    Currency signs and codes are dropped; a minus may stand before or behind, or the amount in
    parentheses.
    """
    rest = text.strip()
    is_negative = False
    if rest.startswith("(") and rest.endswith(")"):
        is_negative, rest = True, rest[1:-1].strip()
    rest = _without_currency(rest)
    if rest[:1] in (*_MINUS, "+") and rest:
        is_negative ^= rest[0] != "+"
        rest = _without_currency(rest[1:].strip())
    elif rest[-1:] in (*_MINUS, "+") and rest:
        is_negative ^= rest[-1] != "+"
        rest = _without_currency(rest[:-1].strip())
    found = _NUMBER[sign].fullmatch(_BLANKS.sub("_", rest))
    if not rest or found is None or len(found[1] or "") > decimals:
        return None
    whole, point, fraction = rest.rpartition(sign) if found[1] else (rest, "", "")
    digits = re.sub(r"\D", "", whole) or "0"
    amount = Decimal(f"{digits}.{fraction}" if point else digits)
    return -amount if is_negative and amount else amount


def _without_currency(text: str) -> str:
    stripped = text.strip()
    while stripped and unicodedata.category(stripped[0]) == "Sc":
        stripped = stripped[1:].lstrip()
    while stripped and unicodedata.category(stripped[-1]) == "Sc":
        stripped = stripped[:-1].rstrip()
    if stripped[:3].upper() in CURRENCY_EXPONENTS and not stripped[3:4].isalpha():
        return stripped[3:].lstrip()
    if stripped[-3:].upper() in CURRENCY_EXPONENTS and not stripped[-4:-3].isalpha():
        return stripped[:-3].rstrip()
    return stripped


def decimal_sign(values: Sequence[tuple[str, int]]) -> DecimalSign | None:
    """What stands before the decimals of a column; None where it makes no difference.

    `values` are (text, decimal places its currency has); raises `FormatError`.
    """
    read = [
        (text, tuple(amount_of(text, sign, decimals) for sign in _SIGNS))
        for text, decimals in values
    ]
    fitting = [at for at in range(2) if all(amounts[at] is not None for _, amounts in read)]
    if not fitting:
        shown = [_first(read, at) for at in range(2)]
        raise FormatError(list(dict.fromkeys(shown)), is_open=False)
    if len(fitting) == 1:
        return _SIGNS[fitting[0]]
    doubtful = [text for text, (point, comma) in read if point != comma]
    if doubtful:
        raise FormatError(doubtful[:_EXAMPLES], is_open=True)
    return None


def _first(read: list[tuple[str, tuple[Decimal | None, ...]]], at: int) -> str:
    return next(text for text, amounts in read if amounts[at] is None)


def scaled_text(scaled: int) -> str:
    """An amount of advice (four decimal places) as text, with at least two."""
    amount = Decimal(scaled).scaleb(-_DECIMALS_MAX)
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents:f}" if cents == amount else f"{amount:f}"


def date_of(text: str, order: DateOrder) -> dt.date | None:
    """The date `text` read in that order of day, month and year, None where it is none.

    ISO dates and dates with a month's name read the same in every order; dates with dots are
    day, month, year unless the year comes first.
    """
    stripped = text.strip()
    compact = _COMPACT.fullmatch(stripped)
    if compact:
        return _date(int(compact[1]), int(compact[2]), int(compact[3]))
    named = _NAMED.fullmatch(stripped)
    if named:
        month = months().get(normal_header(named[2] or named[3]), 0)
        return _date(_year(named[5]), month, int(named[1] or named[4]))
    parts = _PARTS.fullmatch(stripped)
    return None if parts is None else _date_of_parts(parts, order)


def _date_of_parts(parts: re.Match[str], order: DateOrder) -> dt.date | None:
    """The date of three numbers; dots and a year of four digits in front tell their order."""
    first, mark, second, third = parts.groups()
    if len(first) == _YEAR_LENGTH:
        return _date(int(first), int(second), int(third))
    actual = "DMY" if mark == "." else order
    year = first if actual == "YMD" else third
    if actual != order or len(first) > 2 or len(year) not in (2, _YEAR_LENGTH):
        return None
    day, month = {
        "DMY": (first, second),
        "MDY": (second, first),
        "YMD": (third, second),
    }[actual]
    return _date(_year(year), int(month), int(day))


def _year(text: str) -> int:
    return int(text) if len(text) == _YEAR_LENGTH else _CENTURY + int(text)


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def date_order(values: Sequence[str]) -> DateOrder | None:
    """The order of day, month and year of a column; None where it makes no difference.

    Raises `FormatError`.
    """
    read = [(text, tuple(date_of(text, order) for order in _ORDERS)) for text in values]
    fitting = [at for at in range(3) if all(dates[at] is not None for _, dates in read)]
    if not fitting:
        shown = [next(text for text, dates in read if dates[at] is None) for at in range(3)]
        raise FormatError(list(dict.fromkeys(shown)), is_open=False)
    doubtful = [text for text, dates in read if len({dates[at] for at in fitting}) > 1]
    if doubtful:
        raise FormatError(doubtful[:_EXAMPLES], is_open=True)
    return _ORDERS[fitting[0]] if len(fitting) == 1 else None
