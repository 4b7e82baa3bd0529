"""An order of many rows, kept while few of them change: its beginning without looking at them all.

Rows that have changed since they were sorted are few. They are looked at one by one, beside those
that still lie where they were sorted to; once they are many, all are sorted anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KeptOrder"]

_CHANGED_MAX: Final = 1_000
"""Changed rows until all are sorted again: looking at them costs a twentieth of that."""

_STEP: Final = 1_024
"""Sorted rows that are looked at first; as many again each time they hold too few."""


class KeptOrder:
    """Rows by a value of each and, where it is the same, by their place."""

    def __init__(self) -> None:
        """Know no rows yet."""
        self._places: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._values: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._changed: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._is_sorted = False

    def note(self, places: NDArray[np.intp]) -> None:
        """The rows at `places` have other values now, or are new."""
        if len(self._changed) + len(places) > _CHANGED_MAX:
            self._is_sorted = False
        if self._is_sorted:
            self._changed = np.union1d(self._changed, places)

    def first(
        self,
        values: NDArray[np.int64],
        mask: NDArray[np.bool_],
        after: tuple[int, int] | None,
        limit: int,
    ) -> NDArray[np.intp]:
        """The places of the first `limit` rows of `mask`, after a value and a place.

        `values` are those of all rows, as they are now.
        """
        if not self._is_sorted:
            self._sort(values)
        lying = self._lying(mask, self._start(after), limit)
        moved = self._changed[mask[self._changed]]
        if after is not None:
            value, place = after
            own = values[moved]
            moved = moved[(own > value) | ((own == value) & (moved > place))]
        places = np.concatenate([lying, moved])
        found: NDArray[np.intp] = places[np.lexsort((places, values[places]))[:limit]]
        return found

    def _sort(self, values: NDArray[np.int64]) -> None:
        self._places = np.argsort(values, kind="stable")
        self._values = values[self._places]
        self._changed = np.zeros(0, dtype=np.intp)
        self._is_sorted = True

    def _start(self, after: tuple[int, int] | None) -> int:
        """Where in the sorted rows those begin that come after a value and a place."""
        if after is None:
            return 0
        value, place = after
        begin = int(np.searchsorted(self._values, value, side="left"))
        end = int(np.searchsorted(self._values, value, side="right"))
        return begin + int(np.searchsorted(self._places[begin:end], place, side="right"))

    def _lying(self, mask: NDArray[np.bool_], start: int, limit: int) -> NDArray[np.intp]:
        """The first `limit` unchanged rows of `mask` from `start` on, as they were sorted."""
        found: list[NDArray[np.intp]] = []
        count, step = 0, _STEP
        while count < limit and start < len(self._places):
            part = self._places[start : start + step]
            part = part[mask[part]]
            part = part[~np.isin(part, self._changed)]
            found.append(part)
            count, start, step = count + len(part), start + step, 2 * step
        return np.concatenate(found)[:limit] if found else np.zeros(0, dtype=np.intp)
