"""Texts of ordinary statement lines as columns: subfields, codewords and free lines.

The lines of each text are laid one after the other, and what they hold is a range of those bytes.
A text with anything unusual in it is marked slow and read by itself (`mt94x_text`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.mt94x_dialects import LABEL_DIALECTS, SUBFIELD_SEPARATORS
from parsers.mt94x_fields import ENTRY, ENTRY_MORE, NUMBERED, TEXT, TEXT_MORE
from parsers.mt94x_flat_texts import FlatTexts
from parsers.mt94x_keys import read_flat_codewords, read_flat_subfields
from parsers.mt94x_strings import (
    BREAK_JOINT,
    NO_JOINT,
    character_widths,
    continued_letters,
    empty_strings,
    joined_strings,
    letters_table,
    string_bytes,
)
from parsers.mt94x_text import LINE_WIDTH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import ByteText, Offsets
    from parsers.mt94x_fields import FieldTable

__all__ = ["DIALECTS", "TextColumns", "TextLines"]

DIALECTS: Final = ("subfields", "codewords", "text")

_PLAIN_TRIGGERS: Final = (b"EREF+", b"SVWZ+", *(one.trigger.encode() for one in LABEL_DIALECTS))
"""What makes a text without subfields or codewords at its beginning more than free lines."""

_CODEWORD_WIDTHS: Final = (2, 4)
_SEPARATORS: Final = letters_table(SUBFIELD_SEPARATORS.encode())
_DIGITS: Final = letters_table(b"0123456789")
_CAPITALS: Final = letters_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ACCOUNT_LETTERS: Final = letters_table(b".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ACCOUNT_WIDTH: Final = 8

_WHOLE: Final = r"^(?:RF[0-9]{2}|[+*]{3}[0-9]|[0-9]{2} ?[0-9]{5} ?[0-9]{5})"
_WHOLE_FIRST: Final = letters_table(b"R+*0123456789")
_WHOLE_SECOND: Final = letters_table(b"F+*0123456789")


class TextColumns(msgspec.Struct):
    """Facts of the texts of some lines; those marked `slow` are not read here.

    A fact without a column is empty everywhere.
    """

    columns: dict[str, pa.Array]
    slow: NDArray[np.bool_]
    is_sepa: NDArray[np.bool_]
    dialect: NDArray[np.int64]


def _codewords(flat: FlatTexts) -> Offsets:
    """Where two to four capital letters begin between slashes."""
    slashes = flat.positions(b"/")
    width = np.diff(slashes) - 1
    mine = np.flatnonzero((width >= _CODEWORD_WIDTHS[0]) & (width <= _CODEWORD_WIDTHS[1]))
    for place in range(1, _CODEWORD_WIDTHS[1] + 1):
        is_capital = _CAPITALS[flat.data[slashes[mine] + place]]
        mine = mine[is_capital | (width[mine] < place)]
    return slashes[mine]


class TextLines:
    """The `:86:` of every statement line: where its lines are, and how it begins.

    `good` are lines whose structure is ordinary; `first` is where the text begins; `is_coded` tells
    of a business code and a separator there.
    """

    def __init__(self, text: ByteText, table: FieldTable) -> None:
        """Look at the lines of all texts of `table`."""
        self._text = text
        self._table = table
        self._continued = continued_letters(np.frombuffer(table.content, np.uint8))
        rows = len(table.entries)
        owned = np.flatnonzero(table.parts)
        kinds = table.parts[owned]
        owner = np.cumsum(kinds == ENTRY) - 1
        texts = np.bincount(owner[kinds == TEXT], minlength=rows)
        numbered = np.zeros(rows, np.bool_)
        numbered[owner[kinds == NUMBERED]] = True
        self.has_text = (texts > 0) | numbered
        self.good = (texts <= 1) & ~numbered
        self._mark_continued(owned, owner, kinds == ENTRY_MORE)
        is_text = np.flatnonzero((kinds == TEXT) | (kinds == TEXT_MORE))
        self._owner, lines = owner[is_text], owned[is_text]
        begin = table.starts[lines] + 4 * (kinds[is_text] == TEXT)
        self._starts, self._stops = begin, table.stops[lines]
        heads = np.ones(len(begin) + 1, np.bool_)
        np.not_equal(self._owner[1:], self._owner[:-1], out=heads[1:-1])
        self._is_last = heads[1:]
        self.good[self._owner[begin >= self._stops]] = False
        self._mark_blank_lines()
        self.first = np.zeros(rows, np.int64)
        self.first[self._owner[heads[:-1]]] = begin[heads[:-1]]
        self._first_letter = text.at(self.first)
        self.is_coded = self._coded()
        is_bare = _SEPARATORS[self._first_letter] & self.has_text
        for place in (1, 2):
            is_bare &= _DIGITS[text.at(self.first + place)]
        self._has_subfields = self.is_coded | is_bare
        is_indented = (self._first_letter == ord(" ")) | (self._first_letter == ord("\t"))
        self.good[is_indented & (texts > 0)] = False

    def _mark_blank_lines(self) -> None:
        """Texts with lines of nothing but blanks are not ordinary."""
        mine = np.flatnonzero(self._text.at(self._starts) == ord(" "))
        if len(mine):
            starts, stops = self._text.trimmed(self._starts[mine], self._stops[mine])
            self.good[self._owner[mine[starts >= stops]]] = False

    def _mark_continued(self, owned: Offsets, owner: Offsets, more: NDArray[np.bool_]) -> None:
        """A second line of `:61:` says nothing where a text follows and it is no number or account.

        Numbers and accounts are known by their first four letters.
        """
        if not more.any():
            return
        at, mine = self._table.starts[owned[more]], owner[more]
        letters = [self._text.at(at + place) for place in range(4)]
        has_digits = [_DIGITS[letter] for letter in letters]
        is_account = _CAPITALS[letters[0]] & _CAPITALS[letters[1]] & has_digits[2] & has_digits[3]
        is_odd = is_account | np.logical_and.reduce(has_digits) | (letters[0] == ord(" "))
        is_odd |= (letters[0] == ord("/")) & (letters[1] == ord("/"))
        self.good[mine[is_odd | ~self.has_text[mine]]] = False
        self.good[mine[1:][mine[1:] == mine[:-1]]] = False

    def _coded(self) -> NDArray[np.bool_]:
        """Whether a text begins with three digits, a separator and two digits."""
        found = _DIGITS[self._first_letter] & self.has_text & self.good
        rows = np.flatnonzero(found)
        for place in (1, 2, 3, 4, 5):
            table = _SEPARATORS if place == 3 else _DIGITS
            kept = table[self._text.at(self.first[rows] + place)]
            found[rows[~kept]] = False
            rows = rows[kept]
        return found

    def read(self, rows: Offsets) -> TextColumns:
        """The facts of the texts of `rows`, ascending; those that are unusual are marked slow."""
        count = len(rows)
        first = self._first_letter[rows]
        has_text = self.has_text[rows]
        dialect = np.full(count, 2, np.int64)
        dialect[(first == ord("/")) & has_text] = 1
        dialect[self._has_subfields[rows]] = 0
        slow = (dialect == 2) & _SEPARATORS[first] & has_text
        parts = []
        sepa = np.zeros(count, np.bool_)
        for number, read in enumerate((self._subfields, self._codewords, self._plain)):
            mine = np.flatnonzero(dialect == number)
            if not len(mine):
                continue
            columns, is_slow, is_sepa = read(rows[mine])
            slow[mine] |= is_slow
            sepa[mine] = is_sepa
            parts.append((mine, columns))
        columns = _in_order(parts)
        if "text" in columns:
            slow |= _look_whole(columns["text"])
        return TextColumns(columns, slow, sepa, dialect)

    def _lines_of(self, rows: Offsets) -> tuple[Offsets, Offsets, Offsets, NDArray[np.bool_]]:
        """Place in `rows`, begin and end of each of their lines, and whether it is the last."""
        if len(rows) == len(self.first):
            return self._owner, self._starts, self._stops, self._is_last
        place = np.full(len(self.first), -1, np.int64)
        place[rows] = np.arange(len(rows))
        mine = np.flatnonzero(place[self._owner] >= 0)
        return place[self._owner[mine]], self._starts[mine], self._stops[mine], self._is_last[mine]

    def _subfields(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        owner, starts, stops, is_last = self._lines_of(rows)
        width = character_widths(self._continued, starts, stops)
        is_wrapped = np.zeros(len(rows), np.bool_)
        is_wrapped[owner[width == LINE_WIDTH]] = True
        short = (width == LINE_WIDTH - 1) & ~is_last & is_wrapped[owner]
        flat = FlatTexts(self._text, owner, (starts, stops), short, len(rows))
        separators = self._text.at(self.first[rows] + 3 * self.is_coded[rows])
        return read_flat_subfields(flat, separators)

    def _codewords(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        owner, starts, stops, is_last = self._lines_of(rows)
        flat = FlatTexts(self._text, owner, (starts, stops), np.zeros_like(is_last), len(rows))
        return read_flat_codewords(flat)

    def _plain(
        self, rows: Offsets
    ) -> tuple[dict[str, pa.Array], NDArray[np.bool_], NDArray[np.bool_]]:
        """Free lines: trimmed, joined by line breaks; one that fills its width goes on."""
        owner, starts, stops, is_last = self._lines_of(rows)
        flat = FlatTexts(self._text, owner, (starts, stops), np.zeros_like(is_last), len(rows))
        slow = self._names_account(rows)
        for places in (*(flat.places_of(word) for word in _PLAIN_TRIGGERS), _codewords(flat)):
            slow[flat.rows_of(places)] = True
        width = character_widths(self._continued, starts, stops)
        goes_on = (width == LINE_WIDTH) & ~is_last
        is_rest = np.append(False, goes_on[:-1])[: len(goes_on)]
        first, last = self._text.trimmed(starts, stops)
        slow[owner[first >= last]] = True
        ranges = np.where(is_rest, starts, first), np.where(goes_on, stops, last)
        joints = np.full(len(owner), BREAK_JOINT, np.int64)
        joints[is_rest] = NO_JOINT
        joints[np.append(True, owner[1:] != owner[:-1])[: len(owner)]] = NO_JOINT
        data = np.frombuffer(bytearray(self._table.content), np.uint8)
        joined = joined_strings(data, (owner, len(rows)), ranges, joints)
        return {"text": joined}, slow, np.zeros(len(rows), np.bool_)

    def _names_account(self, rows: Offsets) -> NDArray[np.bool_]:
        """Whether a text may begin with the account owner's reference: it stands in both places."""
        first = self.first[rows]
        entry = self._table.starts[self._table.entries[rows]]
        content = self._table.content
        found = np.zeros(len(rows), np.bool_)
        mine = np.flatnonzero(self.has_text[rows])
        for place in range(_ACCOUNT_WIDTH):
            mine = mine[_ACCOUNT_LETTERS[self._text.at(first[mine] + place)]]
        for at in mine.tolist():
            begin = int(first[at])
            found[at] = content[begin : begin + _ACCOUNT_WIDTH] in content[int(entry[at]) : begin]
        return found


def _in_order(parts: list[tuple[Offsets, dict[str, pa.Array]]]) -> dict[str, pa.Array]:
    """The columns of all ways to structure a text, in the order of the lines."""
    if len(parts) == 1:
        return parts[0][1]
    if not parts:
        return {}
    order = pa.array(np.argsort(np.concatenate([mine for mine, _ in parts]), kind="stable"))
    names = {name for _, columns in parts for name in columns}
    return {
        name: pa.concat_arrays(
            [one[name] if name in one else empty_strings(len(mine)) for mine, one in parts]
        ).take(order)
        for name in sorted(names)
    }


def _look_whole(texts: pa.Array) -> NDArray[np.bool_]:
    """Whether each text may be a creditor reference and nothing else."""
    found = np.zeros(len(texts), np.bool_)
    offsets, data = string_bytes(texts)
    rows = np.flatnonzero(offsets[1:] - offsets[:-1] > 1)
    first = offsets[rows]
    rows = rows[_WHOLE_FIRST[data[first]] & _WHOLE_SECOND[data[first + 1]]]
    if len(rows):
        matches = pc.match_substring_regex(texts.take(pa.array(rows)), _WHOLE)
        found[rows] = matches.to_numpy(zero_copy_only=False)
    return found
