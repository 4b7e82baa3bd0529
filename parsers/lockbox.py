"""BAI lockbox files: checks and the invoices they pay, one fixed-length record per line.

    1 transmission   2 service
      5 batch of one lockbox and deposit date
        6 check
          4 overflow: what the check pays
      7 batch total
    8 lockbox total
    9 number of records

Columns come from a layout (`parsers.lockbox_layouts`): the one our bank account names, or the one
that fits. Dates of headers are YYMMDD, the date of a check is MMDDYY. Batch and item numbers have
three digits and wrap; totals of ten digits may as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import MoneyError
from engine.money import exponent_of
from parsers.bai2_fields import read_date
from parsers.lockbox_checks import LockboxChecks
from parsers.lockbox_layouts import LOCKBOX_LAYOUTS, LockboxLayout, choose_layout, fixed_digits
from parsers.lockbox_records import LinePlace, diagnose_line, lockbox_lines

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from engine.batches import BankAccountBatch
    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["read_lockbox"]

_DEFAULT_CURRENCY: Final = "USD"


class _Account(msgspec.Struct, frozen=True):
    """What our bank accounts say about a lockbox."""

    currency: str
    layout: str


def read_lockbox(
    source: ByteSource, collector: FileCollector, options: ReadOptions
) -> Iterator[None]:
    """Read a lockbox file as far as it goes; never raises.

    Our bank accounts give the currency (else USD) and perhaps the layout of each lockbox.
    """
    collector.source_format = "lockbox"
    lines, starts = lockbox_lines(source.read(0, source.size))
    _Reader(collector, lines, starts, _known_accounts(options.bank_accounts)).read()
    yield


def _known_accounts(bank_accounts: BankAccountBatch) -> dict[str, _Account]:
    """Lockbox number → account, by the number as it stands and without leading zeros."""
    known: dict[str, _Account] = {}
    names = ("lockbox", "currency", "layout")
    for lockbox, currency, layout in zip(
        *(bank_accounts.strings(name) for name in names), strict=True
    ):
        if lockbox:
            account = _Account(currency, layout)
            known.setdefault(lockbox.lstrip("0"), account)
            known[lockbox] = account
    return known


class _Header(msgspec.Struct, frozen=True):
    """The last record 5. Number 000 opens a lockbox for all batches up to its total."""

    number: str
    lockbox: str
    deposited: dt.date | None


class _Batch(msgspec.Struct):
    """An open record 5 (or the checks before one): its number, date, and sums."""

    number: str
    lockbox: str
    first_payment: int
    count: int = 0
    total: int = 0


class _Reader:
    """The open batch and lockbox while records go by."""

    def __init__(
        self,
        collector: FileCollector,
        lines: list[str],
        starts: list[int],
        accounts: dict[str, _Account],
    ) -> None:
        self._collector = collector
        self._lines = lines
        self._starts = starts
        self._accounts = accounts
        self._layout = self._named_layout() or choose_layout(lines)
        self._checks = LockboxChecks(self._collector, lines, starts, self._layout)
        self._batch: _Batch | None = None
        self._header: _Header | None = None
        self._box_count = self._box_total = 0
        self._box_batches = 0
        self._record_count = self._header_count = 0
        self._has_batch_totals = self._has_box_total = False
        self._batch_numbers: set[tuple[str, str]] = set()

    def read(self) -> None:
        """Go over all records once."""
        handlers = {
            "1": self._note,
            "2": self._note,
            "5": self._open_batch,
            "7": self._close_batch,
            "8": self._close_lockbox,
            "9": self._close_file,
        }
        checks = self._checks
        for at, line in enumerate(self._lines):
            kind = line[:1]
            self._record_count += 1
            if kind == "4":
                checks.overflow(at, line)
            elif kind == "6":
                batch = self._batch or self._begin(at)
                amount = checks.check(at, line)
                batch.count += 1
                batch.total += amount
            elif kind in handlers:
                checks.end_check(at)
                handlers[kind](at, line)
            elif line.strip(" "):
                self._unknown(at, line)
            else:
                self._record_count -= 1
        self._finish_stream()
        checks.flush()
        dialect = f"lockbox.{self._layout.name}"
        self._collector.close(dialect=dialect, statement_count=self._header_count)

    def _note(self, _at: int, _line: str) -> None:
        """Records 1 and 2 tell only who sent the file."""

    def _unknown(self, at: int, line: str) -> None:
        message = f"record type {line[:1]!r} is none of a lockbox file"
        self._say("LBX-RECORD", message, at, value=line, expected="1, 2, 4, 5, 6, 7, 8 or 9")
        self._collector.count("unreadable")

    def _named_layout(self) -> LockboxLayout | None:
        """The layout our bank account names for the first lockbox of the file."""
        for at, line in enumerate(self._lines):
            if line[:1] in {"5", "7"}:
                account = self._account_of(line[7:14].strip(" "))
                if account is None or not account.layout:
                    return None
                layout = LOCKBOX_LAYOUTS.get(account.layout)
                if layout is None:
                    message = f"lockbox layout {account.layout!r} is unknown"
                    expected = ", ".join(LOCKBOX_LAYOUTS)
                    self._say("LBX-LAYOUT", message, at, value=account.layout, expected=expected)
                return layout
        return None

    def _account_of(self, lockbox: str) -> _Account | None:
        return self._accounts.get(lockbox) or self._accounts.get(lockbox.lstrip("0"))

    def _currency_of(self, lockbox: str, at: int) -> str:
        account = self._account_of(lockbox)
        currency = (account.currency if account else "") or _DEFAULT_CURRENCY
        try:
            exponent_of(currency)
        except MoneyError as error:
            self._say("BAI-CURRENCY", f"lockbox {lockbox}: {error}", at, value=currency)
            return _DEFAULT_CURRENCY
        return currency

    def _begin(self, at: int) -> _Batch:
        """Open a batch at a check that follows no header of its own."""
        header = self._header
        if header is None or header.number.strip("0"):
            self._lost("LBX-ORDER", "a check stands before any batch header (record 5)", at)
            header = _Header("", "", None)
        return self._begin_with(header, at)

    def _begin_with(self, header: _Header, at: int) -> _Batch:
        self._batch = _Batch(header.number, header.lockbox, self._checks.payment_count)
        currency = self._currency_of(header.lockbox, at)
        self._checks.begin_batch(header.lockbox, currency, header.deposited)
        return self._batch

    def _open_batch(self, at: int, line: str) -> None:
        self._leave_batch(at)
        columns = self._layout.batch_header
        number = _cut(line, columns.batch)
        lockbox = _cut(line, columns.lockbox)
        token = _cut(line, columns.date)
        deposited = read_date(token)
        if deposited is None:
            message = f"deposit date {token!r} of batch {number} is no date"
            self._say("LBX-DATE", message, at, value=token, expected="YYMMDD")
        self._header_count += 1
        self._header = _Header(number, lockbox, deposited)
        self._begin_with(self._header, at)
        key = (lockbox, number)
        if key in self._batch_numbers and len(self._batch_numbers) < 999:
            message = f"batch {number} of lockbox {lockbox} stands twice"
            self._say("LBX-DUPLICATE", message, at, value=number)
        self._batch_numbers.add(key)

    def _close_batch(self, at: int, line: str) -> None:
        columns = self._layout.batch_total
        batch = self._batch
        self._has_batch_totals = True
        lockbox = _cut(line, columns.lockbox)
        if batch is None:
            self._lost("LBX-ORDER", "a batch total (record 7) stands outside a batch", at)
            return
        number = _cut(line, columns.batch or (0, 0))
        scope = f"batch {number} of lockbox {lockbox}"
        if not batch.lockbox and lockbox:
            deposited = read_date(_cut(line, columns.date))
            self._checks.adopt(
                batch.first_payment, lockbox, self._currency_of(lockbox, at), deposited
            )
        elif batch.lockbox != lockbox or (batch.number.strip("0") and batch.number != number):
            message = f"{scope}: its header says batch {batch.number} of lockbox {batch.lockbox}"
            self._say("LBX-NUMBER", message, at, value=number, expected=batch.number)
        self._check(scope, at, line, columns.count, columns.total, batch.count, batch.total)
        self._end_batch(batch)

    def _end_batch(self, batch: _Batch) -> None:
        self._box_count += batch.count
        self._box_total += batch.total
        self._box_batches += 1
        self._batch = None

    def _close_lockbox(self, at: int, line: str) -> None:
        if self._batch is not None and not self._has_batch_totals:
            self._end_batch(self._batch)
        self._has_box_total = True
        self._leave_batch(at)
        columns = self._layout.lockbox_total
        scope = f"lockbox {_cut(line, columns.lockbox)}"
        self._check(scope, at, line, columns.count, columns.total, self._box_count, self._box_total)
        self._box_count = self._box_total = self._box_batches = 0
        self._header = None

    def _close_file(self, at: int, line: str) -> None:
        self._leave_batch(at)
        declared = fixed_digits(line, self._layout.file_total.count)
        computed = self._record_count
        ok = declared == computed
        if self._box_batches or not self._has_box_total:
            self._lost("LBX-TRAILER", "the file has no lockbox total (record 8)", at)
        self._box_count = self._box_total = self._box_batches = self._record_count = 0
        self._has_box_total = False
        self._collector.check(
            scope="file", kind="records", declared=declared, computed=computed, ok=ok
        )
        if not ok:
            message = f"the file declares {declared} records, there are {computed}"
            self._say("FILE-COUNT", message, at, value=str(declared), expected=str(computed))

    def _leave_batch(self, at: int) -> None:
        """Something else begins: a batch still open has no total."""
        if self._batch is not None:
            message = f"batch {self._batch.number or '?'} has no total (record 7)"
            self._lost("LBX-TRAILER", message, at)
            self._end_batch(self._batch)

    def _finish_stream(self) -> None:
        """The file is over: totals still owed were cut off."""
        last = max(len(self._lines) - 1, 0)
        self._checks.end_check(last)
        missing = []
        if self._batch is not None:
            missing.append("batch total (record 7)")
            self._end_batch(self._batch)
        if self._box_batches or (self._record_count and not self._has_box_total):
            missing.append("lockbox total (record 8)")
        if self._record_count:
            missing.append("file total (record 9)")
        if missing:
            expected = " and ".join(missing)
            self._lost("FILE-TRUNCATED", f"the file ends without its {expected}", last)

    def _check(
        self,
        scope: str,
        at: int,
        line: str,
        *columns_and_sums: Any,
    ) -> None:
        """Check count and sum of a record 7 or 8; both wrap at the width of their field."""
        count_columns, total_columns, count, total = columns_and_sums
        for kind, columns, computed in (
            ("checks", count_columns, count),
            ("sum", total_columns, total),
        ):
            declared = fixed_digits(line, columns)
            limit = 10 ** (columns[1] - columns[0])
            ok = declared == computed
            rule = ""
            if not ok and computed >= limit:
                ok, rule = declared == computed % limit, "wrapped"
            self._collector.check(
                scope=scope,
                kind=kind,
                declared=_cut(line, columns) if declared is None else declared,
                computed=computed,
                ok=ok,
                rule=rule if ok else "",
            )
            if not ok:
                code = "FILE-TOTAL" if kind == "sum" else "FILE-COUNT"
                message = f"{scope} declares {kind} {declared}, its records give {computed}"
                self._say(code, message, at, value=str(declared), expected=str(computed))
                self._collector.hold_file("IN-TOTAL")

    def _lost(self, code: str, message: str, at: int) -> None:
        self._say(code, message, at)
        self._collector.hold_file("IN-TOTAL")

    def _say(
        self, code: str, message: str, at: int, *, value: str = "", expected: str = ""
    ) -> None:
        place = LinePlace(number=at + 1, offset=self._starts[at], text=self._lines[at])
        diagnose_line(self._collector, place, code, message, value=value, expected=expected)


def _cut(line: str, columns: Sequence[int]) -> str:
    """The text in `columns`, without its blanks."""
    return line[columns[0] : columns[1]].strip(" ")
