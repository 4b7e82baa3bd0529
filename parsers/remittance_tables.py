"""Where the table stands in a payer's file: separator, encoding or sheet, and the row of headers.

Payers put titles above the table and totals below it, and separate values as their country does.
Every separator and every sheet is tried; the row that a preset knows best is the header.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import msgspec

from engine.money import CURRENCY_EXPONENTS
from parsers.errors import TableError
from parsers.limits import REMITTANCE_BYTES_MAX
from parsers.remittance_presets import normal_header
from parsers.spreadsheets import Workbook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsers.spreadsheets import Cell, Sheet

__all__ = ["SPREADSHEETS", "TEXTS", "FoundTable", "HeaderPreset", "Wanted", "find_table"]

TEXTS: Final = (".csv", ".tsv", ".txt", ".tab")
SPREADSHEETS: Final = (".xlsx", ".xlsm")
_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_HEAD_ROWS: Final = 60
"""Rows among which the header is looked for: titles, addresses and payment facts stand above it."""

_HEAD_LETTERS: Final = 1 << 16
_COLUMNS_LEAST: Final = 2
_SHOWN: Final = 8


class HeaderPreset(Protocol):
    """What a preset says of where its table stands and how its columns are headed."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def columns(self) -> dict[str, list[str]]:
        """Headers of each role, the first that is there counts."""
        ...

    @property
    def require(self) -> list[str]:
        """Headers that have to be there."""
        ...

    @property
    def encoding(self) -> str:
        """Encoding of a text file; empty where it is found out."""
        ...

    @property
    def sheet(self) -> str:
        """Sheet of a workbook; empty where every one is looked at."""
        ...


PresetType = TypeVar("PresetType", bound=HeaderPreset)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of table is looked for: the role it cannot be without, and words for messages."""

    anchor: str
    what: str
    option: str


class FoundTable(msgspec.Struct, Generic[PresetType], frozen=True, kw_only=True):
    """A table in a file: all rows (number and cells), and what its header says.

    `header` is an index into `rows`; `columns` are positions by role; `source` says how it was
    read (`comma, utf-8` or `sheet 'Advice'`).
    """

    name: str
    source: str
    rows: Sheet
    header: int
    columns: dict[str, int]
    preset: PresetType
    is_text: bool

    @property
    def titles(self) -> list[str]:
        """The header's cells as text."""
        return [str(cell) for cell in self.rows[self.header][1]]

    def place(self, row: int) -> str:
        """Where row `row` (an index) stands, as a person finds it."""
        return f"{'line' if self.is_text else 'row'} {self.rows[row][0]}"


def find_table(
    name: str, content: bytes, presets: Sequence[PresetType], wanted: Wanted
) -> FoundTable[PresetType]:
    """The table in `content` that the best of `presets` knows.

    Raises `TableError` where there is none, or where two presets read it differently.
    """
    if len(content) > REMITTANCE_BYTES_MAX:
        message = f"{name}: is larger than {REMITTANCE_BYTES_MAX >> 20} MiB; split it"
        raise TableError(message)
    preset = presets[0] if len(presets) == 1 else None
    is_text = Path(name).suffix.lower() not in SPREADSHEETS
    source = _TextSource(name, content, preset) if is_text else _SheetSource(name, content, preset)
    found: list[tuple[tuple[int, int, int], str, PresetType, int, dict[str, int]]] = []
    heads: list[list[Cell]] = []
    for key in source.candidates():
        head = source.head(key)
        heads += [cells for _, cells in head]
        for at, (_, cells) in enumerate(head):
            for one in presets:
                columns = _columns(name, cells, one, wanted.anchor)
                if columns is not None:
                    rank = (len(one.require), len(columns), -at)
                    found.append((rank, key, one, at, columns))
    if not found:
        raise _not_found(name, heads, preset, wanted)
    best = max(rank for rank, *_ in found)
    chosen = [one for one in found if one[0] == best]
    _, key, fitting, at, columns = chosen[0]
    for _, _, other, _, others in chosen[1:]:
        if others != columns:
            message = (
                f"{name}: presets {fitting.name} and {other.name} fit and read it differently; "
                f"name one: {wanted.option} {fitting.name}"
            )
            raise TableError(message)
    return FoundTable(
        name=name,
        source=source.describe(key),
        rows=source.rows(key),
        header=at,
        columns=columns,
        preset=fitting,
        is_text=is_text,
    )


