"""Calibration: looked up as a plain table says, and never a word on what is decided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calibration import Calibration, Group, Step, right_share
from engine.candidates import STRATEGIES, UNIQUENESS
from engine.errors import EvidenceError
from engine.shipped_calibration import SHIPPED_CALIBRATION


def plain_confidence(calibration, rank, strategy, uniqueness, wrong):
    """One set, looked up by hand."""
    doubt = round(wrong * 1_000_000)
    raw = 1.0 - wrong
    for key in ((strategy, uniqueness), (strategy, ""), ("", "")):
        for group in calibration.groups:
            if (group.rank, group.strategy, group.uniqueness) == (rank, *key):
                steps = [one for one in group.steps if one.doubt_ppm >= doubt] or group.steps[-1:]
                share = right_share(steps[0].right, steps[0].total)
                return share if key[1] else min(share, raw)
    return raw


steps = st.lists(
    st.tuples(st.integers(0, 1_000_000), st.integers(0, 50), st.integers(0, 50)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one[0],
).map(lambda rows: tuple(Step(d, min(a, b), max(a, b)) for d, a, b in sorted(rows)))
groups = st.builds(
    Group,
    rank=st.integers(0, 5),
    strategy=st.sampled_from(["", *STRATEGIES[:3]]),
    uniqueness=st.just(""),
    steps=steps,
) | st.builds(
    Group,
    rank=st.integers(0, 5),
    strategy=st.sampled_from(STRATEGIES[:3]),
    uniqueness=st.sampled_from(UNIQUENESS[:2]),
    steps=steps,
)
tables = st.lists(
    groups, max_size=8, unique_by=lambda one: (one.rank, one.strategy, one.uniqueness)
).map(lambda several: Calibration(groups=tuple(several)))


@given(
    tables,
    st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(0, 3), st.integers(0, 3), st.integers(0, 1_000_000)
        ),
        max_size=20,
    ),
)
def test_every_set_has_the_confidence_a_plain_lookup_gives(calibration, sets):
    rank, strategy, uniqueness, doubt = (
        np.array(column, dtype=np.int64)
        for column in (zip(*sets, strict=True) if sets else [()] * 4)
    )
    found = calibration.confidences(rank, strategy, uniqueness, doubt / 1e6)
    expected = [
        plain_confidence(calibration, r, STRATEGIES[s], UNIQUENESS[u], d / 1e6)
        for r, s, u, d in sets
    ]
    assert found.tolist() == pytest.approx(expected, abs=1e-12)


def test_without_outcomes_confidence_is_what_doubt_leaves():
    zero = np.zeros(3, dtype=np.int64)
    wrong = np.array([0.0, 0.25, 1.0])
    assert Calibration().confidences(zero, zero, zero, wrong).tolist() == [1.0, 0.75, 0.0]


def test_a_strategy_without_outcomes_never_claims_more_than_its_own_doubt_leaves():
    calibration = Calibration(groups=(Group(rank=0, steps=(Step(1_000_000, 99, 100),)),))
    zero = np.zeros(2, dtype=np.int64)
    found = calibration.confidences(zero, zero, zero, np.array([0.0, 0.5]))
    assert found.tolist() == [pytest.approx(99.5 / 101), 0.5]


def test_outcomes_of_a_strategy_nobody_knows_are_left_aside():
    calibration = Calibration(
        groups=(Group(rank=0, strategy="telepathy", steps=(Step(10, 0, 9),)),)
    )
    zero = np.zeros(1, dtype=np.int64)
    assert calibration.confidences(zero, zero, zero, np.array([0.1])).tolist() == [0.9]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Step(5, 3, 2),
        lambda: Step(-1, 1, 2),
        lambda: Group(rank=0, steps=()),
        lambda: Group(rank=6, steps=(Step(1, 1, 1),)),
        lambda: Group(rank=0, steps=(Step(5, 1, 1), Step(5, 1, 1))),
        lambda: Calibration(version=2),
    ],
)
def test_a_table_that_cannot_be_is_refused(make):
    with pytest.raises(EvidenceError):
        make()


def test_the_shipped_table_falls_as_doubt_grows_and_covers_what_is_decided():
    assert SHIPPED_CALIBRATION.source
    for group in SHIPPED_CALIBRATION.groups:
        shares = [right_share(step.right, step.total) for step in group.steps]
        assert shares == sorted(shares, reverse=True), group
    ranks = {group.rank for group in SHIPPED_CALIBRATION.groups if not group.strategy}
    assert ranks == {0, 1, 2, 3, 4, 5}
