r"""X12 segments inside the addenda of ACH entries: many short texts at once.

A text is an interchange with an 820, a bare 820, or a few segments (`RMR*IV*INV-1**50\`). Its
separators are those of its `ISA`, else seen in the text. Texts with equal separators are cut
together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.x12_delimiters import HEADER_BYTES, guess_delimiters, read_delimiters
from parsers.x12_lines import cut_lines, join_lines, no_lines
from parsers.x12_orders import Order, read_order_segment
from parsers.x12_segments import SEGMENT_NAMES, cut_segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.x12_delimiters import Delimiters
    from parsers.x12_lines import LineColumns, LineTable
    from parsers.x12_segments import SegmentTable

__all__ = ["EmbeddedOrders", "looks_like_x12", "read_embedded"]

_START: Final = re.compile(
    r"\s*(?:ISA|GS|ST|BPR|TRN|REF|N1|NM1|ENT|RMR|ADX|DTM|NTE|PER|CUR|TXP|DED)([*|^¦\x1d~?])"
)
_NUMBER: Final = {name: at for at, name in enumerate(SEGMENT_NAMES)}
_ITEM: Final = _NUMBER["RMR"]
_DETAIL: Final = frozenset(_NUMBER[name] for name in ("RMR", "ADX", "ENT", "NM1"))
_LINES: Final = frozenset(_NUMBER[name] for name in ("RMR", "ADX"))
_ENVELOPE: Final = frozenset(
    _NUMBER[name] for name in ("ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "ENT", "N2", "N3", "N4")
)
_READ: Final = frozenset(
    _NUMBER[name] for name in ("BPR", "TRN", "CUR", "REF", "DTM", "N1", "NM1", "NTE", "PER")
)
_EXPONENT: Final = 2


class EmbeddedOrders(msgspec.Struct, frozen=True):
    """One order per text, with the range of its lines in `lines`; `odd` are amounts of each that
    cannot be read.
    """

    orders: list[Order]
    odd: list[list[str]]
    lines: LineColumns


def looks_like_x12(text: str) -> bool:
    """Whether a text begins with a segment."""
    return _START.match(text) is not None


def read_embedded(texts: Sequence[str]) -> EmbeddedOrders:
    """Read `texts` that look like X12; amounts are of a currency with two decimals."""
    groups: dict[Delimiters, list[int]] = {}
    contents = [text.strip().encode() for text in texts]
    for at, content in enumerate(contents):
        head = content[:HEADER_BYTES]
        found = read_delimiters(head) or guess_delimiters(head)
        if found is not None:
            groups.setdefault(found, []).append(at)
    orders = [Order(form="820", control="", offset=0, line=0) for _ in texts]
    odd: list[list[str]] = [[] for _ in texts]
    chunks: list[LineColumns] = []
    before = 0
    for delimiters, members in groups.items():
        pieces = [contents[at] + bytes((delimiters.segment,)) for at in members]
        table = cut_segments(b"".join(pieces), 0, delimiters)
        starts = np.cumsum([0, *map(len, pieces)])
        lines, plain = cut_lines(table)
        bounds = np.searchsorted(table.starts, starts)
        lines.attach(_below(table, bounds))
        line_bounds = np.searchsorted(lines.rows, bounds)
        line_range = line_bounds.tolist()
        for number, at in enumerate(members):
            order = orders[at]
            order.first_line, order.stop_line = (
                before + line_range[number],
                before + line_range[number + 1],
            )
            _describe(order, table, range(int(bounds[number]), int(bounds[number + 1])))
        _reread(lines, plain, line_bounds, [odd[at] for at in members])
        chunks.append(lines.columns())
        before += len(chunks[-1])
    return EmbeddedOrders(orders, odd, join_lines(chunks) if chunks else no_lines())


def _below(table: SegmentTable, bounds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which segments follow an RMR of the same text and entity."""
    breaks = table.kinds == _NUMBER["ENT"]
    rows = np.arange(len(table))
    last_break = np.maximum.accumulate(np.where(breaks, rows, -1)) if len(rows) else rows
    first = bounds[np.searchsorted(bounds, rows, side="right") - 1] - 1
    item = np.maximum.accumulate(np.where(table.kinds == _ITEM, rows, -1)) if len(rows) else rows
    below: NDArray[np.bool_] = item > np.maximum(last_break, first)
    return below


def _reread(
    lines: LineTable,
    plain: NDArray[np.bool_],
    bounds: NDArray[np.int64],
    odd: Sequence[list[str]],
) -> None:
    """Read the lines that are not plain one by one."""
    for line in np.flatnonzero(~plain).tolist():
        owner = int(np.searchsorted(bounds, line, side="right")) - 1
        odd[owner].extend(lines.reread(line, _EXPONENT))


def _describe(order: Order, table: SegmentTable, rows: range) -> None:
    """What the segments beside lines say; one without a column stays as text."""
    kinds = table.kinds[rows.start : rows.stop].tolist()
    for row, kind in zip(rows, kinds, strict=True):
        order.in_detail = order.in_detail or kind in _DETAIL
        if kind in _LINES or kind in _ENVELOPE:
            continue
        if kind in _READ:
            read_order_segment(order, table.elements(row))
        else:
            order.texts.append(table.raw(row))
