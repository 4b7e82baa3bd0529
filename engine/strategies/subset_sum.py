"""Combinations: every set of the payer's items that has exactly the payment's amount.

Small ledgers are searched completely, so that a single solution is proven to be the only one. In
larger ones only pairs are looked up: unrestricted search beyond some twenty odd-cent amounts finds
mostly accidents. Tolerances never enter a combination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.accident import CLASS_WEIGHTS, log_choose
from engine.candidates import CandidateRows, Candidates
from engine.combinations import subset_solutions
from engine.limits import SUBSET_ITEMS_MAX
from engine.segments import expand_ranges, first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation

__all__ = ["SubsetSearch", "propose_combinations", "propose_pairs", "searchable"]

_PAIR_ITEMS_MAX = 400

SubsetSearch = tuple[Candidates, "NDArray[np.bool_]"]
"""Candidates, and which problems were searched completely."""


def searchable(
    situation: Situation, ledgers: PayerLedgers, value: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Rows that can be part of a combination of `value`s at all: without credits nothing larger
    than the cash can, with them nothing larger than the cash and all credits together.
    """
    credit = -segment_sum(np.minimum(ledgers.remaining, 0), ledgers.owner, len(ledgers))
    bound = situation.cash[ledgers.payment] + credit
    fits: NDArray[np.bool_] = value <= bound[ledgers.owner]
    return fits


def propose_combinations(
    situation: Situation, ledgers: PayerLedgers, *, net: bool, items_max: int = SUBSET_ITEMS_MAX
) -> SubsetSearch:
    """Every combination of two or more items, all gross or (`net`) all less their discounts.

    Problems with more items than `items_max` after pruning are not searched.
    """
    count = len(ledgers)
    given = ledgers.discount if net else np.zeros(len(ledgers.item), dtype=np.int64)
    row = np.flatnonzero(searchable(situation, ledgers, ledgers.remaining - given))
    owner, discount = ledgers.owner[row], given[row]
    value = ledgers.remaining[row] - discount
    size = np.bincount(owner, minlength=count)
    todo = (size >= 2) & (size <= items_max)
    if net:
        todo &= segment_sum(discount, owner, count) > 0
    reachable = segment_sum(np.maximum(value, 0), owner, count) >= situation.cash[ledgers.payment]
    complete = (size <= items_max) & ~todo
    complete |= todo & ~reachable
    todo &= reachable
    found: list[Candidates] = []
    for width in range(2, items_max + 1):
        problems = np.flatnonzero(todo & (size == width))
        if not len(problems):
            continue
        at = np.flatnonzero(todo[owner] & (size[owner] == width)).reshape(len(problems), width)
        solved = subset_solutions(value[at], situation.cash[ledgers.payment[problems]])
        complete[problems] = ~solved.overflow
        chosen = ((solved.mask[:, None] >> np.arange(width)) & 1).astype(np.bool_)
        items_used = chosen.sum(axis=1)
        several = items_used >= 2
        if net:
            several &= (chosen * discount[at[solved.problem]]).sum(axis=1) > 0
        chosen, problem, items_used = chosen[several], solved.problem[several], items_used[several]
        number, place = np.nonzero(chosen)
        member = at[problem[number], place]
        weight = _weight(items_used, np.full(len(items_used), width)) * (0.25 if net else 1.0)
        found.append(
            Candidates.of(
                ledgers.payment[problems[problem]],
                "subset_sum_net" if net else "subset_sum",
                CandidateRows.of(
                    number.astype(np.int64),
                    ledgers.item[row[member]],
                    value[member],
                    discount=discount[member],
                ),
                weight=weight,
            )
        )
    return Candidates.concat(found), complete


def propose_pairs(
    situation: Situation, ledgers: PayerLedgers, todo: NDArray[np.bool_]
) -> Candidates:
    """Every pair of items with the payment's amount in the ledgers of problems `todo`."""
    wanted = todo & (ledgers.size <= _PAIR_ITEMS_MAX)
    row = np.flatnonzero(wanted[ledgers.owner])
    owner, value = ledgers.owner[row], ledgers.remaining[row]
    other = situation.cash[ledgers.payment[owner]] - value
    order = np.lexsort((value, owner))
    # Rank (owner, value) pairs of both sides together, so that one sorted search joins them.
    keys = np.concatenate([value, other])
    owners = np.concatenate([owner, owner])
    ranked = np.lexsort((keys, owners))
    rank = np.empty(len(keys), dtype=np.int64)
    fresh = first_of_runs(owners[ranked], keys[ranked]) if len(keys) else ranked.astype(np.bool_)
    rank[ranked] = np.cumsum(fresh)
    have, want = rank[: len(row)][order], rank[len(row) :]
    low = np.searchsorted(have, want, side="left")
    high = np.searchsorted(have, want, side="right")
    one, position = expand_ranges(low, high)
    two = order[position]
    kept = one < two
    one, two = one[kept], two[kept]
    number = np.arange(len(one), dtype=np.int64)
    rows = CandidateRows.of(
        np.repeat(number, 2),
        ledgers.item[row[np.stack([one, two], axis=1).ravel()]],
        value[np.stack([one, two], axis=1).ravel()],
    )
    problem = owner[one]
    weight = _weight(np.full(len(one), 2), ledgers.size[problem])
    return Candidates.of(ledgers.payment[problem], "subset_sum", rows, weight=weight)


def _weight(used: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """Prior weight of one particular set of `used` out of `size` items."""
    weight = np.zeros(len(used), dtype=np.float64)
    for chosen, name in ((2, "pair"), (3, "triple"), (4, "four")):
        weight += (used == chosen) * CLASS_WEIGHTS[name] * np.exp(-log_choose(size, chosen))
    many = used > 4
    return weight + many * CLASS_WEIGHTS["more"] / np.exp2(np.minimum(size, 60).astype(np.float64))
