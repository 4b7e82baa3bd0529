"""The beginning of an order is the same, whether all rows are sorted for it or were before."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import store.kept_order
from store.kept_order import KeptOrder

VALUES = st.integers(-3, 3)
CHANGES = st.lists(
    st.tuples(st.integers(0, 60), VALUES, st.integers(0, 4), VALUES, st.integers(1, 9)),
    max_size=12,
)


def slow_first(
    values: list[int], mask: list[bool], after: tuple[int, int] | None, limit: int
) -> list[int]:
    """Every row looked at, all sorted."""
    keys = sorted((value, place) for place, value in enumerate(values) if mask[place])
    return [place for value, place in keys if after is None or (value, place) > after][:limit]


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=40), CHANGES, st.integers(0, 5), st.integers(1, 7))
def test_a_kept_order_begins_as_a_new_one(
    values: list[int], changes: list[Any], changed_max: int, step: int
) -> None:
    kept = KeptOrder()
    kept.note(np.arange(len(values)))
    before = (store.kept_order._CHANGED_MAX, store.kept_order._STEP)
    store.kept_order._CHANGED_MAX, store.kept_order._STEP = changed_max, step
    try:
        for wanted, value, skipped, after_value, limit in changes:
            place = min(wanted, len(values))
            if place == len(values):
                values.append(value)
            values[place] = value
            kept.note(np.array([place]))
            mask = [(one + skipped) % 3 != 0 for one in range(len(values))]
            for after in (None, (after_value, place)):
                found = kept.first(np.array(values), np.array(mask), after, limit)
                assert found.tolist() == slow_first(values, mask, after, limit)
    finally:
        store.kept_order._CHANGED_MAX, store.kept_order._STEP = before
