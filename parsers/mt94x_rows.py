"""Statement lines of a piece of the file, as columns: what each is, and the payments among them.

Nothing here needs to know the statement a line stands in: amounts stay in four decimal places until
the currency is known. So pieces can be read in any order, and at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa

from parsers.mt94x_codes import read_line_code
from parsers.mt94x_codewords import read_codewords
from parsers.mt94x_entry import EntryFields, EntryNote, read_entry
from parsers.mt94x_facts import TextFacts, is_iban, joined_lines, whole_reference
from parsers.mt94x_fields import (
    ENTRY,
    ENTRY_MORE,
    NUMBERED,
    NUMBERED_MORE,
    TEXT,
    TEXT_MORE,
    FieldTable,
    decode_lines,
)
from parsers.mt94x_text import read_line_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = [
    "CHECK_TYPES",
    "DEBIT",
    "EXPECTED",
    "LATIN_NOTE",
    "MARKS",
    "NO_DAY",
    "PAYMENT",
    "RETURN",
    "STRING_COLUMNS",
    "UNREADABLE",
    "ZERO",
    "LineRow",
    "RowColumns",
    "columns_of_rows",
    "is_special",
    "read_row",
]

MARKS: Final = ("C", "D", "RC", "RD", "EC", "ED", "")
"""Credit, debit, their reversals, expected ones; the empty mark is that of an unreadable line."""

PAYMENT, RETURN, DEBIT, EXPECTED, ZERO, UNREADABLE = range(6)
"""What a statement line is."""

NO_DAY: Final = np.iinfo(np.int32).min
"""In place of a day that is not known."""

LATIN_NOTE: Final = ("MT94-ENCODING", "text is no UTF-8 and read as Latin-1", "", "UTF-8")
"""About a line in another encoding."""

STRING_COLUMNS: Final = (
    "type_code",
    "method",
    "payer_name",
    "payer_account",
    "ultimate_payer_name",
    "bank_reference",
    "customer_reference",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "remittance_text",
    "original_reference",
    "exchange_rate",
)

CHECK_TYPES: Final = frozenset({"CHK", "TCK", "ECK"})
"""Types whose account owner's reference is the number of a check."""


class LineRow(msgspec.Struct):
    """A statement line read by itself; `strings` are those of `STRING_COLUMNS` by name.

    `creditor` is a structured creditor reference and its stated type; `has_text` tells of an `:86:`
    or `:NS:`.
    """

    kind: int = UNREADABLE
    mark: str = ""
    amount: int = 0
    places: int = 0
    value_days: int = NO_DAY
    booking_days: int = NO_DAY
    strings: dict[str, str] = {}
    is_receivable: bool = True
    is_sepa: bool = False
    has_text: bool = False
    dialect: str = "text"
    creditor: tuple[str, str] | None = None
    instructed: tuple[str, int] | None = None
    charges: tuple[str, int] | None = None
    notes: list[EntryNote] = []


class RowColumns(msgspec.Struct):
    """The statement lines of a piece.

    Arrays `kind`, `mark` (index in `MARKS`), `amount`, `places`, `has_text`, `line`, `offset` and
    `length` have one value per line; all others one per payment or return, whose lines are `money`.
    `special` are the payments that say more than columns hold, by their place in `money`. `notes`
    are diagnostics by line.
    """

    kind: NDArray[np.int64]
    mark: NDArray[np.int64]
    amount: NDArray[np.int64]
    places: NDArray[np.int64]
    has_text: NDArray[np.bool_]
    line: Offsets
    offset: Offsets
    length: Offsets
    money: Offsets
    value_days: NDArray[np.int64]
    booking_days: NDArray[np.int64]
    is_receivable: NDArray[np.bool_]
    is_sepa: NDArray[np.bool_]
    strings: dict[str, pa.Array]
    special: list[tuple[int, LineRow]]
    notes: list[tuple[int, EntryNote]]
    dialects: dict[str, int]


def columns_of_rows(table: FieldTable) -> RowColumns:
    """All statement lines of `table`, read one by one."""
    rows = [read_row(table, row) for row in range(len(table.entries))]
    kind = np.array([row.kind for row in rows], np.int64)
    money = np.flatnonzero((kind == PAYMENT) | (kind == RETURN))
    paid = [rows[at] for at in money.tolist()]
    dialects: dict[str, int] = {}
    for row in paid:
        dialects[row.dialect] = dialects.get(row.dialect, 0) + 1
    first = table.starts[table.entries]
    return RowColumns(
        kind=kind,
        mark=np.array([MARKS.index(row.mark) for row in rows], np.int64),
        amount=np.array([row.amount for row in rows], np.int64),
        places=np.array([row.places for row in rows], np.int64),
        has_text=np.array([row.has_text for row in rows], np.bool_),
        line=table.entries,
        offset=first,
        length=table.stops[table.ends - 1] - first,
        money=money,
        value_days=np.array([row.value_days for row in paid], np.int64),
        booking_days=np.array([row.booking_days for row in paid], np.int64),
        is_receivable=np.array([row.is_receivable for row in paid], np.bool_),
        is_sepa=np.array([row.is_sepa for row in paid], np.bool_),
        strings={
            name: pa.array([row.strings[name] for row in paid], pa.string())
            for name in STRING_COLUMNS
        },
        special=[(at, row) for at, row in enumerate(paid) if is_special(row)],
        notes=[(at, note) for at, row in enumerate(rows) for note in row.notes],
        dialects=dialects,
    )


