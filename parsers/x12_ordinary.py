"""Transaction sets as nearly all 820s are, many at once: their payments as columns.

An ordinary set is whole, its count and number are right, and around its lines stand one BPR that
pays dollars with a date, one TRN, one N1*PR, at most one REF, and nothing that would have to be
said. It gives what walking it gives; any other set is walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.bai2_fields import read_date
from parsers.x12_lines import read_decimals
from parsers.x12_orders import (
    CHECK_QUALIFIER,
    DEFAULT_CURRENCY,
    METHODS,
    PAYING,
    Order,
    read_order_segment,
)
from parsers.x12_segments import SEGMENT_NAMES, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.x12_segments import SegmentTable
    from parsers.x12_windows import SegmentWindow
    from parsers.x12_zones import Zones

__all__ = ["OrdinarySet", "OrdinarySets", "find_ordinary"]

_NUMBER: Final = {name: at for at, name in enumerate(SEGMENT_NAMES)}
_ALLOWED: Final = np.zeros(UNKNOWN + 1, np.bool_)
_ALLOWED[[_NUMBER[name] for name in ("BPR", "TRN", "REF", "DTM", "N1")]] = True
_FORM: Final = b"820"
_PAYER: Final = b"PR"
_COUNT_DIGITS: Final = 9
_DATE_LENGTH: Final = 8


class OrdinarySets(msgspec.Struct, frozen=True):
    """The ordinary sets of a window, in order: events of ST and SE, facts, columns of payments.

    `at_event` maps the event of an ST to the set's index, `numbers` are the lines of all events.
    """

    table: SegmentTable
    rows: Offsets
    numbers: Offsets
    starts: list[int]
    stops: list[int]
    at_event: dict[int, int]
    amounts: list[int]
    controls: list[str]
    counts: list[str]
    traces: list[str]
    columns: dict[str, Any]


class OrdinarySet(msgspec.Struct, frozen=True):
    """One of `sets`, with the range of its lines."""

    sets: OrdinarySets
    number: int
    first_line: int
    stop_line: int

    @property
    def amount(self) -> int:
        """Amount of its order."""
        return self.sets.amounts[self.number]

    def order(self) -> Order:
        """The set as an order, walked."""
        sets, number = self.sets, self.number
        table, event = sets.table, sets.starts[number]
        order = Order(
            form=_FORM.decode(),
            control=sets.controls[number],
            offset=int(table.starts[sets.rows[event]]) + table.base,
            line=int(sets.numbers[event]),
            end=int(table.ends[sets.rows[sets.stops[number]]]) + table.base,
            first_line=self.first_line,
            stop_line=self.stop_line,
            amount=self.amount,
        )
        for at in range(event + 1, sets.stops[number]):
            read_order_segment(order, table.elements(int(sets.rows[at])))
        return order


class _Events(msgspec.Struct, frozen=True):
    """Sets as ranges of events, each from its ST to its SE."""

    kinds: Offsets
    rows: Offsets
    opens: Offsets
    closes: Offsets

    def count(self, marked: NDArray[np.bool_]) -> Offsets:
        """How many events of each set are marked."""
        running = np.concatenate([[0], np.cumsum(marked)])
        found: Offsets = running[self.closes] - running[self.opens + 1]
        return found

    def first(self, marked: NDArray[np.bool_]) -> Offsets:
        """Row of the first marked event of each set; any row where there is none."""
        places = np.flatnonzero(marked)
        if not len(places):
            return self.rows[self.opens]
        at = np.minimum(np.searchsorted(places, self.opens), len(places) - 1)
        return self.rows[places[at]]

    def kept(self, which: NDArray[np.bool_]) -> _Events:
        """Some of the sets."""
        return msgspec.structs.replace(self, opens=self.opens[which], closes=self.closes[which])


def find_ordinary(window: SegmentWindow, zones: Zones, numbers: Offsets) -> OrdinarySets | None:
    """The ordinary sets of a window, if it has any; `numbers` are the lines of its events."""
    table = window.table
    events = _candidates(table, zones)
    if not len(events.opens):
        return None
    opened, closed = events.rows[events.opens], events.rows[events.closes]
    order, trace = events.rows[events.opens + 1], events.first(events.kinds == _NUMBER["TRN"])
    is_payer = _is_payer(table, events)
    is_reference = events.kinds == _NUMBER["REF"]
    payer, reference = events.first(is_payer), events.first(is_reference)
    has_reference = events.count(is_reference) == 1
    good = events.count(is_payer) == 1
    good &= _is_whole(table, opened, closed)
    good &= _equals(table, opened, 1, (_FORM,)) & _pays(table, order)
    good &= ~has_reference | ~_equals(table, reference, 1, (CHECK_QUALIFIER.encode(),))
    amount, fits = read_decimals(table.text, *table.ranges(order, 2))
    good &= fits & (amount > 0)
    dates = _strings(table, order, 16).dictionary_encode()
    days = pa.array([_day(token) for token in dates.dictionary.to_pylist()], pa.date32())
    date = days.take(dates.indices)
    good &= ~date.is_null().to_numpy(zero_copy_only=False)
    good &= _lengths(table, payer, 2) > 0
    if not good.any():
        return None
    kept = np.flatnonzero(good)
    sets, rows = events.kept(good), order[kept]
    starts = table.starts[opened[kept]] + table.base
    columns = _columns(table, rows, trace[kept]) | {
        "booking_date": date.take(pa.array(kept)),
        "value_date": date.take(pa.array(kept)),
        "payer_name": _strings(table, payer[kept], 2),
        "customer_reference": pc.if_else(
            pa.array(has_reference[kept]), _strings(table, reference[kept], 2), ""
        ),
        "amount_minor": pa.array(amount[kept]),
        "source_line": pa.array(numbers[sets.opens]),
        "source_offset": pa.array(starts),
        "source_length": pa.array(table.ends[closed[kept]] + table.base - starts),
    }
    opens = sets.opens.tolist()
    return OrdinarySets(
        table=table,
        rows=events.rows,
        numbers=numbers,
        starts=opens,
        stops=sets.closes.tolist(),
        at_event={event: at for at, event in enumerate(opens)},
        amounts=amount[kept].tolist(),
        controls=_strings(table, opened[kept], 2).to_pylist(),
        counts=_strings(table, closed[kept], 1).to_pylist(),
        traces=columns["trace_number"].to_pylist(),
        columns=columns,
    )


def _candidates(table: SegmentTable, zones: Zones) -> _Events:
    """Sets of the right segments: ST, BPR, one TRN, at most one REF, N1 and DTM, lines, SE."""
    kinds = table.kinds[zones.events]
    opens = np.flatnonzero(kinds == _NUMBER["ST"])
    ends = np.append(np.flatnonzero(kinds == _NUMBER["SE"]), len(kinds))
    closes = ends[np.searchsorted(ends, opens)]
    whole = closes < np.append(opens[1:], len(kinds))
    opens, closes = opens[whole], closes[whole]
    events = _Events(kinds, zones.events, opens, closes)
    inside = ~_ALLOWED[kinds] | (zones.in_detail & (kinds != _NUMBER["SE"]))
    good = (events.count(inside) == 0) & (closes > opens + 1)
    good &= kinds[np.minimum(opens + 1, len(kinds) - 1)] == _NUMBER["BPR"]
    good &= events.count(kinds == _NUMBER["BPR"]) == 1
    good &= events.count(kinds == _NUMBER["TRN"]) == 1
    good &= events.count(kinds == _NUMBER["REF"]) <= 1
    odd = ~table.is_ordinary(zones.events)
    good &= (events.count(odd) == 0) & ~odd[opens] & ~odd[np.minimum(closes, len(odd) - 1)]
    return events.kept(good)


def _is_payer(table: SegmentTable, events: _Events) -> NDArray[np.bool_]:
    """Which events name the payer."""
    found: NDArray[np.bool_] = events.kinds == _NUMBER["N1"]
    rows = np.flatnonzero(found)
    found[rows] = _equals(table, events.rows[rows], 1, (_PAYER,))
    return found


def _is_whole(table: SegmentTable, opened: Offsets, closed: Offsets) -> NDArray[np.bool_]:
    """Whether SE has the count and number of its set."""
    count, is_count = table.text.numbers(*table.ranges(closed, 1), _COUNT_DIGITS)
    whole = (is_count > 0) & (count == closed - opened + 1)
    same = pc.equal(_strings(table, opened, 2), _strings(table, closed, 2))
    whole &= same.to_numpy(zero_copy_only=False)
    named: NDArray[np.bool_] = whole & (_lengths(table, opened, 2) > 0)
    return named


def _pays(table: SegmentTable, order: Offsets) -> NDArray[np.bool_]:
    """Whether BPR is a credit whose payment goes with it, with all elements in their places."""
    methods = tuple(method.encode() for method in METHODS)
    found = _equals(table, order, 1, tuple(code.encode() for code in sorted(PAYING)))
    found &= _equals(table, order, 3, (b"C",)) & _equals(table, order, 4, methods)
    found &= (_lengths(table, order, 5) > 0) & (_lengths(table, order, 11) == 0)
    return found


def _columns(table: SegmentTable, order: Offsets, trace: Offsets) -> dict[str, Any]:
    """Columns by BPR and TRN."""
    code = _strings(table, order, 4).dictionary_encode()
    names = [METHODS[one] for one in code.dictionary.to_pylist()]
    method = pa.array(names, pa.string()).take(code.indices)
    routing, account = _strings(table, order, 7), _strings(table, order, 9)
    both = pc.and_(pc.not_equal(routing, ""), pc.not_equal(account, ""))
    number = _strings(table, trace, 2)
    rows = len(order)
    return {
        "currency": pa.repeat(DEFAULT_CURRENCY, rows),
        "method": method,
        "type_code": pc.binary_join_element_wise(
            _strings(table, order, 4), _strings(table, order, 5), "/"
        ),
        "payer_account": pc.if_else(
            both, pc.binary_join_element_wise(routing, account, "/"), account
        ),
        "bank_account": _strings(table, order, 15),
        "check_number": pc.if_else(pc.equal(method, "check"), number, ""),
        "trace_number": number,
        "exchange_rate": pa.repeat("", rows),
        "remittance_text": pa.repeat("", rows),
        "intake_codes": pa.repeat("", rows),
    }


def _strings(table: SegmentTable, rows: Offsets, number: int) -> pa.StringArray:
    """Element `number` of the segments `rows`, without blanks around it."""
    return table.text.strings(*table.text.trimmed(*table.ranges(rows, number)))


def _lengths(table: SegmentTable, rows: Offsets, number: int) -> Offsets:
    starts, stops = table.text.trimmed(*table.ranges(rows, number))
    return stops - starts


def _equals(
    table: SegmentTable, rows: Offsets, number: int, values: tuple[bytes, ...]
) -> NDArray[np.bool_]:
    """Whether element `number` of each row is one of `values`."""
    starts, stops = table.ranges(rows, number)
    found = np.zeros(len(rows), np.bool_)
    for value in values:
        same = stops - starts == len(value)
        for at, letter in enumerate(value):
            same &= table.text.at(np.minimum(starts + at, stops)) == letter
        found |= same
    return found


def _day(token: str) -> Any:
    """The date of a token of eight digits."""
    return read_date(token) if len(token) == _DATE_LENGTH else None
