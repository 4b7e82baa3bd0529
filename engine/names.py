"""Company names made comparable: folded, split into core and legal form, searched with typos.

A legal form is part of who somebody is: "Ember Vertex GmbH" and "Ember Vertex Trust" are two
parties, while "EMBER VERTEX" may be either. So the form is kept beside the core, never thrown away.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import process
from rapidfuzz.distance import OSA

from engine.limits import CANDIDATE_CUSTOMERS_MAX
from engine.segments import expand_ranges, first_of_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEGAL_FORMS", "NameMatches", "NormalNames", "normalise_names", "search_names"]

LEGAL_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("GMBH CO KG", r"GMBH (?:AND |U |UND )?CO(?: KG| OHG)?|MBH CO KG"),
    ("GMBH", r"GMBH|G M B H|MBH"),
    ("AG", r"AG|AKTIENGESELLSCHAFT"),
    ("SE", r"SE"),
    ("KG", r"KG|KOMMANDITGESELLSCHAFT"),
    ("OHG", r"OHG"),
    ("UG", r"UG(?: HAFTUNGSBESCHRAENKT| HAFTUNGSBESCHRANKT)?"),
    ("EK", r"E K|EK"),
    ("BV", r"BV|B V|BESLOTEN VENNOOTSCHAP"),
    ("NV", r"NV|N V"),
    ("SARL", r"SARL|S A R L"),
    ("SAS", r"SAS|S A S"),
    ("SA", r"SA|S A"),
    ("SRL", r"SRL|S R L"),
    ("SPA", r"SPA|S P A"),
    ("SL", r"SL|S L"),
    ("AB", r"AB|AKTIEBOLAG"),
    ("AS", r"AS|A S|APS"),
    ("OY", r"OY|OYJ"),
    ("SPZOO", r"SP Z O O|SP ZOO"),
    ("INC", r"INC|INCORPORATED"),
    ("CORP", r"CORP|CORPORATION"),
    ("LLC", r"LLC|L L C"),
    ("LLP", r"LLP|L L P"),
    ("LP", r"LP|L P"),
    ("PLC", r"PLC|P L C"),
    ("LTD", r"LTD|LIMITED|PTY LTD|PVT LTD"),
    ("CO", r"CO|COMPANY"),
    ("GROUP", r"GROUP|GRP"),
    ("TRUST", r"TRUST"),
    ("FOUNDATION", r"FOUNDATION|STIFTUNG|STICHTING"),
    ("EV", r"E V|EV"),
)
"""Legal form → the spellings it ends a folded name with, longer spellings first."""

_FORM_PATTERN: Final = (
    "^(?P<core>.*?)(?: (?P<form>" + "|".join(pattern for _, pattern in LEGAL_FORMS) + "))?$"
)
_GRAM = 4
_BUCKET = 3
_GRAMS_PER_QUERY, _GRAMS_MIN = 10, 3
_POSTINGS_PER_QUERY = 1_000
_POSTINGS_MAX = 4_000_000


class NormalNames(msgspec.Struct, frozen=True):
    """Folded names: `full` text, `core` without legal form, `form` code (0 = none named)."""

    full: pa.StringArray
    core: pa.StringArray
    form: NDArray[np.int64]

    def sorted_core(self) -> pa.StringArray:
        """The core's words in alphabetical order, blanks gone: equal for swapped words."""
        words = [" ".join(sorted(text.split())) for text in self.core.to_pylist()]
        return pc.replace_substring(pa.array(words, pa.string()), " ", "")


class NameMatches(msgspec.Struct, frozen=True):
    """Best fuzzy match of each query: row of the searched names (-1 none), distance, runner-up."""

    row: NDArray[np.int64]
    distance: NDArray[np.int64]
    runner_up: NDArray[np.int64]


