"""Ordinary statement lines as columns: dates, amounts, types and references of all lines at once.

What is unusual about a line in any way is read by itself (`mt94x_rows`); both ways give the same.
Texts are cut by `mt94x_text_columns`.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.byte_slices import ByteText
from parsers.mt94x_codes import read_line_code
from parsers.mt94x_entry import read_days
from parsers.mt94x_fields import rows_of
from parsers.mt94x_letters import readable_table
from parsers.mt94x_rows import (
    CHECK_TYPES,
    DEBIT,
    LATIN_NOTE,
    MARKS,
    PAYMENT,
    RETURN,
    STRING_COLUMNS,
    ZERO,
    LineRow,
    RowColumns,
    is_special,
    read_row,
)
from parsers.mt94x_strings import (
    are_placeholders,
    either_string,
    empty_strings,
    is_empty,
    letters_table,
    word_of,
)
from parsers.mt94x_text_columns import DIALECTS, TextColumns, TextLines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.mt94x_codes import LineCode
    from parsers.mt94x_entry import EntryNote
    from parsers.mt94x_fields import FieldTable

__all__ = ["read_columns"]

_PADDING: Final = b" " * 64
_WHOLE_DIGITS: Final = 11
_ANY_DATE: Final = 10_101
_SUPPLEMENTS: Final = ("/OCMT", "/EXCH", "/CHGS", "/RTRN")
_WIDTH_OF_REFERENCE: Final = 16
_FAST_MARKS: Final = {"C": PAYMENT, "RD": PAYMENT, "D": DEBIT}
_KIND_OF_MARK: Final = np.array([_FAST_MARKS.get(mark, RETURN) for mark in MARKS], np.int64)
_LETTERS: Final = letters_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TYPE_LETTERS: Final = letters_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_TYPE_FIRST: Final = letters_table(b"NSF")
_TYPE_WIDTH, _CODE_WIDTH = 4, 3


class _Entries(msgspec.Struct):
    """All `:61:` of a piece; `good` are those without anything unusual."""

    good: NDArray[np.bool_]
    mark: NDArray[np.int64]
    amount: NDArray[np.int64]
    places: NDArray[np.int64]
    value_days: NDArray[np.int64]
    booking_days: NDArray[np.int64]
    types: Offsets
    reference: tuple[Offsets, Offsets]
    bank: tuple[Offsets, Offsets]


def read_columns(table: FieldTable) -> RowColumns:
    """All statement lines of `table`: the ordinary ones at once, the others one by one."""
    readable = readable_table(table)
    text = ByteText(readable.table.content + _PADDING)
    entries = _cut_entries(text, readable.table)
    texts = TextLines(text, readable.table)
    good = readable.good & entries.good & texts.good
    good[_rows_with_supplements(text, readable.table)] = False
    types, code = _types(text, entries, texts)
    codes = [read_line_code(one[:4], one[4:].strip()) for one in types]
    undoes = np.array([one.undoes_credit for one in codes], np.bool_)[code]
    kind = _KIND_OF_MARK[entries.mark]
    good &= (kind != RETURN) & ~((kind == DEBIT) & undoes)
    kind[(kind == PAYMENT) & (entries.amount == 0)] = ZERO
    ordinary = np.flatnonzero(good & (kind == PAYMENT))
    cut = texts.read(ordinary)
    good[ordinary[cut.slow]] = False
    slow = {at: read_row(table, at) for at in np.flatnonzero(~good).tolist()}
    fast = np.flatnonzero(~cut.slow)
    columns = cut.columns
    if len(fast) < len(ordinary):
        columns = {name: column.take(pa.array(fast)) for name, column in columns.items()}
    ordinary = ordinary[fast]
    code = code[ordinary]
    strings = _strings(text, entries, columns, ordinary)
    strings |= _codes_of(types, codes, code, columns, strings)
    undone = entries.mark[ordinary] == MARKS.index("RD")
    undone |= np.array([one.undoes_debit for one in codes], np.bool_)[code]
    receivable = np.array([one.is_receivable for one in codes], np.bool_)[code] & ~undone
    found = RowColumns(
        kind=kind,
        mark=entries.mark,
        amount=entries.amount,
        places=entries.places,
        has_text=texts.has_text,
        line=table.entries,
        offset=table.starts[table.entries],
        length=table.stops[table.ends - 1] - table.starts[table.entries],
        money=ordinary,
        value_days=entries.value_days[ordinary],
        booking_days=entries.booking_days[ordinary],
        is_receivable=receivable,
        is_sepa=cut.is_sepa[fast],
        strings=strings,
        special=[],
        notes=_notes(good & readable.is_latin),
        dialects=_counted(cut, fast),
    )
    return _with_slow(found, slow)


def _notes(is_latin: NDArray[np.bool_]) -> list[tuple[int, EntryNote]]:
    """What is to say about ordinary lines: of the encoding once."""
    return [(int(row), LATIN_NOTE) for row in np.flatnonzero(is_latin)[:1]]


def _counted(cut: TextColumns, fast: Offsets) -> dict[str, int]:
    """Payments by the way their text is structured."""
    counted = np.bincount(cut.dialect[fast], minlength=len(DIALECTS)).tolist()
    return {name: rows for name, rows in zip(DIALECTS, counted, strict=True) if rows}


def _with_slow(found: RowColumns, slow: dict[int, LineRow]) -> RowColumns:
    """Put the lines read one by one in their places."""
    for at, row in slow.items():
        found.kind[at] = row.kind
        found.mark[at] = MARKS.index(row.mark)
        found.amount[at] = row.amount
        found.places[at] = row.places
        found.has_text[at] = row.has_text
        found.notes.extend((at, note) for note in row.notes)
    found.notes.sort(key=itemgetter(0))
    paid = {at: row for at, row in slow.items() if row.kind in {PAYMENT, RETURN}}
    if not paid:
        return found
    lines = np.concatenate([found.money, np.array(list(paid), np.int64)])
    order = np.argsort(lines, kind="stable")
    take = pa.array(order)
    rows = list(paid.values())
    for name in STRING_COLUMNS:
        more = pa.array([row.strings[name] for row in rows], pa.string())
        found.strings[name] = pa.concat_arrays([found.strings[name], more]).take(take)
    for name in ("value_days", "booking_days", "is_receivable", "is_sepa"):
        values = getattr(found, name)
        more_values = np.array([getattr(row, name) for row in rows], values.dtype)
        setattr(found, name, np.concatenate([values, more_values])[order])
    found.money = lines[order]
    places = np.searchsorted(found.money, np.array(list(paid), np.int64)).tolist()
    found.special = [(at, row) for at, row in zip(places, rows, strict=True) if is_special(row)]
    for row in rows:
        found.dialects[row.dialect] = found.dialects.get(row.dialect, 0) + 1
    return found


def _rows_with_supplements(text: ByteText, table: FieldTable) -> Offsets:
    """The statement lines that name amounts or returns in codewords."""
    slashes = text.positions(b"/")
    words = text.words(slashes) & np.uint64((1 << 8 * len(_SUPPLEMENTS[0])) - 1)
    found = np.zeros(len(slashes), np.bool_)
    for name in _SUPPLEMENTS:
        found |= words == word_of(name)
    return rows_of(table, slashes[found])


def _digit(text: ByteText, at: Offsets) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    value = text.at(at) - np.uint8(ord("0"))
    return value, value <= 9


def _cut_entries(text: ByteText, table: FieldTable) -> _Entries:
    """The parts of every `:61:`."""
    start = table.starts[table.entries] + 4
    stop = table.stops[table.entries]
    value_date, good = text.numbers(start, start + 6, 6)
    entry_date, has_entry = text.numbers(start + 6, start + 10, 4)
    is_blank = text.words(start + 6) & np.uint64(0xFFFFFFFF) == word_of(" " * 4)
    at = start + 6 + 4 * (has_entry | is_blank)
    letter = text.at(at)
    reverses = letter == ord("R")
    if reverses.any():
        at = at + reverses
        letter = text.at(at)
    is_credit = letter == ord("C")
    good &= is_credit | (letter == ord("D"))
    mark = np.where(is_credit, 0, 1) + 2 * reverses
    at = at + 1
    at += _LETTERS[text.at(at)]
    amount, places, types, is_amount = _cut_amounts(text, at)
    good &= is_amount & _TYPE_FIRST[text.at(types)]
    for place in range(1, _TYPE_WIDTH):
        good &= _TYPE_LETTERS[text.at(types + place)]
    at = types + _TYPE_WIDTH
    good &= at <= stop
    slashes = text.positions(b"/")
    slash = slashes[text.next_index(b"/", np.minimum(at, stop))]
    has_bank = (slash + 1 < stop) & (text.at(np.minimum(slash + 1, stop)) == ord("/"))
    good &= has_bank | ((slash >= stop) & (stop - at <= _WIDTH_OF_REFERENCE))
    slash = np.where(has_bank, slash, stop)
    value_days, is_value = _days(np.where(good, value_date, _ANY_DATE))
    good &= is_value
    booking_days = value_days.copy()
    dated = np.flatnonzero(good & has_entry)
    if len(dated):
        year = value_date[dated] // 10_000
        found, is_entry = _entry_days(year * 10_000 + entry_date[dated], value_days[dated])
        booking_days[dated] = found
        good[dated] &= is_entry
    return _Entries(
        good=good,
        mark=np.where(good, mark, 0).astype(np.int64),
        amount=np.where(good, amount, 0),
        places=np.where(good, places, 0),
        value_days=value_days,
        booking_days=booking_days,
        types=types,
        reference=(np.minimum(at, slash), slash),
        bank=(np.minimum(slash + 2, stop), stop),
    )


def _cut_amounts(
    text: ByteText, at: Offsets
) -> tuple[NDArray[np.int64], NDArray[np.int64], Offsets, NDArray[np.bool_]]:
    """Amounts of digits, a comma and up to two digits: value, places, what follows, and whether."""
    whole = np.zeros(len(at), np.int64)
    begin = at
    goes_on = np.ones(len(at), np.bool_)
    for _ in range(_WHOLE_DIGITS):
        value, is_digit = _digit(text, at)
        goes_on &= is_digit
        whole = np.where(goes_on, whole * 10 + value, whole)
        at = at + goes_on
    good = (at > begin) & (text.at(at) == ord(","))
    at = at + 1
    tens, has_tens = _digit(text, at)
    ones, has_ones = _digit(text, at + 1)
    has_ones &= has_tens
    cents = np.where(has_tens, tens, 0) * np.int64(10) + np.where(has_ones, ones, 0)
    places = np.where(cents > 0, 2 - (cents % 10 == 0), 0)
    return whole * 10_000 + cents * 100, places, at + has_tens + has_ones, good


def _days(dates: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days of YYMMDD, each distinct date read once, and whether there is nothing odd about it."""
    encoded = pa.array(dates).dictionary_encode()
    found = [read_days(f"{one:06}") for one in encoded.dictionary.to_pylist()]
    index = encoded.indices.to_numpy(zero_copy_only=False)
    days = np.array([days or 0 for days, _ in found], np.int64)
    fine = np.array([days is not None and not odd for days, odd in found], np.bool_)
    return days[index], fine[index]


