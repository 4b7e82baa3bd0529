"""Structured sums against every set tried one by one, over ledgers in which sums collide."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.limits import AMOUNT_MINOR_MAX
from engine.sum_join import build_sums, count_structured, ledgers_at_once
from engine.sum_sets import fours_with, pairs_with, runs_with, singles_with, triples_with

AMOUNTS = (
    st.integers(-40, 60).filter(bool)
    | st.sampled_from([100, 250, 250, -50])
    | st.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX).filter(bool)
)


@st.composite
def books(draw):
    """Several ledgers, and lookups of sums of some of their items."""
    ledgers = draw(st.lists(st.lists(AMOUNTS, max_size=8), min_size=1, max_size=4))
    lookups = []
    for number, ledger in enumerate(ledgers):
        for _ in range(draw(st.integers(1, 3))):
            some = draw(st.lists(st.sampled_from(ledger), max_size=4)) if ledger else []
            lookups.append((number, sum(some) + draw(st.sampled_from([0, 0, 1]))))
    return ledgers, lookups


def _built(ledgers, paired=None):
    bounds = np.cumsum([0, *map(len, ledgers)]).astype(np.int64)
    value = np.array([amount for ledger in ledgers for amount in ledger], dtype=np.int64)
    every = np.ones(len(ledgers), dtype=np.bool_) if paired is None else np.array(paired)
    return build_sums(bounds, value, every)


def _asked(lookups):
    return tuple(np.array(column, dtype=np.int64) for column in zip(*lookups, strict=True))


def _sets_of(ledger, target, size):
    return {
        chosen
        for chosen in combinations(range(len(ledger)), size)
        if sum(ledger[at] for at in chosen) == target
    }


def _runs_of(ledger, target):
    return {
        (first, last)
        for first in range(len(ledger))
        for last in range(first + 1, len(ledger))
        if sum(ledger[first : last + 1]) == target
    }


@CALM
@given(books())
def test_every_class_is_counted_as_by_hand(book):
    ledgers, lookups = book
    counts = count_structured(_built(ledgers), *_asked(lookups))
    for at, (number, target) in enumerate(lookups):
        ledger = ledgers[number]
        size, excess = len(ledger), sum(ledger) - target
        assert counts.single[at] == len(_sets_of(ledger, target, 1))
        assert counts.pair[at] == len(_sets_of(ledger, target, 2))
        if abs(target) <= AMOUNT_MINOR_MAX:
            assert counts.run[at] == len(_runs_of(ledger, target))
        assert counts.all_but_one[at] == (len(_sets_of(ledger, excess, 1)) if size >= 3 else 0)
        assert counts.all_but_two[at] == (len(_sets_of(ledger, excess, 2)) if size >= 4 else 0)


@CALM
@given(books())
def test_every_set_is_found_once_and_no_other(book):
    ledgers, lookups = book
    tables = _built(ledgers)
    asked = _asked(lookups)
    triples, many_triples = triples_with(tables, *asked, sets_max=1_000)
    fours, many_fours = fours_with(tables, *asked, sets_max=1_000)
    assert not many_triples.any()
    assert not many_fours.any()
    found = {
        1: singles_with(tables, *asked),
        2: pairs_with(tables, *asked),
        3: triples,
        4: fours,
    }
    for size, sets in found.items():
        got = [
            (int(lookup), tuple(row - int(tables.bounds[asked[0][lookup]]) for row in rows))
            for lookup, rows in zip(sets.lookup.tolist(), sets.rows.tolist(), strict=True)
        ]
        assert len(set(got)) == len(got)
        wanted = {
            (at, chosen)
            for at, (number, target) in enumerate(lookups)
            for chosen in _sets_of(ledgers[number], target, size)
        }
        assert set(got) == wanted, size


@CALM
@given(books())
def test_runs_are_found_by_their_first_and_last_item(book):
    ledgers, lookups = book
    tables = _built(ledgers, paired=[False] * len(ledgers))
    ledger, target = _asked(lookups)
    runs = runs_with(tables, ledger, target)
    got = [
        (int(lookup), *(row - int(tables.bounds[ledger[lookup]]) for row in rows))
        for lookup, rows in zip(runs.lookup.tolist(), runs.rows.tolist(), strict=True)
    ]
    assert len(set(got)) == len(got)
    assert set(got) == {
        (at, *run)
        for at, (number, wanted) in enumerate(lookups)
        for run in _runs_of(ledgers[number], wanted)
    }


def test_too_many_sets_are_reported_and_none_is_given():
    tables = _built([[100] * 12, [1, 2, 4, 8]])
    asked = _asked([(0, 300), (1, 7), (0, 400), (1, 15)])
    triples, many = triples_with(tables, *asked, sets_max=50)
    assert many.tolist() == [True, False, False, False]
    assert triples.lookup.tolist() == [1]
    fours, many = fours_with(tables, *asked, sets_max=50)
    assert many.tolist() == [False, False, True, False]
    assert fours.lookup.tolist() == [3]


def test_ledgers_that_are_not_expanded_have_no_pairs_in_the_table_but_are_searched():
    tables = _built([[5, 7, 9], [5, 7, 9]], paired=[True, False])
    asked = _asked([(0, 12), (1, 12)])
    assert count_structured(tables, *asked).pair.tolist() == [1, 0]
    assert pairs_with(tables, *asked).lookup.tolist() == [0, 1]


def test_a_build_refuses_more_ledgers_than_its_keys_can_tell_apart():
    count = 8_193
    bounds = np.arange(count + 1, dtype=np.int64)
    value = np.full(count, AMOUNT_MINOR_MAX)
    assert ledgers_at_once(bounds, value) == count - 1
    with pytest.raises(OverflowError, match="8193 ledgers in one build"):
        build_sums(bounds, value, np.zeros(count, dtype=np.bool_))
