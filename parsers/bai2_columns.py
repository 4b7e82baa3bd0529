"""Ordinary 16 records of a window as columns: types, amounts, dates, references cut at once.

A row is ordinary where its own line holds its fields up to the references, its amount is digits,
and its type is no total. All other rows are left to the reader that looks at them one by one
(`parsers.bai2_rows`), which is also the specification of what is cut here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.bai2_fields import read_date
from parsers.bai2_items import IS_ITEM, PAIR_OF_CODE
from parsers.bai2_types import ROW_KINDS, SUMMARY_CREDITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.bai2_records import RecordTable
    from parsers.byte_slices import ByteText, Offsets

    Mask = NDArray[np.bool_]

__all__ = ["KINDS", "DetailColumns", "cut_details", "detail_rows"]

KINDS: Final = ("credit", "return", "debit", "loan", "status", "information")
"""Kinds of rows, by their number in `DetailColumns.kind`."""

_DETAIL: Final = 16
_CONTINUATION: Final = 88
_CREDIT, _RETURN, _DEBIT = (KINDS.index(kind) for kind in ("credit", "return", "debit"))
_CODE_END: Final = 6
_AMOUNT_DIGITS_MAX: Final = 14
_DATE_DIGITS_MAX: Final = 8
_TIME_DIGITS: Final = 4
_AVAILABILITY_DIGITS_MAX: Final = 16
_NO_VALUE_DATE: Final = np.iinfo(np.int64).min
_DAYS_TO_1970: Final = 719_163
_KIND_OF_CODE: Final = np.array([KINDS.index(kind) for kind in ROW_KINDS.values()], np.int8)
_TAKES_A_LOOK: Final = np.array([code in SUMMARY_CREDITS for code in ROW_KINDS])
_IS_PLAIN_FUNDS: Final = np.zeros(256, np.bool_)
_IS_PLAIN_FUNDS[[ord(letter) for letter in "Z012"]] = True


class DetailColumns(msgspec.Struct, frozen=True):
    """All 16 records of a window, one entry each; cut fields hold only where `is_ordinary`.

    Ranges are byte offsets. The `until` columns have one entry more: sums of the rows before that
    index. `odd` are the rows that are not ordinary, `levels` the deposits and items among those
    that are.
    """

    is_ordinary: Mask
    code: Offsets
    amount: Offsets
    kind: NDArray[np.int8]
    value_days: Offsets
    has_value_date: Mask
    bank: tuple[Offsets, Offsets]
    customer: tuple[Offsets, Offsets]
    text: tuple[Offsets, Offsets]
    amount_until: Offsets
    debit_until: Offsets
    credit_until: Offsets
    credit_rows_until: Offsets
    odd: Offsets
    levels: Offsets
    has_items: bool

    def sums(self, low: int, high: int) -> tuple[int, int, int, int]:
        """(amount, debits, credits, number of credits) of the ordinary rows `low` to `high`."""
        return (
            int(self.amount_until[high] - self.amount_until[low]),
            int(self.debit_until[high] - self.debit_until[low]),
            int(self.credit_until[high] - self.credit_until[low]),
            int(self.credit_rows_until[high] - self.credit_rows_until[low]),
        )

    def odd_between(self, low: int, high: int) -> list[int]:
        """The rows from `low` to `high` that are not ordinary."""
        begin, end = np.searchsorted(self.odd, [low, high])
        odd: list[int] = self.odd[begin:end].tolist()
        return odd


def detail_rows(table: RecordTable) -> tuple[Offsets, Offsets]:
    """(first, after): the 16 records of `table` with their 88 lines, as indices of records."""
    heads = np.flatnonzero(table.codes != _CONTINUATION)
    details = np.flatnonzero(table.codes[heads] == _DETAIL)
    return heads[details], np.append(heads, len(table.codes))[details + 1]


class _Separators:
    """Where the fields of each row end: at its commas, and the last one with its line."""

    def __init__(self, text: ByteText, begin: Offsets, end: Offsets) -> None:
        self._comma = text.positions(b",")
        self._at = text.next_index(b",", begin)
        self._last = len(self._comma) - 1
        self._end = end

    def comma(self, number: Offsets | int) -> Offsets:
        """Offset of the comma behind field `number` (0 is the record code), wherever it is."""
        found: Offsets = self._comma.take(np.minimum(self._at + number, self._last))
        return found

    def after(self, number: Offsets | int) -> Offsets:
        """Where field `number` ends."""
        return np.minimum(self.comma(number), self._end)


def cut_details(table: RecordTable, first: Offsets, after: Offsets) -> DetailColumns:
    """Cut the 16 records `first` of a regular table; their 88 lines end before `after`."""
    text = table.text
    assert text is not None  # noqa: S101 - only called for tables with text
    begin, stop = table.starts[first], table.stops[first]
    end = stop - (text.at(stop - 1) == ord("/"))
    fields = _Separators(text, begin, end)
    code, is_code = _type_codes(text, begin, fields)
    amount_end, funds_end = fields.after(2), fields.after(3)
    amount, is_amount = text.numbers(fields.after(1) + 1, amount_end, _AMOUNT_DIGITS_MAX)
    funds = _funds(text, fields, amount_end, funds_end)
    shift = funds.shift
    bank_end, customer_comma = fields.after(4 + shift), fields.comma(5 + shift)
    has_text = customer_comma < end
    fits = has_text | (bank_end < end) | (after == first + 1)
    kind = _KIND_OF_CODE.take(code)
    good = fits & is_code & is_amount & funds.is_good & ~_TAKES_A_LOOK.take(code)
    amount = np.where(good, amount, 0)
    levels = np.flatnonzero((PAIR_OF_CODE.take(code) >= 0) & (amount > 0))
    is_debit = good & ((kind == _DEBIT) | (kind == _RETURN))
    is_credit = good & (kind == _CREDIT)
    customer_end = np.minimum(customer_comma, end)
    return DetailColumns(
        is_ordinary=good,
        code=code,
        amount=amount,
        kind=kind,
        value_days=funds.value_days,
        has_value_date=funds.has_value_date,
        bank=text.trimmed(*_cut(good, fields.after(3 + shift) + 1, bank_end, end)),
        customer=text.trimmed(*_cut(good, bank_end + 1, customer_end, end)),
        text=_cut(good, customer_end + 1, np.where(has_text, stop, end), stop),
        amount_until=_until(amount),
        debit_until=_until(np.where(is_debit, amount, 0)),
        credit_until=_until(np.where(is_credit, amount, 0)),
        credit_rows_until=_until(is_credit),
        odd=np.flatnonzero(~good),
        levels=levels,
        has_items=bool(IS_ITEM[code[levels]].any()),
    )


def _cut(good: Mask, starts: Offsets, stops: Offsets, end: Offsets) -> tuple[Offsets, Offsets]:
    """Ranges of good rows; empty ones of the others, and of fields the line does not have."""
    starts = np.minimum(starts, end)
    return starts, np.where(good, np.maximum(starts, stops), starts)


def _type_codes(text: ByteText, begin: Offsets, fields: _Separators) -> tuple[Offsets, Mask]:
    """The type code of each row (0 where there is none) and whether it is three digits."""
    hundreds, tens, ones = (text.at(begin + at) - np.uint8(ord("0")) for at in (3, 4, 5))
    good = (hundreds < 10) & (tens < 10) & (ones < 10) & (fields.after(1) == begin + _CODE_END)
    code = hundreds * np.int64(100) + tens * np.int64(10) + ones
    return np.where(good, code, 0), good


class _Funds(msgspec.Struct, frozen=True):
    """Funds types: how many fields their parts take, and whether they can be read here."""

    shift: Offsets
    is_good: Mask
    value_days: Offsets
    has_value_date: Mask


def _funds(text: ByteText, fields: _Separators, before: Offsets, stops: Offsets) -> _Funds:
    """The funds type of each row, which stands between the separators `before` and `stops`."""
    letter = text.at(before + 1)
    width = stops - before - 1
    is_single = width == 1
    rows = len(before)
    good = (width <= 0) | (is_single & _IS_PLAIN_FUNDS.take(letter))
    shift = np.zeros(rows, np.int64)
    days, has_date = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    others = np.flatnonzero(is_single & ~good)
    if not len(others):
        return _Funds(shift, good, days, has_date)
    dated = others[letter[others] == ord("V")]
    shift[dated] = 2
    split = others[letter[others] == ord("S")]
    shift[split] = 3
    spread = others[letter[others] == ord("D")]
    begin, end = stops, fields.after(4)
    count, is_count = text.numbers(begin[spread] + 1, end[spread], 2)
    shift[spread] = 1 + 2 * count
    good[spread] = is_count
    found, given, is_date = _value_dates(text, begin[dated] + 1, end[dated])
    days[dated], has_date[dated] = found, given
    time_end = fields.after(5)
    good[dated] = is_date & _is_time(text, end[dated], time_end[dated])
    if len(split):
        part = [begin, end, time_end, fields.after(6)]
        is_split = fields.comma(5)[split] == time_end[split]
        for number in range(3):
            is_split &= _is_digits(
                text, part[number][split], part[number + 1][split], _AVAILABILITY_DIGITS_MAX
            )
        good[split] = is_split
    return _Funds(shift, good, days, has_date)


def _is_time(text: ByteText, before: Offsets, stops: Offsets) -> Mask:
    """Whether the fields behind the separators `before` are empty or an hour and minute; rarer
    ways to write a time are left to the reader of single rows.
    """
    good = stops <= before + 1
    given = np.flatnonzero(~good)
    if len(given):
        length = (stops - before - 1)[given]
        value, is_number = text.numbers(before[given] + 1, stops[given], _TIME_DIGITS)
        is_clock = (value // 100 < 24) & (value % 100 < 60)
        good[given] = is_number & is_clock & (length == _TIME_DIGITS)
    return good


def _is_digits(text: ByteText, before: Offsets, stops: Offsets, digits_max: int) -> Mask:
    """Whether the fields behind the separators `before` are digits or empty."""
    good = stops <= before + 1
    given = np.flatnonzero(~good)
    if len(given):
        _, good[given] = text.numbers(before[given] + 1, stops[given], digits_max)
    return good


def _until(values: NDArray[np.int64] | Mask) -> Offsets:
    """Sum of the values before each index; one entry more than `values`."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _value_dates(text: ByteText, starts: Offsets, stops: Offsets) -> tuple[Offsets, Mask, Mask]:
    """Days since 1970 of each date, whether there is one, and whether it can be read."""
    width = stops - starts
    token, has = text.numbers(starts, stops, _DATE_DIGITS_MAX)
    key = np.where(has, token + width * 10**_DATE_DIGITS_MAX, 0)
    ordered = np.sort(key)
    is_first = np.append(True, ordered[1:] != ordered[:-1]) if len(ordered) else ordered > 0
    distinct = ordered[is_first]
    days = []
    for value in distinct.tolist():
        length, digits = divmod(value, 10**_DATE_DIGITS_MAX)
        found = read_date(f"{digits:0{length}d}") if length else None
        days.append(_NO_VALUE_DATE if found is None else found.toordinal() - _DAYS_TO_1970)
    known = np.array(days, np.int64).take(np.searchsorted(distinct, key))
    has &= known != _NO_VALUE_DATE
    return np.where(has, known, 0), has, has | (width <= 0)
