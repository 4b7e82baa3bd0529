"""The rows under a header: lines of advice, totals that are checked, everything else counted.

Formats of amounts and dates are decided per column (`value_formats`). A row is a line, a total, a
repeated header or text; nothing is left out without being counted.
"""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

from engine.batches import ADVICE_SCALE
from engine.limits import AMOUNT_MINOR_MAX
from engine.money import CURRENCY_EXPONENTS
from parsers.errors import TableError
from parsers.remittance_presets import MONEY_ROLES, PAYMENT_ROLES, normal_header, total_words
from parsers.value_formats import (
    FormatError,
    amount_of,
    date_of,
    date_order,
    decimal_sign,
    scaled_text,
)

if TYPE_CHECKING:
    from parsers.remittance_presets import Preset, Settings
    from parsers.remittance_tables import FoundTable
    from parsers.spreadsheets import Cell

__all__ = ["Lines", "read_lines"]

_LINE_MONEY: Final = ("amount", "gross_amount", "discount_amount", "deduction_amount")
_LABEL_END: Final = ":"


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a table, column by column, and how it was read.

    `amounts` have four decimal places, None where a cell is empty; `texts` are the other columns;
    `rows` say where each line stands; `formats` name the decided format of a column by role.
    """

    rows: list[int]
    texts: dict[str, list[str]]
    amounts: dict[str, list[int | None]]
    dates: list[dt.date | None]
    formats: dict[str, str]
    counted_rows: dict[str, int]


def read_lines(table: FoundTable[Preset], settings: Settings) -> Lines:
    """Read every row of `table`; raises `TableError` that names file, row, column and value."""
    return _Reader(table, settings).read()


class _Reader:
    """Sorts the rows of one table, then turns columns into values."""

    def __init__(self, table: FoundTable[Preset], settings: Settings) -> None:
        self._table = table
        self._decimal = settings.decimal or table.preset.decimal
        self._date = settings.date or table.preset.date
        self._lines: list[int] = []
        self._totals: list[tuple[int, int]] = []
        self._counted: dict[str, int] = {}
        self._formats: dict[str, str] = {}
        self._above: dict[str, Cell] = {}

    def read(self) -> Lines:
        """Lines and what was not one."""
        table = self._table
        self._read_above()
        for at in range(table.header + 1, len(table.rows)):
            self._sort(at)
        if not self._lines:
            self._fail(table.header, "reference", "", "no line stands under the header")
        texts = {
            role: self._texts(role)
            for role in (*PAYMENT_ROLES, "reference", "deduction_reason")
            if role not in MONEY_ROLES and role != "payment_date"
        }
        self._check_currency(texts["currency"])
        self._name_lines(texts)
        amounts = {role: self._amounts(role, texts["currency"]) for role in MONEY_ROLES}
        dates = self._dates()
        self._check_totals(amounts)
        return Lines(
            rows=self._lines,
            texts=texts,
            amounts=amounts,
            dates=dates,
            formats=self._formats,
            counted_rows=dict(sorted(self._counted.items())),
        )

    def _read_above(self) -> None:
        """Facts of the payment in the rows above the header: a label, and its value behind it."""
        table = self._table
        labels = {
            normal_header(header): role
            for role in PAYMENT_ROLES
            for header in table.preset.columns.get(role, ())
        }
        for _, cells in table.rows[: table.header]:
            self._count("preamble")
            filled = [part for cell in cells for part in _label_and_value(cell, labels) if part]
            for label, value in itertools.pairwise(filled):
                role = labels.get(normal_header(label)) if isinstance(label, str) else None
                if role and not (isinstance(value, str) and normal_header(value) in labels):
                    self._above.setdefault(role, value)

    def _sort(self, at: int) -> None:
        """Whether a row is a line, a total, the header again, or text."""
        cells = self._table.rows[at][1]
        if [str(cell) for cell in cells] == self._table.titles:
            self._count("header")
            return
        first = next((cell for cell in cells if cell != ""), "")
        has_money = any(self._cell(at, role) != "" for role in _LINE_MONEY)
        if isinstance(first, str) and normal_header(first.rstrip(_LABEL_END)) in total_words():
            self._count("total")
            self._totals.append((at, len(self._lines)))
        elif has_money or self._names_document(at):
            self._lines.append(at)
        else:
            self._count("text")

    def _names_document(self, at: int) -> bool:
        """Whether a row without amounts names a document: words alone under the table do not."""
        reference = self._cell(at, "reference")
        alone = sum(cell != "" for cell in self._table.rows[at][1]) == 1
        has_amounts = any(role in self._table.columns for role in _LINE_MONEY)
        is_words = isinstance(reference, str) and not any(char.isdigit() for char in reference)
        return reference != "" and not (alone and has_amounts and is_words)

    def _cell(self, at: int, role: str) -> Cell:
        position = self._table.columns.get(role)
        cells = self._table.rows[at][1]
        return "" if position is None or position >= len(cells) else cells[position]

    def _texts(self, role: str) -> list[str]:
        """A column as text; facts of the payment go on from the row above, or from the top."""
        values = [_as_text(self._cell(at, role)) for at in self._lines]
        if role not in PAYMENT_ROLES:
            return values
        above = _as_text(self._above.get(role, ""))
        return [value or above for value in values]

    def _check_currency(self, currencies: list[str]) -> None:
        for line, code in enumerate(currencies):
            currencies[line] = code.upper()
            if code and code.upper() not in CURRENCY_EXPONENTS:
                problem = "is no active ISO 4217 currency code such as USD, EUR or JPY"
                self._fail(self._lines[line], "currency", code, problem)

    def _name_lines(self, texts: dict[str, list[str]]) -> None:
        """A line without document is named by its reason; without that it cannot be used."""
        for line, reference in enumerate(texts["reference"]):
            if not reference:
                texts["reference"][line] = texts["deduction_reason"][line]
            if not texts["reference"][line]:
                self._fail(self._lines[line], "reference", "", "is empty; a line has an amount")

    def _amounts(self, role: str, currencies: list[str]) -> list[int | None]:
        cells: list[Cell] = [self._cell(at, role) for at in self._lines]
        if role in PAYMENT_ROLES and role in self._above:
            cells = [self._above[role] if cell == "" else cell for cell in cells]
        places = [CURRENCY_EXPONENTS.get(code, ADVICE_SCALE) for code in currencies]
        written = [
            (cell, decimals)
            for cell, decimals in zip(cells, places, strict=True)
            if isinstance(cell, str) and cell
        ]
        sign = self._decimal
        if sign is None and written:
            try:
                sign = decimal_sign(written)
            except FormatError as error:
                self._doubt(role, error, "decimal", ". or ,")
        if written:
            self._formats[role] = f"decimals after {sign!r}" if sign else "no decimals"
        return [
            self._scaled(line, role, cell, sign or ".", decimals)
            for line, (cell, decimals) in enumerate(zip(cells, places, strict=True))
        ]

    def _scaled(self, line: int, role: str, cell: Cell, sign: Any, decimals: int) -> int | None:
        if cell == "":
            return None
        amount = cell if isinstance(cell, Decimal) else None
        if isinstance(cell, str):
            amount = amount_of(cell, sign, decimals)
        if amount is None:
            self._fail(self._lines[line], role, cell, "is no amount written like the others")
        scaled = amount.scaleb(ADVICE_SCALE)
        if scaled != scaled.to_integral_value() or abs(scaled) > AMOUNT_MINOR_MAX:
            self._fail(self._lines[line], role, cell, "is finer or larger than any amount")
        return int(scaled)

    def _dates(self) -> list[dt.date | None]:
        role = "payment_date"
        cells: list[Cell] = [
            self._cell(at, role) or self._above.get(role, "") for at in self._lines
        ]
        written = [cell for cell in cells if isinstance(cell, str) and cell]
        order = self._date
        if order is None and written:
            try:
                order = date_order(written)
            except FormatError as error:
                self._doubt(role, error, "date", "DMY, MDY or YMD")
        if written:
            self._formats[role] = order or "the same in every order"
        dates: list[dt.date | None] = []
        for line, cell in enumerate(cells):
            found = cell if isinstance(cell, dt.date) else None
            if isinstance(cell, str) and cell:
                found = date_of(cell, order or "DMY")
            if found is None and cell != "":
                self._fail(self._lines[line], role, cell, "is no date written like the others")
            dates.append(found)
        return dates

    def _doubt(self, role: str, error: FormatError, option: str, choices: str) -> NoReturn:
        """Say which values do not prove a format, and how to say it."""
        shown = " and ".join(repr(value) for value in error.values)
        table = self._table
        problem = (
            f"{shown} can be read in two ways and no other value tells which"
            if error.is_open
            else f"{shown} are not written in one format"
            if len(error.values) > 1
            else f"{shown} is written in no format that is known"
        )
        message = (
            f"{table.name}: column {self._title(role)}: {problem}; say it with "
            f"--remittance-{option} ({choices}), or {option} = in the preset"
        )
        raise TableError(message)

    def _check_totals(self, amounts: dict[str, list[int | None]]) -> None:
        """Every row of totals is the sum of the lines since the last one, or of all before it."""
        if self._table.preset.totals == "ignore":
            return
        before = 0
        for at, lines in self._totals:
            for role in _LINE_MONEY:
                cell = self._cell(at, role)
                if cell == "":
                    continue
                sums = [sum(a or 0 for a in amounts[role][start:lines]) for start in (0, before)]
                if not self._is_one_of(cell, sums):
                    problem = (
                        f"is not the sum of the lines, {scaled_text(sums[0])}; ask the payer for "
                        f'all lines, or set totals = "ignore" in a preset'
                    )
                    self._fail(at, role, cell, problem)
            before = lines

    def _is_one_of(self, cell: Cell, sums: list[int]) -> bool:
        if isinstance(cell, Decimal):
            return cell.scaleb(ADVICE_SCALE) in sums
        found = {
            amount_of(str(cell), sign) for sign in (self._decimal or ".", self._decimal or ",")
        }
        return any(one is not None and int(one.scaleb(ADVICE_SCALE)) in sums for one in found)

    def _title(self, role: str) -> str:
        position = self._table.columns.get(role)
        return role if position is None else repr(self._table.titles[position])

    def _count(self, reason: str) -> None:
        self._counted[reason] = self._counted.get(reason, 0) + 1

    def _fail(self, at: int, role: str, value: object, problem: str) -> NoReturn:
        table = self._table
        shown = repr(str(value)) if value != "" else "''"
        message = f"{table.name}: {table.place(at)}, column {self._title(role)}: {shown} {problem}"
        raise TableError(message)


def _label_and_value(cell: Cell, labels: dict[str, str]) -> list[Cell]:
    """`Payment date: 14.09.2026` as two cells where the first part is a known label."""
    if isinstance(cell, str):
        label, _, value = cell.partition(_LABEL_END)
        if normal_header(label) in labels and value.strip():
            return [label, value.strip()]
    return [cell]


def _as_text(cell: Cell) -> str:
    """A cell as the text a person sees: a number without exponent, a date as ISO."""
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    return cell.isoformat() if isinstance(cell, dt.date) else cell.strip()
