"""A table of keys gives what a dictionary of lists would."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from engine.key_table import KeyTable, scrambled

FEW = st.integers(0, 12)
WIDE = st.integers(0, 2**64 - 1)
INVERSE = pow(0x9E3779B97F4A7C15, -1, 2**64)
LAST = (2**64 - 1) * INVERSE % 2**64
"""The key whose scrambled form would be that of a free slot."""


def _listed(table, asked, values_max):
    owner, value = table.find(np.array(asked, dtype=np.uint64), values_max)
    assert (owner[1:] >= owner[:-1]).all()
    return list(zip(owner.tolist(), value.tolist(), strict=True))


@example([(LAST, 7)], [LAST, 5], 3)
@example([], [LAST, 5], 3)
@given(
    st.lists(st.tuples(st.one_of(FEW, WIDE), st.integers(0, 2**62))),
    st.lists(st.one_of(FEW, WIDE)),
    st.integers(1, 4),
)
def test_what_is_found_is_what_a_dictionary_holds(pairs, asked, values_max):
    pairs = sorted(set(pairs), key=lambda pair: (pair[0], pair[1]))
    held = defaultdict(list)
    for key, value in pairs:
        held[key].append(value)
    table = KeyTable.of(
        np.array([key for key, _ in pairs], dtype=np.uint64),
        np.array([value for _, value in pairs], dtype=np.uint64),
    )
    asked = [*asked, *held]
    expected = [
        (place, value)
        for place, key in enumerate(asked)
        if len(held.get(key, ())) <= values_max
        for value in held.get(key, ())
    ]
    assert _listed(table, asked, values_max) == expected
    assert len(table) == len(pairs)


@given(st.lists(st.integers(0, 2**40), min_size=1, unique=True), st.data())
def test_keys_taken_out_are_gone_and_the_others_stay(keys, data):
    gone = data.draw(st.lists(st.sampled_from(keys), unique=True))
    every = np.array(keys, dtype=np.uint64)
    table = KeyTable.of(every, np.arange(len(keys), dtype=np.uint64))
    left = table.without(np.sort(scrambled(np.array(gone, dtype=np.uint64))))
    found = _listed(left, keys, 1)
    assert found == [(place, place) for place, key in enumerate(keys) if key not in set(gone)]


def test_keys_that_crowd_behind_one_another_are_all_found():
    """Multiples of the inverse scramble to neighbours: all want the first slot."""
    with np.errstate(over="ignore"):
        keys = np.arange(500, dtype=np.uint64) * np.uint64(INVERSE)
    table = KeyTable.of(keys, np.arange(500, dtype=np.uint64))
    assert _listed(table, keys.tolist(), 1) == [(place, place) for place in range(500)]
    key, value = table.rows()
    assert key.tolist() == list(range(500))
    assert value.tolist() == list(range(500))
