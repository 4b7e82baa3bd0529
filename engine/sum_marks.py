"""Marks: tables that say of nearly every sum that no set makes it, before anything is searched.

Most sums that are asked for do not exist. A sum is multiplied into 64 spread bits, some of which
are its place in a table of booleans: where nothing is marked nothing can be found, and the few that
are left are looked up exactly. The product of a sum of two is the sum of their products, so that
pairs are never added up: three and four items are suspected without sorting the pairs of a ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.segments import expand_ranges, first_of_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["PairSuspects", "SumMarks", "pair_suspects"]

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_APART: Final = np.uint64(0xD1B54A32D192ED03)
_ROOM: Final = 8
_PAIRS_AT_ONCE: Final = 1 << 16
"""Pairs marked at once: their two tables of at most a megabyte each stay in the cache."""
_NONE: Final = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def _spread(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        return values.view(np.uint64) * _SPREAD


class SumMarks(msgspec.Struct, frozen=True):
    """Marks of (ledger, sum): every one there is, and a few that are not."""

    marked: NDArray[np.bool_]
    shift: np.uint64

    @classmethod
    def of(cls, ledger: NDArray[np.int64], value: NDArray[np.int64]) -> SumMarks:
        """Mark each (ledger, value)."""
        bits = max((_ROOM * len(value)).bit_length(), 6)
        marks = cls(np.zeros(1 << bits, dtype=np.bool_), np.uint64(64 - bits))
        marks.marked[marks._places(ledger, value)] = True
        return marks

    def among(self, ledger: NDArray[np.int64], value: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the (ledger, value) that may be there: all that are, and few that are not."""
        return np.flatnonzero(self.marked[self._places(ledger, value)])

    def _places(self, ledger: NDArray[np.int64], value: NDArray[np.int64]) -> NDArray[np.int64]:
        with np.errstate(over="ignore"):
            key = ledger.view(np.uint64) * _APART
            key += value.view(np.uint64)
            key *= _SPREAD
        key >>= self.shift
        return key.view(np.int64)


class PairSuspects(msgspec.Struct, frozen=True, kw_only=True):
    """Look-ups whose target may be made of three or four rows, and nearly nothing else.

    three: look-up and row beside which two more may add up to the target; four: look-up and sum of
    two rows, not the larger half of the target, beside which two more may. Rows ascend per look-up;
    an entry per pair, so that a sum may be there several times.
    """

    three: tuple[NDArray[np.int64], NDArray[np.int64]]
    four: tuple[NDArray[np.int64], NDArray[np.int64]]


class _Kept(msgspec.Struct, frozen=True):
    """Rows that can be part of a sum at all, ledger by ledger: their numbers and spread values."""

    row: NDArray[np.int64]
    spread: NDArray[np.uint64]
    begin: NDArray[np.int64]
    width: NDArray[np.int64]

    @classmethod
    def of(
        cls, bounds: NDArray[np.int64], value: NDArray[np.int64], most: NDArray[np.int64]
    ) -> _Kept:
        """Of each ledger the rows of at most `most`."""
        owner = np.repeat(np.arange(len(most), dtype=np.int64), np.diff(bounds))
        row = np.flatnonzero(value <= most[owner])
        width = np.bincount(owner[row], minlength=len(most))
        return cls(row, _spread(value[row]), np.cumsum(width) - width, width)


class _Alike(msgspec.Struct, frozen=True):
    """Ledgers of one width and their look-ups.

    spread: their values (ledgers × width); lookup, at: look-ups, and the ledger of each.
    """

    ledger: NDArray[np.int64]
    spread: NDArray[np.uint64]
    lookup: NDArray[np.int64]
    at: NDArray[np.int64]

    def of_lookups(self, wanted: NDArray[np.bool_]) -> _Alike:
        """Only the look-ups that are `wanted`."""
        mine = wanted[self.lookup]
        return _Alike(self.ledger, self.spread, self.lookup[mine], self.at[mine])


