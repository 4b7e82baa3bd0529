"""RMR and ADX segments of a window as columns of remittance lines.

The same as `parsers.x12_remittance` reads one by one, for the segments nearly all files have: plain
text, amounts with at most as many decimals as the currency. Others are not `plain` and read there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.limits import AMOUNT_MINOR_MAX
from parsers.x12_remittance import CREDIT_QUALIFIERS, ORDER_QUALIFIERS, read_open_item
from parsers.x12_segments import SEGMENT_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets
    from parsers.x12_segments import SegmentTable

__all__ = [
    "LINE_KINDS",
    "LineColumns",
    "LineTable",
    "cut_lines",
    "join_lines",
    "no_lines",
    "read_decimals",
]

LINE_KINDS: Final = ("document", "purchase_order", "credit_memo", "")
"""Kinds of remittance lines, by their number in `LineColumns.kind`."""

_ITEM: Final = SEGMENT_NAMES.index("RMR")
_ADJUSTMENT: Final = SEGMENT_NAMES.index("ADX")
_DOCUMENT, _ORDER, _CREDIT, _NONE = range(len(LINE_KINDS))
_EXPONENT: Final = 2
_DIGITS_MAX: Final = 15
_QUALIFIER_LENGTH: Final = 2
_ZERO, _POINT, _PLUS, _MINUS = b"0.+-"


class LineColumns(msgspec.Struct):
    """One row per RMR or ADX segment. Amounts are minor units, 0 where not `given`.

    `is_item` tells RMR from ADX; `attached` is an ADX below an RMR, without a reference of its own;
    `names_credit` an RMR whose qualifier says credit memo.
    """

    reference: pa.StringArray
    reason: pa.StringArray
    kind: NDArray[np.uint8]
    amount: Offsets
    given: NDArray[np.bool_]
    discount: Offsets
    deduction: Offsets
    is_item: NDArray[np.bool_]
    attached: NDArray[np.bool_]
    names_credit: NDArray[np.bool_]

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.amount)

    def slice(self, start: int, stop: int) -> LineColumns:
        """Lines from `start` to `stop`."""
        return LineColumns(**{name: getattr(self, name)[start:stop] for name in _NAMES})


_NAMES: Final = LineColumns.__struct_fields__


def no_lines() -> LineColumns:
    """Columns without a row."""
    numbers, flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    return LineColumns(
        reference=pa.array([], pa.string()),
        reason=pa.array([], pa.string()),
        kind=np.empty(0, np.uint8),
        amount=numbers,
        given=flags,
        discount=numbers,
        deduction=numbers,
        is_item=flags,
        attached=flags,
        names_credit=flags,
    )


class LineTable:
    """The lines of one window: columns, which of them hold, and places for those that do not."""

    def __init__(self, table: SegmentTable, rows: Offsets, columns: LineColumns) -> None:
        """Lines of the segments `rows` of `table`."""
        self.rows = rows
        self._table = table
        self._columns = columns
        self._texts: dict[int, tuple[str, str]] = {}

    def attach(self, below: NDArray[np.bool_]) -> None:
        """Only an adjustment `below` an RMR (per segment) can belong to it."""
        self._columns.attached &= below[self.rows]

    def reread(self, line: int, exponent: int) -> list[str]:
        """Read a line the careful way, in a currency of `exponent`; gives what is no amount."""
        columns, odd = self._columns, list[str]()
        elements = self._table.elements(int(self.rows[line]))
        if not columns.is_item[line]:
            elements = _as_item(elements)
        number, kind, amount, discount, deduction, reason = read_open_item(elements, exponent, odd)
        columns.amount[line] = amount or 0
        columns.given[line] = amount is not None
        if columns.is_item[line]:
            columns.kind[line] = LINE_KINDS.index(kind)
        else:
            columns.kind[line] = _CREDIT if (amount or 0) < 0 and number else _NONE
        if amount is None and not columns.is_item[line] and not odd:
            odd.append("")
        columns.discount[line], columns.deduction[line] = discount, deduction
        self._texts[line] = (number, reason)
        return odd

    def columns(self) -> LineColumns:
        """All lines, reread ones in their places."""
        columns = self._columns
        if self._texts:
            mask = np.zeros(len(columns), np.bool_)
            places = sorted(self._texts)
            mask[places] = True
            for at, name in enumerate(("reference", "reason")):
                values = pa.array([self._texts[line][at] for line in places], pa.string())
                column = pc.replace_with_mask(getattr(columns, name), pa.array(mask), values)
                setattr(columns, name, column)
            self._texts = {}
        return columns


def _as_item(elements: Sequence[str]) -> list[str]:
    """`ADX*amount*reason*qualifier*reference` with its elements at the places of an RMR."""
    _, amount, reason, _, reference = (*elements, "", "", "", "")[:5]
    return ["RMR", "", reference, "", amount, "", "", reason]


def cut_lines(table: SegmentTable) -> tuple[LineTable, NDArray[np.bool_]]:
    """The lines of `table`, and which of them hold."""
    is_line = (table.kinds == _ITEM) | (table.kinds == _ADJUSTMENT)
    rows = np.flatnonzero(is_line)
    text = table.text
    is_item = table.kinds[rows] == _ITEM
    items, others = np.flatnonzero(is_item), np.flatnonzero(~is_item)

    def element(of_item: int, of_adjustment: int) -> tuple[Offsets, Offsets]:
        starts, stops = table.ranges(rows, of_item)
        if len(others):
            starts[others], stops[others] = table.ranges(rows[others], of_adjustment)
        return starts, stops

    starts, stops = element(4, 1)
    amount, plain = read_decimals(text, starts, stops)
    given = starts < stops
    adjustment = np.zeros(len(rows), np.int64)
    discount, fits = adjustment.copy(), np.ones(len(rows), np.bool_)
    discount[items], fits[items] = read_decimals(text, *table.ranges(rows[items], 6))
    plain &= fits & (given | is_item)
    adjustment[items], fits[items] = read_decimals(text, *table.ranges(rows[items], 8))
    plain &= fits & table.is_ordinary(rows)
    number = text.trimmed(*element(2, 4))
    is_order = _is_qualifier(table, rows, ORDER_QUALIFIERS) & is_item
    is_credit = _is_qualifier(table, rows, CREDIT_QUALIFIERS) & is_item
    negative = amount < 0
    kind = np.where(is_credit | negative, _CREDIT, _DOCUMENT)
    kind = np.where(is_order, _ORDER, kind)
    own = number[0] < number[1]
    kind = np.where(is_item, kind, np.where(negative & own, _CREDIT, _NONE))
    columns = LineColumns(
        reference=text.strings(*number),
        reason=text.strings(*text.trimmed(*element(7, 2))),
        kind=kind.astype(np.uint8),
        amount=amount,
        given=given,
        discount=np.abs(discount),
        deduction=np.abs(adjustment),
        is_item=is_item,
        attached=~is_item & ~own,
        names_credit=is_credit,
    )
    return LineTable(table, rows, columns), plain


def join_lines(chunks: Sequence[LineColumns]) -> LineColumns:
    """All lines of `chunks`, in their order."""
    if len(chunks) == 1:
        return chunks[0]
    joined = {}
    for name in _NAMES:
        values = [getattr(chunk, name) for chunk in (*chunks, no_lines())]
        is_text = name in ("reference", "reason")
        joined[name] = pa.concat_arrays(values) if is_text else np.concatenate(values)
    return LineColumns(**joined)


def _is_qualifier(
    table: SegmentTable, rows: Offsets, qualifiers: frozenset[str]
) -> NDArray[np.bool_]:
    """Whether the first element of each row is one of `qualifiers`, of two letters each."""
    starts, stops = table.ranges(rows, 1)
    first, second = table.text.at(starts), table.text.at(np.minimum(starts + 1, stops))
    found = np.zeros(len(rows), np.bool_)
    for qualifier in sorted(qualifiers):
        found |= (first == ord(qualifier[0])) & (second == ord(qualifier[1]))
    found &= stops - starts == _QUALIFIER_LENGTH
    return found


def read_decimals(
    text: ByteText, starts: Offsets, stops: Offsets
) -> tuple[Offsets, NDArray[np.bool_]]:
    """Minor units of each range (0 where empty), and whether it can be read here.

    Up to two decimals, a sign before, no blanks; anything else is left to the careful way.
    """
    given = starts < stops
    value, fits = np.zeros(len(starts), np.int64), ~given
    rows = np.flatnonzero(given)
    first = text.at(starts[rows])
    negative = first == _MINUS
    begin = starts[rows] + (negative | (first == _PLUS))
    stop = stops[rows]
    point = np.full(len(rows), -1)
    for decimals in range(_EXPONENT + 1):
        at = stop - 1 - decimals
        point = np.where((at >= begin) & (text.at(np.maximum(at, 0)) == _POINT), decimals, point)
    number, good = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    for decimals in range(-1, _EXPONENT + 1):
        of = np.flatnonzero(point == decimals)
        if len(of):
            number[of], good[of] = _digits(text, begin[of], stop[of], decimals)
    good &= number <= AMOUNT_MINOR_MAX
    value[rows] = np.where(good, np.where(negative, -number, number), 0)
    fits[rows] = good
    return value, fits


def _digits(
    text: ByteText, starts: Offsets, stops: Offsets, decimals: int
) -> tuple[Offsets, NDArray[np.bool_]]:
    """The numbers of ranges with `decimals` digits behind a point (-1: no point), and which are."""
    width = int((stops - starts).max())
    if width > _DIGITS_MAX:
        short = np.flatnonzero(stops - starts <= _DIGITS_MAX)
        number, good = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.bool_)
        if len(short):
            number[short], good[short] = _digits(text, starts[short], stops[short], decimals)
        return number, good
    places = [place for place in range(width) if place != decimals]
    scale = 10 ** (_EXPONENT - max(decimals, 0))
    value = np.zeros(len(starts), np.int64)
    good = stops - starts > (decimals >= 0)
    weight = scale
    for place in places:
        at = stops - 1 - place
        inside = at >= starts
        digit = text.at(np.maximum(at, 0)) - np.uint8(_ZERO)
        good &= (digit <= 9) | ~inside
        value += np.where(inside, digit, 0) * np.int64(weight)
        weight *= 10
    return value, good
