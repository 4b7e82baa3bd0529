"""Sheets of an Office Open XML workbook (`.xlsx`) as rows of exact values.

Numbers are read from the text they are stored as, never through a float: what a spreadsheet shows
has fifteen significant digits. Only cells that are there are kept, whatever range a sheet claims;
expanded bytes and cells are bounded; entities and document types are never used. Why no library:
`docs/decisions/0007-spreadsheets-without-a-library.md`.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
import zlib
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, NoReturn, cast

from lxml import etree

from parsers.camt_xml import LOCAL_NAMES, forget
from parsers.errors import TableError
from parsers.limits import ARCHIVE_MEMBERS_MAX, SPREADSHEET_BYTES_MAX, SPREADSHEET_CELLS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

__all__ = ["Cell", "Sheet", "Workbook"]

Cell = str | Decimal | dt.date
"""A value: text, a number, or a date; empty cells are the empty text."""

Sheet = list[tuple[int, list[Cell]]]
"""Rows that hold a value: number from 1, and the cells from the first column on."""

_PRECISION: Final = Context(prec=15)
"""Digits a spreadsheet keeps of a number."""

_CHUNK_BYTES: Final = 1 << 16
_COLUMNS_MAX: Final = 16_384
_ROWS_MAX: Final = 1_048_576
_OLE: Final = b"\xd0\xcf\x11\xe0"
_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_DATE_FORMATS: Final = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Numbers of the built-in formats that show a date or a time."""

_LITERALS: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DAYS_OF_1904: Final = 1_462
_FIRST_DAY: Final = dt.date(1899, 12, 30)
_DATE_NUMBER_MAX: Final = 2_958_465
"""31 December 9999, the last day a spreadsheet knows."""


