"""Charts drawn by the server as SVG: bars with their figures beside them, no script, no style.

A chart has a title and a description for those who do not see it, and stands beside a table with
the same figures. Colours come from the sheet by class, so that light and dark are one drawing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bar", "bars", "stacked", "tone"]

_WIDTH: Final = 640
_LABEL: Final = 168
_FIGURE: Final = 132
_ROW: Final = 26
_BAR: Final = 16
_LABEL_LENGTH_MAX: Final = 26
_TONES: Final = 6


class Bar(msgspec.Struct, frozen=True):
    """One bar: its label, its length in any unit, and the figure that stands beside it.

    `tone` names a colour of the sheet: 1 to 6, or `bad`.
    """

    label: str
    length: float
    figure: str
    tone: str = "1"


def bars(title: str, description: str, rows: Sequence[Bar], longest: float = 0) -> Markup:
    """Horizontal bars below each other; `longest` is the length of a full one (0: of the longest).

    Lengths below 0 are drawn as 0: their figure says what they are.
    """
    most = longest or max((row.length for row in rows), default=0) or 1
    room = _WIDTH - _LABEL - _FIGURE
    parts = []
    for at, row in enumerate(rows):
        top = at * _ROW
        middle = top + _ROW // 2 + 4
        width = round(max(0.0, min(1.0, row.length / most)) * room, 1)
        parts.append(
            Markup(
                '<text class="chart-label" x="{}" y="{}" text-anchor="end">{}</text>'
                '<rect class="chart-ground" x="{}" y="{}" width="{}" height="{}"/>'
                '<rect class="tone-{}" x="{}" y="{}" width="{}" height="{}"/>'
                '<text class="chart-figure" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                *(_LABEL - 8, middle, _short(row.label)),
                *(_LABEL, top + 5, room, _BAR),
                *(row.tone, _LABEL, top + 5, width, _BAR),
                *(_WIDTH, middle, row.figure),
            )
        )
    return _drawing(title, description, len(rows) * _ROW, Markup().join(parts))


def stacked(title: str, description: str, rows: Sequence[Bar]) -> Markup:
    """One bar of several parts beside each other, with what each means below it."""
    parts = []
    total = sum(max(0.0, row.length) for row in rows) or 1
    left = 0.0
    for at, row in enumerate(rows):
        width = max(0.0, row.length) / total * _WIDTH
        parts.append(
            Markup('<rect class="tone-{}" x="{}" y="4" width="{}" height="22"/>').format(
                row.tone, round(left, 1), round(width, 1)
            )
        )
        left += width
        column, line = at % 3, at // 3
        x, y = column * (_WIDTH // 3), 48 + line * 22
        parts.append(
            Markup(
                '<rect class="tone-{}" x="{}" y="{}" width="11" height="11"/>'
                '<text class="chart-label" x="{}" y="{}">{}: {}</text>'
            ).format(row.tone, x, y - 10, x + 16, y, row.label, row.figure)
        )
    height = 48 + (len(rows) + 2) // 3 * 22
    return _drawing(title, description, height, Markup().join(parts))


def tone(at: int) -> str:
    """The colour of the part at a place."""
    return str(at % _TONES + 1)


def _drawing(title: str, description: str, height: int, content: Markup) -> Markup:
    key = hashlib.blake2b(f"{title}\0{description}".encode(), digest_size=6).hexdigest()
    return Markup(
        '<svg class="chart" viewBox="0 0 {w} {h}" role="img" aria-labelledby="t{k} d{k}">'
        '<title id="t{k}">{t}</title><desc id="d{k}">{d}</desc>{c}</svg>'
    ).format(w=_WIDTH, h=height + 4, k=key, t=title, d=description, c=content)


def _short(label: str) -> Markup:
    """`label` where it has room; all of it on asking."""
    if len(label) <= _LABEL_LENGTH_MAX:
        return escape(label)
    shown = label[: _LABEL_LENGTH_MAX - 1] + "…"
    return Markup("{}<title>{}</title>").format(shown, label)
