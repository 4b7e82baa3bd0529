"""Who owns a key: one owner, several, or nobody."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.owner_table import NOBODY, SEVERAL, OwnerTable
from engine.text_columns import are_empty


def _owners(pairs, keys):
    table = OwnerTable.of(
        pa.array([key for key, _ in pairs], pa.string()),
        np.array([owner for _, owner in pairs], dtype=np.int64),
    )
    return table.look_up(pa.array(keys, pa.string())).tolist()


def test_a_key_has_its_owner_a_shared_one_several_an_unknown_one_nobody():
    pairs = [("A", 1), ("A", 1), ("B", 1), ("B", 2), ("C", 0)]
    assert _owners(pairs, ["A", "B", "C", "D"]) == [1, SEVERAL, 0, NOBODY]


def test_the_empty_key_belongs_to_nobody():
    assert _owners([("", 1), ("A", 2)], ["", "A"]) == [NOBODY, 2]


def test_a_table_of_nothing_knows_nobody():
    assert _owners([], ["A", ""]) == [NOBODY, NOBODY]
    assert _owners([("A", 1)], []) == []


@CALM
@given(
    st.lists(st.tuples(st.sampled_from(["", "A", "B", "Ä", "a"]), st.integers(0, 3))),
    st.lists(st.sampled_from(["", "A", "B", "Ä", "a", "Z"])),
)
def test_the_table_says_what_a_dictionary_of_sets_says(pairs, keys):
    owners = {}
    for key, owner in pairs:
        owners.setdefault(key, set()).add(owner)
    owners.pop("", None)

    def expected(key):
        found = owners.get(key, set())
        return SEVERAL if len(found) > 1 else next(iter(found), NOBODY)

    assert _owners(pairs, keys) == [expected(key) for key in keys]


def test_texts_without_a_letter_are_known_wherever_they_are_cut():
    texts = pa.array(["a", "", "", "b", ""], pa.string())
    for start in range(len(texts) + 1):
        for size in range(len(texts) - start + 1):
            part = texts.slice(start, size)
            assert are_empty(part) == all(not text for text in part.to_pylist())


def test_empty_keys_are_nobodys():
    table = OwnerTable.of(pa.array(["x", "", "x"], pa.string()), np.array([1, 2, 3]))
    for found in table.look_up_rivals(pa.array(["", ""], pa.string())):
        assert found.tolist() == [NOBODY, NOBODY]
