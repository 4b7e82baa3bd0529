"""Subset sums with choices: every way to pick from classes of equal items, gross or net.

A column of a problem is a class of equal items: so many copies of one open amount, each left out,
taken gross, or taken less its discount. Twelve equal rents are one column of thirteen choices, not
4,096 sets, so what is found is distinct in its amounts; how many sets of items stand behind each
solution is counted beside it. Solved exactly by two halves joined by sorting (Horowitz & Sahni
1974, one target), problems of any shapes together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engine.limits import SUBSET_COMBINATIONS_MAX
from engine.segments import expand_ranges, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SOLUTIONS_MAX", "ChoiceColumns", "ChoiceSolutions", "choice_solutions", "choice_states"]

SOLUTIONS_MAX: Final = 256
"""Solutions of different amounts given per problem; one with more is ambiguous anyway."""

_SETS_MAX: Final = float(1 << 53)


class ChoiceColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Classes of equal items, those of one problem together.

    bounds: where the columns of each problem begin (shape: problems + 1); per column: copies, and
    what one copy adds gross or net (the same where nothing is offered).
    """

    bounds: NDArray[np.int64]
    copies: NDArray[np.int64]
    gross: NDArray[np.int64]
    net: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of problems."""
        return len(self.bounds) - 1


class ChoiceSolutions(msgspec.Struct, frozen=True, kw_only=True):
    """Every solution, and what it takes of each column it touches.

    problem, sets: one entry per solution: which problem it solves and how many sets of items are
    behind it (exact up to 2^53, at most that); solution, column, gross, net: one row per solution
    and column taken from, with the copies taken gross and net. total, overflow: per problem, how
    many solutions there are; of those with more than `SOLUTIONS_MAX` only the first are given.
    """

    problem: NDArray[np.int64]
    sets: NDArray[np.float64]
    solution: NDArray[np.int64]
    column: NDArray[np.int64]
    gross: NDArray[np.int64]
    net: NDArray[np.int64]
    total: NDArray[np.int64]
    overflow: NDArray[np.bool_]


class _Options(msgspec.Struct, frozen=True):
    """Choices of every column: where they begin, how many there are, what each takes and adds."""

    start: NDArray[np.int64]
    radix: NDArray[np.int64]
    gross: NDArray[np.int64]
    net: NDArray[np.int64]
    value: NDArray[np.int64]


class _Half(msgspec.Struct, frozen=True):
    """Half of the columns of each problem: `columns[start:start + count]` belong to it."""

    columns: NDArray[np.int64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]


def _radix(columns: ChoiceColumns) -> NDArray[np.int64]:
    """Choices of each column: so many gross, so many net, the rest left out."""
    copies = columns.copies
    return np.where(columns.gross == columns.net, copies + 1, (copies + 1) * (copies + 2) // 2)


def choice_states(columns: ChoiceColumns) -> NDArray[np.float64]:
    """Binary logarithm of the number of different choices of each problem: its size."""
    bits = np.log2(_radix(columns).astype(np.float64))
    owner = np.arange(len(columns)).repeat(columns.bounds[1:] - columns.bounds[:-1])
    return np.bincount(owner, weights=bits, minlength=len(columns)).astype(np.float64)


def choice_solutions(columns: ChoiceColumns, targets: NDArray[np.int64]) -> ChoiceSolutions:
    """Every non-empty choice of each problem that adds up to its target.

    The work of a problem is about the square root of the number of its choices
    (`choice_states`), times a few.
    """
    options = _options(columns)
    halves = _halves(columns, options.radix)
    work = sum(_products(half, options.radix, len(columns)) for half in halves)
    portion = np.cumsum(work) // SUBSET_COMBINATIONS_MAX
    # Keys hold the problem beside a sum: so many problems at once as 62 bits leave room for.
    room = 1 << (62 - _sum_bits(columns, targets))
    parts = []
    for number in range(int(portion.max(initial=-1)) + 1):
        among = (portion == number).nonzero()[0]
        parts += [
            _solve(among[begin : begin + room], halves, options, targets)
            for begin in range(0, len(among), room)
        ]
    problem, left, right, total = (
        np.concatenate([part[at] for part in parts]) if parts else np.empty(0, dtype=np.int64)
        for at in range(4)
    )
    return _decoded(columns, halves, options, (problem, left, right), total)


def _options(columns: ChoiceColumns) -> _Options:
    copies = columns.copies
    column, net = expand_ranges(
        np.zeros(len(copies), dtype=np.int64),
        np.where(columns.gross == columns.net, 0, copies) + 1,
    )
    pair, gross = expand_ranges(np.zeros(len(column), dtype=np.int64), copies[column] - net + 1)
    column, net = column[pair], net[pair]
    radix = np.bincount(column, minlength=len(copies))
    return _Options(
        start=radix.cumsum() - radix,
        radix=radix,
        gross=gross,
        net=net,
        value=gross * columns.gross[column] + net * columns.net[column],
    )


def _halves(columns: ChoiceColumns, radix: NDArray[np.int64]) -> tuple[_Half, _Half]:
    """Columns dealt in turn, those with most choices first, so that the halves weigh alike."""
    size = columns.bounds[1:] - columns.bounds[:-1]
    owner = np.arange(len(columns), dtype=np.int64).repeat(size)
    order = np.lexsort((np.arange(len(radix)), -radix, owner))
    place = np.arange(len(radix)) - columns.bounds[:-1].repeat(size)
    dealt = []
    for side in (0, 1):
        mine = order[place % 2 == side]
        count = np.bincount(owner[mine], minlength=len(columns))
        dealt.append(_Half(mine, count.cumsum() - count, count))
    return dealt[0], dealt[1]


def _products(half: _Half, radix: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Sums each problem has in this half."""
    owner = np.arange(count, dtype=np.int64).repeat(half.count)
    bits = np.bincount(owner, weights=np.log2(radix[half.columns]), minlength=count)
    return np.rint(np.exp2(np.minimum(bits, 40.0))).astype(np.int64)