class _TextSource:
    """Separated values; keys are separators."""

    def __init__(self, name: str, content: bytes, preset: HeaderPreset | None) -> None:
        self._name = name
        self._text, self._encoding = _decoded(name, content, preset.encoding if preset else "")

    def candidates(self) -> Sequence[str]:
        return list(_SEPARATORS)

    def describe(self, key: str) -> str:
        return f"{_SEPARATORS[key]}, {self._encoding}"

    def head(self, key: str) -> Sheet:
        end = self._text.rfind("\n", 0, _HEAD_LETTERS) + 1 or len(self._text)
        text = self._text if len(self._text) <= _HEAD_LETTERS else self._text[:end]
        rows = []
        for row in self._read(text, key):
            rows.append(row)
            if len(rows) == _HEAD_ROWS:
                break
        return rows

    def rows(self, key: str) -> Sheet:
        return list(self._read(self._text, key))

    def _read(self, text: str, separator: str) -> Iterator[tuple[int, list[Cell]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        line = 1
        try:
            for values in reader:
                cells: list[Cell] = [value.strip() for value in values]
                if any(cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            message = f"{self._name}: line {line} cannot be read as separated values: {error}"
            raise TableError(message) from None


class _SheetSource:
    """The sheets of a workbook; keys are their titles."""

    def __init__(self, name: str, content: bytes, preset: HeaderPreset | None) -> None:
        self._book = Workbook(name, content)
        wanted = preset.sheet if preset else ""
        if wanted and wanted not in self._book.sheet_names:
            message = f"{name}: has no sheet {wanted!r}, only {', '.join(self._book.sheet_names)}"
            raise TableError(message)
        self._keys = [wanted] if wanted else self._book.sheet_names
        self._sheets: dict[str, Sheet] = {}

    def candidates(self) -> Sequence[str]:
        return self._keys

    def describe(self, key: str) -> str:
        return f"sheet {key!r}"

    def head(self, key: str) -> Sheet:
        return self.rows(key)[:_HEAD_ROWS]

    def rows(self, key: str) -> Sheet:
        if key not in self._sheets:
            self._sheets[key] = self._book.sheet(key)
        return self._sheets[key]


def _decoded(name: str, content: bytes, encoding: str) -> tuple[str, str]:
    """The text, and its encoding: marks, then UTF-8, else Windows-1252."""
    if not encoding:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            encoding = "utf-16"
        elif content[1:2] == b"\0" or content[:1] == b"\0":
            encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        else:
            encoding = "utf-8-sig"
            try:
                content.decode(encoding)
            except UnicodeDecodeError:
                encoding = "windows-1252"
    try:
        return content.decode(encoding), encoding.removesuffix("-sig")
    except (UnicodeDecodeError, LookupError) as error:
        message = f"{name}: cannot be read as {encoding} text: {error}"
        raise TableError(message) from None


def _columns(
    name: str, cells: list[Cell], preset: HeaderPreset, anchor: str
) -> dict[str, int] | None:
    """Position of each role's column, None where `cells` are no header of `preset`."""
    if sum(cell != "" for cell in cells) < _COLUMNS_LEAST:
        return None
    places: dict[str, list[int]] = {}
    for at, cell in enumerate(cells):
        if isinstance(cell, str) and cell:
            for text in dict.fromkeys(map(normal_header, (cell, _without_unit(cell)))):
                places.setdefault(text, []).append(at)
    if any(normal_header(header) not in places for header in preset.require):
        return None
    columns: dict[str, int] = {}
    for role, headers in preset.columns.items():
        for header in headers:
            found = places.get(normal_header(header), ())
            if len(found) > 1:
                message = (
                    f"{name}: the header {header!r} stands over {len(found)} columns; "
                    f"rename one of them"
                )
                raise TableError(message)
            if found:
                columns[role] = found[0]
                break
    is_table = anchor in columns and len(columns) >= _COLUMNS_LEAST
    return columns if is_table else None


def _without_unit(header: str) -> str:
    """`Amount (USD)` without the currency."""
    head, _, last = normal_header(header).rpartition(" ")
    return head if head and last.upper() in CURRENCY_EXPONENTS else header


def _not_found(
    name: str, heads: list[list[Cell]], preset: HeaderPreset | None, wanted: Wanted
) -> TableError:
    widest = max(heads, key=lambda cells: sum(cell != "" for cell in cells), default=[])
    shown = ", ".join(str(cell) for cell in widest if cell != "")
    expected = (
        f"preset {preset.name} expects {', '.join(preset.require or preset.columns[wanted.anchor])}"
        if preset
        else f"no preset knows it; write one (docs/formats.md) and give it as {wanted.option}"
    )
    return TableError(
        f"{name}: no header of {wanted.what} in the first {_HEAD_ROWS} rows; {expected}; "
        f"the widest row is {shown[: _SHOWN * 20] or 'empty'}"
    )
