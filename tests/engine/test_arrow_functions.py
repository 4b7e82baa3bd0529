"""Arrow's functions by name answer as `pyarrow.compute` does."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from engine import arrow_functions as arrow

TEXTS = pa.array(["b", "", None, "äöü", "b"])
NUMBERS = pa.array([3, None, -1, 3, 0])
TRUTHS = pa.array([True, None, False, True, False])
KNOWN = pa.array([True, False, False, True, False])
ORDER = pa.array([4, 0, None, 2])
ROWS = pa.record_batch({"text": TEXTS, "number": NUMBERS})
LISTS = pa.array([["a", "b"], [], None])

GIVEN = {
    "all_true": (arrow.all_true(TRUTHS), pc.all(TRUTHS)),
    "all_true of none": (arrow.all_true(TRUTHS[:0]), pc.all(TRUTHS[:0])),
    "and_": (arrow.and_(TRUTHS, KNOWN), pc.and_(TRUTHS, KNOWN)),
    "binary_join": (arrow.binary_join(LISTS, "|"), pc.binary_join(LISTS, "|")),
    "binary_join_element_wise": (
        arrow.binary_join_element_wise(TEXTS, "x", "-"),
        pc.binary_join_element_wise(TEXTS, "x", "-"),
    ),
    "binary_join_element_wise, nulls left out": (
        arrow.binary_join_element_wise(TEXTS, TEXTS, "-", null_handling="skip"),
        pc.binary_join_element_wise(TEXTS, TEXTS, "-", null_handling="skip"),
    ),
    "binary_length": (arrow.binary_length(TEXTS), pc.binary_length(TEXTS)),
    "cast": (arrow.cast(NUMBERS, pa.string()), pc.cast(NUMBERS, pa.string())),
    "coalesce": (arrow.coalesce(NUMBERS, 7), pc.coalesce(NUMBERS, 7)),
    "count_distinct": (arrow.count_distinct(TEXTS), pc.count_distinct(TEXTS)),
    "dictionary_encode": (arrow.dictionary_encode(TEXTS), TEXTS.dictionary_encode()),
    "equal": (arrow.equal(TEXTS, "b"), pc.equal(TEXTS, "b")),
    "fill_null": (arrow.fill_null(NUMBERS, 9), pc.fill_null(NUMBERS, 9)),
    "filter_rows": (arrow.filter_rows(ROWS, TRUTHS), ROWS.filter(TRUTHS)),
    "greater": (arrow.greater(NUMBERS, 0), pc.greater(NUMBERS, 0)),
    "if_else": (arrow.if_else(TRUTHS, TEXTS, ""), pc.if_else(TRUTHS, TEXTS, "")),
    "index_in": (arrow.index_in(TEXTS, TEXTS[:3]), pc.index_in(TEXTS, TEXTS[:3])),
    "invert": (arrow.invert(TRUTHS), pc.invert(TRUTHS)),
    "is_in": (arrow.is_in(TEXTS, value_set=TEXTS[1:3]), pc.is_in(TEXTS, value_set=TEXTS[1:3])),
    "is_null": (arrow.is_null(TEXTS), TEXTS.is_null()),
    "is_valid": (arrow.is_valid(TEXTS), TEXTS.is_valid()),
    "less": (arrow.less(NUMBERS, 3), pc.less(NUMBERS, 3)),
    "match_substring_regex": (
        arrow.match_substring_regex(TEXTS, "^B", ignore_case=True),
        pc.match_substring_regex(TEXTS, "^B", ignore_case=True),
    ),
    "or_": (arrow.or_(TRUTHS, KNOWN), pc.or_(TRUTHS, KNOWN)),
    "replace_with_mask": (
        arrow.replace_with_mask(TEXTS, KNOWN, pa.array(["x", "y"])),
        pc.replace_with_mask(TEXTS, KNOWN, pa.array(["x", "y"])),
    ),
    "sort_indices": (
        arrow.sort_indices(ROWS, [("text", "ascending"), ("number", "descending")]),
        pc.sort_indices(ROWS, [("text", "ascending"), ("number", "descending")]),
    ),
    "string_is_ascii": (arrow.string_is_ascii(TEXTS), pc.string_is_ascii(TEXTS)),
    "sum_of": (arrow.sum_of(NUMBERS), pc.sum(NUMBERS)),
    "sum_of none": (arrow.sum_of(NUMBERS[:0]), pc.sum(NUMBERS[:0])),
    "take": (arrow.take(TEXTS, ORDER), TEXTS.take(ORDER)),
    "take of rows": (arrow.take(ROWS, ORDER), ROWS.take(ORDER)),
    "utf8_slice_codeunits": (
        arrow.utf8_slice_codeunits(TEXTS, 0, -1),
        pc.utf8_slice_codeunits(TEXTS, 0, -1),
    ),
    "value_counts": (arrow.value_counts(TEXTS), TEXTS.value_counts()),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_function_by_name_answers_as_the_one_of_the_module(name):
    found, expected = GIVEN[name]
    assert found.equals(expected)
    assert found.type == expected.type if hasattr(found, "type") else found.schema


def test_every_function_is_compared():
    assert {name.split(",")[0].split(" ")[0] for name in GIVEN} == set(arrow.__all__)


def test_a_value_that_is_none_of_a_type_is_refused():
    with pytest.raises(pa.ArrowInvalid):
        arrow.cast(pa.array(["x"]), pa.int64())
