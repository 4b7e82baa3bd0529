"""The segments of a window that are walked one by one, and where each stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.x12_journal import Place

if TYPE_CHECKING:
    from parsers.x12_windows import SegmentWindow

__all__ = ["Walk"]

_TRIMMED: Final = " \t\r\n\0"


class Walk(msgspec.Struct, frozen=True):
    """One entry per walked segment: row and kind, range of bytes, line of the file, remittance
    lines before it, and whether it stands in the detail of an order.
    """

    window: SegmentWindow
    separator: str
    rows: list[int]
    kinds: list[int]
    starts: list[int]
    stops: list[int]
    numbers: list[int]
    lines: list[int]
    in_detail: list[bool]

    def elements(self, at: int) -> list[str]:
        """Name and elements of a walked segment."""
        piece = self.window.table.content[self.starts[at] : self.stops[at]]
        if not piece.isascii():
            return self.window.table.elements(self.rows[at])
        elements = piece.decode().split(self.separator)
        if b" " in piece or b"\0" in piece:
            return [one.strip(_TRIMMED) for one in elements]
        return elements

    def place(self, at: int) -> Place:
        """Where a walked segment stands."""
        table, start = self.window.table, self.starts[at]
        length = self.stops[at] - start
        return Place(start + table.base, self.numbers[at], length, table.raw(self.rows[at]))

    def end(self, at: int) -> int:
        """Offset of the file behind a walked segment."""
        table = self.window.table
        return int(table.ends[self.rows[at]]) + table.base
