"""Fields of BAI2 records: amounts, dates, funds types, summaries. No state, no diagnostics.

Functions return what they read together with the name of what was odd about it (a diagnostic code
or an empty string), so that the reader of the file can say where it stood.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.bai2_types import ROW_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FUNDS_TYPES",
    "DetailFields",
    "Summary",
    "plain_fields",
    "read_amount",
    "read_date",
    "read_detail",
    "read_summaries",
    "read_time",
    "record_fields",
]

FUNDS_TYPES: Final = frozenset({"", "Z", "0", "1", "2", "S", "V", "D"})
"""Availability of the money: unknown, at once, in 1 day, in 2 or more, split, dated, spread."""

_PLAIN_FUNDS: Final = frozenset({"", "Z", "0", "1", "2"})
_AMOUNT_DIGITS_MAX: Final = 14
_AMOUNT: Final = re.compile(r"([-+]?)(\d*)(?:\.(\d*))?([-+]?)")
_AVAILABILITY: Final = re.compile(r"[-+]?\d*(?:\.\d*)?")
_DISTRIBUTIONS_MAX: Final = 99


class DetailFields(msgspec.Struct):
    """A 16 record cut into fields; `odd` is the code of the last oddity or empty.

    `value_date` is the token of a `V` funds type, empty otherwise. `texts` is the text of the
    record and of its 88 lines, one entry per line.
    """

    code: str
    amount: str
    funds: str
    value_date: str
    bank_reference: str
    customer_reference: str
    texts: list[str]
    odd: str = ""
    odd_value: str = ""


class Summary(msgspec.Struct, frozen=True):
    """One type of an 03 record: its code, its amount and its item count as they stand."""

    code: str
    amount: str
    item_count: str


def read_amount(token: str, exponent: int) -> tuple[int | None, str]:
    """Minor units of `token` and the code of its oddity; None where it is no amount.

    Plain digits are minor units already. A decimal point marks major units with a fraction.
    """
    if token.isdecimal():
        return int(token[:40]), ""
    found = _AMOUNT.fullmatch(token.strip(" "))
    if found is None or not (found[2] or found[3]) or (found[1] and found[4]):
        return None, "BAI-AMOUNT"
    whole, fraction, odd = found[2] or "0", found[3], "BAI-AMOUNT-SIGN"
    if fraction is not None:
        if fraction[exponent:].strip("0"):
            return None, "BAI-AMOUNT"
        whole, odd = whole + fraction[:exponent].ljust(exponent, "0"), "BAI-AMOUNT-POINT"
    value = int(whole[:40])
    return (-value if "-" in (found[1], found[4]) else value), odd


@lru_cache(maxsize=4096)
def read_date(token: str) -> dt.date | None:
    """YYMMDD or YYYYMMDD as a date; None where it is none. Two-digit years are 1980 to 2079."""
    token = token.strip(" ")
    if not token.isdecimal() or len(token) not in {6, 8}:
        return None
    year = int(token[:-4])
    if len(token) == 6:
        year += 2000 if year < 80 else 1900
    try:
        return dt.date(year, int(token[-4:-2]), int(token[-2:]))
    except ValueError:
        return None


def read_time(token: str) -> str | None:
    """`HHMM`, `HHMMSS`, `HH:MM` or `HH:MM:SS` as `HH:MM`; 2400 and 9999 mean the end of the day.

    None where it is no time; the empty string stays empty.
    """
    digits = token.strip(" ").replace(":", "")
    if not digits:
        return ""
    if digits in {"2400", "9999", "240000", "999999"}:
        return "24:00"
    if not digits.isdecimal() or len(digits) not in {3, 4, 6}:
        return None
    digits = digits.zfill(4)
    if int(digits[:2]) > 23 or int(digits[2:4]) > 59:
        return None
    return f"{digits[:2]}:{digits[2:4]}"


def record_fields(line: str, continuations: Sequence[str]) -> list[str]:
    """All fields of a record without text, its 88 lines joined: `/` at a line's end is a comma."""
    if not continuations:
        return _unterminated(line).split(",")
    parts = [_unterminated(line)]
    parts.extend(_unterminated(more[3:]) for more in continuations)
    return ",".join(parts).split(",")


