"""Requests and files the service tests send."""

from __future__ import annotations

import pyarrow as pa

from engine.batches import OpenItemBatch, PaymentBatch
from rpc.conversions import REQUEST_TABLES, encode_table
from tieout.v1 import match_service_pb2 as contract
from tieout.v1 import rows_pb2

__all__ = ["KINDS", "OPEN_ITEMS_CSV", "bai2_file", "items", "match_request", "payments", "table"]

KINDS = {kind.field: kind for kind in REQUEST_TABLES}

OPEN_ITEMS_CSV = """\
open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date,due_date
I-1,K,C-1,INV-20431,USD,100.00,2026-03-01,2026-03-31
I-2,K,C-1,INV-20544,USD,250.50,2026-03-02,2026-04-01
I-3,K,C-2,INV-30777,USD,75.25,2026-03-03,2026-04-02
"""


def items(**changes):
    """Three open items; `changes` replace whole columns."""
    columns = {
        "open_item_id": ["I-1", "I-2", "I-3"],
        "company_id": ["K", "K", "K"],
        "customer_id": ["C-1", "C-1", "C-2"],
        "document_number": ["INV-20431", "INV-20544", "INV-30777"],
        "document_type": ["invoice"] * 3,
        "currency": ["USD"] * 3,
        "original_minor": [10_000, 25_050, 7_525],
        "open_minor": [10_000, 25_050, 7_525],
        "document_date": pa.array([20_513, 20_514, 20_515], pa.date32()),
        "status": ["open"] * 3,
    }
    return OpenItemBatch.from_columns(columns | changes)


def payments(**changes):
    """Two payments: one names its invoice, one names nothing known."""
    columns = {
        "payment_id": ["P-1", "P-2"],
        "company_id": ["K", "K"],
        "amount_minor": [10_000, 33_300],
        "currency": ["USD", "USD"],
        "booking_date": pa.array([20_543, 20_543], pa.date32()),
        "value_date": pa.array([20_543, 20_543], pa.date32()),
        "remittance_text": ["INV-20431", "thank you"],
    }
    return PaymentBatch.from_columns(columns | changes)


def table(field, batch, *, arrow):
    """`batch` as a table message of a request."""
    return encode_table(KINDS[field], batch, arrow=arrow)


def match_request(*, arrow=False, answer_arrow=False, **fields):
    """A whole request in one encoding; `fields` replace its fields."""
    encoding = rows_pb2.ROW_ENCODING_ARROW if answer_arrow else rows_pb2.ROW_ENCODING_MESSAGES
    given = {
        "request_id": "R-1",
        "row_encoding": encoding,
        "payments": table("payments", payments(), arrow=arrow),
        "open_items": table("open_items", items(), arrow=arrow),
    }
    return contract.MatchPaymentsRequest(**(given | fields))


def bai2_file(*rows, account="ACC1"):
    """A BAI2 file of USD lockbox credits, each `(amount_minor, text)`; its totals foot."""
    total = sum(amount for amount, _ in rows)
    details = [
        f"16,165,{amount},0,BR{number},CR{number},{text}/"
        for number, (amount, text) in enumerate(rows)
    ]
    lines = [
        "01,BANK,US,260331,0800,1,,,2/",
        "02,US,BANK,1,260331,,USD,2/",
        f"03,{account},USD,010,0,,/",
        *details,
        f"49,{total},{len(rows) + 2}/",
        f"98,{total},1,{len(rows) + 4}/",
        f"99,{total},1,{len(rows) + 6}/",
    ]
    return ("\n".join(lines) + "\n").encode()
