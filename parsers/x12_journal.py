"""What a reader has to say, kept in the order of the file until rows are given away.

Orders are settled many at once; what was said before, between and after them waits here, so that
the size of windows changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.collector import FileCollector

__all__ = ["Journal", "Place"]

_Row = TypeVar("_Row")


class Place(msgspec.Struct, frozen=True):
    """Where a segment stands: offset, line (from 1), number of bytes, and its text."""

    offset: int
    line: int
    length: int
    text: str


class Journal(Generic[_Row]):
    """Closed orders (or entries), remarks and control checks, in the order of the file."""

    def __init__(self, collector: FileCollector) -> None:
        """Keep what is meant for `collector`."""
        self._collector = collector
        self._entries: list[_Row | Callable[[], None]] = []
        self.order_count = 0

    def say(
        self, code: str, message: str, place: Place, *, value: str = "", expected: str = ""
    ) -> None:
        """Report `code` about the segment at `place`."""
        report = partial(
            self._collector.diagnose,
            code,
            message,
            line=place.line,
            offset=place.offset,
            within=place.length,
            value=value,
            expected=expected,
        )
        self._entries.append(report)

    def hold(self, code: str, message: str, place: Place, *, expected: str = "") -> None:
        """Report that something of the file is missing: nothing of it is applied automatically."""
        self.say(code, message, place, expected=expected)
        self._collector.hold_file("IN-TOTAL")

    def check(
        self, *, scope: str, kind: str, declared: object, computed: object, ok: bool, rule: str = ""
    ) -> None:
        """Record a control total or count."""
        record = partial(
            self._collector.check,
            scope=scope,
            kind=kind,
            declared=declared,
            computed=computed,
            ok=ok,
            rule=rule,
        )
        self._entries.append(record)

    def add(self, row: _Row) -> None:
        """An order has ended."""
        self._entries.append(row)
        self.order_count += 1

    def take(self) -> list[_Row | Callable[[], None]]:
        """All entries since the last call."""
        entries, self._entries = self._entries, []
        self.order_count = 0
        return entries
