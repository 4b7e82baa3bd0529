"""Is the truth the only reading of an amount? Counts other sets of a customer's items that fit.

A scenario that gives nothing but an amount may be decided alone only where no other combination of
the customer's items makes the same sum. Looked at: single items, whole and past-due balances,
pairs and triples with every earned discount taken or not, and on small ledgers every subset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tieout.worlds.open_items import OpenItems

__all__ = ["other_readings"]

_ALL_SUBSETS_ITEMS_MAX: Final = 14
_TRIPLE_OPTIONS_MAX: Final = 90


def other_readings(
    items: OpenItems,
    customer: int,
    amount: int,
    day: int,
    truth: Sequence[int],
    without: frozenset[int] = frozenset(),
) -> list[str]:
    """Ambiguity codes of the sets other than `truth` that `amount` cents on `day` would also fit.

    Empty where `truth` (rows of `items`) is the only one among those looked at; sets with one of
    the items `without` are not.
    """
    rows = [
        row
        for row in items.rows_of_customer[customer]
        if items.open_minor(row) and (row in truth or row not in without)
    ]
    faces = [items.face[row] for row in rows]
    options = [(face, row) for face, row in zip(faces, rows, strict=True)]
    options += [
        (items.face[row] - items.discounted(row, day), row)
        for row in rows
        if items.discounted(row, day)
    ]
    found = []
    singles = sum(value == amount for value, _ in options)
    pairs, triples = _pairs_and_triples(options, amount)
    subsets = _subsets(faces, amount)
    totals = _other_totals(items, rows, amount, day, truth)
    size = len(truth)
    if singles > (size == 1):
        found.append("AMB-SINGLE")
    same_amounts = _has_twins(items, rows, truth)
    if same_amounts:
        found.append("AMB-AMOUNTS")
    if pairs > (size == 2) or triples > (size == 3) or subsets > _plain_truth(items, truth, amount):
        found.append("AMB-COMBO")
    if totals:
        found.append("AMB-TOTAL")
    if _beyond_proof(size, len(rows)):
        found.append("AMB-LIMIT")
    return found


def _beyond_proof(size: int, item_count: int) -> bool:
    """Whether accidental sums of `size` of so many items are likely enough to forbid a decision.

    Bounds where the expected number of accidental sets of odd-cent amounts passes about 0.01; whole
    balances of short ledgers stay far below them.
    """
    return (size >= 4 and item_count > 24) or (size == 3 and item_count > 40)


def _plain_truth(items: OpenItems, truth: Sequence[int], amount: int) -> int:
    return int(sum(items.face[row] for row in truth) == amount)


def _pairs_and_triples(options: list[tuple[int, int]], amount: int) -> tuple[int, int]:
    """How many pairs and triples of different items make `amount`."""
    if len(options) < 2:
        return 0, 0
    values = np.array([value for value, _ in options])
    owner = np.array([row for _, row in options])
    left, right = np.triu_indices(len(values), 1)
    different = owner[left] != owner[right]
    left, right = left[different], right[different]
    sums = values[left] + values[right]
    pairs = int(np.count_nonzero(sums == amount))
    if len(values) > _TRIPLE_OPTIONS_MAX:
        return pairs, 0
    order = np.argsort(values, kind="stable")
    return pairs, _triples(values[order], owner[order], owner, (left, right), amount - sums)


def _triples(
    ordered: NDArray[np.int64],
    ordered_owner: NDArray[np.int64],
    owner: NDArray[np.int64],
    pair: tuple[NDArray[np.int64], NDArray[np.int64]],
    missing: NDArray[np.int64],
) -> int:
    first = np.searchsorted(ordered, missing, side="left")
    last = np.searchsorted(ordered, missing, side="right")
    found = 0
    for at in np.flatnonzero(last > first).tolist():
        members = (owner[pair[0][at]], owner[pair[1][at]])
        third = ordered_owner[first[at] : last[at]]
        found += int(np.count_nonzero((third != members[0]) & (third != members[1])))
    return found // 3


def _subsets(faces: list[int], amount: int) -> int:
    """How many subsets of `faces` make `amount`; 0 where there are too many items to look."""
    if len(faces) > _ALL_SUBSETS_ITEMS_MAX:
        return 0
    sums = np.zeros(1, dtype=np.int64)
    for face in faces:
        sums = np.concatenate([sums, sums + face])
    return int(np.count_nonzero(sums == amount)) - (amount == 0)


def _has_twins(items: OpenItems, rows: list[int], truth: Sequence[int]) -> bool:
    """Whether an item outside `truth` has the amount of one inside."""
    inside = {items.face[row] for row in truth}
    members = set(truth)
    return any(items.face[row] in inside for row in rows if row not in members)


def _other_totals(
    items: OpenItems, rows: list[int], amount: int, day: int, truth: Sequence[int]
) -> bool:
    """Whether a whole or a past-due balance, with or without credits, also makes `amount`."""
    sets = []
    for wanted in (rows, [row for row in rows if items.due_day[row] < day]):
        sets.append(wanted)
        sets.append([row for row in wanted if items.face[row] > 0])
    members = set(truth)
    return any(
        sum(items.face[row] for row in chosen) == amount and set(chosen) != members
        for chosen in sets
        if chosen
    )
