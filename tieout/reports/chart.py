"""A chart as SVG text: axes with chosen ticks, and marks that are placed by their values.

Coordinates are rounded to hundredths, so that equal figures give equal bytes. Fonts, lines and
colours stand in the drawing itself: it looks the same in a page, alone, and on paper.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BLUE", "GREEN", "GREY", "INK", "ORANGE", "RED", "Axis", "Chart", "linear_axis"]

BLUE: Final = "#1f6f8b"
GREEN: Final = "#2f8f5b"
ORANGE: Final = "#d98324"
RED: Final = "#c0392b"
GREY: Final = "#9aa3ab"
INK: Final = "#24303a"

_FAINT: Final = "#e3e7ea"
_FONT: Final = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif"
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 30, 48, 50
_PROBABILITY_MIN: Final = 1e-6
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)

Scale = Literal["linear", "nines", "logit"]
"""`nines` spreads what is near 1 (0.9, 0.99, 0.999 …), `logit` what is near 0 as well."""


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """From `low` to `high`, with `ticks` (value, label)."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str = ""
    scale: Scale = "linear"

    def place(self, value: float) -> float:
        """Where `value` lies between the ends, 0 to 1; values beyond an end lie on it."""
        low, high = _scaled(self.low, self.scale), _scaled(self.high, self.scale)
        share = (_scaled(value, self.scale) - low) / (high - low)
        return min(max(share, 0.0), 1.0)


def linear_axis(low: float, high: float, title: str = "", ticks: int = 5) -> Axis:
    """An axis with about `ticks` round ticks."""
    span = (high - low) or 1.0
    raw = span / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * one for one in _STEPS if power * one >= raw * 0.999999)
    first = math.ceil(low / step - 1e-9)
    values = [step * at for at in range(first, math.floor(high / step + 1e-9) + 1)]
    return Axis(
        low=low,
        high=high,
        ticks=tuple((value, _short(value)) for value in values),
        title=title,
    )


def _short(value: float) -> str:
    for size, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def _scaled(value: float, scale: Scale) -> float:
    if scale == "linear":
        return value
    clipped = min(max(value, _PROBABILITY_MIN), 1 - _PROBABILITY_MIN)
    if scale == "nines":
        return -math.log10(1 - clipped)
    return math.log(clipped / (1 - clipped))


