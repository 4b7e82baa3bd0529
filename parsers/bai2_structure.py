"""The open file, group and account of a BAI2 stream while its records go by.

A record that stands where it may not is reported and read all the same, so that no row is lost.
Nothing here depends on where a window ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.errors import MoneyError
from engine.money import exponent_of
from parsers.bai2_accounts import AccountState, merge_codes
from parsers.bai2_dialects import BAI2_DIALECTS, dialects_of_accounts
from parsers.bai2_fields import (
    Summary,
    read_amount,
    read_date,
    read_summaries,
    read_time,
    record_fields,
)
from parsers.bai2_records import readable
from parsers.bai2_survey import verdicts_of
from parsers.bai2_totals import AccountSums, Totals, account_verdict, cascade_verdict
from parsers.bai2_types import row_kind
from parsers.bai2_windows import RECORD_BYTES_MAX

if TYPE_CHECKING:
    import datetime as dt

    from parsers.bai2_accounts import RecordVoice
    from parsers.bai2_cuts import WindowCut
    from parsers.bai2_rows import DetailRows
    from parsers.bai2_survey import ItemSurvey
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions

__all__ = ["GROUP_STATUS", "StreamStructure"]

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
_CONTINUATION: Final = 88
_LEVEL_DECIMALS: Final = 2
_REMEMBERED_FILES: Final = 100_000
"""Files of one stream among which a repeated one is noticed."""


class _Level(msgspec.Struct):
    """An open 01 or 02 record: where it began, and the totals of what it holds."""

    name: str
    first_record: int
    line: int
    totals: Totals
    codes: str = ""
    currency: str = ""
    as_of: dt.date | None = None
    identity: str = ""


class StreamStructure:
    """The open file, group and account."""

    def __init__(self, collector: FileCollector, options: ReadOptions, survey: ItemSurvey) -> None:
        """Start a stream. Our bank accounts give currency and dialect where the file does not."""
        self._collector = collector
        self._survey = survey
        self._currencies = options.currencies()
        self._dialects = dialects_of_accounts(options.bank_accounts)
        self._file: _Level | None = None
        self._group: _Level | None = None
        self._account: AccountState | None = None
        self._identities: dict[tuple[str, ...], None] = {}
        self._records_before = 0
        self.account_count = 0
        self.version = "2"

    def walk(self, cut: WindowCut, rows: DetailRows, voice: RecordVoice, first_line: int) -> None:
        """Go over the records of a window; its 16 records go to `rows` with their account."""
        self._cut, self._rows, self._voice = cut, rows, voice
        self._first_line = first_line
        self._check_beginning(cut)
        until = [*cut.rows_before, len(cut.first)]
        if until[0]:
            self._add_rows(0, until[0])
        for number, (first, after) in enumerate(
            zip(cut.structure, cut.structure_after, strict=True)
        ):
            self._structure(first, after)
            if until[number] < until[number + 1]:
                self._add_rows(until[number], until[number + 1])
        if self._account is not None:
            self._settle(self._account, is_over=False)
        self._records_before += len(cut.table.codes)

    def finish(self) -> None:
        """The stream is over: whatever is open was cut off."""
        if self._file is None and self._group is None and self._account is None:
            return
        missing = [
            name
            for name, level in (("49", self._account), ("98", self._group), ("99", self._file))
            if level is not None
        ]
        expected = " and ".join(missing)
        message = f"the file ends without its {expected} record"
        last = len(self._cut.table.codes) - 1
        self._voice.say("FILE-TRUNCATED", message, last, expected=expected)
        self._collector.hold_file("IN-TOTAL")
        self._end_account(None)

    def _check_beginning(self, cut: WindowCut) -> None:
        """A window begins with a record that is no 88, unless something went wrong before."""
        table = cut.table
        for code, record, message in table.oddities:
            self._voice.say(code, message, record)
        if cut.window.is_amid:
            message = f"a record is longer than {RECORD_BYTES_MAX:,} bytes, its end is not read"
            self._lost("BAI-LONG", message, 0)
        elif len(table.codes) and table.codes[0] == _CONTINUATION:
            self._lost("BAI-ORDER", "an 88 record stands before the first record", 0)

    def _add_rows(self, low: int, high: int) -> None:
        """16 records in a row, all of the open account."""
        account = self._account or self._orphan_account(int(self._cut.first[low]))
        self._rows.add_range(low, high, account)

    def _structure(self, first: int, after: int) -> None:
        """A record that opens or closes something."""
        handlers = {
            1: self._open_file,
            2: self._open_group,
            3: self._open_account,
            49: self._close_account,
            98: self._close_group,
            99: self._close_file,
        }
        handler = handlers.get(int(self._cut.table.codes[first]))
        if handler is not None:
            handler(first, after)
            return
        line = self._cut.table.lines[first]
        message = f"{line[:12]!r} does not begin with a record code of BAI2"
        expected = "01, 02, 03, 16, 49, 88, 98 or 99 and a comma"
        self._voice.say("BAI-RECORD", message, first, value=line, expected=expected)
        self._collector.count("unreadable")

    def _lost(self, code: str, message: str, record: int) -> None:
        """Structure is missing: report it and hold the stream."""
        self._voice.say(code, message, record)
        self._collector.hold_file("IN-TOTAL")

    # Opening

    def _open_file(self, first: int, after: int) -> None:
        self._leave_file(first)
        fields = self._fields(first, after)
        self._file = self._level("file", first)
        version = next((field for field in reversed(fields[5:]) if field), "")
        if len(fields) < 9 or version not in _VERSIONS:
            message = f"file header of {len(fields)} fields, version {version!r}"
            expected = "9 fields, version 2 or 3"
            self._voice.say("BAI-HEADER", message, first, value=version, expected=expected, field=6)
        if version in _VERSIONS:
            self.version = version
        self._date(fields, 3, first, "file creation date")
        self._time(fields, 4, first)
        identity = tuple(fields[1:6])
        if identity in self._identities:
            message = f"a file {'/'.join(identity)} stands before this one"
            self._voice.say("BAI-REPEATED", message, first)
            self._file.codes = "IN-DUPFILE"
        self._identities[identity] = None
        if len(self._identities) > _REMEMBERED_FILES:
            del self._identities[next(iter(self._identities))]

    def _open_group(self, first: int, after: int) -> None:
        self._leave_group(first)
        if self._file is None:
            message = "a group begins outside a file: its 01 record is missing"
            self._lost("BAI-ORDER", message, first)
            self._file = self._level("file", first)
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
        self._group = self._level("group", first)
        self._group.codes, self._group.currency, self._group.as_of = codes, currency, as_of
        self._group.identity = readable("/".join(_field(fields, at) for at in (2, 3, 5)))

    def _open_account(self, first: int, after: int) -> None:
        self._leave_account(first)
        lines = self._cut.table.lines
        fields = record_fields(lines[first], lines[first + 1 : after])
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
                self._file = self._level("file", first)
            group = self._group = self._level("group", first)
            group.codes = "IN-DATE"
        known, codes = self._currency(number, currency or group.currency, group.codes, first)
        exponent = exponent_of(known)
        decimals, codes = self._decimals(number, known, codes, first)
        self.account_count += 1
        self._account = AccountState(
            number=number,
            currency=known,
            exponent=exponent,
            decimals=decimals,
            booking_date=group.as_of,
            codes=codes,
            first_record=self._records_before + first,
            sums=AccountSums(),
        )
        return self._account

    def _currency(self, number: str, stated: str, codes: str, first: int) -> tuple[str, str]:
        """(currency of an account, intake codes); ours where the file states none, else USD."""
        wanted = stated or self._currencies.get(readable(number), _DEFAULT_CURRENCY)
        try:
            exponent_of(wanted.upper())
        except MoneyError as error:
            message = f"account {number}: {error}; read as {_DEFAULT_CURRENCY}"
            self._voice.say(
                "BAI-CURRENCY", message, first, value=wanted, expected="ISO 4217", field=2
            )
            return _DEFAULT_CURRENCY, merge_codes(codes, "IN-CCY")
        return wanted.upper(), codes

    def _decimals(self, number: str, currency: str, codes: str, first: int) -> tuple[int, str]:
        """(decimals of an account's amounts, intake codes): those of ISO 4217 or of its dialect."""
        exponent, account = exponent_of(currency), readable(number)
        name = self._dialects.get((account, currency), self._dialects.get((account, ""), ""))
        if not name:
            return exponent, codes
        dialect = BAI2_DIALECTS.get(name)
        if dialect is None:
            message = f"account {number}: the dialect {name!r} of our bank accounts is unknown"
            expected = ", ".join(sorted(BAI2_DIALECTS))
            self._voice.say("BAI-DIALECT", message, first, value=name, expected=expected)
            return exponent, merge_codes(codes, "IN-CCY")
        return dialect.decimals_of(currency, exponent), codes

    def _add_summaries(self, account: AccountState, summaries: list[Summary], first: int) -> None:
        """Amounts of an 03 record into the account's sums."""
        for summary in summaries:
            if not summary.amount:
                continue
            minor, _ = read_amount(summary.amount, account.decimals)
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
        declared = self._total(fields, first, account.decimals, scope)
        verdict = account_verdict(declared, account.sums)
        self._check_sum(scope, declared, verdict.computed, verdict.rule, first)
        count = self._records_before + after - account.first_record
        self._check_count(scope, _field(fields, 2), count, first, "records")
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
            declared = self._total(fields, first, _LEVEL_DECIMALS, "", is_quiet=True)
            self._file.totals.add(declared, group.totals.computed)
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
        scope = f"{level.name} at line {level.line}"
        declared = self._total(fields, first, _LEVEL_DECIMALS, scope)
        verdict = cascade_verdict(declared, level.totals)
        self._check_sum(scope, declared, verdict.computed, verdict.rule, first)
        below = "accounts" if level.name == "group" else "groups"
        self._check_count(scope, _field(fields, 2), level.totals.count, first, below)
        count = self._records_before + after - level.first_record
        self._check_count(scope, _field(fields, 3), count, first, "records", field=3)

    def _end_account(self, declared: int | None) -> None:
        """Leave the open account, whose trailer declared `declared`."""
        account, group = self._account, self._group
        if account is None:
            return
        self._settle(account, is_over=True)
        if group is not None:
            group.totals.add(declared, account.sums.summary + account.sums.detail)
            self._collector.statement(
                account=readable(account.number),
                statement_id=group.identity,
                date="" if group.as_of is None else group.as_of.isoformat(),
                currency=account.currency,
                total_minor=account.sums.summary + account.sums.detail,
            )
        self._account = None

    def _settle(self, account: AccountState, *, is_over: bool) -> None:
        """Decide between deposits and items among the account's rows of this window."""
        if is_over and not account.verdicts and not self._rows.may_have_items:
            account.spans.clear()
            return
        levels = self._rows.levels(account)
        if levels and not account.is_surveyed:
            account.is_surveyed = True
            account.verdicts = (
                verdicts_of(levels)
                if is_over
                else self._survey.verdicts(account, self._cut, levels)
            )
        if account.verdicts:
            self._rows.settle(account, levels)
        account.spans.clear()

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
                self._file.totals.add(None, self._group.totals.computed)
            self._group = None

    def _leave_file(self, record: int) -> None:
        """A new file begins: one still open has no trailer."""
        self._leave_group(record)
        if self._file is not None:
            self._lost("BAI-TRAILER", "the file before has no 99 record", record)
            self._file = None

    # Fields and checks

    def _level(self, name: str, first: int) -> _Level:
        """A level that the record of that index opens."""
        line = self._first_line + int(self._cut.table.numbers[first])
        return _Level(name, self._records_before + first, line, Totals())

    def _fields(self, first: int, after: int) -> list[str]:
        lines = self._cut.table.lines
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
