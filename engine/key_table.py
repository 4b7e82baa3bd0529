"""Key → values: many 64-bit keys sorted once, found by the million without a search.

Keys are scrambled (an invertible multiplication), so that they spread evenly, and stand in order in
a table with more slots than keys, each as near behind the slot its leading bits point to as those
before it leave room. What a key leads to stands beside it: one look is mostly all a question costs,
where a binary search would miss the cache twenty times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.segments import expand_ranges, first_of_runs, is_among, order_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeyTable", "scrambled"]

_SCRAMBLE: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)
_ROOM, _PER = 5, 2
"""Slots per key: with five for two, four questions in five are answered at the first look. With
fewer more are asked again, and asking again costs more than what else is read from memory."""

_SLOTS_MIN: Final = 16
_CHUNK: Final = 1 << 14
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
    with np.errstate(over="ignore"):
        mixed: NDArray[np.uint64] = np.minimum(keys * _SCRAMBLE, _GREATEST)
    return mixed


def _homes(mixed: NDArray[np.uint64], homes: int) -> NDArray[np.int64]:
    """Slot each scrambled key would stand in if it were alone."""
    place: NDArray[np.int64] = ((mixed >> _HALF) * np.uint64(homes) >> _HALF).view(np.int64)
    return place


class KeyTable(msgspec.Struct, frozen=True):
    """Distinct keys in scrambled order, each beside its value (shape: slots × 2), free slots among
    them and one behind them; of a key with several values their number and where they begin in
    `shared`.

    homes: how many slots the leading bits are spread over; only the last keys stand behind those.
    """

    entry: NDArray[np.uint64]
    shared: NDArray[np.uint64]
    homes: int

    @classmethod
    def of(cls, keys: NDArray[np.uint64], values: NDArray[np.uint64]) -> KeyTable:
        """A table of `keys` with a value (below 2^63) each; values of one key ascend."""
        mixed = scrambled(keys)
        # Sorted by as many leading bits as leave room for the place; the few that differ only
        # behind those are put in order after.
        room = np.uint64(len(keys).bit_length() + 1)
        order = order_of(mixed >> room)
        placed, values = mixed[order], values[order]
        alike = np.flatnonzero(~first_of_runs((placed >> room).view(np.int64)))
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
        head = np.flatnonzero(first_of_runs(mixed.view(np.int64))[: len(mixed)])
        size = np.diff(np.append(head, len(mixed)))
        several = np.flatnonzero(size > 1)
        count = size[several]
        group, row = expand_ranges(head[several], head[several] + count)
        shared = values[row]
        shared = shared[np.lexsort((shared, group))]
        start = (np.cumsum(count) - count).astype(np.uint64)
        told = values[head]
        told[several] = _SEVERAL | count.astype(np.uint64) << _COUNT_SHIFT | start
        homes = max(len(head) * _ROOM // _PER, _SLOTS_MIN)
        key = mixed[head]
        place = _homes(key, homes)
        # No two in one slot, and none before the one in front of it.
        place -= np.arange(len(head))
        np.maximum.accumulate(place, out=place)
        place += np.arange(len(head))
        slots = max(homes, int(place[-1]) + 1 if len(place) else 0) + 1
        entry = np.empty((slots, 2), dtype=np.uint64)
        entry[:, 0], entry[:, 1] = _FREE, 0
        entry[place, 0], entry[place, 1] = key, told
        return cls(entry, shared, homes)

    def __len__(self) -> int:
        """Number of values."""
        taken = int(np.count_nonzero(self.entry[:, 0] != _FREE))
        several = int(np.count_nonzero(self.entry[:, 1] >= _SEVERAL))
        return taken - several + len(self.shared)

    def rows(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Scrambled key and value of each value there is, as `of_sorted` takes them."""
        taken = np.flatnonzero(self.entry[:, 0] != _FREE)
        key, told = self.entry[taken, 0], self.entry[taken, 1]
        several = told >= _SEVERAL
        size = np.where(several, (told & ~_SEVERAL) >> _COUNT_SHIFT, 1).astype(np.int64)
        values = np.repeat(told, size)
        values[np.repeat(several, size)] = self.shared
        return np.repeat(key, size), values

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
        owner = np.empty(len(keys), dtype=np.int64)
        told = np.empty(len(keys), dtype=np.uint64)
        filled = 0
        for first in range(0, len(keys), _CHUNK):
            at, value = self._told(keys[first : first + _CHUNK])
            np.add(at, first, out=owner[filled : filled + len(at)])
            told[filled : filled + len(at)] = value
            filled += len(at)
        owner, told = owner[:filled], told[:filled]
        if not len(self.shared) or not (told >= _SEVERAL).any():
            return owner, told
        # Few are of several values as a rule: the others are only moved.
        several = np.flatnonzero(told >= _SEVERAL)
        held = told[several]
        size = ((held & ~_SEVERAL) >> _COUNT_SHIFT).astype(np.int64)
        size[size > values_max] = 0
        begin = (held & _START).astype(np.int64)
        of, place = expand_ranges(begin, begin + size)
        count = np.ones(len(told), dtype=np.int64)
        count[several] = size
        owner, told = np.repeat(owner, count), np.repeat(told, count)
        moved = several + np.cumsum(size - 1) - (size - 1)
        told[moved[of] + place - begin[of]] = self.shared[place]
        return owner, told

    def _told(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Which of at most `_CHUNK` keys are there, and what stands beside each."""
        wanted = scrambled(keys)
        # Key and value are read together, as one number of sixteen bytes; "clip" spares a check
        # of every place, all of which are inside.
        entries = self.entry.view(np.complex128).ravel()
        place = _homes(wanted, self.homes)
        read = np.take(entries, place, mode="clip").view(np.uint64).reshape(-1, 2)
        key, told = read[:, 0], read[:, 1].copy()
        there = key == wanted
        live = np.flatnonzero(key < wanted)
        while len(live):
            place[live] += 1
            read = np.take(entries, place[live], mode="clip").view(np.uint64).reshape(-1, 2)
            asked = wanted[live]
            hit = read[:, 0] == asked
            there[live[hit]], told[live[hit]] = True, read[hit, 1]
            live = live[read[:, 0] < asked]
        at = np.flatnonzero(there)
        return at, told if len(at) == len(told) else told[at]