class Workbook:
    """The sheets of one workbook; raises `TableError` where it cannot or may not be read."""

    def __init__(self, name: str, content: bytes) -> None:
        """Open `content`; `name` stands in messages."""
        self._name = name
        self._left = SPREADSHEET_BYTES_MAX
        if content.startswith(_OLE):
            self._refuse("is protected by a password or in the old format of Excel")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            self._refuse(f"is no spreadsheet ({error})")
        if len(self._archive.infolist()) > ARCHIVE_MEMBERS_MAX:
            self._refuse(f"has more than {ARCHIVE_MEMBERS_MAX} parts")
        self._parts = {part.filename.lstrip("/"): part for part in self._archive.infolist()}
        workbook = self._main_part()
        targets = self._relations(workbook)
        self._is_1904 = False
        self.sheet_names: list[str] = []
        self._sheet_parts: dict[str, str] = {}
        for element in self._elements(workbook, ("sheet", "workbookPr")):
            if LOCAL_NAMES[element.tag] == "workbookPr":
                self._is_1904 = element.get("date1904") in {"1", "true"}
                continue
            title, target = element.get("name", ""), targets.get(_attribute(element, "id"), "")
            if target and element.get("state", "visible") == "visible":
                self.sheet_names.append(title)
                self._sheet_parts[title] = target
        if not self.sheet_names:
            self._refuse("has no visible sheet")
        self._texts: list[str] | None = None
        self._date_styles = self._styles(targets.get("styles", ""))
        self._texts_part = targets.get("sharedStrings", "")

    def sheet(self, title: str) -> Sheet:
        """The rows of the sheet called `title`."""
        rows: Sheet = []
        cells = 0
        last_row = 0
        for element in self._elements(self._sheet_parts[title], ("row",)):
            number = int(element.get("r", "0")) if element.get("r", "0").isdecimal() else 0
            last_row = number or last_row + 1
            if last_row > _ROWS_MAX:
                self._refuse(f"sheet {title!r} has row {last_row}, the last is {_ROWS_MAX}")
            values = self._row(element)
            cells += sum(value != "" for value in values)
            if cells > SPREADSHEET_CELLS_MAX:
                self._refuse(f"sheet {title!r} has more than {SPREADSHEET_CELLS_MAX} cells")
            if any(value != "" for value in values):
                rows.append((last_row, values))
        return rows

    def _row(self, element: _Element) -> list[Cell]:
        """The cells of a row; those between given ones are empty."""
        found: dict[int, Cell] = {}
        column = -1
        for cell in element:
            if LOCAL_NAMES[cell.tag] != "c":
                continue
            reference = _REFERENCE.fullmatch(cell.get("r", ""))
            column = _column(reference[1]) if reference else column + 1
            value = self._value(cell) if column < _COLUMNS_MAX else ""
            if value != "":
                found[column] = value
        return [found.get(at, "") for at in range(max(found, default=-1) + 1)]

    def _value(self, cell: _Element) -> Cell:
        kind = cell.get("t", "n")
        text = _text_in(cell, "is" if kind == "inlineStr" else "v")
        if kind == "s":
            texts = self._shared_texts()
            return texts[int(text)].strip() if text.isdecimal() and int(text) < len(texts) else ""
        if kind == "d":
            return _iso_date(text) or text
        if kind != "n" or not text:
            return text.strip()
        try:
            number = _PRECISION.create_decimal(text)
        except InvalidOperation:
            return text
        if not number.is_finite():
            return text
        return self._date(number, cell.get("s", "")) or number

    def _date(self, number: Decimal, style: str) -> dt.date | None:
        """The day a number stands for where its style shows a date."""
        if style not in self._date_styles or not 0 < number <= _DATE_NUMBER_MAX:
            return None
        days = int(number) + (_DAYS_OF_1904 if self._is_1904 else 0)
        return _FIRST_DAY + dt.timedelta(days=days) if days <= _DATE_NUMBER_MAX else None

    def _shared_texts(self) -> list[str]:
        if self._texts is None:
            self._texts = []
            if self._texts_part in self._parts:
                for element in self._elements(self._texts_part, ("si",)):
                    self._texts.append(_plain_text(element))
        return self._texts

    def _styles(self, part: str) -> frozenset[str]:
        """Numbers of the cell styles that show a date."""
        if part not in self._parts:
            return frozenset()
        custom: dict[str, bool] = {}
        dates: set[str] = set()
        for element in self._elements(part, ("numFmt", "cellXfs")):
            if LOCAL_NAMES[element.tag] == "numFmt":
                shown = _LITERALS.sub("", element.get("formatCode", "")).lower()
                is_date = any(letter in shown for letter in "dmyhs") and "general" not in shown
                custom[element.get("numFmtId", "")] = is_date
                continue
            for at, style in enumerate(element):
                number = style.get("numFmtId", "0")
                known = number.isdecimal() and int(number) in _DATE_FORMATS
                if custom.get(number, known):
                    dates.add(str(at))
        return frozenset(dates)

    def _main_part(self) -> str:
        found = self._relations("").get("officeDocument")
        if found is None:
            self._refuse("is no spreadsheet (it names no workbook)")
        return found

    def _relations(self, part: str) -> dict[str, str]:
        """Parts that `part` refers to (the archive itself where empty), by id and by kind."""
        folder, _, file = part.rpartition("/")
        place = f"{folder}/_rels/{file}.rels".lstrip("/")
        found: dict[str, str] = {}
        for element in self._elements(place, ("Relationship",)):
            target = _joined(folder, element.get("Target", ""))
            found[element.get("Id", "")] = target
            found.setdefault(element.get("Type", "").rpartition("/")[2], target)
        return found

    def _elements(self, part: str, names: tuple[str, ...]) -> Iterator[_Element]:
        """The elements of those local names in `part`, one after another, dropped when used."""
        parser = etree.XMLPullParser(
            events=("end",),
            tag=[f"{{*}}{name}" for name in names],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            collect_ids=False,
        )
        try:
            for chunk in self._chunks(part):
                parser.feed(chunk)
                yield from _drained(parser)
            parser.close()
            yield from _drained(parser)
        except etree.XMLSyntaxError as error:
            self._refuse(f"part {part} is not well-formed ({error.msg})")

    def _chunks(self, part: str) -> Iterator[bytes]:
        found = self._parts.get(part)
        if found is None:
            self._refuse(f"lacks its part {part}")
        try:
            with self._archive.open(found) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    self._left -= len(chunk)
                    if self._left < 0:
                        limit = SPREADSHEET_BYTES_MAX >> 20
                        self._refuse(f"expands to more than {limit} MiB")
                    yield chunk
        except TableError:
            raise
        except (
            ValueError,
            *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
            *(NotImplementedError, RuntimeError),
        ) as error:
            self._refuse(f"part {part} cannot be unpacked ({error})")

    def _refuse(self, problem: str) -> NoReturn:
        message = f"{self._name}: {problem}; save it as .xlsx or CSV and give that"
        raise TableError(message) from None


def _drained(parser: etree.XMLPullParser) -> Iterator[_Element]:
    for event in parser.read_events():
        element = cast("_Element", event[1])
        yield element
        parent = element.getparent()
        forget(element)
        if parent is not None:
            before = element.getprevious()
            if before is not None:
                parent.remove(before)


def _attribute(element: _Element, name: str) -> str:
    """The attribute of that local name, whatever its namespace."""
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return ""


def _joined(folder: str, target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else f"{folder}/{target}".lstrip("/")


def _column(letters: str) -> int:
    """0-based number of a column by its letters (`A`, `B`, … `AA`)."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _text_in(cell: _Element, name: str) -> str:
    for child in cell:
        if LOCAL_NAMES[child.tag] == name:
            return _plain_text(child) if name == "is" else child.text or ""
    return ""


def _plain_text(element: _Element) -> str:
    """Text of all runs, without what is only said how to pronounce."""
    pieces = []
    for child in element:
        name = LOCAL_NAMES[child.tag]
        if name == "t":
            pieces.append(child.text or "")
        elif name == "r":
            pieces.append(_plain_text(child))
    return "".join(pieces)


def _iso_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
