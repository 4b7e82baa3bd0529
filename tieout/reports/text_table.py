"""Tables as lines of text: columns as wide as they need, numbers to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["text_table"]

_GAP = "  "


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> list[str]:
    """`header` and `rows` as lines; columns whose number is in `left` are aligned left."""
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return _GAP.join(padded).rstrip()

    return [line(header), _GAP.join("-" * width for width in widths), *map(line, rows)]
