"""Combinations: sets of the payer's items, of no particular shape, with exactly the amount.

Where the choices of a ledger are few enough, every one of them is tried, gross and net item by
item, so that a single solution is proven to be the only one. In larger ledgers three and four items
are looked up, and all but three: beyond some twenty odd-cent amounts larger sets fit by accident.
Tolerances never enter a combination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.accident import CLASS_WEIGHTS, log_choose
from engine.candidates import STRATEGIES, CandidateRows, Candidates
from engine.choice_sums import (
    ChoiceColumns,
    ChoiceSolutions,
    choice_solutions,
    choice_states,
)
from engine.limits import (
    COMBINATIONS_SHOWN_MAX,
    COUNTED_ITEMS_MAX,
    FOUR_ITEMS_MAX,
    LEFT_OUT_MAX,
    TRIPLE_ITEMS_MAX,
)
from engine.segments import expand_ranges, first_of_runs, order_of, segment_sum
from engine.solution_counts import count_solutions
from engine.sum_join import build_sums
from engine.sum_marks import pair_suspects
from engine.sum_sets import fours_of, triples_of, triples_with

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.payer_ledgers import PayerLedgers
    from engine.situation import Situation
    from engine.sum_join import SumTables
    from engine.sum_sets import FoundSets

__all__ = ["Combinations", "FewItems", "propose_combinations", "propose_few_items"]

_COUNTED_ROWS_MAX = 20
_KEYS_MAX = 1 << 63
_NET_SHARE, _MIXED_SHARE = 0.25, 0.05


class Combinations(msgspec.Struct, frozen=True, kw_only=True):
    """What a complete search found, per problem of the ledgers it was given.

    searched: every choice was tried; stopped: there are more solutions than are given;
    sets, weight: how many further sets of items, equal in amounts to some candidate, there are, and
    their prior weight together.
    """

    candidates: Candidates
    searched: NDArray[np.bool_]
    stopped: NDArray[np.bool_]
    sets: NDArray[np.float64]
    weight: NDArray[np.float64]


_NO_COMBINATIONS: Final = Combinations(
    candidates=Candidates.none(),
    searched=np.zeros(0, dtype=np.bool_),
    stopped=np.zeros(0, dtype=np.bool_),
    sets=np.zeros(0),
    weight=np.zeros(0),
)


class _Classes(msgspec.Struct, frozen=True, kw_only=True):
    """Equal items of each problem as one column; `row` has their rows, class by class."""

    columns: ChoiceColumns
    row: NDArray[np.int64]
    start: NDArray[np.int64]
    size: NDArray[np.int64]


def propose_combinations(
    situation: Situation, ledgers: PayerLedgers, *, states_max: float
) -> Combinations:
    """Every choice of the rows of each problem with at most 2^`states_max` choices.

    Rows that are not usable take part: with them a sum is ambiguous. Problems of two or more items
    are meant; single items are left to others.
    """
    count = len(ledgers)
    if not count:
        return _NO_COMBINATIONS
    cash = situation.cash[ledgers.payment]
    classes = _classes(ledgers, cash)
    searched = choice_states(classes.columns) <= states_max
    solvable = searched & _worth_solving(classes.columns, cash, searched)
    chosen = solvable.nonzero()[0]
    stopped = np.zeros(count, dtype=np.bool_)
    if not len(chosen):
        zero = np.zeros(count, dtype=np.float64)
        return Combinations(
            candidates=Candidates.none(), searched=searched, stopped=stopped, sets=zero, weight=zero
        )
    part = _part(classes, chosen)
    solved = choice_solutions(part.columns, cash[chosen])
    candidates, sets, weight = _spelt_out(ledgers, part, solved, chosen)
    stopped[chosen] = solved.overflow
    return Combinations(
        candidates=candidates, searched=searched, stopped=stopped, sets=sets, weight=weight
    )


def _classes(ledgers: PayerLedgers, cash: NDArray[np.int64]) -> _Classes:
    """Rows that can be part of a sum at all, equal ones together.

    Without credits nothing larger than the cash can, with them nothing larger than the cash and all
    credits together.
    """
    count = len(ledgers)
    problem, row = ledgers.rows_of(np.arange(count))
    credit = -segment_sum(np.minimum(ledgers.value[row], 0), problem, count)
    fits = ledgers.value[row] <= (cash + credit)[problem]
    problem, row = problem[fits], row[fits]
    value, discount = ledgers.value[row], ledgers.discount[row]
    usable = ledgers.usable[row].astype(np.int64)
    order = _by_value(problem, value, discount, usable)
    problem, row = problem[order], row[order]
    value, discount, usable = value[order], discount[order], usable[order]
    fresh = first_of_runs(problem, value, discount, usable)
    start = fresh.nonzero()[0]
    bounds = problem[start].searchsorted(np.arange(count + 1))
    columns = ChoiceColumns(
        bounds=bounds,
        copies=np.diff(np.append(start, len(row))),
        gross=value[start] + discount[start],
        net=value[start],
    )
    return _Classes(
        columns=columns, row=row, start=start, size=np.bincount(problem, minlength=count)
    )


def _by_value(problem: NDArray[np.int64], *columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows by problem (they stand so) and columns; only those alike in the first are compared in
    the others, which are dear to sort by.
    """
    value = columns[0]
    low, high = int(value.min(initial=0)), int(value.max(initial=0))
    if (int(problem.max(initial=0)) + 1) * (high - low + 1) >= _KEYS_MAX:
        return np.lexsort((*columns[::-1], problem))
    key = problem * (high - low + 1) + (value - low)
    order = order_of(key)
    again = ~first_of_runs(key[order])
    alike = (again | np.append(again[1:], False)).nonzero()[0][: len(order)]
    rows = order[alike]
    order[alike] = rows[np.lexsort((*(column[rows] for column in columns[:0:-1]), key[rows]))]
    return order


