"""How ERPs head their exports of open items and customers: presets as data.

A preset is of one ERP (`ledger_presets.toml`); it knows several tables, told apart by their
headers. An own preset is a TOML file with `open_items` or `customers`, lists of tables.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import msgspec

from engine.batches import CustomerBatch
from parsers.errors import TableError
from parsers.remittance_presets import DateOrder, DecimalSign, normal_header

__all__ = [
    "DATE_ROLES",
    "MONEY_ROLES",
    "ROLES",
    "LedgerKind",
    "LedgerPreset",
    "LedgerSettings",
    "LedgerTable",
    "read_ledger_preset",
    "shipped_ledger_presets",
]

LedgerKind = Literal["open_items", "customers"]
"""What a table holds."""

MONEY_ROLES: Final = ("open_amount", "original_amount", "discount_amount")
"""Columns of amounts."""

DATE_ROLES: Final = ("document_date", "due_date", "discount_date")
"""Columns of dates."""

_ITEM_ROLES: Final = (
    *("open_item_id", "company_id", "customer_id", "document_number", "document_type"),
    *("currency", *MONEY_ROLES, *DATE_ROLES, "payment_terms", "purchase_order", "references"),
    *("installment", "status"),
)
ROLES: Final[dict[str, tuple[str, ...]]] = {
    "open_items": _ITEM_ROLES,
    "customers": tuple(CustomerBatch.SCHEMA.names),
}
"""The columns of the contract each kind of table may give."""

PARTS: Final = ("accounting_document", "fiscal_year", "line", "subledger")
"""Further columns an id may be made of."""

_ANCHORS: Final[dict[str, str]] = {"open_items": "open_amount", "customers": "customer_id"}


class LedgerTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table: headers of each column of the contract, and how its values are written.

    `id` are the columns an id is made of, with `/` between. `otherwise` names the column that
    stands in where a cell is empty. `values` translate (`document_type`, `status`), compared
    without case. `sign`: credits are negative `as_written`, or by their type (`by_type`).
    `group` is what a row with a single cell says about the rows below it; `above` are labels of
    lines that say something about all rows below them, where no column does. `totals` are checked
    unless they are to be ignored.
    """

    columns: dict[str, list[str]]
    require: list[str] = []
    id: list[str] = []
    otherwise: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    sign: Literal["as_written", "by_type"] = "as_written"
    group: str = ""
    above: dict[str, list[str]] = {}
    totals: Literal["check", "ignore"] = "check"
    decimal: DecimalSign | None = None
    date: DateOrder | None = None
    encoding: str = ""
    sheet: str = ""
    name: str = ""


class LedgerPreset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tables of one ERP; `documented` says where their headers are published."""

    name: str = ""
    title: str = ""
    documented: str = ""
    open_items: list[LedgerTable] = []
    customers: list[LedgerTable] = []

    def tables(self, kind: LedgerKind) -> list[LedgerTable]:
        """The tables of one kind."""
        tables = self.open_items if kind == "open_items" else self.customers
        return [msgspec.structs.replace(one, name=self.name) for one in tables]


class LedgerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller says on top: the preset, formats the values do not prove, and what no column
    says. `option` is how options are named in messages.
    """

    preset: LedgerPreset
    decimal: DecimalSign | None = None
    date: DateOrder | None = None
    currency: str = ""
    company_id: str = ""
    option: str = "--"


@functools.cache
def shipped_ledger_presets() -> dict[str, LedgerPreset]:
    """The presets that come with the parsers, by name."""
    text = resources.files("parsers").joinpath("ledger_presets.toml").read_text("utf-8")
    presets = msgspec.convert(tomllib.loads(text), dict[str, LedgerPreset])
    return {name: _checked(name, preset) for name, preset in presets.items()}


def read_ledger_preset(name: str, content: str | None = None) -> LedgerPreset:
    """The preset `name`, or the one in the TOML text `content`; raises `TableError`."""
    if content is None:
        shipped = shipped_ledger_presets()
        if name not in shipped:
            message = (
                f"{name!r} is no preset; expected one of {', '.join(shipped)}, or a TOML file with "
                f"[[open_items]] or [[customers]]"
            )
            raise TableError(message)
        return shipped[name]
    file = Path(name).name
    try:
        preset = msgspec.convert(tomllib.loads(content), LedgerPreset)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        message = f"{file}: {error}"
        raise TableError(message) from None
    return _checked(Path(name).stem, preset, file)


def _checked(name: str, preset: LedgerPreset, file: str = "") -> LedgerPreset:
    where = file or name
    for kind in ("open_items", "customers"):
        for table in getattr(preset, kind):
            _check_table(where, kind, table)
    if not preset.open_items and not preset.customers:
        message = f"{where}: has neither [[open_items]] nor [[customers]]"
        raise TableError(message)
    return msgspec.structs.replace(preset, name=name)


def _check_table(where: str, kind: str, table: LedgerTable) -> None:
    known = (*ROLES[kind], *PARTS)
    named = [
        *table.columns,
        *table.above,
        *table.id,
        *table.otherwise,
        *table.otherwise.values(),
        *table.values,
    ]
    for role in [*named, *([table.group] if table.group else [])]:
        if role not in known:
            message = f"{where}: {kind}: {role!r} is no column; expected one of {', '.join(known)}"
            raise TableError(message)
    if _ANCHORS[kind] not in table.columns:
        message = f"{where}: {kind}: columns.{_ANCHORS[kind]} is missing"
        raise TableError(message)
    owner: dict[str, str] = {}
    for role, headers in table.columns.items():
        for header in headers:
            other = owner.setdefault(normal_header(header), role)
            if other != role:
                message = (
                    f"{where}: {kind}: the header {header!r} stands for {other} and for {role}"
                )
                raise TableError(message)
