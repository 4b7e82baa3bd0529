"""Texts of ordinary statement lines as columns: subfields, codewords and free lines.

The lines of each text are laid one after the other, and what they hold is a range of those bytes.
A text with anything unusual in it is marked slow and read by itself (`mt94x_text`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.mt94x_dialects import LABEL_DIALECTS, SUBFIELD_SEPARATORS
from parsers.mt94x_fields import ENTRY_MORE, NUMBERED, TEXT, TEXT_MORE
from parsers.mt94x_flat_texts import FlatTexts
from parsers.mt94x_keys import read_flat_codewords, read_flat_subfields
from parsers.mt94x_text import LINE_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets
    from parsers.mt94x_fields import FieldTable

__all__ = ["DIALECTS", "TextColumns", "TextLines", "rows_that_hold"]

DIALECTS: Final = ("subfields", "codewords", "text")

_FACTS: Final = (
    "payer_name",
    "payer_account",
    "ultimate_payer_name",
    "end_to_end_id",
    "customer_reference",
    "text",
    "method",
)
_PLAIN_TRIGGERS: Final[tuple[re.Pattern[bytes] | bytes, ...]] = (
    *(b"EREF+", b"SVWZ+"),
    *(one.trigger.encode() for one in LABEL_DIALECTS),
    re.compile(rb"/[A-Z]{2,4}/"),
)
"""What makes a text without subfields or codewords at its beginning more than free lines."""

_WHOLE: Final = r"^(?:RF[0-9]{2}|[+*]{3}[0-9]|[0-9]{2} ?[0-9]{5} ?[0-9]{5})"


class TextColumns(msgspec.Struct):
    """Facts of the texts of some lines; those marked `slow` are not read here."""

    columns: dict[str, pa.Array]
    slow: NDArray[np.bool_]
    is_sepa: NDArray[np.bool_]
    dialect: NDArray[np.int64]


def rows_that_hold(table: FieldTable, *patterns: re.Pattern[bytes] | bytes) -> Offsets:
    """The statement lines in which a match of one of `patterns`, or one of these words, begins."""
    content = table.content
    found = [
        match.start()
        for pattern in patterns
        if not isinstance(pattern, bytes) or pattern in content
        for match in re.finditer(
            re.escape(pattern) if isinstance(pattern, bytes) else pattern, content
        )
    ]
    rows = np.searchsorted(table.starts[table.entries], np.array(found, np.int64), "right") - 1
    return rows[rows >= 0]


def _rows_of_unusual_bytes(table: FieldTable) -> Offsets:
    """The statement lines with a byte that is neither printable ASCII nor a line break."""
    data = np.frombuffer(table.content, np.uint8)
    odd = np.flatnonzero((data - np.uint8(32)) > 94)
    odd = odd[(data[odd] != 10) & (data[odd] != 13)]
    rows: Offsets = np.searchsorted(table.starts[table.entries], odd, "right") - 1
    found: Offsets = rows[rows >= 0]
    return found


class TextLines:
    """The `:86:` of every statement line: where its lines are, and how it begins.

    `good` are lines whose structure is ordinary; `first` is where the text begins; `is_coded` tells
    of a business code and a separator there.
    """

    def __init__(self, text: ByteText, table: FieldTable) -> None:
        """Look at the lines of all texts of `table`."""
        self._text = text
        self._table = table
        rows = len(table.entries)
        parts = table.parts
        owned = np.flatnonzero(parts)
        owner = np.searchsorted(table.entries, owned, side="right") - 1
        kinds = parts[owned]
        counts = {
            kind: np.bincount(owner[kinds == kind], minlength=rows)
            for kind in (TEXT, ENTRY_MORE, NUMBERED)
        }
        self.has_text = (counts[TEXT] > 0) | (counts[NUMBERED] > 0)
        self.good = (counts[TEXT] <= 1) & (counts[NUMBERED] == 0) & (counts[ENTRY_MORE] <= 1)
        more = kinds == ENTRY_MORE
        at = table.starts[owned[more]]
        is_codeword = (text.at(at) == ord("/")) & (text.at(at + 1) != ord("/"))
        odd_more = ~is_codeword | (counts[TEXT][owner[more]] == 0)
        self.good[owner[more][odd_more]] = False
        is_text = (kinds == TEXT) | (kinds == TEXT_MORE)
        self._owner = owner[is_text]
        begin = table.starts[owned[is_text]] + 4 * (kinds[is_text] == TEXT)
        self._starts, self._stops = begin, table.stops[owned[is_text]]
        self._is_last = np.append(self._owner[1:] != self._owner[:-1], True)[: len(begin)]
        self.good[self._owner[self._starts >= self._stops]] = False
        if rows:
            self.good[_rows_of_unusual_bytes(table)] = False
        self.first = np.zeros(rows, np.int64)
        heads = np.append(True, self._owner[1:] != self._owner[:-1])[: len(begin)]
        self.first[self._owner[heads]] = begin[heads]
        self.is_coded = self._coded()
        self.good[np.isin(text.at(self.first), [32, 9]) & (counts[TEXT] > 0)] = False

    def _coded(self) -> NDArray[np.bool_]:
        """Whether a text begins with three digits, a separator and two digits."""
        text, first = self._text, self.first
        found = self.has_text & self.good
        for place in (0, 1, 2, 4, 5):
            byte = text.at(first + place)
            found &= (byte >= ord("0")) & (byte <= ord("9"))
        separators = np.frombuffer(SUBFIELD_SEPARATORS.encode(), np.uint8)
        is_code: NDArray[np.bool_] = found & np.isin(text.at(first + 3), separators)
        return is_code

    def read(self, rows: Offsets) -> TextColumns:
        """The facts of the texts of `rows`, ascending; those that are unusual are marked slow."""
        count = len(rows)
        first = self._text.at(self.first[rows])
        has_text = self.has_text[rows]
        dialect = np.where(
            self.is_coded[rows], 0, np.where((first == ord("/")) & has_text, 1, 2)
        ).astype(np.int64)
        slow = np.zeros(count, np.bool_)
        is_code_alone = (dialect == 2) & np.isin(
            first, np.frombuffer(SUBFIELD_SEPARATORS.encode(), np.uint8)
        )
        slow |= is_code_alone & has_text
        parts = []
        sepa = np.zeros(count, np.bool_)
        for number, read in enumerate((self._subfields, self._codewords, self._plain)):
            mine = np.flatnonzero(dialect == number)
            columns, is_slow, is_sepa = read(rows[mine])
            slow[mine] |= is_slow
            sepa[mine] = is_sepa
            parts.append((mine, columns))
        order = pa.array(np.argsort(np.concatenate([mine for mine, _ in parts]), kind="stable"))
        columns = {
            name: pa.concat_arrays(
                [one[name] if name in one else _empty(len(mine)) for mine, one in parts]
            ).take(order)
            for name in _FACTS
        }
        looks_whole = pc.match_substring_regex(columns["text"], _WHOLE)
        slow |= looks_whole.to_numpy(zero_copy_only=False)
        return TextColumns(columns, slow, sepa, dialect)

    def _lines_of(self, rows: Offsets) -> tuple[Offsets, Offsets, Offsets, NDArray[np.bool_]]:
        """Place in `rows`, begin and end of each of their lines, and whether it is the last."""
        place = np.full(len(self.first), -1, np.int64)
        place[rows] = np.arange(len(rows))
        mine = np.flatnonzero(place[self._owner] >= 0)
        return place[self._owner[mine]], self._starts[mine], self._stops[mine], self._is_last[mine]

    def _subfields(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        owner, starts, stops, is_last = self._lines_of(rows)
        width = stops - starts
        is_wrapped = np.bincount(owner, width == LINE_WIDTH, len(rows)) > 0
        short = (width == LINE_WIDTH - 1) & ~is_last & is_wrapped[owner]
        flat = FlatTexts(self._text, owner, starts, stops, short, len(rows))
        return read_flat_subfields(flat, self._text.at(self.first[rows] + 3))

    def _codewords(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        owner, starts, stops, is_last = self._lines_of(rows)
        flat = FlatTexts(self._text, owner, starts, stops, np.zeros_like(is_last), len(rows))
        return read_flat_codewords(flat)

    def _plain(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        """Free lines: trimmed, joined by line breaks."""
        owner, starts, stops, is_last = self._lines_of(rows)
        slow = np.zeros(len(rows), np.bool_)
        slow[owner[(stops - starts == LINE_WIDTH) & ~is_last]] = True
        place = np.full(len(self.first), -1, np.int64)
        place[rows] = np.arange(len(rows))
        if len(rows):
            held = place[rows_that_hold(self._table, *_PLAIN_TRIGGERS)]
            slow[held[held >= 0]] = True
        slow |= self._names_account(rows)
        starts, stops = self._text.trimmed(starts, stops)
        slow[owner[starts >= stops]] = True
        lines = self._text.strings(starts, stops)
        offsets = np.zeros(len(rows) + 1, np.int32)
        np.cumsum(np.bincount(owner, minlength=len(rows)), out=offsets[1:])
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, lines), "\n")
        return {"text": joined}, slow, np.zeros(len(rows), np.bool_)

    def _names_account(self, rows: Offsets) -> NDArray[np.bool_]:
        """Whether a text may begin with the account owner's reference: it stands in both places."""
        first = self.first[rows]
        entry = self._table.starts[self._table.entries[rows]]
        content = self._table.content
        found = np.zeros(len(rows), np.bool_)
        is_number = np.ones(len(rows), np.bool_)
        for place in range(8):
            byte = self._text.at(first + place)
            is_number &= ((byte >= ord("0")) & (byte <= ord("9"))) | (
                (byte >= ord("A")) & (byte <= ord("Z")) | (byte == ord("."))
            )
        for at in np.flatnonzero(is_number & self.has_text[rows]).tolist():
            begin = int(first[at])
            found[at] = content[begin : begin + 8] in content[int(entry[at]) : begin]
        return found


def _empty(count: int) -> pa.Array:
    return pa.repeat(pa.scalar("", pa.string()), count)
