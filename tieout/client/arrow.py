"""Arrow tables to and from messages. Needs pyarrow; imported only where tables are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tieout.v1 import (
    customer_service_pb2,
    imports_pb2,
    match_service_pb2,
    open_item_service_pb2,
    rows_pb2,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TableReader", "customer_import", "match_requests", "open_item_import"]

_CHUNK_BYTES: Final = 1024 * 1024 - 4_096
"""Arrow bytes of one message at most: what the server takes, with room for what is around."""

_ROWS: Final = 8_192
"""Rows of a chunk to begin with."""


class TableReader:
    """Puts the chunks of an answer together: messages with one part each, a table or a summary."""

    def __init__(self) -> None:
        """No chunks yet."""
        self.summary: Any = None
        self._chunks: dict[str, list[pa.Table]] = {}

    def add(self, message: Any) -> None:
        """Take one message in."""
        name = message.WhichOneof("part")
        part = getattr(message, name)
        if name == "summary":
            self.summary = part
            return
        table = pa.ipc.open_stream(part.arrow.ipc_stream).read_all()
        self._chunks.setdefault(name, []).append(table)

    def finish(self) -> dict[str, pa.Table]:
        """The tables by name, also those without rows."""
        return {
            name: pa.concat_tables(chunks, promote_options="permissive")
            for name, chunks in self._chunks.items()
        }


def match_requests(
    header: match_service_pb2.StreamMatchHeader | None, tables: Mapping[str, pa.Table | None]
) -> list[match_service_pb2.StreamMatchPaymentsRequest]:
    """A streamed match of `tables`, answered in Arrow."""
    first = match_service_pb2.StreamMatchHeader()
    if header is not None:
        first.CopyFrom(header)
    first.row_encoding = rows_pb2.ROW_ENCODING_ARROW
    request = match_service_pb2.StreamMatchPaymentsRequest
    requests = [request(header=first)]
    for name, table in tables.items():
        for rows, content in _chunks(table) if table is not None else ():
            one = request()
            part = getattr(one, name)
            part.row_count = rows
            part.arrow.ipc_stream = content
            requests.append(one)
    return requests


def open_item_import(
    table: pa.Table, *, snapshot: bool, request_id: str, validate_only: bool
) -> list[open_item_service_pb2.ImportOpenItemsRequest]:
    """An import of open items; with `snapshot` their counts and sums are declared."""
    contract = open_item_service_pb2
    header = contract.ImportOpenItemsHeader(
        request_id=request_id,
        validate_only=validate_only,
        mode=_mode(snapshot=snapshot),
        totals=_totals(table) if snapshot else (),
    )
    requests = [contract.ImportOpenItemsRequest(header=header)]
    for rows, content in _chunks(table):
        one = contract.ImportOpenItemsRequest()
        one.open_items.open_items.row_count = rows
        one.open_items.open_items.arrow.ipc_stream = content
        requests.append(one)
    return requests


def customer_import(
    table: pa.Table, *, snapshot: bool, request_id: str, validate_only: bool
) -> list[customer_service_pb2.ImportCustomersRequest]:
    """An import of customers; with `snapshot` their numbers are declared."""
    contract = customer_service_pb2
    header = contract.ImportCustomersHeader(
        request_id=request_id,
        validate_only=validate_only,
        mode=_mode(snapshot=snapshot),
        totals=_counts(table) if snapshot else (),
    )
    requests = [contract.ImportCustomersRequest(header=header)]
    for rows, content in _chunks(table):
        one = contract.ImportCustomersRequest()
        one.customers.customers.row_count = rows
        one.customers.customers.arrow.ipc_stream = content
        requests.append(one)
    return requests


def _mode(*, snapshot: bool) -> imports_pb2.ImportMode.ValueType:
    return imports_pb2.IMPORT_MODE_SNAPSHOT if snapshot else imports_pb2.IMPORT_MODE_CHANGES


def _with_company(table: pa.Table) -> pa.Table:
    if "company_id" in table.column_names:
        return table
    return table.append_column("company_id", pa.array([""] * len(table), pa.string()))


def _counts(table: pa.Table) -> list[customer_service_pb2.CustomerTotal]:
    counted = _with_company(table).group_by("company_id").aggregate([("customer_id", "count")])
    return [
        customer_service_pb2.CustomerTotal(
            company_id=row["company_id"] or "", customer_count=row["customer_id_count"]
        )
        for row in counted.to_pylist()
    ]


def _totals(table: pa.Table) -> list[open_item_service_pb2.OpenItemTotal]:
    summed = (
        _with_company(table)
        .group_by(["company_id", "currency"])
        .aggregate([("open_minor", "sum"), ("open_minor", "count")])
    )
    return [
        open_item_service_pb2.OpenItemTotal(
            company_id=row["company_id"] or "",
            currency_code=row["currency"],
            item_count=row["open_minor_count"],
            open_minor=row["open_minor_sum"],
        )
        for row in summed.to_pylist()
    ]


def _chunks(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """Rows and Arrow stream of each piece of `table` that fits a message."""
    for start in range(0, len(table), _ROWS):
        yield from _fitting(table.slice(start, _ROWS))


def _fitting(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    content = sink.getvalue()
    if content.size <= _CHUNK_BYTES or len(table) == 1:
        yield len(table), content.to_pybytes()
        return
    half = len(table) // 2
    yield from _fitting(table.slice(0, half))
    yield from _fitting(table.slice(half))
