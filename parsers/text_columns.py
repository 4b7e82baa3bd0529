"""Keyed text lines of many payments at once: facts and remaining text as Arrow columns.

The same as `parsers.remittance_text.read_payer_text`, for the lines nearly all payments have: one
`KEY: value` each, or plain text. A payment with addenda, with a key that stands twice, or with
several keys in a line is read by that function instead, and so is a return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from parsers.addenda_columns import ENTRY_KINDS, cut_addenda
from parsers.remittance_text import PayerText, read_payer_text
from parsers.text_dialects import NARRATIVE_PATTERN
from parsers.text_facts import BANK_DESCRIPTORS, INLINE_KEY_PATTERN, key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.addenda_columns import AddendaColumns
    from parsers.byte_slices import ByteText, Offsets
    from parsers.x12_remittance import RemittanceEntry

__all__ = ["LineColumns", "TextColumns", "TextLines", "entry_columns", "read_text_columns"]

_PLAIN_FACTS: Final = (
    "payer_name",
    "payer_account",
    "payer_routing",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
    "payee_name",
    "payee_account",
    "payee_routing",
)
_TEXT_CODE: Final = len(_PLAIN_FACTS)
_ASIDE_CODE: Final = _TEXT_CODE + 1
_DOUBTFUL_CODE: Final = _TEXT_CODE + 2
_FREE_CODE: Final = _TEXT_CODE + 3
_NARRATIVE_MARKS: Final = b"={"
"""A line with one of these may be a sentence of a bank with keys in it, unless it is the `:=` of a
key: the keys of such sentences have no colon before their `=`."""

_FACT_CODES: Final = {name: code for code, name in enumerate(_PLAIN_FACTS)} | {
    "text": _TEXT_CODE,
    "aside": _ASIDE_CODE,
}
_COLUMNS: Final = (
    "payer_name",
    "payer_account",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
_ENTRY_NAMES: Final = (
    "reference",
    "reference_kind",
    "amount_minor",
    "discount_minor",
    "deduction_minor",
    "deduction_reason",
)
_KIND_TEXTS: Final = pa.array(ENTRY_KINDS, pa.string())
_ADDENDA: Final = pa.scalar("addenda", pa.string())
_DESCRIPTORS: Final = pa.array(sorted(BANK_DESCRIPTORS), pa.string())
_DESCRIPTOR_BYTES_MAX: Final = max(map(len, BANK_DESCRIPTORS))


class TextLines(msgspec.Struct, frozen=True):
    """Text lines of payments, in order: `owner` is the payment's row, the range a line's bytes.

    `begin` is the index of each payment's first line.
    """

    owner: Offsets
    begin: Offsets
    starts: Offsets
    stops: Offsets


class LineColumns(msgspec.Struct, frozen=True):
    """Remittance lines: `owner` is each line's payment, `columns` as the collector takes them."""

    owner: Offsets
    columns: dict[str, Any]


class TextColumns(msgspec.Struct, frozen=True):
    """What the texts of payments say: one entry per payment in `columns` (Arrow, by name).

    A column that would be empty is absent. `lines` are remittance lines, `odd` addenda values that
    are no amounts (row, text).
    """

    columns: dict[str, pa.Array]
    lines: list[LineColumns]
    odd: list[tuple[int, str]]


def read_text_columns(
    text: ByteText, lines: TextLines, exponents: Offsets, returned: NDArray[np.bool_]
) -> TextColumns:
    """Read the `lines` of payments; `exponents` are of their currencies.

    `returned` marks payments that went back: their payer is who the money went back to.
    """
    owner, row_count = lines.owner, len(lines.begin)
    starts, stops = text.trimmed(*_without_terminators(text, lines))
    keys = _keys(text, starts, stops)
    doubtful, code = keys.doubtful, keys.code
    slow = returned.copy()
    starred, addenda = _addenda(text, starts, stops, exponents, owner)
    if addenda is not None:
        doubtful[starred] = ~addenda.is_plain
        code[starred] = _ASIDE_CODE
    slow[owner[np.flatnonzero(doubtful)]] = True
    ranges = _fact_ranges(lines, code, keys.starts, keys.stops, slow)
    columns: dict[str, Any] = {
        name: text.strings(*ranges[name])
        for name in _COLUMNS
        if name in ranges and name != "payer_account"
    }
    if "payer_account" in ranges:
        columns["payer_account"] = _accounts(text, ranges)
    kept = np.flatnonzero((code == _TEXT_CODE) & (keys.starts < keys.stops))
    kept = _without_descriptors(text, keys, kept)
    values = text.strings(keys.starts[kept], keys.stops[kept])
    columns["remittance_text"] = _joined(owner[kept], values, row_count)
    found: list[LineColumns] = []
    if addenda is not None:
        good = np.flatnonzero(addenda.is_plain & ~slow[owner[starred]])
        if len(good):
            found.append(_entries(text, addenda, good, owner[starred[good]]))
    if not slow.any():
        return TextColumns(columns, found, [])
    before = TextColumns(columns, found, [])
    return _with_slow_rows(text, lines, before, exponents, (slow, returned))


