"""Open a table file (CSV, Parquet, Arrow IPC, JSONL by extension) as named Arrow columns.

Every format ends as one `TableFile`: the columns a reader knows, each one Arrow array. CSV
and JSONL keep their amounts as the text they were written as, so no float ever touches them.
Errors are `TableError` with file, row (1-based, data rows only), the line of a text file, column,
value and what was expected.
"""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from parsers.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["TABLE_FORMATS", "TableContent", "TableFile", "amount_spellings", "open_table"]

TABLE_FORMATS: Final[dict[str, str]] = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""File extension → format of a table."""

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = re.compile(rb"\s*")
_VALUE_LENGTH_MAX: Final = 60
"""Characters of a bad value an error message shows: more hides the sentence around it."""


class TableContent(msgspec.Struct, frozen=True):
    """A table that is in memory already: its name (whose extension tells the format), its bytes."""

    name: str
    content: bytes


class TableFile:
    """The known columns of one table file, and the places of its rows."""

    def __init__(self, name: str, content: bytes, columns: dict[str, pa.Array], rows: int) -> None:
        """Hold `columns` (each `rows` long) of the table called `name`."""
        self.name = name
        self.columns = columns
        self.row_count = rows
        self._content = content

    @property
    def format(self) -> str:
        """`csv`, `parquet`, `arrow` or `jsonl`."""
        return TABLE_FORMATS[Path(self.name).suffix.lower()]

    def place(self, row: int) -> str:
        """Where data row `row` (from 0) stands: `row 12 (line 13)`; binary formats have no line."""
        if self.format == "csv":
            return f"row {row + 1} (line {_csv_line(self._content, row)})"
        return f"row {row + 1}"

    def fail(self, row: int, column: str, value: object, problem: str) -> NoReturn:
        """Raise the `TableError` of one value; `problem` reads on from the value."""
        shown = repr(value)
        if len(shown) > _VALUE_LENGTH_MAX:
            shown = shown[:_VALUE_LENGTH_MAX] + "…"
        message = f"{self.name}: {self.place(row)}, column {column}: {shown} {problem}"
        raise TableError(message)

    def require(self, names: Sequence[str], found: Sequence[str]) -> None:
        """Raise `TableError` where one of `names` is no column; `found` is the file's header."""
        for name in names:
            if any(spelling in self.columns for spelling in amount_spellings(name)):
                continue
            near = difflib.get_close_matches(name, found, 1, 0.6)
            hint = f"did you mean to rename {near[0]!r}? " if near else ""
            message = (
                f"{self.name}: required column {name!r} is missing; {hint}"
                f"the columns found are {', '.join(found) or 'none'}"
            )
            raise TableError(message)


def amount_spellings(name: str) -> tuple[str, ...]:
    """Column names of the amount `name`: itself in major units, the others in int64 minor units.

    `open_amount` may stand as `open_amount_minor` or `open_minor`.
    """
    return (name, *dict.fromkeys((f"{name}_minor", f"{name.removesuffix('_amount')}_minor")))


def open_table(
    source: str | Path | TableContent | TableFile, known: Sequence[str], required: Sequence[str]
) -> TableFile:
    """The columns `known` of the table `source`; `required` ones must be there.

    A table that is open already (`parsers.ledger_files`) is only asked for its columns. Raises
    `FileNotFoundError`, or `TableError` where the file is not what its extension says.
    """
    if isinstance(source, TableFile):
        source.require(required, list(source.columns))
        return source
    if isinstance(source, TableContent):
        name, content = source.name, source.content
    else:
        name, content = Path(source).name, Path(source).read_bytes()
    suffix = Path(name).suffix.lower()
    if suffix not in TABLE_FORMATS:
        message = (
            f"{name}: the extension {suffix or '(none)'!r} is no table format; "
            f"expected one of {', '.join(TABLE_FORMATS)}"
        )
        raise TableError(message)
    if _BLANK.fullmatch(content):
        message = (
            f"{name}: the file is empty; a table with the columns {', '.join(required)} is expected"
        )
        raise TableError(message)
    found, columns, rows = _LOADERS[TABLE_FORMATS[suffix]](name, content, known)
    table = TableFile(name, content, columns, rows)
    table.require(required, found)
    return table


_Loaded = tuple[list[str], dict[str, pa.Array], int]


def _load_csv(name: str, content: bytes, known: Sequence[str]) -> _Loaded:
    header, start = _csv_header(name, content)
    wanted = [column for column in header if column in known]
    if _BLANK.fullmatch(content, start):
        return header, {column: pa.array([], pa.string()) for column in wanted}, 0
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(pa.py_buffer(content)[start:]),
            read_options=pyarrow.csv.ReadOptions(column_names=header),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                include_columns=wanted or header[:1],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _csv_fault(name, content, len(header), error) from None
    columns = {column: table[column].combine_chunks() for column in wanted}
    return header, columns, table.num_rows