def _sum_bits(columns: ChoiceColumns, targets: NDArray[np.int64]) -> int:
    """Bits of a shifted sum of any problem."""
    owner = np.arange(len(columns), dtype=np.int64).repeat(columns.bounds[1:] - columns.bounds[:-1])
    largest = np.maximum(np.abs(columns.gross), np.abs(columns.net)) * columns.copies
    reach = segment_sum(largest, owner, len(columns)) + np.abs(targets)
    return int(reach.max(initial=1)).bit_length() + 1


def _sums(
    half: _Half, options: _Options, problems: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Every choice of the half: position in `problems`, its sum, and its number in mixed radix."""
    owner = np.arange(len(problems), dtype=np.int64)
    total = np.zeros(len(problems), dtype=np.int64)
    code = np.zeros(len(problems), dtype=np.int64)
    start, count = half.start[problems], half.count[problems]
    for step in range(int(count.max(initial=0))):
        live = count[owner] > step
        at = np.where(live, start[owner] + step, 0)
        column = half.columns[at]
        radix = np.where(live, options.radix[column], 1)
        source, choice = expand_ranges(np.zeros(len(owner), dtype=np.int64), radix)
        added = np.where(live[source], options.value[options.start[column][source] + choice], 0)
        owner, total = owner[source], total[source] + added
        code = code[source] * radix[source] + choice
    return owner, total, code


def _solve(
    problems: NDArray[np.int64],
    halves: tuple[_Half, _Half],
    options: _Options,
    targets: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Problem, left and right code of the first solutions, and how many each problem has."""
    owner, total, left_code = _sums(halves[0], options, problems)
    other, added, right_code = _sums(halves[1], options, problems)
    wanted = targets[problems][other] - added
    low = min(int(total.min(initial=0)), int(wanted.min(initial=0)))
    span = max(int(total.max(initial=0)), int(wanted.max(initial=0))) - low + 1
    key = owner * span + (total - low)
    order = key.argsort(kind="stable")
    key = key[order]
    sought = other * span + (wanted - low)
    first = key.searchsorted(sought)
    hit = (key[np.minimum(first, len(key) - 1)] == sought).nonzero()[0] if len(key) else first[:0]
    first = first[hit]
    last = key.searchsorted(sought[hit], side="right")
    count = last - first
    empty = targets[problems] == 0
    found = segment_sum(count, other[hit], len(problems))
    before = count.cumsum() - count
    before -= before[other[hit].searchsorted(other[hit], side="left")]
    kept = before <= SOLUTIONS_MAX
    source, entry = expand_ranges(first[kept], last[kept])
    left, right = left_code[order[entry]], right_code[hit[kept]][source]
    owner = other[hit[kept]][source]
    some = (left > 0) | (right > 0)
    left, right, owner = left[some], right[some], owner[some]
    place = np.arange(len(owner)) - owner.searchsorted(owner, side="left")
    shown = place < SOLUTIONS_MAX
    return problems[owner[shown]], left[shown], right[shown], found - empty


def _decoded(
    columns: ChoiceColumns,
    halves: tuple[_Half, _Half],
    options: _Options,
    solved: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    total: NDArray[np.int64],
) -> ChoiceSolutions:
    """Codes read back into copies taken per column, and the sets of items behind each solution."""
    problem = solved[0]
    rows: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    for half, codes in zip(halves, solved[1:], strict=True):
        code = codes.copy()
        for step in range(int(half.count.max(initial=0)) - 1, -1, -1):
            live = (half.count[problem] > step).nonzero()[0]
            column = half.columns[half.start[problem[live]] + step]
            choice = code[live] % options.radix[column]
            code[live] //= options.radix[column]
            taken = choice > 0
            rows.append((live[taken], column[taken], options.start[column[taken]] + choice[taken]))
    solution, column, option = (
        np.concatenate([row[at] for row in rows]) if rows else np.empty(0, dtype=np.int64)
        for at in range(3)
    )
    order = np.lexsort((column, solution))
    solution, column, option = solution[order], column[order], option[order]
    gross, net = options.gross[option], options.net[option]
    ways = np.ones(len(problem), dtype=np.float64)
    np.multiply.at(ways, solution, _ways(columns.copies[column], gross, net))
    return ChoiceSolutions(
        problem=problem,
        sets=np.minimum(np.rint(ways), _SETS_MAX),
        solution=solution,
        column=column,
        gross=gross,
        net=net,
        total=total,
        overflow=total > SOLUTIONS_MAX,
    )


def _ways(
    copies: NDArray[np.int64], gross: NDArray[np.int64], net: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How many ways there are to take so many of `copies` gross and so many net."""
    largest = int(copies.max(initial=0))
    log_factorial = np.concatenate([[0.0], np.log(np.arange(1, largest + 1)).cumsum()])
    log_ways = log_factorial[copies] - log_factorial[gross] - log_factorial[net]
    ways: NDArray[np.float64] = np.exp(log_ways - log_factorial[copies - gross - net])
    return ways
