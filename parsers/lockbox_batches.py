"""Headers and totals of a lockbox file: which batch and lockbox is open, and whether sums foot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.errors import MoneyError
from engine.money import exponent_of
from parsers.lockbox_checks import Batch
from parsers.lockbox_fields import Number, cut_text, read_masked_date, read_number

if TYPE_CHECKING:
    import datetime as dt

    from engine.batches import BankAccountBatch
    from parsers.lockbox_layouts import (
        BatchHeaderLayout,
        FileTotalLayout,
        LockboxLayout,
        TotalLayout,
    )
    from parsers.lockbox_records import LinePlace
    from parsers.lockbox_report import LockboxReport

__all__ = ["Batches", "LockboxAccounts"]

_DEFAULT_CURRENCY: Final = "USD"


class _Account(msgspec.Struct, frozen=True):
    """What our bank accounts say about a lockbox."""

    currency: str
    layout: str


class LockboxAccounts:
    """Our bank accounts by lockbox number, as it stands or without leading zeros."""

    def __init__(self, bank_accounts: BankAccountBatch) -> None:
        """Index `bank_accounts`; of several for one lockbox the last one counts."""
        self._known: dict[str, _Account] = {}
        names = ("lockbox", "currency", "layout")
        for lockbox, currency, layout in zip(
            *(bank_accounts.strings(name) for name in names), strict=True
        ):
            if lockbox:
                account = _Account(currency, layout)
                self._known.setdefault(lockbox.lstrip("0"), account)
                self._known[lockbox] = account

    def layouts(self) -> list[str]:
        """The names of layouts our accounts give, each once."""
        names = [account.layout for account in self._known.values() if account.layout]
        return list(dict.fromkeys(names))

    def layout_of(self, lockbox: str) -> str:
        """The layout our account names for a lockbox; empty where it names none."""
        account = self._find(lockbox)
        return account.layout if account else ""

    def currency_of(self, lockbox: str) -> str:
        """The currency of a lockbox; empty where our accounts do not give it."""
        account = self._find(lockbox)
        return account.currency if account else ""

    def _find(self, lockbox: str) -> _Account | None:
        return self._known.get(lockbox) or self._known.get(lockbox.lstrip("0"))


class Batches:
    """The open batch and lockbox while control records go by."""

    def __init__(
        self, layout: LockboxLayout, report: LockboxReport, accounts: LockboxAccounts
    ) -> None:
        """Read control records of `layout`."""
        self._layout = layout
        self._report = report
        self._accounts = accounts
        self.batch: Batch | None = None
        self.header_count = 0
        self._header: Batch | None = None
        self._numbers: set[tuple[str, str, str]] = set()
        self._untotalled: LinePlace | None = None
        self._declared: tuple[LinePlace, TotalLayout] | None = None
        self._box_count = self._box_total = self._box_batches = 0
        self._file_total = 0
        self._exponent = exponent_of(_DEFAULT_CURRENCY)
        self._has_batch_totals = False
        self._has_box_total = False

    def open_batch(self, place: LinePlace, table: BatchHeaderLayout) -> None:
        """Record 5."""
        self._leave(place)
        line = place.text
        number, lockbox = cut_text(line, table.batch), cut_text(line, table.lockbox)
        token, deposited = "", None
        if table.date is not None:
            token = line[slice(*table.date.columns)]
            deposited = read_masked_date(token, table.date.mask)
            if deposited is None:
                message = f"deposit date {token!r} of batch {number} is no date"
                expected = f"a date, {table.date.mask}"
                self._report.say("LBX-DATE", message, place, table.date.columns, expected=expected)
        self.header_count += 1
        self._header = self._new_batch(
            place, number, lockbox, deposited, cut_text(line, table.currency)
        )
        self.batch = self._header
        key = (lockbox, number, token)
        if key in self._numbers:
            message = f"batch {number} of lockbox {lockbox} and {token} stands twice"
            self._report.say("LBX-DUPLICATE", message, place, table.batch, expected="a new number")
        if number and not number.strip("9"):
            self._numbers.clear()
        self._numbers.add(key)

    def go_on(self) -> Batch | None:
        """Open the next batch of a header of batch 000, which stands for all up to its total."""
        header = self._header
        if header is None or header.number.strip("0"):
            return None
        self.batch = msgspec.structs.replace(header, count=0, total=0)
        return self.batch

    def begin(self, place: LinePlace, lockbox: str, deposited: dt.date | None) -> Batch:
        """Open a batch at a check that follows no header of its own.

        `lockbox` and `deposited` are what the check or a total after it says.
        """
        header = self._header
        if self._layout.batch_header is None:
            self.header_count += 1
        else:
            message = "a check stands before any batch header"
            self._report.lost("LBX-ORDER", message, place, (0, 1), expected="a batch header")
        number = header.number if header is not None else ""
        self.batch = self._new_batch(place, number, lockbox, deposited, "")
        if header is not None:
            self.batch.lockbox = header.lockbox
            self.batch.deposited = header.deposited
        return self.batch

    def _new_batch(
        self,
        place: LinePlace,
        number: str,
        lockbox: str,
        deposited: dt.date | None,
        stated: str,
    ) -> Batch:
        currency = stated or self._accounts.currency_of(lockbox) or _DEFAULT_CURRENCY
        try:
            exponent = exponent_of(currency)
        except MoneyError as error:
            message = f"lockbox {lockbox}: {error}"
            self._report.say("BAI-CURRENCY", message, place, expected="an ISO 4217 code")
            currency, exponent = _DEFAULT_CURRENCY, exponent_of(_DEFAULT_CURRENCY)
        self._exponent = exponent
        return Batch(number, lockbox, currency, exponent, deposited)

    def close_batch(self, place: LinePlace, table: TotalLayout) -> None:
        """Record 7."""
        batch = self.batch
        self._has_batch_totals = True
        self._report_untotalled()
        lockbox, number = cut_text(place.text, table.lockbox), cut_text(place.text, table.batch)
        if batch is None:
            message = "a batch total stands outside a batch"
            self._report.lost("LBX-ORDER", message, place, (0, 1), expected="a batch before it")
            return
        scope = f"batch {number} of lockbox {lockbox}"
        header = f"its header says batch {batch.number} of lockbox {batch.lockbox}"
        if table.lockbox and batch.lockbox != lockbox:
            expected = batch.lockbox
            self._report.say(
                "LBX-NUMBER", f"{scope}: {header}", place, table.lockbox, expected=expected
            )
        elif table.batch and batch.number.strip("0") and batch.number != number:
            expected = batch.number
            self._report.say(
                "LBX-NUMBER", f"{scope}: {header}", place, table.batch, expected=expected
            )
        self._compare(scope, place, table, batch.count, batch.total)
        self._end_batch(batch)

    def open_lockbox(self, place: LinePlace, table: TotalLayout) -> None:
        """A header that declares the totals of the lockbox that begins."""
        self._leave(place)
        self._compare_declared()
        self._declared = (place, table)

    def close_lockbox(self, place: LinePlace, table: TotalLayout) -> None:
        """Record 8."""
        self._leave(place)
        if not self._has_batch_totals:
            self._untotalled = None
        self._has_box_total = True
        scope = f"lockbox {cut_text(place.text, table.lockbox)}"
        self._compare(scope, place, table, self._box_count, self._box_total)
        self._box_count = self._box_total = self._box_batches = 0
        self._header = None

    def close_file(self, place: LinePlace, table: FileTotalLayout, records: int) -> None:
        """Record 9; `records` are those of its transmission with itself."""
        self._leave(place)
        self._compare_declared()
        self._report_untotalled()
        if self._layout.lockbox_total is not None and (
            self._box_batches or not self._has_box_total
        ):
            message = "the file has no lockbox total (record 8)"
            self._report.lost("LBX-TRAILER", message, place, (0, 1), expected="a lockbox total")
        declared = read_number(place.text, table.count)
        value = None if declared is None else declared.digits
        limit = 10 ** (table.count[1] - table.count[0])
        ok = value == records
        rule = "wrapped" if not ok and records >= limit and value == records % limit else ""
        self._report.check(
            scope="file",
            kind="records",
            declared=cut_text(place.text, table.count) if value is None else value,
            computed=records,
            ok=ok or bool(rule),
            rule=rule,
        )
        if not ok and not rule:
            message = f"the file declares {value} records, there are {records}"
            self._report.say("FILE-COUNT", message, place, table.count, expected=str(records))
        if table.total is not None:
            self._compare_sum("file", place, table.total, self._file_total)
        self._box_count = self._box_total = self._box_batches = self._file_total = 0
        self._has_box_total = False

    def finish(self, place: LinePlace, records: int) -> None:
        """The file is over after `records` records of a transmission: what was cut off?"""
        layout, missing = self._layout, []
        if self.batch is not None:
            if layout.batch_total is not None and (self._has_batch_totals or records):
                missing.append("batch total (record 7)")
            self._end_batch(self.batch)
        elif self._untotalled is not None:
            self._report_untotalled()
        self._compare_declared()
        if layout.lockbox_total is not None and (
            self._box_batches or (records and not self._has_box_total)
        ):
            missing.append("lockbox total (record 8)")
        if layout.file_total is not None and records:
            missing.append("file total (record 9)")
        if missing:
            expected = " and ".join(missing)
            message = f"the file ends without its {expected}"
            self._report.lost("FILE-TRUNCATED", message, place, expected=expected)

    def _end_batch(self, batch: Batch) -> None:
        date = "" if batch.deposited is None else batch.deposited.isoformat()
        self._report.batch(batch.lockbox, batch.number, date, batch.currency, batch.total)
        self._box_count += batch.count
        self._box_total += batch.total
        self._file_total += batch.total
        self._box_batches += 1
        self.batch = None

    def _leave(self, place: LinePlace) -> None:
        """Something else begins: a batch still open has no total.

        A bank that sends no batch totals at all is checked by the totals of its lockboxes.
        """
        batch = self.batch
        if batch is None:
            return
        self._end_batch(batch)
        opens_all = not batch.number.strip("0")
        if self._layout.batch_total is not None and (batch.count or not opens_all):
            self._untotalled = self._untotalled or place
            if self._has_batch_totals:
                self._report_untotalled()

    def _report_untotalled(self) -> None:
        if self._untotalled is not None:
            message = "a batch ends here without its total (record 7)"
            place, self._untotalled = self._untotalled, None
            self._report.lost("LBX-TRAILER", message, place, (0, 1), expected="a batch total")

    def _compare_declared(self) -> None:
        """Compare a lockbox with the totals its header declared."""
        if self._declared is None:
            return
        place, table = self._declared
        scope = f"lockbox {cut_text(place.text, table.lockbox)}"
        self._compare(scope, place, table, self._box_count, self._box_total)
        self._declared = None
        self._box_count = self._box_total = self._box_batches = 0

    def _compare(
        self, scope: str, place: LinePlace, table: TotalLayout, count: int, total: int
    ) -> None:
        """Compare count and sum of a record; both wrap at the width of their field."""
        declared = read_number(place.text, table.count)
        value = None if declared is None else declared.digits
        limit = 10 ** (table.count[1] - table.count[0])
        self._conclude(scope, "checks", place, table.count, (value, count, limit))
        self._compare_sum(scope, place, table.total, total)

    def _compare_sum(self, scope: str, place: LinePlace, columns: Any, total: int) -> None:
        implied = self._exponent if self._layout.decimals is None else self._layout.decimals
        declared = read_number(place.text, columns)
        value = None if declared is None else declared.minor(implied, self._exponent)
        limit = Number(10 ** (columns[1] - columns[0])).minor(implied, self._exponent)
        self._conclude(scope, "sum", place, columns, (value, total, limit or 0))

    def _conclude(
        self,
        scope: str,
        kind: str,
        place: LinePlace,
        columns: Any,
        values: tuple[int | None, int, int],
    ) -> None:
        declared, computed, limit = values
        ok, rule = declared == computed, ""
        if not ok and limit and computed >= limit and declared == computed % limit:
            ok, rule = True, "wrapped"
        self._report.check(
            scope=scope,
            kind=kind,
            declared=cut_text(place.text, columns) if declared is None else declared,
            computed=computed,
            ok=ok,
            rule=rule,
        )
        if not ok:
            code = "FILE-TOTAL" if kind == "sum" else "FILE-COUNT"
            message = f"{scope} declares {kind} {declared}, its records give {computed}"
            self._report.lost(code, message, place, columns, expected=str(computed))
