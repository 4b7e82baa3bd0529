"""Columns of rows as readers give them: arrays, or one value that all rows of a chunk share.

A value that all rows share is kept as one until a batch is made of it, so that it costs nothing to
join, and next to nothing to identify a payment by. Values that many rows share may be given as an
Arrow dictionary, and stay one as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import msgspec
import pyarrow as pa

from engine import arrow_functions as arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ColumnChunk",
    "ColumnKind",
    "column_kinds",
    "facts_of",
    "join_chunks",
    "merge_chunks",
    "spread_columns",
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
    """`rows` rows; each column is an array of so many values, a dictionary of them without nulls in
    its indices, or one value for all rows.
    """

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
                name: column if isinstance(column, pa.Scalar) else arrow.take(column, places)
                for name, column in self.columns.items()
            },
        )


def join_chunks(
    chunks: Sequence[ColumnChunk], kinds: Mapping[str, ColumnKind]
) -> dict[str, pa.Array]:
    """All rows of `chunks`, column by column."""
    merged = merge_chunks(chunks, kinds)
    return spread_columns(merged.columns, merged.rows)


def spread_columns(columns: Mapping[str, pa.Array | pa.Scalar], rows: int) -> dict[str, pa.Array]:
    """Columns with a value for each row. Columns of the same one value share an array: a dozen
    columns of a payment are mostly empty, and fresh memory costs more than what is written to it.
    """
    spread: dict[tuple[pa.DataType, Any], pa.Array] = {}
    arrays = {}
    for name, column in columns.items():
        if not isinstance(column, pa.Scalar):
            arrays[name] = column
            continue
        value = (column.type, column.as_py())
        if value not in spread:
            spread[value] = pa.repeat(column, rows)
        arrays[name] = spread[value]
    return arrays


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
    for column in _bundled([chunk.columns[name] for name in names], separator):
        if isinstance(column, pa.Date32Array):
            if column is not dates:  # mostly both dates are one column
                dates, dated = column, _date_texts(column)
            parts.append(dated)
        elif not isinstance(column, str):
            parts.append(_texts(column))
        elif parts and isinstance(parts[-1], str):
            parts[-1] += separator + column
        else:
            parts.append(column)
    last = parts[-1]
    parts[-1] = (
        last + end if isinstance(last, str) else arrow.binary_join_element_wise(last, end, "")
    )
    if more is not None:
        parts.append(more)
    elif all(isinstance(part, str) for part in parts):
        return pa.repeat(pa.scalar(separator.join(map(str, parts)), pa.string()), chunk.rows)
    return arrow.binary_join_element_wise(*parts, separator, null_handling="skip")


def _bundled(columns: Sequence[pa.Array | pa.Scalar], separator: str) -> Iterator[pa.Array | str]:
    """Columns as they are; values of all rows as text; dictionaries that follow each other and
    share their indices as one column of texts, joined by `separator`.
    """
    bundle: list[pa.DictionaryArray] = []
    for column in [*columns, None]:
        if bundle and not (_is_dictionary(column) and _have_same_indices(column, bundle[0])):
            texts = [_texts(one.dictionary) for one in bundle]
            joined = arrow.binary_join_element_wise(*texts, separator)
            yield arrow.take(joined, bundle[0].indices)
            bundle = []
        if _is_dictionary(column):
            bundle.append(column)
        elif isinstance(column, pa.Scalar):
            value = column.as_py()
            yield "" if value is None else str(value)
        elif column is not None:
            yield column


def _is_dictionary(column: pa.Array | pa.Scalar | None) -> TypeGuard[pa.DictionaryArray]:
    return isinstance(column, pa.DictionaryArray)


def _have_same_indices(one: pa.DictionaryArray, other: pa.DictionaryArray) -> bool:
    """Whether both name their values by the very same places, and have as many."""
    mine, its = one.indices, other.indices
    return len(one.dictionary) == len(other.dictionary) and (mine is its or mine.equals(its))


def _column(kind: ColumnKind, values: Any) -> pa.Array | pa.Scalar:
    if values is None or (type(values) is list and values.count(None) == len(values)):
        return kind.empty
    if isinstance(values, pa.Scalar):
        return arrow.cast(values, kind.type)
    column = values if isinstance(values, pa.Array) else pa.array(values, kind.type)
    if isinstance(column, pa.DictionaryArray) and column.type.value_type == kind.type:
        return column
    if column.type != kind.type:
        column = arrow.cast(column, kind.type)
    return arrow.fill_null(column, "") if kind.is_text and column.null_count else column


def _merged(chunks: Sequence[ColumnChunk], name: str, kind: ColumnKind) -> pa.Array | pa.Scalar:
    columns = [chunk.columns[name] for chunk in chunks]
    first = columns[0] if columns else kind.empty
    if isinstance(first, pa.Scalar) and all(
        column is first or (isinstance(column, pa.Scalar) and column.equals(first))
        for column in columns
    ):
        return first
    arrays = [_spelt_out(column, chunk.rows) for column, chunk in zip(columns, chunks, strict=True)]
    return arrays[0] if len(arrays) == 1 else pa.concat_arrays(arrays)


def _spelt_out(column: pa.Array | pa.Scalar, rows: int) -> pa.Array:
    """A column with a value for each row."""
    if isinstance(column, pa.Scalar):
        return pa.repeat(column, rows)
    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column


def _texts(column: pa.Array) -> pa.Array:
    """A column as text, nulls as empty text."""
    texts = column if pa.types.is_string(column.type) else arrow.cast(column, pa.string())
    return arrow.fill_null(texts, "") if texts.null_count else texts


def _date_texts(column: pa.Date32Array) -> pa.Array:
    """Dates as text, by their distinct values, of which there are few."""
    encoded = arrow.dictionary_encode(column)
    texts = arrow.cast(encoded.dictionary, pa.string())
    return _texts(arrow.take(texts, encoded.indices))
