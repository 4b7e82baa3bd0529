"""Cheap seeded draws: numpy's PCG64 drawn in blocks, so that a million small choices stay fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Dice"]

_BLOCK: Final = 1 << 15
_T = TypeVar("_T")


class Dice:
    """Uniform draws from one seeded generator; equal seeds give equal sequences."""

    def __init__(self, seed: int) -> None:
        """Start at `seed`."""
        self.generator = np.random.Generator(np.random.PCG64(seed))
        self._block: list[float] = []

    def unit(self) -> float:
        """A number in [0, 1)."""
        if not self._block:
            self._block = self.generator.random(_BLOCK).tolist()
        return self._block.pop()

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.unit() < probability

    def below(self, stop: int) -> int:
        """An integer in [0, stop)."""
        return int(self.unit() * stop)

    def between(self, first: int, last: int) -> int:
        """An integer in [first, last]."""
        return first + int(self.unit() * (last - first + 1))

    def pick(self, values: Sequence[_T]) -> _T:
        """One of `values`, all equally likely."""
        return values[int(self.unit() * len(values))]

    def weighted(self, weights: dict[str, float]) -> str:
        """A key of `weights`, as likely as its weight."""
        left = self.unit() * sum(weights.values())
        for name, weight in weights.items():
            left -= weight
            if left < 0:
                return name
        return next(reversed(weights))

    def sample(self, values: Sequence[_T], count: int) -> list[_T]:
        """`count` different places of `values`, in random order; all of them where fewer."""
        pool = list(values)
        taken = []
        for _ in range(min(count, len(pool))):
            place = self.below(len(pool))
            pool[place], pool[-1] = pool[-1], pool[place]
            taken.append(pool.pop())
        return taken

    def digits(self, count: int) -> str:
        """`count` decimal digits, the first one not 0."""
        return str(self.between(10 ** (count - 1), 10**count - 1))
