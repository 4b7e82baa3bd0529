"""A page as HTML text: tiles, tables, charts, paragraphs; style included, no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Tile", "html_page", "html_table", "html_tiles"]

Tile = tuple[str, str, str]
"""A figure to be seen first: its name, the figure, what it means."""

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif;
  color: #24303a; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .3rem 0 .8rem; max-width: 48rem; } .quiet { color: #5d6a75; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { border: 1px solid #dbe0e4; border-radius: 8px; padding: .7rem .9rem; flex: 1 1 12rem; }
.tile b { display: block; font-size: 1.55rem; font-weight: 650; line-height: 1.25; }
.tile span { display: block; color: #5d6a75; font-size: .85rem; }
.tile.bad { border-color: #c0392b; } .tile.bad b { color: #c0392b; }
table { border-collapse: collapse; font-size: .86rem; margin: .4rem 0 1rem; }
th, td { padding: .22rem .7rem .22rem 0; text-align: right; border-bottom: 1px solid #eceff1;
  font-variant-numeric: tabular-nums; vertical-align: top; }
th { color: #5d6a75; font-weight: 600; } td { white-space: nowrap; }
.left { text-align: left; } td.left { white-space: normal; }
td.bad { color: #c0392b; font-weight: 600; }
figure { margin: .6rem 0 1rem; } svg { max-width: 100%; height: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; } .pair figure { flex: 1 1 26rem; }
code { font-size: .9em; background: #f3f5f6; padding: .05em .3em; border-radius: 3px; }
@media print { body { margin: 0; max-width: none; } h2, figure { break-inside: avoid; } }
"""


def html_page(title: str, subtitle: str, body: Sequence[str]) -> str:
    """A whole page; `body` are parts that are HTML already."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f'<h1>{escape(title)}</h1><p class="quiet">{escape(subtitle)}</p>',
        *body,
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def html_tiles(tiles: Sequence[Tile], bad: Sequence[int] = ()) -> str:
    """A row of tiles; those whose number is in `bad` are marked."""
    cells = [
        f'<div class="tile{" bad" if at in bad else ""}"><span>{escape(name)}</span>'
        f"<b>{escape(figure)}</b><span>{escape(meaning)}</span></div>"
        for at, (name, figure, meaning) in enumerate(tiles)
    ]
    return f'<div class="tiles">{"".join(cells)}</div>'


def html_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Sequence[int] = (0,),
    bad: Sequence[tuple[int, int]] = (),
) -> str:
    """A table; columns in `left` are aligned left, cells (row, column) in `bad` are marked."""

    def cell(tag: str, text: str, row: int, column: int) -> str:
        names = [
            name for name, on in (("left", column in left), ("bad", (row, column) in bad)) if on
        ]
        marked = f' class="{" ".join(names)}"' if names else ""
        return f"<{tag}{marked}>{escape(text)}</{tag}>"

    head = "".join(cell("th", text, -1, column) for column, text in enumerate(header))
    body = [
        f"<tr>{''.join(cell('td', text, row, column) for column, text in enumerate(cells))}</tr>"
        for row, cells in enumerate(rows)
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
