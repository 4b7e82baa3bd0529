"""Tables of open items and customers: of the contract, or as an ERP exports them, by a preset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from engine.batches import CustomerBatch, OpenItemBatch
from parsers.errors import TableError
from parsers.ledger_files import LedgerFile, fitting_presets, read_ledger_file
from parsers.ledger_presets import (
    LedgerSettings,
    read_ledger_preset,
    shipped_ledger_presets,
)
from parsers.remittance_presets import DateOrder, DecimalSign, total_words
from parsers.table_files import TableContent
from parsers.tables import read_customers, read_open_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.ledger_presets import LedgerKind

    AnyBatch = TypeVar("AnyBatch", OpenItemBatch, CustomerBatch)

__all__ = [
    "LedgerOptions",
    "customers_of",
    "open_items_of",
    "read_customer_table",
    "read_open_item_table",
    "read_preset_file",
    "understand_presets",
]

_PRESET_FILE = ".toml"


class LedgerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How exports of an ERP are read; without a preset tables are those of the contract.

    `option` is how the options are named in messages: `--` or `--preset-`.
    """

    preset: str | Path | None = None
    decimal: DecimalSign | None = None
    date: DateOrder | None = None
    currency: str = ""
    company_id: str = ""
    option: str = "--"

    def settings(self) -> LedgerSettings:
        """The settings of the parsers; raises `FileNotFoundError` or `TableError`."""
        name = str(self.preset)
        is_file = name.lower().endswith(_PRESET_FILE)
        content = Path(name).read_text(encoding="utf-8") if is_file else None
        return LedgerSettings(
            preset=read_ledger_preset(name, content),
            decimal=self.decimal,
            date=self.date,
            currency=self.currency,
            company_id=self.company_id,
            option=self.option,
        )


def understand_presets(options: LedgerOptions) -> None:
    """Read what presets need before threads do: msgspec must not learn a type in two at once.

    Raises `FileNotFoundError` or `TableError`.
    """
    total_words()
    shipped_ledger_presets()
    if options.preset is not None:
        options.settings()


def read_preset_file(path: str | Path, kind: LedgerKind, options: LedgerOptions) -> LedgerFile:
    """The rows of an export and how it was read; raises `FileNotFoundError` or `TableError`."""
    return read_ledger_file(Path(path).name, Path(path).read_bytes(), kind, options.settings())


def read_open_item_table(path: str | Path, options: LedgerOptions | None = None) -> OpenItemBatch:
    """Open items of `path`; raises `FileNotFoundError` or `TableError`."""
    return open_items_of(path, _settings(options))


def read_customer_table(path: str | Path, options: LedgerOptions | None = None) -> CustomerBatch:
    """Customers of `path`; raises `FileNotFoundError` or `TableError`."""
    return customers_of(path, _settings(options))


def open_items_of(
    table: str | Path | TableContent, settings: LedgerSettings | None = None
) -> OpenItemBatch:
    """Open items of a table, an export of an ERP where `settings` are given; raises as above."""
    if settings is None:
        return _with_hint(table, "open_items", read_open_items)
    given = _content(table)
    batch = read_ledger_file(given.name, given.content, "open_items", settings).batch
    return OpenItemBatch.of_distinct(batch.record_batch)


def customers_of(
    table: str | Path | TableContent, settings: LedgerSettings | None = None
) -> CustomerBatch:
    """Customers likewise. A preset that knows no customers leaves the table to the columns of the
    contract.
    """
    if settings is None or not settings.preset.customers:
        return _with_hint(table, "customers", read_customers)
    given = _content(table)
    batch = read_ledger_file(given.name, given.content, "customers", settings).batch
    return CustomerBatch.of_distinct(batch.record_batch)


def _settings(options: LedgerOptions | None) -> LedgerSettings | None:
    return None if options is None or options.preset is None else options.settings()


def _content(table: str | Path | TableContent) -> TableContent:
    if isinstance(table, TableContent):
        return table
    return TableContent(Path(table).name, Path(table).read_bytes())


def _with_hint(
    table: str | Path | TableContent,
    kind: LedgerKind,
    read: Callable[[str | Path | TableContent], AnyBatch],
) -> AnyBatch:
    """Read a table of the contract; where it is none but fits a preset, the error names that."""
    try:
        return read(table)
    except TableError as error:
        given = _content(table)
        fitting = fitting_presets(given.name, given.content, kind)
        if not fitting:
            raise
        message = f"{error}; it looks like an export: give --preset {' or '.join(fitting)}"
        raise TableError(message) from None
