"""Counts of solutions against every subset tried one by one, by every method there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles.subset_oracle import subsets_with_sum
from random_worlds import CALM

from engine.solution_counts import count_solutions, ways_to_sum

AMOUNTS = st.integers(-300, 300) | st.sampled_from([100, 100, 200, -50, 1, 0])


@st.composite
def problems(draw):
    """Problems of one size up to ten, targets mostly reachable."""
    size = draw(st.integers(1, 10))
    rows = draw(st.lists(st.lists(AMOUNTS, min_size=size, max_size=size), min_size=1, max_size=3))
    targets = [
        sum(draw(st.lists(st.sampled_from(row), max_size=5, unique=True)))
        + draw(st.sampled_from([0, 0, 1]))
        for row in rows
    ]
    return rows, targets


@CALM
@given(problems())
def test_small_problems_are_counted_as_by_hand(problem):
    rows, targets = problem
    counts = count_solutions(np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64))
    expected = [len(subsets_with_sum(*one)) for one in zip(rows, targets, strict=True)]
    assert counts.tolist() == expected


@CALM
@given(problems(), st.integers(21, 34))
def test_problems_too_large_for_hands_are_counted_as_their_small_part(problem, size):
    """Amounts that no target can hold are added until another method has to count."""
    rows, targets = problem
    unusable = [10**6 * 2**at for at in range(size - len(rows[0]))]
    counts = count_solutions(
        np.array([[*row, *unusable] for row in rows], dtype=np.int64),
        np.array(targets, dtype=np.int64),
    )
    expected = [len(subsets_with_sum(*one)) for one in zip(rows, targets, strict=True)]
    assert counts.tolist() == expected


@pytest.mark.parametrize("size", [12, 16, 20, 24, 28])
def test_methods_agree_where_two_of_them_can_count(size):
    rng = np.random.default_rng(size)
    amounts = rng.integers(1, 400, (6, size))
    amounts[:, ::5] *= -1
    targets = np.abs(amounts).sum(axis=1) // 3
    counts = count_solutions(amounts, targets)
    padded = np.concatenate([amounts, np.full((6, 2), 10**9)], axis=1)
    assert counts.tolist() == count_solutions(padded, targets).tolist()
    assert counts.max() > 1


def test_equal_rents_are_counted_set_by_set():
    rents = np.array([[900] * 24])
    assert count_solutions(rents, np.array([2_700])).tolist() == [2_024]


def test_more_amounts_than_can_be_counted_are_refused():
    with pytest.raises(ValueError, match="41 amounts in one count"):
        count_solutions(np.ones((1, 41), dtype=np.int64), np.array([3]))


@CALM
@given(st.lists(AMOUNTS, min_size=1, max_size=10), st.data())
def test_a_certificate_tells_none_one_and_several_apart(amounts, data):
    chosen = data.draw(st.lists(st.sampled_from(amounts), max_size=4, unique=True))
    target = sum(chosen) + data.draw(st.sampled_from([0, 0, 1])) or 100
    assert ways_to_sum(amounts, target) == min(len(subsets_with_sum(amounts, target)), 2)


def test_a_certificate_of_hundreds_of_amounts_is_exact():
    amounts = [1_001 + 2 * at for at in range(300)]
    assert ways_to_sum([5_000_000 * 2**at for at in range(12)], 15_000_000) == 1
    assert ways_to_sum(amounts, 1_001 + 1_003) == 1
    assert ways_to_sum(amounts, 1_001 + 1_007) == 2
    assert ways_to_sum(amounts, 1_002) == 0


def test_a_certificate_that_would_cost_too_much_is_not_given():
    assert ways_to_sum([10**9 + at for at in range(50)], 10**10) is None
    with pytest.raises(ValueError, match="zero"):
        ways_to_sum([1, -1], 0)
