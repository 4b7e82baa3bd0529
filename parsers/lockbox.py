"""BAI lockbox files: checks and the invoices they pay, one fixed-length record per line.

    1 transmission   2 service
      5 batch of one lockbox and deposit date
        6 check
          4 overflow: what the check pays
      7 batch total
    8 lockbox total
    9 number of records

Columns come from a layout (`parsers.lockbox_layouts`): the one our bank account names, or the one
that fits (`parsers.lockbox_choice`). A file is read in windows: ordinary checks column by column,
all other records one by one, in the order of the file. Batch and item numbers wrap, and so do
totals at the width of their field.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

from parsers.lockbox_batches import Batches, LockboxAccounts
from parsers.lockbox_checks import CheckReader, item_of, known_types
from parsers.lockbox_choice import PROBE_RECORDS, choose_layout, layout_widths
from parsers.lockbox_cut import CHECK, WindowCutter
from parsers.lockbox_fields import cut_text, read_masked_date
from parsers.lockbox_layout_files import LOCKBOX_LAYOUTS
from parsers.lockbox_layouts import BatchHeaderLayout, FileTotalLayout, OverflowLayout, TotalLayout
from parsers.lockbox_marks import KIND_CODES, boundary_test, table_reader
from parsers.lockbox_records import LinePlace, framing_of, record_windows, split_records
from parsers.lockbox_report import LockboxReport
from parsers.lockbox_rows import WindowRows
from parsers.lockbox_seen import SeenItems

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.lockbox_checks import Batch
    from parsers.lockbox_cut import WindowCut
    from parsers.lockbox_layouts import LockboxLayout
    from parsers.lockbox_records import Framing
    from parsers.read_options import ReadOptions

__all__ = ["read_lockbox", "read_lockbox_by"]

_LOOKS_AHEAD: Final = (KIND_CODES["batch_total"], KIND_CODES["lockbox_total"])
_ENDS_LOOK: Final = (KIND_CODES["batch_header"], KIND_CODES["file_total"])


def read_lockbox(
    source: ByteSource, collector: FileCollector, options: ReadOptions
) -> Iterator[None]:
    """Read a lockbox file as far as it goes; never raises.

    Our bank accounts give the currency (else USD) and perhaps the layout of each lockbox.
    """
    yield from read_lockbox_by(source, collector, options)


def read_lockbox_by(
    source: ByteSource,
    collector: FileCollector,
    options: ReadOptions,
    *,
    ordinary: bool = True,
) -> Iterator[None]:
    """`read_lockbox`; where not `ordinary`, every check is looked at by itself."""
    collector.source_format = "lockbox"
    accounts = LockboxAccounts(options.bank_accounts)
    own = options.lockbox_layouts
    framing = framing_of(source, layout_widths([*own, *LOCKBOX_LAYOUTS.values()]))
    report = LockboxReport(collector)
    if framing.code_page:
        place = LinePlace(1, framing.start, "")
        message = f"the file is EBCDIC, read by code page {framing.code_page}"
        report.say("LBX-EBCDIC", message, place)
    layout = _layout_of(split_records(source, framing, PROBE_RECORDS), own, accounts, report)
    reader = _Reader(source, collector, report, layout, framing, accounts)
    cutter = WindowCutter(layout, framing, ordinary=ordinary)
    windows = record_windows(source, framing, reader.is_continued)
    for cut in options.map_ordered(cutter, windows):
        reader.read(cut)
        yield
    reader.finish()
    collector.close(dialect=f"lockbox.{layout.name}", statement_count=reader.header_count)


def _layout_of(
    records: Sequence[str],
    own: Sequence[LockboxLayout],
    accounts: LockboxAccounts,
    report: LockboxReport,
) -> LockboxLayout:
    """The layout our account names for the first lockbox of the file, or the one that fits."""
    known = {layout.name: layout for layout in LOCKBOX_LAYOUTS.values()}
    known |= {layout.name: layout for layout in own}
    for name in accounts.layouts():
        layout = known.get(name)
        if layout is not None and accounts.layout_of(_first_lockbox(records, layout)) == name:
            return layout
    choice = choose_layout(records, own)
    first = records[0] if records else ""
    named = accounts.layout_of(_first_lockbox(records, choice.layout))
    if named and named not in known:
        message = f"lockbox layout {named!r} is unknown"
        report.say("LBX-LAYOUT", message, LinePlace(1, 0, first), expected=", ".join(known))
    if choice.doubt:
        runner_up = choice.runner_up.name if choice.runner_up else ""
        message = f"layout {choice.layout.name} was taken, {runner_up} is next: {choice.doubt}"
        report.say("LBX-DOUBT", message, LinePlace(1, 0, first), expected="one layout that fits")
    return known.get(named, choice.layout)


def _first_lockbox(records: Sequence[str], layout: LockboxLayout) -> str:
    """The lockbox number of the first record that gives one under `layout`; empty: none."""
    table_of = table_reader(layout)
    for line in records:
        lockbox = cut_text(line, getattr(table_of(line), "lockbox", None))
        if lockbox:
            return lockbox
    return ""


class _Reader:
    """A file of one layout while its windows go by."""

    def __init__(
        self,
        source: ByteSource,
        collector: FileCollector,
        report: LockboxReport,
        layout: LockboxLayout,
        framing: Framing,
        accounts: LockboxAccounts,
    ) -> None:
        self.is_continued = boundary_test(layout)
        self._source, self._collector, self._report = source, collector, report
        self._layout, self._framing = layout, framing
        self._table_of = table_reader(layout)
        self._batches = Batches(layout, report, accounts)
        self._checks = CheckReader(layout, self._table_of, report)
        item = layout.check.item or (0, 0)
        batch = layout.check.batch or (0, 0)
        self._key_width = item[1] - item[0] + batch[1] - batch[0]
        self._seen = SeenItems(item[1] - item[0])
        self._lines = self._records = self._blanks = 0
        self._last = LinePlace(1, framing.start, "")

    @property
    def header_count(self) -> int:
        """Batches the file opens."""
        return self._batches.header_count

    def read(self, cut: WindowCut) -> None:
        """Read a window: what needs a look one by one, ordinary checks between them at once."""
        window = _Window(cut, self._lines)
        rows = WindowRows(cut, self._lines)
        first, done = cut.checks.first, 0
        counted = 0
        events = cut.events.tolist()
        until = np.searchsorted(first, cut.events).tolist()
        for at, high in zip(events, until, strict=True):
            if high > done:
                self._take(window, rows, done, high)
                done = high
            kind = int(cut.kinds[at])
            if kind == CHECK:
                self._look(window, rows, at)
            else:
                self._records += at + 1 - counted
                counted = at + 1
                self._control(window, at)
        if len(first) > done:
            self._take(window, rows, done, len(first))
        self._records += len(cut.kinds) - counted
        self._lines += cut.spans.line_count
        if len(cut.kinds):
            self._last = window.place(len(cut.kinds) - 1)
        rows.flush(self._collector)

    def finish(self) -> None:
        """The file is over: totals still owed were cut off."""
        self._batches.finish(self._last, self._records - self._blanks)

    def _take(self, window: _Window, rows: WindowRows, low: int, high: int) -> None:
        """The ordinary checks from `low` to `high` belong to the open batch."""
        checks = window.cut.checks
        batch = self._batches.batch or self._begin(window, int(checks.first[low]))
        if self._needs_look(batch, int(checks.keys[low])):
            for at in checks.first[low:high].tolist():
                self._look(window, rows, at)
            return
        batch.count += high - low
        batch.total += int(checks.amount[low:high].sum())
        self._seen.add_run(checks.keys[low:high], self._key_width)
        rows.add_ordinary(low, high, batch)

    def _needs_look(self, batch: Batch, key: int) -> bool:
        """Whether checks of a batch are not ordinary for what the file said before them."""
        layout = self._layout
        is_scaled = layout.decimals not in {None, batch.exponent}
        is_dated = layout.check.date is not None and batch.deposited is None
        return is_scaled or is_dated or self._seen.descends_to(key)

    def _look(self, window: _Window, rows: WindowRows, at: int) -> None:
        """Read the check whose record is `at`, and what follows it."""
        batch = self._batches.batch or self._begin(window, at)
        places = [window.place(record) for record in range(at, window.end_of(at))]
        self._blanks += sum(not place.text.strip(" ") for place in places[1:])
        check = self._layout.check
        item = item_of(places[0].text, check.batch, check.item)
        if check.item is not None and self._seen.is_repeated(item):
            message = f"batch and item {item} stand twice"
            self._report.say(
                "LBX-DUPLICATE", message, places[0], check.item, expected="a new number"
            )
        row = self._checks.read(places, at, batch)
        if row is not None:
            rows.add(row, batch)

    def _begin(self, window: _Window, at: int) -> Batch:
        """Open a batch at a check without a header."""
        self._seen.clear()
        known = self._batches.go_on()
        if known is not None:
            return known
        place, check = window.place(at), self._layout.check
        lockbox, deposited = cut_text(place.text, check.lockbox), None
        if not lockbox:
            lockbox, deposited = self._ahead(window, at)
        return self._batches.begin(place, lockbox, deposited)

    def _ahead(self, window: _Window, at: int) -> tuple[str, dt.date | None]:
        """Lockbox and date of the next total, which the batch at `at` belongs to."""
        if self._layout.batch_header is None and self._layout.batch_total is None:
            return "", None
        cutter = WindowCutter(self._layout, self._framing, ordinary=False)
        begin = window.cut.window.offset + int(window.cut.spans.starts[at])
        for ahead in map(
            cutter, record_windows(self._source, self._framing, self.is_continued, begin)
        ):
            found = _Window(ahead, 0)
            for record in np.flatnonzero(np.isin(ahead.kinds, _LOOKS_AHEAD + _ENDS_LOOK)).tolist():
                table = self._table_of(found.place(record).text)
                if not isinstance(table, TotalLayout):
                    return "", None
                text = found.place(record).text
                date = table.date
                token = "" if date is None else text[slice(*date.columns)]
                deposited = None if date is None else read_masked_date(token, date.mask)
                return cut_text(text, table.lockbox), deposited
        return "", None

    def _control(self, window: _Window, at: int) -> None:
        """A header, a total, or a record that belongs nowhere."""
        place = window.place(at)
        kind, table = int(window.cut.kinds[at]), self._table_of(place.text)
        batches = self._batches
        if isinstance(table, BatchHeaderLayout):
            batches.open_batch(place, table)
            self._seen.clear()
        elif isinstance(table, FileTotalLayout):
            batches.close_file(place, table, self._records - self._blanks)
            self._records = self._blanks = 0
        elif isinstance(table, TotalLayout):
            if kind == KIND_CODES["batch_total"]:
                batches.close_batch(place, table)
            elif kind == KIND_CODES["lockbox_total"]:
                batches.close_lockbox(place, table)
            else:
                batches.open_lockbox(place, table)
        elif table is None:
            self._unknown(place)
        elif isinstance(table, OverflowLayout):
            item = item_of(place.text, table.batch, table.item)
            message = f"overflow of item {item!r} does not follow its check"
            self._report.say("LBX-ORDER", message, place, table.item, expected="a check before it")
            self._report.count("remittance_without_payment")

    def _unknown(self, place: LinePlace) -> None:
        if not place.text.strip(" "):
            self._blanks += 1
            return
        message = f"record type {place.text[:1]!r} is none of a lockbox file"
        expected = known_types(self._layout)
        self._report.say("LBX-RECORD", message, place, (0, 1), expected=expected)
        self._report.count("unreadable")


class _Window:
    """A cut window and its records as text, where one is asked for."""

    def __init__(self, cut: WindowCut, line_base: int) -> None:
        self.cut = cut
        self._line_base = line_base
        self._heads: list[int] | None = None

    def place(self, at: int) -> LinePlace:
        """The record `at` of the window."""
        spans = self.cut.spans
        start, stop = int(spans.starts[at]), int(spans.stops[at])
        return LinePlace(
            self._line_base + int(spans.lines[at]) + 1,
            self.cut.window.offset + start,
            self.cut.window.text[start:stop].decode("latin-1"),
        )

    def end_of(self, at: int) -> int:
        """The record after a check and all that belongs to it."""
        if self._heads is None:
            kinds = self.cut.kinds
            is_head = (kinds != KIND_CODES["overflow"]) & (kinds != 0)
            self._heads = [*np.flatnonzero(is_head).tolist(), len(kinds)]
        return self._heads[bisect_right(self._heads, at)]
