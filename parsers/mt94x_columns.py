"""Ordinary statement lines as columns: dates, amounts, types and references of all lines at once.

What is unusual about a line in any way is read by itself (`mt94x_rows`); both ways give the same.
Texts are cut by `mt94x_text_columns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.byte_slices import ByteText
from parsers.mt94x_codes import read_line_code
from parsers.mt94x_dialects import PLACEHOLDERS
from parsers.mt94x_entry import read_days
from parsers.mt94x_rows import (
    CHECK_TYPES,
    DEBIT,
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
from parsers.mt94x_text_columns import DIALECTS, TextColumns, TextLines, rows_that_hold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.mt94x_fields import FieldTable

__all__ = ["read_columns"]

_PADDING: Final = b" " * 64
_WHOLE_DIGITS: Final = 11
_SUPPLEMENTS: Final = (b"/OCMT", b"/EXCH", b"/CHGS", b"/RTRN")
_WIDTH_OF_REFERENCE: Final = 16
_FAST_MARKS: Final = {"C": PAYMENT, "RD": PAYMENT, "D": DEBIT}


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
    rows = len(table.entries)
    text = ByteText(table.content + _PADDING)
    entries = _cut_entries(text, table)
    texts = TextLines(text, table)
    good = entries.good & texts.good
    if rows:
        good[rows_that_hold(table, *_SUPPLEMENTS)] = False
    types = _types(text, entries, texts)
    codes = [read_line_code(one[:4], one[4:].strip()) for one in types.dictionary.to_pylist()]
    code = types.indices.to_numpy(zero_copy_only=False)
    undoes = np.array([one.undoes_credit for one in codes], np.bool_)[code]
    kind = np.array([_FAST_MARKS.get(mark, RETURN) for mark in MARKS])[entries.mark]
    good &= (kind != RETURN) & ~((kind == DEBIT) & undoes)
    kind[(kind == PAYMENT) & (entries.amount == 0)] = ZERO
    ordinary = np.flatnonzero(good & (kind == PAYMENT))
    cut = texts.read(ordinary)
    good[ordinary[cut.slow]] = False
    slow = {at: read_row(table, at) for at in np.flatnonzero(~good).tolist()}
    fast = np.flatnonzero(~cut.slow)
    strings = _strings(text, entries, cut.columns, ordinary[fast], fast)
    given = [codes[at] for at in code[ordinary[fast]].tolist()]
    methods = pa.array([one.method for one in given], pa.string())
    override = cut.columns["method"].take(pa.array(fast))
    strings["method"] = pc.if_else(pc.equal(override, ""), methods, override)
    strings["type_code"] = pa.array([one.type_code for one in given], pa.string())
    undone = (entries.mark[ordinary[fast]] == MARKS.index("RD")) | np.array(
        [one.undoes_debit for one in given], np.bool_
    )
    receivable = np.array([one.is_receivable for one in given], np.bool_) & ~undone
    found = RowColumns(
        kind=kind.astype(np.int64),
        mark=entries.mark,
        amount=entries.amount,
        places=entries.places,
        has_text=texts.has_text,
        line=table.entries,
        offset=table.starts[table.entries],
        length=table.stops[table.ends - 1] - table.starts[table.entries],
        money=ordinary[fast],
        value_days=entries.value_days[ordinary[fast]],
        booking_days=entries.booking_days[ordinary[fast]],
        is_receivable=receivable,
        is_sepa=cut.is_sepa[fast],
        strings=strings,
        special=[],
        notes=[],
        dialects=_counted(cut, fast),
    )
    return _with_slow(found, slow)


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


def _digit(text: ByteText, at: Offsets) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    value = text.at(at).astype(np.int64) - ord("0")
    return value, (value >= 0) & (value <= 9)


def _is_letter(text: ByteText, at: Offsets) -> NDArray[np.bool_]:
    byte = text.at(at)
    found: NDArray[np.bool_] = (byte >= ord("A")) & (byte <= ord("Z"))
    return found


def _cut_entries(text: ByteText, table: FieldTable) -> _Entries:
    """The parts of every `:61:`."""
    start = table.starts[table.entries] + 4
    stop = table.stops[table.entries]
    good = np.ones(len(start), np.bool_)
    digits = []
    for place in range(10):
        value, is_digit = _digit(text, start + place)
        digits.append((value, is_digit))
        if place < 6:
            good &= is_digit
    has_entry = np.logical_and.reduce([is_digit for _, is_digit in digits[6:]])
    at = start + 6 + 4 * has_entry
    reverses = text.at(at) == ord("R")
    at = at + reverses
    is_credit = text.at(at) == ord("C")
    good &= is_credit | (text.at(at) == ord("D"))
    mark = np.where(is_credit, 0, 1) + 2 * reverses
    at = at + 1
    at = at + _is_letter(text, at)
    amount, places, at, is_amount = _cut_amounts(text, at)
    good &= is_amount & np.isin(text.at(at), np.frombuffer(b"NSF", np.uint8))
    types = at
    for place in (1, 2, 3):
        _, is_digit = _digit(text, at + place)
        good &= is_digit | _is_letter(text, at + place)
    at = at + 4
    good &= at <= stop
    slashes = text.positions(b"/")
    slash = slashes[text.next_index(b"/", np.minimum(at, stop))]
    has_bank = (slash + 1 < stop) & (text.at(np.minimum(slash + 1, stop)) == ord("/"))
    good &= has_bank | ((slash >= stop) & (stop - at <= _WIDTH_OF_REFERENCE))
    slash = np.where(has_bank, slash, stop)
    value_days, is_value = _days([value for value, _ in digits[:6]], good)
    booking_days = value_days.copy()
    dated = np.flatnonzero(good & has_entry)
    if len(dated):
        found, is_entry = _entry_days([value[dated] for value, _ in digits], value_days[dated])
        booking_days[dated] = found
        good[dated] &= is_entry
    return _Entries(
        good=good & is_value,
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
    tens, ones = np.where(has_tens, tens, 0), np.where(has_ones, ones, 0)
    places = np.where(ones > 0, 2, np.where(tens > 0, 1, 0))
    return whole * 10_000 + tens * 1_000 + ones * 100, places, at + has_tens + has_ones, good


def _days(
    digits: list[NDArray[np.int64]], good: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days of YYMMDD, each distinct date read once, and whether there is nothing odd about it."""
    number = np.zeros(len(good), np.int64)
    for value in digits:
        number = number * 10 + value
    number = np.where(good, number, 10_101)
    encoded = pa.array(number).dictionary_encode()
    found = [read_days(f"{one:06}") for one in encoded.dictionary.to_pylist()]
    index = encoded.indices.to_numpy(zero_copy_only=False)
    days = np.array([days or 0 for days, _ in found], np.int64)
    fine = np.array([days is not None and not odd for days, odd in found], np.bool_)
    return days[index], fine[index]


