"""Arrow's functions, called by name: those that reading a bank file needs.

Importing `pyarrow.compute` writes a wrapper with a signature and a page of text for each of some
280 functions, which takes longer than reading a small file. These call the same functions and give
the same answers (`tests/engine/test_arrow_functions.py`). Modules on the way from the start of
`tieout parse` to its end use them, also instead of the methods of arrays that load that module
(`take`, `cast`, `is_null`, `sum` …); all others use `pyarrow.compute`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pyarrow._compute import (
    CastOptions,
    CountOptions,
    JoinOptions,
    MatchSubstringOptions,
    SetLookupOptions,
    SliceOptions,
    SortOptions,
    call_function,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "all_true",
    "and_",
    "binary_join",
    "binary_join_element_wise",
    "binary_length",
    "cast",
    "coalesce",
    "count_distinct",
    "dictionary_encode",
    "equal",
    "fill_null",
    "filter_rows",
    "greater",
    "if_else",
    "index_in",
    "invert",
    "is_in",
    "is_null",
    "is_valid",
    "less",
    "match_substring_regex",
    "or_",
    "replace_with_mask",
    "sort_indices",
    "string_is_ascii",
    "sum_of",
    "take",
    "utf8_slice_codeunits",
    "value_counts",
]


def all_true(values: Any) -> pa.Scalar:
    """Whether all are true; of none, null."""
    return call_function("all", [values])


def and_(left: Any, right: Any) -> Any:
    """Both."""
    return call_function("and", [left, right])


def binary_join(lists: Any, separator: Any) -> Any:
    """The texts of each list as one."""
    return call_function("binary_join", [lists, separator])


def binary_join_element_wise(
    *texts: Any, null_handling: Literal["emit_null", "skip"] = "emit_null"
) -> Any:
    """Texts of a row as one; the last argument stands between them."""
    return call_function("binary_join_element_wise", texts, JoinOptions(null_handling))


def binary_length(texts: Any) -> Any:
    """Bytes of each."""
    return call_function("binary_length", [texts])


def cast(values: Any, kind: pa.DataType) -> Any:
    """The values as `kind`; raises `pyarrow.ArrowInvalid` where one is none."""
    return call_function("cast", [values], CastOptions.safe(kind))


def coalesce(*values: Any) -> Any:
    """The first that is not null."""
    return call_function("coalesce", values)


def count_distinct(values: Any) -> pa.Scalar:
    """How many differ, nulls apart."""
    return call_function("count_distinct", [values], CountOptions("only_valid"))


def dictionary_encode(values: pa.Array) -> pa.DictionaryArray:
    """Places among the distinct values, which stand in the order of their first appearance."""
    return call_function("dictionary_encode", [values])


def equal(left: Any, right: Any) -> Any:
    """Which are equal."""
    return call_function("equal", [left, right])


def fill_null(values: Any, instead: object) -> Any:
    """The values, `instead` where there is none."""
    return call_function("coalesce", [values, pa.scalar(instead, type=values.type)])


def filter_rows(rows: Any, wanted: Any) -> Any:
    """The rows that are wanted."""
    return call_function("filter", [rows, wanted])


def greater(left: Any, right: Any) -> Any:
    """Where the left one is greater."""
    return call_function("greater", [left, right])


def if_else(condition: Any, this: Any, that: Any) -> Any:
    """`this` where the condition holds, else `that`."""
    return call_function("if_else", [condition, this, that])


def index_in(values: Any, value_set: pa.Array) -> pa.Array:
    """The place of each value in `value_set`; null where it has none."""
    return call_function("index_in", [values], SetLookupOptions(value_set, skip_nulls=False))


def invert(values: Any) -> Any:
    """True for false."""
    return call_function("invert", [values])


def is_in(values: Any, *, value_set: pa.Array) -> Any:
    """Which stand in `value_set`."""
    return call_function("is_in", [values], SetLookupOptions(value_set, skip_nulls=False))


def is_null(values: Any) -> Any:
    """Which are null."""
    return call_function("is_null", [values])


def is_valid(values: Any) -> Any:
    """Which are not null."""
    return call_function("is_valid", [values])


def less(left: Any, right: Any) -> Any:
    """Where the left one is less."""
    return call_function("less", [left, right])


def match_substring_regex(texts: Any, pattern: str, *, ignore_case: bool = False) -> Any:
    """Which texts hold something that answers to `pattern`."""
    options = MatchSubstringOptions(pattern, ignore_case=ignore_case)
    return call_function("match_substring_regex", [texts], options)


def or_(left: Any, right: Any) -> Any:
    """Either."""
    return call_function("or", [left, right])


def replace_with_mask(values: Any, mask: Any, replacements: Any) -> Any:
    """The values, and where `mask` is true the next replacement."""
    return call_function("replace_with_mask", [values, mask, replacements])


def sort_indices(rows: Any, keys: Sequence[tuple[str, str]]) -> pa.Array:
    """The order of rows by columns, each "ascending" or "descending"; nulls last."""
    return call_function("sort_indices", [rows], SortOptions(keys))


def string_is_ascii(texts: Any) -> Any:
    """Which consist of ASCII."""
    return call_function("string_is_ascii", [texts])


def sum_of(values: Any) -> pa.Scalar:
    """The sum; of none, null."""
    return call_function("sum", [values])


def take(rows: Any, indices: Any) -> Any:
    """The rows at `indices`."""
    return call_function("take", [rows, indices])


def utf8_slice_codeunits(texts: Any, start: int, stop: int) -> Any:
    """The letters from `start` up to `stop`, both counted from the end where negative."""
    return call_function("utf8_slice_codeunits", [texts], SliceOptions(start, stop))


def value_counts(values: Any) -> pa.StructArray:
    """Each distinct value, and how often it stands there."""
    return call_function("value_counts", [values])
