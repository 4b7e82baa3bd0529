"""Keys of references: whatever comes and goes, they are those of the items that are there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from random_worlds import CALM

from engine.batches import OpenItemBatch
from engine.key_table import scrambled
from engine.readings import NumberShape
from engine.reference_keys import (
    ALTERNATIVE,
    STRONG,
    WEAK,
    Documents,
    ReferenceKeys,
    common_shapes,
    joined_digits,
)

NUMBERS = st.lists(
    st.from_regex(r"(SI-|FV26|26/VK/|)[0-9]{3,8}", fullmatch=True) | st.sampled_from(["", "A12"]),
    min_size=1,
    max_size=12,
)


def _documents(numbers, orders=(), first=0):
    count = len(numbers)
    batch = OpenItemBatch.from_columns(
        {
            "open_item_id": [f"{first + row}" for row in range(count)],
            "document_number": numbers,
            "purchase_order": [*orders, *([""] * count)][:count],
        }
    )
    return Documents.of(batch, np.arange(first, first + count))


def _keys_of(numbers, orders=(), first=0):
    return _documents(numbers, orders, first).reference_keys()


def _found(keys, asked):
    found = keys.find(asked)
    columns = (found.owner, found.item, found.strength)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@CALM
@given(NUMBERS, NUMBERS, st.data())
def test_items_that_come_and_go_leave_the_keys_of_those_that_are_there(old, new, data):
    stays = np.array(data.draw(st.lists(st.booleans(), min_size=len(old), max_size=len(old))))
    stays = stays.astype(np.bool_)
    left = [number for number, kept in zip(old, stays, strict=True) if kept]
    moved = np.where(stays, np.cumsum(stays) - 1, -1)
    changed = _keys_of(old).changed(moved, _keys_of(new, first=len(left)))
    whole = _keys_of(left + new)
    for mine, theirs in zip(changed.table.rows(), whole.table.rows(), strict=True):
        assert mine.tolist() == theirs.tolist()
    asked = joined_digits(pa.array(old + new, pa.string()))
    assert _found(changed, asked) == _found(whole, asked)


def test_a_number_proves_as_much_as_it_is_long_and_what_it_is():
    keys = _keys_of(["SI-020001", "123", "26/VK/000007"], ["4500012345", "", ""])
    asked = np.array([20001, 123, 26000007, 4500012345, 999], dtype=np.uint64)
    assert _found(keys, asked) == [
        (0, 0, STRONG),
        (1, 1, WEAK),
        (2, 2, STRONG),
        (3, 0, ALTERNATIVE),
    ]


def test_a_key_of_too_many_items_is_evidence_of_none():
    keys = _keys_of(["SI-020001"] * 51 + ["SI-020002"] * 50)
    found = _found(keys, np.array([20001, 20002], dtype=np.uint64))
    assert [owner for owner, _, _ in found] == [1] * 50


def test_shapes_are_those_of_the_numbers_in_use():
    counts = _documents(["SI-020001", "26/VK/000007", "12"]).shape_counts
    shapes = common_shapes(counts, 3)
    assert shapes == (NumberShape(1, 6, 6), NumberShape(2, 2, 6))


def test_keys_that_are_frequent_elsewhere_find_nothing():
    keys = _keys_of(["SI-020001", "SI-020002"])
    left = ReferenceKeys(keys.table.without(scrambled(np.array([20001], dtype=np.uint64))))
    found = _found(left, np.array([20001, 20002], dtype=np.uint64))
    assert found == [(1, 1, STRONG)]
