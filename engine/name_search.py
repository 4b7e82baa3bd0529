"""Customers whose names are most like a payer's: rare runs of letters, then a closer look.

A customer is a candidate where it shares rare runs of four letters with the payer's name; the rare
ones of each stretch of the name are taken, because the rarest of all are mostly the typo. Shared
runs are summed up in one product of sparse integer matrices. The best candidates are compared
letter by letter. What is found says how near the nearest is, and how near the next customer.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from engine.limits import CANDIDATE_CUSTOMERS_MAX
from engine.segments import expand_ranges, first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FAR", "NameIndex", "NameMatches"]

FAR = 99
"""Distance where there is no match."""

_GRAM = 4
_STRETCH = 2
_UNCONVINCING = 0.76
_POSTINGS_MAX = 4_000_000
_WEIGHT = 100
_LIKELY_SHARE = 0.7
_LETTERS_IN_COMMON_MIN = 65.0
_BLANK = 32


class _Effort(msgspec.Struct, frozen=True):
    """How many runs of letters of a query are looked at: at least, at most, and as long as no more
    than `postings` names have those before.
    """

    grams_min: int
    grams_max: int
    postings: int


_FIRST = _Effort(grams_min=4, grams_max=10, postings=1_500)
_SECOND = _Effort(grams_min=6, grams_max=14, postings=6_000)


class NameMatches(msgspec.Struct, frozen=True):
    """Per query the nearest name (row of the index, -1 none) and the nearest of another owner.

    likeness, next_likeness: 0 to 1, the letters in common plus a share for rare runs in common;
    distance, next_distance: letters to change (optimal string alignment), `FAR` where none.
    """

    row: NDArray[np.int64]
    next_row: NDArray[np.int64]
    likeness: NDArray[np.float64]
    next_likeness: NDArray[np.float64]
    distance: NDArray[np.int64]
    next_distance: NDArray[np.int64]

    @classmethod
    def none(cls, count: int) -> NameMatches:
        """Nothing found, for `count` queries."""
        return cls(
            np.full(count, -1, dtype=np.int64),
            np.full(count, -1, dtype=np.int64),
            np.zeros(count),
            np.zeros(count),
            np.full(count, FAR, dtype=np.int64),
            np.full(count, FAR, dtype=np.int64),
        )


class NameIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Names by their runs of letters: `gram` (sorted keys of scope and letters), and for each the
    `name` rows from `start[k]` to `start[k + 1]` with the `weight` the run has in that name.
    `distinct`: how many names there are, those of several scopes counted once.
    """

    texts: pa.StringArray
    owner: NDArray[np.int64]
    distinct: int
    gram: NDArray[np.int64]
    start: NDArray[np.int64]
    name: NDArray[np.int32]
    weight: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        texts: pa.StringArray,
        scopes: NDArray[np.int64],
        owners: NDArray[np.int64],
        distinct: int | None = None,
    ) -> NameIndex:
        """Index `texts` (folded cores), each for queries of its scope, belonging to its owner."""
        distinct = len(texts) if distinct is None else distinct
        row, _, letters = _runs_of_letters(texts)
        order = np.lexsort((row, _scoped(scopes[row], letters)))
        key, row = _scoped(scopes[row], letters)[order], row[order]
        once = first_of_runs(key, row) if len(key) else np.empty(0, dtype=np.bool_)
        key, row = key[once], row[once]
        head = first_of_runs(key).nonzero()[0] if len(key) else np.empty(0, dtype=np.int64)
        start = np.append(head, len(key))
        rarity = _rarity(np.diff(start), distinct)
        each = np.repeat(rarity, np.diff(start))
        length = np.sqrt(np.bincount(row, weights=each * each, minlength=len(texts)))
        weight = np.rint(_WEIGHT * _WEIGHT * each / np.maximum(length[row], 1.0))
        return cls(
            texts=texts,
            owner=owners,
            distinct=distinct,
            gram=key[head],
            start=start,
            name=row.astype(np.int32),
            weight=weight.astype(np.int32),
        )

    def search(self, queries: pa.StringArray, scopes: NDArray[np.int64]) -> NameMatches:
        """The nearest names of each query's scope; looked for again with more effort where the
        first look found nothing convincing.
        """
        matches = NameMatches.none(len(queries))
        if not len(self.gram) or not len(queries):
            return matches
        self._look(queries, scopes, np.arange(len(queries)), _FIRST, matches)
        again = (matches.likeness < _UNCONVINCING).nonzero()[0]
        self._look(queries, scopes, again, _SECOND, matches)
        return matches

    def _look(
        self,
        queries: pa.StringArray,
        scopes: NDArray[np.int64],
        rows: NDArray[np.int64],
        effort: _Effort,
        matches: NameMatches,
    ) -> None:
        """Write what is found for the `rows` of the queries."""
        if not len(rows):
            return
        queries = queries.take(pa.array(rows))
        row, gram = self._chosen_grams(queries, scopes[rows], effort)
        size = np.diff(self.start)[gram]
        for part in _parts(row, size):
            query, *columns = self._compare(queries, *self._sharing(row[part], gram[part]))
            for name, column in zip(matches.__struct_fields__, columns, strict=True):
                getattr(matches, name)[rows[query]] = column

    def _chosen_grams(
        self, queries: pa.StringArray, scopes: NDArray[np.int64], effort: _Effort
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(query, gram) pairs to look at: of each stretch the rarest, then as many as allowed."""
        row, position, letters = _runs_of_letters(queries)
        key = _scoped(scopes[row], letters)
        gram = self.gram.searchsorted(key)
        known = self.gram[np.minimum(gram, len(self.gram) - 1)] == key
        row, position, gram = row[known], position[known], gram[known]
        frequency = np.diff(self.start)[gram]
        order = np.lexsort((gram, frequency, position // _STRETCH, row))
        row, stretch, gram = row[order], position[order] // _STRETCH, gram[order]
        kept = first_of_runs(row, stretch) if len(row) else np.empty(0, dtype=np.bool_)
        row, gram = row[kept], gram[kept]
        frequency = np.diff(self.start)[gram]
        order = np.lexsort((gram, frequency, row))
        row, gram, frequency = row[order], gram[order], frequency[order]
        if len(row):
            kept = first_of_runs(row, gram)
            row, gram, frequency = row[kept], gram[kept], frequency[kept]
        begin = row.searchsorted(row, side="left")
        rank = np.arange(len(row)) - begin
        spent = frequency.cumsum()
        spent -= np.append(0, spent)[begin]
        # Rare ones first, until a query has had its share of postings: frequent ones say little.
        kept = (rank < effort.grams_max) & ((spent <= effort.postings) | (rank < effort.grams_min))
        kept &= frequency <= max(200, min(self.distinct // 16, 2 * effort.postings))
        return row[kept], gram[kept]

    def _sharing(
        self, row: NDArray[np.int64], gram: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Candidates of each query: (query, name, share of the best), best first, a bounded few."""
        # A fifth of what a process loads at its start; most of them search no name.
        from scipy.sparse import csr_array  # noqa: PLC0415 - see above

        head = first_of_runs(row).nonzero()[0]
        query = row[head]
        rarity = _rarity(np.diff(self.start)[gram], self.distinct).astype(np.int32)
        asked = csr_array(
            (rarity, gram.astype(np.int32), np.append(head, len(row)).astype(np.int32)),
            shape=(len(query), len(self.gram)),
        )
        names = csr_array(
            (self.weight, self.name, self.start.astype(np.int32)),
            shape=(len(self.gram), len(self.texts)),
        )
        shared = asked @ names
        begin, score = shared.indptr[:-1].astype(np.int64), shared.data
        best = np.maximum.reduceat(score, begin)
        size = np.diff(shared.indptr)
        likely = (score >= np.repeat(_LIKELY_SHARE * best, size)).nonzero()[0]
        of = np.repeat(np.arange(len(query)), size)[likely]
        name, score = shared.indices[likely].astype(np.int64), score[likely]
        order = np.lexsort((name, -score, of))
        of, name, score = of[order], name[order], score[order]
        rank = np.arange(len(of)) - of.searchsorted(of, side="left")
        kept = rank < CANDIDATE_CUSTOMERS_MAX
        return query[of[kept]], name[kept], (score / best[of])[kept]

    def _compare(
        self,
        queries: pa.StringArray,
        query: NDArray[np.int64],
        name: NDArray[np.int64],
        share: NDArray[np.float64],
    ) -> tuple[NDArray[Any], ...]:
        """Compare letter by letter; gives the queries and the columns of their `NameMatches`."""
        ours, theirs = queries.take(pa.array(query)), self.texts.take(pa.array(name))
        words = ours.to_pylist(), theirs.to_pylist()
        packed = (
            pc.replace_substring(ours, " ", "").to_pylist(),
            pc.replace_substring(theirs, " ", "").to_pylist(),
        )
        whole = process.cpdist(*packed, scorer=fuzz.ratio, dtype=np.float64)
        sorted_words = process.cpdist(*words, scorer=fuzz.token_sort_ratio, dtype=np.float64)
        likeness = (np.maximum(whole, sorted_words) / 100.0 + 0.3 * share) / 1.3
        # Few letters apart means most letters in common: the others need not be counted.
        near = (whole >= _LETTERS_IN_COMMON_MIN).nonzero()[0]
        distance = np.full(len(query), FAR, dtype=np.int64)
        distance[near] = process.cpdist(
            *([texts[row] for row in near.tolist()] for texts in packed),
            scorer=OSA.distance,
            dtype=np.int32,
        )
        owner = self.owner[name]
        order = np.lexsort((name, owner, distance, -likeness, query))
        query, name, owner = query[order], name[order], owner[order]
        likeness, distance = likeness[order], distance[order]
        first = first_of_runs(query).nonzero()[0]
        of = first_of_runs(query).cumsum() - 1
        other = (owner != owner[first][of]).nonzero()[0]
        next_first = other[first_of_runs(of[other])] if len(other) else other
        matches = NameMatches.none(len(first))
        at = of[next_first]
        matches.next_row[at] = name[next_first]
        matches.next_likeness[at] = likeness[next_first]
        np.minimum.at(matches.next_distance, of[other], distance[other])
        return (
            query[first],
            name[first],
            matches.next_row,
            likeness[first],
            matches.next_likeness,
            distance[first],
            matches.next_distance,
        )


def _rarity(frequency: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """What sharing a run of letters says: the logarithm of how rare it is, scaled, whole."""
    rarity: NDArray[np.float64] = np.log((count + 1.0) / np.maximum(frequency, 1))
    return np.rint(_WEIGHT * rarity)


def _scoped(scopes: NDArray[np.int64], letters: NDArray[np.int64]) -> NDArray[np.int64]:
    return scopes * (1 << 32) + letters


def _runs_of_letters(
    texts: pa.StringArray,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Runs of four letters within words, a word's beginning and end counting as a letter each:
    text row, position, the letters as a number.
    """
    padded = pc.binary_join_element_wise(" ", texts, " ", "")
    offsets = np.frombuffer(padded.buffers()[1], dtype=np.int32)[
        padded.offset : padded.offset + len(padded) + 1
    ].astype(np.int64)
    data = padded.buffers()[2]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    row, position = expand_ranges(offsets[:-1], np.maximum(offsets[1:] - (_GRAM - 1), offsets[:-1]))
    letters = np.zeros(len(row), dtype=np.int64)
    within = np.ones(len(row), dtype=np.bool_)
    for step in range(_GRAM):
        byte = content[position + step]
        letters = letters * 256 + byte
        if 0 < step < _GRAM - 1:
            within &= byte != _BLANK
    return row[within], (position - offsets[row])[within], letters[within]


def _parts(query: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[slice]:
    """Slices of whole queries whose postings fit a bound (or one query that does not)."""
    if not len(query):
        return []
    part = (sizes.cumsum() - sizes) // _POSTINGS_MAX
    of_query = part[query.searchsorted(query, side="left")]
    edges = first_of_runs(of_query).nonzero()[0]
    return [slice(*bounds) for bounds in itertools.pairwise([*edges.tolist(), len(query)])]
