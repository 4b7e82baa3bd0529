"""EDI 820 and 823 (ANSI X12): payment orders, remittance advice, lockbox deposits.

    ISA GS
      ST 820   BPR payment order   TRN, CUR, REF, DTM, N1 its facts
        ENT whom the lines concern
          RMR what is paid         ADX what is withheld
      ST 823   DEP deposit, BAT batch (`parsers.x12_deposits`), BPR each check, RMR its invoices
    GE IEA

A file is cut into columns window by window (`parsers.x12_windows`); segments that most lines have
are never looked at one by one. What opens, closes or describes an order is walked in order here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from parsers.x12_delimiters import (
    HEADER_BYTES,
    Delimiters,
    find_x12,
    guess_delimiters,
    read_delimiters,
)
from parsers.x12_deposits import Deposits, OurAccounts
from parsers.x12_envelope import Envelope
from parsers.x12_journal import Journal, Place
from parsers.x12_lines import join_lines, no_lines
from parsers.x12_orders import Order, Remark, read_order_segment
from parsers.x12_ordinary import OrdinarySet, OrdinarySets, find_ordinary
from parsers.x12_rows import Closed, OrderRows, read_amount
from parsers.x12_segments import SEGMENT_BYTES_MAX, SEGMENT_NAMES, UNKNOWN, element_text
from parsers.x12_walk import Walk
from parsers.x12_windows import count_breaks, segment_windows
from parsers.x12_zones import FORM_CODES, IN_OTHER, OUTSIDE, ZoneState, find_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from parsers.byte_source import ByteSource
    from parsers.collector import FileCollector
    from parsers.read_options import ReadOptions
    from parsers.x12_lines import LineColumns
    from parsers.x12_windows import SegmentWindow

__all__ = ["read_x12"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NUMBER: Final = {name: at for at, name in enumerate(SEGMENT_NAMES)}
_HEAD_BYTES: Final = 1 << 16
_HEADER: Final = b"ISA"
_GLUED: Final = re.compile(rb"\sISA(?=[^A-Za-z0-9\s])")
_LINE_BREAK: Final = 10
_EXPONENT: Final = 2
_SHOWN: Final = 10
_LOCKBOX, _ORDER = "823", "820"
_NAME_LENGTH: Final = 3
_LEAVES_DEPOSIT: Final = frozenset(_NUMBER[name] for name in ("ISA", "GS", "ST", "GE", "IEA"))


def read_x12(source: ByteSource, collector: FileCollector, options: ReadOptions) -> Iterator[None]:
    """Read EDI 820 and 823 as far as they go; never raises.

    Our bank accounts give the currency of our accounts and lockboxes (else US dollars).
    """
    collector.source_format = f"edi{_ORDER}"
    yield from _Reader(source, collector, options).read()


class _Reader:
    """The open order and set while segments go by."""

    def __init__(self, source: ByteSource, collector: FileCollector, options: ReadOptions) -> None:
        self._source = source
        self._collector = collector
        self._options = options
        self._journal: Journal[Closed] = Journal(collector)
        self._envelope = Envelope(collector, self._journal)
        self._accounts = OurAccounts(options.bank_accounts)
        self._in_dollars = self._accounts.are_in_dollars
        self._deposits = Deposits(self._journal, self._accounts)
        self._rows = OrderRows(collector)
        self._order: Order | None = None
        self._order_count = 0
        self._carried: list[LineColumns] = []
        self._carried_count = 0
        self._state = ZoneState()
        self._segments = 0
        self._breaks = 0
        self._separator = "*"
        self._delimiters = Delimiters(b"*", ord("~"))
        self._restart: tuple[int, Delimiters] | None = None
        self._walk: Walk | None = None
        self._handlers = self._make_handlers()

    def _make_handlers(self) -> list[Callable[[int], None]]:
        """What to do at a segment of each kind."""
        handlers: list[Callable[[int], None]] = [*[self._describe] * UNKNOWN, self._unknown]
        for name, handler in (
            ("ISA", self._open_interchange),
            ("IEA", self._close_interchange),
            ("GS", self._open_group),
            ("GE", self._close_group),
            ("TA1", self._pass),
            ("ST", self._open_set),
            ("SE", self._close_set),
            ("BPR", self._begin_order),
            ("BPS", self._begin_order),
            ("DEP", self._open_deposit),
            ("BAT", self._open_batch),
            ("AMT", self._add_total),
            ("AVA", self._add_total),
            ("QTY", self._add_total),
            ("RMR", self._line),
            ("ADX", self._line),
        ):
            handlers[_NUMBER[name]] = handler
        return handlers

    def read(self) -> Iterator[None]:
        """Go over the file once."""
        start, delimiters = self._begin()
        while delimiters is not None:
            self._delimiters = delimiters
            self._separator = chr(delimiters.element_byte)
            self._restart = None
            for window in segment_windows(
                self._source, start, delimiters, self._options.map_ordered
            ):
                self._read_window(window)
                yield
                if self._is_restarting:
                    break
            start, delimiters = self._restart or (0, None)
        self._finish()
        yield

    def _begin(self) -> tuple[int, Delimiters | None]:
        """Where X12 text begins, and its separators."""
        head = self._source.read(0, _HEAD_BYTES)
        skip = len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0
        start = max(find_x12(head), skip)
        if head[skip:start].strip(b" \t\r\n\0"):
            text = element_text(head[skip:start])
            message = f"{start - skip} bytes stand before the first segment"
            place = Place(skip, 1, start - skip, text)
            self._journal.say("EDI-STRAY", message, place, value=text, expected="ISA")
        self._breaks = head.count(b"\n", 0, start)
        here = head[start : start + HEADER_BYTES]
        return start, read_delimiters(here) or guess_delimiters(here)

    def _read_window(self, window: SegmentWindow) -> None:
        """Walk a window and give away the orders that end in it."""
        table = window.table
        if window.overlong:
            self._overlong(table.base, window.overlong)
            return
        zones = find_zones(window, self._state)
        window.lines.attach(zones.below)
        events = zones.events
        starts = table.starts[events]
        breaks = np.flatnonzero(np.frombuffer(table.content, np.uint8) == _LINE_BREAK)
        before = np.searchsorted(breaks, starts)
        numbers = before + self._breaks + 1
        self._walk = Walk(
            window=window,
            separator=self._separator,
            rows=events.tolist(),
            kinds=table.kinds[events].tolist(),
            starts=starts.tolist(),
            stops=table.stops[events].tolist(),
            numbers=numbers.tolist(),
            lines=(zones.lines_before + self._carried_count).tolist(),
            in_detail=zones.in_detail.tolist(),
        )
        self._breaks += len(breaks)
        self._go_over(find_ordinary(window, zones, numbers) if self._in_dollars else None)
        stop = len(table)
        if self._restart is not None:
            stop = int(np.searchsorted(table.starts + table.base, self._restart[0]))
        details = int(np.searchsorted(zones.details, stop))
        if details:
            self._collector.count("detail", details)
        self._segments += stop
        opened = self._envelope.set
        self._state.form = OUTSIDE if opened is None else FORM_CODES.get(opened.form, IN_OTHER)
        self._give(window)

    def _go_over(self, ordinary: OrdinarySets | None) -> None:
        """Walk all segments of a window, but for sets that are ordinary where nothing is open."""
        walk, handlers, at = self._now, self._handlers, 0
        while at < len(walk.kinds) and self._restart is None:
            place = None
            if ordinary is not None and self._order is None and self._envelope.is_ordinary:
                place = ordinary.at_event.get(at)
            if place is None or ordinary is None:
                handlers[walk.kinds[at]](at)
                at += 1
                continue
            self._envelope.count_set(_ORDER)
            self._order_count += 1
            stop = ordinary.stops[place]
            passed = OrdinarySet(ordinary, place, walk.lines[at], walk.lines[stop])
            self._journal.add(passed)
            at = stop + 1

    def _give(self, window: SegmentWindow | None) -> None:
        """Add closed orders to the collector, and keep the lines of the open one."""
        order = self._order
        if window is not None:
            if order is not None and order.exponent != _EXPONENT:
                total = self._carried_count + len(window.lines.rows)
                self._reread(order, order.first_line, total)
            self._carried.append(window.lines.columns())
            self._carried_count += len(self._carried[-1])
        if not self._journal.order_count:
            self._rows.add(self._journal.take(), no_lines())
            return
        lines = join_lines(self._carried)
        self._carried = []
        self._rows.add(self._journal.take(), lines)
        keep = self._carried_count if order is None else order.first_line
        self._carried = [lines.slice(keep, len(lines))]
        self._carried_count = len(self._carried[0])
        if order is not None:
            order.first_line = 0

    # Where a segment stands

    @property
    def _now(self) -> Walk:
        """The walk that handlers run in."""
        assert self._walk is not None  # noqa: S101 - handlers run within a walk
        return self._walk

    @property
    def _is_restarting(self) -> bool:
        return self._restart is not None

    # Envelopes

    def _pass(self, at: int) -> None:
        """A segment that tells nothing."""

    def _open_interchange(self, at: int) -> None:
        self._end_order(at)
        place = self._now.place(at)
        if self._may_restart(place.offset):
            return
        self._envelope.open_interchange(self._now.elements(at), place)

    def _close_interchange(self, at: int) -> None:
        self._end_order(at)
        place = self._now.place(at)
        walk = self._now
        piece = walk.window.table.content[walk.starts[at] : walk.stops[at]]
        next_one = _GLUED.search(piece)
        elements = self._now.elements(at)
        if next_one is not None:
            elements = element_text(piece[: next_one.start()]).split(self._separator)
        self._envelope.close_interchange([one.strip() for one in elements], place)
        if next_one is not None:
            self._begin_again(place.offset + next_one.end() - len(_HEADER))

    def _open_group(self, at: int) -> None:
        self._end_order(at)
        self._envelope.open_group(self._now.elements(at), self._now.place(at))

    def _close_group(self, at: int) -> None:
        self._end_order(at)
        self._envelope.close_group(self._now.elements(at), self._now.place(at))

    def _open_set(self, at: int) -> None:
        self._end_order(at)
        form, control = (*self._now.elements(at)[1:3], "", "")[:2]
        place = self._now.place(at)
        self._envelope.open_set(form, control, self._number(at), place)
        if form in FORM_CODES:
            self._open_order(at)
        else:
            message = f"transaction set {form or '(none)'} is no 820 or 823; it is not read"
            self._journal.say("EDI-SET", message, place, value=form, expected="820 or 823")
            self._collector.count("other_set")

    def _close_set(self, at: int) -> None:
        opened = self._envelope.set
        order = self._order
        whole = self._envelope.close_set(
            self._now.elements(at), self._number(at), self._now.place(at)
        )
        if not whole and order is not None:
            order.codes.append("IN-TOTAL")
            if opened is not None and opened.form == _LOCKBOX:
                self._collector.hold_file("IN-TOTAL")
        self._end_order(at, is_own=True)

    def _number(self, at: int) -> int:
        """Number of a walked segment in the file."""
        return self._segments + self._now.rows[at]

    def _may_restart(self, offset: int) -> bool:
        """Whether an interchange has other separators, so that cutting has to begin again at it."""
        found = read_delimiters(self._source.read(offset, offset + HEADER_BYTES))
        if found is None or found == self._delimiters:
            return False
        self._begin_again(offset)
        return True

    def _begin_again(self, offset: int) -> None:
        """Cut the rest of the file from `offset`."""
        if self._walk is not None:
            table = self._walk.window.table
            self._breaks -= table.content.count(b"\n", offset - table.base)
        head = self._source.read(offset, offset + HEADER_BYTES)
        delimiters = read_delimiters(head) or self._delimiters
        self._restart = (offset, delimiters)
        self._state = ZoneState()

    # Orders

    def _open_order(self, at: int) -> Order:
        """A new order begins at a walked segment, in the set that is open."""
        walk, opened = self._now, self._envelope.set
        assert opened is not None  # noqa: S101 - orders stand in sets
        if not self._order_count:
            self._collector.source_format = f"edi{opened.form}"
        self._order_count += 1
        self._order = Order(
            form=opened.form,
            control=opened.control,
            offset=walk.starts[at] + walk.window.table.base,
            line=walk.numbers[at],
            first_line=walk.lines[at],
            codes=list(self._envelope.codes),
        )
        if opened.form == _LOCKBOX:
            self._order.account = self._deposits.account
            self._order.deposited = self._deposits.deposited
        return self._order

    def _end_order(self, at: int, *, is_own: bool = False) -> None:
        """The open order ends before a walked segment, or with it where it `is_own`."""
        order, walk = self._order, self._walk
        if order is None or walk is None:
            return
        order.stop_line = walk.lines[at]
        order.end = self._now.end(at) if is_own else walk.starts[at] + walk.window.table.base
        self._reread(order, order.first_line, order.stop_line)
        self._close_order(order)
        if order.form == _LOCKBOX and (is_own or walk.kinds[at] in _LEAVES_DEPOSIT):
            self._deposits.finish()

    def _close_order(self, order: Order) -> None:
        self._order = None
        read_amount(order)
        if order.form == _LOCKBOX and order.beginning:
            self._deposits.add_check(order.amount, order.exponent)
        if order.beginning or order.stop_line > order.first_line:
            self._journal.add(order)

    def _begin_order(self, at: int) -> None:
        """BPR: a check of a deposit, or the one order of an 820."""
        order = self._order or self._bare(at, _ORDER)
        if order.form == _LOCKBOX or order.beginning:
            if order.form != _LOCKBOX:
                place = self._now.place(at)
                message = "a second BPR stands in the transaction set"
                self._journal.say("EDI-ORDER", message, place, expected="one BPR")
            self._end_order(at)
            order = self._open_order(at)
            self._deposits.begin_check()
        read_order_segment(order, self._now.elements(at))
        order.fallback = self._accounts.currency(order.account or order.element(15))

    def _open_deposit(self, at: int) -> None:
        if self._order is None:
            self._bare(at, _LOCKBOX)
        self._end_order(at)
        self._deposits.open_deposit(self._now.elements(at), self._now.place(at))
        self._open_order(at)

    def _open_batch(self, at: int) -> None:
        if self._order is None:
            self._bare(at, _LOCKBOX)
        self._end_order(at)
        self._deposits.open_batch(self._now.elements(at), self._now.place(at))
        self._open_order(at)

    def _add_total(self, at: int) -> None:
        self._deposits.read(self._now.elements(at))

    def _describe(self, at: int) -> None:
        """A segment that tells something of the order it stands in."""
        order = self._order or self._bare(at, _ORDER)
        order.in_detail = self._now.in_detail[at]
        read_order_segment(order, self._now.elements(at))

    def _bare(self, at: int, form: str) -> Order:
        """An order that stands in no transaction set begins."""
        self._envelope.open_bare(form, self._number(at), self._now.place(at))
        return self._open_order(at)

    def _line(self, at: int) -> None:
        """An RMR or ADX that is not read in columns."""
        order = self._order or self._bare(at, _ORDER)
        walk = self._now
        if order.exponent == _EXPONENT:
            self._reread_line(order, walk.lines[at] - self._carried_count, walk.numbers[at])

    def _reread(self, order: Order, first: int, stop: int) -> None:
        """Read lines of the window again where the currency has other decimals than most."""
        if order.exponent == _EXPONENT:
            return
        for line in range(max(first - self._carried_count, 0), stop - self._carried_count):
            self._reread_line(order, line, order.line)

    def _reread_line(self, order: Order, line: int, number: int) -> None:
        walk = self._now
        table, row = walk.window.table, int(walk.window.lines.rows[line])
        for token in walk.window.lines.reread(line, order.exponent):
            start, stop = int(table.starts[row]), int(table.stops[row])
            there = (start + table.base, number, stop - start)
            message = (
                f"{table.raw(row)[:_NAME_LENGTH]} has the amount {token!r}, which is no number"
            )
            order.said.append(Remark(there, "EDI-LINE", message, token, "such as 1234.50"))

    # What is no segment

    def _unknown(self, at: int) -> None:
        """A segment with an unknown name: damage, or an interchange with other separators."""
        walk = self._now
        place = self._now.place(at)
        if place.text.startswith(_HEADER.decode()) and self._may_restart(place.offset):
            self._end_order(at)
            return
        length = walk.stops[at] - walk.starts[at]
        self._refuse(place, length)

    def _overlong(self, offset: int, length: int) -> None:
        """A stretch without an end of segment."""
        head = self._source.read(offset, offset + HEADER_BYTES)
        skipped = len(head) - len(head.lstrip(b" \t\r\n\0\x1a\\"))
        text = element_text(head[skipped:])
        self._segments += 1
        before = head.count(b"\n", 0, skipped)
        place = Place(offset + skipped, self._breaks + before + 1, length - skipped, text)
        if text.startswith(_HEADER.decode()) and self._may_restart(place.offset):
            self._walk = None
            return
        self._breaks += count_breaks(self._source, offset, offset + length)
        self._refuse(place, length)

    def _refuse(self, place: Place, length: int) -> None:
        if length > SEGMENT_BYTES_MAX:
            message = "a segment has no end in sight and is not read"
        else:
            name = re.split(r"[^A-Za-z0-9]", place.text, maxsplit=1)[0][:_SHOWN]
            message = f"segment {name or place.text[:1]!r} is none of an 820 or 823"
        self._journal.say("EDI-SEGMENT", message, place, value=place.text)
        self._collector.count("unreadable")

    def _finish(self) -> None:
        """The file is over."""
        place = Place(self._source.size, self._breaks + 1, 0, "")
        order = self._order
        is_cut = self._envelope.finish(place)
        if order is not None:
            order.stop_line, order.end = self._carried_count, self._source.size
            if is_cut:
                order.codes.append("IN-TOTAL")
            self._close_order(order)
            if order.form == _LOCKBOX:
                self._deposits.finish()
        if not self._envelope.set_count:
            self._journal.say("EDI-EMPTY", "the file holds no transaction set", place)
        self._give(None)
        self._collector.close(
            dialect=self._envelope.dialect or "x12", statement_count=self._envelope.set_count
        )
