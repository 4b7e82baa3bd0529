"""Choices among classes of equal items, gross or net, against every choice tried one by one."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

import engine.choice_sums
from engine.choice_sums import SOLUTIONS_MAX, ChoiceColumns, choice_solutions, choice_states

CLASSES = st.tuples(
    st.integers(1, 3),
    st.integers(-30, 50).filter(bool) | st.sampled_from([100, 98, 10**13]),
    st.sampled_from([0, 0, 2]),
)


@st.composite
def problems(draw):
    """Problems of several classes each (copies, gross, discount), and a target for each."""
    shapes = draw(st.lists(st.lists(CLASSES, max_size=4), min_size=1, max_size=4))
    targets = []
    for classes in shapes:
        choices = [draw(st.sampled_from(_choices(one))) for one in classes]
        total = sum(_worth(*pair) for pair in zip(classes, choices, strict=True))
        targets.append(total + draw(st.sampled_from([0, 0, 1])))
    return shapes, targets


def _choices(one):
    copies, _, discount = one
    nets = range(copies + 1) if discount else (0,)
    return [(gross, net) for net in nets for gross in range(copies - net + 1)]


def _worth(one, choice):
    return choice[0] * one[1] + choice[1] * (one[1] - one[2])


def _columns(shapes):
    flat = [one for classes in shapes for one in classes]
    copies, gross, discount = (
        np.array([one[at] for one in flat], dtype=np.int64) for at in range(3)
    )
    bounds = np.cumsum([0, *map(len, shapes)]).astype(np.int64)
    return ChoiceColumns(bounds=bounds, copies=copies, gross=gross, net=gross - discount)


def _by_hand(classes, target):
    """Every choice that adds up to the target, and the sets of items behind it."""
    found = {}
    for choices in product(*map(_choices, classes)):
        worth = sum(_worth(*pair) for pair in zip(classes, choices, strict=True))
        if worth == target and any(gross or net for gross, net in choices):
            sets = 1
            for (copies, _, _), (gross, net) in zip(classes, choices, strict=True):
                sets *= comb(copies, gross) * comb(copies - gross, net)
            found[tuple(choices)] = sets
    return found


def _read(solved, shapes):
    """Solutions per problem as choices per class, with their number of sets."""
    taken = [{} for _ in solved.problem]
    columns = (solved.solution, solved.column, solved.gross, solved.net)
    for solution, column, gross, net in zip(*(one.tolist() for one in columns), strict=True):
        taken[solution][column] = (gross, net)
    bounds = np.cumsum([0, *map(len, shapes)])
    found = [{} for _ in shapes]
    rows = zip(solved.problem.tolist(), solved.sets.tolist(), taken, strict=True)
    for problem, sets, choices in rows:
        own = range(bounds[problem], bounds[problem + 1])
        found[problem][tuple(choices.get(column, (0, 0)) for column in own)] = sets
    return found


@CALM
@given(problems())
def test_every_choice_is_found_and_its_sets_are_counted(problem):
    shapes, targets = problem
    solved = choice_solutions(_columns(shapes), np.array(targets, dtype=np.int64))
    expected = [_by_hand(*one) for one in zip(shapes, targets, strict=True)]
    assert solved.total.tolist() == [len(one) for one in expected]
    assert not solved.overflow.any()
    assert _read(solved, shapes) == expected


@CALM
@given(problems())
def test_chunks_change_nothing(problem):
    shapes, targets = problem
    columns, wanted = _columns(shapes), np.array(targets, dtype=np.int64)
    whole = choice_solutions(columns, wanted)
    before = engine.choice_sums.SUBSET_COMBINATIONS_MAX
    engine.choice_sums.SUBSET_COMBINATIONS_MAX = 4
    try:
        parts = choice_solutions(columns, wanted)
    finally:
        engine.choice_sums.SUBSET_COMBINATIONS_MAX = before
    assert _read(whole, shapes) == _read(parts, shapes)
    assert whole.problem.tolist() == parts.problem.tolist()


def test_equal_rents_are_one_solution_with_many_sets():
    columns = _columns([[(24, 900_00, 0), (3, 120_00, 0)]])
    solved = choice_solutions(columns, np.array([3 * 900_00 + 120_00]))
    assert solved.total.tolist() == [1]
    assert solved.sets.tolist() == [comb(24, 3) * 3]
    assert choice_states(columns).round(2).tolist() == [round(np.log2(25 * 4), 2)]


def test_more_solutions_than_are_given_is_said_not_hidden():
    rng = np.random.default_rng(1)
    columns = _columns([[(1, int(value), 0) for value in rng.permutation(16) + 1], [(1, 7, 0)]])
    solved = choice_solutions(columns, np.array([68, 7]))
    assert solved.overflow.tolist() == [True, False]
    counted = Counter(solved.problem.tolist())
    assert counted[0] == SOLUTIONS_MAX < solved.total[0]
    assert counted[1] == 1
