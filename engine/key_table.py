"""Key → values: many 64-bit keys sorted once, found by the million without a search.

Keys are scrambled (an invertible multiplication), so that they spread evenly. Their leading bits
point to a pair of slots, which holds the two least of the keys it is pointed to for; the others,
one in six, stand in order in a second table, small and with more room, each as near behind its
own pair as those before it leave. What a key leads to stands beside it, and a pair is read at
once: one look is mostly all a question costs, where a binary search would miss the cache twenty
times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.segments import expand_ranges, first_of_runs, is_among, order_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeyTable", "Pairs", "scrambled"]

_SCRAMBLE: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_PAIRS, _PER = 3, 4
"""Pairs of slots per key: with three for four keys, five questions in six are answered at the first
look. More pairs would answer more of them, and miss the cache more often."""

_PAIRS_MIN: Final = 8
_PAIRS_BEHIND: Final = 2
"""Pairs per key of the second table, where a look further is dearer than a bigger table."""

_PAIR: Final = np.dtype("V32")
_LINE_BYTES: Final = 64
"""Pairs never stand in two lines of the cache."""

_CHUNK: Final = 1 << 15
"""Questions asked at once: what was read for them is still in the cache when it is read again."""

_SEVERAL: Final = np.uint64(1 << 63)
_COUNT_SHIFT: Final = np.uint64(32)
_START: Final = np.uint64((1 << 32) - 1)
_FREE: Final = np.uint64((1 << 64) - 1)
"""Key of a slot without one: no other is greater, so that whoever looks stops there."""

_GREATEST: Final = np.uint64((1 << 64) - 2)


def _alike(placed: NDArray[np.uint64], place: int, room: int) -> tuple[int, int]:
    """Bounds of the run around `place` whose leading bits are the same."""
    leading, first, last = int(placed[place]) >> room, place, place + 1
    while first and int(placed[first - 1]) >> room == leading:
        first -= 1
    while last < len(placed) and int(placed[last]) >> room == leading:
        last += 1
    return first, last


def scrambled(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Keys as a table keeps them."""
    mixed: NDArray[np.uint64] = keys * _SCRAMBLE
    return np.minimum(mixed, _GREATEST, out=mixed)


def _homes(mixed: NDArray[np.uint64], homes: int) -> NDArray[np.int64]:
    """Pair each scrambled key would stand in if it were alone."""
    place: NDArray[np.uint64] = mixed >> _HALF
    place *= np.uint64(homes)
    place >>= _HALF
    return place.view(np.int64)


def _free_slots(pairs: int) -> NDArray[np.uint64]:
    """Slots of so many pairs, all free, from the beginning of a line of the cache on."""
    spare = _LINE_BYTES // 8
    room = np.empty(pairs * 4 + spare, dtype=np.uint64)
    first = -room.ctypes.data % _LINE_BYTES // 8
    slots: NDArray[np.uint64] = room[first : first + pairs * 4].reshape(-1, 2)
    slots[:, 0], slots[:, 1] = _FREE, 0
    return slots


