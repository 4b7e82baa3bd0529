"""Optimal string alignment by the book: what `engine.names` must measure."""

from __future__ import annotations

__all__ = ["alignment_distance"]


def alignment_distance(one: str, two: str) -> int:
    """Fewest insertions, deletions, substitutions and swaps of neighbours, none edited twice."""
    rows = [list(range(len(two) + 1))]
    for line in range(1, len(one) + 1):
        rows.append([line])
        for column in range(1, len(two) + 1):
            changed = one[line - 1] != two[column - 1]
            best = min(
                rows[line - 1][column] + 1,
                rows[line][column - 1] + 1,
                rows[line - 1][column - 1] + changed,
            )
            swapped = (
                line > 1
                and column > 1
                and one[line - 1] == two[column - 2]
                and one[line - 2] == two[column - 1]
            )
            if swapped:
                best = min(best, rows[line - 2][column - 2] + 1)
            rows[line].append(best)
    return rows[-1][-1]
