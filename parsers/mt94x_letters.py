"""Letters of a piece: its bytes as UTF-8, and which statement lines hold unusual ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from parsers.mt94x_fields import FieldTable, rows_of
from parsers.mt94x_strings import letters_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["ReadableTable", "readable_table"]

_LF, _CR = b"\n\r"
_FIRST_PRINTED, _PRINTED = 32, 94
_LEADS: Final = letters_table(bytes([*range(0x80, 0xC0), 0xC2, 0xC3, 0xC4, 0xC5, 0xE2]))
"""Bytes of letters of Europe and of signs such as the euro's: none of them is a digit."""

_FOLDED: Final = ((0xC4, 0xB1), (0xC5, 0xBF))
"""Dotless i and long s: as capitals they would be letters of ASCII."""


class ReadableTable(msgspec.Struct):
    """`table` in UTF-8; `good` are statement lines with usual letters, `is_latin` were Latin-1."""

    table: FieldTable
    good: NDArray[np.bool_]
    is_latin: NDArray[np.bool_]


def readable_table(table: FieldTable) -> ReadableTable:
    """`table` with its bytes in UTF-8, whatever they were."""
    found = ReadableTable(
        table, np.ones(len(table.entries), np.bool_), np.zeros(len(table.entries), np.bool_)
    )
    if not table.content.isascii():
        high = np.flatnonzero(np.frombuffer(table.content, np.uint8) > 127)
        if not _is_utf8(table.content):
            _turn_latin(found, high)
        if len(found.good):
            rows = rows_of(table, high)
            high = high[len(high) - len(rows) :]
            found.good[rows[high < table.stops[table.entries[rows]]]] = False
    found.good[_rows_of_unusual_letters(found.table)] = False
    return found


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _turn_latin(found: ReadableTable, high: Offsets) -> None:
    """Take the piece for Latin-1; statement lines in UTF-8 in spite of that are not good."""
    table = found.table
    begin, end = table.starts[table.entries], table.stops[table.ends - 1]
    for row in sorted(set(rows_of(table, high).tolist())):
        is_latin = not _is_utf8(table.content[int(begin[row]) : int(end[row])])
        found.is_latin[row] = is_latin
        found.good[row] = is_latin
    found.table = FieldTable(
        content=table.content.decode("latin-1").encode(),
        starts=table.starts + np.searchsorted(high, table.starts),
        stops=table.stops + np.searchsorted(high, table.stops),
        parts=table.parts,
        entries=table.entries,
        ends=table.ends,
        events=table.events,
    )


def _rows_of_unusual_letters(table: FieldTable) -> Offsets:
    """The statement lines with a byte that is neither printable, nor a line break, nor usual."""
    content = table.content
    data = np.frombuffer(content, np.uint8)
    is_odd = (data - np.uint8(_FIRST_PRINTED)) > _PRINTED
    if np.count_nonzero(is_odd) == content.count(b"\n") + content.count(b"\r"):
        return np.empty(0, np.int64)
    odd = np.flatnonzero(is_odd)
    letters = data[odd]
    following = data[np.minimum(odd + 1, len(data) - 1)]
    is_usual = _LEADS[letters] | (letters == _LF) | (letters == _CR)
    for first, second in _FOLDED:
        is_usual &= (letters != first) | (following != second)
    return rows_of(table, odd[~is_usual])
