"""Imports of open items and customers as the tests send them."""

from __future__ import annotations

from engine.batches import CustomerBatch, OpenItemBatch
from rpc.conversions import encode_table
from rpc.import_tables import CUSTOMERS, OPEN_ITEMS
from tests.server.requests import table
from tieout.v1 import customer_service_pb2, imports_pb2, open_item_service_pb2

__all__ = [
    "CHANGES",
    "SNAPSHOT",
    "customer_parts",
    "item_parts",
    "named_customers",
    "one_item",
    "removed_items",
    "total",
]

CHANGES = imports_pb2.IMPORT_MODE_CHANGES
SNAPSHOT = imports_pb2.IMPORT_MODE_SNAPSHOT
_ITEMS = open_item_service_pb2.ImportOpenItemsRequest
_CUSTOMERS = customer_service_pb2.ImportCustomersRequest


def item_parts(*batches, arrow=False, etags=(), removed=None, **header):
    """The stream of one import of `batches`."""
    yield _ITEMS(header=open_item_service_pb2.ImportOpenItemsHeader(**header))
    for batch in batches:
        rows = table("open_items", batch, arrow=arrow)
        yield _ITEMS(open_items=open_item_service_pb2.OpenItemUpserts(open_items=rows, etags=etags))
    if removed is not None:
        yield _ITEMS(removed_open_items=removed)


def removed_items(*keys, arrow=False):
    """Keys `(open_item_id, company_id, etag)` as a table."""
    names = OPEN_ITEMS.keys.batch_class.SCHEMA.names
    columns = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    batch = OPEN_ITEMS.keys.batch_class.from_columns(columns)
    return encode_table(OPEN_ITEMS.keys, batch, arrow=arrow)


def total(company_id, currency_code, item_count, open_minor):
    """What a snapshot declares."""
    return open_item_service_pb2.OpenItemTotal(
        company_id=company_id,
        currency_code=currency_code,
        item_count=item_count,
        open_minor=open_minor,
    )


def named_customers(*identities, company="K", prefix="Customer"):
    """Customers with a name each."""
    return CustomerBatch.from_columns(
        {
            "customer_id": list(identities),
            "company_id": [company] * len(identities),
            "name": [f"{prefix} {one}" for one in identities],
            "status": ["active"] * len(identities),
        }
    )


def customer_parts(batch, *, arrow=False, removed=(), **header):
    """The stream of one import of customers."""
    yield _CUSTOMERS(header=customer_service_pb2.ImportCustomersHeader(**header))
    rows = encode_table(CUSTOMERS.rows, batch, arrow=arrow)
    yield _CUSTOMERS(customers=customer_service_pb2.CustomerUpserts(customers=rows))
    if removed:
        keys = [
            customer_service_pb2.CustomerKey(company_id=company, customer_id=identity)
            for company, identity in removed
        ]
        yield _CUSTOMERS(
            removed_customers=customer_service_pb2.CustomerKeyTable(
                row_count=len(keys),
                messages=customer_service_pb2.CustomerKeyRows(customer_keys=keys),
            )
        )


def one_item(identity, minor, company="K", customer="C-1"):
    """One open item."""
    return OpenItemBatch.from_columns(
        {
            "open_item_id": [identity],
            "company_id": [company],
            "customer_id": [customer],
            "document_number": [f"INV-{identity}"],
            "document_type": ["invoice"],
            "currency": ["USD"],
            "original_minor": [minor],
            "open_minor": [minor],
            "status": ["open"],
        }
    )
