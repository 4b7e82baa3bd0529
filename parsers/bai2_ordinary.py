"""Ordinary 16 records of a window to payments, all at once, as Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from parsers.bai2_accounts import merge_codes
from parsers.bai2_columns import KINDS
from parsers.bai2_types import METHODS, NON_RECEIVABLE, ROW_KINDS
from parsers.text_columns import TextLines, read_text_columns

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    from parsers.bai2_columns import DetailColumns
    from parsers.bai2_cuts import WindowCut
    from parsers.bai2_records import RecordTable
    from parsers.byte_slices import ByteText, Offsets
    from parsers.text_columns import LineColumns

__all__ = ["AccountRange", "OrdinaryBlock", "filled", "provenance", "read_ordinary"]

_CREDIT, _RETURN = KINDS.index("credit"), KINDS.index("return")
_CODE_TEXTS: Final = pa.array(list(ROW_KINDS), pa.string())
_METHOD_TEXTS: Final = pa.array([METHODS.get(code, "other") for code in ROW_KINDS], pa.string())
_IS_NON_RECEIVABLE: Final = np.array(
    [code in NON_RECEIVABLE and kind == "credit" for code, kind in ROW_KINDS.items()]
)


class AccountRange(msgspec.Struct, frozen=True, kw_only=True):
    """The rows `low` to `high` of a window belong to this account.

    `codes` are intake codes of its receivables, `doubtful_codes` of what is none.
    """

    low: int
    high: int
    number: str
    currency: str
    exponent: int
    booking_date: dt.date | None
    codes: str
    doubtful_codes: str


class OrdinaryBlock(msgspec.Struct, frozen=True):
    """Payments of the ordinary rows of a window.

    `columns` are of `engine.schemas.PAYMENT`; `first` is each payment's physical record. `lines`
    are remittance lines by the payment's place among them, `odd` are (physical record, addenda
    value).
    """

    first: Offsets
    columns: dict[str, Any]
    lines: list[LineColumns]
    odd: list[tuple[int, str]]


def read_ordinary(
    window: WindowCut,
    ranges: list[AccountRange],
    exceptions: tuple[Offsets, Offsets],
    first_line: int,
) -> tuple[OrdinaryBlock | None, dict[str, int]]:
    """The payments among the rows of a window, and the number of other rows by reason.

    Rows outside `ranges` are left out. `exceptions` are rows to leave out, and rows to hold.
    `first_line` is the line of the file in which the window begins.
    """
    table, cut = window.table, window.columns
    if cut is None or table.text is None:
        return None, {}
    owner = np.full(len(cut.code), -1, np.int64)
    for number, account in enumerate(ranges):
        owner[account.low : account.high] = number
    claimed = (owner >= 0) & cut.is_ordinary
    is_money = claimed & ((cut.kind == _CREDIT) | (cut.kind == _RETURN))
    has_amount = cut.amount > 0
    counts = _counts(cut, claimed & ~is_money)
    counts["zero_amount"] = int((is_money & ~has_amount).sum())
    is_money &= has_amount
    dropped, held = exceptions
    is_money[dropped] = False
    kept = np.flatnonzero(is_money)
    if not len(kept):
        return None, counts
    text = table.text
    account_of = owner[kept]
    exponents = np.array([rows.exponent for rows in ranges], np.int64)[account_of]
    returned = cut.kind[kept] == _RETURN
    first, after = window.first[kept], window.after[kept]
    lines = _text_lines(table, cut, kept, first, after)
    found = read_text_columns(text, lines, exponents, returned)
    columns = (
        provenance(table, first, after, first_line)
        | _account_columns(cut, ranges, kept, account_of, np.isin(kept, held))
        | _row_columns(text, cut, kept, returned)
        | found.columns
    )
    if returned.any():
        columns["original_reference"] = _originals(columns, returned)
    odd = [(int(first[row]), value) for row, value in found.odd]
    return OrdinaryBlock(first, columns, found.lines, odd), counts


def _counts(cut: DetailColumns, is_counted: NDArray[np.bool_]) -> dict[str, int]:
    """Rows that are no payments, by reason."""
    kinds = np.bincount(cut.kind[is_counted], minlength=len(KINDS)).tolist()
    return dict(zip(KINDS, kinds, strict=True))


def _text_lines(
    table: RecordTable, cut: DetailColumns, kept: Offsets, first: Offsets, after: Offsets
) -> TextLines:
    """The text of each kept row and of its 88 lines."""
    counts = after - first
    ends = np.cumsum(counts)
    begin = ends - counts
    owner = np.repeat(np.arange(len(kept)), counts)
    record = np.arange(len(owner)) + np.repeat(first - begin, counts)
    starts, stops = table.starts.take(record) + 3, table.stops.take(record)
    starts[begin], stops[begin] = cut.text[0][kept], cut.text[1][kept]
    return TextLines(owner, begin, starts, stops)


def provenance(
    table: RecordTable, first: Offsets, after: Offsets, first_line: int
) -> dict[str, Any]:
    """Where payments stand in the file: their records are `first` to `after` of `table`."""
    starts = table.starts.take(first)
    return {
        "source_line": pa.array(table.numbers.take(first) + first_line),
        "source_offset": pa.array(starts + table.offset),
        "source_length": pa.array(table.stops.take(after - 1) - starts),
    }


def _account_columns(
    cut: DetailColumns,
    ranges: list[AccountRange],
    kept: Offsets,
    account: Offsets,
    is_held: NDArray[np.bool_],
) -> dict[str, Any]:
    """What payments inherit from their accounts; one value where there is one account."""
    given = pa.array([rows.booking_date for rows in ranges], pa.date32())
    lists = {
        "bank_account": pa.array([rows.number for rows in ranges], pa.string()),
        "currency": pa.array([rows.currency for rows in ranges], pa.string()),
        "booking_date": given,
    }
    low, high = int(account[0]), int(account[-1])
    accounts = pa.array(account)
    columns: dict[str, Any] = {
        name: values[low] if low == high else pa.DictionaryArray.from_arrays(accounts, values)
        for name, values in lists.items()
    }
    dated = cut.has_value_date[kept]
    if dated.any():
        stated = pa.array(cut.value_days[kept].astype(np.int32), mask=~dated)
        columns["value_date"] = arrow.coalesce(
            arrow.cast(stated, pa.date32()), arrow.take(given, accounts)
        )
    else:
        columns["value_date"] = columns["booking_date"]
    codes = _intake_codes(cut.code[kept], ranges, account, is_held)
    if codes is not None:
        columns["intake_codes"] = codes
    return columns


def _intake_codes(
    code: Offsets, ranges: list[AccountRange], account: Offsets, is_held: NDArray[np.bool_]
) -> pa.Array | None:
    """Intake codes of each payment; None where none has any."""
    doubtful = _IS_NON_RECEIVABLE.take(code)
    codes = [rows.codes for rows in ranges]
    if not (doubtful.any() or is_held.any() or any(codes)):
        return None
    codes += [rows.doubtful_codes for rows in ranges]
    codes += [merge_codes(own, "IN-FORMAT") for own in codes]
    places = account + len(ranges) * (doubtful + 2 * is_held)
    return arrow.take(pa.array(codes, pa.string()), pa.array(places))


def filled(column: Any, kind: pa.DataType, rows: int) -> pa.Array:
    """A column of `rows` values, which may be one value for all of them, or absent."""
    if column is None:
        return pa.repeat(pa.scalar("", kind), rows) if kind == pa.string() else pa.nulls(rows, kind)
    if isinstance(column, pa.Scalar):
        return pa.repeat(column, rows)
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def _row_columns(
    text: ByteText, cut: DetailColumns, kept: Offsets, returned: NDArray[np.bool_]
) -> dict[str, Any]:
    """What the rows themselves say, text apart."""
    amounts = np.where(returned, -cut.amount[kept], cut.amount[kept])
    code = pa.array(cut.code[kept])
    return {
        "amount_minor": pa.array(amounts),
        "type_code": arrow.take(_CODE_TEXTS, code),
        "method": arrow.take(_METHOD_TEXTS, code),
        "bank_reference": text.strings(cut.bank[0][kept], cut.bank[1][kept]),
        "customer_reference": text.strings(cut.customer[0][kept], cut.customer[1][kept]),
    }


def _originals(columns: dict[str, Any], returned: NDArray[np.bool_]) -> pa.Array:
    """What returns say about the payment that came back; empty for other rows."""
    found = columns["bank_reference"]
    for name in ("end_to_end_id", "customer_reference"):
        better = columns.get(name)
        if better is not None:
            found = arrow.if_else(arrow.equal(better, ""), found, better)
    return arrow.if_else(pa.array(returned), found, "")