def normalise_names(names: pa.StringArray) -> NormalNames:
    """Fold `names` (case, accents, punctuation, "and", a leading THE), split off the legal form."""
    folded = pc.utf8_upper(names)
    for old, new in (("ß", "SS"), ("Ø", "O"), ("Æ", "AE"), ("Ł", "L"), ("Đ", "D")):
        folded = pc.replace_substring(folded, old, new)
    folded = pc.replace_substring_regex(folded, "[&+]", " AND ")
    folded = pc.utf8_normalize(folded, form="NFKD")
    folded = pc.replace_substring_regex(folded, r"\p{Mn}", "")
    folded = pc.replace_substring_regex(folded, r"['’`.]", "")
    folded = pc.replace_substring_regex(folded, r"[^\p{L}\p{N}]+", " ")
    folded = pc.replace_substring_regex(folded, r" (?:AND|UND|ET|EN|Y) ", " AND ")
    folded = pc.utf8_trim_whitespace(folded)
    folded = pc.replace_substring_regex(folded, "^THE ", "")
    parts = pc.extract_regex(folded, _FORM_PATTERN)
    core = pc.fill_null(parts.field("core"), "")
    spelled = pc.fill_null(parts.field("form"), "")
    alone = pc.equal(core, "")
    core = pc.replace_substring(pc.if_else(alone, folded, core), " AND ", " ")
    return NormalNames(full=folded, core=core, form=_form_codes(spelled, alone))


def _form_codes(spelled: pa.StringArray, alone: pa.BooleanArray) -> NDArray[np.int64]:
    encoded = spelled.dictionary_encode()
    distinct = encoded.dictionary
    codes = np.zeros(len(distinct), dtype=np.int64)
    for code, (_, pattern) in enumerate(LEGAL_FORMS, start=1):
        hit = pc.match_substring_regex(distinct, f"^(?:{pattern})$").to_numpy(zero_copy_only=False)
        codes[hit & (codes == 0)] = code
    forms: NDArray[np.int64] = codes[encoded.indices.to_numpy(zero_copy_only=False)]
    forms[alone.to_numpy(zero_copy_only=False)] = 0
    return forms


def search_names(
    queries: pa.StringArray,
    query_scopes: NDArray[np.int64],
    names: pa.StringArray,
    name_scopes: NDArray[np.int64],
    name_owners: NDArray[np.int64],
) -> NameMatches:
    """Nearest name of the same scope (company) for each query, by optimal string alignment.

    Candidates come from shared rare 4-grams, at most `CANDIDATE_CUSTOMERS_MAX` per query; the
    runner-up is the nearest name of another owner. Distances of absent matches are 99.
    """
    count = len(queries)
    row = np.full(count, -1, dtype=np.int64)
    distance = np.full(count, 99, dtype=np.int64)
    runner_up = np.full(count, 99, dtype=np.int64)
    query, name = _gram_candidates(queries, query_scopes, names, name_scopes)
    if not len(query):
        return NameMatches(row, distance, runner_up)
    query_text = queries.take(pa.array(query)).to_pylist()
    name_text = names.take(pa.array(name)).to_pylist()
    measured = process.cpdist(query_text, name_text, scorer=OSA.distance, dtype=np.int32)
    order = np.lexsort((name_owners[name], name, measured, query))
    query, name, measured = query[order], name[order], measured[order].astype(np.int64)
    first = first_of_runs(query)
    row[query[first]] = name[first]
    distance[query[first]] = measured[first]
    other = name_owners[name] != name_owners[row[query]]
    query, measured = query[other], measured[other]
    first = first_of_runs(query) if len(query) else np.empty(0, dtype=np.bool_)
    runner_up[query[first]] = measured[first]
    return NameMatches(row, distance, runner_up)


