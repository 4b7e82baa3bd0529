"""Keyed text lines of many payments at once: facts and remaining text as Arrow columns.

The same as `parsers.remittance_text.read_payer_text`, for the lines nearly all payments have: one
`KEY: value` each, or plain text. A payment with addenda, with a key that is unknown or stands
twice, or with several keys in a line is read by that function instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.addenda_columns import ENTRY_KINDS, cut_addenda
from parsers.remittance_text import PayerText, read_payer_text
from parsers.text_facts import BANK_DESCRIPTORS, INLINE_KEY_PATTERN, key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.addenda_columns import AddendaColumns
    from parsers.byte_slices import ByteText, Offsets
    from parsers.x12_remittance import RemittanceEntry

__all__ = ["TextColumns", "TextLines", "read_text_columns"]

_COLON: Final = 58
_STAR: Final = 42
_SLASH: Final = 47
_COMMA: Final = 44
_EQUALS: Final = 61
_BRACE: Final = 123
_NARRATIVE_MARKS: Final = (_EQUALS, _BRACE)
"""Where a line has one of these and no colon, it may be a sentence of a bank with keys in it."""

_PLAIN_FACTS: Final = (
    "payer_name",
    "payer_account",
    "payer_routing",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)
_TEXT_CODE: Final = len(_PLAIN_FACTS)
_ASIDE_CODE: Final = _TEXT_CODE + 1
_UNKNOWN_CODE: Final = _TEXT_CODE + 2
_FACT_CODES: Final = {name: code for code, name in enumerate(_PLAIN_FACTS)} | {
    "text": _TEXT_CODE,
    "aside": _ASIDE_CODE,
    "payee_name": _ASIDE_CODE,
    "payee_account": _ASIDE_CODE,
    "payee_routing": _ASIDE_CODE,
}
_COLUMNS: Final = (
    "payer_name",
    "payer_account",
    "end_to_end_id",
    "check_number",
    "trace_number",
    "uetr",
)


class TextLines(msgspec.Struct, frozen=True):
    """Text lines of payments, in order: `owner` is the payment's row, the range a line's bytes."""

    owner: Offsets
    starts: Offsets
    stops: Offsets


class TextColumns(msgspec.Struct, frozen=True):
    """What the texts of payments say: one entry per payment in `columns` (Arrow, by name).

    `entries` are remittance lines (row, line) in the order of rows, `odd` addenda values that are
    no amounts (row, text).
    """

    columns: dict[str, pa.Array]
    entries: list[tuple[int, RemittanceEntry]]
    odd: list[tuple[int, str]]


def read_text_columns(
    text: ByteText, lines: TextLines, row_count: int, exponents: Offsets
) -> TextColumns:
    """Read the `lines` of `row_count` payments; `exponents` are of their currencies."""
    owner = lines.owner
    starts, stops = text.trimmed(*_without_terminators(text, lines))
    keys = _keys(text, starts, stops)
    doubtful, code = keys.doubtful, keys.code
    starred = np.flatnonzero(text.positions(_STAR)[text.next_index(_STAR, starts)] < stops)
    addenda = cut_addenda(text, starts[starred], stops[starred], exponents[owner[starred]])
    doubtful[starred] = ~addenda.is_plain
    code[starred] = _ASIDE_CODE
    slow = np.zeros(row_count, np.bool_)
    slow[owner[doubtful]] = True
    ranges = _fact_ranges(owner, code, keys.starts, keys.stops, slow)
    columns = {name: text.strings(*ranges[name]) for name in _COLUMNS if name != "payer_account"}
    columns["payer_account"] = _accounts(text, ranges)
    kept = np.flatnonzero((code == _TEXT_CODE) & (keys.starts < keys.stops))
    columns["remittance_text"] = _joined(
        owner[kept], text.strings(keys.starts[kept], keys.stops[kept]), row_count
    )
    good = np.flatnonzero(addenda.is_plain & ~slow[owner[starred]])
    entries = _entries(text, addenda, good, owner[starred[good]])
    if not slow.any():
        return TextColumns(columns, entries, [])
    return _with_slow_rows(text, lines, TextColumns(columns, entries, []), slow, exponents)


class _Keys(msgspec.Struct, frozen=True):
    """Per line: the number of the fact it gives, the range of the value, and whether it is odd."""

    code: Offsets
    starts: Offsets
    stops: Offsets
    doubtful: NDArray[np.bool_]


def _keys(text: ByteText, starts: Offsets, stops: Offsets) -> _Keys:
    """Split lines at their first colon and look the keys up."""
    colon, at = text.positions(_COLON), text.next_index(_COLON, starts)
    has_key = colon[at] < stops
    code = np.full(len(starts), _TEXT_CODE)
    keyed = np.flatnonzero(has_key)
    code[keyed] = _codes_of_keys(text, starts[keyed], colon[at[keyed]])
    doubtful = code == _UNKNOWN_CODE
    for mark in _NARRATIVE_MARKS:
        stands = text.positions(mark)[text.next_index(mark, starts)] < stops
        doubtful |= stands & ~has_key
    several = np.flatnonzero(has_key & (colon[np.minimum(at + 1, len(colon) - 1)] < stops))
    if len(several):
        pieces = text.strings(starts[several], stops[several])
        inline = pc.match_substring_regex(pieces, INLINE_KEY_PATTERN)
        doubtful[several] |= inline.to_numpy(zero_copy_only=False)
    begin = np.where(has_key, colon[at] + 1, starts)
    begin += has_key & (begin < stops) & (text.at(np.minimum(begin, stops)) == _EQUALS)
    doubtful |= has_key & (begin < stops) & (text.at(np.minimum(begin, stops)) == _EQUALS)
    value_starts, value_stops = text.trimmed(np.minimum(begin, stops), stops)
    return _Keys(code, value_starts, value_stops, doubtful)


def _entries(
    text: ByteText, addenda: AddendaColumns, good: Offsets, owner: Offsets
) -> list[tuple[int, RemittanceEntry]]:
    """The plain segments `good` as remittance lines of their rows."""
    references = text.strings(addenda.reference[0][good], addenda.reference[1][good]).to_pylist()
    amounts = pa.array(addenda.amount_minor[good], mask=~addenda.has_amount[good]).to_pylist()
    return [
        (row, (reference, ENTRY_KINDS[kind], amount, discount, 0, ""))
        for row, reference, kind, amount, discount in zip(
            owner.tolist(),
            references,
            addenda.kind[good].tolist(),
            amounts,
            addenda.discount_minor[good].tolist(),
            strict=True,
        )
    ]


def _without_terminators(text: ByteText, lines: TextLines) -> tuple[Offsets, Offsets]:
    """The lines without a `/` or `,/` at their end."""
    starts, stops = lines.starts, lines.stops
    ended = (starts < stops) & (text.at(np.maximum(stops - 1, 0)) == _SLASH)
    stops = stops - ended
    comma = ended & (starts < stops) & (text.at(np.maximum(stops - 1, 0)) == _COMMA)
    return starts, stops - comma


def _codes_of_keys(text: ByteText, starts: Offsets, stops: Offsets) -> Offsets:
    """The number of the fact each key gives."""
    keys = text.strings(starts, stops).dictionary_encode()
    codes = []
    for head in keys.dictionary.to_pylist():
        fact, prefix = key_of(head)
        known = fact is not None and (not prefix or prefix in BANK_DESCRIPTORS)
        codes.append(_FACT_CODES[fact] if fact is not None and known else _UNKNOWN_CODE)
    index: Offsets = keys.indices.to_numpy(zero_copy_only=False)
    return np.array(codes, np.int64)[index]


def _fact_ranges(
    owner: Offsets, code: Offsets, starts: Offsets, stops: Offsets, slow: NDArray[np.bool_]
) -> dict[str, tuple[Offsets, Offsets]]:
    """Per fact, the range of its value in each row (empty where absent); repeats mark `slow`."""
    ranges = {}
    for number, name in enumerate(_PLAIN_FACTS):
        rows = np.flatnonzero(code == number)
        first, last = np.zeros(len(slow), np.int64), np.zeros(len(slow), np.int64)
        owners = owner[rows]
        slow[owners[1:][owners[1:] == owners[:-1]]] = True
        first[owners], last[owners] = starts[rows], stops[rows]
        ranges[name] = (first, last)
    return ranges


def _accounts(text: ByteText, ranges: dict[str, tuple[Offsets, Offsets]]) -> pa.Array:
    """`routing/account`, or the account alone."""
    account = text.strings(*ranges["payer_account"])
    routing_starts, routing_stops = ranges["payer_routing"]
    both = (routing_starts < routing_stops) & (
        ranges["payer_account"][0] < ranges["payer_account"][1]
    )
    if not both.any():
        return account
    routing = text.strings(routing_starts, routing_stops)
    joined = pc.binary_join_element_wise(routing, account, "/")
    return pc.if_else(pa.array(both), joined, account)


def _joined(owner: Offsets, values: pa.StringArray, row_count: int) -> pa.Array:
    """The kept lines of each row joined by newlines, without what banks write on every row."""
    wanted = pc.invert(pc.is_in(values, value_set=pa.array(sorted(BANK_DESCRIPTORS))))
    owner = owner[wanted.to_numpy(zero_copy_only=False)]
    offsets = np.zeros(row_count + 1, np.int32)
    np.cumsum(np.bincount(owner, minlength=row_count), out=offsets[1:])
    return pc.binary_join(pa.ListArray.from_arrays(offsets, values.filter(wanted)), "\n")


def _with_slow_rows(
    text: ByteText,
    lines: TextLines,
    found_before: TextColumns,
    slow: NDArray[np.bool_],
    exponents: Offsets,
) -> TextColumns:
    """Read the rows marked `slow` one by one and put them in their places."""
    columns, entries, odd = dict(found_before.columns), list(found_before.entries), []
    rows = np.flatnonzero(slow)
    starts, stops = _without_terminators(text, lines)
    mine = np.flatnonzero(slow[lines.owner])
    pieces = text.strings(starts[mine], stops[mine]).to_pylist()
    bounds = [*np.searchsorted(lines.owner[mine], rows).tolist(), len(pieces)]
    found: list[PayerText] = []
    for number, row in enumerate(rows.tolist()):
        payer = read_payer_text(pieces[bounds[number] : bounds[number + 1]], int(exponents[row]))
        found.append(payer)
        entries += [(row, entry) for entry in payer.lines]
        odd += [(row, value) for value in payer.odd]
    mask = pa.array(slow)
    for name in (*_COLUMNS, "remittance_text"):
        attribute = "text" if name == "remittance_text" else name
        values = pa.array([getattr(payer, attribute) for payer in found], pa.string())
        columns[name] = pc.replace_with_mask(columns[name], mask, values)
    entries.sort(key=lambda line: line[0])
    return TextColumns(columns, entries, odd)
