"""The items of a lockbox batch seen so far: which number stands twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SeenItems"]

_RUNS_MAX: Final = 16
"""Ascending runs kept as arrays; more are poured into the set."""


class SeenItems:
    """Numbers of batch and item since the batch began, or since items had counted to all nines."""

    def __init__(self, item_width: int) -> None:
        """Items of `item_width` digits begin anew after all nines."""
        self._nines = "9" * item_width
        self._limit = 10**item_width
        self._items: set[str] = set()
        self._numbers: set[int] = set()
        self._runs: list[NDArray[np.int64]] = []
        self._previous = ""
        self._highest = -1

    def clear(self) -> None:
        """A batch begins."""
        self._items.clear()
        self._numbers.clear()
        self._runs.clear()
        self._previous = ""
        self._highest = -1

    def descends_to(self, number: int) -> bool:
        """Whether `number` is not above all that were seen, and does not begin anew after them."""
        return number <= self._highest and not self._previous.endswith(self._nines)

    def is_repeated(self, item: str) -> bool:
        """Whether `item` (batch and item number as they stand) was seen; it is from now on."""
        if self._previous.endswith(self._nines):
            self.clear()
        self._previous = item
        if not item.isdecimal():
            is_known = item in self._items
            self._items.add(item)
            return is_known
        number = int(item)
        is_known = number in self._numbers or any(_holds(run, number) for run in self._runs)
        self._numbers.add(number)
        self._highest = max(self._highest, number)
        return is_known

    def add_run(self, numbers: NDArray[np.int64], width: int) -> None:
        """`numbers` of `width` digits were seen, in this order, each above all before it."""
        if self._previous.endswith(self._nines):
            self.clear()
        anew = np.flatnonzero(numbers[:-1] % self._limit == self._limit - 1)
        if len(anew):
            self.clear()
            numbers = numbers[anew[-1] + 1 :]
        self._runs.append(numbers)
        if len(self._runs) > _RUNS_MAX:
            for run in self._runs:
                self._numbers.update(run.tolist())
            self._runs.clear()
        self._previous = f"{int(numbers[-1]):0{width}d}"
        self._highest = max(self._highest, int(numbers[-1]))


def _holds(run: NDArray[np.int64], number: int) -> bool:
    at = int(np.searchsorted(run, number))
    return at < len(run) and int(run[at]) == number
