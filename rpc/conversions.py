"""Tables of the contract ↔ batches of the engine, in both encodings, by the schemas' own columns.

A row message has the fields of its schema; `currency_code` stands for the column `currency`, ISO
8601 text for a date, a repeated field for a text with `;` between its values.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from engine.batches import (
    ApplicationBatch,
    BankAccountBatch,
    Batch,
    CustomerBatch,
    ExceptionBatch,
    OpenItemBatch,
    PaymentBatch,
    PaymentOutcomeBatch,
    RemittanceBatch,
    ReversalBatch,
)
from engine.text_columns import blanks
from rpc.arrow_sizes import expanded_bytes
from rpc.errors import ArrowError, ExpansionError, RowCountError
from rpc.limits import CHUNK_BYTES_MAX, EXPANDED_BYTES_MAX
from tieout.v1 import rows_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import FieldDescriptor
    from google.protobuf.message import Message

__all__ = [
    "ANSWER_TABLES",
    "REQUEST_TABLES",
    "TableKind",
    "column_of",
    "decode_messages",
    "decode_table",
    "encode_table",
    "encode_tables",
    "row_messages",
]

SEPARATOR: Final = ";"
_SERVER_FIELDS: Final = {"ExceptionItem": frozenset({"file_id", "customer_id"})}
"""Fields of row messages that are no columns of the engine's schema."""


class TableKind(msgspec.Struct, frozen=True):
    """A table of the contract: its field in requests and answers, its batch, its messages."""

    field: str
    batch_class: type[Batch]
    row_class: Any
    table_class: Any

    @property
    def row_fields(self) -> tuple[FieldDescriptor, ...]:
        """Fields of the row message that are columns."""
        return _row_fields(self.row_class)

    @property
    def columns(self) -> tuple[_RowField, ...]:
        """The same fields, taken apart."""
        return _columns(self.row_class, self.batch_class)  # type: ignore[arg-type]  # a class

    @property
    def rows_field(self) -> str:
        """Name of the one field of the table's rows message."""
        return _rows_field(self.table_class)


@cache
def _row_fields(row_class: Any) -> tuple[FieldDescriptor, ...]:
    descriptor = row_class.DESCRIPTOR
    own = _SERVER_FIELDS.get(descriptor.name, frozenset())
    return tuple(field for field in descriptor.fields if field.name not in own)


_TEXT: Final = pa.string()
_FEW_ROWS: Final = 64
"""So many rows are asked what they tell; of more, every field is told by some row anyway."""


class _RowField(msgspec.Struct, frozen=True):
    """A field of row messages: its column and that one's type, `is_date` where it is text in the
    message and a date in the batch.
    """

    name: str
    column: str
    kind: Any
    is_repeated: bool
    has_presence: bool
    is_date: bool


@cache
def _columns(row_class: Any, batch_class: type[Batch]) -> tuple[_RowField, ...]:
    # Fields are looked at once: to ask one costs more than to read a value.
    schema = batch_class.SCHEMA
    return tuple(
        _RowField(
            name=field.name,
            column=column_of(field),
            kind=pa.int64() if field.type == field.TYPE_INT64 else _TEXT,
            is_repeated=field.is_repeated,
            has_presence=field.has_presence,
            is_date=pa.types.is_date(schema.field(column_of(field)).type),
        )
        for field in _row_fields(row_class)
    )


@cache
def _rows_field(table_class: Any) -> str:
    rows = table_class.DESCRIPTOR.fields_by_name["messages"].message_type
    return str(rows.fields[0].name)


REQUEST_TABLES: Final = (
    TableKind("payments", PaymentBatch, rows_pb2.Payment, rows_pb2.PaymentTable),
    TableKind(
        "remittance_lines", RemittanceBatch, rows_pb2.RemittanceLine, rows_pb2.RemittanceLineTable
    ),
    TableKind("open_items", OpenItemBatch, rows_pb2.OpenItem, rows_pb2.OpenItemTable),
    TableKind("customers", CustomerBatch, rows_pb2.Customer, rows_pb2.CustomerTable),
    TableKind("bank_accounts", BankAccountBatch, rows_pb2.BankAccount, rows_pb2.BankAccountTable),
)
"""What a match depends on."""

ANSWER_TABLES: Final = (
    TableKind("applications", ApplicationBatch, rows_pb2.Application, rows_pb2.ApplicationTable),
    TableKind(
        "payment_outcomes",
        PaymentOutcomeBatch,
        rows_pb2.PaymentOutcome,
        rows_pb2.PaymentOutcomeTable,
    ),
    TableKind("exceptions", ExceptionBatch, rows_pb2.ExceptionItem, rows_pb2.ExceptionItemTable),
    TableKind("reversals", ReversalBatch, rows_pb2.Reversal, rows_pb2.ReversalTable),
)
"""What a match gives."""


def column_of(field: FieldDescriptor) -> str:
    """The column that a field of a row message stands for."""
    return "currency" if field.name == "currency_code" else field.name