def _entry_days(
    digits: list[NDArray[np.int64]], value_days: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days of MMDD in the year next to the value date; years at its ends are left to one by one."""
    found, fine = _days([digits[0], digits[1], *digits[6:]], np.ones(len(value_days), np.bool_))
    near = np.abs(found - value_days) < 180
    return found, fine & near


def _types(text: ByteText, entries: _Entries, texts: TextLines) -> pa.DictionaryArray:
    """Type of SWIFT and business code of each line, in seven characters."""
    count = len(entries.types)
    letters = np.full((count, 7), ord(" "), np.uint8)
    for place in range(4):
        letters[:, place] = text.at(entries.types + place)
    coded = texts.is_coded
    for place in range(3):
        letters[coded, 4 + place] = text.at(texts.first[coded] + place)
    letters[~entries.good] = ord(" ")
    offsets = np.arange(count + 1, dtype=np.int32) * 7
    strings = pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    )
    return strings.dictionary_encode()


def _strings(
    text: ByteText,
    entries: _Entries,
    cut: dict[str, pa.Array],
    rows: Offsets,
    fast: Offsets,
) -> dict[str, pa.Array]:
    """The text columns of ordinary payments."""
    taken = pa.array(fast)
    facts = {name: column.take(taken) for name, column in cut.items()}
    reference = _reference(text, entries.reference, rows)
    account, further = facts["payer_account"], facts["customer_reference"]
    customer = pc.if_else(pc.equal(reference, ""), further, reference)
    is_account = pc.and_(pc.not_equal(account, ""), pc.equal(customer, account))
    customer = pc.if_else(is_account, further, customer)
    empty = pa.repeat(pa.scalar("", pa.string()), len(rows))
    kinds = text.strings(entries.types[rows] + 1, entries.types[rows] + 4)
    is_check = pc.and_(
        pc.is_in(kinds, value_set=pa.array(sorted(CHECK_TYPES))),
        pc.match_substring_regex(reference, "^[0-9]+$"),
    )
    return {name: empty for name in STRING_COLUMNS if name not in {"method", "type_code"}} | {
        "payer_name": facts["payer_name"],
        "payer_account": account,
        "ultimate_payer_name": facts["ultimate_payer_name"],
        "bank_reference": _reference(text, entries.bank, rows),
        "customer_reference": customer,
        "end_to_end_id": facts["end_to_end_id"],
        "check_number": pc.if_else(is_check, reference, ""),
        "remittance_text": facts["text"],
    }


def _reference(text: ByteText, ranges: tuple[Offsets, Offsets], rows: Offsets) -> pa.Array:
    """References without blanks around them, placeholders left out."""
    found = text.strings(*text.trimmed(ranges[0][rows], ranges[1][rows]))
    is_none = pc.is_in(pc.ascii_upper(found), value_set=pa.array(sorted(PLACEHOLDERS)))
    return pc.if_else(is_none, "", found)