def _entry_days(
    dates: NDArray[np.int64], value_days: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days of MMDD in the year next to the value date; years at its ends are left to one by one."""
    found, fine = _days(dates)
    near = np.abs(found - value_days) < 180
    return found, fine & near


def _types(
    text: ByteText, entries: _Entries, texts: TextLines
) -> tuple[list[str], NDArray[np.int64]]:
    """Distinct types of SWIFT with business codes, in seven characters; and which each line has."""
    letters = text.words(entries.types) & np.uint64(0xFFFFFFFF)
    coded = np.flatnonzero(texts.is_coded)
    codes = text.words(texts.first[coded]) & np.uint64(0xFFFFFF)
    letters[coded] |= codes << np.uint64(8 * _TYPE_WIDTH)
    letters[~entries.good] = word_of(" " * _TYPE_WIDTH)
    encoded = pa.array(letters).dictionary_encode()
    width = _TYPE_WIDTH + _CODE_WIDTH
    names = [
        one.to_bytes(width, "little").rstrip(b"\0").decode().ljust(width)
        for one in encoded.dictionary.to_pylist()
    ]
    return names, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _strings(
    text: ByteText,
    entries: _Entries,
    facts: dict[str, pa.Array],
    rows: Offsets,
) -> dict[str, pa.Array]:
    """The text columns of ordinary payments."""
    empty = empty_strings(len(rows))
    reference = _reference(text, entries.reference, rows)
    account = facts.get("payer_account", empty)
    further = facts.get("customer_reference", empty)
    customer = either_string(reference, further)
    if not is_empty(account) and not is_empty(customer):
        is_account = pc.and_(pc.not_equal(account, ""), pc.equal(customer, account))
        if pc.any(is_account).as_py():
            customer = pc.if_else(is_account, further, customer)
    return dict.fromkeys(STRING_COLUMNS, empty) | {
        "payer_name": facts.get("payer_name", empty),
        "payer_account": account,
        "ultimate_payer_name": facts.get("ultimate_payer_name", empty),
        "bank_reference": _reference(text, entries.bank, rows),
        "customer_reference": customer,
        "end_to_end_id": facts.get("end_to_end_id", empty),
        "uetr": facts.get("uetr", empty),
        "check_number": reference,
        "remittance_text": facts.get("text", empty),
    }


def _codes_of(
    types: list[str],
    codes: list[LineCode],
    code: NDArray[np.int64],
    facts: dict[str, pa.Array],
    strings: dict[str, pa.Array],
) -> dict[str, pa.Array]:
    """What follows from the type and the code of each line."""
    number = pa.array(code)
    methods = pa.array([one.method for one in codes], pa.string()).take(number)
    checks = empty_strings(len(code))
    is_check = np.array([one[1:_TYPE_WIDTH] in CHECK_TYPES for one in types], np.bool_)[code]
    if is_check.any():
        reference = strings["check_number"]
        is_number = pc.match_substring_regex(reference, "^[0-9]+$")
        checks = pc.if_else(pc.and_(pa.array(is_check), is_number), reference, "")
    return {
        "check_number": checks,
        "method": either_string(facts["method"], methods) if "method" in facts else methods,
        "type_code": pa.array([one.type_code for one in codes], pa.string()).take(number),
    }


def _reference(text: ByteText, ranges: tuple[Offsets, Offsets], rows: Offsets) -> pa.Array:
    """References without blanks around them, placeholders left out."""
    starts, stops = text.trimmed(ranges[0][rows], ranges[1][rows])
    is_none = are_placeholders(text.words, starts, stops)
    return text.strings(starts, np.where(is_none, starts, stops) if is_none.any() else stops)
