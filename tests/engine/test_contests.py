"""Competing payments: the oracle's choice, whoever looks at them and however they are bundled."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.contest_oracle import resolved
from random_worlds import CALM

from engine.candidates import CandidateRows, Candidates
from engine.limits import CONTEST_EXACT_MAX
from engine.resolver import ItemAmounts, Resolution, possible, resolve

MANY = settings(CALM, max_examples=300)
WRONG = (1e-5, 2e-5, 5e-5, 1e-3)


@st.composite
def fights(draw):
    """A few items, and candidates that want some of them."""
    remaining = draw(st.lists(st.sampled_from([100, 250, 60, -40, 0]), min_size=1, max_size=5))
    items = st.sampled_from(range(len(remaining)))
    amounts = st.sampled_from([100, 60, 50, 40, -40, -20, 250])
    one = st.fixed_dictionaries(
        {
            "claims": st.dictionaries(items, amounts, min_size=1, max_size=3),
            "family": st.sampled_from([-1, 3, 3, 3, 4]),
            "wrong": st.sampled_from(WRONG),
        }
    )
    candidates = draw(st.lists(one, min_size=1, max_size=7))
    ranks = draw(st.permutations(range(len(candidates))))
    return remaining, [c | {"rank": r} for c, r in zip(candidates, ranks, strict=True)]


def as_candidates(candidates):
    rows = [(n, i, a) for n, c in enumerate(candidates) for i, a in c["claims"].items()]
    number, item, amount = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Candidates.of(
        np.arange(len(candidates), dtype=np.int64),
        "references",
        CandidateRows.of(number, item, amount),
        automatic=True,
        wrong=np.array([c["wrong"] for c in candidates]),
    )


def outcome(candidates, remaining, *, named, others=None):
    return resolve(
        as_candidates(candidates),
        np.array(remaining, dtype=np.int64),
        np.array([c["family"] for c in candidates], dtype=np.int64),
        np.array([c["rank"] for c in candidates], dtype=np.int64),
        named=named,
        others=others or ItemAmounts.none(),
    )


def chosen(flags):
    return set(np.flatnonzero(flags).tolist())


@MANY
@given(fights(), st.booleans())
def test_contests_end_as_the_slow_way_ends_them(fight, named):
    remaining, candidates = fight
    expected = resolved(candidates, remaining, named)
    found = outcome(candidates, remaining, named=named)
    assert {name: chosen(getattr(found, name)) for name in expected} == expected
    assert not found.deferred.any()


@MANY
@given(fights(), st.booleans(), st.data())
def test_groups_and_then_the_pass_across_end_as_all_together(fight, named, data):
    remaining, candidates = fight
    places = st.lists(st.integers(-1, 2), min_size=len(candidates), max_size=len(candidates))
    place = np.array(data.draw(places))
    # A group sees its own candidates, and of its items what payments beyond the groups want: items
    # wanted by two groups would make those payments reach beyond.
    owner: dict[int, int] = {}
    for number, candidate in enumerate(candidates):
        for item in candidate["claims"]:
            if place[number] >= 0 and owner.setdefault(item, place[number]) != place[number]:
                place[number] = -1
    together = outcome(candidates, remaining, named=named)
    whole = as_candidates(candidates)
    left = np.array(remaining, dtype=np.int64)
    wanted = ItemAmounts.of(whole, (place < 0) & possible(whole, left))
    family = np.array([c["family"] for c in candidates], dtype=np.int64)
    rank = np.array([c["rank"] for c in candidates], dtype=np.int64)
    own = Resolution.nothing(place < 0)
    for group in range(3):
        part = msgspec.structs.replace(whole, automatic=place == group)
        found = resolve(part, left, family, rank, named=named, others=wanted)
        own = Resolution(
            **{n: getattr(own, n) | getattr(found, n) for n in Resolution.__struct_fields__}
        )
    taken = ItemAmounts.of(whole, own.accepted)
    left[taken.item] -= taken.amount
    rest = msgspec.structs.replace(whole, automatic=own.deferred)
    across = resolve(rest, left, family, rank, named=named, others=ItemAmounts.none())
    for name in ("accepted", "second", "contested"):
        both = getattr(own, name) | getattr(across, name)
        assert chosen(both) == chosen(getattr(together, name)), name


def claim(claims, rank, family=3, wrong=1e-5):
    return {"claims": claims, "rank": rank, "family": family, "wrong": wrong}


def test_the_earlier_payment_of_a_family_wins_and_the_later_is_a_second_one():
    found = outcome([claim({0: 100}, 2), claim({0: 100}, 1)], [100], named=True)
    assert chosen(found.accepted) == {1}
    assert chosen(found.second) == {0}


def test_one_early_payment_against_two_later_ones_that_explain_more_is_for_a_clerk():
    fight = [claim({0: 100, 1: 60}, 0), claim({0: 100}, 1), claim({1: 60}, 2)]
    found = outcome(fight, [100, 60], named=True)
    assert chosen(found.contested) == {0, 1, 2}


def test_a_weak_early_reading_does_not_win_against_a_clear_later_one():
    fight = [claim({0: 100}, 0, wrong=1e-3), claim({0: 100}, 1)]
    assert chosen(outcome(fight, [100], named=True).contested) == {0, 1}


def test_of_any_number_of_payments_of_one_invoice_the_first_settles_it():
    fight = [claim({0: 100}, rank) for rank in range(3 * CONTEST_EXACT_MAX)]
    found = outcome(fight, [100], named=True)
    assert chosen(found.accepted) == {0}
    assert chosen(found.second) == set(range(1, len(fight)))


def test_more_competitors_than_can_be_weighed_go_to_a_clerk():
    fight = [claim({n: 100, n + 1: 100}, n) for n in range(CONTEST_EXACT_MAX + 1)]
    found = outcome(fight, [100] * (len(fight) + 1), named=True)
    assert chosen(found.contested) == set(range(len(fight)))
    found = outcome(fight[:-1], [100] * len(fight), named=True)
    assert chosen(found.accepted) == set(range(0, len(fight) - 1, 2))


def test_a_contest_others_have_a_part_in_is_left_to_those_who_see_it():
    others = ItemAmounts(np.array([0]), np.array([100]))
    found = outcome([claim({0: 100}, 0), claim({1: 60}, 1)], [100, 60], named=True, others=others)
    assert chosen(found.deferred) == {0}
    assert chosen(found.accepted) == {1}
