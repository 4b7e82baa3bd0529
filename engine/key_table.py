"""Key → rows: many 64-bit keys sorted once, found by the million without a search.

Keys are scrambled (an invertible multiplication), so that their leading bits spread evenly; a
directory over those bits says where the few keys that share them begin. One look into the directory
and about one key is read per question, where a binary search would miss the cache twenty times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.segments import first_of_runs, order_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeyTable"]

_SCRAMBLE: Final = np.uint64(0x9E3779B97F4A7C15)
_DIRECTORY_BITS_MIN: Final = 4
_CHUNK: Final = 1 << 16


def _alike(placed: NDArray[np.uint64], place: int, room: int) -> tuple[int, int]:
    """Bounds of the run around `place` whose leading bits are the same."""
    leading, first, last = int(placed[place]) >> room, place, place + 1
    while first and int(placed[first - 1]) >> room == leading:
        first -= 1
    while last < len(placed) and int(placed[last]) >> room == leading:
        last += 1
    return first, last


class KeyTable(msgspec.Struct, frozen=True):
    """Distinct keys in scrambled order, and the rows of each: `start[k]` to `start[k + 1]`.

    directory: first key of each value of the leading bits, and the number of keys behind the last.
    """

    key: NDArray[np.uint64]
    start: NDArray[np.int32]
    directory: NDArray[np.int32]

    @classmethod
    def of(cls, keys: NDArray[np.uint64]) -> tuple[KeyTable, NDArray[np.int64]]:
        """A table of `keys`, and the order in which its rows stand: equal keys side by side, in
        the order given.
        """
        with np.errstate(over="ignore"):
            scrambled = keys * _SCRAMBLE
        # Sorted by as many leading bits as leave room for the place; the few that differ only
        # behind those are put in order after.
        room = np.uint64(len(keys).bit_length() + 1)
        order = order_of(scrambled >> room)
        placed = scrambled[order]
        alike = np.flatnonzero(~first_of_runs((placed >> room).view(np.int64)))
        alike = alike[placed[alike] != placed[alike - 1]]
        for place in alike.tolist():
            first, last = _alike(placed, place, int(room))
            inner = np.argsort(placed[first:last], kind="stable")
            placed[first:last] = placed[first:last][inner]
            order[first:last] = order[first:last][inner]
        return cls.of_sorted(placed), order

    @classmethod
    def of_sorted(cls, scrambled: NDArray[np.uint64]) -> KeyTable:
        """A table of the scrambled keys of its rows, sorted."""
        head = np.flatnonzero(first_of_runs(scrambled.view(np.int64))[: len(scrambled)])
        start = np.append(head, len(scrambled)).astype(np.int32)
        key = scrambled[start[:-1]]
        bits = max(len(key).bit_length(), _DIRECTORY_BITS_MIN)
        leading = (key >> np.uint64(64 - bits)).astype(np.int64)
        directory = np.zeros((1 << bits) + 1, dtype=np.int32)
        np.cumsum(np.bincount(leading, minlength=1 << bits), out=directory[1:])
        return cls(key, start, directory)

    def __len__(self) -> int:
        """Number of rows."""
        return int(self.start[-1])

    def row_keys(self) -> NDArray[np.uint64]:
        """The scrambled key of each row, as `of_sorted` takes them."""
        return np.repeat(self.key, np.diff(self.start))

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row and row behind the last of each of `keys`; equal where there is none."""
        parts = [
            self._find(keys[first : first + _CHUNK]) for first in range(0, len(keys), _CHUNK)
        ] or [np.empty(0, dtype=np.int64)]
        at = np.concatenate(parts)
        low = self.start[at].astype(np.int64)
        return low, np.where(at < len(self.key), self.start[np.minimum(at + 1, len(self.key))], low)

    def _find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Place of each of at most `_CHUNK` keys among the distinct ones, their number if none."""
        shift = np.uint64(65 - len(self.directory).bit_length())
        with np.errstate(over="ignore"):
            wanted = keys * _SCRAMBLE
        leading = (wanted >> shift).astype(np.int64)
        place, end = self.directory[leading], self.directory[leading + 1]
        found = np.full(len(keys), len(self.key), dtype=np.int64)
        live = np.flatnonzero(place < end)
        place, end, wanted = place[live], end[live], wanted[live]
        while len(live):
            here = self.key[place]
            same = here == wanted
            found[live[same]] = place[same]
            place += 1
            further = (here < wanted) & (place < end)
            live, place, end, wanted = live[further], place[further], end[further], wanted[further]
        return found
