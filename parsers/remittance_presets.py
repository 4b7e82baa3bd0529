"""How payers head their columns: presets as data, read from TOML (`remittance_presets.toml`).

An own preset is a TOML file with `columns` and, where its file needs them, the settings of
`Preset`; `Settings` are what a caller says on top of any preset.
"""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Final, Literal

import msgspec

from parsers.errors import TableError

__all__ = [
    "LINE_ROLES",
    "MONEY_ROLES",
    "PAYMENT_ROLES",
    "Control",
    "DateOrder",
    "DecimalSign",
    "Preset",
    "Settings",
    "months",
    "normal_header",
    "read_preset",
    "shipped_presets",
    "total_words",
]

DecimalSign = Literal[".", ","]
DateOrder = Literal["DMY", "MDY", "YMD"]

PAYMENT_ROLES: Final = (
    *("remittance_id", "payment_reference", "trace_number", "uetr", "end_to_end_id"),
    *("check_number", "payer_name", "payment_amount", "payment_date", "currency"),
)
"""What a column may say about the payment; the same for all lines of one advice."""

LINE_ROLES: Final = (
    *("reference", "amount", "gross_amount", "discount_amount", "deduction_amount"),
    "deduction_reason",
)
"""What a column may say about a line. Without `amount` it is gross less discount and deduction."""

MONEY_ROLES: Final = (
    *("amount", "gross_amount", "discount_amount", "deduction_amount", "payment_amount"),
)
"""Columns of amounts."""


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a file declares the sum of its payments: row and field above the header, from 1."""

    row: int
    field: int


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headers of each role (`PAYMENT_ROLES`, `LINE_ROLES`), and how values are written.

    `require` headers have to be there; `decimal` and `date` are needed only where the values do not
    prove them; `totals` rows are checked unless they are to be ignored.
    """

    columns: dict[str, list[str]]
    name: str = ""
    title: str = ""
    documented: str = ""
    require: list[str] = []
    decimal: DecimalSign | None = None
    date: DateOrder | None = None
    totals: Literal["check", "ignore"] = "check"
    encoding: str = ""
    sheet: str = ""
    control: Control | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller says: which preset, and the formats the values do not prove."""

    preset: Preset | None = None
    decimal: DecimalSign | None = None
    date: DateOrder | None = None


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    words: dict[str, list[str]]
    months: dict[str, list[str]]
    presets: dict[str, Preset]


def normal_header(text: str) -> str:
    """`text` without case, accents, punctuation and blanks: `Invoice No.` is `invoice no`."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    words = "".join(
        char if char.isalnum() else " " for char in folded if not unicodedata.combining(char)
    )
    return " ".join(words.split()) or ("#" if "#" in text else "")


@functools.cache
def _table() -> _Table:
    text = resources.files("parsers").joinpath("remittance_presets.toml").read_text("utf-8")
    table = msgspec.convert(tomllib.loads(text), _Table)
    for name, preset in table.presets.items():
        _check_roles(name, preset)
    return table


@functools.cache
def shipped_presets() -> dict[str, Preset]:
    """The presets that come with the parsers, by name, in the order they are tried."""
    return {
        name: msgspec.structs.replace(preset, name=name)
        for name, preset in _table().presets.items()
    }


@functools.cache
def total_words() -> frozenset[str]:
    """What the first cell of a row of totals says, as `normal_header`."""
    return frozenset(normal_header(word) for word in _table().words["total"])


@functools.cache
def months() -> dict[str, int]:
    """Names of months in several languages, as `normal_header`, and their numbers."""
    return {
        normal_header(word): int(number)
        for number, words in _table().months.items()
        for word in words
    }


def read_preset(name: str, content: str | None = None) -> Preset:
    """The preset `name`, or the one in the TOML text `content`; raises `TableError`."""
    if content is None:
        shipped = shipped_presets()
        if name not in shipped:
            message = (
                f"{name!r} is no preset; expected one of {', '.join(shipped)}, "
                f"or a TOML file with a table of columns"
            )
            raise TableError(message)
        return shipped[name]
    file = Path(name).name
    try:
        preset = msgspec.convert(tomllib.loads(content), Preset)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        message = f"{file}: {error}"
        raise TableError(message) from None
    _check_roles(file, preset)
    return msgspec.structs.replace(preset, name=Path(name).stem)


def _check_roles(name: str, preset: Preset) -> None:
    known = (*PAYMENT_ROLES, *LINE_ROLES)
    for role in preset.columns:
        if role not in known:
            message = f"{name}: columns.{role} is no column; expected one of {', '.join(known)}"
            raise TableError(message)
    if "reference" not in preset.columns:
        message = f"{name}: columns.reference is missing: which column names the documents?"
        raise TableError(message)
    owner: dict[str, str] = {}
    for role, headers in preset.columns.items():
        for header in headers:
            other = owner.setdefault(normal_header(header), role)
            if other != role:
                message = f"{name}: the header {header!r} stands for {other} and for {role}"
                raise TableError(message)
