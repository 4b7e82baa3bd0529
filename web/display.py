"""Money, dates and times as people of a language read and write them. Whole minor units only."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import (
    get_currency_precision,
    get_decimal_symbol,
    get_group_symbol,
    get_minus_sign_symbol,
)

from web.errors import AmountTextError

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["NOTHING", "Display"]

NOTHING: Final = "–"
"""What stands where there is nothing to show."""

_FIGURE: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_GROUP: Final = 3
_DIGITS_MAX: Final = 15
_MINUTE: Final = 60
_HOUR: Final = 3_600
_SPACES: Final = "\u00a0\u202f '’"


class Display:
    """How one region shows things. Days and times are UTC, as the server keeps them."""

    def __init__(self, region: str) -> None:
        """Take the signs of `region`, such as `en-GB`, or of a language."""
        self._locale = Locale.parse(region, sep="-")
        self._decimal = get_decimal_symbol(self._locale)
        self._group = get_group_symbol(self._locale)
        self._minus = get_minus_sign_symbol(self._locale)

    def money(self, minor: int, currency: str) -> str:
        """An amount without its currency: `77.109,66` in German for 7710966 of EUR."""
        exponent = get_currency_precision(currency) if currency else 2
        digits = f"{abs(minor):0{exponent + 1}d}"
        whole, part = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
        text = self.count(int(whole))
        if part:
            text = f"{text}{self._decimal}{part}"
        return f"\u2212{text}" if minor < 0 else text

    def minor(self, text: str, currency: str) -> int:
        """The amount that somebody wrote; raises `AmountTextError` where it is none.

        Group signs may be left out. What could be read in two ways is read the language's way.
        """
        exponent = get_currency_precision(currency) if currency else 2
        plain = text.strip()
        negative = plain[:1] in {"-", "\u2212", self._minus}
        plain = plain.lstrip("-\u2212+").lstrip(self._minus).strip()
        for sign in (self._group, *_SPACES):
            plain = plain.replace(sign, "")
        whole, _, part = plain.partition(self._decimal)
        part = part.rstrip("0") if len(part) > exponent else part
        digits = f"{whole}{part:0<{exponent}}"
        readable = digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS_MAX
        if not readable or len(part) > exponent or not (whole or part):
            raise AmountTextError.of(text, currency, self.money(123456, currency))
        return -int(digits) if negative else int(digits)

    def count(self, number: int) -> str:
        """A whole number with its group signs."""
        digits = str(abs(number))
        first = len(digits) % _GROUP
        groups = [digits[:first]] if first else []
        groups += [digits[at : at + _GROUP] for at in range(first, len(digits), _GROUP)]
        return ("\u2212" if number < 0 else "") + self._group.join(groups)

    def figure(self, text: str) -> str:
        """A figure that came as text, with the signs of the language; other text as it is."""
        found = _FIGURE.fullmatch(text)
        if found is None:
            return text
        minus, whole, part = found.groups()
        said = self.count(int(whole)) + (f"{self._decimal}{part}" if part else "")
        return f"\u2212{said}" if minus else said

    def share(self, part: int, whole: int) -> str:
        """How much `part` is of `whole`, in percent with one decimal; nothing of nothing."""
        if not whole:
            return NOTHING
        tenths = (2_000 * part + whole) // (2 * whole)
        return f"{self._fixed(tenths)}\u00a0%"

    def tenths(self, value: float | None) -> str:
        """A measured number with one decimal, such as days."""
        return NOTHING if value is None else self._fixed(round(value * 10))

    def span(self, milliseconds: int) -> str:
        """How long something took, in its greatest unit."""
        passed = datetime.timedelta(milliseconds=milliseconds)
        return format_timedelta(passed, threshold=1.0, format="short", locale=self._locale)

    def _fixed(self, tenths: int) -> str:
        whole, rest = divmod(abs(tenths), 10)
        sign = "\u2212" if tenths < 0 else ""
        return f"{sign}{self.count(whole)}{self._decimal}{rest}"

    def date(self, value: str | datetime.date | Timestamp | None) -> str:
        """A day: out of ISO 8601 text, a date, or a moment."""
        day = _day(value)
        return _day_said(self._locale, day) if day else NOTHING

    def moment(self, value: Timestamp | None) -> str:
        """A day with its time."""
        if value is None or not value.ToMilliseconds():
            return NOTHING
        at = value.ToDatetime(tzinfo=datetime.UTC)
        return format_datetime(at, "medium", locale=self._locale)

    def clock(self, value: Timestamp | None) -> str:
        """The time of a day."""
        if value is None or not value.ToMilliseconds():
            return NOTHING
        at = value.ToDatetime(tzinfo=datetime.UTC)
        return format_time(at.time(), "short", locale=self._locale)

    def iso(self, value: Timestamp | None) -> str:
        """A moment as machines read it; empty where there is none."""
        if value is None or not value.ToMilliseconds():
            return ""
        return value.ToDatetime(tzinfo=datetime.UTC).isoformat(timespec="seconds")

    def age(self, value: Timestamp | None, now: datetime.datetime) -> str:
        """How long ago, in its greatest unit."""
        if value is None or not value.ToMilliseconds():
            return NOTHING
        seconds = int((now - value.ToDatetime(tzinfo=datetime.UTC)).total_seconds())
        # Pages show many ages of hours and days: to the minute they are few different ones.
        return _passed(self._locale, seconds if seconds < _HOUR else seconds // _MINUTE * _MINUTE)

    def filters(self) -> dict[str, Any]:
        """The same for templates, by name."""
        return {
            "money": self.money,
            "count": self.count,
            "figure": self.figure,
            "date": self.date,
            "moment": self.moment,
            "clock": self.clock,
            "iso": self.iso,
            "tenths": self.tenths,
            "span": self.span,
        }


@lru_cache(maxsize=4_096)
def _day_said(locale: Locale, day: datetime.date) -> str:
    return format_date(day, "medium", locale)


@lru_cache(maxsize=4_096)
def _passed(locale: Locale, seconds: int) -> str:
    passed = datetime.timedelta(seconds=seconds)
    return format_timedelta(passed, threshold=1.0, format="narrow", locale=locale)


def _day(value: str | datetime.date | Timestamp | None) -> datetime.date | None:
    if not value:
        return None
    if isinstance(value, str):
        try:
            return datetime.date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime.date):
        return value
    return value.ToDatetime().date() if value.ToMilliseconds() else None
