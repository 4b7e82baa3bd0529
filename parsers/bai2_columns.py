"""Ordinary 16 records of a file as columns: types, amounts, dates and references cut at once.

A row is ordinary where its line holds all its fields, its funds type is none or dated, its amount
is digits, and its type is a credit, or money out that is only counted. All other rows are left to
the reader that looks at them one by one (`parsers.bai2_rows`), which is also the specification of
what is cut here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.bai2_fields import read_date
from parsers.bai2_types import PARENTS_OF_ITEM, RETURNS, ROW_KINDS, SUMMARY_CREDITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets

__all__ = ["COUNTED_KINDS", "DetailColumns", "cut_details"]

COUNTED_KINDS: Final = ("credit", "debit", "loan", "status", "information")
"""Kinds of ordinary rows, by their number in `DetailColumns.kind`."""

_COMMA: Final = 44
_CODE_END: Final = 6
_AMOUNT_DIGITS_MAX: Final = 14
_NO_VALUE_DATE: Final = np.iinfo(np.int64).min
_KIND_OF_CODE: Final = np.array(
    [COUNTED_KINDS.index(kind) if kind in COUNTED_KINDS else -1 for kind in ROW_KINDS.values()]
)
_TAKES_A_LOOK: Final = np.array([code in RETURNS or code in SUMMARY_CREDITS for code in ROW_KINDS])
_IS_ITEM: Final = np.array([code in PARENTS_OF_ITEM for code in ROW_KINDS])


class DetailColumns(msgspec.Struct, frozen=True):
    """All 16 records of a file, one entry each; cut fields hold only where `is_ordinary`.

    `first` and `after` are indices of physical records; ranges are byte offsets. The `until`
    columns have one entry more: sums of the rows before that index.
    """

    first: Offsets
    after: Offsets
    is_ordinary: NDArray[np.bool_]
    code: Offsets
    amount_minor: Offsets
    kind: Offsets
    value_days: Offsets
    has_value_date: NDArray[np.bool_]
    bank: tuple[Offsets, Offsets]
    customer: tuple[Offsets, Offsets]
    text: tuple[Offsets, Offsets]
    items_until: Offsets
    amount_until: Offsets
    debit_until: Offsets
    credit_until: Offsets
    credit_rows_until: Offsets
    odd: Offsets

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

    def has_items(self, low: int, high: int) -> bool:
        """Whether one of the rows is an item in a deposit."""
        return bool(self.items_until[high] > self.items_until[low])


def cut_details(
    text: ByteText, starts: Offsets, stops: Offsets, first: Offsets, after: Offsets
) -> DetailColumns:
    """Cut the 16 records at `first` of the physical records `starts` to `stops`."""
    begin, end = starts[first], stops[first]
    comma = text.positions(_COMMA)
    at = text.next_index(_COMMA, begin)
    limit = len(comma) - 1

    def field(number: Offsets | int) -> Offsets:
        """Offset of the comma that ends field `number` (0 is the record code)."""
        ends: Offsets = comma[np.minimum(at + number, limit)]
        return ends

    code, is_code = text.numbers(begin + 3, field(1), 3)
    amount, is_amount = text.numbers(field(1) + 1, np.minimum(field(2), end), _AMOUNT_DIGITS_MAX)
    funds = text.at(np.minimum(field(2) + 1, end))
    width = field(3) - field(2) - 1
    is_dated = (width == 1) & (funds == ord("V"))
    is_plain = (width == 0) | ((width == 1) & np.isin(funds, [ord(letter) for letter in "Z012"]))
    shift = np.where(is_dated, 2, 0)
    customer_end = field(5 + shift)
    fits = (is_dated | is_plain) & (customer_end < end) & (field(1) - begin == _CODE_END)
    value_days, has_value_date, is_date = _value_dates(text, field(3), field(4), is_dated & fits)
    _, is_time = text.numbers(field(4) + 1, np.where(is_dated & fits, field(5), field(4) + 1), 6)
    is_time = (is_time > 0) | ~is_dated | (field(5) == field(4) + 1)
    kind = np.where(is_code > 0, _KIND_OF_CODE[np.where(is_code > 0, code, 0)], -1)
    looks = _TAKES_A_LOOK[np.where(is_code > 0, code, 0)]
    good = fits & (is_code > 0) & (is_amount > 0) & is_date & is_time & (kind >= 0) & ~looks
    amount = np.where(good, amount, 0)
    is_debit, is_credit = good & (kind == 1), good & (kind == 0)
    item = (is_code > 0) & _IS_ITEM[np.where(is_code > 0, code, 0)]
    return DetailColumns(
        first=first,
        after=after,
        is_ordinary=good,
        code=code,
        amount_minor=amount,
        kind=kind,
        value_days=value_days,
        has_value_date=has_value_date,
        bank=_cut(text, good, field(3 + shift) + 1, field(4 + shift)),
        customer=_cut(text, good, field(4 + shift) + 1, customer_end),
        text=(np.where(good, customer_end + 1, 0), np.where(good, end, 0)),
        items_until=_until(item),
        amount_until=_until(amount),
        debit_until=_until(np.where(is_debit, amount, 0)),
        credit_until=_until(np.where(is_credit, amount, 0)),
        credit_rows_until=_until(is_credit),
        odd=np.flatnonzero(~good),
    )


def _cut(
    text: ByteText, good: NDArray[np.bool_], starts: Offsets, stops: Offsets
) -> tuple[Offsets, Offsets]:
    """Trimmed ranges of good rows; empty ones of the others."""
    return text.trimmed(np.where(good, starts, 0), np.where(good, stops, 0))


def _until(values: NDArray[np.int64] | NDArray[np.bool_]) -> Offsets:
    """Sum of the values before each index; one entry more than `values`."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def _value_dates(
    text: ByteText, before: Offsets, stops: Offsets, is_dated: NDArray[np.bool_]
) -> tuple[Offsets, NDArray[np.bool_], NDArray[np.bool_]]:
    """Days since 1970 of dated rows, whether there is a date, and whether it can be read."""
    days = np.zeros(len(before), np.int64)
    has = np.zeros(len(before), np.bool_)
    good = np.ones(len(before), np.bool_)
    rows = np.flatnonzero(is_dated)
    if len(rows):
        tokens = text.strings(before[rows] + 1, stops[rows]).dictionary_encode()
        values = []
        for token in tokens.dictionary.to_pylist():
            found = read_date(token)
            values.append(_NO_VALUE_DATE if found is None else found.toordinal() - 719_163)
        known = np.array(values, np.int64)[tokens.indices.to_numpy(zero_copy_only=False)]
        is_blank = stops[rows] == before[rows] + 1
        good[rows] = is_blank | (known != _NO_VALUE_DATE)
        has[rows] = ~is_blank & good[rows]
        days[rows] = np.where(has[rows], known, 0)
    return days, has, good
