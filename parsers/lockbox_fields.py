"""Fields of one lockbox record: numbers, dates and text, cut by the columns of a layout."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Number", "cut_text", "mask_parts", "read_masked_date", "read_number"]

_PARTS: Final = ("YYYY", "YY", "MON", "MM", "DD")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_TENS: Final[tuple[int, ...]] = tuple(10**power for power in range(32))
_CENTURY_PIVOT: Final = 80
"""Two-digit years are 1980 to 2079."""


class Number(NamedTuple):
    """A number as written: its digits with the sign, and how many of them follow a point.

    `decimals` is None where there is no point: the layout says how many are implied.
    """

    digits: int
    decimals: int | None = None

    def minor(self, implied: int, exponent: int) -> int | None:
        """In units of 10^-`exponent`; None where that loses digits."""
        decimals = implied if self.decimals is None else self.decimals
        if decimals <= exponent:
            return self.digits * _TENS[exponent - decimals]
        whole, rest = divmod(abs(self.digits), _TENS[decimals - exponent])
        if rest:
            return None
        return -whole if self.digits < 0 else whole


_BLANK: Final = Number(0)
"""What a blank field reads as."""


def cut_text(line: str, columns: Sequence[int] | None) -> str:
    """The text in `columns` without its blanks; empty where a layout has no such field."""
    return "" if columns is None else line[columns[0] : columns[1]].strip(" ")


def read_number(line: str, columns: Sequence[int]) -> Number | None:
    """The number in `columns`: padded with zeros or blanks, perhaps with a sign and a point.

    A zero where the field is blank; None where it is no number, or the record ends inside it.
    """
    token = line[columns[0] : columns[1]]
    if token.isdecimal() and len(token) == columns[1] - columns[0]:
        return Number(int(token))
    stripped = token.strip(" ")
    if not stripped:
        return _BLANK
    if len(line) < columns[1] and not token.endswith(" "):
        return None
    sign = -1 if stripped[0] == "-" else 1
    digits = stripped[1:].strip(" ") if stripped[0] in "-+" else stripped
    whole, point, fraction = digits.partition(".")
    if not (whole + fraction).isdecimal():
        return None
    return Number(sign * int(whole + fraction), len(fraction) if point else None)


@lru_cache(maxsize=256)
def mask_parts(mask: str) -> tuple[tuple[str, int, int], ...] | None:
    """(part, start, stop) of year, month, day in a mask and of text between them.

    None where one of the three is missing or stands twice.
    """
    parts: list[tuple[str, int, int]] = []
    at = 0
    while at < len(mask):
        part = next((part for part in _PARTS if mask.startswith(part, at)), mask[at])
        parts.append((part, at, at + len(part)))
        at += len(part)
    named = sorted(part[0] for part, _, _ in parts if part in _PARTS)
    return tuple(parts) if named == ["D", "M", "Y"] else None


@lru_cache(maxsize=4096)
def read_masked_date(token: str, mask: str) -> dt.date | None:
    """The date in `token`, written as `mask`; None where it is none."""
    parts = mask_parts(mask)
    if parts is None or len(token) != len(mask):
        return None
    found: dict[str, int] = {}
    for part, start, stop in parts:
        piece = token[start:stop]
        if part == "MON":
            found["M"] = _MONTHS.get(piece.upper(), 0)
        elif part in _PARTS:
            if not piece.isdecimal():
                return None
            found[part[0]] = int(piece)
            if part == "YY":
                found["Y"] += 2000 if found["Y"] < _CENTURY_PIVOT else 1900
        elif piece != part:
            return None
    try:
        return dt.date(found["Y"], found["M"], found["D"])
    except ValueError:
        return None
