"""Open items and customers between tables and a server: what the commands send and read."""

from __future__ import annotations

import io
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click
import pyarrow as pa
import pyarrow.parquet

from adapters.csv_text import csv_bytes
from engine.batches import Batch, CustomerBatch, OpenItemBatch
from engine.money import format_minor
from rpc.conversions import decode_table, encode_table
from rpc.import_tables import CUSTOMERS, OPEN_ITEMS
from rpc.limits import CHUNK_BYTES_MAX
from rpc.row_checks import RowErrors, TableChecker
from store.open_items import item_totals
from tieout.exit_codes import ExitCode
from tieout.v1 import customer_service_pb2, imports_pb2, open_item_service_pb2, rows_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rpc.conversions import TableKind
    from tieout.client import Client

__all__ = ["item_content", "print_summary", "send_customers", "send_open_items", "stored_items"]

_TABLE_BYTES: Final = CHUNK_BYTES_MAX - 4_096
"""Largest table of a message, with room for what is around it."""

_ROWS_MAX: Final = 8_192
_SHOWN: Final = 20
_MAJOR: Final = {
    "original_minor": "original_amount",
    "open_minor": "open_amount",
    "discount_minor": "discount_amount",
}
"""Amounts of a CSV file are in major units, under these names."""


def send_open_items(
    client: Client, items: OpenItemBatch, *, snapshot: bool, dry_run: bool, request_id: str
) -> imports_pb2.ImportSummary:
    """Import `items`; raises `ClientError`."""
    contract = open_item_service_pb2
    totals = [
        contract.OpenItemTotal(
            company_id=one.company_id,
            currency_code=one.currency,
            item_count=one.item_count,
            open_minor=one.open_minor,
        )
        for one in (item_totals(items) if snapshot else ())
    ]
    header = contract.ImportOpenItemsHeader(
        request_id=request_id or uuid.uuid4().hex,
        validate_only=dry_run,
        mode=_mode(snapshot=snapshot),
        totals=totals,
    )

    def stream() -> Iterator[contract.ImportOpenItemsRequest]:
        yield contract.ImportOpenItemsRequest(header=header)
        for table in _tables(OPEN_ITEMS.rows, items):
            upserts = contract.OpenItemUpserts(open_items=table)
            yield contract.ImportOpenItemsRequest(open_items=upserts)

    return client.send(stream, contract.ImportOpenItemsResponse).summary


def send_customers(
    client: Client, customers: CustomerBatch, *, snapshot: bool, dry_run: bool, request_id: str
) -> imports_pb2.ImportSummary:
    """Import `customers`; raises `ClientError`."""
    contract = customer_service_pb2
    counts = Counter(customers.strings("company_id") if snapshot else ())
    header = contract.ImportCustomersHeader(
        request_id=request_id or uuid.uuid4().hex,
        validate_only=dry_run,
        mode=_mode(snapshot=snapshot),
        totals=[
            contract.CustomerTotal(company_id=company, customer_count=count)
            for company, count in sorted(counts.items())
        ],
    )

    def stream() -> Iterator[contract.ImportCustomersRequest]:
        yield contract.ImportCustomersRequest(header=header)
        for table in _tables(CUSTOMERS.rows, customers):
            upserts = contract.CustomerUpserts(customers=table)
            yield contract.ImportCustomersRequest(customers=upserts)

    return client.send(stream, contract.ImportCustomersResponse).summary


def print_summary(summary: imports_pb2.ImportSummary, *, as_json: bool) -> ExitCode:
    """Print what an import did; gives the exit code."""
    from google.protobuf.json_format import MessageToJson

    is_refused = summary.state == imports_pb2.IMPORT_STATE_REFUSED
    if as_json:
        click.echo(
            MessageToJson(
                summary,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
        )
    elif not is_refused:
        would = "would be " * (summary.state == imports_pb2.IMPORT_STATE_VALIDATED)
        click.echo(
            f"{would}{summary.inserted_count:,} new, {summary.updated_count:,} changed, "
            f"{summary.unchanged_count:,} the same, {summary.removed_count:,} gone"
        )
        if summary.woken_case_count:
            click.echo(f"  {summary.woken_case_count:,} parked cases are open again")
        if summary.change_number:
            click.echo(f"  change {summary.change_number}")
    if not is_refused:
        return ExitCode.DONE
    for error in summary.row_errors[:_SHOWN]:
        click.echo(f"tieout: {error.message}", err=True)
    click.echo(f"tieout: {summary.row_error_count:,} errors; nothing was changed", err=True)
    return ExitCode.MALFORMED


def stored_items(client: Client, **filters: Any) -> OpenItemBatch:
    """The open items of a server, as a batch; raises `ClientError`."""
    rows = [stored.open_item for stored in client.open_items(page_size=1_000, **filters)]
    table = rows_pb2.OpenItemTable(
        row_count=len(rows), messages=rows_pb2.OpenItemRows(open_items=rows)
    )
    checker = TableChecker(OPEN_ITEMS.rows, RowErrors())
    checker.add(decode_table(OPEN_ITEMS.rows, table), len(rows))
    batch = checker.finish()
    assert isinstance(batch, OpenItemBatch)  # noqa: S101 - the kind says so
    return batch


def item_content(items: OpenItemBatch, suffix: str) -> bytes:
    """A file of `items`: Parquet where `suffix` says so, else CSV."""
    if suffix.lower() == ".parquet":
        sink = io.BytesIO()
        pyarrow.parquet.write_table(pa.table(items.record_batch), sink, compression="zstd")
        return sink.getvalue()
    names = items.SCHEMA.names
    rows = items.record_batch.to_pylist()
    for row in rows:
        row.update({name: format_minor(row[name], row["currency"]) for name in _MAJOR})
    header = [_MAJOR.get(name, name) for name in names]
    return csv_bytes(header, ([row[name] for name in names] for row in rows))


def _mode(*, snapshot: bool) -> imports_pb2.ImportMode.ValueType:
    return imports_pb2.IMPORT_MODE_SNAPSHOT if snapshot else imports_pb2.IMPORT_MODE_CHANGES


def _tables(kind: TableKind, batch: Batch) -> Iterator[Any]:
    """`batch` as Arrow tables that fit a message; the server refuses a row that is too large."""
    for start in range(0, len(batch), _ROWS_MAX):
        yield from _fitting(kind, batch.record_batch.slice(start, _ROWS_MAX))


def _fitting(kind: TableKind, rows: pa.RecordBatch) -> Iterator[Any]:
    table = encode_table(kind, kind.batch_class.of_distinct(rows), arrow=True)
    if table.ByteSize() <= _TABLE_BYTES or rows.num_rows == 1:
        yield table
        return
    half = rows.num_rows // 2
    yield from _fitting(kind, rows.slice(0, half))
    yield from _fitting(kind, rows.slice(half))