def _csv_header(name: str, content: bytes) -> tuple[list[str], int]:
    """Column names and the byte offset where the rows begin."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        message = f"{name}: the file is UTF-16 text; save it as UTF-8"
        raise TableError(message)
    start = len(_BOM) if content.startswith(_BOM) else 0
    while content[start : start + 1] in (b"\r", b"\n"):
        start += 1
    end = content.find(b"\n", start)
    end = len(content) if end < 0 else end + 1
    try:
        line = content[start:end].decode()
    except UnicodeDecodeError:
        message = f"{name}: line 1 is not UTF-8 text; a CSV file with a header is expected"
        raise TableError(message) from None
    try:
        header = [column.strip() for column in next(csv.reader([line.rstrip("\r\n")]))]
    except csv.Error as error:
        message = f"{name}: line 1 cannot be read as a CSV header: {error}"
        raise TableError(message) from None
    for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and separator in header[0]:
            message = (
                f"{name}: line 1 is separated by {word}; commas are expected: "
                f"save the file as comma-separated CSV"
            )
            raise TableError(message)
    twice = sorted({column for column in header if header.count(column) > 1 and column})
    if twice:
        message = f"{name}: line 1 names the column {twice[0]!r} twice; each may stand once"
        raise TableError(message)
    return [column or f"(column {i})" for i, column in enumerate(header, 1)], end


def _csv_rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """First line and values of each row that is not blank, the header first."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    line = 1
    for values in reader:
        if values:
            yield line, values
        line = reader.line_num + 1


def _csv_line(content: bytes, row: int) -> int:
    for number, (line, _) in enumerate(_csv_rows(content)):
        if number == row + 1:
            return line
    return 0


def _csv_fault(name: str, content: bytes, width: int, error: pa.ArrowInvalid) -> TableError:
    """What makes the rows unreadable, found by a slow second reading."""
    try:
        content.decode()
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        return TableError(
            f"{name}: line {line} holds the byte {content[fault.start]:#04x}, which is not UTF-8 "
            f"text; save the file as UTF-8"
        )
    with contextlib.suppress(csv.Error):  # then the first reader's own words are all there is
        for number, (line, values) in enumerate(_csv_rows(content)):
            if number and len(values) != width:
                return TableError(
                    f"{name}: row {number} (line {line}) has {len(values)} values, the header has "
                    f"{width} columns; quote values that contain a comma"
                )
    return TableError(f"{name}: cannot be read as CSV: {error}")


def _load_parquet(name: str, content: bytes, known: Sequence[str]) -> _Loaded:
    try:
        source = pyarrow.parquet.ParquetFile(pa.BufferReader(content))
        found = source.schema_arrow.names
        table = source.read(columns=[column for column in found if column in known])
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        message = f"{name}: is not a readable Parquet file: {_first_line(error)}"
        raise TableError(message) from None
    return found, _single_chunks(table), table.num_rows


def _load_arrow(name: str, content: bytes, known: Sequence[str]) -> _Loaded:
    opener = pa.ipc.open_file if content.startswith(b"ARROW1") else pa.ipc.open_stream
    try:
        table = opener(pa.BufferReader(content)).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        message = f"{name}: is not a readable Arrow IPC file: {_first_line(error)}"
        raise TableError(message) from None
    found = table.schema.names
    wanted = table.select([column for column in found if column in known])
    return found, _single_chunks(wanted), table.num_rows


def _single_chunks(table: pa.Table) -> dict[str, pa.Array]:
    columns = {}
    for column in table.schema.names:
        values = table[column].combine_chunks()
        if isinstance(values, pa.ChunkedArray):  # no chunk at all stays chunked
            values = values.chunk(0) if values.num_chunks else pa.array([], values.type)
        plain = pa.types.is_dictionary(values.type)
        columns[column] = values.dictionary_decode() if plain else values
    return columns


def _load_jsonl(name: str, content: bytes, known: Sequence[str]) -> _Loaded:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=str)  # numbers as they are written
    found: dict[str, None] = {}
    rows: list[dict[str, Any]] = []
    for line, text in enumerate(content.removeprefix(_BOM).split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            row = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{name}: line {line} is no JSON object: {_first_line(error)}"
            raise TableError(message) from None
        found.update(dict.fromkeys(row))
        rows.append(row)
    columns = {}
    for column in found:
        if column in known:
            columns[column] = pa.array(
                [_json_text(name, i, column, row.get(column)) for i, row in enumerate(rows, 1)],
                pa.string(),
            )
    return list(found), columns, len(rows)


def _json_text(name: str, row: int, column: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(filter(None, (_json_text(name, row, column, part) for part in value)))
    if isinstance(value, dict):
        message = f"{name}: row {row}, column {column}: an object stands where a value is expected"
        raise TableError(message)
    return str(value)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


_LOADERS: Final = {
    "csv": _load_csv,
    "parquet": _load_parquet,
    "arrow": _load_arrow,
    "jsonl": _load_jsonl,
}