def entry_columns(entries: list[tuple[int, RemittanceEntry]]) -> LineColumns:
    """Remittance lines read one by one (payment, line) as columns."""
    owner = np.array([row for row, _ in entries], np.int64)
    values = zip(*[entry for _, entry in entries], strict=True)
    columns: dict[str, Any] = dict(zip(_ENTRY_NAMES, map(list, values), strict=True))
    return LineColumns(owner, columns | {"source": _ADDENDA})


def _addenda(
    text: ByteText, starts: Offsets, stops: Offsets, exponents: Offsets, owner: Offsets
) -> tuple[Offsets, AddendaColumns | None]:
    """The lines with a star, cut as segments."""
    starred, _ = text.first_within(b"*", starts, stops)
    if not len(starred):
        return starred, None
    return starred, cut_addenda(text, starts[starred], stops[starred], exponents[owner[starred]])


class _Keys(msgspec.Struct, frozen=True):
    """Per line: the number of the fact it gives, the range of the value, and whether it is odd."""

    code: NDArray[np.int8]
    starts: Offsets
    stops: Offsets
    doubtful: NDArray[np.bool_]


def _keys(text: ByteText, starts: Offsets, stops: Offsets) -> _Keys:
    """Split lines at their first colon and look the keys up."""
    keyed, at = text.first_within(b":", starts, stops)
    code = np.full(len(starts), _TEXT_CODE, np.int8)
    doubtful = np.zeros(len(starts), np.bool_)
    value_starts, value_stops = starts, stops
    if len(keyed):
        colons = text.positions(b":")
        ends = stops[keyed]
        found = _codes_of_keys(text, starts[keyed], colons[at])
        several = colons[at + 1] < ends
        begin = colons[at] + 1
        begin += (begin < ends) & (text.at(begin) == ord("="))
        doubtful[keyed] = (found == _DOUBTFUL_CODE) | (
            (begin < ends) & (text.at(begin) == ord("="))
        )
        is_free = found == _FREE_CODE
        code[keyed] = np.where(is_free, _TEXT_CODE, found)
        value_starts, value_stops = starts.copy(), stops.copy()
        rows = np.flatnonzero(~is_free)
        named = keyed[rows]
        value_starts[named], value_stops[named] = text.trimmed(
            np.minimum(begin[rows], ends[rows]), ends[rows]
        )
        keyed = keyed[is_free | several]
    doubtful[_with_more_keys(text, starts, stops, keyed)] = True
    return _Keys(code, value_starts, value_stops, doubtful)


def _with_more_keys(text: ByteText, starts: Offsets, stops: Offsets, lines: Offsets) -> Offsets:
    """Which lines may hold keys within them, or a sentence of a bank: of `lines`, and of those with
    a mark that such sentences have.
    """
    places = text.positions(_NARRATIVE_MARKS)
    places = places[places < text.size]
    is_keyed = (text.at(places) == ord("=")) & (text.at(places - 1) == ord(":"))
    marked, _ = text.first_of(np.compress(~is_keyed, places), starts, stops)
    if len(marked):
        lines = np.flatnonzero(np.bincount(np.concatenate([lines, marked])))
    if not len(lines):
        return lines
    pieces = text.strings(starts[lines], stops[lines])
    found = arrow.match_substring_regex(pieces, INLINE_KEY_PATTERN)
    found = arrow.or_(
        found, arrow.match_substring_regex(pieces, NARRATIVE_PATTERN, ignore_case=True)
    )
    found = arrow.or_(found, arrow.invert(arrow.string_is_ascii(pieces)))
    is_doubtful: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return np.compress(is_doubtful, lines)


def _entries(text: ByteText, addenda: AddendaColumns, good: Offsets, owner: Offsets) -> LineColumns:
    """The plain segments `good` as remittance lines of their rows."""
    return LineColumns(
        owner,
        {
            "reference": text.strings(addenda.reference[0][good], addenda.reference[1][good]),
            "reference_kind": arrow.take(_KIND_TEXTS, pa.array(addenda.kind[good])),
            "amount_minor": pa.array(addenda.amount_minor[good], mask=~addenda.has_amount[good]),
            "discount_minor": pa.array(addenda.discount_minor[good]),
            "source": _ADDENDA,
        },
    )


def _without_terminators(text: ByteText, lines: TextLines) -> tuple[Offsets, Offsets]:
    """The lines without a `/` or `,/` at their end."""
    starts, stops = lines.starts, lines.stops
    ended = np.flatnonzero((text.at(stops - 1) == ord("/")) & (starts < stops))
    if not len(ended):
        return starts, stops
    stops = stops.copy()
    stops[ended] -= 1
    comma = (text.at(stops[ended] - 1) == ord(",")) & (starts[ended] < stops[ended])
    stops[ended[comma]] -= 1
    return starts, stops