def decode_table(kind: TableKind, table: Any) -> dict[str, pa.Array | None]:
    """Columns of one `…Table` message, all of the table's columns, types as sent; None where none
    of the messages tells anything.

    Absent columns of Arrow rows are left out. Raises `RowCountError` or `ArrowError`.
    """
    encoding = table.WhichOneof("rows")
    columns: dict[str, pa.Array | None] = {}
    if encoding == "arrow":
        columns, rows = _decode_arrow(kind, table.arrow.ipc_stream)
    else:
        messages = getattr(table.messages, kind.rows_field) if encoding else ()
        rows = len(messages)
        columns = decode_messages(kind, messages)
    if rows != table.row_count:
        message = f"{kind.field}: row_count is {table.row_count}, the table has {rows} rows"
        raise RowCountError(message, table=kind.field)
    return columns


def decode_messages(kind: TableKind, messages: Sequence[Any]) -> dict[str, pa.Array | None]:
    """Columns of row messages; of a few, None where none of them tells anything."""
    if len(messages) > _FEW_ROWS:
        return {one.column: _message_column(one, messages) for one in kind.columns}
    # Of a few rows what no message tells is not asked for field by field: most fields are untold.
    told = {field.name for row in messages for field, _ in row.ListFields()}
    return {
        one.column: _message_column(one, messages) if one.name in told else None
        for one in kind.columns
    }


def _message_column(one: _RowField, messages: Any) -> pa.Array:
    name = one.name
    values: list[Any]
    if one.is_repeated:
        values = [SEPARATOR.join(getattr(row, name)) for row in messages]
    elif one.has_presence:
        values = [getattr(row, name) if row.HasField(name) else None for row in messages]
    else:
        values = [getattr(row, name) for row in messages]
    if one.kind == _TEXT and not any(values):
        return blanks(len(values))
    return pa.array(values, one.kind)


def _decode_arrow(kind: TableKind, ipc_stream: bytes) -> tuple[dict[str, pa.Array | None], int]:
    try:
        _check_expansion(kind, ipc_stream)
        table = pa.ipc.open_stream(ipc_stream).read_all()
        table.validate(full=True)
    except (pa.ArrowInvalid, OSError) as error:
        message = f"{kind.field}: no complete Arrow IPC stream: {error}"
        raise ArrowError(message, table=kind.field) from error
    columns: dict[str, pa.Array | None] = {}
    for name in table.schema.names:
        if name in kind.batch_class.SCHEMA.names:
            if name in columns:
                message = f"{kind.field}: column {name!r} stands twice"
                raise ArrowError(message, table=kind.field, column=name)
            column = table.column(name)
            one = column.num_chunks == 1
            columns[name] = column.chunk(0) if one else column.combine_chunks()
    return columns, table.num_rows


def _check_expansion(kind: TableKind, ipc_stream: bytes) -> None:
    """Raise `ExpansionError` where the rows would take more than any message may."""
    left = EXPANDED_BYTES_MAX
    for message in pa.ipc.MessageReader.open_stream(ipc_stream):
        left -= expanded_bytes(message)
        if left < 0:
            text = f"{kind.field}: the rows expand to more than {EXPANDED_BYTES_MAX} bytes"
            raise ExpansionError(text, table=kind.field, bytes_max=str(EXPANDED_BYTES_MAX))


def encode_table(kind: TableKind, batch: Batch, *, arrow: bool) -> Any:
    """The whole of `batch` as one `…Table` message."""
    table = kind.table_class(row_count=len(batch))
    if arrow:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.SCHEMA) as writer:
            # Written as they are, rows cut out of a table bring what stands behind them there to
            # the end of a line of 64 bytes: rows that may be another caller's.
            writer.write_batch(pa.concat_batches([batch.record_batch]))
        table.arrow.ipc_stream = sink.getvalue().to_pybytes()
        return table
    table.messages.SetInParent()
    getattr(table.messages, kind.rows_field).extend(row_messages(kind, batch))
    return table


def row_messages(kind: TableKind, batch: Batch) -> list[Any]:
    """One message per row of `batch`."""
    columns = {one.name: _field_values(one, batch) for one in kind.columns}
    # What is empty in all rows is left out: a message is made with less work.
    told = {name: values for name, values in columns.items() if values.count(None) < len(values)}
    if not told:
        return [kind.row_class() for _ in range(len(batch))]
    return [
        kind.row_class(**dict(zip(told, values, strict=True)))
        for values in zip(*told.values(), strict=True)
    ]


def _field_values(one: _RowField, batch: Batch) -> list[Any]:
    """The values of a field; None where the message has it empty without being told."""
    column = batch.column(one.column)
    if one.is_date:
        return [value or None for value in column.cast(_TEXT).to_pylist()]
    values: list[Any] = column.to_pylist()
    if one.is_repeated:
        return [value.split(SEPARATOR) if value else None for value in values]
    return values if one.has_presence else [value or None for value in values]


def encode_tables(kind: TableKind, batch: Batch, *, arrow: bool) -> Iterator[Message]:
    """`batch` as `…Table` messages of about `CHUNK_BYTES_MAX`; one without rows where empty."""
    rows = len(batch)
    row_bytes = batch.record_batch.nbytes // rows + 1 if rows else 1
    step = max(1, CHUNK_BYTES_MAX // row_bytes)
    for start in range(0, max(rows, 1), step):
        part = kind.batch_class.of_distinct(batch.record_batch.slice(start, step))
        yield encode_table(kind, part, arrow=arrow)
