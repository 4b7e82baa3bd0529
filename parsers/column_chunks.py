"""Columns of rows as readers give them: arrays, or one value that all rows of a chunk share.

A value that all rows share is kept as one until a batch is made of it, so that it costs nothing to
join, and next to nothing to identify a payment by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ColumnChunk", "facts_of", "join_chunks"]


class ColumnChunk(msgspec.Struct, frozen=True):
    """`rows` rows; each column is an array of so many values, or one value for all of them."""

    rows: int
    columns: dict[str, pa.Array | pa.Scalar]

    @classmethod
    def of(
        cls, rows: int, values: Mapping[str, Any], schema: Mapping[str, pa.Field]
    ) -> ColumnChunk:
        """Columns of `schema` out of lists, numpy or Arrow arrays; absent ones are empty."""
        return cls(rows, {name: _column(field, values.get(name)) for name, field in schema.items()})


def join_chunks(
    chunks: Sequence[ColumnChunk], schema: Mapping[str, pa.Field]
) -> dict[str, pa.Array]:
    """All rows of `chunks`, column by column."""
    return {name: _joined(chunks, name, field) for name, field in schema.items()}


def facts_of(
    chunk: ColumnChunk, names: Sequence[str], separator: str, end: str, more: pa.Array | None
) -> pa.Array:
    """The text of the columns `names` of each row, joined by `separator`, and `end`.

    `more` follows where it is not null, behind another separator. Null columns are empty text.
    """
    parts: list[pa.Array | str] = []
    for name in names:
        column = chunk.columns[name]
        if not isinstance(column, pa.Scalar):
            parts.append(_texts(column))
            continue
        value = column.as_py()
        text = "" if value is None else str(value)
        if parts and isinstance(parts[-1], str):
            parts[-1] += separator + text
        else:
            parts.append(text)
    last = parts[-1]
    parts[-1] = last + end if isinstance(last, str) else pc.binary_join_element_wise(last, end, "")
    if more is not None:
        parts.append(more)
    elif all(isinstance(part, str) for part in parts):
        return pa.repeat(pa.scalar(separator.join(map(str, parts)), pa.string()), chunk.rows)
    return pc.binary_join_element_wise(*parts, separator, null_handling="skip")


def _column(field: pa.Field, values: Any) -> pa.Array | pa.Scalar:
    kind = field.type
    if values is None:
        empty: Any = "" if pa.types.is_string(kind) else None if field.nullable else 0
        return pa.scalar(empty, kind)
    if isinstance(values, pa.Scalar):
        return values.cast(kind)
    column = values if isinstance(values, pa.Array) else pa.array(values, kind)
    if column.type != kind:
        column = column.cast(kind)
    return pc.fill_null(column, "") if pa.types.is_string(kind) and column.null_count else column


def _joined(chunks: Sequence[ColumnChunk], name: str, field: pa.Field) -> pa.Array:
    columns = [chunk.columns[name] for chunk in chunks]
    first = columns[0] if columns else None
    if isinstance(first, pa.Scalar) and all(
        isinstance(column, pa.Scalar) and column.equals(first) for column in columns
    ):
        return pa.repeat(first, sum(chunk.rows for chunk in chunks))
    arrays = [
        pa.repeat(column, chunk.rows) if isinstance(column, pa.Scalar) else column
        for column, chunk in zip(columns, chunks, strict=True)
    ]
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays or [pa.array([], field.type)])


def _texts(column: pa.Array) -> pa.Array:
    """A column as text; dates by their distinct values, of which there are few."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_date(column.type):
        encoded = column.dictionary_encode()
        texts = encoded.dictionary.cast(pa.string()).take(encoded.indices)
    else:
        texts = column.cast(pa.string())
    return pc.fill_null(texts, "") if texts.null_count else texts
