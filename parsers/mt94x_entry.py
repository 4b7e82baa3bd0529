"""The statement line itself (`:61:`): dates, mark, amount, type and references, read one by one.

    :61:2607270728C1500,00NTRFE2E-42//BK55X1
    supplementary details

Value date, entry date without its year, mark, a letter of the currency (optional), amount, type,
the account owner's reference, `//` and the bank's reference.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.mt94x_dialects import PLACEHOLDERS
from parsers.mt94x_facts import BLANKS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AMOUNT_PLACES",
    "EntryFields",
    "EntryNote",
    "read_amount",
    "read_days",
    "read_entry",
]

AMOUNT_PLACES: Final = 4
"""Decimal places amounts are kept in until the currency is known: as many as any currency has."""

EntryNote = tuple[str, str, str, str]
"""Diagnostic code, sentence, value and expectation."""

_EPOCH: Final = dt.date(1970, 1, 1)
_REFERENCE_WIDTH: Final = 16
_CENTURY_PIVOT: Final = 80
_DIGITS_MAX: Final = 15

_ENTRY: Final = re.compile(
    r"(\d{6})(\d{4}| {4}|) *(R?[CD]|E[CD]) ?([A-Z]?) *(\d[\d.,]*|[.,]\d+) *"
    r"([NSF][A-Z0-9 ]{3}|[A-Z][A-Z0-9]{3}|)(.*)"
)
_AMOUNT: Final = re.compile(r"(\d*)(?:[.,](\d*))?")
_LONG_NUMBER: Final = re.compile(r"\d{16,}")


class EntryFields(msgspec.Struct):
    """The parts of a `:61:`; amounts in `AMOUNT_PLACES`, None where there is no readable one.

    `places` are the decimal places the amount needs, days count from 1970-01-01. `name` is what
    Rabobank writes behind a reference of full width, `further` are the supplementary details.
    """

    mark: str
    amount: int | None
    places: int
    value_days: int | None
    booking_days: int | None
    swift_type: str
    reference: str
    bank_reference: str
    name: str
    further: list[str]
    notes: list[EntryNote]


def read_entry(lines: Sequence[str]) -> EntryFields | None:
    """The parts of the lines of a `:61:` (tag left out); None where they are no statement line."""
    found = _ENTRY.match(lines[0].rstrip(BLANKS))
    if found is None:
        return None
    value, entry, mark, _, token, swift_type, rest = found.groups()
    notes: list[EntryNote] = []
    value_days, booking_days = _dates(value, entry.strip(BLANKS), notes)
    amount, places = read_amount(token)
    if not swift_type or swift_type[0] not in "NSF":
        sentence = f"type {swift_type!r} of a statement line is none of SWIFT's"
        notes.append(("MT94-TYPE", sentence, swift_type, "N, S or F and three characters"))
    reference, mark_of_bank, bank = rest.partition("//")
    name = ""
    if not mark_of_bank and len(rest) > _REFERENCE_WIDTH and "  " in rest[:17] + " ":
        reference, name = rest[:_REFERENCE_WIDTH], rest[_REFERENCE_WIDTH:].strip(BLANKS)
    further = []
    for line in lines[1:]:
        if line.startswith("//") and not bank:
            bank = line[2:]
        elif line.strip(BLANKS):
            further.append(line.strip(BLANKS))
    bank = _reference(bank)
    if not bank and further and _LONG_NUMBER.fullmatch(further[0]):
        bank = further.pop(0)
    return EntryFields(
        mark=mark,
        amount=amount,
        places=places,
        value_days=value_days,
        booking_days=booking_days,
        swift_type=swift_type,
        reference=_reference(reference),
        bank_reference=bank,
        name=name,
        further=further,
        notes=notes,
    )


def _reference(text: str) -> str:
    text = text.strip(BLANKS)
    return "" if text.upper() in PLACEHOLDERS else text


def read_amount(token: str) -> tuple[int | None, int]:
    """An amount in `AMOUNT_PLACES`, and the places it needs; None where it is none.

    The comma is the decimal sign, the point is taken for one; either may lack its decimals.
    """
    found = _AMOUNT.fullmatch(token.strip(BLANKS))
    if found is None or not (found[1] or found[2]):
        return None, 0
    whole, fraction = found[1].lstrip("0"), (found[2] or "").rstrip("0")
    if len(fraction) > AMOUNT_PLACES or len(whole) > _DIGITS_MAX - 1:
        return None, 0
    return int(whole + fraction.ljust(AMOUNT_PLACES, "0")), len(fraction)


def _dates(value: str, entry: str, notes: list[EntryNote]) -> tuple[int | None, int | None]:
    """Value and booking day; the value day is the booking day where there is no entry date."""
    value_days, sentence = read_days(value)
    if sentence:
        notes.append(("MT94-DATE", f"value date {sentence}", value, "YYMMDD"))
    if not entry:
        return value_days, value_days
    booking_days, sentence = _entry_days(entry, value, value_days)
    if sentence:
        notes.append(("MT94-DATE", f"entry date {sentence}", entry, "MMDD"))
    if booking_days is None:
        booking_days = value_days
    return (booking_days if value_days is None else value_days), booking_days


@lru_cache(maxsize=4096)
def read_days(token: str) -> tuple[int | None, str]:
    """Days since 1970-01-01 of YYMMDD, and what is wrong with it.

    A day that its month does not have is the month's last: that is what February 30 means in the
    calendar of 30 days a month by which banks count interest.
    """
    year = int(token[:2])
    year += 2000 if year < _CENTURY_PIVOT else 1900
    month, day = int(token[2:4]), int(token[4:6])
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None, f"{token} is no date"
    last = calendar.monthrange(year, month)[1]
    days = (dt.date(year, month, min(day, last)) - _EPOCH).days
    if day <= last:
        return days, ""
    return days, f"{token} does not exist, the last day of the month is taken"


@lru_cache(maxsize=4096)
def _entry_days(token: str, value: str, value_days: int | None) -> tuple[int | None, str]:
    """Days of MMDD in the year that brings it next to the value date."""
    year = int(value[:2])
    years = [year] if value_days is None else [year, (year - 1) % 100, (year + 1) % 100]
    found = [read_days(f"{one:02}{token}") for one in years]
    if found[0][0] is None:
        return None, f"{token} is no date"
    near = value_days if value_days is not None else found[0][0]
    days, sentence = min(found, key=lambda one: abs((one[0] or 0) - near))
    return days, sentence and f"{token} does not exist, the last day of the month is taken"
