"""The engine's kernels against slow, obvious twins (`oracles`), over what hypothesis thinks up."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles.name_oracle import alignment_distance
from oracles.settle_oracle import Row, settle_one
from oracles.subset_oracle import subsets_with_sum
from random_worlds import CALM, policies

from engine.combinations import SOLUTIONS_MAX, subset_solutions
from engine.exception_codes import CODES
from engine.name_search import FAR, NameIndex
from engine.policy_table import PolicyTable
from engine.settle import REASONS, RowFacts, settle_rows

AMOUNTS = st.integers(-300, 300).filter(bool) | st.sampled_from([100, 200, -50, 1])


@st.composite
def problems(draw):
    """Several problems of one size, targets mostly reachable."""
    size = draw(st.integers(1, 8))
    rows = draw(st.lists(st.lists(AMOUNTS, min_size=size, max_size=size), min_size=1, max_size=4))
    targets = [
        sum(draw(st.lists(st.sampled_from(row), max_size=4))) + draw(st.sampled_from([0, 0, 1]))
        for row in rows
    ]
    return rows, targets


@CALM
@given(problems())
def test_every_subset_and_no_other_is_found(problem):
    rows, targets = problem
    solved = subset_solutions(np.array(rows, dtype=np.int64), np.array(targets, dtype=np.int64))
    found = defaultdict(set)
    for number, mask in zip(solved.problem.tolist(), solved.mask.tolist(), strict=True):
        found[number].add(tuple(place for place in range(len(rows[0])) if mask >> place & 1))
    for number, (row, target) in enumerate(zip(rows, targets, strict=True)):
        expected = set(subsets_with_sum(row, target))
        # The empty set counts towards the bound where the target is zero.
        if solved.overflow[number]:
            assert len(expected) + (target == 0) > SOLUTIONS_MAX
            assert not found[number]
        else:
            assert found[number] == expected
            assert len(expected) + (target == 0) <= SOLUTIONS_MAX


def test_more_solutions_than_are_kept_is_said_not_hidden():
    solved = subset_solutions(np.full((1, 12), 800, dtype=np.int64), np.array([4800]))
    assert solved.overflow.tolist() == [True]
    assert len(solved.problem) >= SOLUTIONS_MAX
    assert {mask.bit_count() for mask in solved.mask.tolist()} == {6}


def test_a_problem_that_overflows_leaves_its_neighbours_alone():
    rows = np.array([[800] * 12, [*range(1, 13)]], dtype=np.int64)
    solved = subset_solutions(rows, np.array([4800, 78]))
    assert solved.overflow.tolist() == [True, False]
    assert solved.mask[solved.problem == 1].tolist() == [(1 << 12) - 1]


@CALM
@given(st.lists(st.integers(-(10**14), 10**14).filter(bool), min_size=1, max_size=12))
def test_large_amounts_of_both_signs_are_summed_exactly(amounts):
    solved = subset_solutions(np.array([amounts]), np.array([sum(amounts)]))
    masks = set(solved.mask.tolist())
    assert solved.overflow[0] or (1 << len(amounts)) - 1 in masks


ROWS = st.builds(
    Row,
    open_minor=st.sampled_from([100_00, 1000_00, 250_17, -200_00]),
    cash=st.integers(-300_00, 1100_00),
    offered=st.sampled_from([0, 0, 2_00, 20_00]),
    days_late=st.integers(-3, 6),
    stated_discount=st.sampled_from([0, 20_00, 30_00]),
    stated_deduction=st.sampled_from([0, 0, 5_00, 20_00]),
    stated_fee=st.booleans(),
    stated_reason=st.booleans(),
    stated_cause=st.booleans(),
    stated_tax=st.booleans(),
    charges=st.sampled_from([0, 0, 0, 7_35, 15_00]),
    gone=st.sampled_from([0, 0, 20_00]),
    claimed=st.booleans(),
)


@st.composite
def near_rows(draw):
    """A row whose cash is near the item, near it less discount, or anywhere."""
    row = draw(ROWS)
    share = row.open_minor * draw(st.sampled_from([5, 10, 19])) // 100
    near = [0, 1, 50, 49, 51, 99, 100, 101, -1, -50, -100, -101, 500, 1000, 735, 1500, 2, -3]
    off = draw(st.sampled_from([*near, *near, share, share + 1, share + 2, 2_000]))
    base = draw(st.sampled_from([row.open_minor, row.open_minor - row.offered, row.cash]))
    return row._replace(cash=base - off)


@CALM
@given(st.lists(near_rows(), min_size=1, max_size=8), policies())
def test_differences_are_closed_like_by_hand(rows, book):
    def column(name, kind=np.int64):
        return np.array([getattr(row, name) for row in rows], dtype=kind)

    policy = book.default
    settled = settle_rows(
        RowFacts(
            open_minor=column("open_minor"),
            cash=column("cash"),
            paid=column("cash"),
            offered=column("offered"),
            gone=column("gone"),
            discount_day=np.full(len(rows), 20_000),
            pay_day=20_000 + column("days_late"),
            charges=column("charges"),
            stated_discount=column("stated_discount"),
            stated_deduction=column("stated_deduction"),
            stated_fee=column("stated_fee", np.bool_),
            stated_tax=column("stated_tax", np.bool_),
            stated_reason=column("stated_reason", np.bool_),
            stated_cause=column("stated_reason", np.bool_) & column("stated_cause", np.bool_),
            claimed=column("claimed", np.bool_),
            plain=np.zeros(len(rows), dtype=np.bool_),
            rule=np.zeros(len(rows), dtype=np.int64),
        ),
        PolicyTable.of([(policy, "USD")]),
    )
    got = zip(
        settled.cash.tolist(),
        settled.discount.tolist(),
        settled.deduction.tolist(),
        settled.write_off.tolist(),
        [REASONS[code] for code in settled.reason],
        settled.surplus.tolist(),
        [CODES[code] for code in settled.code],
        strict=True,
    )
    assert list(got) == [tuple(settle_one(row, policy)) for row in rows]


LETTERS = st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=13, max_size=24)


@st.composite
def misspelt(draw):
    """Distinct names, and one of them with one letter changed, added, dropped or swapped."""
    names = draw(st.lists(LETTERS, min_size=1, max_size=8, unique=True))
    name = draw(st.sampled_from(names))
    place = draw(st.integers(0, len(name) - 2))
    letter = draw(st.sampled_from("XYZ"))
    query = draw(
        st.sampled_from(
            [
                name,
                name[:place] + letter + name[place + 1 :],
                name[:place] + letter + name[place:],
                name[:place] + name[place + 1 :],
                name[:place] + name[place + 1] + name[place] + name[place + 2 :],
            ]
        )
    )
    return names, query


def _nearest(names, query, owners=None):
    count = len(names)
    index = NameIndex.of(
        pa.array(names),
        np.zeros(count, dtype=np.int64),
        np.arange(count) if owners is None else np.array(owners),
    )
    return index.search(pa.array([query]), np.zeros(1, dtype=np.int64))


@CALM
@given(misspelt())
def test_a_name_with_one_typo_finds_its_nearest_by_alignment(case):
    names, query = case
    # Repeated letters may leave no run of four that both spellings share.
    assume(all(len({name[at : at + 4] for at in range(len(name) - 3)}) > 8 for name in names))
    distances = [alignment_distance(query, name) for name in names]
    match = _nearest(names, query)
    assert match.distance[0] == min(distances)
    assert distances[match.row[0]] == min(distances)


@CALM
@given(st.lists(LETTERS, min_size=1, max_size=8), LETTERS, st.lists(st.integers(0, 2), min_size=8))
def test_whatever_name_is_found_its_distance_is_the_alignment_distance(names, query, owners):
    owners = owners[: len(names)]
    match = _nearest(names, query, owners)
    row = int(match.row[0])
    if row < 0:
        assert match.distance[0] == match.next_distance[0] == FAR
        return
    # Names with few letters in common are not measured: they are far.
    assert match.distance[0] in {alignment_distance(query, names[row]), FAR}
    others = [
        alignment_distance(query, name)
        for name, owner in zip(names, owners, strict=True)
        if owner != owners[row]
    ]
    assert match.next_distance[0] in {*others, FAR}
    other = int(match.next_row[0])
    assert other < 0 or owners[other] != owners[row]
    assert 1 >= match.likeness[0] >= match.next_likeness[0] >= 0