def _grams(texts: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Every 4-gram: text row, position, hash; blanks dropped so that "A B" is near "AB"."""
    packed = pc.replace_substring(texts, " ", "")
    offsets = np.frombuffer(packed.buffers()[1], dtype=np.int32)[
        packed.offset : packed.offset + len(packed) + 1
    ].astype(np.int64)
    data = packed.buffers()[2]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    row, position = expand_ranges(offsets[:-1], np.maximum(offsets[1:] - (_GRAM - 1), offsets[:-1]))
    gram = np.zeros(len(row), dtype=np.int64)
    for step in range(_GRAM):
        gram = gram * 256 + content[position + step]
    return row, position - offsets[row], gram


def _gram_candidates(
    queries: pa.StringArray,
    query_scopes: NDArray[np.int64],
    names: pa.StringArray,
    name_scopes: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (query, name) that share a rare gram, best-sharing first up to the bound per query."""
    name_row, _, name_gram = _grams(names)
    order = np.lexsort((name_row, name_gram, name_scopes[name_row]))
    name_row, name_gram = name_row[order], name_gram[order]
    scope_key = name_scopes[name_row] * (1 << 32) + name_gram
    row, position, gram = _grams(queries)
    query_key = query_scopes[row] * (1 << 32) + gram
    low = np.searchsorted(scope_key, query_key, side="left")
    high = np.searchsorted(scope_key, query_key, side="right")
    frequency = high - low
    some = frequency > 0
    row, position, low, high, frequency = (
        column[some] for column in (row, position, low, high, frequency)
    )
    # The rarest gram of each stretch of positions: globally rarest grams are mostly the typo.
    order = np.lexsort((frequency, position // _BUCKET, row))
    row, position, low, high, frequency = (
        column[order] for column in (row, position, low, high, frequency)
    )
    best = first_of_runs(row, position // _BUCKET) if len(row) else np.empty(0, dtype=np.bool_)
    row, low, high, frequency = row[best], low[best], high[best], frequency[best]
    order = np.lexsort((frequency, row))
    row, low, high = row[order], low[order], high[order]
    begin = np.searchsorted(row, row, side="left")
    rank = np.arange(len(row)) - begin
    spent = np.cumsum(high - low)
    spent -= np.append(0, spent)[begin]
    # Rare grams first, until a query has had its share of postings: frequent ones say little.
    kept = (rank < _GRAMS_PER_QUERY) & ((spent <= _POSTINGS_PER_QUERY) | (rank < _GRAMS_MIN))
    kept &= high - low <= max(200, len(names) // 50)
    row, low, high = row[kept], low[kept], high[kept]
    weight = 60_000 // (1 + np.log2(1.0 + (high - low)) * 10).astype(np.int64)
    found = [
        _best_sharing(row[part], low[part], high[part], weight[part], name_row)
        for part in _parts(row, high - low)
    ]
    empty = np.empty(0, dtype=np.int64)
    return (
        np.concatenate([empty, *(query for query, _ in found)]),
        np.concatenate([empty, *(name for _, name in found)]),
    )


def _parts(query: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[slice]:
    """Slices of whole queries whose postings fit a bound (or one query that does not)."""
    if not len(query):
        return []
    part = (np.cumsum(sizes) - sizes) // _POSTINGS_MAX
    of_query = part[np.searchsorted(query, query, side="left")]
    edges = np.flatnonzero(first_of_runs(of_query))
    return [slice(*bounds) for bounds in itertools.pairwise([*edges.tolist(), len(query)])]


def _best_sharing(
    query: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    weight: NDArray[np.int64],
    name_row: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Names sharing most with each query: one sort of packed (query, name, weight) integers."""
    if not len(query):
        return query, query
    owner, posting = expand_ranges(low, high)
    base = query[0]
    packed = ((query[owner] - base) << 40) | (name_row[posting] << 16) | weight[owner]
    packed.sort()
    pair = packed >> 16
    first = np.flatnonzero(first_of_runs(pair))
    total = np.add.reduceat(packed & 0xFFFF, first)
    query, name = (pair[first] >> 24) + base, pair[first] & 0xFFFFFF
    order = np.lexsort((name, -total, query))
    query, name = query[order], name[order]
    rank = np.arange(len(query)) - np.searchsorted(query, query, side="left")
    kept = rank < CANDIDATE_CUSTOMERS_MAX
    return query[kept], name[kept]
