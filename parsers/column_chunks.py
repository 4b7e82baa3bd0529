"""Columns of rows as readers give them: arrays, or one value that all rows of a chunk share.

A value that all rows share is kept as one until a batch is made of it, so that it costs nothing to
join, and next to nothing to identify a payment by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ColumnChunk",
    "ColumnKind",
    "column_kinds",
    "facts_of",
    "join_chunks",
    "merge_chunks",
]


class ColumnKind(NamedTuple):
    """The type of a column, and what stands in it where a reader gives nothing."""

    type: pa.DataType
    empty: pa.Scalar
    is_text: bool


def column_kinds(schema: pa.Schema, names: Sequence[str]) -> dict[str, ColumnKind]:
    """The columns `names` of `schema`: text without a value is empty, numbers are null or 0."""
    kinds = {}
    for name in names:
        field = schema.field(name)
        is_text = pa.types.is_string(field.type)
        empty = "" if is_text else None if field.nullable else 0
        kinds[name] = ColumnKind(field.type, pa.scalar(empty, field.type), is_text)
    return kinds


class ColumnChunk(msgspec.Struct, frozen=True):
    """`rows` rows; each column is an array of so many values, or one value for all of them."""

    rows: int
    columns: dict[str, pa.Array | pa.Scalar]

    @classmethod
    def of(
        cls, rows: int, values: Mapping[str, Any], kinds: Mapping[str, ColumnKind]
    ) -> ColumnChunk:
        """Columns of `kinds` out of lists, numpy or Arrow arrays; absent ones are empty."""
        return cls(rows, {name: _column(kind, values.get(name)) for name, kind in kinds.items()})

    def take(self, rows: NDArray[np.int64]) -> ColumnChunk:
        """The given rows, in the given order."""
        places = pa.array(rows)
        return ColumnChunk(
            len(rows),
            {
                name: column if isinstance(column, pa.Scalar) else column.take(places)
                for name, column in self.columns.items()
            },
        )


def join_chunks(
    chunks: Sequence[ColumnChunk], kinds: Mapping[str, ColumnKind]
) -> dict[str, pa.Array]:
    """All rows of `chunks`, column by column."""
    merged = merge_chunks(chunks, kinds)
    return {
        name: pa.repeat(column, merged.rows) if isinstance(column, pa.Scalar) else column
        for name, column in merged.columns.items()
    }


def merge_chunks(chunks: Sequence[ColumnChunk], kinds: Mapping[str, ColumnKind]) -> ColumnChunk:
    """All rows of `chunks` as one; a value that all of them share is still kept as one."""
    rows = sum(chunk.rows for chunk in chunks)
    return ColumnChunk(rows, {name: _merged(chunks, name, kind) for name, kind in kinds.items()})


def facts_of(
    chunk: ColumnChunk, names: Sequence[str], separator: str, end: str, more: pa.Array | None
) -> pa.Array:
    """The text of the columns `names` of each row, joined by `separator`, and `end`.

    `more` follows where it is not null, behind another separator. Null columns are empty text.
    """
    parts: list[pa.Array | str] = []
    dates = dated = None
    for name in names:
        column = chunk.columns[name]
        if isinstance(column, pa.Date32Array):
            if column is not dates:  # mostly both dates are one column
                dates, dated = column, _date_texts(column)
            parts.append(dated)
            continue
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


def _column(kind: ColumnKind, values: Any) -> pa.Array | pa.Scalar:
    if values is None or (type(values) is list and values.count(None) == len(values)):
        return kind.empty
    if isinstance(values, pa.Scalar):
        return values.cast(kind.type)
    column = values if isinstance(values, pa.Array) else pa.array(values, kind.type)
    if column.type != kind.type:
        column = column.cast(kind.type)
    return pc.fill_null(column, "") if kind.is_text and column.null_count else column


def _merged(chunks: Sequence[ColumnChunk], name: str, kind: ColumnKind) -> pa.Array | pa.Scalar:
    columns = [chunk.columns[name] for chunk in chunks]
    first = columns[0] if columns else kind.empty
    if isinstance(first, pa.Scalar) and all(
        column is first or (isinstance(column, pa.Scalar) and column.equals(first))
        for column in columns
    ):
        return first
    arrays = [
        pa.repeat(column, chunk.rows) if isinstance(column, pa.Scalar) else column
        for column, chunk in zip(columns, chunks, strict=True)
    ]
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _texts(column: pa.Array) -> pa.Array:
    """A column as text, nulls as empty text."""
    texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
    return pc.fill_null(texts, "") if texts.null_count else texts


def _date_texts(column: pa.Date32Array) -> pa.Array:
    """Dates as text, by their distinct values, of which there are few."""
    encoded = column.dictionary_encode()
    return _texts(encoded.dictionary.cast(pa.string()).take(encoded.indices))
