"""The open account of a BAI2 stream, and diagnostics about the records of a window."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from parsers.bai2_records import readable

if TYPE_CHECKING:
    import datetime as dt

    from parsers.bai2_items import ItemVerdict
    from parsers.bai2_records import RecordTable
    from parsers.bai2_totals import AccountSums
    from parsers.bai2_windows import RecordWindow
    from parsers.byte_slices import Offsets
    from parsers.collector import FileCollector

__all__ = ["AccountState", "RecordVoice", "merge_codes"]


_CONTINUATION: Final = 88
_SEARCHED_BYTES: Final = 4096
"""How far a value is looked for to point at it: many diagnostics of one long record stay cheap."""


class AccountState(msgspec.Struct):
    """The open 03 record: what its rows inherit, and the sums its trailer is checked against.

    `decimals` are those of amounts as this bank writes them; `scale` (factor, divisor) makes minor
    units of them. `codes` are intake codes of every row. `first_record` counts physical records of
    the stream. `credit_rows` and `credit_sum` are compared with the summary's type 100. `spans` are
    ranges of 16 records of the window at hand; `verdicts` decide between deposits and items, by the
    number of their pair, once `is_surveyed`.
    """

    number: str
    currency: str
    exponent: int
    decimals: int
    booking_date: dt.date | None
    codes: str
    first_record: int
    sums: AccountSums
    declared_credits: int | None = None
    declared_credit_rows: int | None = None
    credit_rows: int = 0
    credit_sum: int = 0
    is_surveyed: bool = False
    verdicts: dict[int, ItemVerdict] = {}  # msgspec copies mutable defaults
    spans: list[tuple[int, int]] = []  # msgspec copies mutable defaults

    @property
    def scale(self) -> tuple[int, int]:
        """Factor and divisor from amounts as written to minor units."""
        difference = self.exponent - self.decimals
        return (10**difference, 1) if difference >= 0 else (1, 10**-difference)


class RecordVoice:
    """Diagnostics about records of one window, with line, offset and excerpt.

    They are kept until `speak`, and told in the order of the records, so that neither the size of
    windows nor the way they are read changes anything.
    """

    def __init__(self, collector: FileCollector, table: RecordTable, first_line: int) -> None:
        """Speak about the records of `table`, which begins in `first_line`, into `collector`."""
        self._collector = collector
        self._first_line = first_line
        self._table = table
        self._heads: Offsets | None = None
        self._kept: list[tuple[int, str, str, dict[str, Any]]] = []

    def say(
        self,
        code: str,
        message: str,
        record: int,
        *,
        value: str = "",
        expected: str = "",
        field: int = 0,
    ) -> None:
        """Report `code` about the record of that index and the 88 records that go on with it.

        It points at `value` where that stands in them, from the record's `field` on (0: its code).
        """
        table = self._table
        heads = self._heads
        if heads is None:
            heads = self._heads = np.flatnonzero(table.codes != _CONTINUATION)
        later = np.searchsorted(heads, record, side="right")
        after = int(heads[later]) if later < len(heads) else len(table.codes)
        skipped = _length_of_fields(table.lines[record], field)
        start = int(table.starts[record]) + skipped
        facts = {
            "line": self._first_line + int(table.numbers[record]),
            "offset": start + table.offset,
            "within": min(int(table.stops[after - 1]) - start, _SEARCHED_BYTES),
            "value": readable(value),
            "expected": expected,
        }
        self._kept.append((int(table.starts[record]), code, readable(message), facts))

    def say_encoding(self, window: RecordWindow, at: int) -> None:
        """Report that the byte at that offset of `window` is no UTF-8."""
        offset = window.offset + at
        line = self._first_line + window.content.count(b"\n", 0, at)
        message = f"byte 0x{window.content[at]:02x} at offset {offset} is no UTF-8"
        self._kept.append((at, "BAI-ENCODING", message, {"line": line, "offset": offset}))

    def speak(self) -> None:
        """Put what was said into the collector."""
        for _, code, message, facts in sorted(self._kept, key=itemgetter(0)):
            self._collector.diagnose(code, message, **facts)
        self._kept.clear()


def _length_of_fields(line: str, count: int) -> int:
    """Bytes of the first `count` fields of a record with their commas; 0 where it is shorter."""
    at = 0
    for _ in range(count):
        at = line.find(",", at) + 1
        if not at:
            return 0
    return at


def merge_codes(codes: str, code: str) -> str:
    """`codes` (separated by `;`) with `code` added, sorted, each once."""
    return ";".join(sorted({*filter(None, codes.split(";")), code}))
