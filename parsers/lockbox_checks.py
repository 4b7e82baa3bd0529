"""Checks of a lockbox file and what they pay: records 6 and 4, the hot path of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from parsers.bai2_records import readable
from parsers.lockbox_layouts import fixed_digits
from parsers.lockbox_records import LinePlace, diagnose_line

if TYPE_CHECKING:
    import datetime as dt

    from parsers.collector import FileCollector
    from parsers.lockbox_layouts import Columns, EntryLayout, LockboxLayout

__all__ = ["LockboxChecks"]

_COLUMNS: Final = (
    "amount_minor",
    "bank_account",
    "currency",
    "booking_date",
    "payer_name",
    "payer_account",
    "check_number",
    "remittance_text",
    "intake_codes",
    "first",
    "last",
)
_LINE_COLUMNS: Final = (
    "reference",
    "reference_kind",
    "amount_minor",
    "deduction_minor",
    "deduction_reason",
)
_LAST_ITEM: Final = "999"
_Line = tuple[str, int | None, int, str]


class LockboxChecks:
    """The checks of one file, as tuples; a check is complete when the next record comes."""

    def __init__(
        self,
        collector: FileCollector,
        lines: list[str],
        starts: list[int],
        layout: LockboxLayout,
    ) -> None:
        """Read records of `lines` by `layout` into `collector`."""
        self._collector = collector
        self._lines = lines
        self._starts = starts
        check, overflow = layout.check, layout.overflow
        self._check_layout = check
        self._overflow_layout = overflow
        self._amount = slice(*check.amount)
        self._routing = slice(*check.routing)
        self._account = slice(*check.account)
        self._number = slice(*check.check_number)
        self._remitter = slice(*(check.remitter or (0, 0)))
        self._item = slice(check.batch[0], check.item[1])
        self._overflow_item = slice(overflow.batch[0], overflow.item[1])
        self._sequence_columns = slice(*overflow.sequence)
        self._last_flag = slice(*(overflow.last_flag or (0, 0)))
        self._rows: list[tuple[Any, ...]] = []
        self._entries: list[tuple[int, tuple[Any, ...]]] = []
        self._bank_account = ""
        self._currency = "USD"
        self._deposited: dt.date | None = None
        self._items: set[str] = set()
        self._previous_item = ""
        self._is_open = False
        self._open: tuple[int, str, int] = (0, "", 0)
        self._paid: list[_Line] = []
        self._memos: list[str] = []
        self._sequence = 0
        self._is_last = True

    @property
    def payment_count(self) -> int:
        """Checks so far that are payments."""
        return len(self._rows)

    def begin_batch(self, lockbox: str, currency: str, deposited: dt.date | None) -> None:
        """Checks that follow belong to `lockbox`, deposited on that day (None: unknown)."""
        self._bank_account = lockbox
        self._currency = currency
        self._deposited = deposited
        self._items.clear()
        self._previous_item = ""

    def adopt(self, first: int, lockbox: str, currency: str, deposited: dt.date | None) -> None:
        """Payments from index `first` on, read before their lockbox was known, belong to it."""
        self._rows[first:] = [
            (row[0], lockbox, currency, deposited or row[3], *row[4:]) for row in self._rows[first:]
        ]

    def check(self, at: int, line: str) -> int:
        """Begin the check of record 6 `line`; gives its amount in minor units (0 if unreadable)."""
        if self._is_open:
            self.end_check(at)
        item = line[self._item]
        if self._previous_item.endswith(_LAST_ITEM):
            self._items.clear()
        if item in self._items:
            self._repeated_item(at, item)
        self._items.add(item)
        self._previous_item = item
        token = line[self._amount]
        amount = int(token) if token.isdecimal() else fixed_digits(line, self._check_layout.amount)
        if amount is None or not token.strip(" "):
            message = f"amount {token!r} of check {line[self._number]} is no number"
            self._say("LBX-AMOUNT", message, at, value=token, expected="digits, minor units")
            self._collector.hold_file("IN-TOTAL")
            amount = 0
        self._open = (at, item, amount)
        self._is_open = True
        self._sequence = 0
        self._is_last = True
        return amount

    def overflow(self, at: int, line: str) -> None:
        """Read record 4 `line`: what the open check pays."""
        item = line[self._overflow_item]
        if not self._is_open or item != self._open[1]:
            message = f"overflow of item {item!r} does not follow its check"
            self._say("LBX-ORDER", message, at, value=item, expected=self._open[1])
            self._collector.count("remittance_without_payment")
            return
        layout = self._overflow_layout
        if layout.last_flag is not None:
            if self._sequence and self._is_last:
                message = f"overflow of item {item} goes on after its last record"
                self._say("LBX-OVERFLOW", message, at, value=line[8:11])
            self._is_last = line[self._last_flag] in {"9", ""}
        self._sequence += 1
        token = line[self._sequence_columns]
        if not token.isdecimal() or int(token) != self._sequence % 100:
            self._out_of_sequence(at, token, item)
        for entry in layout.entries:
            self._read_entry(at, line, entry)
        if layout.memo is not None:
            self._read_memo(line[layout.memo[0] : layout.memo[1]].strip(" "))

    def _read_entry(self, at: int, line: str, entry: EntryLayout) -> None:
        """One invoice of an overflow record; a blank one is filler."""
        document = line[entry.document[0] : entry.document[1]].strip(" ")
        amount = _number(line, entry.amount) if entry.amount else 0
        deduction = _number(line, entry.deduction) if entry.deduction else 0
        if amount is None or deduction is None:
            message = f"an amount of invoice {document!r} of item {self._open[1]} is no number"
            self._say("LBX-AMOUNT", message, at, value=line[entry.document[1] :], expected="digits")
        if document or amount or deduction:
            reason = line[entry.reason[0] : entry.reason[1]].strip(" ") if entry.reason else ""
            self._paid.append((document, amount, deduction or 0, reason))

    def _read_memo(self, memo: str) -> None:
        """Free text of an overflow record: one word is a reference, more are text."""
        if " " in memo:
            self._memos.append(memo)
        elif memo:
            self._paid.append((memo, None, 0, ""))

    def _out_of_sequence(self, at: int, token: str, item: str) -> None:
        """Overflow records of a check are numbered from 1; two digits wrap after 99."""
        found, expected = token.strip(" "), self._sequence
        is_repeated = found.isdecimal() and int(found) == (expected - 1) % 100
        if found.isdecimal() and int(found) == expected % 100:
            return
        code = "LBX-DUPLICATE" if is_repeated else "LBX-OVERFLOW"
        message = f"overflow {found} of item {item} stands where {expected} is due"
        self._say(code, message, at, value=found, expected=str(expected))

    def end_check(self, at: int) -> None:
        """The open check is complete: `at` is the record after it."""
        if not self._is_open:
            return
        self._is_open = False
        first, item, amount = self._open
        line = self._lines[first]
        if not self._is_last:
            message = f"the overflow of item {item} ends without its last record"
            self._say("LBX-OVERFLOW", message, at, expected="a last flag of 9")
        if not amount:
            self._collector.count("zero_amount")
            if self._paid:
                self._collector.count("remittance_without_payment", len(self._paid))
        else:
            self._keep(first, line, amount)
        self._paid.clear()
        self._memos.clear()

    def _keep(self, first: int, line: str, amount: int) -> None:
        """Add the check as a payment, and its lines."""
        account = line[self._account].strip(" ")
        routing = line[self._routing].strip(" ")
        if not account.strip("0"):
            payer_account = ""
        else:
            payer_account = f"{routing}/{account}" if routing.strip("0") else account
        paid = self._paid
        row = len(self._rows)
        if paid:
            ties = sum([entry[1] or 0 for entry in paid]) == amount
            for document, value, deduction, reason in paid:
                known = value if value or ties else None
                kind = "credit_memo" if known is not None and known < 0 else "document"
                self._entries.append((row, (document, kind, known, deduction, reason)))
        codes = "" if self._deposited is not None else "IN-DATE"
        if amount < 0:
            codes = "IN-SIGN"
        self._rows.append(
            (
                amount,
                self._bank_account,
                self._currency,
                self._deposited,
                line[self._remitter].strip(" "),
                payer_account,
                line[self._number].strip(" "),
                "\n".join(self._memos) if self._memos else "",
                codes,
                first,
                first + self._sequence,
            )
        )

    def _repeated_item(self, at: int, item: str) -> None:
        message = f"batch and item {item} stand twice"
        self._say("LBX-DUPLICATE", message, at, value=item)

    def flush(self) -> None:
        """Give all checks and lines to the collector, column by column."""
        if not self._rows:
            return
        columns: dict[str, Any] = dict(
            zip(_COLUMNS, map(list, zip(*self._rows, strict=True)), strict=True)
        )
        first, last = columns.pop("first"), columns.pop("last")
        starts, lines = self._starts, self._lines
        columns["value_date"] = columns["booking_date"]
        columns["source_line"] = [at + 1 for at in first]
        columns["source_offset"] = [starts[at] for at in first]
        columns["source_length"] = [
            starts[end] + len(lines[end]) - starts[at] for at, end in zip(first, last, strict=True)
        ]
        columns["method"] = ["check"] * len(first)
        columns["type_code"] = ["lockbox"] * len(first)
        for name in ("payer_name", "check_number", "payer_account", "remittance_text"):
            columns[name] = [readable(value) for value in columns[name]]
        begin = self._collector.add_payments(columns)
        if self._entries:
            self._flush_entries(begin)

    def _flush_entries(self, begin: int) -> None:
        values = zip(*[entry for _, entry in self._entries], strict=True)
        parts: dict[str, Any] = dict(zip(_LINE_COLUMNS, values, strict=True))
        parts["reference"] = [readable(value) for value in parts["reference"]]
        parts["discount_minor"] = [0] * len(self._entries)
        parts["source"] = ["overflow"] * len(self._entries)
        self._collector.add_remittances([begin + row for row, _ in self._entries], parts)

    def _say(
        self, code: str, message: str, at: int, *, value: str = "", expected: str = ""
    ) -> None:
        place = LinePlace(number=at + 1, offset=self._starts[at], text=self._lines[at])
        diagnose_line(self._collector, place, code, message, value=value, expected=expected)


def _number(line: str, columns: Columns) -> int | None:
    """`fixed_digits`, with a short way for fields padded with zeros."""
    token = line[columns[0] : columns[1]]
    return int(token) if token.isdecimal() else fixed_digits(line, columns)
