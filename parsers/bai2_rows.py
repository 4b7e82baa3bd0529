"""16 records of BAI2 to payments.

A row is cut into its fields, its text is read, and what it is follows from its type code: a
payment, a return (negative), or a counted row that is none. Ordinary rows are read together, column
by column (`parsers.bai2_ordinary`); the others one by one here. Those are kept as tuples until the
account ends, because only then it is known whether a deposit or the items in it are the payments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine.limits import AMOUNT_MINOR_MAX
from parsers.bai2_columns import cut_details
from parsers.bai2_fields import read_amount, read_date, read_detail
from parsers.bai2_items import leave_one_level
from parsers.bai2_ordinary import ROW_COLUMNS, AccountRange, OrdinaryRows
from parsers.bai2_records import RecordTable, readable
from parsers.bai2_types import (
    ITEMS_OF_PARENT,
    METHODS,
    NON_RECEIVABLE,
    PARENTS_OF_ITEM,
    RETURNS,
    ROW_KINDS,
    SUMMARY_CREDITS,
    row_kind,
)
from parsers.remittance_text import read_payer_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from parsers.bai2_fields import DetailFields
    from parsers.bai2_totals import AccountSums
    from parsers.collector import FileCollector
    from parsers.remittance_text import PayerText
    from parsers.x12_remittance import RemittanceEntry

__all__ = ["AccountState", "DetailRows", "RecordVoice", "merge_codes"]

_PLAIN_FUNDS: Final = frozenset({"", "Z", "0", "1", "2"})
_DETAIL: Final = 16
_CONTINUATION: Final = 88
_NAMES: Final = tuple(ROW_COLUMNS)
_AMOUNT_AT: Final = _NAMES.index("amount_minor")
_TYPE_AT: Final = _NAMES.index("type_code")
_FIRST_AT: Final = _NAMES.index("first")


class AccountState(msgspec.Struct):
    """The open 03 record: what its rows inherit, and the sums its trailer is checked against.

    `codes` are intake codes of every row; `first_row` and `first_entry` mark where its rows begin
    in `DetailRows`; `credit_rows` and `credit_sum` are compared with the summary's type 100.
    """

    number: str
    currency: str
    exponent: int
    booking_date: dt.date | None
    codes: str
    first_record: int
    first_row: int
    first_entry: int
    sums: AccountSums
    declared_credits: int | None = None
    declared_credit_rows: int | None = None
    credit_rows: int = 0
    credit_sum: int = 0
    has_items: bool = False


class RecordVoice:
    """Diagnostics about records of one file, with their line, offset and excerpt."""

    def __init__(self, collector: FileCollector, table: RecordTable) -> None:
        """Speak about the records of `table` into `collector`."""
        self._collector = collector
        self._table = table

    def say(
        self,
        code: str,
        message: str,
        record: int,
        *,
        value: str = "",
        expected: str = "",
        field: int = 0,
    ) -> None:
        """Report `code` about the record of that index and the 88 records that go on with it.

        It points at `value` where that stands in them, from the record's `field` on (0: its code).
        """
        table = self._table
        after = record + 1
        while after < len(table.codes) and table.codes[after] == _CONTINUATION:
            after += 1
        skipped = _length_of_fields(table.lines[record], field)
        start = int(table.starts[record]) + skipped
        self._collector.diagnose(
            code,
            readable(message),
            line=table.numbers[record],
            offset=start,
            within=int(table.stops[after - 1]) - start,
            value=readable(value),
            expected=expected,
        )


def _length_of_fields(line: str, count: int) -> int:
    """Bytes of the first `count` fields of a record with their commas; 0 where it is shorter."""
    at = 0
    for _ in range(count):
        at = line.find(",", at) + 1
        if not at:
            return 0
    return at


def merge_codes(codes: str, code: str) -> str:
    """`codes` (separated by `;`) with `code` added, sorted, each once."""
    return ";".join(sorted({*filter(None, codes.split(";")), code}))


class DetailRows:
    """The payments of a file in the making: one tuple per payment, one per remittance line."""

    def __init__(self, collector: FileCollector, table: RecordTable, voice: RecordVoice) -> None:
        """Gather rows of `table` for `collector`."""
        self._collector = collector
        self._table = table
        self._voice = voice
        self._rows: list[tuple[Any, ...]] = []
        self._entries: list[tuple[int, RemittanceEntry]] = []
        heads = np.flatnonzero(table.codes != _CONTINUATION)
        details = np.flatnonzero(table.codes[heads] == _DETAIL)
        self.first = heads[details]
        self._after = np.append(heads, len(table.codes))[details + 1]
        self._ordinary: OrdinaryRows | None = None
        if table.text is not None and len(details):
            columns = cut_details(table.text, table.starts, table.stops, self.first, self._after)
            self._ordinary = OrdinaryRows(table, columns)

    @property
    def row_count(self) -> int:
        """Payments so far."""
        return len(self._rows)

    @property
    def entry_count(self) -> int:
        """Remittance lines so far."""
        return len(self._entries)

    def add_range(self, low: int, high: int, account: AccountState) -> None:
        """Read the 16 records `low` to `high` (indices in `first`), which belong to `account`."""
        ordinary = self._ordinary
        odd: Iterable[int] = range(low, high)
        if ordinary is not None and not ordinary.columns.has_items(low, high):
            amount, debits, credits_, credit_rows = ordinary.columns.sums(low, high)
            account.sums.detail += amount
            account.sums.detail_debit += debits
            account.credit_sum += credits_
            account.credit_rows += credit_rows
            ordinary.claim(
                AccountRange(
                    low=low,
                    high=high,
                    number=readable(account.number),
                    currency=account.currency,
                    exponent=account.exponent,
                    booking_date=account.booking_date,
                    codes=account.codes,
                    receivable_codes=merge_codes(account.codes, "IN-NONAR"),
                )
            )
            odd = ordinary.columns.odd_between(low, high)
        for row in odd:
            self.add(int(self.first[row]), int(self._after[row]), account)

    def add(self, first: int, after: int, account: AccountState) -> None:
        """Read the 16 record at `first`, whose 88 lines end before `after`."""
        lines = self._table.lines
        plain = _plain_fields(lines[first])
        if plain is None:
            detail = read_detail(lines[first], lines[first + 1 : after])
            read = self._read_oddly(first, detail, account)
            if read is None:
                return
            minor, code, value_token = read, detail.code.zfill(3), detail.value_date
            bank, customer, texts = detail.bank_reference, detail.customer_reference, detail.texts
        else:
            code, minor, value_token, bank, customer, text = plain
            texts = [text, *[line[3:] for line in lines[first + 1 : after]]]
        kind = ROW_KINDS[code]
        account.sums.detail += minor
        if kind == "credit":
            account.credit_rows += 1
            account.credit_sum += minor
        elif kind == "return":
            account.sums.detail_debit += minor
        else:
            if kind == "debit":
                account.sums.detail_debit += minor
            self._collector.count(kind)
            return
        if not minor:
            self._collector.count("zero_amount")
            return
        self._keep(first, after, account, (code, minor, value_token, bank, customer), texts)

    def _read_oddly(self, first: int, detail: DetailFields, account: AccountState) -> int | None:
        """Amount of a row that is not plain, its oddities reported; None where it is lost."""
        say = self._voice.say
        kind = row_kind(detail.code)
        if detail.odd:
            message = f"row of type {detail.code}: {detail.odd_value!r} is not where it belongs"
            expected = "Z, 0, 1, 2, S, V or D"
            at = 0 if detail.odd == "BAI-EXTRA-FIELD" else 3
            say(detail.odd, message, first, value=detail.odd_value, expected=expected, field=at)
        if kind is None:
            message = f"{detail.code!r} is no type code"
            say("BAI-TYPE", message, first, value=detail.code, expected="three digits", field=1)
            self._collector.count("unreadable")
            self._collector.hold_file("IN-TOTAL")
            return None
        if kind == "information" and not detail.amount.strip("0"):
            return 0
        minor, odd = read_amount(detail.amount, account.exponent)
        if minor is None:
            message = f"amount {detail.amount!r} of a row of type {detail.code} is no number"
            expected = "digits, minor units"
            say("BAI-AMOUNT", message, first, value=detail.amount, expected=expected, field=2)
        elif abs(minor) > AMOUNT_MINOR_MAX:
            message = f"amount {detail.amount} is beyond {AMOUNT_MINOR_MAX} minor units"
            expected = f"at most {AMOUNT_MINOR_MAX}"
            say("BAI-AMOUNT-LIMIT", message, first, value=detail.amount, expected=expected, field=2)
            minor = None
        elif odd and kind != "status":
            message = f"amount {detail.amount!r} of a row of type {detail.code} is read as {minor}"
            expected = "digits, minor units"
            say(odd, message, first, value=detail.amount, expected=expected, field=2)
        if minor is None:
            self._collector.count("unreadable")
            self._collector.hold_file("IN-TOTAL")
        return minor

    def _keep(
        self,
        first: int,
        after: int,
        account: AccountState,
        fields: tuple[str, int, str, str, str],
        texts: list[str],
    ) -> None:
        """Add a payment or a return of (type, amount, value date, references) and its text."""
        code, minor, value_token, bank, customer = fields
        is_return = code in RETURNS
        texts = [_ended(text) for text in texts]
        payer = read_payer_text(texts, account.exponent, is_return=is_return)
        codes = account.codes
        original = ""
        if is_return:
            minor = -abs(minor)
            original = customer or payer.end_to_end_id or bank
        elif code in NON_RECEIVABLE or code in SUMMARY_CREDITS or minor < 0:
            codes = self._doubts(first, code, minor, codes)
        if code in PARENTS_OF_ITEM:
            account.has_items = True
        value_date = account.booking_date
        if value_token:
            value_date = read_date(value_token) or value_date
            if read_date(value_token) is None:
                message = f"value date {value_token!r} is no date, the as-of date is taken"
                self._voice.say(
                    "BAI-DATE", message, first, value=value_token, expected="YYMMDD", field=4
                )
        if payer.lines or payer.odd:
            self._keep_lines(first, payer)
        self._rows.append(
            (
                first,
                after,
                minor,
                code,
                account.number,
                account.currency,
                account.booking_date,
                value_date,
                bank.strip(" "),
                customer.strip(" "),
                payer.payer_name,
                payer.payer_account,
                payer.end_to_end_id,
                payer.check_number,
                payer.trace_number,
                payer.uetr,
                payer.text,
                original,
                codes,
            )
        )

    def _doubts(self, first: int, code: str, minor: int, codes: str) -> str:
        """Intake codes of a credit that is no receivable, counts twice, or is negative."""
        if code in NON_RECEIVABLE:
            codes = merge_codes(codes, "IN-NONAR")
        if code in SUMMARY_CREDITS:
            codes = merge_codes(codes, "IN-FORMAT")
            message = f"type {code} is a total, but stands on a row of its own"
            self._voice.say("BAI-SUMMARY-ROW", message, first, value=code, field=1)
        if minor < 0:
            codes = merge_codes(codes, "IN-SIGN")
        return codes

    def _keep_lines(self, first: int, payer: PayerText) -> None:
        """Remittance lines of the payment about to be added."""
        row = len(self._rows)
        for number, kind, amount, discount, deduction, reason in payer.lines:
            entry = (readable(number), kind, amount, discount, deduction, readable(reason))
            self._entries.append((row, entry))
        for value in payer.odd:
            message = f"{value!r} in addenda is no amount"
            self._voice.say("BAI-ADDENDA", message, first, value=value, expected="such as 139.87")

    def settle_items(self, account: AccountState) -> None:
        """Decide, at the account's end, between deposits and the items in them."""
        start = account.first_row
        rows = self._rows[start:]
        dropped: dict[int, str] = {}
        for parent, item in ITEMS_OF_PARENT.items():
            levels = [
                (position, row[_TYPE_AT] == item, row[_AMOUNT_AT])
                for position, row in enumerate(rows)
                if row[_TYPE_AT] in {parent, item}
            ]
            if any(is_item for _, is_item, _ in levels):
                drop, mismatches = leave_one_level(levels)
                dropped.update(drop)
                for position in mismatches:
                    message = f"items of type {item} do not add up to their deposit ({parent})"
                    self._voice.say("BAI-ITEMS", message, rows[position][_FIRST_AT])
        if dropped:
            self._drop(account, dropped)

    def _drop(self, account: AccountState, dropped: dict[int, str]) -> None:
        """Take rows (position in the account → reason) out again, with their lines."""
        start = account.first_row
        moved: dict[int, int] = {}
        kept: list[tuple[Any, ...]] = []
        for position, row in enumerate(self._rows[start:]):
            if position in dropped:
                self._collector.count(dropped[position])
                account.credit_rows -= 1
                account.credit_sum -= row[_AMOUNT_AT]
            else:
                moved[start + position] = start + len(kept)
                kept.append(row)
        self._rows[start:] = kept
        entries = self._entries[account.first_entry :]
        self._entries[account.first_entry :] = [
            (moved[row], entry) for row, entry in entries if row in moved
        ]

    def flush(self) -> None:
        """Give all payments and lines to the collector, in the order of the file."""
        columns = self._columns_of_rows()
        entries = self._entries
        if self._ordinary is not None:
            block = self._ordinary.read()
            for kind, rows in block.counts.items():
                self._collector.count(kind, rows)
            for record, value in block.odd:
                message = f"{value!r} in addenda is no amount"
                self._voice.say(
                    "BAI-ADDENDA", message, record, value=value, expected="such as 139.87"
                )
            columns, entries = block.merged(columns, entries)
        first = columns.pop("first").to_numpy(zero_copy_only=False)
        after = columns.pop("after").to_numpy(zero_copy_only=False)
        table = self._table
        columns["source_line"] = pa.array(np.array(table.numbers, np.int64)[first])
        columns["source_offset"] = pa.array(table.starts[first])
        columns["source_length"] = pa.array(table.stops[after - 1] - table.starts[first])
        codes, known = columns["type_code"].dictionary_encode(), METHODS
        methods = pa.array(
            [known.get(code, "other") for code in codes.dictionary.to_pylist()], pa.string()
        )
        columns["method"] = methods.take(codes.indices)
        begin = self._collector.add_payments(columns)
        if entries:
            self._flush_entries(begin, entries)

    def _columns_of_rows(self) -> dict[str, pa.Array]:
        """The rows read one by one as columns."""
        values = zip(*self._rows, strict=True) if self._rows else [()] * len(ROW_COLUMNS)
        return {
            name: pa.array(
                [readable(value) for value in column] if kind == pa.string() else column, kind
            )
            for (name, kind), column in zip(ROW_COLUMNS.items(), values, strict=True)
        }

    def _flush_entries(self, begin: int, entries: list[tuple[int, RemittanceEntry]]) -> None:
        names = ("reference", "reference_kind", "amount_minor", "discount_minor")
        values = zip(*[entry for _, entry in entries], strict=True)
        parts: dict[str, Sequence[Any]] = dict(
            zip((*names, "deduction_minor", "deduction_reason"), values, strict=True)
        )
        parts["source"] = ["addenda"] * len(entries)
        self._collector.add_remittances([begin + row for row, _ in entries], parts)


def _plain_fields(line: str) -> tuple[str, int, str, str, str, str] | None:
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
    if len(tail) != 3 or not amount.isdecimal() or len(amount) > 14 or code not in ROW_KINDS:
        return None
    return code, int(amount), value_token, tail[0], tail[1], tail[2]


def _ended(text: str) -> str:
    """A text line without the terminator some banks put behind it."""
    if not text.endswith("/"):
        return text
    return text[:-1].removesuffix(",")
