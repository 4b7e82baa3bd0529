"""The sets behind a sum: which items make a pair, a run, three or four items of a target.

`engine.sum_join` counts; here the few sets that are hit are spelt out. Every set is found once,
its rows in ascending order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.segments import expand_ranges, first_of_runs, mix64, segment_sum
from engine.sum_marks import pair_suspects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.sum_join import SumTables
    from engine.sum_marks import PairSuspects

__all__ = [
    "FoundSets",
    "fours_of",
    "fours_with",
    "pairs_with",
    "runs_with",
    "singles_with",
    "triples_of",
    "triples_with",
]

_ROWS_AT_ONCE = 1 << 22


class FoundSets(msgspec.Struct, frozen=True):
    """One entry per set: the lookup it answers, and its rows (sets × items)."""

    lookup: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of sets."""
        return len(self.lookup)


def _none(width: int) -> FoundSets:
    return FoundSets(np.empty(0, dtype=np.int64), np.empty((0, width), dtype=np.int64))


def _together(parts: list[FoundSets], width: int) -> FoundSets:
    if len(parts) < 2:
        return parts[0] if parts else _none(width)
    return FoundSets(
        np.concatenate([part.lookup for part in parts]),
        np.concatenate([part.rows for part in parts]),
    )


def _portions(lookups: NDArray[np.int64], work: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """`lookups` in portions of bounded work; where they are cut changes nothing."""
    portion = work.cumsum() // _ROWS_AT_ONCE
    if len(portion) and not portion[-1]:
        yield lookups
        return
    for number in range(int(portion.max(initial=-1)) + 1):
        part = lookups[portion == number]
        if len(part):
            yield part


def singles_with(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]
) -> FoundSets:
    """Every single row of exactly the target."""
    if not len(ledger):
        return _none(1)
    first, last = tables.single.between(ledger, target, target)
    lookup, entry = expand_ranges(first, last)
    row = tables.order[entry]
    order = np.lexsort((row, lookup))
    return FoundSets(lookup[order], row[order, None])


def pairs_with(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]
) -> FoundSets:
    """Every two rows that add up to the target, of any ledger, expanded or not."""
    if not len(ledger):
        return _none(2)
    parts = []
    for owner, row, first, last in _partners(tables, ledger, target):
        hit, entry = expand_ranges(first, last)
        partner = tables.order[entry]
        kept = partner > row[hit]
        parts.append(FoundSets(owner[hit[kept]], np.stack([row[hit[kept]], partner[kept]], axis=1)))
    return _together(parts, 2)


