"""Ordinary 16 records to payments, all of a file at once, as Arrow columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.bai2_columns import COUNTED_KINDS, DetailColumns
from parsers.bai2_types import NON_RECEIVABLE, ROW_KINDS
from parsers.text_columns import TextLines, read_text_columns

if TYPE_CHECKING:
    import datetime as dt

    from numpy.typing import NDArray

    from parsers.bai2_records import RecordTable
    from parsers.byte_slices import ByteText, Offsets
    from parsers.x12_remittance import RemittanceEntry

__all__ = ["ROW_COLUMNS", "AccountRange", "OrdinaryBlock", "OrdinaryRows"]

ROW_COLUMNS: Final = {
    "first": pa.int64(),
    "after": pa.int64(),
    "amount_minor": pa.int64(),
    "type_code": pa.string(),
    "bank_account": pa.string(),
    "currency": pa.string(),
    "booking_date": pa.date32(),
    "value_date": pa.date32(),
    "bank_reference": pa.string(),
    "customer_reference": pa.string(),
    "payer_name": pa.string(),
    "payer_account": pa.string(),
    "end_to_end_id": pa.string(),
    "check_number": pa.string(),
    "trace_number": pa.string(),
    "uetr": pa.string(),
    "remittance_text": pa.string(),
    "original_reference": pa.string(),
    "intake_codes": pa.string(),
}
"""Columns of a payment while the file is read; `first` and `after` are its physical records."""

_CREDIT: Final = COUNTED_KINDS.index("credit")
_CODE_TEXTS: Final = pa.array(list(ROW_KINDS), pa.string())
_IS_NON_RECEIVABLE: Final = np.array([code in NON_RECEIVABLE for code in ROW_KINDS])


class AccountRange(msgspec.Struct, frozen=True, kw_only=True):
    """The rows `low` to `high` of a file belong to this account.

    `codes` are intake codes of its receivables, `receivable_codes` of what is none.
    """

    low: int
    high: int
    number: str
    currency: str
    exponent: int
    booking_date: dt.date | None
    codes: str
    receivable_codes: str


class OrdinaryBlock(msgspec.Struct, frozen=True):
    """Payments of the ordinary rows: `columns` as in `ROW_COLUMNS`, their lines, and counted rows.

    `entries` are (row, remittance line); `odd` are (physical record, addenda value).
    """

    columns: dict[str, pa.Array]
    entries: list[tuple[int, RemittanceEntry]]
    odd: list[tuple[int, str]]
    counts: dict[str, int]

    def merged(
        self, columns: dict[str, pa.Array], entries: list[tuple[int, RemittanceEntry]]
    ) -> tuple[dict[str, pa.Array], list[tuple[int, RemittanceEntry]]]:
        """These payments and those of `columns` in the order of the file, with all their lines."""
        mine, others = len(self.columns["first"]), len(columns["first"])
        if not others:
            return dict(self.columns), self.entries
        joined = {
            name: pa.concat_arrays([self.columns[name], columns[name]]) for name in ROW_COLUMNS
        }
        order = np.argsort(joined["first"].to_numpy(zero_copy_only=False), kind="stable")
        place = np.empty(mine + others, np.int64)
        place[order] = np.arange(mine + others)
        moved = [(int(place[row]), entry) for row, entry in self.entries]
        moved += [(int(place[mine + row]), entry) for row, entry in entries]
        moved.sort(key=lambda line: line[0])
        taken = pa.array(order)
        return {name: column.take(taken) for name, column in joined.items()}, moved


class OrdinaryRows:
    """The ordinary rows of a file, once it is known which account each belongs to."""

    def __init__(self, table: RecordTable, columns: DetailColumns) -> None:
        """Rows cut as `columns` out of `table`."""
        self.columns = columns
        self._table = table
        self._ranges: list[AccountRange] = []

    def claim(self, rows: AccountRange) -> None:
        """The ordinary rows of this range are payments, or counted, for its account."""
        self._ranges.append(rows)

    def read(self) -> OrdinaryBlock:
        """All claimed rows."""
        cut, text = self.columns, self._table.text
        owner = np.full(len(cut.first), -1, np.int64)
        for number, rows in enumerate(self._ranges):
            owner[rows.low : rows.high] = number
        claimed = (owner >= 0) & cut.is_ordinary
        is_credit = claimed & (cut.kind == _CREDIT)
        kept = np.flatnonzero(is_credit & (cut.amount_minor > 0))
        counts = self._counts(claimed, is_credit)
        if text is None or not len(kept):
            empty = {name: pa.array([], kind) for name, kind in ROW_COLUMNS.items()}
            return OrdinaryBlock(empty, [], [], counts)
        account = owner[kept]
        exponents = np.array([rows.exponent for rows in self._ranges], np.int64)
        found = read_text_columns(text, self._text_lines(kept), len(kept), exponents[account])
        columns = self._fields(text, kept, account) | found.columns
        odd = [(int(cut.first[kept[row]]), value) for row, value in found.odd]
        return OrdinaryBlock(columns, found.entries, odd, counts)

    def _counts(self, claimed: NDArray[np.bool_], is_credit: NDArray[np.bool_]) -> dict[str, int]:
        """Rows that are no payments, by reason."""
        kinds = np.bincount(self.columns.kind[claimed], minlength=len(COUNTED_KINDS)).tolist()
        counts = dict(zip(COUNTED_KINDS, kinds, strict=True))
        del counts["credit"]
        counts["zero_amount"] = int((is_credit & (self.columns.amount_minor == 0)).sum())
        return {reason: rows for reason, rows in counts.items() if rows}

    def _text_lines(self, kept: Offsets) -> TextLines:
        """The text of each kept row and of its 88 lines."""
        cut, table = self.columns, self._table
        counts = cut.after[kept] - cut.first[kept]
        owner = np.repeat(np.arange(len(kept)), counts)
        begin = np.zeros(len(kept), np.int64)
        np.cumsum(counts[:-1], out=begin[1:])
        record = np.arange(len(owner)) - begin[owner] + cut.first[kept][owner]
        starts, stops = table.starts[record] + 3, table.stops[record].copy()
        starts[begin], stops[begin] = cut.text[0][kept], cut.text[1][kept]
        return TextLines(owner, starts, np.maximum(starts, stops))

    def _fields(self, text: ByteText, kept: Offsets, account: Offsets) -> dict[str, pa.Array]:
        """Columns of what the rows and their accounts say, text apart."""
        cut, ranges = self.columns, self._ranges
        accounts = pa.array(account)
        days = pa.array(
            [rows.booking_date for rows in ranges],
            pa.date32(),
        ).take(accounts)
        stated = pa.array(
            cut.value_days[kept].astype(np.int32), mask=~cut.has_value_date[kept]
        ).cast(pa.date32())
        codes = [rows.codes for rows in ranges] + [rows.receivable_codes for rows in ranges]
        doubtful = _IS_NON_RECEIVABLE[cut.code[kept]]
        return {
            "first": pa.array(cut.first[kept]),
            "after": pa.array(cut.after[kept]),
            "amount_minor": pa.array(cut.amount_minor[kept]),
            "type_code": _CODE_TEXTS.take(pa.array(cut.code[kept])),
            "bank_account": pa.array([rows.number for rows in ranges]).take(accounts),
            "currency": pa.array([rows.currency for rows in ranges]).take(accounts),
            "booking_date": days,
            "value_date": pc.coalesce(stated, days),
            "bank_reference": text.strings(cut.bank[0][kept], cut.bank[1][kept]),
            "customer_reference": text.strings(cut.customer[0][kept], cut.customer[1][kept]),
            "original_reference": pa.repeat(pa.scalar("", pa.string()), len(kept)),
            "intake_codes": pa.array(codes).take(pa.array(account + doubtful * len(ranges))),
        }