def is_special(row: LineRow) -> bool:
    """Whether a payment says more than its columns hold."""
    return (row.creditor or row.instructed or row.charges) is not None


def read_row(table: FieldTable, row: int, orphan: str = "") -> LineRow:
    """The statement line of that index; `orphan` is text that stood before its `:61:`."""
    first, end = int(table.entries[row]), int(table.ends[row])
    begin = int(table.starts[first])
    lines, is_utf8 = decode_lines(table.content[begin : int(table.stops[end - 1])])
    entry_lines: list[str] = []
    fields: list[list[str]] = [orphan.split("\n")] if orphan else []
    numbered: list[str] = []
    for line, part in zip(lines, table.parts[first:end].tolist(), strict=True):
        if part == ENTRY:
            entry_lines.append(line[4:])
        elif part == ENTRY_MORE:
            entry_lines.append(line)
        elif part == TEXT:
            fields.append([line[4:]])
        elif part == TEXT_MORE:
            fields[-1].append(line)
        elif part == NUMBERED:
            numbered.append(line[4:])
        elif part == NUMBERED_MORE and line:
            numbered.append(line)
    found = _read_lines(entry_lines, fields, numbered)
    if not is_utf8:
        found.notes.append(LATIN_NOTE)
    return found


def _read_lines(entry_lines: list[str], fields: list[list[str]], numbered: list[str]) -> LineRow:
    entry = read_entry(entry_lines)
    found = LineRow(has_text=bool(fields or numbered), strings={}, notes=[])
    if entry is None:
        sentence = f"{entry_lines[0]!r} is no statement line"
        expected = "date, C or D, amount, type, reference"
        found.notes.append(("MT94-ENTRY", sentence, entry_lines[0], expected))
        return found
    found.notes.extend(entry.notes)
    if entry.amount is None:
        sentence = f"the amount of {entry_lines[0]!r} cannot be read, or is too large"
        expected = "digits and one comma"
        found.notes.append(("MT94-AMOUNT", sentence, entry_lines[0], expected))
        return found
    text = read_line_text(fields, numbered, entry.reference)
    found.mark, found.amount, found.places = entry.mark, entry.amount, entry.places
    found.dialect = text.dialect
    _judge(found, entry, text)
    if found.kind in {PAYMENT, RETURN}:
        _fill(found, entry, text)
    return found


def _judge(found: LineRow, entry: EntryFields, text: TextFacts) -> None:
    """What the line is.

    A reversed credit is money that went back; so is a debit whose codes say so. A reversed debit,
    or a credit that undoes one, is money in that no customer pays with.
    """
    code = read_line_code(entry.swift_type, text.gvc)
    mark = entry.mark
    undone = mark == "RD"
    if mark[0] == "E":
        found.kind = EXPECTED
    elif mark in {"C", "RD"}:
        found.kind = PAYMENT
        undone = undone or code.undoes_debit or text.has_return
    elif mark == "RC" or code.undoes_credit or text.has_return:
        found.kind = RETURN
    else:
        found.kind = DEBIT
    if found.kind in {PAYMENT, RETURN} and not found.amount:
        found.kind = ZERO
    found.is_receivable = code.is_receivable and not undone


def _fill(found: LineRow, entry: EntryFields, text: TextFacts) -> None:
    """The columns of a payment or a return."""
    code = read_line_code(entry.swift_type, text.gvc)
    found.value_days = NO_DAY if entry.value_days is None else entry.value_days
    found.booking_days = NO_DAY if entry.booking_days is None else entry.booking_days
    found.is_sepa = text.is_sepa
    details = read_codewords("".join(entry.further)) if entry.further else TextFacts()
    found.instructed = text.instructed or details.instructed
    found.charges = text.charges or details.charges
    whole = whole_reference(text.text)
    found.creditor = text.creditor or ((whole, "") if whole else None)
    customer = entry.reference or text.customer_reference
    name, account = text.payer_name or entry.name, text.payer_account
    if account and customer == account:
        customer = text.customer_reference
    further = list(entry.further)
    if further and not account and is_iban(further[0]):
        account = further.pop(0)
    written = text.text
    if not found.has_text:
        written = joined_lines(further)
    original = ""
    if found.kind == RETURN:
        written = joined_lines([written, text.return_reason])
        original = text.original_reference or text.end_to_end_id or customer or entry.bank_reference
    is_check = entry.swift_type[1:] in CHECK_TYPES and entry.reference.isdigit()
    found.strings = {
        "type_code": code.type_code,
        "method": text.method or code.method,
        "payer_name": name,
        "payer_account": account,
        "ultimate_payer_name": text.ultimate_payer_name,
        "bank_reference": entry.bank_reference,
        "customer_reference": customer,
        "end_to_end_id": text.end_to_end_id,
        "check_number": entry.reference if is_check else "",
        "trace_number": text.trace_number,
        "uetr": text.uetr,
        "remittance_text": written,
        "original_reference": original,
        "exchange_rate": text.exchange_rate or details.exchange_rate,
    }
