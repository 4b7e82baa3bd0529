"""Open items and customers as ERPs export them: any separator, spreadsheets, headers by preset.

The file becomes a table in the columns of the contract, which `parsers.tables` reads with its own
checks; errors name the line of the file and the header it has there. Formats of amounts and dates
are declared, or leave no other reading over the whole file: they are never guessed.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
import pyarrow as pa

from engine.money import CURRENCY_EXPONENTS
from parsers.errors import TableError
from parsers.ledger_blocks import BlockLabels, is_rule
from parsers.ledger_presets import DATE_ROLES, MONEY_ROLES, ROLES, shipped_ledger_presets
from parsers.remittance_files import ColumnUse
from parsers.remittance_presets import normal_header, total_words
from parsers.remittance_tables import SPREADSHEETS, TEXTS, Wanted, find_table
from parsers.table_files import TableFile
from parsers.tables import read_customers, read_open_items
from parsers.value_formats import FormatError, amount_of, date_of, date_order, decimal_sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.batches import Batch, CustomerBatch, OpenItemBatch
    from parsers.ledger_presets import LedgerKind, LedgerSettings, LedgerTable
    from parsers.remittance_presets import DateOrder, DecimalSign
    from parsers.remittance_tables import FoundTable
    from parsers.spreadsheets import Cell

__all__ = ["LedgerFile", "fitting_presets", "read_ledger_file"]

_ANCHOR: Final = {"open_items": "open_amount", "customers": "customer_id"}
_WHAT: Final = {"open_items": "a table of open items", "customers": "a table of customers"}
_CREDITS: Final = ("credit_memo", "on_account")


class LedgerFile(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one file, and how it was read.

    `counted_rows` are rows that are no items, by what they are: `preamble`, `header`, `total`,
    `group`, `above` (they say what all rows below them share), `rule`, `text`.
    """

    batch: Batch
    preset: str
    source: str
    header_place: str
    columns: tuple[ColumnUse, ...]
    counted_rows: dict[str, int]


class _MappedTable(TableFile):
    """A table in the contract's columns whose rows know where they stand in the file."""

    def __init__(
        self, found: FoundTable[Any], columns: dict[str, pa.Array], rows: list[int]
    ) -> None:
        super().__init__(found.name, b"", columns, len(rows))
        self._found = found
        self._rows = rows

    @property
    def format(self) -> str:
        """How the table was found."""
        return str(self._found.preset.name)

    def place(self, row: int) -> str:
        """The line of the file."""
        return self._found.place(self._rows[row])

    def fail(self, row: int, column: str, value: object, problem: str) -> NoReturn:
        """Raise the error of one value, with the header of the file."""
        place = self._found.columns.get(column)
        title = f"{self._found.titles[place]!r} ({column})" if place is not None else column
        super().fail(row, title, value, problem)


def read_ledger_file(
    name: str, content: bytes, kind: LedgerKind, settings: LedgerSettings
) -> LedgerFile:
    """Read `content` by the preset of `settings`; raises `TableError`."""
    tables = settings.preset.tables(kind)
    if not tables:
        message = f"{name}: preset {settings.preset.name} knows no {kind.replace('_', ' ')}"
        raise TableError(message)
    wanted = Wanted(anchor=_ANCHOR[kind], what=_WHAT[kind], option="--preset")
    found = find_table(name, content, tables, wanted)
    rows = _Rows(found, settings, kind)
    table = rows.mapped()
    reader = read_open_items if kind == "open_items" else read_customers
    batch: OpenItemBatch | CustomerBatch = reader(table)
    roles = {place: role for role, place in found.columns.items()}
    return LedgerFile(
        batch=batch,
        preset=found.preset.name,
        source=found.source,
        header_place=found.place(found.header),
        columns=tuple(
            ColumnUse(title, roles.get(at, ""), rows.formats.get(roles.get(at, ""), ""))
            for at, title in enumerate(found.titles)
            if title
        )
        + tuple(ColumnUse(f"{label} (above)", role) for role, label in rows.above.items()),
        counted_rows=dict(sorted(rows.counted.items())),
    )


def fitting_presets(name: str, content: bytes, kind: LedgerKind) -> list[str]:
    """Shipped presets whose header stands in `content`: what to propose, never what to take."""
    if Path(name).suffix.lower() not in (*TEXTS, *SPREADSHEETS):
        return []
    found = []
    for preset in shipped_ledger_presets().values():
        wanted = Wanted(anchor=_ANCHOR[kind], what=_WHAT[kind], option="--preset")
        try:
            find_table(name, content, preset.tables(kind), wanted)
        except TableError:
            continue
        found.append(preset.name)
    return found


