"""Rows for properties: each column one of its values, as fast as chance can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["packed_rows"]


def packed_rows(
    columns: Mapping[str, Sequence[Any]],
    *,
    min_size: int = 0,
    max_size: int,
    unique_by: Callable[[dict[str, Any]], Any] | None = None,
) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of rows whose columns hold one of the values given, the first ones when shrunk.

    A row is drawn as bytes, one per column. Drawn value by value, twenty columns take Hypothesis
    longer than what is tested.
    """
    row = st.binary(min_size=len(columns), max_size=len(columns)).map(
        lambda drawn: {
            name: values[byte % len(values)]
            for byte, (name, values) in zip(drawn, columns.items(), strict=True)
        }
    )
    return st.lists(row, min_size=min_size, max_size=max_size, unique_by=unique_by)
