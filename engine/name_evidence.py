"""Whose name a payer's name is: from the same name down to one that is only like it.

The kinds, strong to weak: the same name (the legal form may be spelled otherwise); without its
legal form; the same words in another order, or run together; clipped; misspelt, with nobody else
near; and *like* it, which identifies nobody by itself: a payer found so counts where amount or
reference agree. A legal form on both sides must be the same one: a namesake with another form is
somebody else, whatever else agrees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.name_search import NameIndex
from engine.owner_table import NOBODY, SEVERAL, HashedOwners
from engine.segments import mix64, pick
from engine.text_columns import is_empty
from engine.text_hashes import text_hashes, word_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.names import NormalNames

__all__ = [
    "CLIPPED",
    "CORE",
    "LIKE",
    "MISSPELT",
    "NAME",
    "WORDS",
    "NameBook",
    "NamesFound",
    "NearNames",
]

NAME, CORE, WORDS, CLIPPED, MISSPELT, LIKE = range(1, 7)
"""Kinds of name evidence, strong to weak; 0 is none."""

_CLIPPED_LENGTH_MIN: Final = 12
_CLIPPED_LENGTH_MAX: Final = 72
_TYPO_LENGTH_MIN, _TWO_TYPOS_LENGTH_MIN = 7, 14
_LIKE_MIN, _LIKE_MARGIN = 0.84, 0.05
_NEAR_MIN: Final = 0.90


class NamesFound(msgspec.Struct, frozen=True):
    """Per name: the owner (`NOBODY`, `SEVERAL`), kind of evidence, and the two nearest owners.

    first: who it is or is nearest to, second: who else it may be, -1 where there is none; namesake:
    `first` has this name with another legal form.
    """

    owner: NDArray[np.int64]
    kind: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    namesake: NDArray[np.bool_]

    @classmethod
    def none(cls, count: int) -> NamesFound:
        """Nothing found."""
        nobody = np.full(count, NOBODY, dtype=np.int64)
        zero = np.zeros(count, dtype=np.int64)
        return cls(nobody, zero, nobody.copy(), nobody.copy(), zero.astype(np.bool_))

    def at(self, rows: NDArray[np.int64]) -> NamesFound:
        """The given rows, in that order."""
        return NamesFound(*(getattr(self, name)[rows] for name in self.__struct_fields__))


class NameBook(msgspec.Struct, frozen=True):
    """Known names by everything a payer's name is compared with. A name belongs to a scope (a
    company, or everywhere) and to an owner; rows are names, in the order given. `distinct`: how
    many there are, each counted once.
    """

    names: NormalNames
    scope: NDArray[np.int64]
    owner: NDArray[np.int64]
    distinct: int
    by_form: HashedOwners
    by_core: HashedOwners
    by_words: HashedOwners
    packed_core: HashedOwners
    packed_full: HashedOwners

    @classmethod
    def of(
        cls,
        names: NormalNames,
        scope: NDArray[np.int64],
        owner: NDArray[np.int64],
        distinct: int | None = None,
    ) -> NameBook:
        """Index `names`; `distinct` of them, where some stand in more than one scope."""
        core = text_hashes(names.core)
        return cls(
            names,
            scope,
            owner,
            len(owner) if distinct is None else distinct,
            HashedOwners.of(mix64(core, scope, names.form), owner),
            HashedOwners.of(mix64(core, scope), owner),
            HashedOwners.of(mix64(word_hashes(names.core), scope), owner),
            HashedOwners.of(mix64(text_hashes(_packed(names.core)), scope), owner),
            HashedOwners.of(mix64(text_hashes(_packed(names.full)), scope), owner),
        )

    def look_up(self, names: NormalNames, scope: NDArray[np.int64]) -> NamesFound:
        """Owners of the very names, however the legal form, the order of words, the blanks are."""
        found = NamesFound.none(len(names.full))
        if not len(self.owner):
            return found
        known, core = self.names, text_hashes(names.core)
        open_name = ~is_empty(names.core)
        entry = self.by_form.find(mix64(core, scope, names.form))
        self._settle(found, self.by_form, entry, NAME, open_name, (names.core, known.core))
        if not np.count_nonzero(open_name & (found.owner == NOBODY)):
            return found

        entry = self.by_core.find(mix64(core, scope))
        compatible = self._compatible(self.by_core, entry, names.form)
        clash = open_name & (entry >= 0) & (found.owner == NOBODY) & ~compatible
        found.namesake[clash] = True
        found.first[clash] = self.by_core.low[entry[clash]]
        open_name &= ~clash
        self._settle(
            found, self.by_core, entry, CORE, open_name & compatible, (names.core, known.core)
        )
        self._settle_words(found, names, scope, open_name & (names.form == 0))
        packed = _packed(names.core)
        entry = self.packed_core.find(mix64(text_hashes(packed), scope))
        fits = open_name & self._compatible(self.packed_core, entry, names.form)
        self._settle(found, self.packed_core, entry, WORDS, fits, (packed, known.core), _packed)
        packed = _packed(names.full)
        entry = self.packed_full.find(mix64(text_hashes(packed), scope))
        fits = open_name & (names.form == 0)
        self._settle(found, self.packed_full, entry, WORDS, fits, (packed, known.full), _packed)
        return found

    def _compatible(
        self, table: HashedOwners, entry: NDArray[np.int64], form: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """No two different legal forms: one side names none, or both the same, or several do."""
        if not len(table.row):
            return np.ones(len(entry), dtype=np.bool_)
        known = self.names.form[table.row[entry]]
        alone = table.low[entry] == table.high[entry]
        fits: NDArray[np.bool_] = (entry < 0) | (form == 0) | (known == 0) | (known == form)
        unclear: NDArray[np.bool_] = ~alone
        return fits | unclear

    @staticmethod
    def _settle(
        found: NamesFound,
        table: HashedOwners,
        entry: NDArray[np.int64],
        kind: int,
        allowed: NDArray[np.bool_],
        texts: tuple[pa.StringArray, pa.StringArray],
        written: Callable[[pa.StringArray], pa.StringArray] = lambda text: text,
    ) -> None:
        """Write owner and kind of names that are still nobody's and whose text is the known one,
        `written` so.
        """
        fresh = allowed & (found.owner == NOBODY) & (entry >= 0)
        rows = fresh.nonzero()[0]
        if not len(rows):
            return
        known = written(texts[1].take(pa.array(table.row[entry[rows]])))
        same = pc.equal(texts[0].take(pa.array(rows)), known).to_numpy(zero_copy_only=False)
        _write(found, rows[same], table, entry, kind)

    def _settle_words(
        self,
        found: NamesFound,
        names: NormalNames,
        scope: NDArray[np.int64],
        allowed: NDArray[np.bool_],
    ) -> None:
        entry = self.by_words.find(mix64(word_hashes(names.core), scope))
        rows = (allowed & (found.owner == NOBODY) & (entry >= 0)).nonzero()[0]
        ours = names.core.take(pa.array(rows)).to_pylist()
        theirs = self.names.core.take(pa.array(self.by_words.row[entry[rows]])).to_pylist()
        same = [
            sorted(one.split()) == sorted(two.split())
            for one, two in zip(ours, theirs, strict=True)
        ]
        _write(found, rows[np.array(same, dtype=np.bool_)], self.by_words, entry, WORDS)


class NearNames(msgspec.Struct, frozen=True):
    """Known names in order of their letters, and by their runs of letters, for what `NameBook`
    does not find. change: how often the owner has changed up to each name, in that order.
    """

    book: NameBook
    order: NDArray[np.int64]
    beginning: NDArray[np.bytes_]
    change: NDArray[np.int64]
    index: NameIndex

    @classmethod
    def of(cls, book: NameBook) -> NearNames:
        """Index the names of `book` once more."""
        beginning = _fixed(book.names.full, book.scope)
        order = np.argsort(beginning, kind="stable")
        index = NameIndex.of(book.names.core, book.scope, book.owner, book.distinct)
        owner = book.owner[order]
        change = np.concatenate([[0], (owner[1:] != owner[:-1]).cumsum()])
        return cls(book, order, beginning[order], change, index)

    def search(self, names: NormalNames, scope: NDArray[np.int64], found: NamesFound) -> NamesFound:
        """Owners of clipped, misspelt and like names, of those in `found` who are nobody's."""
        found = found.at(np.arange(len(found.owner)))
        if not len(self.order):
            return found
        open_name = ~is_empty(names.core) & ~found.namesake
        self._settle_clipped(found, names, scope, open_name & (names.form == 0))
        length = pc.binary_length(names.core).to_numpy(zero_copy_only=False)
        todo = open_name & (found.owner == NOBODY) & (length >= _TYPO_LENGTH_MIN)
        self._settle_like(found, names, scope, todo.nonzero()[0], length)
        return found

    def _settle_clipped(
        self,
        found: NamesFound,
        names: NormalNames,
        scope: NDArray[np.int64],
        allowed: NDArray[np.bool_],
    ) -> None:
        """The only owner of names that begin with the (clipped) text, at least 12 bytes long."""
        length = pc.binary_length(names.full).to_numpy(zero_copy_only=False)
        fits = (length >= _CLIPPED_LENGTH_MIN) & (length <= _CLIPPED_LENGTH_MAX)
        rows = (allowed & (found.owner == NOBODY) & fits).nonzero()[0]
        if not len(rows):
            return
        known = self.beginning
        text = names.full.take(pa.array(rows))
        low = known.searchsorted(_fixed(text, scope[rows]), side="left")
        high = known.searchsorted(_fixed(text, scope[rows], end=b"\xff"), side="left")
        rows, low, high = rows[high > low], low[high > low], high[high > low]
        first, last = self.book.owner[self.order[low]], self.book.owner[self.order[high - 1]]
        found.first[rows], found.second[rows] = first, last
        # Owners between the two differ only where several customers share the beginning.
        alone = self.change[high - 1] == self.change[low]
        found.second[rows[alone]] = NOBODY
        found.owner[rows] = np.where(alone, first, SEVERAL)
        found.kind[rows] = np.where(alone, CLIPPED, 0)

    def _settle_like(
        self,
        found: NamesFound,
        names: NormalNames,
        scope: NDArray[np.int64],
        todo: NDArray[np.int64],
        length: NDArray[np.int64],
    ) -> None:
        """One typo (two in long names) with nobody else within two more; or by likeness."""
        if not len(todo):
            return
        match = self.index.search(names.core.take(pa.array(todo)), scope[todo])
        form, known_form = names.form[todo], pick(self.book.names.form, match.row)
        fits = (match.row >= 0) & ((form == 0) | (known_form == 0) | (form == known_form))
        typos = np.where(length[todo] >= _TWO_TYPOS_LENGTH_MIN, 2, 1)
        near = fits & (match.distance <= typos)
        clear = near & (match.next_distance >= match.distance + 2)
        margin = match.likeness - match.next_likeness
        like = fits & ~near & (match.likeness >= _LIKE_MIN) & (margin >= _LIKE_MARGIN)
        several = (near & ~clear) | (fits & ~like & (match.likeness >= _NEAR_MIN))
        several &= ~clear
        owner = pick(self.book.owner, match.row, none=NOBODY)
        one = clear | like
        found.owner[todo[one]] = owner[one]
        found.kind[todo[one]] = np.where(clear, MISSPELT, LIKE)[one]
        found.owner[todo[several]] = SEVERAL
        found.first[todo] = owner
        found.second[todo[several]] = pick(self.book.owner, match.next_row[several], none=NOBODY)