def _pair_counts(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many sets `pairs_with` would give, per look-up, without spelling them out."""
    counts = np.zeros(len(ledger), dtype=np.int64)
    for owner, row, first, last in _partners(tables, ledger, target):
        itself = 2 * tables.value[row] == target[owner]
        np.add.at(counts, owner, last - first - itself)
    return counts // 2


def _partners(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """Look-ups and rows, in order, that have a row beside them which makes up the target; and the
    first and last (exclusive) entry of `tables.order` that do.
    """
    begin, end = tables.bounds[ledger], tables.bounds[ledger + 1]
    for part in _portions(np.arange(len(ledger)), end - begin):
        owner, row = expand_ranges(begin[part], end[part])
        owner = part[owner]
        other = target[owner] - tables.value[row]
        some = tables.marks.among(ledger[owner], other)
        if not len(some):
            continue
        owner, row, other = owner[some], row[some], other[some]
        first, last = tables.single.between(ledger[owner], other, other)
        there = last > first
        yield owner[there], row[there], first[there], last[there]


def runs_with(tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64]) -> FoundSets:
    """First and last row of every run of two or more rows that adds up to the target.

    Of any ledger, expanded or not.
    """
    if not len(ledger):
        return _none(2)
    begin, end = tables.bounds[ledger], tables.bounds[ledger + 1]
    parts = []
    for part in _portions(np.arange(len(ledger)), end - begin):
        # The sum up to a row, less the target, is the sum before another one: a join on prefixes.
        owner, row = expand_ranges(begin[part], end[part])
        start = tables.prefix[row] - tables.prefix[begin[part][owner]]
        stop = tables.prefix[row + 1] - tables.prefix[begin[part][owner]]
        hit, entry = _meetings(owner, start, stop - target[part][owner])
        if not len(hit):
            continue
        opening = row[entry]
        kept = opening < row[hit]
        parts.append(
            FoundSets(part[owner[hit[kept]]], np.stack([opening[kept], row[hit[kept]]], axis=1))
        )
    return _together(parts, 2)


def _meetings(
    owner: NDArray[np.int64], have: NDArray[np.int64], want: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows (seeker, found) of one owner, where the one wants what the other has.

    Few rows meet another one: tables of marks leave those few, on both sides, before any is sorted.
    """
    has, wants = mix64(owner, have), mix64(owner, want)
    seeker = _marked(wants, has)
    if not len(seeker):
        return seeker, seeker
    found = _marked(has, wants[seeker])
    found = found[has[found].argsort(kind="stable")]
    first = has[found].searchsorted(wants[seeker], side="left")
    last = has[found].searchsorted(wants[seeker], side="right")
    hit, entry = expand_ranges(first, last)
    hit, entry = seeker[hit], found[entry]
    same = (owner[hit] == owner[entry]) & (want[hit] == have[entry])
    return hit[same], entry[same]


def _marked(keys: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Rows of `keys` that may be among `others`: all that are, and few that are not."""
    shift = np.uint64(64 - min(24, max(10, len(others).bit_length() + 3)))
    marks = np.zeros(1 << int(64 - int(shift)), dtype=np.bool_)
    marks[others >> shift] = True
    return np.flatnonzero(marks[keys >> shift])


def triples_with(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64], sets_max: int
) -> tuple[FoundSets, NDArray[np.bool_]]:
    """Every three rows that add up to the target.

    Also says which lookups have more than `sets_max`; of those no set is given.
    """
    every, none = np.ones(len(ledger), dtype=np.bool_), np.zeros(len(ledger), dtype=np.bool_)
    suspects = pair_suspects(tables.bounds, tables.value, ledger, target, three=every, four=none)
    return triples_of(suspects, tables, ledger, target, sets_max)


def fours_with(
    tables: SumTables, ledger: NDArray[np.int64], target: NDArray[np.int64], sets_max: int
) -> tuple[FoundSets, NDArray[np.bool_]]:
    """Every four rows that add up to the target, as `triples_with`."""
    every, none = np.ones(len(ledger), dtype=np.bool_), np.zeros(len(ledger), dtype=np.bool_)
    suspects = pair_suspects(tables.bounds, tables.value, ledger, target, three=none, four=every)
    return fours_of(suspects, tables, ledger, target, sets_max)


def triples_of(
    suspects: PairSuspects,
    tables: SumTables,
    ledger: NDArray[np.int64],
    target: NDArray[np.int64],
    sets_max: int,
) -> tuple[FoundSets, NDArray[np.bool_]]:
    """The sets of three among the suspects, and which lookups have more than `sets_max`."""
    owner, row = suspects.three
    rest = target[owner] - tables.value[row]
    number, one = _distinct(owner, rest)
    pairs = _pair_counts(tables, ledger[owner[one]], rest[one])[number]
    # A set is met three times here, once per row, beside rows that are their own partner.
    many = segment_sum(pairs, owner, len(ledger)) > 3 * sets_max
    hit = ((pairs > 0) & ~many[owner]).nonzero()[0]
    found = pairs_with(tables, ledger[owner[hit]], rest[hit])
    own = row[hit[found.lookup]]
    behind = found.rows[:, 0] > own
    rows = np.concatenate([own[behind, None], found.rows[behind]], axis=1)
    return FoundSets(owner[hit[found.lookup[behind]]], rows), many


def fours_of(
    suspects: PairSuspects,
    tables: SumTables,
    ledger: NDArray[np.int64],
    target: NDArray[np.int64],
    sets_max: int,
) -> tuple[FoundSets, NDArray[np.bool_]]:
    """The sets of four among the suspects, and which lookups have more than `sets_max`."""
    owner, total = suspects.four
    number, one = _distinct(owner, total)
    owner, total = owner[one], total[one]
    # Each unordered split into two pairs once: the smaller sum looks for the larger.
    others = _pair_counts(tables, ledger[owner], target[owner] - total)
    # Three splits per set, met from both sides where the two sums are equal.
    met = segment_sum(others[number], owner[number], len(ledger))
    many = met > 6 * sets_max
    hit = ((others > 0) & ~many[owner]).nonzero()[0]
    return _joined_pairs(tables, ledger, target, owner[hit], total[hit]), many


def _distinct(
    lookup: NDArray[np.int64], total: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of each (lookup, total) among the distinct ones, in their order; a row of each."""
    order = np.lexsort((total, lookup))
    fresh = first_of_runs(lookup[order], total[order])[: len(order)]
    number = np.empty(len(order), dtype=np.int64)
    number[order] = fresh.cumsum() - 1
    return number, order[fresh]


def _joined_pairs(
    tables: SumTables,
    ledger: NDArray[np.int64],
    target: NDArray[np.int64],
    owner: NDArray[np.int64],
    total: NDArray[np.int64],
) -> FoundSets:
    """Pairs of `total` beside pairs of the rest, four different rows, each set once."""
    left = pairs_with(tables, ledger[owner], total)
    right = pairs_with(tables, ledger[owner], target[owner] - total)
    first = right.lookup.searchsorted(left.lookup, side="left")
    last = right.lookup.searchsorted(left.lookup, side="right")
    one, two = expand_ranges(first, last)
    rows = np.concatenate([left.rows[one], right.rows[two]], axis=1)
    lookup = owner[left.lookup[one]]
    rows = np.sort(rows, axis=1)
    different = (np.diff(rows, axis=1) > 0).all(axis=1)
    lookup, rows = lookup[different], rows[different]
    order = np.lexsort((*rows.T[::-1], lookup))
    lookup, rows = lookup[order], rows[order]
    fresh = first_of_runs(lookup, *rows.T)[: len(lookup)]
    return FoundSets(lookup[fresh], rows[fresh])
