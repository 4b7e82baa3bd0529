"""Layouts of BAI lockbox files as data, and the choice of the one a file follows.

BAI lockbox is a family: the record types are shared, the columns are each bank's own. The tables
stand in `lockbox_layouts.toml`. Where our bank account does not name its layout, every layout is
tried on the file and the one whose control totals foot and whose fields make sense is taken.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LOCKBOX_LAYOUTS",
    "BatchHeaderLayout",
    "CheckLayout",
    "Columns",
    "EntryLayout",
    "FileTotalLayout",
    "LockboxLayout",
    "OverflowLayout",
    "TotalLayout",
    "choose_layout",
    "fixed_digits",
]

Columns = tuple[int, int]
"""0-based, half-open columns of a field."""

_PROBE_LINES_MAX: Final = 3_000
_FULL_SCORE: Final = 1000
_AMOUNT_WIDTH: Final = 10


class BatchHeaderLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record 5."""

    batch: Columns
    lockbox: Columns
    date: Columns


class CheckLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record 6: one check. Fields a bank does not send are None."""

    batch: Columns
    item: Columns
    amount: Columns
    routing: Columns
    account: Columns
    check_number: Columns
    check_date: Columns | None = None
    remitter: Columns | None = None


class EntryLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One invoice within a record 4."""

    document: Columns
    amount: Columns | None = None
    deduction: Columns | None = None
    reason: Columns | None = None


class OverflowLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record 4: what the check before it pays, as entries or as free text."""

    batch: Columns
    item: Columns
    sequence: Columns
    last_flag: Columns | None = None
    entries: tuple[EntryLayout, ...] = ()
    memo: Columns | None = None


class TotalLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records 7 and 8: how many checks of what sum."""

    lockbox: Columns
    date: Columns
    count: Columns
    total: Columns
    batch: Columns | None = None


class FileTotalLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Record 9: how many records."""

    count: Columns


class LockboxLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where every field of a lockbox file stands. `name` is filled from the table's key."""

    title: str
    batch_header: BatchHeaderLayout
    check: CheckLayout
    overflow: OverflowLayout
    batch_total: TotalLayout
    lockbox_total: TotalLayout
    file_total: FileTotalLayout
    name: str = ""


def _load() -> dict[str, LockboxLayout]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    tables = msgspec.convert(tomllib.loads(text), dict[str, LockboxLayout])
    return {name: msgspec.structs.replace(table, name=name) for name, table in tables.items()}


LOCKBOX_LAYOUTS: Final[dict[str, LockboxLayout]] = _load()
"""Name → layout, in the order of the table."""


def fixed_digits(line: str, columns: Columns) -> int | None:
    """The number in `columns`, padded with zeros or blanks, perhaps with a leading minus.

    0 where the field is blank, None where it is no number.
    """
    token = line[columns[0] : columns[1]].strip(" ")
    if token.isdecimal():
        return int(token)
    if not token:
        return 0
    digits = token[1:].strip(" ")
    if token[0] in "-+" and digits.isdecimal():
        return -int(digits) if token[0] == "-" else int(digits)
    return None


def choose_layout(lines: Sequence[str]) -> LockboxLayout:
    """The layout that explains `lines` best; the table's first where none stands out."""
    probe = lines[:_PROBE_LINES_MAX]
    scores = [_score(probe, layout) for layout in LOCKBOX_LAYOUTS.values()]
    return list(LOCKBOX_LAYOUTS.values())[scores.index(max(scores))]


def _score(lines: Sequence[str], layout: LockboxLayout) -> int:
    """How well `layout` explains `lines`: totals, then invoices, then plausible fields."""
    totals = [0, 0]
    batch_sum = box_sum = 0
    for line in lines:
        kind = line[:1]
        if kind == "6":
            batch_sum += fixed_digits(line, layout.check.amount) or 0
        elif kind == "7":
            totals[fixed_digits(line, layout.batch_total.total) == batch_sum] += 1
            box_sum += batch_sum
            batch_sum = 0
        elif kind == "8":
            totals[fixed_digits(line, layout.lockbox_total.total) == box_sum + batch_sum] += 1
            box_sum = batch_sum = 0
    plausible = _share(*_plausible(lines, layout))
    return 4 * _share(*totals) + 2 * _share(*_invoices(lines, layout)) + plausible


def _share(wrong: int, right: int) -> int:
    """`right` out of all, in thousandths; 0 where there is nothing to judge."""
    return _FULL_SCORE * right // (wrong + right) if wrong + right else 0


def _invoices(lines: Sequence[str], layout: LockboxLayout) -> list[int]:
    """Checks whose invoice amounts do not, and do, add up to them."""
    found = [0, 0]
    amount: int | None = None
    paid: int | None = None
    for line in [*lines, "9"]:
        if line[:1] != "4":
            if paid is not None:
                found[paid == amount] += 1
            amount, paid = fixed_digits(line, layout.check.amount), None
            continue
        for entry in layout.overflow.entries:
            if entry.amount is not None and line[entry.amount[0] : entry.amount[1]].strip(" 0"):
                paid = (paid or 0) + (fixed_digits(line, entry.amount) or 0)
    return found


def _plausible(lines: Sequence[str], layout: LockboxLayout) -> list[int]:
    """Fields that do not, and do, look like what the layout says they are."""
    found = [0, 0]
    overflow = layout.overflow
    for line in lines:
        if line[:1] == "6":
            check = layout.check
            for columns in (check.amount, check.routing, check.account, check.check_number):
                found[fixed_digits(line, columns) is not None] += 1
        elif line[:1] == "4":
            for entry in overflow.entries:
                for columns in filter(None, (entry.amount, entry.deduction)):
                    found[fixed_digits(line, columns) is not None] += 1
            if overflow.memo is not None:
                memo = line[overflow.memo[0] : overflow.memo[1]].rstrip(" ").split(" ")
                ends_in_amount = memo[-1].isdecimal() and len(memo[-1]) >= _AMOUNT_WIDTH
                found[not (ends_in_amount and len(memo) > 1)] += 1
    return found
