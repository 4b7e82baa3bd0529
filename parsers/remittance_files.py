"""Remittance advice as payers send it: any separator, spreadsheet, headers by preset.

A table whose columns are those of the contract is read by `parsers.tables`, with its rules; every
other text table or spreadsheet goes through a preset. What was understood is told beside the lines.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.batches import ADVICE_SCALE, AdviceBatch
from parsers.errors import TableError
from parsers.remittance_lines import Lines, read_lines
from parsers.remittance_presets import Settings, shipped_presets
from parsers.remittance_tables import SPREADSHEETS, TEXTS, Wanted, find_table
from parsers.table_files import TableContent
from parsers.table_identity import with_origin
from parsers.tables import read_advices
from parsers.value_formats import amount_of, scaled_text

if TYPE_CHECKING:
    from parsers.remittance_presets import Preset
    from parsers.remittance_tables import FoundTable

__all__ = ["ColumnUse", "RemittanceFile", "read_remittance_file"]

_WANTED: Final = Wanted(anchor="reference", what="a remittance table", option="--remittance-preset")
_KEYS: Final = (
    *("payment_reference", "trace_number", "check_number", "end_to_end_id", "uetr"),
    "payer_name",
)
"""What tells the advices of a table without ids apart, and names them: the first that is given."""


class ColumnUse(msgspec.Struct, frozen=True):
    """A column of the file: what it is taken for (nothing where empty), in which format."""

    header: str
    role: str
    format: str = ""


class RemittanceFile(msgspec.Struct, frozen=True, kw_only=True):
    """The advice of one file, and how it was read.

    `preset` is empty for a table of the contract; `counted_rows` are rows that are no lines, by
    what they are (`preamble`, `header`, `total`, `text`), and `unbalanced`: lines whose gross,
    discount and deduction do not give their amount.
    """

    advices: AdviceBatch
    preset: str = ""
    source: str = ""
    header_place: str = ""
    columns: tuple[ColumnUse, ...] = ()
    counted_rows: dict[str, int] = {}


def read_remittance_file(
    name: str, content: bytes, settings: Settings | None = None
) -> RemittanceFile:
    """Read `content`; `name` tells the kind by its extension. Raises `TableError`."""
    settings = settings or Settings()
    suffix = Path(name).suffix.lower()
    if suffix not in (*TEXTS, *SPREADSHEETS) or (
        settings.preset is None and suffix == ".csv" and _is_of_contract(content)
    ):
        return RemittanceFile(advices=read_advices(TableContent(name, content)))
    presets = [settings.preset] if settings.preset else list(shipped_presets().values())
    table = find_table(name, content, presets, _WANTED)
    lines = read_lines(table, settings)
    counted = dict(lines.counted_rows)
    unbalanced = _settle_signs(lines)
    if unbalanced:
        counted["unbalanced"] = unbalanced
    _check_control(table, lines)
    roles = {position: role for role, position in table.columns.items()}
    return RemittanceFile(
        advices=_advices(table, lines),
        preset=table.preset.name,
        source=table.source,
        header_place=table.place(table.header),
        columns=tuple(
            ColumnUse(title, roles.get(at, ""), lines.formats.get(roles.get(at, ""), ""))
            for at, title in enumerate(table.titles)
            if title
        ),
        counted_rows=counted,
    )


def _is_of_contract(content: bytes) -> bool:
    """Whether the first line names the contract's own columns, separated by commas."""
    line = content.lstrip(b"\xef\xbb\xbf\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    try:
        header = [column.strip() for column in next(csv.reader([line.rstrip("\r")]), [])]
    except csv.Error:
        return False
    return "remittance_id" in header or (
        "reference" in header and any("_" in column for column in header)
    )


def _settle_signs(lines: Lines) -> int:
    """Make discounts and deductions positive where the payer writes what is withheld as negative.

    Where gross and paid amounts are there they decide, else the whole column: all negative means
    withheld. A missing paid amount is worked out. Gives the number of lines that do not foot.
    """
    amounts = lines.amounts
    for role in ("discount_amount", "deduction_amount"):
        known = [value for value in amounts[role] if value]
        if known and max(known) < 0:
            amounts[role] = [None if value is None else -value for value in amounts[role]]
    unbalanced = 0
    for line, gross in enumerate(amounts["gross_amount"]):
        if gross is None:
            continue
        less = (amounts["discount_amount"][line] or 0) + (amounts["deduction_amount"][line] or 0)
        paid = amounts["amount"][line]
        if paid is None:
            amounts["amount"][line] = gross - less
        else:
            unbalanced += paid != gross - less
    return unbalanced


def _check_control(table: FoundTable[Preset], lines: Lines) -> None:
    """The declared sum of all payments is that of the lines; raises `TableError`."""
    control = table.preset.control
    if control is None:
        return
    _, cells = table.rows[control.row - 1] if control.row - 1 < table.header else (0, [])
    cell = cells[control.field - 1] if control.field <= len(cells) else ""
    paid: dict[tuple[Any, ...], int] = {}
    for line, total in enumerate(lines.amounts["payment_amount"]):
        key = tuple(lines.texts[role][line] for role in _KEYS)
        paid[key] = total if total is not None else paid.get(key, 0)
        if total is None:
            paid[key] += lines.amounts["amount"][line] or 0
    computed = sum(paid.values())
    declared = {
        cell if isinstance(cell, Decimal) else amount_of(str(cell), sign) for sign in (".", ",")
    } - {None}
    if not any(one is not None and one.scaleb(ADVICE_SCALE) == computed for one in declared):
        message = (
            f"{table.name}: {table.place(0)}: {str(cell)!r} is declared as the sum of all "
            f"payments, the lines give {scaled_text(computed)}; ask for the complete file"
        )
        raise TableError(message)


def _advices(table: FoundTable[Preset], lines: Lines) -> AdviceBatch:
    texts, amounts = lines.texts, lines.amounts
    count = len(lines.rows)
    names, numbers = _named(table, lines)
    counter: dict[tuple[str, int], int] = {}
    line_numbers = []
    for key in zip(names, numbers, strict=True):
        counter[key] = counter.get(key, 0) + 1
        line_numbers.append(counter[key])
    keys = ("payment_reference", "trace_number", "uetr", "end_to_end_id", "check_number")
    batch = AdviceBatch.from_columns(
        {name: texts[name] for name in (*keys, "payer_name", "deduction_reason", "currency")}
        | {
            "remittance_id": names,
            "advice_number": numbers,
            "line_number": line_numbers,
            "reference": texts["reference"],
            "payment_amount_minor": amounts["payment_amount"],
            "payment_date": lines.dates,
            "amount_minor": amounts["amount"],
            "discount_minor": [value or 0 for value in amounts["discount_amount"]],
            "deduction_minor": [value or 0 for value in amounts["deduction_amount"]],
        },
        count,
    )
    return with_origin(batch, {"source_file": table.name})


def _named(table: FoundTable[Preset], lines: Lines) -> tuple[list[str], list[int]]:
    """Id and number of each line's advice; a line that names no payment goes on with the last.

    Without ids in the file the keys of the payment tell advices apart and the first of them names
    it; the number, by the order of the keys, keeps apart what shares that name.
    """
    keys: list[tuple[str, ...]] = []
    own = [lines.texts["remittance_id"], *(lines.texts[role] for role in _KEYS)]
    for key in zip(*own, strict=True):
        keys.append(key if any(key) or not keys else keys[-1])
    if all(key[0] for key in keys):
        return [key[0] for key in keys], [0] * len(keys)
    number = {key: at for at, key in enumerate(sorted(set(keys)), 1)}
    stem = Path(table.name).stem
    names = [next((part for part in key if part), stem) for key in keys]
    return names, [number[key] for key in keys]
