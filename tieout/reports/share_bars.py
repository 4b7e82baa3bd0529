"""Rows of stacked bars: what part of each row is what, as SVG text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from tieout.reports.chart import INK

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["share_bars"]

_ROW: Final = 21
_BAR: Final = 13
_NAMES: Final = 190
_COUNTS: Final = 62
_HEAD: Final = 52
_FONT: Final = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"


def share_bars(
    title: str,
    kinds: Sequence[tuple[str, str]],
    rows: Sequence[tuple[str, Sequence[int]]],
    width: int = 860,
) -> str:
    """One bar per row (name, counts), cut by its counts; `kinds` are (name, colour) of the cuts."""
    height = _HEAD + _ROW * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" font-family="{_FONT}" '
        f'font-size="11.5">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="0" y="18" font-size="13.5" font-weight="600" fill="{INK}">'
        f"{escape(title)}</text>",
    ]
    across = float(_NAMES)
    for name, colour in kinds:
        parts.append(
            f'<rect x="{across:g}" y="31" width="10" height="10" rx="2" fill="{colour}"/>'
            f'<text x="{across + 14:g}" y="40" fill="{INK}" font-size="11">{escape(name)}</text>'
        )
        across += 28 + 6.1 * len(name)
    for at, (name, counts) in enumerate(rows):
        parts += _row(name, counts, kinds, _HEAD + _ROW * at, width)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _row(
    name: str, counts: Sequence[int], kinds: Sequence[tuple[str, str]], top: int, width: int
) -> list[str]:
    total = sum(counts)
    room = width - _NAMES - _COUNTS
    parts = [
        f'<text x="{_NAMES - 8}" y="{top + 11}" text-anchor="end" fill="{INK}">'
        f"{escape(name)}</text>",
        f'<text x="{width - 2}" y="{top + 11}" text-anchor="end" fill="{INK}">{total:,}</text>',
    ]
    before = 0
    for count, (kind, colour) in zip(counts, kinds, strict=True):
        if count:
            left = round(_NAMES + room * before / total, 2)
            # What is there must be seen: one wrong payment of ten thousand still has two pixels.
            wide = max(round(room * count / total, 2), 2.0)
            parts.append(
                f'<rect x="{left:g}" y="{top}" width="{wide:g}" height="{_BAR}" fill="{colour}">'
                f"<title>{escape(name)}: {count:,} {escape(kind)}</title></rect>"
            )
        before += count
    return parts