def read_summaries(line: str, continuations: Sequence[str]) -> tuple[list[Summary], str]:
    """The types of an 03 record (fields after the currency), wherever its lines were cut.

    Banks write a comma too many before the `/` and cut the groups of four over 88 lines, both
    within one record; where a type is expected, empty fields are skipped. The second value is what
    could not be read, empty where all was.
    """
    fields = record_fields(line, continuations)
    firsts = _first_fields(line, continuations) if continuations else frozenset()
    found: list[Summary] = []
    at, end = 3, len(fields)
    while at < end:
        code = fields[at].strip(" ")
        if not code:
            at += 1
            continue
        if not code.isdecimal() or len(code) > 3:
            return found, ",".join(fields[at : at + 4])
        amount = fields[at + 1].strip(" ") if at + 1 < end else ""
        at += 2
        count = ""
        if at < end and not (at in firsts and _starts_type(fields, at)):
            count = fields[at].strip(" ")
            at += 1
            if at < end and fields[at].strip(" ") in FUNDS_TYPES:
                at = _after_funds(fields, at)
        found.append(Summary(code.zfill(3), amount, count))
    return found, ""


def _unterminated(line: str) -> str:
    """`line` without the `/` that ends it."""
    return line.removesuffix("/")


def _first_fields(line: str, continuations: Sequence[str]) -> frozenset[int]:
    """Positions, among the joined fields, of the first field of each 88 line."""
    positions: list[int] = []
    at = line.count(",") + 1
    for more in continuations:
        positions.append(at)
        at += more.count(",")
    return frozenset(positions)


def _starts_type(fields: list[str], at: int) -> bool:
    """Whether an 88 line begins a new type here rather than with the item count of the last one."""
    return (
        len(fields[at]) == 3
        and fields[at].isdecimal()
        and at + 1 < len(fields)
        and fields[at + 1].strip(" ") not in FUNDS_TYPES
    )


def _after_funds(fields: list[str], at: int) -> int:
    """Position after the funds type at `at` and its parts."""
    funds = fields[at].strip(" ")
    parts = 0
    if funds == "S" and _all_availability(fields[at + 1 : at + 4]):
        parts = 3
    elif funds == "V" and at + 1 < len(fields):
        parts = 2 if not fields[at + 1] or read_date(fields[at + 1]) else 0
    elif funds == "D" and at + 1 < len(fields):
        parts = _distribution_parts(fields[at + 1])
    return min(at + 1 + parts, len(fields))


def _all_availability(parts: Sequence[str]) -> bool:
    return len(parts) == 3 and all(_AVAILABILITY.fullmatch(part.strip(" ")) for part in parts)


def _distribution_parts(token: str) -> int:
    """Fields after `D`: the number of distributions and two for each; 0 where it is no number."""
    digits = token.strip(" ")
    if not digits.isdecimal() or len(digits) > 2 or int(digits) > _DISTRIBUTIONS_MAX:
        return 0
    return 1 + 2 * int(digits)


def plain_fields(line: str) -> tuple[str, int, str, str, str, str] | None:
    """(type, amount, value date, bank reference, customer reference, text) of an ordinary row.

    None where anything about the row is unusual and `read_detail` has to look at it.
    """
    parts = line.split(",", 4)
    if len(parts) < 5:
        return None
    _, code, amount, funds, rest = parts
    if funds in _PLAIN_FUNDS:
        value_token = ""
        tail = rest.split(",", 2)
    elif funds == "V":
        value_token, *tail = rest.split(",", 4)
        if tail and tail[0] and not tail[0].isdecimal():
            return None
        tail = tail[1:]
    else:
        return None
    if len(tail) != 3 or code not in ROW_KINDS:
        return None
    if not amount.isdecimal() or len(amount) > _AMOUNT_DIGITS_MAX:
        return None
    return code, int(amount), value_token, tail[0], tail[1], tail[2]


def read_detail(line: str, continuations: Sequence[str]) -> DetailFields:
    """Cut a 16 record of any shape: funds types with parts, fields on 88 lines, no text at all."""
    head = line.split(",", 1)[1] if "," in line else ""
    rest = _Rest(head, [more[3:] for more in continuations])
    code = rest.take().strip(" ")
    amount = rest.take().strip(" ")
    odd = odd_value = ""
    if not code and len(amount) == 3 and amount.isdecimal() and rest.peek().isdecimal():
        code, amount = amount, rest.take()
        odd, odd_value = "BAI-EXTRA-FIELD", line[:24]
    detail = DetailFields(code, amount, "", "", "", "", [], odd, odd_value)
    _read_funds(rest, detail)
    detail.bank_reference = rest.take_reference()
    detail.customer_reference = rest.take_reference()
    detail.texts = rest.texts()
    return detail


