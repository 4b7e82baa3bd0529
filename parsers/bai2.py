"""BAI2 (version 2) and BTRS (version 3): balance reports of US banks, read record by record.

    01 file
      02 group: one bank, one as-of date, one status
        03 account: balances and totals
          16 row … 88 goes on with any record
        49 account total
      98 group total
    99 file total

One pass over the records; a record that stands where it may not is reported and read all the same,
so that no row is lost. Several files may follow each other in one stream. A total that does not
foot, or a missing trailer, holds every payment of the stream (`IN-TOTAL`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.errors import MoneyError
from engine.money import exponent_of
from parsers.bai2_fields import (
    Summary,
    read_amount,
    read_date,
    read_summaries,
    read_time,
    record_fields,
)
from parsers.bai2_records import record_table
from parsers.bai2_rows import AccountState, DetailRows, RecordVoice, merge_codes
from parsers.bai2_totals import AccountSums, account_verdict, cascade_verdict
from parsers.bai2_types import row_kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["GROUP_STATUS", "read_bai2"]

GROUP_STATUS: Final[dict[str, tuple[str, str]]] = {
    "1": ("", "update"),
    "2": ("IN-SEQ", "deletion"),
    "3": ("IN-SEQ", "correction"),
    "4": ("IN-FORMAT", "test data"),
}
"""Group status → the intake code of its payments and what the status means."""

_DEFAULT_CURRENCY: Final = "USD"
_VERSIONS: Final = frozenset({"2", "3"})
_TOTAL_CREDITS: Final = "100"
_DETAIL: Final = 16
_CONTINUATION: Final = 88


class _Level(msgspec.Struct):
    """An open 01 or 02 record: where it began, and the totals of what it holds."""

    name: str
    first_record: int
    declared: list[int | None] = []
    computed: list[int] = []
    below_count: int = 0
    codes: str = ""
    currency: str = ""
    as_of: dt.date | None = None


def read_bai2(source: ByteSource, collector: FileCollector, options: ReadOptions) -> Iterator[None]:
    """Read a BAI2 file as far as it goes; never raises.

    Our bank accounts give the currency where neither 03 nor 02 does (else USD).
    """
    collector.source_format = "bai2"
    _Reader(source.read(0, source.size), collector, options.currencies()).read()
    yield


class _Reader:
    """The open file, group and account while records go by."""

    def __init__(
        self, content: bytes, collector: FileCollector, currencies: Mapping[str, str]
    ) -> None:
        self._collector = collector
        self._table = record_table(content)
        self._voice = RecordVoice(self._collector, self._table)
        self._rows = DetailRows(self._collector, self._table, self._voice)
        self._currencies = currencies
        self._file: _Level | None = None
        self._group: _Level | None = None
        self._account: AccountState | None = None
        self._identities: set[tuple[str, ...]] = set()
        self._account_count = 0
        self._version = "2"
        if not content.isascii():
            self._check_encoding(content)

    def read(self) -> None:
        """Go over all records once."""
        table, rows = self._table, self._rows
        for code, record, message in table.oddities:
            self._voice.say(code, message, record)
        heads = np.flatnonzero(table.codes != _CONTINUATION)
        after = np.append(heads[1:], len(table.codes))
        if len(table.codes) and table.codes[0] == _CONTINUATION:
            self._voice.say("BAI-ORDER", "an 88 record stands before the first record", 0)
            self._collector.hold_file("IN-TOTAL")
        is_structure = table.codes[heads] != _DETAIL
        structure = heads[is_structure]
        until = [*np.searchsorted(rows.first, structure).tolist(), len(rows.first)]
        if until[0]:
            self._add_rows(0, until[0])
        for number, (first, end) in enumerate(
            zip(structure.tolist(), after[is_structure].tolist(), strict=True)
        ):
            self._structure(first, end)
            if until[number] < until[number + 1]:
                self._add_rows(until[number], until[number + 1])
        self._finish_stream()
        rows.flush()
        self._collector.close(dialect=f"bai2.v{self._version}", statement_count=self._account_count)

    def _add_rows(self, low: int, high: int) -> None:
        """16 records in a row, all of the open account."""
        account = self._account or self._orphan_account(int(self._rows.first[low]))
        self._rows.add_range(low, high, account)

    def _structure(self, first: int, after: int) -> None:
        """A record that opens or closes something."""
        lines = self._table.lines
        tag = lines[first][:3]
        if tag == "03,":
            self._open_account(first, after)
        elif tag == "49,":
            self._close_account(first, after)
        elif tag == "02,":
            self._open_group(first, after)
        elif tag == "98,":
            self._close_group(first, after)
        elif tag == "01,":
            self._open_file(first, after)
        elif tag == "99,":
            self._close_file(first, after)
        else:
            message = f"{lines[first][:12]!r} does not begin with a record code of BAI2"
            expected = "01, 02, 03, 16, 49, 88, 98 or 99 and a comma"
            self._voice.say("BAI-RECORD", message, first, value=lines[first], expected=expected)
            self._collector.count("unreadable")

    def _check_encoding(self, content: bytes) -> None:
        """Say where text is no UTF-8."""
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte 0x{content[error.start]:02x} at offset {error.start} is no UTF-8"
            line = content.count(b"\n", 0, error.start) + 1
            self._collector.diagnose("BAI-ENCODING", message, line=line, offset=error.start)

    def _lost(self, code: str, message: str, record: int) -> None:
        """Structure is missing: report it and hold the stream."""
        self._voice.say(code, message, record)
        self._collector.hold_file("IN-TOTAL")

    # Opening

    def _open_file(self, first: int, after: int) -> None:
        self._leave_file(first)
        fields = self._fields(first, after)
        self._file = _Level("file", first)
        version = next((field for field in reversed(fields[5:]) if field), "")
        if len(fields) < 9 or version not in _VERSIONS:
            message = f"file header of {len(fields)} fields, version {version!r}"
            expected = "9 fields, version 2 or 3"
            self._voice.say("BAI-HEADER", message, first, value=version, expected=expected, field=6)
        if version in _VERSIONS:
            self._version = version
        self._date(fields, 3, first, "file creation date")
        self._time(fields, 4, first)
        identity = tuple(fields[1:6])
        if identity in self._identities:
            self._voice.say(
                "BAI-REPEATED", f"a file {'/'.join(identity)} stands before this one", first
            )
            self._file.codes = "IN-DUPFILE"
        self._identities.add(identity)

    def _open_group(self, first: int, after: int) -> None:
        self._leave_group(first)
        if self._file is None:
            message = "a group begins outside a file: its 01 record is missing"
            self._lost("BAI-ORDER", message, first)
            self._file = _Level("file", first)
        fields = self._fields(first, after)
        currency = _field(fields, 6)
        codes, meaning = GROUP_STATUS.get(_field(fields, 3) or "1", ("IN-FORMAT", "unknown"))
        if codes:
            message = f"group status {_field(fields, 3)!r} means {meaning}: its payments are held"
            status = _field(fields, 3)
            self._voice.say("BAI-STATUS", message, first, value=status, expected="1", field=3)
            codes = merge_codes(self._file.codes, codes)
        else:
            codes = self._file.codes
        as_of = self._date(fields, 4, first, "as-of date")
        self._time(fields, 5, first)
        if as_of is None:
            codes = merge_codes(codes, "IN-DATE")
        self._group = _Level("group", first, codes=codes, currency=currency, as_of=as_of)

    def _open_account(self, first: int, after: int) -> None:
        self._leave_account(first)
        lines = self._table.lines
        fields = lines[first].removesuffix("/").split(",", 3)
        account = self._new_account(first, _field(fields, 1), _field(fields, 2))
        summaries, unread = read_summaries(lines[first], lines[first + 1 : after])
        self._add_summaries(account, summaries, first)
        if unread:
            message = f"summary of account {account.number}: {unread!r} is no type and amount"
            self._voice.say("BAI-SUMMARY", message, first, value=unread)

    def _orphan_account(self, first: int) -> AccountState:
        """An account for rows that stand outside any."""
        self._lost("BAI-ORDER", "a row stands outside an account: its 03 record is missing", first)
        return self._new_account(first, "", "")

    def _new_account(self, first: int, number: str, currency: str) -> AccountState:
        group = self._group
        if group is None:
            self._lost(
                "BAI-ORDER", "an account begins outside a group: its 02 record is missing", first
            )
            if self._file is None:
                self._file = _Level("file", first)
            group = self._group = _Level("group", first, codes="IN-DATE")
        codes = group.codes
        stated = currency or group.currency
        wanted = stated or self._currencies.get(number, _DEFAULT_CURRENCY)
        try:
            known = wanted.upper()
            exponent = exponent_of(known)
        except MoneyError as error:
            known, exponent = _DEFAULT_CURRENCY, exponent_of(_DEFAULT_CURRENCY)
            message = f"account {number}: {error}; read as {known}"
            self._voice.say(
                "BAI-CURRENCY", message, first, value=wanted, expected="ISO 4217", field=2
            )
            codes = merge_codes(codes, "IN-CCY")
        self._account_count += 1
        self._account = AccountState(
            number=number,
            currency=known,
            exponent=exponent,
            booking_date=group.as_of,
            codes=codes,
            first_record=first,
            first_row=self._rows.row_count,
            first_entry=self._rows.entry_count,
            sums=AccountSums(),
        )
        return self._account

    def _add_summaries(self, account: AccountState, summaries: list[Summary], first: int) -> None:
        """Amounts of an 03 record into the account's sums."""
        for summary in summaries:
            if not summary.amount:
                continue
            minor, _ = read_amount(summary.amount, account.exponent)
            if minor is None:
                message = f"type {summary.code} of account {account.number} has no readable amount"
                self._voice.say("BAI-SUMMARY", message, first, value=summary.amount)
                continue
            account.sums.summary += minor
            if row_kind(summary.code) in {"debit", "return"}:
                account.sums.summary_debit += minor
            if summary.code == _TOTAL_CREDITS:
                account.declared_credits = minor
                if summary.item_count.isdecimal():
                    account.declared_credit_rows = int(summary.item_count[:18])

    # Closing

    def _close_account(self, first: int, after: int) -> None:
        account = self._account
        if account is None:
            self._lost("BAI-ORDER", "an account total stands outside an account", first)
            return
        fields = self._fields(first, after)
        scope = f"account {account.number}"
        declared = self._total(fields, first, account.exponent, scope)
        verdict = account_verdict(declared, account.sums)
        self._check_sum(scope, declared, verdict.computed, verdict.rule, first)
        self._check_count(scope, _field(fields, 2), after - account.first_record, first, "records")
        self._end_account(declared)
        self._check_credits(account, first)

    def _close_group(self, first: int, after: int) -> None:
        self._leave_account(first)
        group = self._group
        if group is None:
            self._lost("BAI-ORDER", "a group total stands outside a group", first)
            return
        fields = self._fields(first, after)
        self._close_level(group, fields, first, after)
        if self._file is not None:
            self._file.declared.append(self._total(fields, first, 2, "", is_quiet=True))
            self._file.computed.append(sum(group.computed))
            self._file.below_count += 1
        self._group = None

    def _close_file(self, first: int, after: int) -> None:
        self._leave_group(first)
        if self._file is None:
            self._lost("BAI-ORDER", "a file total stands outside a file", first)
            return
        self._close_level(self._file, self._fields(first, after), first, after)
        self._file = None

    def _close_level(self, level: _Level, fields: list[str], first: int, after: int) -> None:
        """Check a 98 or 99 record: its total, what it counts below it, its records."""
        scope = f"{level.name} at line {self._table.numbers[level.first_record]}"
        declared = self._total(fields, first, 2, scope)
        verdict = cascade_verdict(declared, level.declared, level.computed)
        self._check_sum(scope, declared, verdict.computed, verdict.rule, first)
        below = "accounts" if level.name == "group" else "groups"
        self._check_count(scope, _field(fields, 2), level.below_count, first, below)
        records = after - level.first_record
        self._check_count(scope, _field(fields, 3), records, first, "records", field=3)

    def _end_account(self, declared: int | None) -> None:
        """Leave the open account, whose trailer declared `declared`."""
        account, group = self._account, self._group
        if account is None:
            return
        if account.has_items:
            self._rows.settle_items(account)
        if group is not None:
            group.declared.append(declared)
            group.computed.append(account.sums.summary + account.sums.detail)
            group.below_count += 1
        self._account = None

    def _leave_account(self, record: int) -> None:
        """Something else begins: an account still open has no trailer."""
        if self._account is not None:
            message = f"account {self._account.number} has no 49 record"
            self._lost("BAI-TRAILER", message, record)
            self._end_account(None)

    def _leave_group(self, record: int) -> None:
        """Something else begins: a group still open has no trailer."""
        self._leave_account(record)
        if self._group is not None:
            self._lost("BAI-TRAILER", "the group before has no 98 record", record)
            if self._file is not None:
                self._file.declared.append(None)
                self._file.computed.append(sum(self._group.computed))
                self._file.below_count += 1
            self._group = None

    def _leave_file(self, record: int) -> None:
        """A new file begins: one still open has no trailer."""
        self._leave_group(record)
        if self._file is not None:
            self._lost("BAI-TRAILER", "the file before has no 99 record", record)
            self._file = None

    def _finish_stream(self) -> None:
        """The stream is over: whatever is open was cut off."""
        if self._file is None and self._group is None and self._account is None:
            return
        missing = [
            name
            for name, level in (("49", self._account), ("98", self._group), ("99", self._file))
            if level is not None
        ]
        last = len(self._table.lines) - 1
        expected = " and ".join(missing)
        message = f"the file ends without its {expected} record"
        self._voice.say("FILE-TRUNCATED", message, last, expected=expected)
        self._collector.hold_file("IN-TOTAL")
        self._end_account(None)

    # Fields and checks

    def _fields(self, first: int, after: int) -> list[str]:
        lines = self._table.lines
        fields = record_fields(lines[first], lines[first + 1 : after])
        return [field.strip(" ") for field in fields]

    def _date(self, fields: list[str], at: int, record: int, what: str) -> dt.date | None:
        token = _field(fields, at)
        found = read_date(token)
        if found is None:
            message = f"{what} {token!r} is no date"
            expected = "YYMMDD or YYYYMMDD"
            self._voice.say("BAI-DATE", message, record, value=token, expected=expected, field=at)
        return found

    def _time(self, fields: list[str], at: int, record: int) -> None:
        token = _field(fields, at)
        if read_time(token) is None:
            message = f"time {token!r} is no time"
            expected = "HHMM, 2400 or 9999"
            self._voice.say("BAI-DATE", message, record, value=token, expected=expected, field=at)

    def _total(
        self, fields: list[str], record: int, exponent: int, scope: str, *, is_quiet: bool = False
    ) -> int | None:
        """The total a trailer declares; None where it is blank or unreadable (reported)."""
        token = _field(fields, 1)
        if not token:
            return None
        minor, _ = read_amount(token, exponent)
        if minor is None and not is_quiet:
            message = f"{scope}: the declared total {token!r} is no number"
            self._voice.say("FILE-TOTAL", message, record, value=token, expected="digits", field=1)
            self._collector.hold_file("IN-TOTAL")
        return minor

    def _check_sum(
        self, scope: str, declared: int | None, computed: int, rule: str, record: int
    ) -> None:
        shown = "" if declared is None else declared
        self._collector.check(
            scope=scope, kind="sum", declared=shown, computed=computed, ok=bool(rule), rule=rule
        )
        if not rule:
            message = f"{scope} declares {declared}, its records add up to {computed}"
            declared_text, expected = str(declared), str(computed)
            self._voice.say(
                "FILE-TOTAL", message, record, value=declared_text, expected=expected, field=1
            )
            self._collector.hold_file("IN-TOTAL")

    def _check_count(
        self, scope: str, token: str, computed: int, record: int, kind: str, field: int = 2
    ) -> None:
        ok = not token or (token.isdecimal() and int(token[:18]) == computed)
        rule = "" if token else "D"
        self._collector.check(
            scope=scope, kind=kind, declared=token, computed=computed, ok=ok, rule=rule
        )
        if not ok:
            message = f"{scope} declares {token} {kind}, there are {computed}"
            expected = str(computed)
            self._voice.say(
                "FILE-COUNT", message, record, value=token, expected=expected, field=field
            )

    def _check_credits(self, account: AccountState, record: int) -> None:
        """Where rows are itemised, the total of credits (type 100) of the summary is theirs.

        A bank may itemise only some rows: a lower sum of fewer rows is reported, not failed.
        """
        declared = account.declared_credits
        if declared is None or not account.credit_rows:
            return
        ok = declared == account.credit_sum
        scope = f"account {account.number}"
        if account.credit_sum >= declared or account.credit_rows == account.declared_credit_rows:
            self._collector.check(
                scope=scope, kind="credits", declared=declared, computed=account.credit_sum, ok=ok
            )
        if not ok:
            message = f"{scope} declares credits of {declared}, its rows give {account.credit_sum}"
            self._voice.say("BAI-SUMMARY", message, record, value=str(declared))


def _field(fields: list[str], at: int) -> str:
    """Field `at` without blanks; empty where the record is shorter."""
    return fields[at].strip(" ") if at < len(fields) else ""