def _worth_solving(
    columns: ChoiceColumns, cash: NDArray[np.int64], searched: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Problems that have a solution of several items, as far as counting is cheaper than spelling
    out.

    Problems of different items without discounts are counted, those of one size together.
    """
    count = len(columns)
    owner = np.arange(count).repeat(columns.bounds[1:] - columns.bounds[:-1])
    odd = (columns.copies > 1) | (columns.gross != columns.net)
    plain = np.bincount(owner[odd], minlength=count) == 0
    size = columns.bounds[1:] - columns.bounds[:-1]
    worth = size > 0
    reach = segment_sum(np.maximum(columns.gross, 0) * columns.copies, owner, count)
    worth &= reach >= cash
    todo = searched & worth & plain & (size <= _COUNTED_ROWS_MAX)
    for width in np.bincount(size[todo]).nonzero()[0].tolist():
        alike = (todo & (size == width)).nonzero()[0]
        at = columns.bounds[alike][:, None] + np.arange(width)
        gross, target = columns.gross[at], cash[alike]
        # Single items are left to others.
        single = (gross == target[:, None]).sum(axis=1)
        worth[alike] = count_solutions(gross, target) > single
    return worth


def _part(classes: _Classes, problems: NDArray[np.int64]) -> _Classes:
    """The classes of `problems` alone."""
    columns = classes.columns
    _, column = expand_ranges(columns.bounds[problems], columns.bounds[problems + 1])
    size = (columns.bounds[1:] - columns.bounds[:-1])[problems]
    return _Classes(
        columns=ChoiceColumns(
            bounds=np.concatenate([np.zeros(1, dtype=np.int64), size.cumsum()]),
            copies=columns.copies[column],
            gross=columns.gross[column],
            net=columns.net[column],
        ),
        row=classes.row,
        start=classes.start[column],
        size=classes.size[problems],
    )


def _spelt_out(
    ledgers: PayerLedgers,
    classes: _Classes,
    solved: ChoiceSolutions,
    chosen: NDArray[np.int64],
) -> tuple[Candidates, NDArray[np.float64], NDArray[np.float64]]:
    """Solutions of several items as sets of rows, the oldest of equal items first.

    Of interchangeable sets some are spelt out; the others are counted and weighed.
    """
    count = len(solved.problem)
    taken = solved.gross + solved.net
    used = segment_sum(taken, solved.solution, count)
    nets = segment_sum(solved.net, solved.solution, count)
    offered = classes.columns.gross != classes.columns.net
    offers = segment_sum(taken * offered[solved.column], solved.solution, count)
    weight = _weight(used, classes.size[solved.problem])
    mixed = (nets > 0) & (nets < offers)
    weight = weight * np.where(nets == 0, 1.0, np.where(mixed, _MIXED_SHARE, _NET_SHARE))
    weight = np.where(mixed, weight / np.exp2(np.minimum(offers, 60)), weight)
    several = used >= 2
    spare = classes.columns.copies[solved.column] - taken
    most = np.zeros(count, dtype=np.int64)
    np.maximum.at(most, solved.solution, spare)
    shown = np.where(several, np.minimum(most, COMBINATIONS_SHOWN_MAX - 1) + 1, 0)
    # Candidate number `first[s] + v` is solution s moved v items on among equal ones.
    first = shown.cumsum() - shown
    rows = np.arange(len(taken)).repeat(shown[solved.solution])
    variant = np.arange(len(rows)) - (
        shown[solved.solution].cumsum() - shown[solved.solution]
    ).repeat(shown[solved.solution])
    candidate = first[solved.solution[rows]] + variant
    begin = classes.start[solved.column[rows]] + np.minimum(variant, spare[rows])
    source, place = expand_ranges(begin, begin + taken[rows])
    row = classes.row[place]
    net = place - begin[source] < solved.net[rows][source]
    discount = np.where(net, ledgers.discount[row], 0)
    candidate_rows = CandidateRows.of(
        candidate[source],
        ledgers.item[row],
        ledgers.value[row] + ledgers.discount[row] - discount,
        discount=discount,
    )
    solution = np.arange(count).repeat(shown)
    problem = chosen[solved.problem]
    name = np.where(nets == 0, 0, np.where(mixed, 2, 1))[solution]
    first_code = STRATEGIES.index("subset_sum")
    candidates = Candidates.of(
        ledgers.payment[problem[solution]],
        "subset_sum",
        candidate_rows,
        weight=weight[solution],
    )
    candidates = msgspec.structs.replace(candidates, strategy=first_code + name)
    hidden = np.where(several, solved.sets - shown, 0.0)
    return (
        candidates,
        np.bincount(problem, weights=hidden, minlength=len(ledgers)).astype(np.float64),
        np.bincount(problem, weights=hidden * weight, minlength=len(ledgers)).astype(np.float64),
    )


class FewItems(msgspec.Struct, frozen=True, kw_only=True):
    """What a search of three and four items found, per problem of the ledgers it was given.

    triples, fours: sets of so many were searched; stopped: there are too many to tell.
    """

    candidates: Candidates
    triples: NDArray[np.bool_]
    fours: NDArray[np.bool_]
    stopped: NDArray[np.bool_]


def propose_few_items(situation: Situation, ledgers: PayerLedgers, *, net: bool) -> FewItems:
    """Three items, four items, and all but three, of ledgers that are not too large for it."""
    if not len(ledgers):
        nothing = np.zeros(0, dtype=np.bool_)
        return FewItems(
            candidates=Candidates.none(), triples=nothing, fours=nothing, stopped=nothing
        )
    size = ledgers.size()
    tables = build_sums(ledgers.bounds, ledgers.value, np.zeros(len(size), dtype=np.bool_))
    view = ledgers.view
    cash = situation.cash[ledgers.payment]
    triples, fours = size[view] <= TRIPLE_ITEMS_MAX, size[view] <= FOUR_ITEMS_MAX
    suspects = pair_suspects(tables.bounds, tables.value, view, cash, three=triples, four=fours)
    stopped = np.zeros(len(ledgers), dtype=np.bool_)
    share = _NET_SHARE if net else 1.0
    name = "subset_sum_net" if net else "subset_sum"
    found: list[Candidates] = []
    for sets_of, width in ((triples_of, 3), (fours_of, 4)):
        sets, many = sets_of(suspects, tables, view, cash, COMBINATIONS_SHOWN_MAX * 8)
        stopped |= many
        weight = share * _weight(np.full(len(sets), width), size[view[sets.lookup]])
        found.append(_of_rows(ledgers, sets, name, weight))
    if not net:
        found.append(_all_but_three(ledgers, cash, tables))
    return FewItems(
        candidates=_with_discount(Candidates.concat(found), net=net),
        triples=triples,
        fours=fours,
        stopped=stopped,
    )


def _all_but_three(ledgers: PayerLedgers, cash: NDArray[np.int64], tables: SumTables) -> Candidates:
    view, size = ledgers.view, ledgers.size()
    excess = tables.total[view] - cash
    small = size <= min(COUNTED_ITEMS_MAX, TRIPLE_ITEMS_MAX)
    todo = (small[view] & (size[view] >= 7) & (excess != 0)).nonzero()[0]
    sets, _ = triples_with(tables, view[todo], excess[todo], LEFT_OUT_MAX)
    problem = todo[sets.lookup]
    candidate, row = ledgers.rows_of(problem)
    kept = (row[:, None] != sets.rows[candidate]).all(axis=1)
    candidate, row = candidate[kept], row[kept]
    rows = CandidateRows.of(candidate, ledgers.item[row], ledgers.value[row])
    weight = CLASS_WEIGHTS["all_but_three"] * np.exp(-log_choose(size[view[problem]], 3))
    return Candidates.of(ledgers.payment[problem], "all_but_three", rows, weight=weight)


def _of_rows(
    ledgers: PayerLedgers, sets: FoundSets, name: str, weight: NDArray[np.float64]
) -> Candidates:
    """One candidate per set of rows."""
    number = np.arange(len(sets), dtype=np.int64).repeat(sets.rows.shape[1])
    row = sets.rows.ravel()
    rows = CandidateRows.of(
        number, ledgers.item[row], ledgers.value[row], discount=ledgers.discount[row]
    )
    return Candidates.of(ledgers.payment[sets.lookup], name, rows, weight=weight)


def _with_discount(candidates: Candidates, *, net: bool) -> Candidates:
    """Where sets were looked up net: those that take a discount at all."""
    if not net or not len(candidates):
        return candidates
    rows = candidates.rows
    return candidates.at(segment_sum(rows.discount, rows.candidate, len(candidates)) > 0)


def _weight(used: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """Prior weight of one particular set of `used` out of `size` items."""
    weight = np.zeros(len(used), dtype=np.float64)
    for chosen, name in ((2, "pair"), (3, "triple"), (4, "four")):
        weight += (used == chosen) * CLASS_WEIGHTS[name] * np.exp(-log_choose(size, chosen))
    many = used > 4
    return weight + many * CLASS_WEIGHTS["more"] / np.exp2(np.minimum(size, 60).astype(np.float64))
