"""Long walks through a desk: several people, larger amounts, whatever comes to mind."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_worlds import ANN, BOB, CAT, LEDGER, World, after, case_of, on

from desk.acts import (
    Approve,
    Claim,
    Decide,
    Deliver,
    Park,
    Prepare,
    Reject,
    Release,
    Remainder,
    TakeOver,
    Undo,
    Withdraw,
)
from desk.cases import Entry

cash = st.integers(-3, 3)
entries = st.lists(
    st.one_of(
        st.builds(
            on,
            st.sampled_from(["I1", "I2", "CM"]),
            cash,
            write_off_minor=st.integers(-1, 1),
            write_off_reason=st.just("rounding"),
        ),
        st.builds(
            Entry,
            kind=st.sampled_from(["on_account", "refund", "non_ar"]),
            company_id=st.just("1000"),
            customer_id=st.sampled_from(["", "C1", "C2"]),
            cash_minor=cash,
        ),
    ),
    min_size=0,
    max_size=3,
).map(tuple)
remainders = st.builds(
    Remainder,
    kind=st.sampled_from(["leave", "on_account", "refund", "write_off", "deduction"]),
    reason=st.sampled_from(["rounding", "freight"]),
)
acts = st.one_of(
    st.sampled_from([Claim(), Release(), TakeOver(), Withdraw(), Approve(), Reject(reason="no")]),
    st.just(Park(event="advice", reason="later")),
    st.builds(Prepare, entries=entries),
    st.builds(
        Decide,
        entries=entries,
        rank=st.integers(0, 1),
        remainder=remainders,
        hold=st.booleans(),
    ),
    st.builds(
        Undo,
        act_number=st.integers(0, 12),
        line_numbers=st.lists(st.integers(1, 8), max_size=2).map(tuple),
    ),
    st.builds(
        Deliver,
        line_numbers=st.lists(st.integers(1, 8), min_size=1, max_size=2).map(tuple),
        delivery=st.sampled_from(["posting", "posted", "failed", "confirmed"]),
    ),
)
steps = st.lists(st.tuples(acts, st.sampled_from([ANN, BOB, CAT, LEDGER])), max_size=40)


@given(st.integers(-2, 4), st.sampled_from(["", "C1"]), steps)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_walk_loses_a_cent_or_lets_one_person_do_both(amount, customer, walk):
    world = World(case_of(amount, customer))
    for act, actor in walk:
        world = after(world, act, actor) or world
