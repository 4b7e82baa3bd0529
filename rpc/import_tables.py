"""What imports of open items and of customers have in common and where they differ, as data."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pyarrow as pa

from engine.batches import Batch
from rpc.conversions import REQUEST_TABLES, TableKind
from tieout.v1 import customer_service_pb2, open_item_service_pb2

__all__ = ["CUSTOMERS", "IMPORT_TABLES", "OPEN_ITEMS", "ImportTable"]


class _OpenItemKeyBatch(Batch):
    """Keys of open items that are gone."""

    __slots__ = ()
    SCHEMA = pa.schema(
        [
            pa.field("open_item_id", pa.string(), nullable=False),
            pa.field("company_id", pa.string(), nullable=False),
            pa.field("etag", pa.string(), nullable=False),
        ]
    )
    KEY = ("company_id", "open_item_id")


class _CustomerKeyBatch(Batch):
    """Keys of customers that are gone."""

    __slots__ = ()
    SCHEMA = pa.schema(
        [
            pa.field("customer_id", pa.string(), nullable=False),
            pa.field("company_id", pa.string(), nullable=False),
            pa.field("etag", pa.string(), nullable=False),
        ]
    )
    KEY = ("company_id", "customer_id")


class ImportTable(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of rows that ERPs bring in: its tables and its messages."""

    rows: TableKind
    keys: TableKind
    request_class: Any
    header_class: Any
    response_class: Any
    stored_class: Any
    rpc: str
    event: str
    message_field: str

    @property
    def table(self) -> Any:
        """Name of the table, which is the field of its rows."""
        return self.rows.field


def _rows_of(field: str) -> TableKind:
    return next(kind for kind in REQUEST_TABLES if kind.field == field)


OPEN_ITEMS: Final = ImportTable(
    rows=_rows_of("open_items"),
    keys=TableKind(
        "removed_open_items",
        _OpenItemKeyBatch,
        open_item_service_pb2.OpenItemKey,
        open_item_service_pb2.OpenItemKeyTable,
    ),
    request_class=open_item_service_pb2.ImportOpenItemsRequest,
    header_class=open_item_service_pb2.ImportOpenItemsHeader,
    response_class=open_item_service_pb2.ImportOpenItemsResponse,
    stored_class=open_item_service_pb2.StoredOpenItem,
    rpc="OpenItemService/ImportOpenItems",
    event="open_items.changed",
    message_field="open_item",
)

CUSTOMERS: Final = ImportTable(
    rows=_rows_of("customers"),
    keys=TableKind(
        "removed_customers",
        _CustomerKeyBatch,
        customer_service_pb2.CustomerKey,
        customer_service_pb2.CustomerKeyTable,
    ),
    request_class=customer_service_pb2.ImportCustomersRequest,
    header_class=customer_service_pb2.ImportCustomersHeader,
    response_class=customer_service_pb2.ImportCustomersResponse,
    stored_class=customer_service_pb2.StoredCustomer,
    rpc="CustomerService/ImportCustomers",
    event="customers.changed",
    message_field="customer",
)

IMPORT_TABLES: Final = {one.table: one for one in (OPEN_ITEMS, CUSTOMERS)}
"""Both, by name."""
