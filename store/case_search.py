"""Cases that have every word somebody looks for, and what of that is kept between two looks.

A page of the queue is searched twice, for its rows and for its facets: the second look finds the
answer of the first. Words that most cases have (a legal form, the name of a branch) are read once
and kept; words of few cases are looked up in the index of the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from store.case_words import terms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from store.case_census import CaseCensus
    from store.customer_names import CustomerNames
    from store.database import Database

__all__ = ["CaseSearch"]

_FEW: Final = 2_000
"""So many cases are looked at one by one; beyond, whole lists of rows are compared."""

_KEPT_WORDS: Final = 16
"""Words whose rows stay in memory, the last used ones: 8 bytes a row each."""

_KEPT_ANSWERS: Final = 8

_ROWS_PER_QUERY: Final = 400
_ROWS: Final = pa.schema([pa.field("row_number", pa.int64())])
_LAST: Final = "\U0010ffff"
"""Sorts after every word that begins the same."""

_COUNTED: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM case_word WHERE word >= ? AND word < ? LIMIT ?) AS w"
)
_WITH_WORD: Final = (
    "SELECT row_number FROM case_word WHERE word >= ? AND word < ? AND row_number > ?"
)


class CaseSearch:
    """Searches of one tenant's cases; belongs to one connection, as its census does."""

    def __init__(self, census: CaseCensus, names: CustomerNames) -> None:
        """Search the cases of `census`, also by the `names` of their customers."""
        self._census = census
        self._names = names
        self._words: dict[str, tuple[int, NDArray[np.int64]]] = {}
        self._answers: dict[tuple[str, int, int], NDArray[np.bool_]] = {}

    def mask(self, database: Database, text: str) -> NDArray[np.bool_] | None:
        """Which cases of the census have every word of `text`, each maybe cut short.

        None: no word is there. A word counts as there where the case has it, or its customer has
        it in name or id. Called in a reading block, after the census was brought up.
        """
        terms = terms_of(text)
        if not terms and not text.strip():
            return None
        self._names.refresh(database)
        key = (text, self._census.seen, self._names.seen)
        if key not in self._answers:
            while len(self._answers) >= _KEPT_ANSWERS:
                del self._answers[next(iter(self._answers))]
            rows = self._found(database, terms, text)
            self._answers[key] = self._census.mask_of(rows)
        return self._answers[key]

    def _found(self, database: Database, terms: list[str], text: str) -> NDArray[np.int64]:
        """Words that few cases have come first; the others are looked for in those cases alone."""
        named = database.rows(
            "SELECT row_number FROM exception_case WHERE case_id = ?", text.strip()
        )
        counted = sorted((_frequency(database, term), term) for term in terms)
        rows = None
        for frequency, term in counted:
            if rows is not None and len(rows) <= _FEW:
                owners = self._names.have_part(self._census.customers_of(rows), term)
                rows = rows[owners | np.isin(rows, _among(database, rows, term))]
                continue
            own = self._with_word(database, term, frequency)
            owned = self._census.rows_of_customers(self._names.with_part(term))
            found = np.unique(np.concatenate([own, owned]))
            rows = found if rows is None else np.intersect1d(rows, found, assume_unique=True)
        ids = [row[0] for row in named]
        return np.union1d(np.zeros(0, dtype=np.int64) if rows is None else rows, ids).astype(
            np.int64
        )

    def _with_word(self, database: Database, term: str, frequency: int) -> NDArray[np.int64]:
        """Rows that have a word. Words come with new cases alone: only those are read again."""
        last = self._census.last_row
        if frequency <= _FEW:
            return _rows_after(database, term, 0)
        known, rows = self._words.pop(term, (0, np.zeros(0, dtype=np.int64)))
        if known < last:
            rows = np.unique(np.concatenate([rows, _rows_after(database, term, known)]))
        while len(self._words) >= _KEPT_WORDS:
            del self._words[next(iter(self._words))]
        self._words[term] = (last, rows)
        return rows


def _frequency(database: Database, term: str) -> int:
    """How many cases have a word, counted up to where it no longer matters."""
    ((count,),) = database.rows(_COUNTED, term, term + _LAST, _FEW + 1)
    return int(count)


def _rows_after(database: Database, term: str, after: int) -> NDArray[np.int64]:
    found = database.read_table(_WITH_WORD, _ROWS, term, term + _LAST, after)
    numbers: NDArray[np.int64] = found["row_number"].to_numpy()
    return numbers


def _among(database: Database, rows: NDArray[np.int64], term: str) -> NDArray[np.int64]:
    """Those of a few rows that have a word."""
    kept: list[int] = []
    for start in range(0, len(rows), _ROWS_PER_QUERY):
        part = rows[start : start + _ROWS_PER_QUERY].tolist()
        marks = ", ".join("?" * len(part))
        found = database.rows(
            "SELECT row_number FROM case_word "  # noqa: S608 - marks alone
            f"WHERE row_number IN ({marks}) AND word >= ? AND word < ?",
            *part,
            term,
            term + _LAST,
        )
        kept += [row[0] for row in found]
    return np.array(kept, dtype=np.int64)