def _read_funds(rest: _Rest, detail: DetailFields) -> None:
    """Consume the funds type and its parts."""
    funds = rest.peek().strip(" ")
    if funds not in FUNDS_TYPES:
        if rest.has_fields():
            detail.odd, detail.odd_value = "BAI-FUNDS", funds
            if len(funds) <= 1:
                rest.take()
        return
    rest.take()
    detail.funds = funds
    if funds == "S":
        if _all_availability(rest.peek_many(3)):
            rest.drop(3)
        else:
            detail.odd, detail.odd_value = "BAI-FUNDS", f"S,{rest.peek()}"
    elif funds == "V":
        _read_value_date(rest, detail)
    elif funds == "D":
        parts = _distribution_parts(rest.peek())
        if parts:
            rest.drop(parts)
        else:
            detail.odd, detail.odd_value = "BAI-FUNDS", f"D,{rest.peek()}"


def _read_value_date(rest: _Rest, detail: DetailFields) -> None:
    """Consume date and time of a `V` funds type; a part that is none is left to what follows."""
    token = rest.peek().strip(" ")
    if token and not token.isdecimal():
        detail.odd, detail.odd_value = "BAI-FUNDS", f"V,{token}"
        return
    detail.value_date = rest.take().strip(" ")
    time = rest.peek().strip(" ")
    if time and read_time(time) is None:
        detail.odd, detail.odd_value = "BAI-FUNDS", f"V,{token},{time}"
    else:
        rest.take()


class _Rest:
    """The unread part of a 16 record: its line, then its 88 lines as more fields or as text."""

    def __init__(self, head: str, lines: list[str]) -> None:
        self._fields: list[str] = []
        self._end = ""
        self._tail: str | None = self._opened(head)
        self._lines = lines
        self._next = 0

    def _fill(self, count: int) -> None:
        """Have `count` fields at hand where there are as many, fetching 88 lines."""
        fields = self._fields
        while len(fields) < count:
            if self._tail is None:
                if self._next >= len(self._lines) or not _may_hold_fields(self._lines[self._next]):
                    return
                self._tail = self._opened(self._lines[self._next])
                self._next += 1
            parts = self._tail.split(",", count - len(fields))
            wanted = count - len(fields)
            if len(parts) > wanted:
                self._tail = parts.pop()
            else:
                self._tail = None
            fields.extend(parts)

    def _opened(self, line: str) -> str:
        """`line` as fields, without the `/` that ends them; as text it keeps it."""
        self._end = "/" if line.endswith("/") else ""
        return _unterminated(line)

    def has_fields(self) -> bool:
        self._fill(1)
        return bool(self._fields)

    def peek(self) -> str:
        self._fill(1)
        return self._fields[0] if self._fields else ""

    def peek_many(self, count: int) -> list[str]:
        self._fill(count)
        return self._fields[:count]

    def take(self) -> str:
        self._fill(1)
        return self._fields.pop(0) if self._fields else ""

    def take_reference(self) -> str:
        """A reference; an 88 line that reads like text is none."""
        if not self._fields and self._tail is None and self._next < len(self._lines):
            line = self._lines[self._next]
            first, comma, _ = line.partition(",")
            if not comma or " " in first.strip(" ") or ":" in first:
                return ""
        return self.take().strip(" ")

    def drop(self, count: int) -> None:
        self._fill(count)
        del self._fields[:count]

    def texts(self) -> list[str]:
        """What is left: the text of the record and each 88 line, as they stand."""
        tail = [] if self._tail is None else [self._tail]
        first = ",".join(self._fields + tail) + self._end
        texts = [first, *self._lines[self._next :]]
        self._fields, self._tail, self._next = [], None, len(self._lines)
        return texts


def _may_hold_fields(line: str) -> bool:
    """Whether an 88 line may go on with fields: a comma, and nothing like `KEY: text`."""
    first, comma, _ = line.partition(",")
    return bool(comma) and ":" not in first and " " not in first.strip(" ")
