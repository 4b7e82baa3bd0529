"""Typed columns out of a `TableFile`: text, dates, amounts, choices; whole columns at a time.

Each conversion has a fast form over the column and a slow one over its rows. The slow form runs
only where the fast one refuses the column: it either finds the row to name in the error, or reads
the rarer spellings the fast form does not know.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.errors import MoneyError
from engine.limits import AMOUNT_MINOR_MAX, DECIMAL_SCALE
from engine.money import CURRENCY_EXPONENTS, exponents_of, minor_from_text
from parsers.errors import TableError
from parsers.table_files import amount_spellings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from parsers.table_files import TableFile

__all__ = ["TableColumns"]

_AMOUNT_PATTERN: Final = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_DATE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?Z?)?")
_DECIMAL: Final = pa.decimal128(18, DECIMAL_SCALE)


class TableColumns:
    """The columns of one table, converted on demand; every error names its row."""

    def __init__(self, table: TableFile) -> None:
        """Convert columns of `table`."""
        self.table = table
        self.row_count = table.row_count

    def text(self, name: str, default: str = "") -> pa.Array:
        """Column `name` as trimmed text without nulls; lists are joined with `;`."""
        values = self.table.columns.get(name)
        if values is None:
            return pa.repeat(pa.scalar(default, pa.string()), self.row_count)
        values = pc.fill_null(pc.utf8_trim_whitespace(self._as_text(name, values)), "")
        return pc.if_else(pc.equal(values, ""), default, values) if default else values

    def required_text(self, name: str) -> pa.Array:
        """Column `name` as trimmed text; raises `TableError` where a row has none."""
        values = self.text(name)
        self.refuse_rows(pc.equal(values, ""), name, "is empty; a value is required", values)
        return values

    def choice(self, name: str, allowed: Sequence[str], default: str) -> pa.Array:
        """Column `name` in lower case, one of `allowed`; empty means `default`."""
        values = pc.utf8_lower(self.text(name, default))
        problem = f"is not one of {', '.join(word for word in allowed if word)}"
        known = pc.is_in(values, pa.array(list(allowed), pa.string()))
        self.refuse_rows(pc.invert(known), name, problem, values)
        return values

    def currency(self, *, required: bool = True) -> pa.Array:
        """Column `currency` in capitals; raises `TableError` for a code ISO 4217 does not know."""
        name = "currency"
        values = pc.utf8_upper(self.required_text(name) if required else self.text(name))
        allowed = [*CURRENCY_EXPONENTS] if required else ["", *CURRENCY_EXPONENTS]
        known = pc.is_in(values, pa.array(allowed, pa.string()))
        problem = "is no active ISO 4217 currency code such as USD, EUR or JPY"
        self.refuse_rows(pc.invert(known), name, problem, values)
        return values

    def date(self, name: str, *, required: bool = False) -> pa.Array:
        """Column `name` as date32, null where empty; text is ISO 8601 (`2026-09-30`)."""
        values = self.table.columns.get(name)
        if values is None:
            return pa.nulls(self.row_count, pa.date32())
        kind = values.type
        if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            dates = values.cast(pa.date32(), safe=False)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            dates = self._dates_of_text(name)
        elif pa.types.is_null(kind):
            dates = pa.nulls(self.row_count, pa.date32())
        else:
            self._refuse_type(name, kind, "ISO dates (2026-09-30) as text, date32 or timestamp")
        if required:
            self.refuse_rows(dates.is_null(), name, "is empty; an ISO date is required")
        return dates

    def amount(self, name: str, currency: pa.Array, *, required: bool = False) -> pa.Array:
        """Column `name` as int64 minor units of `currency`, null where empty.

        `name` holds decimal text or decimal128 in major units, its minor spellings hold int64.
        """
        spelled = [n for n in amount_spellings(name) if n in self.table.columns]
        if len(spelled) > 1:
            message = (
                f"{self.table.name}: columns {spelled[0]} and {spelled[1]} give the same amount "
                f"twice; leave one out"
            )
            raise TableError(message)
        if spelled and spelled[0] != name:
            name, minor = spelled[0], self._whole_numbers(spelled[0])
        else:
            minor = self._scaled(name, currency)
        if required:
            self.refuse_rows(minor.is_null(), name, "is empty; an amount is required")
        return minor

    def advice_amount(self, name: str) -> pa.Array:
        """Column `name` as int64 with four decimal places, whatever its currency."""
        for minor_name in amount_spellings(name)[1:]:
            if minor_name in self.table.columns:
                message = (
                    f"{self.table.name}: column {minor_name} has no meaning without a currency; "
                    f"give {name} as decimals in major units"
                )
                raise TableError(message)
        return self._scaled(name, None)

    def whole_number(self, name: str) -> pa.Array:
        """Column `name` as int64, null where empty."""
        if name not in self.table.columns:
            return pa.nulls(self.row_count, pa.int64())
        return self._whole_numbers(name)

    def _as_text(self, name: str, values: pa.Array) -> pa.Array:
        kind = values.type
        if pa.types.is_floating(kind):
            self._refuse_type(name, kind, "text or whole numbers")
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return pc.binary_join(values.cast(pa.list_(pa.string())), ";")
        try:
            return values if pa.types.is_string(kind) else values.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            self._refuse_type(name, kind, "text")

    def _dates_of_text(self, name: str) -> pa.Array:
        values = self.text(name)
        try:
            return pc.if_else(pc.equal(values, ""), None, values).cast(pa.date32())
        except pa.ArrowInvalid:
            return pa.array(
                [self._one_date(name, i, v) for i, v in enumerate(values.to_pylist())], pa.date32()
            )

    def _one_date(self, name: str, row: int, value: str) -> datetime.date | None:
        if not value:
            return None
        found = _DATE.fullmatch(value)
        try:
            return datetime.date.fromisoformat(found[1] if found else "")
        except ValueError:
            self.table.fail(row, name, value, "is no ISO date; write it as 2026-09-30")

    def _scaled(self, name: str, currency: pa.Array | None) -> pa.Array:
        """Major units of column `name` as int64 minor units (four places without a currency)."""
        values = self.table.columns.get(name)
        if values is None:
            return pa.nulls(self.row_count, pa.int64())
        kind = values.type
        if pa.types.is_floating(kind):
            self._refuse_type(
                name, kind, "exact amounts: decimal128 or decimal text; cast the column"
            )
        if pa.types.is_integer(kind):
            expected = f"decimal128, or the name {name}_minor if these are minor units (cents)"
            self._refuse_type(name, kind, expected)
        if pa.types.is_null(kind):
            return pa.nulls(self.row_count, pa.int64())
        if not pa.types.is_decimal(kind):
            values = self.text(name)
        fast = _scaled_fast(values, currency)
        return self._scaled_slow(name, values, currency) if fast is None else fast

    def _scaled_slow(self, name: str, values: pa.Array, currency: pa.Array | None) -> pa.Array:
        minor: list[int | None] = []
        any_currency = ["CLF"] * len(values)  # a currency of four places, the most there are
        codes = any_currency if currency is None else currency.to_pylist()
        for row, (value, code) in enumerate(zip(values.to_pylist(), codes, strict=True)):
            text = "" if value is None else f"{value:f}" if not isinstance(value, str) else value
            try:
                minor.append(minor_from_text(text, code) if text else None)
            except MoneyError as error:
                said = str(error).removeprefix(f"{text!r} ")
                if currency is None:
                    said = said.replace("decimal places of CLF", "decimal places any currency has")
                self.table.fail(row, name, text, said)
        return pa.array(minor, pa.int64())

    def _whole_numbers(self, name: str) -> pa.Array:
        values = self.table.columns[name]
        kind = values.type
        if pa.types.is_integer(kind) or pa.types.is_null(kind):
            numbers = values.cast(pa.int64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            text = self.text(name)
            plain = pc.match_substring_regex(text, r"^([+-]?[0-9]{1,18})?$")
            self.refuse_rows(pc.invert(plain), name, "is no whole number", text)
            numbers = pc.if_else(pc.equal(text, ""), None, text).cast(pa.int64())
        else:
            self._refuse_type(name, kind, "int64")
        large = pc.greater(pc.abs(pc.fill_null(numbers, 0)), AMOUNT_MINOR_MAX)
        self.refuse_rows(large, name, f"is larger than {AMOUNT_MINOR_MAX}", numbers)
        return numbers

    def _refuse_type(self, name: str, kind: pa.DataType, expected: str) -> NoReturn:
        message = f"{self.table.name}: column {name} is of type {kind}; expected {expected}"
        raise TableError(message)

    def refuse_rows(
        self, bad: pa.Array, name: str, problem: str, values: pa.Array | None = None
    ) -> None:
        """Raise `TableError` for the first row where `bad` is true."""
        row = pc.index(bad, value=True).as_py()
        if row >= 0:
            value = "" if values is None else values[row].as_py()
            self.table.fail(row, name, value, problem)


def _scaled_fast(values: pa.Array, currency: pa.Array | None) -> pa.Array | None:
    """`values` (text or decimals) as minor units, or None where any row needs a closer look."""
    empty = values.is_null()
    if pa.types.is_string(values.type):
        empty = pc.equal(values, "")
        values = pc.if_else(empty, "0", values)
        if not pc.all(pc.match_substring_regex(values, _AMOUNT_PATTERN)).as_py():
            return None
    try:
        decimals = pc.fill_null(values.cast(_DECIMAL), 0)
    except pa.ArrowInvalid:
        return None
    scaled = _low_words(decimals)
    if currency is None:
        minor = scaled
    else:
        factor = np.power(np.int64(10), DECIMAL_SCALE - exponents_of(currency))
        minor = scaled // factor
        if np.any(minor * factor != scaled):
            return None
    if np.any(np.abs(minor) > AMOUNT_MINOR_MAX):
        return None
    return pa.array(minor, mask=empty.to_numpy(zero_copy_only=False))


def _low_words(decimals: pa.Array) -> NDArray[np.int64]:
    """The unscaled integers of a decimal128 array of at most 18 digits: they fit the low word."""
    if not len(decimals):
        return np.empty(0, dtype=np.int64)
    words = np.frombuffer(decimals.buffers()[1], dtype=np.int64)
    return words[2 * decimals.offset : 2 * (decimals.offset + len(decimals)) : 2]