class Chart:
    """Collects marks; `svg` gives the drawing."""

    def __init__(self, title: str, x: Axis, y: Axis, width: int = 560, height: int = 340) -> None:
        """An empty chart of `width` × `height` pixels."""
        self.title = title
        self.x = x
        self.y = y
        self.width = width
        self.height = height
        self._marks: list[str] = []
        self._legend: list[tuple[str, str]] = []

    def _at(self, x: float, y: float) -> tuple[float, float]:
        across = self.width - _LEFT - _RIGHT
        down = self.height - _TOP - _BOTTOM
        return (
            round(_LEFT + self.x.place(x) * across, 2),
            round(_TOP + (1 - self.y.place(y)) * down, 2),
        )

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        label: str = "",
        *,
        dashed: bool = False,
    ) -> None:
        """A line through `points`; `label` puts it into the legend."""
        path = " ".join(f"{x:g},{y:g}" for x, y in (self._at(*point) for point in points))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._marks.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-linejoin="round"{dash}/>'
        )
        if label:
            self._legend.append((colour, label))

    def dot(self, x: float, y: float, colour: str, radius: float = 4, hint: str = "") -> None:
        """A dot; `hint` is told where the pointer rests on it."""
        across, down = self._at(x, y)
        told = f"<title>{escape(hint)}</title>" if hint else ""
        self._marks.append(
            f'<circle cx="{across:g}" cy="{down:g}" r="{radius:g}" fill="{colour}" '
            f'fill-opacity="0.85" stroke="#fff" stroke-width="1">{told}</circle>'
        )

    def whisker(self, x: float, low: float, high: float, colour: str) -> None:
        """An upright interval at `x`."""
        (across, top), (_, bottom) = self._at(x, high), self._at(x, low)
        self._marks.append(
            f'<path d="M{across:g} {top:g}V{bottom:g}M{across - 3:g} {top:g}h6'
            f'M{across - 3:g} {bottom:g}h6" stroke="{colour}" stroke-width="1.2" fill="none"/>'
        )

    def bar(
        self, x: float, low: float, high: float, colour: str, *, share: float, hint: str = ""
    ) -> None:
        """An upright bar at `x`, as wide as `share` of the axis."""
        (across, top), (_, bottom) = self._at(x, high), self._at(x, low)
        wide = round(share * (self.width - _LEFT - _RIGHT), 2)
        told = f"<title>{escape(hint)}</title>" if hint else ""
        self._marks.append(
            f'<rect x="{across - wide / 2:g}" y="{top:g}" width="{wide:g}" '
            f'height="{max(bottom - top, 0):g}" fill="{colour}">{told}</rect>'
        )

    def legend(self, colour: str, label: str) -> None:
        """A further entry of the legend."""
        self._legend.append((colour, label))

    def note(self, x: float, y: float, text: str, colour: str = INK, anchor: str = "start") -> None:
        """A short text beside a place."""
        across, down = self._at(x, y)
        shift = {"start": 8, "end": -8}.get(anchor, 0)
        self._marks.append(
            f'<text x="{across + shift:g}" y="{down + 4:g}" fill="{colour}" font-size="11" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )

    def svg(self) -> str:
        """The drawing."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            f'aria-label="{escape(self.title)}" font-family="{_FONT}" font-size="11.5">',
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>',
            f'<text x="{_LEFT}" y="20" font-size="13.5" font-weight="600" fill="{INK}">'
            f"{escape(self.title)}</text>",
            *self._ticks(),
            *self._marks,
            *self._legend_marks(),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _ticks(self) -> list[str]:
        bottom, right = self.height - _BOTTOM, self.width - _RIGHT
        parts = []
        for value, label in self.x.ticks:
            across, _ = self._at(value, self.y.low)
            parts.append(f'<path d="M{across:g} {_TOP}V{bottom}" stroke="{_FAINT}"/>')
            parts.append(
                f'<text x="{across:g}" y="{bottom + 16}" text-anchor="middle" '
                f'fill="{INK}">{escape(label)}</text>'
            )
        for value, label in self.y.ticks:
            _, down = self._at(self.x.low, value)
            parts.append(f'<path d="M{_LEFT} {down:g}H{right}" stroke="{_FAINT}"/>')
            parts.append(
                f'<text x="{_LEFT - 7}" y="{down + 4:g}" text-anchor="end" '
                f'fill="{INK}">{escape(label)}</text>'
            )
        middle = (_LEFT + right) / 2
        parts.append(f'<path d="M{_LEFT} {bottom}H{right}" stroke="{GREY}"/>')
        parts.append(
            f'<text x="{middle:g}" y="{self.height - 12}" text-anchor="middle" '
            f'fill="{INK}">{escape(self.x.title)}</text>'
        )
        height = (_TOP + bottom) / 2
        parts.append(
            f'<text transform="translate(15 {height:g}) rotate(-90)" text-anchor="middle" '
            f'fill="{INK}">{escape(self.y.title)}</text>'
        )
        return parts

    def _legend_marks(self) -> list[str]:
        parts, across = [], float(_LEFT)
        for colour, label in self._legend:
            parts.append(
                f'<rect x="{across:g}" y="27" width="10" height="10" rx="2" fill="{colour}"/>'
                f'<text x="{across + 14:g}" y="36" fill="{INK}" font-size="11">'
                f"{escape(label)}</text>"
            )
            across += 26 + 6.1 * len(label)
        return parts
