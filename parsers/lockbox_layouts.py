"""Layouts of BAI lockbox files as data: which record is which, and which columns hold what.

BAI lockbox is a family: the kinds of records are shared, the columns are each bank's own. A layout
says how a record of a kind is told (its marks), where its fields stand, how dates are written and
how many decimals amounts imply. The tables that ship stand in `lockbox_layouts.toml`; own ones are
read the same way (`parsers.lockbox_layout_files`).
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "RECORD_KINDS",
    "BatchHeaderLayout",
    "CheckLayout",
    "Columns",
    "DateField",
    "EntryLayout",
    "FileTotalLayout",
    "LockboxLayout",
    "Mark",
    "OverflowLayout",
    "RecordLayout",
    "TotalLayout",
]

Columns = tuple[int, int]
"""0-based, half-open columns of a field."""

RECORD_KINDS: Final = (
    "check",
    "overflow",
    "batch_header",
    "batch_total",
    "lockbox_header",
    "lockbox_total",
    "file_total",
    "information",
)
"""Kinds of records of a layout."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Text in certain columns by which a record is told."""

    columns: Columns
    text: str


class DateField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A date, written as `mask` says: YY or YYYY, MM or MON, DD, anything else as it stands."""

    columns: Columns
    mask: str


class RecordLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record of which nothing is read; the others add their fields."""

    marks: tuple[Mark, ...]


def _marked(digit: str) -> tuple[Mark, ...]:
    return (Mark((0, 1), digit),)


class BatchHeaderLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Opens a batch of one lockbox and deposit date: record 5."""

    lockbox: Columns
    batch: Columns | None = None
    date: DateField | None = None
    currency: Columns | None = None
    marks: tuple[Mark, ...] = _marked("5")


class EntryLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One invoice within a record, or a part of one whose other parts share its `group`."""

    document: Columns | None = None
    amount: Columns | None = None
    discount: Columns | None = None
    deduction: Columns | None = None
    reason: Columns | None = None


class CheckLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One check: record 6. Fields a bank does not send are left out."""

    amount: Columns
    batch: Columns | None = None
    item: Columns | None = None
    lockbox: Columns | None = None
    date: DateField | None = None
    routing: Columns | None = None
    account: Columns | None = None
    check_number: Columns | None = None
    check_date: DateField | None = None
    currency: Columns | None = None
    customer_number: Columns | None = None
    remitter: Columns | None = None
    entries: tuple[EntryLayout, ...] = ()
    marks: tuple[Mark, ...] = _marked("6")


class OverflowLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More about the check before it: what it pays, as entries or as free text, and who paid.

    Records of one check with the same `group` describe one invoice between them.
    """

    batch: Columns | None = None
    item: Columns | None = None
    sequence: Columns | None = None
    last_flag: Columns | None = None
    group: Columns | None = None
    entries: tuple[EntryLayout, ...] = ()
    memo: Columns | None = None
    account: Columns | None = None
    customer_number: Columns | None = None
    remitter: Columns | None = None
    marks: tuple[Mark, ...] = _marked("4")


class TotalLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many checks of what sum: records 7 and 8, or a header that declares them beforehand."""

    marks: tuple[Mark, ...]
    count: Columns
    total: Columns
    lockbox: Columns | None = None
    batch: Columns | None = None
    date: DateField | None = None


class FileTotalLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many records, perhaps of what sum: record 9."""

    count: Columns
    total: Columns | None = None
    marks: tuple[Mark, ...] = _marked("9")


class LockboxLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lockbox file of one bank. `name` is filled from the table's key.

    `width` is the usual length of a record; `decimals` are implied in every amount, as many as the
    currency has where it is absent.
    """

    title: str
    width: int
    check: CheckLayout
    overflow: tuple[OverflowLayout, ...] = ()
    batch_header: BatchHeaderLayout | None = None
    batch_total: TotalLayout | None = None
    lockbox_header: TotalLayout | None = None
    lockbox_total: TotalLayout | None = None
    file_total: FileTotalLayout | None = None
    information: tuple[RecordLayout, ...] = (
        RecordLayout(_marked("1")),
        RecordLayout(_marked("2")),
    )
    decimals: int | None = None
    name: str = ""

    def kinds(self) -> list[tuple[str, RecordTable]]:
        """(kind, record) of every record the layout knows."""
        single = ("batch_header", "batch_total", "lockbox_header", "lockbox_total", "file_total")
        found: list[tuple[str, RecordTable]] = [("check", self.check)]
        found += [("overflow", record) for record in self.overflow]
        for kind in single:
            record = getattr(self, kind)
            if record is not None:
                found.append((kind, record))
        return found + [("information", record) for record in self.information]


RecordTable = (
    CheckLayout | OverflowLayout | BatchHeaderLayout | TotalLayout | FileTotalLayout | RecordLayout
)
"""The layout of a record of any kind."""