class _Rows:
    """Sorts the rows of one file, then turns cells into the contract's values."""

    def __init__(
        self, found: FoundTable[LedgerTable], settings: LedgerSettings, kind: LedgerKind
    ) -> None:
        self._found = found
        self._table = found.preset
        self._settings = settings
        self._kind = kind
        self._lines: list[int] = []
        self._groups: list[str] = []
        self._labels = BlockLabels(found.preset.above, found.columns)
        self._block: dict[str, str] = {}
        self._above: dict[int, dict[str, str]] = {}
        self._group = ""
        self._totals: list[tuple[int, int]] = []
        self._group_starts: list[int] = [0]
        self.counted: dict[str, int] = {}
        self.formats: dict[str, str] = {}
        self.above: dict[str, str] = {}
        self._sort()

    def mapped(self) -> _MappedTable:
        """The rows in the columns of the contract."""
        values: dict[str, list[str]] = {}
        for role in ROLES[self._kind]:
            if role not in (*MONEY_ROLES, *DATE_ROLES):
                values[role] = [self._text(at, role) for at in self._lines]
        if self._table.group:
            own = values.get(self._table.group, [""] * len(self._lines))
            values[self._table.group] = [a or b for a, b in zip(own, self._groups, strict=True)]
        self._fill(values)
        if self._kind == "open_items":
            amounts = self._amounts(values["currency"])
            self._set_signs(values, amounts)
            values["document_type"] = [
                _type_by_sign(kind, amount)
                for kind, amount in zip(
                    values["document_type"], amounts["open_amount"], strict=True
                )
            ]
            self._check_totals(amounts["open_amount"], values["currency"])
            values |= {
                role: ["" if one is None else f"{one:f}" for one in column]
                for role, column in amounts.items()
            }
            values |= self._dates()
        columns = {
            role: pa.array(column, pa.string())
            for role, column in values.items()
            if role in self._given() or any(column)
        }
        return _MappedTable(self._found, columns, self._lines)

    def _given(self) -> tuple[str, ...]:
        """What is a column of the table, or made of some."""
        made = ("open_item_id",) if self._table.id else ()
        return (*self._found.columns, *made, *self._table.otherwise)

    def _sort(self) -> None:
        """Which rows are items, and what the others are."""
        found = self._found
        for at in range(found.header):
            if not self._is_block_line(at):
                self._count("preamble")
        for at in range(found.header + 1, len(found.rows)):
            self._count_or_keep(at)

    def _count_or_keep(self, at: int) -> None:
        found = self._found
        cells = found.rows[at][1]
        filled = [cell for cell in cells if cell != ""]
        first = filled[0] if filled else ""
        if [str(cell) for cell in cells] == found.titles:
            self._count("header")
        elif is_rule(filled):
            self._count("rule")
        elif self._is_block_line(at):
            self._group_starts.append(len(self._lines))
        elif self._is_total(first):
            self._count("total")
            self._totals.append((at, len(self._lines)))
        elif len(filled) == 1 and self._table.group and first == cells[0]:
            self._count("group")
            self._group = _as_text(first)
            self._group_starts.append(len(self._lines))
        elif self._is_line(at):
            if self._labels.needs("customer_id") and "customer_id" not in self._block:
                title = self._table.above["customer_id"][0]
                self._fail(at, title, "", "stands in no line above, and no column says whose it is")
            self._lines.append(at)
            self._groups.append(self._group)
            self._above[at] = self._block
        else:
            self._count("text")

    def _is_block_line(self, at: int) -> bool:
        """Whether the row says something about those below it; then it is kept in mind."""
        facts = self._labels.facts(self._found.rows[at][1])
        if not facts:
            return False
        self._count("above")
        self._block = self._block | {fact.role: _as_text(fact.value) for fact in facts}
        self.above |= {fact.role: fact.label for fact in facts}
        return True

    def _is_total(self, first: Cell) -> bool:
        if not isinstance(first, str):
            return False
        words = normal_header(first)
        return (
            first.startswith("*")
            or words in total_words()
            or words.startswith(("total ", "summe ", "saldo", "balance total"))
        )

    def _is_line(self, at: int) -> bool:
        roles = (
            "open_item_id",
            "document_number",
            *self._table.id,
            *self._table.otherwise.values(),
        )
        named = any(self._cell(at, role) != "" for role in roles)
        if self._kind == "customers":
            return self._cell(at, "customer_id") != ""
        if self._cell(at, "open_amount") == "":
            return False
        if not named:
            title = self._found.titles[self._found.columns["open_amount"]]
            self._fail(
                at,
                title,
                self._cell(at, "open_amount"),
                "stands in a row that names no document and is no total; give the row a number, or "
                "leave it out of the export",
            )
        return True

    def _cell(self, at: int, role: str) -> Cell:
        position = self._found.columns.get(role)
        cells = self._found.rows[at][1]
        return "" if position is None or position >= len(cells) else cells[position]

    def _text(self, at: int, role: str) -> str:
        table, above = self._table, self._above[at]
        value = _as_text(self._cell(at, role)) or above.get(role, "")
        if role == "open_item_id" and table.id:
            parts = [_as_text(self._cell(at, one)) or above.get(one, "") for one in table.id]
            value = value or "/".join(part for part in parts if part)
        if not value and role in table.otherwise:
            value = _as_text(self._cell(at, table.otherwise[role]))
        translated = {key.casefold(): to for key, to in table.values.get(role, {}).items()}
        if value and translated and value.casefold() not in translated:
            position = self._found.columns.get(role, 0)
            self._fail(
                at,
                self._found.titles[position],
                value,
                f"is no {role.replace('_', ' ')} that preset {table.name} knows: "
                f"{', '.join(list(translated)[:12])}; add it to values.{role} of an own preset",
            )
        return translated.get(value.casefold(), value) if translated else value

    def _fill(self, values: dict[str, list[str]]) -> None:
        """What no column says and the caller does."""
        for role, given, option in (
            ("currency", self._settings.currency, "currency"),
            ("company_id", self._settings.company_id, "company"),
        ):
            if given and role in values:
                values[role] = [one or given for one in values[role]]
            missing = role == "currency" and "currency" in values and "" in values[role]
            if missing and self._kind == "open_items":
                at = self._lines[values[role].index("")]
                message = (
                    f"{self._found.name}: {self._found.place(at)}: no column says the currency; "
                    f"give {self._settings.option}{option} CODE"
                )
                raise TableError(message)
        if "currency" in values:
            values["currency"] = [one.upper() for one in values["currency"]]

    def _amounts(self, currencies: list[str]) -> dict[str, list[Decimal | None]]:
        """Every amount; what stands before the decimals is decided over all columns together."""
        roles = [role for role in MONEY_ROLES if role in self._found.columns]
        places = [CURRENCY_EXPONENTS.get(code, 4) for code in currencies]
        cells = {role: [self._cell(at, role) for at in self._lines] for role in roles}
        written = [
            (cell, decimals)
            for role in roles
            for cell, decimals in zip(cells[role], places, strict=True)
            if isinstance(cell, str) and cell
        ]
        sign = self._settings.decimal or self._table.decimal
        if sign is None and written:
            sign = self._proven_sign(written)
        if written:
            told = f"decimals after {sign!r}" if sign else "no decimals"
            self.formats |= dict.fromkeys(roles, told)
        return {
            role: [
                self._amount(line, role, cell, sign or ".", decimals)
                for line, (cell, decimals) in enumerate(zip(cells[role], places, strict=True))
            ]
            for role in roles
        }

    def _proven_sign(self, written: list[tuple[str, int]]) -> DecimalSign | None:
        try:
            return decimal_sign(written)
        except FormatError as error:
            if not error.is_open:
                shown = " and ".join(repr(one) for one in error.values)
                self._doubt(
                    f"the amounts {shown} are not written in one format", "decimal", ".", ","
                )
            text = error.values[0]
            readings = [f"{amount_of(text, sign)} ({sign})" for sign in (".", ",")]
            self._doubt(f"{text!r} is {' or '.join(readings)}", "decimal", ".", ",")

    def _doubt(self, sentence: str, option: str, *choices: str) -> NoReturn:
        name = f"{self._settings.option}{option}"
        said = " or ".join(f"{name} {choice}" for choice in choices)
        message = f"{self._found.name}: {sentence}, and no other value tells which; say {said}"
        raise TableError(message)

    def _amount(
        self, line: int, role: str, cell: Cell, sign: DecimalSign, decimals: int
    ) -> Decimal | None:
        if cell == "":
            return None
        amount = cell if isinstance(cell, Decimal) else None
        if isinstance(cell, str):
            amount = amount_of(cell, sign, decimals)
        if amount is None:
            title = self._found.titles[self._found.columns[role]]
            self._fail(self._lines[line], title, cell, "is no amount written like the others")
        return amount

    def _set_signs(
        self, values: dict[str, list[str]], amounts: dict[str, list[Decimal | None]]
    ) -> None:
        """Credits are negative: as written, or by their type."""
        if self._table.sign != "by_type":
            return
        for line, kind in enumerate(values["document_type"]):
            if kind not in _CREDITS:
                continue
            for role in ("open_amount", "original_amount"):
                column = amounts.get(role)
                value = None if column is None else column[line]
                if column is not None and value is not None:
                    column[line] = -abs(value)

    def _dates(self) -> dict[str, list[str]]:
        """Every date; the order of day, month and year is decided over all columns together."""
        roles = [role for role in DATE_ROLES if role in self._found.columns]
        cells = {role: [self._cell(at, role) for at in self._lines] for role in roles}
        written = [cell for role in roles for cell in cells[role] if isinstance(cell, str) and cell]
        order = self._settings.date or self._table.date
        if order is None and written:
            order = self._proven_order(written)
        if written:
            self.formats |= dict.fromkeys(roles, order or "the same in every order")
        return {
            role: [
                self._date(line, role, cell, order or "DMY")
                for line, cell in enumerate(cells[role])
            ]
            for role in roles
        }

    def _proven_order(self, written: list[str]) -> DateOrder | None:
        try:
            return date_order(written)
        except FormatError as error:
            if not error.is_open:
                shown = " and ".join(repr(one) for one in error.values)
                self._doubt(
                    f"the dates {shown} are not written in one format", "date", "DMY", "MDY", "YMD"
                )
            text = error.values[0]
            read: dict[dt.date, DateOrder] = {}
            orders: tuple[DateOrder, ...] = ("DMY", "MDY", "YMD")
            for order in orders:
                day = date_of(text, order)
                if day is not None:
                    read.setdefault(day, order)
            readings = [f"{day} ({order})" for day, order in read.items()]
            self._doubt(f"{text!r} is {' or '.join(readings)}", "date", *read.values())

    def _date(self, line: int, role: str, cell: Cell, order: DateOrder) -> str:
        if cell == "":
            return ""
        found = cell if isinstance(cell, dt.date) else None
        if isinstance(cell, str):
            found = date_of(cell, order)
        if found is None:
            title = self._found.titles[self._found.columns[role]]
            self._fail(self._lines[line], title, cell, "is no date written like the others")
        return found.isoformat()

    def _check_totals(self, amounts: list[Decimal | None], currencies: list[str]) -> None:
        """Every row of totals is a sum of lines: of all, of its group, since the last one."""
        if self._table.totals == "ignore":
            return
        before = 0
        for at, lines in self._totals:
            cell = self._total(at)
            starts = {0, before, max(one for one in self._group_starts if one <= lines)}
            sums = {_sum(amounts[start:lines]) for start in starts} | {
                _sum(amounts[k] for k in range(start, lines) if currencies[k] == currency)
                for start in starts
                for currency in sorted(set(currencies))
            }
            if cell != "" and not self._is_one_of(cell, sums):
                title = self._found.titles[self._found.columns["open_amount"]]
                whole = _sum(amounts[:lines])
                self._fail(
                    at,
                    title,
                    cell,
                    f"is not the sum of the rows above, {whole:f}; export the whole table, or set "
                    f'totals = "ignore" in an own preset',
                )
            before = lines

    def _total(self, at: int) -> Cell:
        """The amount of a row of totals; where its cells are merged, the one that is there."""
        cells = self._found.rows[at][1]
        if len(cells) >= len(self._found.titles):
            return self._cell(at, "open_amount")
        signs: tuple[DecimalSign, ...] = (".", ",")
        written = (cell for cell in cells if isinstance(cell, str) and cell)
        return next((one for one in written if any(amount_of(one, sign) for sign in signs)), "")

    def _is_one_of(self, cell: Cell, sums: set[Decimal]) -> bool:
        if isinstance(cell, Decimal):
            return cell in sums
        sign = self._settings.decimal or self._table.decimal
        signs: tuple[DecimalSign, ...] = (".", ",") if sign is None else (sign,)
        return any(amount_of(str(cell), one) in sums for one in signs)

    def _count(self, reason: str) -> None:
        self.counted[reason] = self.counted.get(reason, 0) + 1

    def _fail(self, at: int, title: str, value: object, problem: str) -> NoReturn:
        found = self._found
        message = f"{found.name}: {found.place(at)}, column {title!r}: {str(value)!r} {problem}"
        raise TableError(message)


def _type_by_sign(kind: str, amount: Decimal | None) -> str:
    """`a|b` is a of a negative amount, b of another one."""
    negative, mark, other = kind.partition("|")
    return other if mark and (amount is None or amount >= 0) else negative


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((one or Decimal(0) for one in amounts), Decimal(0))


def _as_text(cell: Cell) -> str:
    """A cell as the text a person sees: a number without exponent, a date as ISO."""
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    return cell.isoformat() if isinstance(cell, dt.date) else cell.strip()
