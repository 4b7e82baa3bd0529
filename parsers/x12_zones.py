"""Which segments of a window are looked at one by one, and what stands around each.

Lines and what explains them are most of a file: they are columns, or only counted. Everything else
opens, closes or describes something and is walked in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.x12_segments import SEGMENT_NAMES, UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.x12_windows import SegmentWindow

__all__ = ["FORM_CODES", "IN_ORDER", "IN_OTHER", "OUTSIDE", "ZoneState", "Zones", "find_zones"]

OUTSIDE, IN_ORDER, IN_LOCKBOX, IN_OTHER = range(4)
"""Where a segment stands: in no transaction set, in an 820, in an 823, in another one."""

FORM_CODES: Final = {"820": IN_ORDER, "823": IN_LOCKBOX}

_NUMBER: Final = {name: at for at, name in enumerate(SEGMENT_NAMES)}
_SET: Final = _NUMBER["ST"]
_ITEM: Final = _NUMBER["RMR"]


def _among(names: str) -> NDArray[np.bool_]:
    """Which numbers of segments are among `names`."""
    among = np.zeros(UNKNOWN + 1, np.bool_)
    among[[_NUMBER[name] for name in names.split()]] = True
    return among


_ENVELOPE: Final = _among("ISA GS ST SE GE IEA TA1")
_SET_ENDS: Final = _among("ISA GS SE GE IEA")
_LINES: Final = _among("RMR ADX")
_BREAKS: Final = _among("ISA GS ST SE GE IEA ENT BPR BPS DEP BAT")
_RESETS: Final = _among("ISA GS ST SE GE IEA BPR BPS DEP BAT")
_SILENT: Final = _among("N2 N3 N4 PER ENT")
_EXPLAINING: Final = _among(
    "ASI CTP CTT DED DTP FA1 FA2 HL INV IT1 IT3 LX MSG PEN PID POP RYL SAC SDQ SLN TX1 TXI TXP"
)
_BELOW_LINES: Final = _among("REF DTM AMT QTY")
_DETAIL: Final = _EXPLAINING | _LINES | _among("ENT NM1")


class ZoneState(msgspec.Struct):
    """Where the segment before a window stood."""

    form: int = OUTSIDE
    in_detail: bool = False
    is_below: bool = False


class Zones(msgspec.Struct, frozen=True):
    """`events` are the segments to walk and, for each, how many lines stand before it and whether
    it stands in the detail of its order; `below` says per segment whether it follows an RMR of the
    same entity; `details` counts what explains lines.
    """

    events: Offsets
    lines_before: Offsets
    in_detail: NDArray[np.bool_]
    below: NDArray[np.bool_]
    details: Offsets


def find_zones(window: SegmentWindow, state: ZoneState) -> Zones:
    """The zones of a window; `state` moves to its end (but for sets opened without ST)."""
    table = window.table
    kinds, count = table.kinds, len(table)
    form = _forms(window, state.form)
    in_detail = _after(_DETAIL[kinds], _RESETS[kinds], before=state.in_detail)
    below = _after(kinds == _ITEM, _BREAKS[kinds], before=state.is_below)
    is_line = _LINES[kinds]
    quiet = is_line.copy()
    quiet[window.lines.rows[~window.plain]] = False
    explains = _EXPLAINING[kinds] | ((form == IN_ORDER) & in_detail & _BELOW_LINES[kinds])
    quiet |= _SILENT[kinds] | explains
    quiet &= form != OUTSIDE
    quiet |= (form == IN_OTHER) & ~_ENVELOPE[kinds]
    events = np.flatnonzero(~quiet)
    if count:
        state.in_detail, state.is_below = bool(in_detail[-1]), bool(below[-1])
    return Zones(
        events=events,
        lines_before=np.searchsorted(window.lines.rows, events),
        in_detail=in_detail[events],
        below=below,
        details=np.flatnonzero(quiet & explains & (form != IN_OTHER)),
    )


def _forms(window: SegmentWindow, before: int) -> NDArray[np.int64]:
    """Where each segment stands; a trailer still belongs to its set."""
    table = window.table
    kinds = table.kinds
    value = np.full(len(table), -1)
    opens = np.flatnonzero(kinds == _SET)
    starts, stops = table.text.trimmed(*table.ranges(opens, 1))
    value[opens] = IN_OTHER
    for name, code in FORM_CODES.items():
        same = stops - starts == len(name)
        for at, letter in enumerate(name.encode()):
            same &= table.text.at(np.minimum(starts + at, stops)) == letter
        value[opens[same]] = code
    value[_SET_ENDS[kinds]] = OUTSIDE
    marked = np.flatnonzero(value >= 0)
    last = np.searchsorted(marked, np.arange(len(table))) - 1
    found = np.append(value[marked], before)
    forms: NDArray[np.int64] = found[last]
    return forms


def _after(
    begins: NDArray[np.bool_], ends: NDArray[np.bool_], *, before: bool
) -> NDArray[np.bool_]:
    """Whether the last of `begins` and `ends` up to each row is one of `begins`."""
    marked = np.flatnonzero(begins | ends)
    value = np.append(begins[marked] & ~ends[marked], before)
    last = np.searchsorted(marked, np.arange(len(begins)), side="right") - 1
    inside: NDArray[np.bool_] = value[last]
    return inside
