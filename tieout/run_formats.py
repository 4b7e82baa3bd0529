"""Write and read one table of a run as Parquet, CSV or JSON lines: same rows, same bytes.

Text formats write amounts as decimal text with the places of their currency (`1234.50`, `500`);
absent values are empty cells in CSV and null in JSON lines. What Arrow needs for a format is loaded
when a table of that format is made.
"""

from __future__ import annotations

import io
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine.limits import DECIMAL_SCALE

if TYPE_CHECKING:
    from pathlib import Path

    from tieout.run_tables import OutputTable

__all__ = ["FILE_FORMATS", "FileFormat", "TableWriter", "read_table", "table_bytes"]

FileFormat = Literal["parquet", "csv", "jsonl"]
"""How tables are written; also their file extension."""

FILE_FORMATS: Final[tuple[FileFormat, ...]] = ("parquet", "csv", "jsonl")
"""Every file format, the default first."""

_ROW_GROUP_ROWS: Final = 1 << 17
"""Rows of one Parquet row group: fixed, so that equal tables become equal bytes."""


def table_bytes(table: OutputTable, file_format: FileFormat) -> bytes:
    """The content of a file that holds `table`."""
    if file_format == "parquet":
        import pyarrow.parquet  # noqa: PLC0415 - costs a start

        sink = io.BytesIO()
        pyarrow.parquet.write_table(
            table.rows, sink, compression="zstd", row_group_size=_ROW_GROUP_ROWS
        )
        return sink.getvalue()
    rows = _with_amounts_as_text(table)
    if file_format == "csv":
        return _csv_header(rows.schema) + _csv_rows(rows)
    return _json_lines(rows)


class TableWriter:
    """Writes one table piece by piece, so that it need never be in memory whole.

    Parquet keeps a row group per piece; text formats write the bytes of `table_bytes`.
    """

    def __init__(self, path: Path, schema: pa.Schema, file_format: FileFormat) -> None:
        """Start an empty table of `schema` at `path`."""
        self._format = file_format
        self._sink = path.open("wb")
        self._parquet = None
        if file_format == "parquet":
            import pyarrow.parquet  # noqa: PLC0415 - costs a start

            self._parquet = pyarrow.parquet.ParquetWriter(self._sink, schema, compression="zstd")
        elif file_format == "csv":
            self._sink.write(_csv_header(schema))

    def write(self, piece: OutputTable) -> None:
        """Add the rows of `piece`."""
        if self._parquet is not None:
            if piece.rows.num_rows:
                self._parquet.write_table(piece.rows, row_group_size=_ROW_GROUP_ROWS)
            return
        rows = _with_amounts_as_text(piece)
        self._sink.write(_csv_rows(rows) if self._format == "csv" else _json_lines(rows))

    def close(self) -> None:
        """End the table."""
        if self._parquet is not None:
            self._parquet.close()
        self._sink.close()


def read_table(path: Path, file_format: FileFormat, schema: pa.Schema) -> pa.Table:
    """The table in `path` with the types of `schema`, of the columns the file has."""
    if file_format == "parquet":
        import pyarrow.parquet  # noqa: PLC0415 - costs a start

        return pyarrow.parquet.read_table(path)
    if file_format == "csv":
        import pyarrow.csv  # noqa: PLC0415 - costs a start

        options = pyarrow.csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, null_values=[""]
        )
        parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
        return pyarrow.csv.read_csv(path, parse_options=parse, convert_options=options)
    decoder = msgspec.json.Decoder(dict[str, str | float | int | bool | None])
    lines = [decoder.decode(line) for line in path.read_bytes().splitlines()]
    return pa.table({field.name: _typed(lines, field) for field in schema if _has(lines, field)})


def _has(lines: list[dict[str, str | float | int | bool | None]], field: pa.Field) -> bool:
    return not lines or field.name in lines[0]


def _typed(lines: list[dict[str, str | float | int | bool | None]], field: pa.Field) -> pa.Array:
    values = [line[field.name] for line in lines]
    if pa.types.is_decimal(field.type):
        return pa.array([None if v is None else Decimal(str(v)) for v in values], field.type)
    if pa.types.is_date(field.type):
        return arrow.cast(pa.array(values, pa.string()), field.type)
    return pa.array(values, field.type)


def _with_amounts_as_text(table: OutputTable) -> pa.Table:
    rows = table.rows
    for position, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            exponents = table.own_exponents.get(field.name, table.exponents)
            text = _amount_text(rows.column(position).combine_chunks(), exponents)
            rows = rows.set_column(position, field.name, text)
    return rows


def _amount_text(amounts: pa.Array, exponents: np.ndarray) -> pa.Array:
    """Decimals of four places cut to the places of each row's currency; only zeros are cut."""
    if isinstance(amounts, pa.ChunkedArray):
        amounts = pa.concat_arrays(amounts.chunks) if amounts.num_chunks else amounts
    full = arrow.cast(amounts, pa.string())
    text = full
    for exponent in np.flatnonzero(np.bincount(exponents)).tolist():  # at most five
        cut = DECIMAL_SCALE - exponent + (exponent == 0)
        if cut:
            shorter = arrow.utf8_slice_codeunits(full, 0, -cut)
            text = arrow.if_else(pa.array(exponents == exponent), shorter, text)
    return text


def _csv_header(schema: pa.Schema) -> bytes:
    return ",".join(schema.names).encode() + b"\n"


def _csv_rows(rows: pa.Table) -> bytes:
    import pyarrow.csv  # noqa: PLC0415 - costs a start

    sink = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    if rows.num_rows:
        pyarrow.csv.write_csv(rows, sink, options)
    return sink.getvalue()


def _json_lines(rows: pa.Table) -> bytes:
    encoder = msgspec.json.Encoder(order=None)
    lines = bytearray()
    for batch in rows.to_batches(max_chunksize=1 << 16):
        for row in batch.to_pylist():
            lines += encoder.encode(row)
            lines += b"\n"
    return bytes(lines)
