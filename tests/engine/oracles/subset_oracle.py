"""Every subset, one by one: what `engine.combinations` must find."""

from __future__ import annotations

from itertools import combinations

__all__ = ["subsets_with_sum"]


def subsets_with_sum(amounts: list[int], target: int) -> list[tuple[int, ...]]:
    """Positions of every non-empty subset of `amounts` that adds up to `target`."""
    positions = range(len(amounts))
    return [
        chosen
        for size in range(1, len(amounts) + 1)
        for chosen in combinations(positions, size)
        if sum(amounts[position] for position in chosen) == target
    ]