def _write(
    found: NamesFound,
    rows: NDArray[np.int64],
    table: HashedOwners,
    entry: NDArray[np.int64],
    kind: int,
) -> None:
    owner, other = table.owners(entry[rows])
    found.owner[rows] = owner
    found.kind[rows] = np.where(owner >= 0, kind, 0)
    found.first[rows] = table.low[entry[rows]]
    found.second[rows] = np.where(owner == SEVERAL, other, NOBODY)


def _packed(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring(texts, " ", "")


def _fixed(texts: pa.StringArray, scope: NDArray[np.int64], end: bytes = b"") -> NDArray[np.bytes_]:
    """Scope and beginning of each text as bytes of one width, which sort like the texts."""
    width = _CLIPPED_LENGTH_MAX + 8
    head = (scope + (1 << 32)).astype(">u8").view(np.uint8).reshape(len(scope), 8)[:, 3:]
    table = np.zeros((len(texts), width), dtype=np.uint8)
    table[:, :5] = head
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ].astype(np.int64)
    data = texts.buffers()[2]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    length = np.minimum(np.diff(offsets), _CLIPPED_LENGTH_MAX)
    row = np.repeat(np.arange(len(texts)), length)
    column = np.arange(len(row)) - (length.cumsum() - length)[row]
    table[row, 5 + column] = content[offsets[:-1][row] + column]
    if end:
        table[np.arange(len(texts)), 5 + length] = end[0]
    return table.view(f"S{width}").ravel()