class Pairs(msgspec.Struct, frozen=True):
    """Keys, each beside its value (shape: slots × 2, two slots a pair), free slots at the ends of
    pairs and a free pair behind all; homes: how many pairs the leading bits are spread over.
    """

    entry: NDArray[np.uint64]
    homes: int

    @classmethod
    def of(cls, key: NDArray[np.uint64], value: NDArray[np.uint64]) -> Pairs:
        """Sorted keys one behind the other where they crowd: only the last stand behind `homes`."""
        homes = max(len(key) * _PAIRS_BEHIND, _PAIRS_MIN)
        place = _homes(key, homes) * 2
        # No two in one slot, and none before the one in front of it.
        place -= np.arange(len(key))
        np.maximum.accumulate(place, out=place)
        place += np.arange(len(key))
        pairs = max(homes, int(place[-1]) // 2 + 1 if len(place) else 0) + 1
        return cls(_filled(pairs, place, key, value), homes)

    def read(
        self,
        place: NDArray[np.int64],
        wanted: NDArray[np.uint64],
        there: NDArray[np.bool_],
        told: NDArray[np.uint64],
    ) -> NDArray[np.int64]:
        """Write whether each wanted key stands in the pair at its place, and what stands beside it;
        gives those that may stand further on.
        """
        # Both keys of a pair and their values are read together; "clip" spares a check of every
        # place, all of which are inside.
        pairs = self.entry.reshape(-1, 4).view(_PAIR).ravel()
        read = np.take(pairs, place, mode="clip").view(np.uint64).reshape(-1, 4)
        np.equal(read[:, 0], wanted, out=there)
        second = read[:, 2] == wanted
        told[:] = np.where(second, read[:, 3], read[:, 1])
        there |= second
        return (read[:, 2] < wanted).nonzero()[0]


def _filled(
    pairs: int, place: NDArray[np.int64], key: NDArray[np.uint64], value: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    entry = _free_slots(pairs)
    entry[place, 0], entry[place, 1] = key, value
    return entry


class KeyTable(msgspec.Struct, frozen=True):
    """Distinct keys, each in the pair it belongs to or `behind`, beside its value; of a key with
    several values their number and where they begin in `shared`.
    """

    own: Pairs
    behind: Pairs
    shared: NDArray[np.uint64]

    @classmethod
    def of(cls, keys: NDArray[np.uint64], values: NDArray[np.uint64]) -> KeyTable:
        """A table of `keys` with a value (below 2^63) each; values of one key ascend."""
        mixed = scrambled(keys)
        # Sorted by as many leading bits as leave room for the place; the few that differ only
        # behind those are put in order after.
        room = np.uint64(len(keys).bit_length() + 1)
        order = order_of(mixed >> room)
        placed, values = mixed[order], values[order]
        alike = (~first_of_runs((placed >> room).view(np.int64))).nonzero()[0]
        alike = alike[placed[alike] != placed[alike - 1]]
        for place in alike.tolist():
            first, last = _alike(placed, place, int(room))
            inner = np.argsort(placed[first:last], kind="stable")
            placed[first:last] = placed[first:last][inner]
            values[first:last] = values[first:last][inner]
        return cls.of_sorted(placed, values)

    @classmethod
    def of_sorted(cls, mixed: NDArray[np.uint64], values: NDArray[np.uint64]) -> KeyTable:
        """A table of scrambled keys, sorted, with a value each, in any order within a key."""
        head = first_of_runs(mixed.view(np.int64))[: len(mixed)].nonzero()[0]
        size = np.diff(np.append(head, len(mixed)))
        several = (size > 1).nonzero()[0]
        count = size[several]
        group, row = expand_ranges(head[several], head[several] + count)
        shared = values[row]
        shared = shared[np.lexsort((shared, group))]
        start = (count.cumsum() - count).astype(np.uint64)
        told = values[head]
        told[several] = _SEVERAL | count.astype(np.uint64) << _COUNT_SHIFT | start
        homes = max(len(head) * _PAIRS // _PER, _PAIRS_MIN)
        key = mixed[head]
        place = _homes(key, homes)
        first = first_of_runs(place) if len(place) else np.empty(0, dtype=np.bool_)
        stays = first.copy()
        stays[1:] |= first[:-1]
        slot = place[stays] * 2 + ~first[stays]
        own = Pairs(_filled(homes, slot, key[stays], told[stays]), homes)
        return cls(own, Pairs.of(key[~stays], told[~stays]), shared)

    def __len__(self) -> int:
        """Number of values."""
        told = self._entries()[1]
        return len(told) - int(np.count_nonzero(told >= _SEVERAL)) + len(self.shared)

    def rows(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Scrambled key and value of each value there is, as `of_sorted` takes them."""
        key, told = self._entries()
        several = told >= _SEVERAL
        size = np.where(several, (told & ~_SEVERAL) >> _COUNT_SHIFT, 1).astype(np.int64)
        values = np.repeat(told, size)
        values[np.repeat(several, size)] = self.shared
        return np.repeat(key, size), values

    def _entries(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Distinct keys, ascending, and what stands beside each."""
        own, behind = (part.entry[part.entry[:, 0] != _FREE] for part in (self.own, self.behind))
        at = own[:, 0].searchsorted(behind[:, 0])
        key, told = (np.insert(own[:, one], at, behind[:, one]) for one in (0, 1))
        return key, told

    def without(self, keys: NDArray[np.uint64]) -> KeyTable:
        """The table without `keys` (`scrambled`, sorted)."""
        if not len(keys):
            return self
        key, value = self.rows()
        kept = ~is_among(key, keys)
        return KeyTable.of_sorted(key[kept], value[kept])

    def find(
        self, keys: NDArray[np.uint64], values_max: int
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Values of each of `keys`: owner (place in the question), ascending, and value. A key with
        more than `values_max` has none.
        """
        there = np.empty(len(keys), dtype=np.bool_)
        told = np.empty(len(keys), dtype=np.uint64)
        lives: list[NDArray[np.int64]] = []
        wants: list[NDArray[np.uint64]] = []
        for first in range(0, len(keys), _CHUNK):
            rows = slice(first, first + _CHUNK)
            wanted = scrambled(keys[rows])
            further = self.own.read(_homes(wanted, self.own.homes), wanted, there[rows], told[rows])
            lives.append(further + first)
            wants.append(wanted[further])
        self._look_behind(lives, wants, there, told)
        owner = there.nonzero()[0]
        if len(owner) < len(told):
            told = told[owner]
        if not len(self.shared) or not (told >= _SEVERAL).any():
            return owner, told
        # Few are of several values as a rule: the others are only moved.
        several = (told >= _SEVERAL).nonzero()[0]
        held = told[several]
        size = ((held & ~_SEVERAL) >> _COUNT_SHIFT).astype(np.int64)
        size[size > values_max] = 0
        begin = (held & _START).astype(np.int64)
        of, place = expand_ranges(begin, begin + size)
        count = np.ones(len(told), dtype=np.int64)
        count[several] = size
        owner, told = np.repeat(owner, count), np.repeat(told, count)
        moved = several + (size - 1).cumsum() - (size - 1)
        told[moved[of] + place - begin[of]] = self.shared[place]
        return owner, told

    def _look_behind(
        self,
        lives: list[NDArray[np.int64]],
        wants: list[NDArray[np.uint64]],
        there: NDArray[np.bool_],
        told: NDArray[np.uint64],
    ) -> None:
        """Write what is found of the questions whose pair holds lesser keys only."""
        live = np.concatenate([*lives, np.empty(0, dtype=np.int64)])
        wanted = np.concatenate([*wants, np.empty(0, dtype=np.uint64)])
        place = _homes(wanted, self.behind.homes)
        while len(live):
            hit, value = np.empty(len(live), dtype=np.bool_), np.empty(len(live), dtype=np.uint64)
            further = self.behind.read(place, wanted, hit, value)
            there[live], told[live] = hit, value
            live, wanted, place = live[further], wanted[further], place[further] + 1