class _PairMarks(msgspec.Struct, frozen=True):
    """Marks of all pairs of some ledgers of one width, each ledger in a place of its own."""

    pairs: NDArray[np.uint64]
    tables: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    bits: int

    @classmethod
    def of(cls, pairs: NDArray[np.uint64]) -> _PairMarks:
        bits = max((_ROOM * pairs.shape[1]).bit_length(), 6)
        room = len(pairs) << bits
        marks = cls(pairs, (np.zeros(room, np.bool_), np.zeros(room, np.bool_)), bits)
        base = np.arange(len(pairs))[:, None] << bits
        for number, table in enumerate(marks.tables):
            table[marks._places(pairs, base, number)] = True
        return marks

    def among(self, wanted: NDArray[np.uint64], at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places (in the flattened `wanted`) of what may be a pair of the ledger of its row."""
        base = at[:, None] << self.bits
        hit = np.flatnonzero(self.tables[0][self._places(wanted, base, 0)])
        again = self._places(wanted.ravel()[hit], base.ravel()[hit // wanted.shape[1]], 1)
        return hit[self.tables[1][again]]

    def _places(
        self, spread: NDArray[np.uint64], base: NDArray[np.int64], number: int
    ) -> NDArray[np.int64]:
        places = (spread >> np.uint64(64 - (number + 1) * self.bits)).view(np.int64)
        if number:
            places &= (1 << self.bits) - 1
        places += base
        return places


def _portions(
    kept: _Kept, ledger: NDArray[np.int64], lookup: NDArray[np.int64]
) -> Iterator[_Alike]:
    """The look-ups, with their ledgers, in portions of one width and of bounded work."""
    used = np.flatnonzero(np.bincount(ledger[lookup], minlength=len(kept.width)))
    used = used[np.argsort(kept.width[used], kind="stable")]
    used = used[kept.width[used] >= 2]
    place = np.full(len(kept.width), -1, dtype=np.int64)
    place[used] = np.arange(len(used))
    lookup = lookup[np.argsort(place[ledger[lookup]], kind="stable")]
    placed = place[ledger[lookup]]
    cuts = np.append(
        np.flatnonzero(first_of_runs(kept.width[used])) if len(used) else [], len(used)
    )
    for first, last in zip(cuts[:-1].astype(int), cuts[1:].astype(int), strict=True):
        width = int(kept.width[used[first]])
        step = max(1, _PAIRS_AT_ONCE // (width * (width - 1) // 2))
        for begin in range(first, last, step):
            end = min(begin + step, last)
            some = used[begin:end]
            asked = slice(*np.searchsorted(placed, [begin, end]))
            spread = kept.spread[kept.begin[some][:, None] + np.arange(width)]
            yield _Alike(some, spread, lookup[asked], placed[asked] - begin)


def pair_suspects(
    bounds: NDArray[np.int64],
    value: NDArray[np.int64],
    ledger: NDArray[np.int64],
    target: NDArray[np.int64],
    *,
    three: NDArray[np.bool_],
    four: NDArray[np.bool_],
) -> PairSuspects:
    """Suspects among the look-ups (ledger, target) for which three or four rows are asked."""
    asked = np.flatnonzero(three | four)
    least = np.zeros(len(bounds) - 1, dtype=np.int64)
    np.minimum.at(least, np.repeat(np.arange(len(least)), np.diff(bounds)), value)
    most = np.full(len(least), np.iinfo(np.int64).min // 2)
    np.maximum.at(most, ledger[asked], target[asked])
    # Beside a larger row three others, even one of them thrice, cannot be little enough.
    kept = _Kept.of(bounds, value, most - 3 * least)
    spread = _spread(target)
    threes, fours = [_NONE], [_NONE]
    one = two = np.empty(0, dtype=np.int64)
    for part in _portions(kept, ledger, asked):
        width = part.spread.shape[1]
        if len(one) != width * (width - 1) // 2:
            one, two = expand_ranges(np.arange(1, width), np.full(width - 1, width))
        marks = _PairMarks.of(np.take(part.spread, one, axis=1) + np.take(part.spread, two, axis=1))
        for lookup, at, number in _hits(marks, part.spread, spread, part.of_lookups(three)):
            threes.append((lookup, kept.row[kept.begin[part.ledger[at]] + number]))
        for lookup, at, number in _hits(marks, marks.pairs, spread, part.of_lookups(four)):
            begin = kept.begin[part.ledger[at]]
            total = value[kept.row[begin + one[number]]] + value[kept.row[begin + two[number]]]
            low = 2 * total <= target[lookup]
            fours.append((lookup[low], total[low]))
    return PairSuspects(three=_in_order(threes), four=_in_order(fours))


def _hits(
    marks: _PairMarks, rows: NDArray[np.uint64], spread: NDArray[np.uint64], part: _Alike
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Look-ups, their ledgers, and which of the ledger's `rows` may have a pair beside them."""
    size = rows.shape[1]
    step = max(1, 2 * _PAIRS_AT_ONCE // size)
    for begin in range(0, len(part.lookup), step):
        lookup, at = part.lookup[begin : begin + step], part.at[begin : begin + step]
        hit = marks.among(spread[lookup][:, None] - rows[at], at)
        asked = hit // size
        yield lookup[asked], at[asked], hit - asked * size


def _in_order(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All parts together, by look-up and what stands beside it."""
    lookup, beside = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((beside, lookup))
    return lookup[order], beside[order]