def _codes_of_keys(text: ByteText, starts: Offsets, stops: Offsets) -> NDArray[np.int8]:
    """The number of the fact each key gives."""
    keys = arrow.dictionary_encode(text.strings(starts, stops))
    codes = []
    for head in keys.dictionary.to_pylist():
        fact, prefix = key_of(head)
        if fact is None:
            codes.append(_FREE_CODE)
        else:
            is_plain = not prefix or prefix in BANK_DESCRIPTORS
            codes.append(_FACT_CODES[fact] if is_plain else _DOUBTFUL_CODE)
    index: NDArray[np.int32] = keys.indices.to_numpy(zero_copy_only=False)
    return np.array(codes, np.int8).take(index)


def _fact_ranges(
    lines: TextLines,
    code: NDArray[np.int8],
    starts: Offsets,
    stops: Offsets,
    slow: NDArray[np.bool_],
) -> dict[str, tuple[Offsets, Offsets]]:
    """Per fact, the range of its value in each row (empty where absent); repeats mark `slow`."""
    ranges = {}
    for number, name in enumerate(_PLAIN_FACTS):
        rows = np.flatnonzero(code == number)
        if not len(rows):
            continue
        first, last = np.zeros(len(slow), np.int64), np.zeros(len(slow), np.int64)
        owners = lines.owner[rows]
        slow[owners[1:][owners[1:] == owners[:-1]]] = True
        first[owners], last[owners] = starts[rows], stops[rows]
        ranges[name] = (first, last)
    return ranges


def _accounts(text: ByteText, ranges: dict[str, tuple[Offsets, Offsets]]) -> pa.Array:
    """`routing/account`, or the account alone."""
    account = text.strings(*ranges["payer_account"])
    if "payer_routing" not in ranges:
        return account
    routing_starts, routing_stops = ranges["payer_routing"]
    both = (routing_starts < routing_stops) & (
        ranges["payer_account"][0] < ranges["payer_account"][1]
    )
    routing = text.strings(routing_starts, routing_stops)
    joined = arrow.binary_join_element_wise(routing, account, "/")
    return arrow.if_else(pa.array(both), joined, account)


def _without_descriptors(text: ByteText, keys: _Keys, lines: Offsets) -> Offsets:
    """The `lines` that say more than what a bank writes on every row of a kind.

    Only lines that are as short are looked at as text.
    """
    starts, stops = keys.starts[lines], keys.stops[lines]
    short = np.flatnonzero(stops - starts <= _DESCRIPTOR_BYTES_MAX)
    if not len(short):
        return lines
    named = arrow.is_in(text.strings(starts[short], stops[short]), value_set=_DESCRIPTORS)
    if not named.true_count:
        return lines
    is_wanted = np.ones(len(lines), np.bool_)
    is_wanted[short] = ~named.to_numpy(zero_copy_only=False)
    return np.compress(is_wanted, lines)


def _joined(owner: Offsets, values: pa.StringArray, row_count: int) -> pa.Array:
    """The lines of each row joined by newlines."""
    counts = np.bincount(owner, minlength=row_count)
    if (counts == 1).all():
        return values
    offsets = np.zeros(row_count + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    return arrow.binary_join(pa.ListArray.from_arrays(offsets, values), "\n")


def _with_slow_rows(
    text: ByteText,
    lines: TextLines,
    before: TextColumns,
    exponents: Offsets,
    marks: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> TextColumns:
    """Read the rows marked (slow, returned) one by one and put them in their places."""
    slow, returned = marks
    columns, odd = dict(before.columns), []
    entries: list[tuple[int, RemittanceEntry]] = []
    rows = np.flatnonzero(slow)
    starts, stops = _without_terminators(text, lines)
    mine = np.flatnonzero(slow[lines.owner])
    pieces = text.strings(starts[mine], stops[mine]).to_pylist()
    bounds = [*np.searchsorted(lines.owner[mine], rows).tolist(), len(pieces)]
    found: list[PayerText] = []
    for number, row in enumerate(rows.tolist()):
        payer = read_payer_text(
            pieces[bounds[number] : bounds[number + 1]],
            int(exponents[row]),
            is_return=bool(returned[row]),
        )
        found.append(payer)
        entries += [(row, entry) for entry in payer.lines]
        odd += [(row, value) for value in payer.odd]
    mask = pa.array(slow)
    for name in (*_COLUMNS, "remittance_text"):
        attribute = "text" if name == "remittance_text" else name
        values = pa.array([getattr(payer, attribute) for payer in found], pa.string())
        column = columns.get(name)
        if column is None:
            column = pa.repeat(pa.scalar("", pa.string()), len(slow))
        columns[name] = arrow.replace_with_mask(column, mask, values)
    more = [entry_columns(entries)] if entries else []
    return TextColumns(columns, [*before.lines, *more], odd)
